"""A query over a database: read only, bounded, in the order of time, with secrets that stay secret."""

import socket
import sqlite3
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from nines.errors import DependencyError, InputError
from nines.sources.sql import read_sql
from nines.telemetry.datasource import DataSource

pytest_plugins = ["store.conftest"]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
QUERY = "SELECT id, ts AS time, status AS http_status FROM hits WHERE ts >= :since AND ts < :until"


def source(url, query=QUERY, columns=(), **options):
    options = {"url": url, "query": query, **options}
    return DataSource(name="shop", type="sql", columns=tuple(columns), options=tuple(options.items()))


def read(found, since=NOON - timedelta(days=1), until=NOON + timedelta(days=1), secrets=None, **more):
    return list(read_sql(found, since=since, until=until, secrets=secrets or {}, **more))


def rows(parts):
    return [(r["id"], r["time"].isoformat(), r["http_status"]) for part in parts for r in part.table.to_pylist()]


@pytest.fixture
def shop(url):
    """A database with three hits, out of order."""
    import sqlalchemy as sa

    engine = sa.create_engine(url, poolclass=sa.NullPool)
    kind = "TEXT" if url.startswith("sqlite") else "TIMESTAMPTZ"
    with engine.begin() as con:
        con.exec_driver_sql(f"CREATE TABLE hits (id TEXT, ts {kind}, status INTEGER)")
        for i, minute in enumerate((3, 1, 2)):
            con.exec_driver_sql(f"INSERT INTO hits VALUES ('h{i}', '2026-03-01 12:0{minute}:00', {500 if i else 200})")
    engine.dispose()
    return url


def zone(url):
    return {"timezone": "UTC"} if url.startswith("sqlite") else {}


def test_rows_come_in_the_order_of_time_and_once_per_stretch(shop):
    found = rows(read(source(shop, **zone(shop)), since=NOON, until=NOON + timedelta(minutes=5)))
    assert found == [
        ("h1", "2026-03-01T12:01:00+00:00", 500),
        ("h2", "2026-03-01T12:02:00+00:00", 500),
        ("h0", "2026-03-01T12:03:00+00:00", 200),
    ]


def test_a_row_on_the_edge_of_two_stretches_is_read_whatever_the_comparison(shop):
    query = QUERY.replace(">=", ">")  # both ends open: what lies on an edge would be lost
    found = rows(
        read(
            source(shop, query, **zone(shop)),
            since=NOON - timedelta(hours=5),
            until=NOON + timedelta(minutes=4),
            most_rows=1,
        )
    )
    assert {r[0] for r in found} == {"h0", "h1", "h2"}


def test_more_rows_in_one_second_than_may_be_are_refused(shop):
    query = "SELECT hits.id, hits.ts AS time FROM hits, hits AS other WHERE hits.ts >= :since AND hits.ts < :until"
    with pytest.raises(InputError, match="one second holds more than 2 rows"):
        read(source(shop, query, **zone(shop)), since=NOON, until=NOON + timedelta(minutes=5), most_rows=2)


def test_parameters_are_bound_and_a_query_without_them_is_refused(shop):
    for query in ("SELECT 1", "SELECT * FROM hits WHERE ts > :since", QUERY + " AND id = :other"):
        with pytest.raises(InputError, match=r"parameters of no meaning: :other|lacks :since or :until"):
            read(source(shop, query))


def test_a_query_that_writes_is_refused_and_nothing_is_written(shop):
    query = "UPDATE hits SET status = 0 WHERE ts >= :since AND ts < :until"
    returning = query + " RETURNING id, ts AS time"
    for one in (query, returning):
        with pytest.raises(InputError, match=r"syntax error at or near|read-only|readonly|returns no rows"):
            read(source(shop, one, **zone(shop)))
    assert {r[2] for r in rows(read(source(shop, **zone(shop))))} == {200, 500}


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (QUERY.replace("FROM hits", "FROM hitz"), "hitz"),
        (QUERY.replace("status AS", "statuz AS"), "statuz"),
        (QUERY.replace("SELECT", "SELEC"), "SELEC"),
    ],
)
def test_a_query_that_the_database_refuses_is_told_in_its_own_words(shop, query, told):
    with pytest.raises(InputError, match=told) as refused:
        read(source(shop, query, **zone(shop)))
    assert refused.value.problems[0].where == "shop.query"


def test_a_mapped_column_that_is_not_there_is_told_though_no_row_came(shop):
    found = source(shop, columns=[("duration_ms", "took")], **zone(shop))
    with pytest.raises(InputError, match="there is no column 'took'"):
        read(found, since=NOON + timedelta(hours=1))


def test_a_query_without_an_id_is_refused(shop):
    with pytest.raises(InputError, match="rows read again would count twice"):
        read(source(shop, QUERY.replace("id, ", ""), **zone(shop)))


def test_rows_of_which_none_fits_are_refused_with_the_first_reasons(shop):
    with pytest.raises(InputError, match="http_status is 'h1', which is no integer"):
        read(source(shop, columns=[("http_status", "id")], **zone(shop)))


def test_an_expression_maps_columns_and_the_rest_are_attributes(shop):
    query = "SELECT id, ts AS time, status, 'x' AS shop FROM hits WHERE ts >= :since AND ts < :until"
    (part,) = [p for p in read(source(shop, query, [("duration_ms", "status * 2")], **zone(shop))) if p.table.num_rows]
    first = part.table.to_pylist()[0]
    assert (first["duration_ms"], dict(first["attributes"])["shop"]) == (1000.0, "x")


