"""Counts of one indicator at each of several sites: what a quorum asks.

Each site has its own silence: it is heard by its own rows, whatever the others do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nines.lake.assemble import Pulses, minute_series
from nines.lake.engine import connection
from nines.lake.lake import Lake
from nines.lake.rollup import text
from nines.objectives.indicator import EventIndicator
from nines.telemetry.datasource import DataSource
from nines.telemetry.series import COUNTED, MinuteSeries


def series_by_site(
    lake: Lake,
    tenant: str,
    indicator: EventIndicator,
    source: DataSource,
    sites: Sequence[str],
    start: int,
    end: int,
    seq: int | None = None,
) -> dict[str, MinuteSeries]:
    """Return the counts of an indicator at each site for the minutes [start, end), as known at a sequence.

    Args:
        lake: where the counts lie.
        tenant: owner.
        indicator: what was counted.
        source: where it was counted.
        sites: values of the column `site`.
        start: first grid minute.
        end: grid minute after the last.
        seq: last sequence to see, or None for all.
    """
    known = f"AND seq <= {seq}" if seq is not None else ""
    here = f"tenant = {text(tenant)} AND coalesce(site, '') IN ({', '.join(text(s) for s in sites)})"
    sums = ", ".join(f"sum({name})::BIGINT AS {name}" for name in COUNTED)
    gap = source.heartbeat.gap.total_seconds() // 60
    near = f"minute >= {start - int(gap)} AND minute < {end + int(gap)}"
    heard = f"SELECT site, minute FROM {lake.tables.pulses.relation()} WHERE {here} AND source = {text(source.name)}"
    with connection() as con:
        counts = con.sql(
            f"SELECT site, minute, weight_num, weight_den, {sums}, arg_max(state, seq) AS state FROM "
            f"{lake.tables.counts.relation()} WHERE {here} AND indicator = {text(indicator.identity)} "
            f"AND minute >= {start} AND minute < {end} {known} GROUP BY ALL ORDER BY site, minute"
        ).to_arrow_table()
        pulses = con.sql(
            f"SELECT site, min(minute) AS minute FROM ({heard} {known}) GROUP BY 1 UNION "
            f"SELECT site, minute FROM ({heard} {known}) WHERE {near} ORDER BY 1, 2"
        ).to_arrow_table()
    minutes = pulses.column("minute").to_numpy().astype(np.int64)
    found = Pulses.of(minutes, pulses.column("site").to_pylist())
    return apart(counts, found, source, sites, start, end)


def apart(
    counts: pa.Table, pulses: Pulses, source: DataSource, sites: Sequence[str], start: int, end: int
) -> dict[str, MinuteSeries]:
    """Return counts and heartbeats as one series for each site.

    Args:
        counts: as for `minute_series`, with the column site.
        pulses: when each site was heard.
        source: its heartbeat tells silence from quiet.
        sites: which.
        start: first grid minute.
        end: grid minute after the last.

    Returns:
        A site that nobody ever heard is taken to be due since the first of the others was: it is named, and silent.
    """
    alone, found = replace(source, sites=()), {}
    for site in sites:
        mine = pulses.site == site
        heard = Pulses(pulses.minute[mine], pulses.site[mine])
        found[site] = minute_series(counts.filter(pc.equal(counts.column("site"), site)), heard, alone, start, end)
    return _due(found)


def _due(found: Mapping[str, MinuteSeries]) -> dict[str, MinuteSeries]:
    first = min((s.first for s in found.values() if s.first is not None), default=None)
    return {name: s if s.first is not None else replace(s, first=first) for name, s in found.items()}
