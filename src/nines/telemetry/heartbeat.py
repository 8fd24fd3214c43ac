"""Heartbeats: telling a quiet minute from a silent one.

One rule: only what was heard proves a source alive. Two pulses close enough together vouch for the time
between them; nothing vouches for the time before the first pulse or after the last.
"""

from __future__ import annotations

import numpy as np

from nines.telemetry.series import Flags, Ints


def alive_minutes(pulse_minutes: Ints, gap_minutes: int, start: int, end: int) -> Flags:
    """Return for each minute of a span whether the source is proved alive in it.

    A minute with a pulse is alive. So is every minute between two neighbouring pulses that are no more than
    `gap_minutes` apart. A longer gap is silent for its whole length. Before the first pulse, and after the last
    for as long as no further one arrives, the source is silent: the next pulse may turn the recent past from
    silent to alive, and what waits for that says so by its `settle`.

    Args:
        pulse_minutes: grid minutes in which any heartbeat row was seen, in any order, repeats allowed. To judge
            the edges of the span alike wherever it is cut, include `gap_minutes` on either side of it.
        gap_minutes: greatest distance of two pulses that proves the time between, minutes, >= 1.
        start: first grid minute.
        end: grid minute after the last, >= start.

    Returns:
        One flag per minute of [start, end).

    Example:
        >>> alive_minutes(np.array([2, 4, 9]), 3, 0, 12).astype(int).tolist()
        [0, 0, 1, 1, 1, 0, 0, 0, 0, 1, 0, 0]
    """
    pulses = np.unique(pulse_minutes.astype(np.int64))
    changes = np.zeros(max(end - start, 0) + 1, dtype=np.int64)

    def paint(first: Ints, after: Ints) -> None:
        np.add.at(changes, np.clip(first, start, max(start, end)) - start, 1)
        np.add.at(changes, np.clip(after, start, max(start, end)) - start, -1)

    paint(pulses, pulses + 1)
    near = np.flatnonzero(np.diff(pulses) <= gap_minutes)
    paint(pulses[near] + 1, pulses[near + 1])
    alive: Flags = np.cumsum(changes)[:-1] > 0
    return alive
