"""From counted rows to a series: dense minutes, each with what is known about it."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa

from nines.lake.rollup import state_rows
from nines.objectives.indicator import StateIndicator
from nines.spans import MINUTE
from nines.telemetry.datasource import DataSource
from nines.telemetry.heartbeat import alive_minutes
from nines.telemetry.series import Ints, MinuteSeries, MinuteState
from nines.telemetry.states import Seen, state_series


def minute_series(counts: pa.Table, pulses: Ints, source: DataSource, start: int, end: int) -> MinuteSeries:
    """Return counts as a dense series.

    Args:
        counts: columns minute, good, bad, unknown, and state where the source said what it knew (else NULL).
        pulses: minutes in which the source was heard, ascending.
        source: its heartbeat tells silence from quiet.
        start: first grid minute.
        end: grid minute after the last.
    """
    minute = counts.column("minute").to_numpy().astype(np.int64)
    inside = (minute >= start) & (minute < end)
    place = minute[inside] - start
    dense = np.zeros((3, end - start), dtype=np.int64)
    for row, name in zip(dense, ("good", "bad", "unknown"), strict=True):
        np.add.at(row, place, counts.column(name).to_numpy().astype(np.int64)[inside])
    state = alive_minutes(pulses, source.heartbeat.gap // MINUTE, start, end).astype(np.uint8)
    state[dense.sum(axis=0) > 0] = MinuteState.ALIVE
    first = int(pulses[0]) if len(pulses) else None
    if counts.column("state").null_count < counts.num_rows:
        said = counts.column("state").fill_null(-1).to_numpy()[inside]
        state[place[said >= 0]] = said[said >= 0]
        first = int(minute.min()) if first is None else min(first, int(minute.min()))
    return MinuteSeries(start, dense[0], dense[1], dense[2], state, first)


def state_indicator_series(
    con: duckdb.DuckDBPyConnection, relation: str, indicator: StateIndicator, start: int, end: int
) -> MinuteSeries:
    """Return a state indicator's time as a series.

    Args:
        con: connection that knows the relation.
        relation: SQL that can stand after FROM; it holds rows from `max_hold` before the start on.
        indicator: which rows, what is up, and how long a state is believed.
        start: first grid minute.
        end: grid minute after the last; no later than the present.
    """
    rows = state_rows(con, relation, indicator)
    times = rows.column("moment").to_numpy().astype(np.int64)
    up = rows.column("up").to_pylist()
    seen = np.array([Seen.UNKNOWN if v is None else Seen.UP if v else Seen.DOWN for v in up], dtype=np.uint8)
    keys = (
        rows.column("key").combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64) if len(up) else None
    )
    hold = indicator.max_hold // type(indicator.max_hold).resolution
    series = state_series(times, seen, keys, max_hold_us=int(hold), start=start, end=end)
    known = np.flatnonzero(series.state)
    return MinuteSeries(
        start, series.good, series.bad, series.unknown, series.state, start + int(known[0]) if len(known) else None
    )
