"""Many counter indicators counted at once: what `increments` and `paired` do one by one, in arrays of sides x minutes.

One rule: for every indicator the counts and states are those of `paired` over its own increments.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nines.telemetry.counters import GAP_FACTOR, CounterReadings, Samples, Scrapes, minute_ending
from nines.telemetry.deltas import delta_units
from nines.telemetry.series import Flags, Ints, MinuteState, States

#: Sides of an indicator, in the order of their rows: row 3 i + GOOD is the good side of indicator i.
GOOD, BAD, TOTAL = 0, 1, 2


@dataclass(frozen=True, slots=True, eq=False)
class Membership:
    """Which sides each series belongs to.

    Attributes:
        sides: number of sides, three for each indicator.
        series: index of a series, ascending.
        side: a side it belongs to, aligned with `series`.
        sign: whether it is added (1) or subtracted (-1) there.
    """

    sides: int
    series: Ints
    side: Ints
    sign: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """Increments of every side over some minutes: int64 [sides, minutes]."""

    counts: Ints
    doubt: Ints
    state: States


@dataclass(frozen=True, slots=True, eq=False)
class Paired:
    """Counts of every indicator over some minutes: [indicators, minutes]."""

    good: Ints
    bad: Ints
    unknown: Ints
    state: States


def count_sides(
    running: Samples,
    deltas: Samples,
    belongs: Membership,
    scrapes: Scrapes,
    *,
    interval_ms: int,
    start: int,
    end: int,
    since_ms: int,
    young_ms: int = 0,
) -> Sides:
    """Return the increments of every side.

    Args:
        running: readings of running totals of all series.
        deltas: readings that are increases, of the same numbering.
        belongs: which sides each series belongs to.
        scrapes: looks at the target of each series.
        interval_ms: usual distance of two readings, milliseconds.
        start: first grid minute.
        end: grid minute after the last.
        since_ms: instant from which all readings are here, UTC milliseconds.
        young_ms: a series created no longer before its first reading counts whole.
    """
    readings = CounterReadings(running)
    readings.look_back(since_ms, int(GAP_FACTOR * interval_ms), scrapes, young_ms)
    board = _Board(belongs, start, end)
    board.add(readings.series, readings.minutes, readings.counts, readings.doubt)
    after = np.minimum(minute_ending(readings.origin) + 1, readings.minutes + 1)
    board.paint(readings, after)
    units = delta_units(deltas)
    true = units.possible
    board.add(units.series[true], units.minutes[true], units.counts[true])
    board.spoil(units.series[~true], units.minutes[~true])
    board.spoil(readings.broken_series, readings.broken)
    whole = board.state != MinuteState.BROKEN
    return Sides(board.counts * whole, board.doubt * whole, board.state)


class _Board:
    """Sides x minutes, while they are counted."""

    def __init__(self, belongs: Membership, start: int, end: int) -> None:
        self._belongs, self._start, self._end = belongs, start, end
        shape = belongs.sides, end - start
        self.counts, self.doubt = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        self.state: States = np.zeros(shape, dtype=np.uint8)

    def _place(self, series: Ints, minutes: Ints) -> tuple[Ints, tuple[Ints, Ints], Ints]:
        """Return for what lies inside: index of the reading, its (side, minute), and its sign there."""
        which, side, sign = _spread(series, self._belongs)
        inside = (minutes[which] >= self._start) & (minutes[which] < self._end)
        which = which[inside]
        return which, (side[inside], minutes[which] - self._start), sign[inside]

    def add(self, series: Ints, minutes: Ints, counts: Ints, doubt: Ints | None = None) -> None:
        """Add what readings count; their minutes are alive."""
        which, place, sign = self._place(series, minutes)
        np.add.at(self.counts, place, sign * counts[which])
        if doubt is not None:
            np.add.at(self.doubt, place, doubt[which])
        np.maximum.at(self.state, place, np.uint8(MinuteState.ALIVE))

    def paint(self, readings: CounterReadings, after: Ints) -> None:
        """Mark the minutes from the one before on to each reading as alive, or as bridged over a gap."""
        which, side, _ = _spread(readings.series, self._belongs)
        bridged = readings.bridged[which]
        first, last = after[which], readings.minutes[which]
        for mask, value in ((~bridged, MinuteState.ALIVE), (bridged, MinuteState.BRIDGED)):
            self.state[_painted(side[mask], first[mask], last[mask], self.state.shape, self._start)] = value

    def spoil(self, series: Ints, minutes: Ints) -> None:
        """Mark the minutes of readings that cannot be true as broken."""
        _, place, _ = self._place(series, minutes)
        self.state[place] = MinuteState.BROKEN


def _spread(series: Ints, belongs: Membership) -> tuple[Ints, Ints, Ints]:
    """Return for each reading and each side of its series: the reading's index, the side, the sign."""
    first = np.searchsorted(belongs.series, series, side="left")
    number = np.searchsorted(belongs.series, series, side="right") - first
    which = np.repeat(np.arange(len(series)), number)
    offset = np.arange(len(which)) - np.repeat(np.cumsum(number) - number, number)
    entry = np.repeat(first, number) + offset
    return which, belongs.side[entry], belongs.sign[entry]


