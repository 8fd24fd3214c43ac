"""One contract for every source that is asked: the same rows, the same counts, however often it is asked or fails."""

import json
import os
import socket
import sqlite3
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet
import pytest
from deltalake import write_deltalake

from nines.definitions.load import load_texts
from nines.errors import DependencyError, InputError
from nines.operations import defining, ingesting, pulling_rows
from nines.operations.house import local_principal, open_house
from nines.operations.promises import in_force
from nines.operations.pulling_rows import Puller, pull_rows
from nines.sources import lakefiles, scrape, sql, tailing
from sources.test_prometheus import Answers

pytest_plugins = ["store.conftest"]

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
BEGINS = datetime(2026, 1, 1, tzinfo=UTC)
REST = """
---
apiVersion: nines/v1
kind: Service
metadata: {name: shop}
spec: {}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: works}
spec: {source: hits, %s}
---
apiVersion: nines/v1
kind: SLO
metadata: {name: works}
spec: {service: shop, indicator: works, target: 99%%, window: 1h}
"""


def definitions(spec, sli="good: http_status < 500"):
    return f"apiVersion: nines/v1\nkind: DataSource\nmetadata: {{name: hits}}\nspec: {json.dumps(spec)}{REST % sli}"


class Kind:
    """One type of source: how rows get into it, and how it fails.

    Attributes:
        spec: of its DataSource.
        sli: what the indicator counts.
        wrong: a mapping that cannot be right, and what is said of it.
    """

    sli = "good: http_status < 500"
    wrong = ({"duration_ms": "took"}, "there is no column 'took'")
    raises = True

    def __init__(self, folder):
        self.folder = folder
        self.make()

    def close(self):
        pass


class Sqlite(Kind):
    """A table of hits."""

    def make(self):
        self.path = self.folder / "shop.db"
        self.run("CREATE TABLE hits (id TEXT, ts TEXT, status INTEGER)")
        query = "SELECT id, ts AS time, status AS http_status FROM hits WHERE ts >= :since AND ts < :until"
        options = {"url": f"sqlite:///{self.path}", "query": query, "timezone": "UTC", "overlap": "10m"}
        self.spec = {"type": "sql", "options": options}

    def run(self, text, *rows):
        con = sqlite3.connect(self.path)
        with con:
            con.executemany(text, rows) if rows else con.execute(text)
        con.close()

    def put(self, *rows):
        values = [(i, at.strftime("%Y-%m-%d %H:%M:%S"), status) for i, at, status in rows]
        self.run("INSERT INTO hits VALUES (?, ?, ?)", *values)

    def down(self):
        self.path.rename(self.folder / "away")

    def up(self):
        (self.folder / "away").rename(self.path)


class Postgres(Sqlite):
    """The same in PostgreSQL."""

    def __init__(self, folder, server):
        self.server, self.name = server, f"p{os.getpid()}_{abs(hash(folder))}"
        super().__init__(folder)

    def make(self):
        super().make()
        with self.admin() as con:
            con.execute(f"CREATE DATABASE {self.name}")
        with self.admin(self.name) as con:
            con.execute("CREATE TABLE hits (id TEXT, ts TIMESTAMPTZ, status INTEGER)")
        self.spec["options"] |= {"url": f"postgresql://nines@/{self.name}?host={self.server}"}

    def admin(self, name="postgres"):
        import psycopg

        return psycopg.connect(host=str(self.server), user="nines", dbname=name, autocommit=True)

    def put(self, *rows):
        with self.admin(self.name) as con:
            con.cursor().executemany("INSERT INTO hits VALUES (%s, %s, %s)", rows)

    def down(self):
        with self.admin() as con:
            con.execute(f"ALTER DATABASE {self.name} ALLOW_CONNECTIONS false")

    def up(self):
        with self.admin() as con:
            con.execute(f"ALTER DATABASE {self.name} ALLOW_CONNECTIONS true")

    def close(self):
        with self.admin() as con:
            con.execute(f"DROP DATABASE {self.name} WITH (FORCE)")


