"""The tick: every objective of a house judged, facts and messages put on record, as the worker does it each minute.

The sweep's own bench says what the arrays cost; this one says what is left around them: reading what the last flush
brought, deciding what is not surely quiet, and the deed.
"""

from __future__ import annotations

import statistics
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.measuring import Figure, holds, seconds
from nines.definitions.load import load_texts
from nines.operations import defining, ingesting
from nines.operations.alerting import Alarms
from nines.operations.house import House, local_principal, open_house
from nines.spans import MINUTE

NOON, WHO = datetime(2026, 3, 3, 12, tzinfo=UTC), local_principal("default")
SHARED = """
apiVersion: nines/v1
kind: DataSource
metadata: {name: shop}
spec: {type: events, heartbeat: {gap: 2m}}
---
apiVersion: nines/v1
kind: Service
metadata: {name: shop}
spec: {}
"""
EACH = """---
apiVersion: nines/v1
kind: SLI
metadata: {name: works-NUMBER}
spec: {source: shop, where: "service = 's-NUMBER'", good: http_status < 500}
"""
PROMISE = """---
apiVersion: nines/v1
kind: SLO
metadata: {name: o-NUMBER}
spec: {service: shop, indicator: works-SLI, target: 99.9%, window: 7d, alerting: {policy: google-workbook}}
"""


def house_of(folder: Path, indicators: int, objectives: int) -> House:
    """Return a house of so many indicators, each with its share of the objectives, an hour of events behind it."""
    house, begins = open_house(folder, now=NOON), NOON - timedelta(days=7)
    text = SHARED + "".join(EACH.replace("NUMBER", str(n)) for n in range(indicators))
    text += "".join(PROMISE.replace("NUMBER", str(n)).replace("SLI", str(n % indicators)) for n in range(objectives))
    found = load_texts([("bench.yaml", text)])
    holds(not found.errors, str(found.errors[:1]))
    defining.apply_definitions(house, WHO, found, now=begins, effective_from=begins)
    return house


def minute_of_events(house: House, begin: datetime, indicators: int, bad: int) -> None:
    """Send and flush a minute in which every indicator has three events; those of the first few are bad."""
    at = (begin + timedelta(seconds=30)).isoformat()
    rows = [
        {"time": at, "service": f"s-{n}", "http_status": 500 if n < bad else 200}
        for n in range(indicators)
        for _ in "abc"
    ]
    ingesting.ingest_rows(house, WHO, "shop", rows, now=begin + MINUTE, key=None)
    ingesting.flush(house, now=begin + MINUTE)


def run(*, quick: bool) -> list[Figure]:
    indicators, objectives, ticks = (20, 200, 5) if quick else (100, 2_000, 10)
    with tempfile.TemporaryDirectory() as folder:
        house = house_of(Path(folder), indicators, objectives)
        alarms, took = Alarms(house, "default"), []
        for n in range(ticks + 2):
            minute_of_events(house, NOON + n * MINUTE, indicators, bad=1 if n >= ticks // 2 else 0)
            took.append(seconds(lambda n=n: alarms.tick(NOON + (n + 1) * MINUTE)))
        house.lake.inbox.close()
    cold, warm = took[0], took[2:]
    scale = f"{objectives:,} objectives of {indicators} indicators, a hundredth of them burns at the end"
    return [
        Figure("tick", "a tick, from the flush to the deed: median", statistics.median(warm) * 1e3, "ms", note=scale),
        Figure("tick", "a tick: slowest", max(warm) * 1e3, "ms", note="of those, the one in which alerts fire"),
        Figure("tick", "the first tick, sums built from the lake", cold, "s"),
    ]
