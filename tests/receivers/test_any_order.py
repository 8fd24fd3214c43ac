"""Requests of several receivers, repeated, reordered, across flushes, compactions and restarts, count as an oracle says.

Nothing below the sockets is left out: the receivers' application, the inbox and the lake are the real ones.
"""

import asyncio
import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import hypothesis.strategies as st
import pyarrow as pa
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from nines.definitions.load import load_texts
from nines.lake.inbox import packed
from nines.operations import defining, ingesting, people
from nines.operations.house import local_principal, open_house
from nines.operations.promises import in_force
from nines.receivers.app import build
from protocols.sender import Sent, request

BEGINS = datetime(2026, 1, 1, tzinfo=UTC)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DEFINITIONS = """
apiVersion: nines/v1
kind: DataSource
metadata: {name: spans}
spec: {type: otlp}
---
apiVersion: nines/v1
kind: DataSource
metadata: {name: logs}
spec: {type: otlp, options: {signal: logs}}
---
apiVersion: nines/v1
kind: DataSource
metadata: {name: metrics}
spec: {type: remote-write}
---
apiVersion: nines/v1
kind: DataSource
metadata: {name: pages}
spec: {type: rum, options: {key: k, origins: "*"}}
---
apiVersion: nines/v1
kind: DataSource
metadata: {name: edge}
spec: {type: events}
---
apiVersion: nines/v1
kind: Service
metadata: {name: shop}
spec: {}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: pays}
spec: {source: spans, good: state != 'error'}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: quiet}
spec: {source: logs, good: "attributes['severity'] != 'ERROR'"}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: requests}
spec: {source: metrics, bad: 'hits_total{code="500"}', total: hits_total}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: paints}
spec: {source: pages, good: value <= 2500}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: opens}
spec: {source: edge, good: http_status < 500}
"""
NAMES = ("pays", "quiet", "requests", "paints", "opens")
SLOS = "".join(
    f"---\napiVersion: nines/v1\nkind: SLO\nmetadata: {{name: {n}}}\n"
    f"spec: {{service: shop, indicator: {n}, target: 99%, window: 1h}}\n"
    for n in NAMES
)
STEP_S = 15


def ns(number):
    return int((NOON + timedelta(seconds=STEP_S * number)).timestamp()) * 10**9


def span(number):
    """Return the span of a number; every third one failed."""
    return {
        "traceId": f"{number + 1:032x}", "spanId": f"{number + 1:016x}", "name": "pay", "kind": 2,
        "startTimeUnixNano": str(ns(number) - 10**6), "endTimeUnixNano": str(ns(number)),
        "status": {"code": 2 if number % 3 == 0 else 1},
    }  # fmt: skip


class Oracle:
    """What was acknowledged, kept in the plainest way there is."""

    def __init__(self):
        self.spans, self.logs, self.steps, self.keys, self.paints = set(), set(), set(), {}, {}

    def counts(self):
        failed = sum(n % 3 == 0 for n in self.spans)
        loud = sum(n % 2 for n in self.logs)
        grown = max(self.steps) - min(self.steps) if self.steps else 0
        slow = sum(value > 2500 for value in self.paints.values())
        return {
            "pays": (len(self.spans) - failed, failed),
            "quiet": (len(self.logs) - loud, loud),
            "requests": (9 * grown, 1 * grown),
            "paints": (len(self.paints) - slow, slow),
            "opens": (sum(self.keys.values()), len(self.keys)),
        }