def _painted(side: Ints, first: Ints, last: Ints, shape: tuple[int, ...], start: int) -> Flags:
    """Return which minutes lie in a stretch [first, last] of their side."""
    changes = np.zeros((shape[0], shape[1] + 1), dtype=np.int64)
    end = start + shape[1]
    np.add.at(changes, (side, np.clip(first, start, end) - start), 1)
    np.add.at(changes, (side, np.clip(last + 1, start, end) - start), -1)
    flags: Flags = np.cumsum(changes, axis=1)[:, :-1] > 0
    return flags


def pair_sides(found: Sides, used: Flags, alive: Flags, apart: Flags) -> Paired:
    """Return the counts of every indicator from its sides; see `pairing.paired`.

    Args:
        found: increments of the sides.
        used: [indicators, 3], the two sides each indicator has.
        alive: minutes in which the source was heard, which turn silent sides alive.
        apart: [indicators, minutes] where a part was read at an instant at which its total was not.
    """
    heard = np.where((found.state == MinuteState.SILENT) & alive, np.uint8(MinuteState.ALIVE), found.state)
    counts, doubt, state = (values.reshape(len(used), 3, -1) for values in (found.counts, found.doubt, heard))
    without_total, of_good = ~used[:, TOTAL, None], used[:, GOOD, None]
    part = np.where(of_good, counts[:, GOOD], counts[:, BAD])
    other = np.where(without_total, counts[:, BAD], counts[:, TOTAL])
    said = np.maximum(
        np.where(of_good, state[:, GOOD], state[:, BAD]), np.where(without_total, state[:, BAD], state[:, TOTAL])
    )
    wrong = (part < 0) | (other < 0) | (~without_total & (apart | (part > other)))
    said = np.where(wrong, np.uint8(MinuteState.BROKEN), said)
    whole = (said != MinuteState.BROKEN).astype(np.int64)
    rest = other - part
    doubted = np.minimum(np.where(of_good, doubt[:, GOOD], doubt[:, BAD]), rest)
    others, open_ = rest - doubted, doubted + doubt[:, TOTAL]
    good = np.where(without_total, counts[:, GOOD], np.where(of_good, part, others))
    bad = np.where(without_total, counts[:, BAD], np.where(of_good, others, part))
    unknown = np.where(without_total, doubt[:, GOOD] + doubt[:, BAD], open_)
    return Paired(good * whole, bad * whole, unknown * whole, said)


def read_apart(samples: Samples, belongs: Membership, used: Flags, start: int, end: int) -> Flags:
    """Return the minutes [indicators, minutes] in which a part was read at an instant at which its total was not.

    Args:
        samples: readings of all series, running totals and deltas.
        belongs: which sides each series belongs to.
        used: [indicators, 3], the two sides each indicator has.
        start: first grid minute.
        end: grid minute after the last.
    """
    apart = np.zeros((len(used), end - start), dtype=np.bool_)
    order = np.argsort(samples.series, kind="stable")
    which, side, _ = _spread(samples.series[order], belongs)
    instants, rank = np.unique(samples.times[order], return_inverse=True)
    indicator, key = side // 3, (side // 3) * len(instants) + rank[which]
    totals = side % 3 == TOTAL
    lonely = ~totals & used[indicator, TOTAL] & ~np.isin(key, key[totals])
    minutes = minute_ending(samples.times[order][which])
    inside = lonely & (minutes >= start) & (minutes < end)
    apart[indicator[inside], minutes[inside] - start] = True
    return apart
