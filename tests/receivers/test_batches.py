"""Batches of the agent at the centre: on disk before the receipt, once however often sent, and nothing unreadable."""

import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import httpx
import numpy as np
import pyarrow as pa
import pytest

from nines.errors import OverloadedError, Problem
from nines.lake.inbox import packed
from nines.protocols.arrow_batch import MOST_ROWS, decode
from nines.protocols.refusal import Refused
from receivers.serving import served

DEFINITIONS = """
apiVersion: nines/v1
kind: DataSource
metadata: {name: edge}
spec: {type: events, sites: [oslo, porto]}
---
apiVersion: nines/v1
kind: DataSource
metadata: {name: metrics}
spec: {type: remote-write}
---
apiVersion: nines/v1
kind: Service
metadata: {name: shop}
spec: {}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: pages}
spec: {source: edge, good: http_status < 500}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: requests}
spec: {source: metrics, bad: 'hits_total{code="500"}', total: hits_total}
"""


@pytest.fixture(scope="module")
def centre(tmp_path_factory):
    with served(tmp_path_factory.mktemp("centre"), DEFINITIONS) as one:
        yield one


def send(centre, source, kind, table, key="k", *, body=None, **headers):
    return httpx.post(
        f"{centre.url}/api/nines/v1/batches/{source}?kind={kind}",
        content=packed(table) if body is None else body,
        headers={"Idempotency-Key": key, **centre.headers, **{k.replace("_", "-"): v for k, v in headers.items()}},
    )


def pages(*statuses, site=None, at=None):
    at = at or datetime.now(UTC) - timedelta(seconds=30)
    columns = {
        "time": pa.array([at] * len(statuses), pa.timestamp("us", tz="UTC")),
        "http_status": pa.array(statuses, pa.int64()),
    }
    return pa.table(columns | ({"site": pa.array(site, pa.string())} if site else {}))


def readings(series, times, values):
    length = len(times)
    return pa.table(
        {
            "series": pa.array([series] * length, pa.int64()),
            "time": pa.array(times, pa.int64()),
            "value": pa.array(values, pa.float64()),
            "created": np.full(length, np.iinfo(np.int64).min),
            "delta": np.zeros(length, dtype=bool),
        }
    )


def test_a_batch_of_events_counts_once_however_often_it_is_sent(centre):
    before = centre.total("pages")
    answers = [send(centre, "edge", "events", pages(200, 200, 500), "one").json() for _ in range(3)]
    assert [(a["rows"], a["duplicate"]) for a in answers] == [(3, False), (3, True), (3, True)]
    assert len({a["receipt"] for a in answers}) == 1
    assert np.subtract(centre.total("pages"), before)[:2].tolist() == [2, 1]


def test_the_receipt_names_a_row_that_is_on_disk(centre):
    receipt = send(centre, "edge", "events", pages(200), "on-disk").json()["receipt"]
    assert centre.house.lake.inbox.last_id() == receipt


def test_rows_without_a_site_get_that_of_the_header(centre):
    send(centre, "edge", "events", pages(200, 200, site=["porto", None]), "sites", Nines_Site="oslo")
    batches = centre.house.lake.inbox.waiting(0)
    assert [r.get("site") for b in batches if b.kind == "events" for r in b.table.to_pylist()][-2:] == ["porto", "oslo"]


def test_readings_count_with_their_label_sets(centre):
    labels = pa.array([[("__name__", "hits_total"), ("code", "500")]], pa.map_(pa.string(), pa.string()))
    assert send(centre, "metrics", "series", pa.table({"series": [7], "labels": labels}), "s").status_code == 200
    now = int(datetime.now(UTC).timestamp() * 1000)
    rows = readings(7, [now - 40_000, now - 25_000, now - 10_000], [10.0, 11.0, 14.0])
    assert send(centre, "metrics", "samples", rows, "r").json()["rows"] == 3
    assert centre.total("requests")[1] == 4


