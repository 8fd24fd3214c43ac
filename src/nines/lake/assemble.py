"""From counted rows to a series: dense minutes, each with what is known about it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from nines.lake.rollup import state_rows
from nines.objectives.indicator import Indicator, StateIndicator
from nines.spans import MINUTE
from nines.telemetry.datasource import DataSource
from nines.telemetry.heartbeat import alive_minutes
from nines.telemetry.series import COUNTED, Ints, MinuteSeries, MinuteState, States, Stratum, series_of_strata
from nines.telemetry.states import Seen, state_series

_ALIVE = MinuteState.ALIVE


@dataclass(frozen=True, slots=True, eq=False)
class Pulses:
    """When a source was heard.

    Attributes:
        minute: int64 grid minutes, ascending.
        site: the site heard in each, "" where it has none.
    """

    minute: Ints
    site: npt.NDArray[np.object_]

    @classmethod
    def of(cls, minute: Ints, site: Sequence[str]) -> Pulses:
        """Return pulses from columns of one length."""
        return cls(minute, np.array(site, dtype=object))


def minute_series(counts: pa.Table, pulses: Pulses, source: DataSource, start: int, end: int) -> MinuteSeries:
    """Return counts as a dense series.

    Args:
        counts: columns minute, site, weight_num, weight_den, good, bad, unknown, units, nn, nb, bb, and state where the
            source said what it knew (else NULL).
        pulses: when the source was heard.
        source: its heartbeat tells silence from quiet, and its sites are told apart.
        start: first grid minute.
        end: grid minute after the last.
    """
    minute = counts.column("minute").to_numpy().astype(np.int64)
    inside = (minute >= start) & (minute < end)
    strata = _strata(counts.filter(pa.array(inside)), start, end)
    gap = source.heartbeat.gap // MINUTE
    state = alive_minutes(pulses.minute, gap, start, end).astype(np.uint8)
    state[sum((s.good + s.bad + s.unknown for s in strata), np.zeros(end - start, dtype=np.int64)) > 0] = _ALIVE
    first = int(pulses.minute.min()) if len(pulses.minute) else None
    if counts.column("state").null_count < counts.num_rows:
        said = counts.column("state").fill_null(-1).to_numpy()[inside]
        state[minute[inside][said >= 0] - start] = said[said >= 0]
        first = int(minute.min()) if first is None else min(first, int(minute.min()))
    missing = _silent_shares(counts, pulses, source, start, end, state) if source.sites else None
    if all(s.weight == 1 for s in strata) and missing is None:
        one = strata[0] if strata else None
        none = np.zeros(end - start, dtype=np.int64)
        sums = (one.good, one.bad, one.unknown) if one else (none, none.copy(), none.copy())
        return MinuteSeries(start, *sums, state, first)
    made = series_of_strata(start, strata or [_empty(end - start)], state, first, missing)
    return replace(made, strata=()) if all(s.weight == 1 for s in strata) else made


def counts_block(
    counts: pa.Table,
    pulses: Mapping[str, Pulses],
    wanted: Sequence[tuple[Indicator, DataSource]],
    start: int,
    end: int,
    lost: Mapping[str, Ints],
) -> tuple[Ints, States]:
    """Return counts of many indicators as arrays; for each of them what `minute_series` gives.

    Args:
        counts: columns indicator, minute, good, bad, unknown, state; every weight is 1.
        pulses: when each source was heard.
        wanted: indicators and their sources.
        start: first grid minute.
        end: grid minute after the last.
        lost: rows lost in each minute, by source, where it lost any.
    """
    alive = {
        s.name: alive_minutes(pulses[s.name].minute, s.heartbeat.gap // MINUTE, start, end)
        for s in {s.name: s for _, s in wanted}.values()
        if s.name in pulses
    }
    nothing = np.zeros(end - start, dtype=np.bool_)
    state = np.array([alive.get(s.name, nothing) for _, s in wanted], dtype=np.uint8).reshape(len(wanted), end - start)
    sums = np.zeros((3, len(wanted), end - start), dtype=np.int64)
    rows: dict[str, list[int]] = {}
    for number, (indicator, _) in enumerate(wanted):
        rows.setdefault(indicator.identity, []).append(number)
    names = counts.column("indicator").to_pylist()
    pairs = [(at, number) for at, name in enumerate(names) for number in rows.get(name, ())]
    at, which = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    place = which, counts.column("minute").to_numpy().astype(np.int64)[at] - start
    for row, name in zip(sums, COUNTED[:3], strict=True):
        np.add.at(row, place, counts.column(name).to_numpy().astype(np.int64)[at])
    state[sums.sum(axis=0) > 0] = MinuteState.ALIVE
    said = counts.column("state").fill_null(-1).to_numpy().astype(np.int64)[at]
    known = said >= 0
    state[place[0][known], place[1][known]] = said[known]
    for number, (_, source) in enumerate(wanted):
        if source.name in lost:
            sums[2, number] += lost[source.name]
            state[number, (state[number] == MinuteState.SILENT) & (lost[source.name] > 0)] = _ALIVE
    return sums, state


def with_losses(series: MinuteSeries, lost: Ints) -> MinuteSeries:
    """Return a series with the rows that its source lost as unknown events.

    Args:
        series: as counted.
        lost: int64 rows lost in each of its minutes.
    """
    unknown = series.unknown + lost.astype(series.unknown.dtype) * series.scale
    state = np.where((series.state == MinuteState.SILENT) & (lost > 0), np.uint8(MinuteState.ALIVE), series.state)
    return replace(series, unknown=unknown, state=state)


def _strata(counts: pa.Table, start: int, end: int) -> list[Stratum]:
    """Return what was kept, by weight, the least weight first and the unknown one last."""
    if not counts.num_rows:
        return []
    num, den, place = (counts.column(n).to_numpy().astype(np.int64) for n in ("weight_num", "weight_den", "minute"))
    place = place - start
    values = {n: counts.column(n).to_numpy().astype(np.int64) for n in COUNTED}
    weights = {
        (n, d): Fraction(n, d) if n else None for n, d in np.unique(np.stack([num, den], axis=1), axis=0).tolist()
    }
    found: list[Stratum] = []
    for weight in sorted(set(weights.values()), key=lambda w: (w is None, w or 0)):
        same = np.zeros(len(num), dtype=np.bool_)
        for (n, d), of in weights.items():
            if of == weight:
                same |= (num == n) & (den == d)
        dense = np.zeros((len(COUNTED), end - start), dtype=np.int64)
        for row, name in zip(dense, COUNTED, strict=True):
            np.add.at(row, place[same], values[name][same])
        if dense.any():
            found.append(Stratum(weight, *dense))
    return found


def _empty(length: int) -> Stratum:
    return Stratum(Fraction(1), *np.zeros((len(COUNTED), length), dtype=np.int64))


def _silent_shares(
    counts: pa.Table, pulses: Pulses, source: DataSource, start: int, end: int, state: States
) -> Ints | None:
    """Return the events that silent sites usually have, for minutes in which another site was heard.

    A site's usual events are its mean over the minutes in which it was heard, rounded up; a site never heard in the
    span is taken to be like the mean of the others. None when no site was silent.
    """
    gap = source.heartbeat.gap // MINUTE
    alive = {s: alive_minutes(pulses.minute[pulses.site == s], gap, start, end) for s in source.sites}
    events = np.zeros((len(source.sites), end - start), dtype=np.int64)
    names = np.array(counts.column("site").to_pylist(), dtype=object)
    minute = counts.column("minute").to_numpy().astype(np.int64)
    total = sum(counts.column(n).to_numpy().astype(np.int64) for n in COUNTED[:3])
    for row, site in zip(events, source.sites, strict=True):
        here = (names == site) & (minute >= start) & (minute < end)
        np.add.at(row, minute[here] - start, total[here])
        alive[site] = alive[site] | (row > 0)
    heard = {s: int(a.sum()) for s, a in alive.items()}
    means = [Fraction(int(e.sum()), heard[s]) for e, s in zip(events, source.sites, strict=True) if heard[s]]
    if not means or all(a.all() for a in alive.values()):
        return None
    usual = dict.fromkeys(source.sites, sum(means, Fraction(0)) / len(means))
    usual |= dict(zip((s for s in source.sites if heard[s]), means, strict=True))
    partly = state != MinuteState.SILENT
    return sum(
        ((~alive[s] & partly).astype(np.int64) * math.ceil(usual[s]) for s in source.sites),
        np.zeros(end - start, dtype=np.int64),
    )


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


def grouped(table: pa.Table, name: str) -> dict[str, pa.Table]:
    """Return the rows of a table by the values of one text column; the table is sorted by it."""
    if not table.num_rows:
        return {}
    names = table.column(name).combine_chunks().dictionary_encode()
    codes = names.indices.to_numpy()
    edges = np.append(np.flatnonzero(np.append(True, np.diff(codes) != 0)), len(codes))
    words = names.dictionary.to_pylist()
    return {words[codes[a]]: table.slice(a, b - a) for a, b in pairwise(edges)}
