"""Drift: a straight line of offset over time that keeps every bound.

One rule: a line is told only where one lies above all lower and below all upper bounds, so that no exchange denies it.

Source: S. Moon, P. Skelly, D. Towsley, "Estimation and Removal of Clock Skew from Network Delay Measurements",
INFOCOM 1999: a linear programme under one envelope. Here it lies between both, and is solved on their convex hulls.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np

from nines.telemetry.clocks import Bounds
from nines.telemetry.series import Ints

#: The greatest rate that is called drift, parts per million: the most by which NTP slews a clock.
MOST_PPM = 500
#: Stretches whose extremes give a first hull, under which most points lie.
_STRETCHES = 512

#: Vertices of a hull: instant after the origin, offset.
_Hull = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Line:
    """An offset that changes at a constant rate: theta(t) = offset + rate (t - origin).

    Attributes:
        origin: nanoseconds UTC on the clock of the first host.
        offset: at the origin, nanoseconds.
        rate: nanoseconds per nanosecond.
        slowest: least rate of any line that keeps all bounds, at least -`MOST_PPM`.
        fastest: greatest rate of any such line, at most `MOST_PPM`.
        margin: distance to the nearest bound above and below, nanoseconds, >= 0.
    """

    origin: int
    offset: Fraction
    rate: Fraction
    slowest: Fraction
    fastest: Fraction
    margin: Fraction

    def at(self, instant: int) -> Fraction:
        """Return the offset at an instant, nanoseconds.

        Args:
            instant: nanoseconds UTC on the clock of the first host.
        """
        return self.offset + self.rate * (instant - self.origin)


def line_of(bounds: Bounds) -> Line | None:
    """Return the line furthest from all bounds, or None where no line keeps them or one side has no bound.

    Takes O(n log n) for n bounds and exact whole numbers throughout.

    Args:
        bounds: of one pair of hosts.

    Example:
        >>> from nines.telemetry.clocks import Bounds
        >>> at, row = np.arange(4) * 1_000_000, np.arange(4)
        >>> ends = Bounds("a", "b", at, at // 10_000 - 5, row, at, at // 10_000 + 5, row, at)
        >>> line = line_of(ends)
        >>> line.rate, line.margin
        (Fraction(1, 10000), Fraction(5, 1))
    """
    if not len(bounds.low) or not len(bounds.high):
        return None
    origin = int(min(bounds.low_at[0], bounds.high_at[0]))
    gap = _Gap(_hull(bounds.low_at - origin, bounds.low), _hull(bounds.high_at - origin, -bounds.high))
    rate = gap.least()
    value, low, _, _ = gap.at(rate)
    if value > 0:
        return None
    return Line(origin, low - value / 2, rate, gap.edge(-1), gap.edge(1), -value / 2)


class _Gap:
    """By how much the lower bounds exceed the upper ones when seen along a rate; a convex function of the rate."""

    def __init__(self, low: _Hull, high: _Hull) -> None:
        """Keep the upper hull of the lower bounds and that of the upper bounds with their sign turned."""
        self._low, self._high = low, high
        most = Fraction(MOST_PPM, 1_000_000)
        edges = {Fraction(v - u, t - s) for (s, u), (t, v) in pairwise(low)}
        edges |= {Fraction(u - v, t - s) for (s, u), (t, v) in pairwise(high)}
        self._corners = [-most, *sorted(e for e in edges if -most < e < most), most]

    def at(self, rate: Fraction, side: int = 1) -> tuple[Fraction, Fraction, int, int]:
        """Return the gap at a rate, the highest lower bound seen along it, and the instants of both active bounds.

        Args:
            rate: nanoseconds per nanosecond.
            side: 1 for the bounds active just above the rate, -1 for those just below.
        """
        p, q = rate.numerator, rate.denominator
        low, low_at = max((v * q - p * t, -side * t) for t, v in self._low)
        high, high_at = max((v * q + p * t, side * t) for t, v in self._high)
        return Fraction(low + high, q), Fraction(low, q), -side * low_at, side * high_at

    def least(self) -> Fraction:
        """Return the rate with the smallest gap: the first corner from which it does not fall any more."""

        def rises(rate: Fraction) -> int:
            _, _, low_at, high_at = self.at(rate)
            return int(high_at >= low_at)

        return self._corners[min(bisect_left(self._corners, 1, key=rises), len(self._corners) - 1)]

    def edge(self, side: int) -> Fraction:
        """Return the greatest (side 1) or least (side -1) rate without a gap, by Newton's steps from outside.

        The gap is made of straight pieces, so the steps end exactly; there is a rate without a gap.
        """
        rate = side * Fraction(MOST_PPM, 1_000_000)
        while True:
            value, _, low_at, high_at = self.at(rate, -side)
            if value <= 0:
                return rate
            rate -= value / (high_at - low_at)


def _hull(at: Ints, value: Ints) -> _Hull:
    """Return the upper convex hull of points sorted by instant, from left to right."""
    kept = _above_first_hull(at, value)
    return _chain(at[kept].tolist(), value[kept].tolist())


def _chain(at: list[int], value: list[int]) -> _Hull:
    """Return the upper hull by Andrew's monotone chain."""
    hull: _Hull = []
    for t, v in zip(at, value, strict=True):
        while hull and hull[-1][0] == t and hull[-1][1] <= v:
            hull.pop()
        if hull and hull[-1][0] == t:
            continue
        while len(hull) > 1:
            (a, u), (b, w) = hull[-2], hull[-1]
            if (w - u) * (t - a) > (v - u) * (b - a):
                break
            hull.pop()
        hull.append((t, v))
    return hull


def _above_first_hull(at: Ints, value: Ints) -> Ints:
    """Return the points that are not clearly under a hull of a few of them; no others can be corners."""
    every = np.arange(len(at))
    if len(at) <= _STRETCHES:
        return every
    starts = np.unique(np.linspace(0, len(at) - 1, _STRETCHES).astype(np.int64))
    stretch = np.searchsorted(starts, every, side="right") - 1
    ranked = np.lexsort((value, stretch))
    tops = np.sort(ranked[np.append(np.diff(stretch[ranked]) != 0, True)])
    first = np.array(_chain(at[tops].tolist(), value[tops].tolist()), dtype=np.int64)
    base = int(first[:, 1].min())
    under = np.interp(at, first[:, 0], first[:, 1] - base)
    # The interpolation is of doubles; a millionth of the height is far more than its error.
    slack = 1 + 1e-6 * float(np.ptp(first[:, 1]))
    outside = (at < first[0, 0]) | (at > first[-1, 0])
    kept: Ints = np.flatnonzero(outside | (value - base >= under - slack))
    return kept