class Parquet(Kind):
    """A folder of Parquet files."""

    def make(self):
        self.path = self.folder / "lake"
        self.path.mkdir()
        self.spec = {"type": "delta", "options": {"path": f"file://{self.path}"}}
        self.files = 0

    def table(self, rows):
        ids, times, statuses = zip(*rows, strict=True)
        return pa.table({"id": ids, "time": pa.array(times, pa.timestamp("us", tz="UTC")), "http_status": statuses})

    def put(self, *rows):
        self.files += 1
        pyarrow.parquet.write_table(self.table(rows), self.path / f"part-{self.files}.parquet")

    down, up = Sqlite.down, Sqlite.up


class Delta(Parquet):
    """A Delta table."""

    def make(self):
        super().make()
        self.path.rmdir()
        self.spec["columns"] = {"id": "id"}
        empty = [("none", NOON, 1)]
        write_deltalake(self.path, self.table(empty).slice(0, 0))

    def put(self, *rows):
        write_deltalake(self.path, self.table(rows), mode="append")


class Follow(Kind):
    """A log that is followed."""

    def make(self):
        self.path = self.folder / "hits.log"
        self.path.touch()
        self.spec = {"type": "ndjson", "options": {"follow": str(self.path)}}

    def put(self, *rows):
        with self.path.open("a") as file:
            for i, at, status in rows:
                file.write(json.dumps({"id": i, "time": at.isoformat(), "http_status": status}) + "\n")

    down, up = Sqlite.down, Sqlite.up


class Scrape(Kind):
    """Counters on a page."""

    sli = "bad: 'hits_total{code=\"500\"}', total: hits_total"
    wrong = None
    raises = False

    def make(self):
        self.counts, self.alive = {200: 0, 500: 0}, True
        self.server = Answers(self.page)
        self.spec = {"type": "scrape", "options": {"url": f"{self.server.url}/metrics"}}

    def page(self, _number):
        if not self.alive:
            return 503, {}, b""
        lines = "".join(f'hits_total{{code="{c}"}} {n}\n' for c, n in self.counts.items())
        return 200, {"Content-Type": "text/plain; version=0.0.4"}, lines.encode()

    def put(self, *rows):
        for _, _, status in rows:
            self.counts[500 if status >= 500 else 200] += 1

    def down(self):
        self.alive = False

    def up(self):
        self.alive = True

    def close(self):
        self.server.shutdown()
        self.server.server_close()


ROWS = {"sqlite": Sqlite, "postgresql": Postgres, "parquet": Parquet, "delta": Delta, "follow": Follow}
KINDS = ROWS | {"scrape": Scrape}


class Installation:
    """A house with one source, asked by hand every twenty seconds."""

    def __init__(self, folder, kind):
        self.folder, self.kind, self.now = folder, kind, NOON + timedelta(minutes=10)
        self.who = local_principal("default")
        self.house = open_house(folder, now=NOON)
        self.define(kind.spec)
        self.puller = Puller(self.house)
        self.look()

    def define(self, spec):
        found = load_texts([("slo.yaml", definitions(spec, self.kind.sli))])
        assert not found.errors, found.errors
        defining.apply_definitions(self.house, self.who, found, now=self.now, effective_from=BEGINS)

    @property
    def source(self):
        return in_force(self.house, "default", at=self.now).sources["hits"]

    def look(self):
        self.now += timedelta(seconds=20)
        return self.puller.look(self.who, self.source, now=self.now)

    def counts(self):
        ingesting.flush(self.house, now=self.now)
        indicator = in_force(self.house, "default", at=self.now).indicators["works"]
        end = int(self.now.timestamp()) // 60 + 2
        series = self.house.lake.series("default", indicator, self.source, end - 120, end)
        return int(series.good.sum()), int(series.bad.sum()), int(series.unknown.sum())

    def restart(self):
        """Begin again as after a kill: nothing but what is on disk is remembered."""
        self.puller = Puller(self.house)


@pytest.fixture(params=KINDS)
def kind(request, tmp_path):
    folder = tmp_path / "theirs"
    folder.mkdir()
    more = [request.getfixturevalue("server")] if request.param == "postgresql" else []
    made = KINDS[request.param](folder, *more)
    yield made
    made.close()


@pytest.fixture
def ours(kind, tmp_path):
    made = Installation(tmp_path / "ours", kind)
    yield made
    made.house.lake.inbox.close()


