"""A real house with a small shop in it, three days of events behind it, for the tests of pages and API."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from nines.definitions.load import load_texts
from nines.operations import annotating, defining, excluding, ingesting
from nines.operations.house import local_principal, open_house

NOW = datetime(2026, 11, 23, 14, 32, tzinfo=UTC)
DAYS = 3

DEFINITIONS = """
apiVersion: nines/v1
kind: Service
metadata: {name: checkout}
spec: {}
---
apiVersion: nines/v1
kind: Service
metadata: {name: search}
spec: {}
---
apiVersion: nines/v1
kind: Service
metadata: {name: edge}
spec: {}
---
apiVersion: nines/v1
kind: DataSource
metadata: {name: shop}
spec: {type: events, description: what the shop's services send}
---
apiVersion: nines/v1
kind: DataSource
metadata: {name: edge}
spec: {type: events}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: checkout-success}
spec: {source: shop, where: service = 'checkout', good: http_status < 500}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: search-speed}
spec: {source: shop, where: service = 'search', good: duration_ms < 300}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: edge-success}
spec: {source: edge, good: http_status < 500}
---
apiVersion: nines/v1
kind: SLO
metadata: {name: checkout, labels: {team: shop}}
spec: {service: checkout, indicator: checkout-success, target: 99.9%, windows: [30d, {calendar: month}]}
---
apiVersion: nines/v1
kind: SLO
metadata: {name: search-speed, labels: {team: find}}
spec: {service: search, indicator: search-speed, target: 95%, window: 30d}
---
apiVersion: nines/v1
kind: SLO
metadata: {name: edge, labels: {team: shop}}
spec: {service: edge, indicator: edge-success, target: 99.9%, window: 30d}
"""


def events(service, *, failing=(), slow=(), seed=7, per_minute=12):
    """Events of one service; `failing` and `slow` are (minutes ago, minutes long)."""
    rng = np.random.default_rng(seed)
    minutes = DAYS * 1440
    ago = np.repeat(np.arange(minutes, 0, -1), per_minute)
    offset = rng.integers(0, 60_000_000, ago.size)
    at = int(NOW.timestamp() * 1e6) - ago * 60_000_000 + offset
    status, took = np.full(ago.size, 200), rng.lognormal(4, 0.4, ago.size)
    for begins, length in failing:
        hit = (ago <= begins) & (ago > begins - length)
        status[hit] = 500
    for begins, length in slow:
        took[(ago <= begins) & (ago > begins - length)] += 400
    return pa.table({
        "time": pa.array(at).cast(pa.timestamp("us", tz="UTC")),
        "service": pa.array([service] * ago.size),
        "http_status": pa.array(status, pa.int64()),
        "duration_ms": pa.array(took),
    })  # fmt: skip


def furnish(folder, *, open_on_loopback=True, full=True):
    """Open a house; with `full`, put the shop in it."""
    house, who = open_house(folder, now=NOW, open_on_loopback=open_on_loopback), local_principal("default")
    if not full:
        return house
    found = load_texts([("shop.yaml", DEFINITIONS)])
    assert not found.errors, found.errors
    began = NOW - timedelta(days=DAYS)
    defining.apply_definitions(house, who, found, now=began, effective_from=began - timedelta(days=30))
    tables = {
        "checkout": events("checkout", failing=[(2000, 60), (12, 12)]),
        "search": events("search", slow=[(1000, 300)]),
    }
    for service, table in tables.items():
        ingesting.ingest_table(house, who, "shop", table, now=NOW, key=service)
    ingesting.flush(house, now=NOW)
    excluding.exclude(
        house,
        who,
        excluding.Wanted(
            name="move-of-db",
            start=NOW - timedelta(hours=30),
            end=NOW - timedelta(hours=29),
            objectives=("checkout",),
            approver="ann",
            clause="4.2",
        ),
        now=NOW,
    )
    annotating.annotate(house, who, "checkout", "v418 rolled out", about=NOW - timedelta(minutes=20), now=NOW)
    return house
