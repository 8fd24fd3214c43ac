"""Counters turned into counts: increments per series first, sums afterwards.

One rule: only the difference of two readings of one series is a count of events. A reading stands for the time
before it, so it belongs to the minute in which that time ends: a reading at 12:01:00 sharp closes the minute 12:00.

Counters are read as doubles; whole numbers below 2^53 are exact, and nothing else is counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nines.telemetry.quality import Finding, Oddity
from nines.telemetry.series import Flags, Ints, MinuteState, States

#: Readings further apart than this many usual distances have a gap between them.
GAP_FACTOR = 2.5
#: In `Samples.created`: this reading's series does not say when it began.
NOT_SAID: int = np.iinfo(np.int64).min
#: How Prometheus marks the end of a series: one NaN of all, known by its bits.
_STALE = 0x7FF0000000000002
_EXACT = 2.0**53
#: What makes a reading impossible, by code; 0 is a good reading. Where several hold, the last is told.
_IMPOSSIBLE: dict[int, Oddity] = {1: "conflict", 2: "too-large", 3: "not-whole", 4: "negative", 5: "not-a-number"}

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Readings of some counter series, in any order.

    Attributes:
        series: number of the series each reading belongs to, an index into `names`.
        times: instants, UTC milliseconds.
        values: what the counters showed.
        names: names of the series, for reports.
        created: for each reading the instant its series says it began, UTC milliseconds, or `NOT_SAID`; None when
            none says. Where the start of a process vouches for its counters, pass that.
    """

    series: Ints
    times: Ints
    values: Floats
    names: tuple[str, ...]
    created: Ints | None = None

    def latest(self) -> Samples:
        """Return the last true reading of each series and what follows it.

        Put before the next chunk of a long range, it makes the chunks count what the whole range would.
        """
        order = np.lexsort((self.times, self.series))
        series, times = self.series[order], self.times[order]
        true = _kinds(self.values[order]) == 0
        begins = np.flatnonzero(np.append(True, np.diff(series) != 0)[: len(series)])
        last = np.maximum.reduceat(np.where(true, times, NOT_SAID), begins) if len(series) else times
        size = np.diff(np.append(begins, len(series)))
        kept = order[times >= np.repeat(last, size)]
        created = None if self.created is None else self.created[kept]
        return Samples(self.series[kept], self.times[kept], self.values[kept], self.names, created)


