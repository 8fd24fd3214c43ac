"""When sources, sites and agents were last heard, and what of them was not kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from nines.lake.engine import connection
from nines.lake.flush import Tables
from nines.lake.rollup import text
from nines.spans import EPOCH

#: Beginning of the names of figures that agents tell about themselves.
AGENT = "nines_agent_"


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


def unkept(tables: Tables, tenant: str, since: datetime) -> dict[str, dict[str, int]]:
    """Return by source what the tables know of rows that are not there.

    Args:
        tables: of the lake.
        tenant: owner.
        since: gaps between deltas are looked for from here on.

    Returns:
        Source -> `identical` (rows left out because the same had been sent), `lost` (rows that whoever collected them
        had to drop) and `gaps` (deltas that begin after the one before them ended).
    """
    here, low = f"tenant = {text(tenant)}", (since - EPOCH) // timedelta(milliseconds=1)
    before = "lag(time) OVER (PARTITION BY source, series ORDER BY time)"
    asked = {
        "identical": f"SELECT source, sum(number)::BIGINT FROM {tables.repeats.relation()} WHERE {here} GROUP BY 1",
        "lost": f"SELECT source, sum(number)::BIGINT FROM {tables.losses.relation()} WHERE {here} GROUP BY 1",
        "gaps": f"SELECT source, count(*) FROM (SELECT source, created > {before} AS gap FROM "
        f"{tables.samples.relation()} WHERE {here} AND delta AND time >= {low}) WHERE gap GROUP BY 1",
    }
    found: dict[str, dict[str, int]] = {}
    with connection() as con:
        for what, query in asked.items():
            for source, number in con.sql(query).fetchall():
                found.setdefault(source, {})[what] = int(number)
    return found


def pulses_by_site(tables: Tables, tenant: str, start: int, end: int) -> pa.Table:
    """Return in which minutes each site of each source was heard, with its rows there.

    Args:
        tables: of the lake.
        tenant: owner.
        start: first grid minute.
        end: grid minute after the last.

    Returns:
        Columns source, site ("" where rows name none), minute, rows; the last pulse before the start is there too.
    """
    with connection() as con:
        return con.sql(
            f"WITH p AS (SELECT source, coalesce(site, '') AS site, minute, sum(row_count)::BIGINT AS n FROM "
            f"{tables.pulses.relation()} WHERE tenant = {text(tenant)} AND minute < {end} GROUP BY ALL) "
            f"SELECT source, site, minute, n AS rows FROM p WHERE minute >= {start} UNION ALL "
            f"SELECT source, site, max(minute), 0 FROM p WHERE minute < {start} GROUP BY 1, 2 ORDER BY 1, 2, 3"
        ).to_arrow_table()


def own_figures(tables: Tables, tenant: str, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """Return the figures that edge agents told about themselves, each with its last value and when its step changed.

    Args:
        tables: of the lake.
        tenant: owner.
        since: first instant looked at.
        until: instant after the last.

    Returns:
        Rows with source, site, instance, name, value, time (UTC milliseconds), and changes: [time, value] pairs.
    """
    low, high = ((one - EPOCH) // timedelta(milliseconds=1) for one in (since, until))
    owner = f"tenant = {text(tenant)}"
    before = "lag(value) OVER (PARTITION BY source, series ORDER BY time)"
    named = ", ".join(f"labels['{name}'] AS {name}" for name in ("site", "instance"))
    query = (
        f"WITH s AS (SELECT DISTINCT source, series, labels['__name__'] AS name, {named} FROM "
        f"{tables.series.relation()} WHERE {owner} AND starts_with(labels['__name__'], '{AGENT}')), "
        f"v AS (SELECT source, series, time, value, {before} IS DISTINCT FROM value AS new FROM "
        f"{tables.samples.relation()} WHERE {owner} AND time >= {low} AND time < {high} "
        "AND series IN (SELECT series FROM s)) SELECT source, site, instance, name, arg_max(value, time) AS value, "
        "max(time) AS time, list([time, value] ORDER BY time) "
        f"FILTER (new AND name = '{AGENT}step') AS changes "
        "FROM v JOIN s USING (source, series) GROUP BY source, site, instance, name ORDER BY 1, 2, 3, 4"
    )
    with connection() as con:
        found: list[dict[str, Any]] = con.sql(query).to_arrow_table().to_pylist()
    return found


def _at(us: int | None) -> datetime | None:
    return None if us is None else EPOCH + timedelta(microseconds=us)
