"""Numerics of sampled ratios: tail probabilities of skewed sums, and the ratio at which one reaches a level.

Floats live here and nowhere else in sampling. What is kept decides how many events were probably there: with k kept
at weight w, the number there was is what it takes to keep k at a chance of 1/w each (a negative binomial), with mean
w k, variance w (w - 1) k and third central moment w (w - 1) (2 w - 1) k. Sums of such numbers are taken as a gamma
distribution, shifted to have the same three moments (Pearson III). With one weight and a small chance this gives the
Clopper-Pearson and Garwood limits; with several weights those of Fay and Feuer (1997, Statistics in Medicine 16).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

#: From this shape on, a gamma distribution is read from the normal by the Wilson-Hilferty cube root.
_LARGE = 500.0
#: A skewness this small cannot be told from none.
_STRAIGHT = 1e-5
_TINY = 1e-300
_STEPS = 200
#: How far apart the two sides of a crossing may stay, relative to it.
_CLOSE = 1e-9


def normal_below(z: float) -> float:
    """Return the probability that a standard normal number is below `z`."""
    return 0.5 * math.erfc(-z / math.sqrt(2))


def gamma_below(shape: float, x: float) -> float:
    """Return the probability that a gamma number of scale 1 is below `x`.

    Up to a shape of 500 by series and continued fraction (Abramowitz and Stegun 6.5.29 and 6.5.31, to 1e-12), above by
    Wilson and Hilferty (1931), which is within 1.1e-5 there.

    Args:
        shape: its mean and variance, > 0.
        x: where to cut.

    Example:
        >>> round(gamma_below(1.0, 1.0), 6)
        0.632121
    """
    if x <= 0:
        return 0.0
    if shape > _LARGE:
        return normal_below(3 * math.sqrt(shape) * (math.cbrt(x / shape) - 1 + 1 / (9 * shape)))
    front = math.exp(shape * math.log(x) - x - math.lgamma(shape))
    return front * _series(shape, x) if x < shape + 1 else 1 - front * _fraction(shape, x)


def _series(shape: float, x: float) -> float:
    term = total = 1 / shape
    while term > total * 1e-15:
        shape += 1
        term *= x / shape
        total += term
    return total


def _fraction(shape: float, x: float) -> float:
    b = x + 1 - shape
    c, d = 1 / _TINY, 1 / b
    result = d
    for i in range(1, 10 * _STEPS):
        a = -i * (i - shape)
        b += 2
        d = 1 / (a * d + b or _TINY)
        c = b + a / c or _TINY
        result *= c * d
        if abs(c * d - 1) < 1e-14:  # noqa: PLR2004  the last digits of a double
            break
    return result


def sum_below_zero(mean: float, variance: float, third: float) -> float:
    """Return the probability that a number with these moments is below zero, taken as Pearson III.

    Args:
        mean: its mean.
        variance: its variance, >= 0.
        third: its third central moment.
    """
    if variance <= 0:
        return 0.5 if mean == 0 else float(mean < 0)
    deviation = math.sqrt(variance)
    skewness = third / (variance * deviation)
    if abs(skewness) < _STRAIGHT:
        return normal_below(-mean / deviation)
    shape = 4 / skewness**2
    below = gamma_below(shape, shape - 2 * mean / (deviation * skewness))
    return below if skewness > 0 else 1 - below


def crossing(rising: Callable[[float], float], level: float, low: float, high: float) -> tuple[float, float]:
    """Return two close points between which a rising function reaches a level.

    Inverse quadratic interpolation where it is safe, else the middle (Chandrupatla 1997, Advances in Engineering
    Software 28).

    Args:
        rising: never falls between `low` and `high`.
        level: what it reaches.
        low: left end, >= 0; returned twice when the function is there already.
        high: right end; returned twice when the function is not there yet.

    Example:
        >>> low, high = crossing(lambda x: x * x, 2.0, 0.0, 2.0)
        >>> low * low <= 2 <= high * high, high - low < 1e-8
        (True, True)
    """
    a, b, fa, fb = high, low, rising(high) - level, rising(low) - level
    if fb >= 0:
        return low, low
    if fa <= 0:
        return high, high
    while 0 < 2 * b < a:  # a level is mostly near the left end
        value = rising(2 * b) - level
        a, fa, b, fb = (2 * b, value, b, fb) if value >= 0 else (a, fa, 2 * b, value)
    share = 0.5
    for _ in range(_STEPS):
        x = a + share * (b - a)
        fx = rising(x) - level
        if (fx < 0) == (fa < 0):
            c, fc = a, fa
        else:
            c, fc, b, fb = b, fb, a, fa
        a, fa = x, fx
        close = _CLOSE * max(a, b)
        if abs(b - a) <= close:
            break
        least = close / 2 / abs(b - a)
        share = min(1 - least, max(least, _share(a, b, c, fa, fb, fc)))
    return min(a, b), max(a, b)


def _share(a: float, b: float, c: float, fa: float, fb: float, fc: float) -> float:
    """Return how far from `a` to `b` a parabola through three points has its zero, or one half where it is unsafe."""
    xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
    if phi**2 < xi and (1 - phi) ** 2 < 1 - xi:
        return fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
    return 0.5


@dataclass(frozen=True, slots=True)
class Spread:
    """How many bad and good events there probably were: means, and second and third moments of each and across.

    Attributes:
        total: number of events when it was counted, or None when it is estimated with the rest.
        bad: estimated bad events.
        good: estimated good events.
        b2: variance of the first; g2: of the second; bg: what they share.
        b3: third moments, as `b2`; bbg and bgg across; g3 as `g2`.
    """

    total: float | None
    bad: float = 0.0
    good: float = 0.0
    b2: float = 0.0
    bg: float = 0.0
    g2: float = 0.0
    b3: float = 0.0
    bbg: float = 0.0
    bgg: float = 0.0
    g3: float = 0.0

    def below(self, ratio: float) -> float:
        """Return how probable it is that the true bad ratio is below one, 0..1; it rises with the ratio.

        The bad ratio is below r where (1 - r) bad - r good, or bad - r total, is below zero (Fieller 1954).

        Args:
            ratio: bad events per event, 0..1.
        """
        if self.total is not None:
            return sum_below_zero(self.bad - ratio * self.total, self.b2, self.b3)
        r, q = ratio, 1 - ratio
        variance = q * q * self.b2 - 2 * q * r * self.bg + r * r * self.g2
        third = q**3 * self.b3 - 3 * q * q * r * self.bbg + 3 * q * r * r * self.bgg - r**3 * self.g3
        return sum_below_zero(q * self.bad - r * self.good, variance, third)

    def one_bad_more(self, weight: float, size: float) -> Spread:
        """Return the same with one more kept unit of `size` bad events; the upper limit must allow for it."""
        second, third = powers(weight)
        return replace(
            self,
            bad=self.bad + weight * size,
            b2=self.b2 + second * size**2,
            b3=self.b3 + third * size**3,
        )

    def one_good_more(self, weight: float, size: float) -> Spread:
        """Return the same with one more kept unit of `size` good events; the lower limit must allow for it."""
        second, third = powers(weight)
        return replace(
            self,
            good=self.good + weight * size,
            g2=self.g2 + second * size**2,
            g3=self.g3 + third * size**3,
        )


def powers(weight: float) -> tuple[float, float]:
    """Return variance and third central moment of the number of events there were for one kept at a weight."""
    return weight * (weight - 1), weight * (weight - 1) * (2 * weight - 1)