@dataclass(frozen=True, slots=True, eq=False)
class Scrapes:
    """When the targets behind the series were looked at, which tells a newborn series from an old one.

    Attributes:
        target: number of the target of each series, an index into the other two; -1 where it is not known.
        successes: sorted instants of successful scrapes of each target, UTC milliseconds.
        restarts: sorted instants at which each target's process began, as far as known, UTC milliseconds.
    """

    target: Ints
    successes: tuple[Ints, ...]
    restarts: tuple[Ints, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Increments:
    """Events by minute, summed over series.

    Attributes:
        start: grid minute of the first element.
        counts: int64 events per minute; zero where the minute is BROKEN.
        doubt: int64 events per minute of which nobody can say whether they happened then or before.
        state: uint8 `MinuteState` per minute.
        instants: sorted instants of the readings used, UTC milliseconds.
        first: grid minute of the first reading, or None without any.
        findings: what was odd.
    """

    start: int
    counts: Ints
    doubt: Ints
    state: States
    instants: Ints
    first: int | None
    findings: tuple[Finding, ...]


def minute_ending(times: Ints) -> Ints:
    """Return the grid minute that ends at, or else holds, each instant in UTC milliseconds.

    Example:
        >>> minute_ending(np.array([59_999, 60_000, 60_001])).tolist()
        [0, 0, 1]
    """
    return (times - 1) // 60_000


def increments(
    samples: Samples,
    *,
    interval_ms: int,
    start: int,
    end: int,
    since_ms: int | None = None,
    scrapes: Scrapes | None = None,
    young_ms: int = 0,
) -> Increments:
    """Return the events that some counters counted in each minute.

    A value that drops, or a creation after the previous reading, is a reset, and the new value counts whole. A series
    that appears later than `since_ms` counts whole when its creation lies after that or after its target's previous
    scrape, or no more than `young_ms` before the reading, or when that scrape succeeded without it and the process has
    not restarted since; otherwise its first value is doubt. An increment over more than `GAP_FACTOR` intervals, or over
    a reading that cannot be true, is BRIDGED. Readings that cannot be true (not a number, negative, not whole, beyond
    2^53, contradicting one of the same instant) leave their minute BROKEN. A stale marker ends a series and breaks
    nothing.

    Args:
        samples: readings. The first increments of the span start from those before it, so include a few intervals,
            or the `latest` of the chunk before.
        interval_ms: usual distance of two readings of a series, milliseconds, > 0.
        start: first grid minute.
        end: grid minute after the last.
        since_ms: instant from which all readings were asked for; None takes the first reading's.
        scrapes: successful scrapes and restarts, or None when unknown.
        young_ms: a series created no longer before its first reading counts whole: pushed series, which nobody looked
            for before.

    Example:
        >>> one = Samples(np.zeros(3, int), np.array([60_000, 120_000, 180_000]), np.array([5.0, 9.0, 2.0]), ("c",))
        >>> increments(one, interval_ms=60_000, start=1, end=3).counts.tolist()
        [4, 2]
    """
    readings = CounterReadings(samples)
    first_look = int(samples.times.min()) if since_ms is None and len(samples.times) else since_ms or 0
    readings.look_back(first_look, int(GAP_FACTOR * interval_ms), scrapes, young_ms)
    state = readings.states(start, end)
    whole = state != MinuteState.BROKEN
    return Increments(
        start,
        readings.by_minute(readings.counts, start, end) * whole,
        readings.by_minute(readings.doubt, start, end) * whole,
        state,
        np.unique(readings.times),
        int(readings.minutes.min()) if len(readings.minutes) else None,
        readings.findings(),
    )


class CounterReadings:
    """The possible readings, sorted by series and time, each with what it adds.

    Attributes:
        series, times, minutes: of each possible reading.
        counts: what it adds; `doubt` of it nobody knows when.
        origin: instant from which it counts; `bridged` whether a gap lies in between.
        broken, broken_series: minute and series of each reading that cannot be true.
    """

    def __init__(self, samples: Samples) -> None:
        """Sort readings and set the possible ones apart; `look_back` then decides where first ones count from."""
        self.names = samples.names
        self._tell: list[tuple[Oddity, Ints, Ints, Ints]] = []
        kept = samples.values.view(np.int64) != _STALE
        order = np.lexsort((samples.times[kept], samples.series[kept]))
        series, times, values = (a[kept][order] for a in (samples.series, samples.times, samples.values))
        created = np.full(len(times), NOT_SAID) if samples.created is None else samples.created[kept][order]
        group = np.flatnonzero(np.append(True, (np.diff(times) != 0) | (np.diff(series) != 0))[: len(times)])
        kinds = np.zeros(0, np.int64)
        if len(times):
            least, most = np.fmin.reduceat(values, group), np.fmax.reduceat(values, group)
            kinds = np.maximum(np.maximum.reduceat(_kinds(values), group), least != most)
            size = np.diff(np.append(group, len(times)))
            self._note("duplicate", series[group], minute_ending(times[group]), (size - 1) * (kinds == 0))
        series, times, values, created = (a[group] for a in (series, times, values, created))
        for code, oddity in _IMPOSSIBLE.items():
            self._note(oddity, series, minute_ending(times), (kinds == code).astype(np.int64))
        possible = kinds == 0
        self.broken, self.broken_series = minute_ending(times[~possible]), series[~possible]
        begins = np.append(True, np.diff(series) != 0)[: len(series)]
        impossible_before = np.cumsum(~possible)
        self.series, self.times, self.created = series[possible], times[possible], created[possible]
        self.values = values[possible].astype(np.int64)
        self.minutes = minute_ending(self.times)
        at_begin = np.maximum.accumulate(np.where(begins, impossible_before - ~possible, 0))
        self._set_apart(impossible_before[possible], at_begin[possible])

    def _set_apart(self, impossible_before: Ints, at_begin: Ints) -> None:
        """Compare each reading with the one before; note which have a reading that cannot be true in between."""
        self.first: Flags = np.append(True, np.diff(self.series) != 0)[: len(self.series)]
        before = np.concatenate([at_begin[:1], impossible_before[:-1]])
        self.over_broken: Flags = impossible_before > np.where(self.first, at_begin, before)
        previous = np.concatenate([self.values[:1], self.values[:-1]])
        self.origin = np.concatenate([self.times[:1], self.times[:-1]])
        reset = ~self.first & ((self.values < previous) | (self.created > self.origin))
        self.counts = np.where(self.first | reset, self.values, self.values - previous)
        self._note("reset", self.series, self.minutes, reset.astype(np.int64))

    def look_back(self, since: int, gap: int, scrapes: Scrapes | None, young: int = 0) -> None:
        """Decide where the first reading of each series counts from, then what is bridged."""
        self.doubt = np.zeros_like(self.counts)
        self.baseline = np.zeros(len(self.counts), dtype=np.bool_)
        for i in np.flatnonzero(self.first):
            time, created = int(self.times[i]), int(self.created[i])
            origin = _newborn_origin(int(self.series[i]), time, created, since, scrapes)
            if origin is None and created != NOT_SAID and 0 <= time - created <= young:
                origin = created
            self.baseline[i] = origin is None
            self.origin[i] = time if origin is None else origin
            if origin is None and time - since > gap:
                self.doubt[i] = self.counts[i]
        self.counts = np.where(self.baseline, 0, self.counts)
        self.bridged = ~self.baseline & ((self.times - self.origin > gap) | self.over_broken)
        self._note("born-at-n", self.series, self.minutes, self.doubt)
        between = np.maximum(self.minutes - minute_ending(self.origin) - 1, 0)
        self._note("gap", self.series, self.minutes - between, between * (self.bridged & ~self.over_broken))

    def by_minute(self, amounts: Ints, start: int, end: int) -> Ints:
        """Return amounts of all series summed by minute."""
        inside = (self.minutes >= start) & (self.minutes < end)
        out = np.zeros(end - start, dtype=np.int64)
        np.add.at(out, self.minutes[inside] - start, amounts[inside])
        return out

    def states(self, start: int, end: int) -> States:
        """Return what is known of each minute: broken before bridged, bridged before alive."""

        def painted(first: Ints, last: Ints) -> Flags:
            changes = np.zeros(end - start + 1, dtype=np.int64)
            np.add.at(changes, np.clip(first, start, end) - start, 1)
            np.add.at(changes, np.clip(last + 1, start, end) - start, -1)
            flags: Flags = np.cumsum(changes)[:-1] > 0
            return flags

        after = np.minimum(minute_ending(self.origin) + 1, self.minutes + 1)
        state = np.zeros(end - start, dtype=np.uint8)
        state[painted(self.minutes, self.minutes)] = MinuteState.ALIVE
        state[painted(after[~self.bridged], self.minutes[~self.bridged])] = MinuteState.ALIVE
        state[painted(after[self.bridged], self.minutes[self.bridged])] = MinuteState.BRIDGED
        state[painted(self.broken, self.broken)] = MinuteState.BROKEN
        return state

    def findings(self) -> tuple[Finding, ...]:
        """Return what was odd, one finding per series and kind."""
        found: list[Finding] = []
        for oddity, series, minutes, numbers in self._tell:
            codes, begins = np.unique(series, return_index=True)  # readings are sorted by series
            firsts, sums = np.minimum.reduceat(minutes, begins), np.add.reduceat(numbers, begins)
            for code, first, number in zip(codes.tolist(), firsts.tolist(), sums.tolist(), strict=True):
                found.append(Finding(self.names[code], oddity, first, number))
        return tuple(found)

    def _note(self, oddity: Oddity, series: Ints, minutes: Ints, numbers: Ints) -> None:
        some = np.flatnonzero(numbers)
        if len(some):
            self._tell.append((oddity, series[some], minutes[some], numbers[some]))


def _kinds(values: Floats) -> Ints:
    """Return the `_IMPOSSIBLE` code of each reading, 0 for a possible one."""
    finite = np.isfinite(values)
    kinds = np.where(np.abs(values) >= _EXACT, 2, 0)
    kinds = np.where(finite & (np.floor(values) != values), 3, kinds)
    kinds = np.where(values < 0, 4, kinds)
    return np.where(finite, kinds, 5).astype(np.int64)


def _newborn_origin(series: int, time: int, created: int, since: int, scrapes: Scrapes | None) -> int | None:
    """Return the instant from which a series' first value counts, or None when nobody can say."""
    look, restarted = None, False
    target = -1 if scrapes is None else int(scrapes.target[series])
    if scrapes is not None and target >= 0:
        successes, restarts = scrapes.successes[target], scrapes.restarts[target]
        before = int(np.searchsorted(successes, time, side="left"))
        look = int(successes[before - 1]) if before else None
        after_look = -1 if look is None else int(np.searchsorted(restarts, look, side="right"))
        restarted = 0 <= after_look < int(np.searchsorted(restarts, time, side="right"))
    known_from = since if look is None else min(since, look)
    if created != NOT_SAID and created >= known_from:
        return min(created, time)
    if look is not None and look >= since and not restarted:
        return look
    return None
