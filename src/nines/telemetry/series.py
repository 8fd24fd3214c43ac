"""A series of counts on the one-minute grid, with what is known about each minute.

Every minute has a state. Silence is a state of its own: it is never zero events and never good.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
States = npt.NDArray[np.uint8]
Number = TypeVar("Number", np.int64, np.uint8)


class MinuteState(IntEnum):
    """What is known about one minute of a source.

    SILENT: nothing was heard; what happened is unknown.
    ALIVE: the source was heard; its counts are what happened, zero included.
    BRIDGED: nothing was heard, but a later counter reading accounts for the events (in the minute of
        that reading, which is BRIDGED too). Known for Occurrences, unknown for slices.
    BROKEN: the figures cannot be true (good > total, negative); the counts are zero and a problem is raised.
    """

    SILENT = 0
    ALIVE = 1
    BRIDGED = 2
    BROKEN = 3


@dataclass(frozen=True, slots=True, eq=False)
class MinuteSeries:
    """Counts of one indicator for consecutive minutes.

    Attributes:
        start: grid minute of the first element.
        good: int64, one count >= 0 per minute.
        bad: the same for bad events.
        unknown: the same for events that could not be judged.
        state: uint8 `MinuteState` per minute.
        first: grid minute of the first minute ever heard, or None when never; it may lie before `start`.
    """

    start: int
    good: Ints
    bad: Ints
    unknown: Ints
    state: States
    first: int | None = None

    def __len__(self) -> int:
        """Return the number of minutes."""
        return len(self.good)

    @property
    def end(self) -> int:
        """Grid minute after the last element."""
        return self.start + len(self.good)

    def window(self, start: int, end: int) -> MinuteSeries:
        """Return exactly the minutes [start, end); minutes not held are SILENT.

        Args:
            start: first grid minute.
            end: grid minute after the last, >= start.
        """
        low, high = max(start, self.start), min(end, self.end)

        def cut(values: npt.NDArray[Number]) -> npt.NDArray[Number]:
            out = np.zeros(end - start, dtype=values.dtype)
            if low < high:
                out[low - start : high - start] = values[low - self.start : high - self.start]
            return out

        return MinuteSeries(start, cut(self.good), cut(self.bad), cut(self.unknown), cut(self.state), self.first)


def empty_series(start: int, minutes: int) -> MinuteSeries:
    """Return a series of `minutes` silent minutes."""
    zeros = np.zeros(minutes, dtype=np.int64)
    return MinuteSeries(start, zeros, zeros.copy(), zeros.copy(), np.zeros(minutes, dtype=np.uint8), None)
