"""The records: their tables, their journal, their people; on SQLite, and on PostgreSQL where there is one."""

import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from nines.errors import ConflictError, DependencyError
from nines.journal.facts import GENESIS, fact_hash
from nines.store.accounts import LINK_LENGTH, LOCKED_FOR, MOST_FAILURES, SESSION_IDLE, SESSION_LENGTH, Person, Token
from nines.store.revisions import Revision
from nines.store.schema import metadata
from nines.store.store import Store
from store.chained import NOW, TEXTS, change, note, problems, told_texts

ANN = Person("default", "ann", "engineer")
PASSWORD = "correct horse battery"


@pytest.fixture
def four(store):
    for place, text in enumerate(TEXTS):
        note(store, text, now=NOW + timedelta(seconds=place))
    return store


def contents(store):
    """Return every value of every table as one text."""
    with store._engine.connect() as connection:
        return "\n".join(
            str(tuple(row)) for table in metadata.sorted_tables for row in connection.execute(table.select())
        )


def revision(number=1, name="checkout", **more):
    values = {
        "kind": "SLO", "name": name, "number": number, "effective_from": NOW, "recorded_at": NOW, "author": "ann",
        "digest": "d" * 64, "document": f"text {number}",
    }  # fmt: skip
    return Revision(**values | more)


def add(store, person=ANN, password=PASSWORD):
    with store.deed(person.tenant, "ann", NOW) as deed:
        store.accounts.add(deed.connection, person, password, NOW)


def make_token(store, *, tenant="default", name="ci", days=30, scopes=("ingest", "see")):
    token = Token(tenant, name, "", scopes, "ann", NOW, NOW + timedelta(days=days), None)
    with store.deed(tenant, "ann", NOW) as deed:
        return store.accounts.make_token(deed.connection, token)


# --- tables


def test_migrations_from_an_empty_database_make_the_tables_that_the_program_knows(store):
    with store._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_opening_again_changes_nothing(four, url):
    before = contents(four)
    Store.open(url, now=NOW + timedelta(days=1)).close()
    assert contents(four) == before


def test_several_openings_at_once_make_one_database(tmp_path):
    url = f"sqlite:///{tmp_path / 'records.sqlite'}"
    with ThreadPoolExecutor(4) as pool:
        for opened in list(pool.map(lambda _: Store.open(url, now=NOW), range(4))):
            opened.close()


def test_a_place_that_is_not_there_is_told_as_a_problem(tmp_path):
    with pytest.raises(DependencyError) as told:
        Store.open(f"sqlite:///{tmp_path / 'none' / 'records.sqlite'}", now=NOW)
    assert told.value.problems[0].code == "store"


def test_every_table_but_the_list_of_tenants_names_the_tenant_of_each_row():
    assert [t.name for t in metadata.sorted_tables if "tenant" not in t.columns] == ["tenants"]


# --- journal


def test_facts_are_numbered_and_chained_from_the_beginning_and_verify(four):
    facts = four.journal("default")[::-1]
    assert [f.number for f in facts] == [1, 2, 3, 4]
    assert [f.previous for f in facts] == [GENESIS, *(f.hash for f in facts[:3])]
    assert told_texts(four) == list(TEXTS)
    assert four.verify("default") == (4, [])


def test_the_journal_of_each_tenant_is_its_own(four):
    note(four, "theirs", tenant="bolt")
    assert [f.number for f in four.journal("bolt")] == [1]
    assert told_texts(four, tenant="bolt") == ["theirs"]
    assert told_texts(four) == list(TEXTS)
    change(four, "UPDATE facts SET author = 'eve' WHERE tenant = 'bolt'")
    assert problems(four) == {}
    assert problems(four, tenant="bolt") == {1: ["journal-changed"]}


@pytest.mark.parametrize("column", ["author", "subject", "kind", "payload_hash"])
def test_verification_names_a_row_that_was_changed(four, column):
    change(four, f"UPDATE facts SET {column} = 'other' WHERE number = 2")
    assert "journal-changed" in problems(four)[2]
    assert problems(four).keys() == {2}


def test_verification_names_a_row_whose_time_was_changed_by_a_microsecond(four):
    change(four, "UPDATE facts SET at = at + 1 WHERE number = 2")
    assert problems(four) == {2: ["journal-changed"]}


