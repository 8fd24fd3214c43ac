"""State samples turned into time: a state holds until the next row, but is not believed for ever.

One rule: a state is evidence until the key's next row or until `max_hold` has passed, whichever is first; after
that it is unknown, however good it was. Time is counted in whole microseconds, so rows may be as dense as they like.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from nines.telemetry.series import Ints, MinuteSeries, MinuteState, States

_MINUTE_US = 60_000_000


class Seen(IntEnum):
    """What one row says of the thing it watches."""

    DOWN = 0
    UP = 1
    UNKNOWN = 2


def state_series(
    times: Ints,
    states: States,
    keys: Ints | None = None,
    *,
    max_hold_us: int,
    start: int,
    end: int,
    expected: Ints | None = None,
) -> MinuteSeries:
    """Return up, down and unknown microseconds for each minute, from rows written when a state changes or is checked.

    With several keys the whole is up while every key is up, down while any is down, and unknown otherwise
    (Kleene AND at each instant). Two rows of one key at one instant that contradict each other make it unknown from
    there on, so the order of the rows never matters. A key is unknown before its first row: what was not watched
    was not up.

    Args:
        times: instants of the rows, UTC microseconds since 1970, in any order. Rows from `max_hold_us` before the span
            decide its first minutes, so include them.
        states: `Seen` of each row, aligned with `times`.
        keys: number of the thing each row watches, aligned with `times`, or None when all rows watch one thing.
        max_hold_us: longest time a row is believed, microseconds, > 0.
        start: first grid minute.
        end: grid minute after the last; a state is held into the future too, so end no later than the present.
        expected: numbers of keys that must be up although they may have no row here, or None for those that have.

    Returns:
        Counts in microseconds: good up, bad down, unknown the rest of a minute that is partly known. A minute of which
        nothing is known is SILENT with zero counts, every other is ALIVE.

    Example:
        >>> day = state_series(np.array([0, 90_000_000]), np.array([1, 0], np.uint8), max_hold_us=10**9, start=0, end=3)
        >>> (day.good // 10**6).tolist(), (day.bad // 10**6).tolist()
        ([60, 30, 0], [0, 30, 60])
    """
    keys = np.zeros(len(times), dtype=np.int64) if keys is None else keys
    watched = np.unique(keys if expected is None else np.concatenate([keys, expected]))
    begins, ends, seen = _held(times.astype(np.int64), states, keys, max_hold_us)
    edges = np.arange(start, end + 1, dtype=np.int64) * _MINUTE_US
    down = _covered(begins[seen == Seen.DOWN], ends[seen == Seen.DOWN], 1, edges)
    up = _covered(begins[seen == Seen.UP], ends[seen == Seen.UP], len(watched), edges)
    known = up + down
    unknown = np.where(known > 0, _MINUTE_US - known, 0)
    state = np.where(known > 0, MinuteState.ALIVE, MinuteState.SILENT).astype(np.uint8)
    first = int(times.min()) // _MINUTE_US if len(times) else None
    return MinuteSeries(start, up, down, unknown, state, first)


def _held(times: Ints, states: States, keys: Ints, max_hold_us: int) -> tuple[Ints, Ints, States]:
    """Return when each row's state begins and ends to hold; rows that contradict each other hold as unknown."""
    if not len(times):
        return times, times, states
    order = np.lexsort((times, keys))
    times, states, keys = times[order], states[order], keys[order]
    instants = np.flatnonzero(np.append(True, (np.diff(times) != 0) | (np.diff(keys) != 0)))
    least, most = np.minimum.reduceat(states, instants), np.maximum.reduceat(states, instants)
    agreed = np.where(least == most, least, np.uint8(Seen.UNKNOWN))
    times, keys = times[instants], keys[instants]
    ends = times + max_hold_us
    follows = np.flatnonzero(np.diff(keys) == 0)
    ends[follows] = np.minimum(ends[follows], times[follows + 1])
    return times, ends, agreed


def _covered(begins: Ints, ends: Ints, needed: int, edges: Ints) -> Ints:
    """Return for each minute how many microseconds at least `needed` of the intervals hold at once."""
    instants = np.concatenate([begins, ends])
    steps = np.concatenate([np.ones_like(begins), -np.ones_like(ends)])
    order = np.argsort(instants, kind="stable")
    instants, depth = instants[order], np.cumsum(steps[order])
    if not len(instants) or not needed:
        return np.zeros(len(edges) - 1, dtype=np.int64)
    held = (depth >= needed).astype(np.int64)
    elapsed = np.concatenate([[0], np.cumsum(np.diff(instants) * held[:-1])])
    before = np.searchsorted(instants, edges, side="right") - 1
    inside = np.maximum(before, 0)
    total = np.where(before >= 0, elapsed[inside] + (edges - instants[inside]) * held[inside], 0)
    covered: Ints = np.diff(total)
    return covered
