"""Opening records: any version, any place, any failure told so that a person can act on it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory

import nines.store
from nines.errors import ConflictError, DependencyError, InputError, OverloadedError
from nines.journal.facts import Head, chained, payload_hash
from nines.store.engine import bring_up_to_date, reach
from nines.store.schema import VERSION, metadata
from nines.store.store import Store
from store.chained import NOW, note, problems, told_texts


@pytest.fixture
def file(tmp_path):
    return tmp_path / "records.sqlite"


def old_records(file):
    """Records as the first version left them: two facts of one tenant, and a session of nobody."""
    config = Config()
    config.set_main_option("script_location", str(Path(nines.store.__file__).parent / "migrations"))
    engine = reach(file)
    with engine.execution_options(writing=True).begin() as connection:
        from alembic import command

        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        head = Head()
        for text in ("first", "second"):
            said = '{"text":"' + text + '"}'
            fact = chained(
                head, tenant="bolt", at=NOW, author="ann", kind="annotation.added", subject="s",
                payload=payload_hash("salt", {"text": text}),
            )  # fmt: skip
            head = Head(fact.number, fact.hash)
            values = {c.name: getattr(fact, c.name) for c in metadata.tables["facts"].columns}
            connection.execute(metadata.tables["facts"].insert().values(**values))
            row = {"tenant": "bolt", "number": fact.number, "salt": "salt", "body": said}
            connection.execute(metadata.tables["payloads"].insert().values(**row))
        gone = {"hash": "h", "tenant": "bolt", "name": "nobody", "created_at": NOW, "seen_at": NOW}
        connection.execute(metadata.tables["sessions"].insert().values(**gone))
    engine.dispose()


def test_the_version_the_program_knows_is_the_last_migration():
    folder = Path(nines.store.__file__).parent / "migrations"
    assert ScriptDirectory(str(folder)).get_current_head() == VERSION


def test_records_of_the_first_version_are_brought_up_to_date_with_all_they_hold(file):
    old_records(file)
    store = Store.open(file, now=NOW)
    assert store.verify("bolt") == (2, [])
    assert told_texts(store, tenant="bolt") == ["first", "second"]
    note(store, "third", tenant="bolt")
    assert store.verify("bolt") == (3, [])
    with store._engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM sessions")).scalar() == 0
    store.close()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DELETE FROM facts WHERE number = 3")
    assert problems(Store.open(file, now=NOW), tenant="bolt") == {3: ["journal-gap"]}


def test_migrations_go_back_as_well(file):
    store = Store.open(file, now=NOW)
    note(store, "first")
    with store._engine.execution_options(writing=True).begin() as connection:
        from alembic import command

        config = Config()
        config.set_main_option("script_location", str(Path(nines.store.__file__).parent / "migrations"))
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
        assert "head" not in [c["name"] for c in sa.inspect(connection).get_columns("tenants")]
        bring_up_to_date(connection)
    assert store.verify("default") == (1, [])


def test_records_of_a_newer_version_are_refused_and_left_as_they_are(file):
    Store.open(file, now=NOW).close()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DependencyError, match="newer version"):
        Store.open(file, now=NOW)


def test_a_path_may_hold_any_character_and_its_file_is_for_its_owner_alone(tmp_path):
    file = tmp_path / "we?ird #1 %.sqlite"
    note(Store.open(file, now=NOW), "first")
    assert file.stat().st_mode & 0o077 == 0


def test_a_file_that_is_no_database_is_told(file):
    file.write_bytes(b"this is no database" * 100)
    with pytest.raises(DependencyError, match="not a database"):
        Store.open(file, now=NOW)


@pytest.mark.parametrize("address", ["what is this", "mysql://here/records", ""])
def test_an_address_that_names_no_database_of_ours_is_wrong_input(address):
    with pytest.raises(InputError) as told:
        Store.open(address, now=NOW)
    assert told.value.problems[0].code == "store"


def test_a_server_that_is_not_there_is_told_without_the_password():
    pytest.importorskip("psycopg")
    with pytest.raises(DependencyError) as told:
        Store.open("postgresql://ann:wonderland@127.0.0.1:1/records?connect_timeout=5", now=NOW)
    assert "wonderland" not in str(told.value)


def write_much(store):
    with store.deed("default", "ann", NOW) as deed:
        for number in range(20):
            deed.tell("annotation.added", "checkout", {"text": f"{number}" * 20_000})


def test_a_full_disk_refuses_the_deed_whole_and_later_ones_pass(file):
    store = Store.open(file, now=NOW)
    limit = 100
    sa.event.listen(store._engine, "connect", lambda c, _: c.execute(f"PRAGMA max_page_count = {limit}"))
    store.close()
    with pytest.raises(OverloadedError, match="full"):
        write_much(store)
    assert store.verify("default") == (0, [])
    limit = 10_000
    store.close()
    note(store, "first")
    assert store.verify("default") == (1, [])


def test_a_locked_or_read_only_database_may_pass_and_is_told_as_that(file):
    store = Store.open(file, now=NOW)
    sa.event.listen(store._engine, "connect", lambda c, _: c.execute("PRAGMA busy_timeout = 10"))
    store.close()
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OverloadedError, match="locked"):
            note(store, "first")
        other.execute("ROLLBACK")
    note(store, "first")
    reading = Store(reach(f"sqlite:///file:{file}?mode=ro&uri=true"))
    assert reading.verify("default") == (1, [])
    with pytest.raises(OverloadedError, match="readonly"):
        note(reading, "second")


def test_what_went_wrong_never_shows_what_was_being_written(store):
    statement = sa.text("INSERT INTO links (hash, tenant, expires_at) VALUES (:hash, 'nobody', 0)")
    with pytest.raises(ConflictError) as told, store._engine.begin() as connection:
        connection.execute(statement, {"hash": "wonderland"})
    assert "wonderland" not in f"{told.value} {told.value.__cause__} {told.value.__context__}"