def test_verification_names_the_fact_after_one_that_was_changed_and_hashed_anew(four):
    old = four.journal("default")[2]
    assert old.number == 2
    own = fact_hash(
        number=2, tenant="default", at=old.at, author="eve", kind=old.kind, subject=old.subject,
        payload=old.payload_hash, previous=old.previous,
    )  # fmt: skip
    change(four, f"UPDATE facts SET author = 'eve', hash = '{own}' WHERE number = 2")
    assert problems(four) == {3: ["journal-broken"]}


def test_verification_names_where_a_row_was_removed(four):
    change(four, "DELETE FROM facts WHERE number = 2")
    assert problems(four)[3] == ["journal-gap"]


def test_verification_names_the_last_row_when_it_was_removed(four):
    change(four, "DELETE FROM facts WHERE number = 4")
    assert "journal-gap" in problems(four)[4]
    change(four, "DELETE FROM payloads WHERE number = 4")
    assert problems(four) == {4: ["journal-gap"]}


def test_verification_names_where_a_row_was_inserted(four):
    moved = [
        f"UPDATE {t} SET number = number {by} WHERE number > 2" for by in ("+ 10", "- 9") for t in ("facts", "payloads")
    ]
    columns, kept = (
        "(tenant, number, at, author, kind, subject, payload_hash, previous, hash)",
        "at, author, kind, subject",
    )
    copied = (
        f"INSERT INTO facts {columns} SELECT tenant, 3, {kept}, payload_hash, hash, 'x' FROM facts WHERE number = 2"
    )
    change(four, *moved, copied)
    found = problems(four)
    assert sorted(found[3]) == ["journal-changed", "payload-missing"]
    assert {3, 4, 5} <= found.keys()


def test_verification_names_a_row_added_at_the_end_even_when_it_is_hashed_as_it_should_be(four):
    last = four.journal("default")[0]
    own = fact_hash(
        number=5,
        tenant="default",
        at=last.at,
        author="eve",
        kind=last.kind,
        subject="s",
        payload="p",
        previous=last.hash,
    )
    columns = "(tenant, number, at, author, kind, subject, payload_hash, previous, hash)"
    forged = f"SELECT tenant, 5, at, 'eve', kind, 's', 'p', hash, '{own}' FROM facts WHERE number = 4"
    change(four, f"INSERT INTO facts {columns} {forged}")
    assert problems(four) == {5: ["payload-missing", "journal-inserted"]}


def test_verification_names_a_payload_that_was_changed(four):
    change(four, 'UPDATE payloads SET body = \'{"text":"rewritten"}\' WHERE number = 3')
    assert problems(four) == {3: ["payload-changed"]}
    change(four, "UPDATE payloads SET body = 'no JSON' WHERE number = 3")
    assert problems(four) == {3: ["payload-changed"]}


def test_verification_names_a_payload_that_was_removed_without_a_rule(four):
    change(four, "DELETE FROM payloads WHERE number = 1", "UPDATE payloads SET body = NULL WHERE number = 3")
    assert problems(four) == {1: ["payload-missing"], 3: ["payload-missing"]}


def test_a_payload_deleted_under_a_rule_is_gone_and_the_chain_still_verifies(four):
    with four.deed("default", "ann", NOW) as deed:
        four.delete_payload(deed, 2, "personal data")
    assert four.verify("default") == (5, [])
    assert told_texts(four) == ["first", "third", "fourth"]
    assert "second" not in contents(four)


def test_a_rule_that_no_fact_tells_of_is_no_rule(four):
    change(four, "UPDATE payloads SET body = NULL, deleted_under = 'made up' WHERE number = 2")
    assert problems(four) == {2: ["payload-missing"]}


def test_a_deed_that_fails_leaves_nothing(four):
    def fail():
        with four.deed("default", "ann", NOW) as deed:
            four.revisions.put(deed.connection, "default", revision())
            deed.tell("definition.applied", "objective checkout", {})
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert four.revisions.history("default") == []
    assert four.verify("default") == (4, [])


def test_deeds_from_several_threads_never_fork_the_chain_and_a_refused_one_can_be_repeated(store, url):
    def work(number):
        own = Store.open(url, now=NOW)
        done = 0
        while done < 15:
            try:
                note(own, f"{number}-{done}")
            except ConflictError:
                continue
            done += 1
        own.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, range(2)))
    assert store.verify("default") == (30, [])
    assert sorted(told_texts(store)) == sorted(f"{n}-{d}" for n in range(2) for d in range(15))
    assert [f.number for f in store.journal("default")] == list(range(30, 0, -1))