def test_lost_rows_are_unknown_and_never_good(centre):
    before = centre.total("pages")
    minute = int(datetime.now(UTC).timestamp()) // 60 - 3
    table = pa.table({"minute": [minute, minute + 1], "number": [40, 2]})
    assert send(centre, "edge", "lost", table, "lost", Nines_Site="oslo").json()["rows"] == 2
    after = centre.total("pages")
    assert after[:2] == before[:2]
    assert after[2] - before[2] == 42


@pytest.mark.parametrize(
    ("kind", "table", "says"),
    [
        ("events", pa.table({"time": [1]}), "time is of another type"),
        ("events", pa.table({"http_status": [200]}), "need the column time"),
        ("events", pa.table({"colour": ["red"]}), "no column 'colour'"),
        ("lost", pa.table({"minute": [1], "number": [-1]}), "out of its range"),
        ("lost", pa.table({"minute": [1], "number": pa.array([None], pa.int64())}), "no value in 1 rows"),
        ("counts", pages(200), "kind is 'counts'"),
        ("samples", pages(200), "time is of another type than int64"),
    ],
    ids=["a wrong type", "no time", "a strange column", "a negative", "a hole", "a strange kind", "another kind"],
)
def test_what_cannot_be_read_is_refused_and_named(centre, kind, table, says):
    answer = send(centre, "edge", kind, table, "bad")
    assert answer.status_code == 400
    assert says in answer.json()["problems"][0]


def test_events_are_not_taken_by_a_source_of_readings(centre):
    answer = send(centre, "metrics", "events", pages(200), "wrong")
    assert (answer.status_code, "holds readings" in answer.json()["problems"][0]) == (400, True)


@pytest.mark.parametrize("key", ["", "two words", "x" * 201])
def test_without_a_key_nothing_is_taken(centre, key):
    assert send(centre, "edge", "events", pages(200), key).status_code == 400


def test_who_may_not_send_is_told_so(centre):
    assert send(centre, "edge", "events", pages(200), "k9", Authorization="Bearer no").status_code == 401
    assert send(centre, "nowhere", "events", pages(200), "k9").status_code == 404


def test_a_full_inbox_says_when_to_come_back(centre, monkeypatch):
    def full(*_args, **_kwargs):
        raise OverloadedError(Problem("inbox", "it is full", "later", code="inbox-full"))

    monkeypatch.setattr(type(centre.house.lake), "append", full)
    answer = send(centre, "edge", "events", pages(200), "full")
    assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (503, True)


def test_a_batch_that_unfolds_to_too_much_is_refused_by_its_own_words():
    long = packed(
        pa.table({"minute": np.zeros(150_000, int), "number": np.zeros(150_000, int), "site": ["x" * 2000] * 150_000})
    )
    many = packed(pa.table({"minute": np.zeros(MOST_ROWS + 1, int), "number": np.zeros(MOST_ROWS + 1, int)}))
    assert len(long) < 1_000_000
    for body, says in ((long, "unfolds to more"), (many, "at most 200,000 rows")):
        with pytest.raises(Refused, match=says):
            decode(body, "lost")


DAMAGE = """
import random, sys
import pyarrow as pa
from nines.lake.inbox import packed
from nines.protocols.arrow_batch import decode
from nines.protocols.refusal import Refused
chance, refused = random.Random(int(sys.argv[1])), 0
whole = packed(pa.table({
    "time": pa.array(range(300), pa.timestamp("us", tz="UTC")),
    "service": pa.array(["a", None, "ccc"] * 100), "http_status": pa.array([200, None, 500] * 100),
    "attributes": pa.array([[("a", "b"), ("c", None)], None, []] * 100, pa.map_(pa.string(), pa.string())),
}))
for _ in range(10_000):
    body = bytearray(whole)
    for _ in range(chance.randint(1, 6)):
        body[chance.randrange(len(body))] = chance.randrange(256)
    if chance.random() < 0.2:
        del body[chance.randrange(len(body)):]
    try:
        decode(bytes(body), "events")
    except Refused:
        refused += 1
print(refused)
"""


def test_damaged_batches_never_end_the_process():
    seed = random.randrange(2**31)
    run = subprocess.run([sys.executable, "-c", DAMAGE, str(seed)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, f"seed {seed}: {run.returncode} {run.stderr[-2000:]}"
    assert int(run.stdout) > 3000
