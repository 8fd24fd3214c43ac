"""A series of counts on the one-minute grid, with what is known about each minute.

Every minute has a state. Silence is a state of its own: it is never zero events and never good.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
States = npt.NDArray[np.uint8]
Number = TypeVar("Number", np.int64, np.uint8)
#: Arrays of a stratum, counts first.
COUNTED = ("good", "bad", "unknown", "units", "un", "ub", "nn", "nb", "bb")
#: Sums below this fit 64 bits with room for a product by two.
_WHOLE = 2**61


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
class Stratum:
    """What was kept of the events of one weight, minute by minute; arrays are int64.

    Attributes:
        weight: how many events each kept one stands for, >= 1, or None when nobody said; it then counts once.
        good, bad, unknown: kept events.
        units: sampling units (traces, or rows) with known events, for weights other than 1.
        un, ub, nn, nb, bb: sums over these units of n, b, n^2, n b and b^2, n their events and b the bad ones. A unit
            stands whole in the minute of its last event.
    """

    weight: Fraction | None
    good: Ints
    bad: Ints
    unknown: Ints
    units: Ints
    un: Ints
    ub: Ints
    nn: Ints
    nb: Ints
    bb: Ints


@dataclass(frozen=True, slots=True, eq=False)
class MinuteSeries:
    """Counts of one indicator for consecutive minutes.

    Where events are sampled the counts are estimates: kept events times their weights, in units of 1/`scale` events so
    that they stay whole; beyond 63 bits they are Python integers in arrays of objects.

    Attributes:
        start: grid minute of the first element.
        good: int64, one count >= 0 per minute.
        bad: the same for bad events.
        unknown: the same for events that could not be judged.
        state: uint8 `MinuteState` per minute.
        first: grid minute of the first minute ever heard, or None when never; it may lie before `start`.
        scale: how many of the counts' units make one event, >= 1.
        strata: what was kept, by weight; () where every event was.
    """

    start: int
    good: Ints
    bad: Ints
    unknown: Ints
    state: States
    first: int | None = None
    scale: int = 1
    strata: tuple[Stratum, ...] = ()

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

        parts = tuple(Stratum(s.weight, *(cut(getattr(s, n)) for n in COUNTED)) for s in self.strata)
        counts = cut(self.good), cut(self.bad), cut(self.unknown)
        return MinuteSeries(start, *counts, cut(self.state), self.first, self.scale, parts)


def series_of_strata(
    start: int, strata: Sequence[Stratum], state: States, first: int | None, unknown: Ints | None = None
) -> MinuteSeries:
    """Return the estimated counts of sampled events: kept ones times their weights, exactly.

    Args:
        start: first grid minute.
        strata: what was kept, at least one, each over the same minutes.
        state: what is known of each minute.
        first: first minute ever heard, or None.
        unknown: further unknown events per minute, or None.
    """
    weights = [s.weight if s.weight is not None else Fraction(1) for s in strata]
    scale = math.lcm(*(w.denominator for w in weights))
    factors = [int(w * scale) for w in weights]
    most = sum(f * int(getattr(s, n).sum()) for f, s in zip(factors, strata, strict=True) for n in COUNTED[:3])
    kind: type = np.int64 if most < _WHOLE else object
    sums = [sum(f * getattr(s, n).astype(kind) for f, s in zip(factors, strata, strict=True)) for n in COUNTED[:3]]
    if unknown is not None:
        sums[2] = sums[2] + unknown.astype(kind) * scale
    return MinuteSeries(start, sums[0], sums[1], sums[2], state, first, scale, tuple(strata))


def empty_series(start: int, minutes: int) -> MinuteSeries:
    """Return a series of `minutes` silent minutes."""
    zeros = np.zeros(minutes, dtype=np.int64)
    return MinuteSeries(start, zeros, zeros.copy(), zeros.copy(), np.zeros(minutes, dtype=np.uint8), None)
