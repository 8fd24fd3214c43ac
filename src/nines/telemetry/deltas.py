"""Deltas turned into counts: a reading that is an increase already, with the instant it began.

One rule: what a delta says happened by its end belongs to the minute its span ends in. Deltas that overlap would count
twice, so the later one leaves its minute BROKEN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nines.telemetry.counters import NOT_SAID, Increments, Samples, minute_ending
from nines.telemetry.quality import Finding, Oddity
from nines.telemetry.series import Flags, Ints, MinuteState


def delta_increments(samples: Samples, *, start: int, end: int) -> Increments:
    """Return the events that some deltas tell of, by minute.

    Args:
        samples: readings; `created` is where each delta begins, or `NOT_SAID`.
        start: first grid minute.
        end: grid minute after the last.

    Example:
        >>> two = Samples(np.zeros(2, int), np.array([60_000, 120_000]), np.array([5.0, 2.0]), ("d",))
        >>> delta_increments(two, start=0, end=2).counts.tolist()
        [5, 2]
    """
    units = delta_units(samples)
    inside = (units.minutes >= start) & (units.minutes < end)
    counts, state = np.zeros(end - start, dtype=np.int64), np.zeros(end - start, dtype=np.uint8)
    used = inside & units.possible
    np.add.at(counts, units.minutes[used] - start, units.counts[used])
    state[units.minutes[used] - start] = MinuteState.ALIVE
    state[units.minutes[inside & ~units.possible] - start] = MinuteState.BROKEN
    counts[state == MinuteState.BROKEN] = 0
    first = int(units.minutes.min()) if len(units.minutes) else None
    findings = (
        *_told(samples.names, "conflict", units.series, units.minutes, units.overlap),
        *_told(samples.names, "not-a-number", units.series, units.minutes, ~units.possible & ~units.overlap),
    )
    return Increments(start, counts, np.zeros_like(counts), state, np.unique(samples.times), first, findings)


@dataclass(frozen=True, slots=True, eq=False)
class DeltaUnits:
    """Deltas one by one, sorted by series and time.

    Attributes:
        series, minutes, counts: of each; counts are 0 where it cannot be true.
        possible: whether it can be true and overlaps none before it.
        overlap: whether it begins before the one before it ended.
    """

    series: Ints
    minutes: Ints
    counts: Ints
    possible: Flags
    overlap: Flags


def delta_units(samples: Samples) -> DeltaUnits:
    """Return deltas with what each adds.

    Args:
        samples: readings; `created` is where each delta begins, or `NOT_SAID`.
    """
    order = np.lexsort((samples.times, samples.series))
    series, times, values = samples.series[order], samples.times[order], samples.values[order]
    begun = np.full(len(times), NOT_SAID) if samples.created is None else samples.created[order]
    true = np.isfinite(values) & (values >= 0) & (np.floor(values) == values) & (values < 2.0**53)
    follows = np.append(False, np.diff(series) == 0)[: len(series)]
    before = np.append(NOT_SAID, times[:-1])[: len(times)]
    overlap = follows & (begun != NOT_SAID) & (begun < before)
    counts = np.where(true, values, 0).astype(np.int64)
    return DeltaUnits(series, minute_ending(times), counts, true & ~overlap, overlap)


def _told(names: tuple[str, ...], kind: Oddity, series: np.ndarray, minutes: np.ndarray, flags: Flags) -> list[Finding]:
    return [
        Finding(names[code], kind, int(minutes[flags & (series == code)].min()), int((flags & (series == code)).sum()))
        for code in np.unique(series[flags]).tolist()
    ]