def test_what_was_told_until_an_instant_leaves_later_facts_out(four):
    assert [p["text"] for _, p in four.told("default", until=NOW + timedelta(seconds=1))] == ["first", "second"]


# --- revisions


def test_revisions_come_back_in_order_as_they_were_known_and_for_their_tenant_only(store):
    later = NOW + timedelta(hours=1)
    with store.deed("bolt", "ben", NOW) as deed:
        store.revisions.put(deed.connection, "bolt", revision(name="theirs"))
    with store.deed("default", "ann", NOW) as deed:
        store.revisions.put(deed.connection, "default", revision())
        store.revisions.put(deed.connection, "default", revision(2, recorded_at=later, document=None))
    assert [(r.number, r.document) for r in store.revisions.history("default")] == [(1, "text 1"), (2, None)]
    assert [r.number for r in store.revisions.history("default", known_at=NOW)] == [1]
    assert [r.name for r in store.revisions.history("bolt")] == ["theirs"]
    assert store.revisions.tenants() == ["bolt", "default"]
    assert store.mark("default") != store.mark("bolt") != (0, 0)
    assert store.mark("none") == (0, 0)


def test_a_revision_is_never_overwritten(store):
    with store.deed("default", "ann", NOW) as deed:
        store.revisions.put(deed.connection, "default", revision())
    with pytest.raises(ConflictError), store.deed("default", "bob", NOW) as deed:
        store.revisions.put(deed.connection, "default", revision(document="other"))
    assert [r.document for r in store.revisions.history("default")] == ["text 1"]


# --- people


def test_passwords_and_secrets_are_nowhere_in_the_records(store):
    link = store.accounts.make_link("default", NOW)
    add(store)
    secrets = [PASSWORD, link, store.accounts.begin_session(ANN, NOW), make_token(store)]
    held = contents(store)
    assert "$argon2id$" in held
    assert not [s for s in secrets if s in held]
    if store._engine.dialect.name == "sqlite":
        folder = Path(store._engine.url.database).parent
        files = b"".join(f.read_bytes() for f in folder.iterdir())
        assert b"$argon2id$" in files
        assert not [s for s in secrets if s.encode() in files]


def test_the_right_password_fits_and_others_and_unknown_names_do_not(store):
    assert not store.accounts.anybody()
    add(store)
    assert store.accounts.anybody()
    assert store.accounts.check("ann", PASSWORD, NOW) == ANN
    assert store.accounts.check("ann", PASSWORD + " ", NOW) is None
    assert store.accounts.check("bob", PASSWORD, NOW) is None


def test_five_wrong_passwords_in_a_row_lock_even_the_right_one_out_for_a_while(store):
    add(store)
    for _ in range(MOST_FAILURES - 1):
        assert store.accounts.check("ann", "wrong", NOW) is None
    assert store.accounts.check("ann", PASSWORD, NOW) == ANN  # a right one begins the count anew
    for _ in range(MOST_FAILURES):
        assert store.accounts.check("ann", "wrong", NOW) is None
    assert store.accounts.check("ann", PASSWORD, NOW) is None
    assert store.accounts.check("ann", PASSWORD, NOW + LOCKED_FOR - timedelta(seconds=1)) is None
    assert store.accounts.check("ann", PASSWORD, NOW + LOCKED_FOR) == ANN


def test_a_session_ends_when_it_was_not_used_for_long(store):
    add(store)
    secret = store.accounts.begin_session(ANN, NOW)
    assert store.accounts.session(secret, NOW + SESSION_IDLE) == ANN
    assert store.accounts.session(secret, NOW + SESSION_IDLE * 2) == ANN
    assert store.accounts.session(secret, NOW + SESSION_IDLE * 3 + timedelta(seconds=1)) is None


def test_a_session_ends_after_its_length_however_often_it_is_used(store):
    add(store)
    secret = store.accounts.begin_session(ANN, NOW)
    for day in range(SESSION_LENGTH.days + 1):
        assert store.accounts.session(secret, NOW + timedelta(days=day)) == ANN
    assert store.accounts.session(secret, NOW + SESSION_LENGTH + timedelta(seconds=1)) is None