class AnyOrder(RuleBasedStateMachine):
    """Senders of five kinds, and what happens to a house meanwhile."""

    @initialize()
    def begin(self):
        self.folder = tempfile.TemporaryDirectory()
        self.now, self.oracle = NOON + timedelta(minutes=30), Oracle()
        self.open()
        found = load_texts([("slo.yaml", DEFINITIONS + SLOS)])
        assert not found.errors, found.errors
        who = local_principal("default")
        defining.apply_definitions(self.house, who, found, now=self.now, effective_from=BEGINS)
        made = people.make_token(self.house, who, "sender", scopes=("ingest",), days=30, now=self.now)
        self.headers = {"Authorization": f"Bearer {made.secret}"}

    def clock(self):
        self.now += timedelta(milliseconds=1)
        return self.now

    def open(self):
        self.house = open_house(Path(self.folder.name), now=self.now)
        self.app = build(self.house, self.clock)

    def send(self, path, body, times, **headers):
        async def ask():
            way = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=way, base_url="http://127.0.0.1", headers=self.headers) as client:
                return [await client.post(path, content=body, headers=headers) for _ in range(times)]

        for answer in asyncio.run(ask()):
            assert answer.status_code in {200, 204}, answer.text

    @rule(first=st.integers(0, 11), number=st.integers(1, 4), times=st.integers(1, 3))
    def spans(self, first, number, times):
        chosen = range(first, first + number)  # requests overlap: a span may come in several
        body = {"resourceSpans": [{"scopeSpans": [{"spans": [span(n) for n in chosen]}]}]}
        self.send("/v1/traces", json.dumps(body).encode(), times, **{"Content-Type": "application/json"})
        self.oracle.spans.update(chosen)

    @rule(number=st.integers(0, 9), times=st.integers(1, 3))
    def log(self, number, times):
        record = {"timeUnixNano": str(ns(number)), "severityText": "ERROR" if number % 2 else "INFO"}
        body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
        self.send("/v1/logs", json.dumps(body).encode(), times, **{"Content-Type": "application/json"})
        self.oracle.logs.add(number)

    @rule(step=st.integers(0, 11), version=st.sampled_from(["1.0", "2.0"]), times=st.integers(1, 3))
    def readings(self, step, version, times):
        at = ns(step) // 10**6
        sent = [
            Sent([("__name__", "hits_total"), ("code", code), ("job", "shop")], [(float(rate * step), at, 0)])
            for code, rate in (("200", 9), ("500", 1))
        ]
        body, headers = request(sent, version)
        self.send("/api/v1/write", body, times, **headers)
        self.oracle.steps.add(step)

    @rule(number=st.integers(0, 5), value=st.sampled_from([900, 4000]), times=st.integers(1, 3))
    def vital(self, number, value, times):
        identity = f"v6-1772323200000-{number:013}"
        body = {"name": "LCP", "value": value, "delta": value, "id": identity, "navigationType": "navigate"}
        self.send("/rum?key=k", json.dumps(body).encode(), times, Origin="https://shop.example")
        self.oracle.paints[number] = value  # the last report counts

    @rule(number=st.integers(0, 9), times=st.integers(1, 3))
    def batch(self, number, times):
        good = number + 1
        at = pa.array([NOON + timedelta(minutes=number)] * (good + 1), pa.timestamp("us", tz="UTC"))
        table = pa.table({"time": at, "http_status": pa.array([200] * good + [500], pa.int64())})
        self.send("/api/nines/v1/batches/edge?kind=events", packed(table), times, **{"Idempotency-Key": f"b-{number}"})
        self.oracle.keys[number] = good

    @rule()
    def flush(self):
        ingesting.flush(self.house, now=self.clock())

    @precondition(lambda self: self.house.lake.last_sequence() > 1)
    @rule()
    def compact(self):
        self.house.lake.compact(every=2)
        self.house.lake.vacuum(timedelta(0))

    @rule(kindly=st.booleans())
    def restart(self, kindly):
        if kindly:
            self.house.lake.inbox.close()
        self.open()  # else what was open is left as it lies

    @rule()
    def count(self):
        now = self.clock()
        ingesting.flush(self.house, now=now)
        definitions, lake = in_force(self.house, "default", at=now), self.house.lake
        begin, found = int(NOON.timestamp()) // 60, {}
        for name in NAMES:
            indicator = definitions.indicators[name]
            series = lake.series("default", indicator, definitions.sources[indicator.source], begin - 5, begin + 60)
            found[name] = (int(series.good.sum()), int(series.bad.sum()))
        assert found == self.oracle.counts()

    @invariant()
    def what_waits_is_readable(self):
        assert all(batch.table.num_rows for batch in self.house.lake.inbox.waiting(0))

    def teardown(self):
        if hasattr(self, "house"):
            self.count()
            self.house.lake.inbox.close()
            self.folder.cleanup()


TestAnyOrder = pytest.mark.slow(AnyOrder.TestCase)
TestAnyOrder.settings = settings(max_examples=12, stateful_step_count=25, deadline=None)
