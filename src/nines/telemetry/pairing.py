"""Counters put together: terms of one expression, and good, bad and total of one indicator.

One rule: figures that cannot all be true are never mended. Where good exceeds total, or they were read at
different instants, the minute is BROKEN and says so.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nines.telemetry.counters import Increments, minute_ending
from nines.telemetry.quality import Finding, Oddity
from nines.telemetry.series import Flags, Ints, MinuteSeries, MinuteState, States


def combined(left: Increments, right: Increments, sign: int = 1) -> Increments:
    """Return the sum or difference of two expressions over the same minutes.

    Args:
        left: the first.
        right: the second, over the same minutes. Where it has no readings it counts nothing.
        sign: 1 to add, -1 to subtract; a difference below zero is found out when it is paired.

    Returns:
        Counts that may be negative after a subtraction; doubt always adds up.
    """
    return Increments(
        left.start,
        left.counts + sign * right.counts,
        left.doubt + right.doubt,
        np.maximum(left.state, right.state),
        np.union1d(left.instants, right.instants),
        min((f for f in (left.first, right.first) if f is not None), default=None),
        left.findings + right.findings,
    )


def paired(
    name: str, *, good: Increments | None = None, bad: Increments | None = None, total: Increments | None = None
) -> tuple[MinuteSeries, tuple[Finding, ...]]:
    """Return the series of an indicator from two of its three counters.

    Doubt becomes unknown events: a bad counter's first value puts as many of the good into doubt, and the other way
    round, because the total knows them already.

    Args:
        name: what to call the indicator in findings.
        good: good events, or None.
        bad: bad events, or None.
        total: all events, or None when good and bad are both given. All over the same minutes.

    Raises:
        ValueError: not exactly two are given.

    Example:
        >>> from nines.telemetry.counters import Samples, increments
        >>> def counter(*values):
        ...     times = np.arange(1, len(values) + 1) * 60_000
        ...     samples = Samples(np.zeros(len(values), int), times, np.array(values, float), ("c",))
        ...     return increments(samples, interval_ms=60_000, start=1, end=len(values))
        >>> series, _ = paired("shop", bad=counter(0, 1, 1), total=counter(0, 10, 30))
        >>> series.good.tolist(), series.bad.tolist()
        ([9, 20], [1, 0])
    """
    known = [side for side in (good, bad, total) if side is not None]
    if len(known) != 2:  # noqa: PLR2004 - two of three determine the third
        msg = "two of good, bad and total are needed"
        raise ValueError(msg)
    part = good if good is not None else bad
    assert part is not None
    findings = [f for side in known for f in side.findings]

    def breaking(state: States, wrong: Flags, kind: Oddity) -> States:
        """Return states with wrong minutes BROKEN, and tell of those that were not before."""
        fresh = np.flatnonzero(wrong & (state != MinuteState.BROKEN))
        if len(fresh):
            findings.append(Finding(name, kind, part.start + int(fresh[0]), len(fresh)))
        return np.where(wrong, np.uint8(MinuteState.BROKEN), state)

    state = np.maximum(known[0].state, known[1].state)
    if total is None:
        state = breaking(state, (known[0].counts < 0) | (known[1].counts < 0), "negative")
        whole: Ints = (state != MinuteState.BROKEN).astype(np.int64)
        counts = (known[0].counts * whole, known[1].counts * whole, (known[0].doubt + known[1].doubt) * whole)
    else:
        state = breaking(state, _apart(part, total), "different-instants")
        state = breaking(state, (part.counts < 0) | (total.counts < 0), "negative")
        state = breaking(state, part.counts > total.counts, "more-than-total")
        whole = (state != MinuteState.BROKEN).astype(np.int64)
        rest = total.counts - part.counts
        doubted = np.minimum(part.doubt, rest)
        others, unknown = (rest - doubted) * whole, (doubted + total.doubt) * whole
        mine = part.counts * whole
        counts = (mine, others, unknown) if good is not None else (others, mine, unknown)
    first = min((s.first for s in known if s.first is not None), default=None)
    return MinuteSeries(known[0].start, *counts, state, first), tuple(findings)


def with_pulses(increments: Increments, alive: Flags) -> Increments:
    """Return increments whose silent minutes are alive where a heartbeat of the source says so.

    Args:
        increments: of counters that may not exist before the first event.
        alive: one flag per minute, from `alive_minutes`.
    """
    quiet = (increments.state == MinuteState.SILENT) & alive
    state: States = np.where(quiet, np.uint8(MinuteState.ALIVE), increments.state)
    return replace(increments, state=state)


def _apart(part: Increments, total: Increments) -> Flags:
    """Return the minutes in which a part was read at an instant at which its total was not."""
    flags = np.zeros(len(part.counts), dtype=np.bool_)
    minutes = minute_ending(part.instants[~np.isin(part.instants, total.instants)]) - part.start
    flags[minutes[(minutes >= 0) & (minutes < len(flags))]] = True
    return flags