def test_a_session_that_was_ended_is_over_and_a_made_up_one_never_was(store):
    add(store)
    secret, other = (store.accounts.begin_session(ANN, NOW) for _ in range(2))
    store.accounts.end_session(secret)
    assert store.accounts.session(secret, NOW) is None
    assert store.accounts.session("made up", NOW) is None
    assert store.accounts.session(other, NOW) == ANN


def test_a_token_holds_until_it_expires(store):
    secret = make_token(store, days=30)
    assert secret.startswith("nines_")
    found = store.accounts.token(secret, NOW + timedelta(days=29))
    assert (found.tenant, found.name, found.scopes) == ("default", "ci", ("ingest", "see"))
    assert secret.startswith(found.prefix)
    assert len(found.prefix) < 16
    assert store.accounts.token(secret, NOW + timedelta(days=30)) is None
    assert store.accounts.token(secret + "x", NOW) is None


def test_a_token_holds_until_it_is_revoked_by_its_own_tenant(store):
    secret = make_token(store)
    with store.deed("bolt", "eve", NOW) as deed:
        assert not store.accounts.revoke(deed.connection, "bolt", "ci", NOW)
    assert store.accounts.token(secret, NOW) is not None
    with store.deed("default", "ann", NOW) as deed:
        assert store.accounts.revoke(deed.connection, "default", "ci", NOW)
        assert not store.accounts.revoke(deed.connection, "default", "ci", NOW)
    assert store.accounts.token(secret, NOW) is None
    assert [t.revoked_at for t in store.accounts.tokens("default")] == [NOW]
    assert store.accounts.tokens("bolt") == []


def test_a_link_is_used_once(store):
    secret = store.accounts.make_link("default", NOW)

    def use(secret, now=NOW):
        with store.deed("default", "ann", now) as deed:
            return store.accounts.use_link(deed.connection, secret, now)

    assert use("made up") is None
    assert use(secret) == "default"
    assert use(secret) is None
    late = store.accounts.make_link("default", NOW)
    assert use(late, NOW + LINK_LENGTH) is None
    old, new = (store.accounts.make_link("default", NOW) for _ in range(2))
    assert (use(old), use(new)) == (None, "default")


def test_a_link_used_by_two_at_once_serves_one(store):
    secret = store.accounts.make_link("default", NOW)

    def use(_):
        with store.deed("default", "ann", NOW) as deed:
            return store.accounts.use_link(deed.connection, secret, NOW)

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(use, range(4)), key=str) == [None, None, None, "default"]


def test_somebody_of_the_same_name_with_another_tenant_is_somebody_else(store):
    with store.deed("bolt", "ben", NOW):
        pass
    other, theirs = Person("bolt", "ann", "viewer"), "another long password"
    add(store)
    add(store, other, theirs)
    assert store.accounts.check("ann", PASSWORD, NOW) == ANN
    assert store.accounts.check("ann", theirs, NOW) == other
    assert store.accounts.session(store.accounts.begin_session(other, NOW), NOW) == other
    assert make_token(store, name="same") != make_token(store, tenant="bolt", name="same")
    assert [t.tenant for t in store.accounts.tokens("bolt")] == ["bolt"]


def test_tries_side_by_side_are_all_counted(store):
    add(store)
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: store.accounts.check("ann", "wrong", NOW), range(MOST_FAILURES))) == {None}
    assert store.accounts.check("ann", PASSWORD, NOW) is None


# --- kills


@pytest.mark.slow
def test_a_killed_process_keeps_every_acknowledged_fact_and_a_chain_that_verifies(url):
    chance, first = random.Random(20260302), 0
    for _ in range(10):
        command = [sys.executable, str(Path(__file__).with_name("chained.py")), url, str(first)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            wanted = chance.randint(1, 40)
            known = [int(child.stdout.readline()) for _ in range(wanted)]
            child.kill()
            known += [int(line) for line in child.stdout if line.endswith("\n")]
        assert child.returncode == -9
        store = Store.open(url, now=NOW)
        texts = [int(t) for t in told_texts(store)]
        assert texts in (list(range(known[-1] + 1)), list(range(known[-1] + 2)))  # the last may not have been answered
        assert store.verify("default") == (len(texts), [])
        first = len(texts)
        store.close()