def test_values_of_every_kind_travel_as_text(shop):
    url = shop
    if url.startswith("sqlite"):
        query = "SELECT 1 AS id, '2026-03-01 12:00:00' AS time, 1.5 AS n, x'ff' AS b WHERE :since < :until"
        expected = {"n": "1.5", "b": "ff"}
    else:
        query = (
            "SELECT 1 AS id, timestamptz '2026-03-01 13:00:00+01' AS time, 1.50::numeric AS n, true AS t, ARRAY[1, 2] AS l, "
            "interval '90 s' AS i, date '2026-03-01' AS d, NULL::text AS z, %s WHERE :since < :until"
        )
        expected = {"n": "1.50", "t": "true", "l": "[1, 2]", "i": "90.0", "d": "2026-03-01", "z": None}
        nested = query % """'{"a": {"b": 7}}'::jsonb AS j"""
        (part,) = read(source(url, nested), since=NOON, until=NOON + timedelta(hours=1))
        assert dict(part.table.to_pylist()[0]["attributes"])["j.a.b"] == "7"
        query = query % "'x' AS s"
        expected["s"] = "x"
    (part,) = read(source(url, query, **zone(url)), since=NOON, until=NOON + timedelta(hours=1))
    (row,) = part.table.to_pylist()
    assert (row["time"], dict(row["attributes"])) == (NOON, expected)


def test_a_slow_query_ends_at_its_time_out(shop):
    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS id, :since AS time FROM n WHERE i < 0 AND i < :until"
    if not shop.startswith("sqlite"):
        slow = "SELECT 'a' AS id, now() AS time FROM pg_sleep(60) WHERE now() > :since OR now() < :until"
    began = time.monotonic()
    with pytest.raises(DependencyError, match="did not answer within 1 s"):
        read(source(shop, slow, timeout_s="1"), since=NOON, until=NOON + timedelta(minutes=1))
    assert time.monotonic() - began < 5


def test_a_file_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(DependencyError, match="unable to open"):
        read(source(f"sqlite:///{tmp_path}/none.db"))
    assert not (tmp_path / "none.db").exists()


def test_epochs_and_local_times_are_compared_as_their_column_holds_them(tmp_path):
    path = tmp_path / "t.db"
    with sqlite3.connect(path) as con:
        con.execute("CREATE TABLE hits (id, ts, status)")
        con.execute("INSERT INTO hits VALUES (1, ?, 200)", (int(NOON.timestamp() * 1000),))
    con.close()
    span = {"since": NOON - timedelta(seconds=1), "until": NOON + timedelta(milliseconds=1)}
    assert len(rows(read(source(f"sqlite:///{path}", time_unit="ms"), **span))) == 1
    assert rows(read(source(f"sqlite:///{path}", time_unit="ms"), since=NOON + timedelta(seconds=1))) == []
    with sqlite3.connect(path) as con:
        con.execute("UPDATE hits SET ts = '01.03.2026 13:00'")
    con.close()
    german = {"time_format": "%d.%m.%Y %H:%M", "timezone": "Europe/Berlin"}
    assert rows(read(source(f"sqlite:///{path}", **german), since=NOON, until=NOON + timedelta(hours=1)))[0][1] == (
        "2026-03-01T12:00:00+00:00"
    )


class TestSecrets:
    def test_a_password_in_the_url_is_refused_and_not_shown(self):
        for url in ("postgresql://u:hunter2@127.0.0.1/x", "postgresql://u@127.0.0.1/x?password=hunter2"):
            with pytest.raises(InputError, match="password_file") as refused:
                read(source(url))
            assert "hunter2" not in str(refused.value)

    def test_a_reference_is_filled_in_and_one_that_is_not_set_is_named(self, tmp_path):
        with pytest.raises(InputError, match="there is no secret SHOP_DB"):
            read(source("postgresql://u:${SHOP_DB}@127.0.0.1/x"))
        with pytest.raises(DependencyError) as failed:
            read(source("postgresql://u:${SHOP_DB}@127.0.0.1:1/x"), secrets={"SHOP_DB": "hunter2"})
        assert "hunter2" not in str(failed.value)

    def test_a_password_file_that_cannot_be_read_is_named(self, tmp_path):
        with pytest.raises(InputError, match="password file cannot be read"):
            read(source("postgresql://u@127.0.0.1/x", password_file=str(tmp_path / "none")))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u@169.254.169.254/x",
        "postgresql://u@/x?host=169.254.169.254",
        "postgresql://u@/x?hostaddr=127.0.0.1,100.100.100.200",
        "postgresql://u@[::ffff:169.254.169.254]/x",
    ],
)
def test_addresses_of_secrets_are_refused(url):
    with pytest.raises(InputError, match="is not an address to be asked"):
        read(source(url))


def test_a_server_that_takes_a_connection_and_says_nothing_is_left_at_the_time_out():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        threading.Thread(target=silent.accept, daemon=True).start()
        began = time.monotonic()
        with pytest.raises(DependencyError):
            read(source(f"postgresql://u@127.0.0.1:{silent.getsockname()[1]}/x", timeout_s="1"))
        assert time.monotonic() - began < 10