def row(number, status=200, minute=0):
    return f"r{number}", NOON + timedelta(minutes=10 + minute, seconds=number), status


THREE = (row(1), row(2, 503), row(3))


def test_the_same_rows_give_the_same_counts(ours):
    ours.kind.put(*THREE)
    ours.look()
    assert ours.counts() == (2, 1, 0)


def test_asking_twice_and_after_a_kill_counts_once(ours):
    ours.kind.put(*THREE)
    ours.look()
    ours.look()
    ours.restart()
    ours.look()
    assert ours.counts() == (2, 1, 0)
    ours.restart()
    ours.look()
    ours.kind.put(row(4))
    ours.look()
    assert ours.counts() == (3, 1, 0)


def test_a_row_that_comes_late_is_found(ours):
    ours.kind.put(*THREE)
    ours.look()
    ours.kind.put(row(5, 500, minute=-9))
    ours.look()
    assert ours.counts() == (2, 2, 0)


def test_a_source_that_is_down_gives_nothing_and_recovers(ours):
    ours.kind.put(*THREE)
    ours.look()
    ours.kind.down()
    for _ in range(2):
        if ours.kind.raises:
            with pytest.raises(DependencyError) as failed:
                ours.look()
            assert failed.value.problems[0].fix
        else:
            assert [p.code for p in ours.look().problems] == ["refused"]
    assert ours.counts() == (2, 1, 0)
    ours.kind.up()
    ours.kind.put(row(4))
    ours.look()
    assert ours.counts() == (3, 1, 0)


def test_a_wrong_column_is_told_and_nothing_is_stored_until_it_is_mended(ours):
    if ours.kind.wrong is None:
        pytest.skip("pages of metrics have no mapping")
    right = ours.kind.spec
    columns, told = ours.kind.wrong
    ours.define({**right, "columns": {**right.get("columns", {}), **columns}})
    ours.kind.put(*THREE)
    with pytest.raises(InputError, match=told):
        ours.look()
    ours.define({**right, "columns": {**right.get("columns", {}), "http_status": "id"}})
    with pytest.raises(InputError, match="http_status is 'r1', which is no integer"):
        ours.look()
    ours.define(right)
    ours.look()
    assert ours.counts() == (2, 1, 0)


def test_the_worker_asks_at_the_interval_and_less_often_while_it_fails(ours):
    ours.kind.put(*THREE)
    at = ours.now + timedelta(hours=1)
    first, again = (pull_rows(ours.house, ours.who, now=at) for _ in range(2))
    assert (first.problems, again.rows) == ((), 0)
    ours.kind.down()
    waits = []
    for _ in range(3):
        before = at
        while not pull_rows(ours.house, ours.who, now=at).problems:
            at += timedelta(seconds=5)
            assert at - before < timedelta(minutes=20)
        waits.append(at - before)
    assert waits[2] > waits[1] if ours.kind.raises else waits[2] == waits[1] == timedelta(seconds=15)


def test_an_answer_that_is_too_long_is_bounded(ours, monkeypatch):
    monkeypatch.setattr(lakefiles, "MOST_PART_BYTES", 10)
    monkeypatch.setattr(sql, "MOST_BYTES", 10)
    monkeypatch.setattr(pulling_rows, "MOST_PIECES", 1)
    monkeypatch.setattr(tailing.next_step, "__kwdefaults__", {"most_bytes": 80})
    monkeypatch.setattr(scrape.fetch_page, "__kwdefaults__", {**scrape.fetch_page.__kwdefaults__, "most_bytes": 10})
    ours.kind.put(*THREE)
    if isinstance(ours.kind, Follow):
        assert [ours.look().rows for _ in range(4)] == [1, 1, 1, 0]  # a look takes so much, the next one more
        return
    try:
        problems = ours.look().problems
    except (InputError, DependencyError) as error:
        problems = error.problems
    assert any(p.code in {"too-much", "too-long"} for p in problems)
    assert ours.counts() == (0, 0, 0)


