"""When sources were last heard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from nines.lake.engine import connection
from nines.lake.flush import Tables
from nines.lake.rollup import text
from nines.spans import EPOCH


@dataclass(frozen=True, slots=True)
class Freshness:
    """How fresh one source is.

    Attributes:
        source: its name.
        rows: rows stored.
        first: earliest event time, or None.
        last: latest event time, or None.
        arrival: when the last row was acknowledged, or None.
        pending: rows that wait for their flush.
    """

    source: str
    rows: int
    first: datetime | None
    last: datetime | None
    arrival: datetime | None
    pending: int


def freshness(tables: Tables, tenant: str, pending: Mapping[str, int]) -> list[Freshness]:
    """Return how fresh each source of a tenant is, sorted by name.

    Args:
        tables: of the lake.
        tenant: owner.
        pending: rows that wait for their flush, by source.
    """
    figures = "count(*) AS n, {low} AS a, {high} AS b, epoch_us(max(arrival)) AS c"
    with connection() as con:
        table = con.sql(
            f"SELECT source, {figures.format(low='epoch_us(min(time))', high='epoch_us(max(time))')} "
            f"FROM {tables.events.relation()} WHERE tenant = {text(tenant)} GROUP BY 1 UNION ALL "
            f"SELECT source, {figures.format(low='min(time) * 1000', high='max(time) * 1000')} "
            f"FROM {tables.samples.relation()} WHERE tenant = {text(tenant)} GROUP BY 1"
        ).to_arrow_table()
    found = {}
    for r in table.to_pylist():
        name, ends = r["source"], [_at(r[c]) for c in ("a", "b", "c")]
        found[name] = Freshness(name, r["n"], ends[0], ends[1], ends[2], pending.get(name, 0))
    for name, number in pending.items():
        found.setdefault(name, Freshness(name, 0, None, None, None, number))
    return [found[name] for name in sorted(found)]


def _at(us: int | None) -> datetime | None:
    return None if us is None else EPOCH + timedelta(microseconds=us)
