"""Small batches with known counts, for the tests of the lake and the process they kill."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from nines.lake.counting import Wanted
from nines.lake.lake import Lake
from nines.objectives.indicator import EventIndicator
from nines.telemetry.datasource import DataSource
from nines.telemetry.event import COLUMNS

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
FIRST = (NOON - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(minutes=1)
SOURCE = DataSource(name="web", type="events")
OK = EventIndicator(name="ok", source="web", good="http_status < 500")
FAST = EventIndicator(name="fast", source="web", good="duration_ms <= 300")
WANTED = Wanted({OK.identity: OK}, {"web": SOURCE})
TENANTS = ("acme", "bolt")
BOTH = dict.fromkeys(TENANTS, WANTED)


def events(*rows):
    """Return events; each is (minute after noon, status) and, where given, an id and a duration."""
    columns = {"time": [], "http_status": [], "id": [], "duration_ms": []}
    for minute, status, *more in rows:
        columns["time"].append(NOON + timedelta(minutes=minute))
        columns["http_status"].append(status)
        columns["id"].append(more[0] if more else None)
        columns["duration_ms"].append(more[1] if len(more) > 1 else None)
    types = {
        "time": pa.timestamp("us", tz="UTC"),
        "http_status": pa.int64(),
        "id": pa.string(),
        "duration_ms": pa.float64(),
    }
    assert types.keys() <= {c.name for c in COLUMNS}
    return pa.table({name: pa.array(values, types[name]) for name, values in columns.items()})


def counted(lake: Lake, *, tenant="acme", indicator=OK, seq=None, minutes=10):
    """Return {minute after noon: (good, bad, unknown)}, without minutes that have nothing."""
    series = lake.series(tenant, indicator, SOURCE, FIRST, FIRST + minutes, seq)
    rows = zip(series.good.tolist(), series.bad.tolist(), series.unknown.tolist(), strict=True)
    return {minute: row for minute, row in enumerate(rows) if any(row)}


def sequences(lake: Lake):
    """Return the sequences of all finished flushes."""
    return lake._ask(f"SELECT seq FROM {lake.tables.flushes.relation()} ORDER BY seq").column("seq").to_pylist()


def stored(lake: Lake, *, tenant="acme", minutes=10):
    """Return {minute after noon: rows} of the event table."""
    rows = lake._ask(
        f"SELECT epoch_us(time) // 60000000 - {FIRST} AS m, count(*) AS n FROM {lake.tables.events.relation()} "
        f"WHERE tenant = '{tenant}' GROUP BY 1"
    ).to_pylist()
    return {r["m"]: r["n"] for r in rows if r["m"] < minutes}


def tenant_of(number: int) -> str:
    """Return whose a numbered batch is."""
    return TENANTS[number % 2]


def due(number: int) -> tuple[int, int, int]:
    """Return good, bad and unknown events of a numbered batch; all of them lie in its own minute."""
    return number % 3 + 1, number % 2, int(number % 5 == 0)


def numbered(number: int) -> pa.Table:
    """Return a numbered batch; every third one names its events, and names each of them twice."""
    good, bad, unknown = due(number)
    statuses = [200] * good + [503] * bad + [None] * unknown
    if number % 3:
        return events(*((number, status) for status in statuses))
    named = [(number, status, f"{number}-{place}") for place, status in enumerate(statuses)]
    return events(*named, *named)


def read_acks(file: Path) -> list[int]:
    """Return the numbers of the batches that a writer saw acknowledged."""
    return [int(line) for line in file.read_text().splitlines()] if file.exists() else []