def test_the_files_of_the_installation_itself_are_refused(ours):
    own = str(ours.folder / "records.sqlite")
    swaps = {"url": f"sqlite:///{own}", "path": own, "follow": own, "token_file": own}
    if isinstance(ours.kind, Scrape):
        ours.define({**ours.kind.spec, "options": {**ours.kind.spec["options"], "token_file": own}})
    else:
        options = {k: swaps.get(k, v) for k, v in ours.kind.spec["options"].items()}
        ours.define({**ours.kind.spec, "options": options})
    with pytest.raises(InputError, match="this file is not read"):
        ours.look()


@contextmanager
def silent_server():
    """A server that takes every connection and says nothing."""
    held = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take():
            while True:
                try:
                    held.append(server.accept())
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    for connection, _ in held:
        connection.close()


def addressed(name, host, folder):
    """Return a source of a type that is asked over the network, at a host, with a time-out of a second."""
    if name == "scrape":
        return {"type": "scrape", "options": {"url": f"http://{host}/metrics", "timeout_s": 1}}
    if name == "sql":
        query = "SELECT id, ts AS time FROM hits WHERE ts >= :since AND ts < :until"
        return {"type": "sql", "options": {"url": f"postgresql://u@{host}/x", "query": query, "timeout_s": 1}}
    store = folder / "storage.json"
    store.write_text(json.dumps({"AWS_ENDPOINT_URL": f"http://{host}", "AWS_ALLOW_HTTP": "true"}))
    return {"type": "delta", "options": {"path": "s3://bucket/table", "storage_file": str(store), "timeout_s": 1}}


class Nothing(Kind):
    """A source given by its DataSource alone."""

    def __init__(self, spec):
        self.spec = spec
        if spec["type"] == "scrape":
            self.sli = Scrape.sli


@contextmanager
def alone(folder, spec):
    house = Installation.__new__(Installation)
    house.folder, house.kind, house.now, house.who = folder, Nothing(spec), NOON, local_principal("default")
    house.house = open_house(folder, now=NOON)
    house.define(spec)
    house.puller = Puller(house.house)
    yield house
    house.house.lake.inbox.close()


@pytest.mark.parametrize("name", ["scrape", "sql", "delta"])
def test_a_server_that_says_nothing_is_left_at_the_time_out(name, tmp_path):
    with silent_server() as port, alone(tmp_path / "ours", addressed(name, f"127.0.0.1:{port}", tmp_path)) as ours:
        began = time.monotonic()
        if name == "scrape":
            assert [p.code for p in ours.look().problems] == ["slow"]
        else:
            with pytest.raises(DependencyError):
                ours.look()
        assert time.monotonic() - began < 15


def test_a_pipe_in_the_place_of_a_followed_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with (
        alone(tmp_path / "ours", {"type": "ndjson", "options": {"follow": str(tmp_path / "pipe")}}) as ours,
        pytest.raises(InputError, match="no plain file"),
    ):
        ours.look()


@pytest.mark.parametrize("host", ["169.254.169.254", "100.100.100.200", "[fe80::1]", "[::ffff:169.254.169.254]"])
@pytest.mark.parametrize("name", ["scrape", "sql", "delta"])
def test_addresses_of_secrets_are_refused(name, host, tmp_path):
    with alone(tmp_path / "ours", addressed(name, host, tmp_path)) as ours:
        if name == "scrape":
            assert [p.code for p in ours.look().problems] == ["bad-url"]
            return
        with pytest.raises(InputError, match="is not an address to be asked"):
            ours.look()


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"type": "sql"}, "a sql source needs its query"),
        ({"type": "delta"}, "a delta source needs its path"),
        ({"type": "sql", "options": {"url": "postgresql://u:hush@h/x", "query": "q"}}, "the url holds a password"),
        ({"type": "delta", "options": {"path": "/x", "interval": "soon"}}, "'soon' is no length"),
        ({"type": "ndjson", "options": {"follow": "app.log"}}, "cannot follow 'app.log'"),
        ({"type": "parquet", "columns": {"time": "t"}, "options": {"follow": "/x"}}, "parquet source cannot follow"),
    ],
)
def test_a_definition_that_cannot_be_right_is_refused_where_it_is_written(spec, told):
    found = load_texts([("slo.yaml", definitions(spec))])
    assert any(told in p.what for p in found.errors)
    assert "hush" not in "".join(map(str, found.errors))
