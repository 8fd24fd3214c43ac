"""Intervals and tail probabilities for differences of shares, by formulas alone.

A share is given with its size, which need not be whole: where events come in bursts, fewer independent ones are
behind a count than the count says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import NamedTuple

_NORMAL = NormalDist()
#: Steps of a bisection; each halves the span.
_HALVINGS = 60
#: Standard deviations beyond which a difference is called certain.
_FAR = 38.0
_TINY = 1e-300
_LAST_PLACE = 1e-15
_MOST_TERMS = 100_000


class Share(NamedTuple):
    """A share with the number of independent events behind it.

    Attributes:
        ratio: 0..1.
        size: events, > 0, whole or not.
    """

    ratio: float
    size: float


class Interval(NamedTuple):
    """An interval [low, high]."""

    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside."""
        return self.low > 0 or self.high < 0


def two_sided(alpha: float) -> float:
    """Return the standard normal quantile that both tails together exceed with probability alpha.

    Args:
        alpha: 0 < alpha < 1.

    Example:
        >>> round(two_sided(0.05), 6)
        1.959964
    """
    return -_NORMAL.inv_cdf(alpha / 2)


def wilson(share: Share, z: float) -> Interval:
    """Return Wilson's score interval of a share.

    Args:
        share: what was seen.
        z: standard normal quantile, > 0.

    Source:
        Wilson, 1927; without continuity correction.

    Example:
        >>> [round(x, 4) for x in wilson(Share(0.1, 10), 1.96)]
        [0.0179, 0.4042]
    """
    p, n = share
    square = z * z
    middle = (p + square / (2 * n)) / (1 + square / n)
    half = z / (1 + square / n) * math.sqrt(p * (1 - p) / n + square / (4 * n * n))
    # The exact limits at the ends, which rounding would miss by the last bit.
    return Interval(0.0 if p <= 0 else max(middle - half, 0.0), 1.0 if p >= 1 else min(middle + half, 1.0))


def newcombe(first: Share, second: Share, z: float) -> Interval:
    """Return Newcombe's hybrid score interval of the difference first - second.

    Args:
        first: one share.
        second: the other, independent of it.
        z: standard normal quantile, > 0.

    Source:
        Newcombe, Statistics in Medicine 17, 1998, 873-890, method 10.

    Example:
        >>> [round(x, 4) for x in newcombe(Share(56 / 70, 70), Share(48 / 80, 80), 1.959964)]
        [0.0524, 0.3339]
    """
    return combined(((1.0, first), (-1.0, second)), z)


def combined(parts: Sequence[tuple[float, Share]], z: float) -> Interval:
    """Return the interval of a sum of independent shares, each times a factor.

    Args:
        parts: factor and share; factors may be negative.
        z: standard normal quantile, > 0.

    Source:
        Zou and Donner, Statistics in Medicine 27, 2008, 1693-1702 (variance recovered from each share's limits);
        for factors 1 and -1 it is Newcombe's method 10.
    """
    middle = below = above = 0.0
    for factor, share in parts:
        limits = wilson(share, z)
        down, up = factor * (share.ratio - limits.low), factor * (limits.high - share.ratio)
        if factor < 0:
            down, up = -up, -down
        middle += factor * share.ratio
        below += down * down
        above += up * up
    return Interval(middle - math.sqrt(below), middle + math.sqrt(above))


def p_value(first: Share, second: Share) -> float:
    """Return how likely so great a difference of two shares is where there is none, two-sided.

    The greater of two: Newcombe's interval read backwards, and the exact conditional test of two counts, which
    keeps its word where the rarer outcome was seen a few times only and the score interval does not.

    Args:
        first: one share.
        second: the other, independent of it.

    Source:
        Przyborowski and Wilenski, Biometrika 31, 1940, 313-323, on effective counts.

    Example:
        >>> 0.01 < p_value(Share(0.2, 70), Share(0.4, 80)) < 0.05
        True
    """
    return max(_score_p(first, second), _conditional_p(first, second))


def at_least_p(share: Share, chance: float) -> float:
    """Return the probability of a share at least as great where each event has a certain chance.

    Args:
        share: what was seen.
        chance: 0..1.

    Source:
        Clopper and Pearson, Biometrika 26, 1934, on effective counts.

    Example:
        >>> round(at_least_p(Share(0.1, 10), 0.01), 6)  # 1 - 0.99^10
        0.095618
    """
    seen = share.ratio * share.size
    return beta_share(chance, seen, share.size - seen + 1) if seen > 0 else 1.0


def _score_p(first: Share, second: Share) -> float:
    z = greatest(lambda z: z <= 0 or newcombe(first, second, z).excludes_zero, _FAR)
    return math.erfc(z / math.sqrt(2))


def _conditional_p(first: Share, second: Share) -> float:
    """Return the two-sided p of one count given the sum of both, for the rarer of the two outcomes."""
    seen, other = first.ratio * first.size, second.ratio * second.size
    if seen + other > (first.size + second.size) / 2:
        seen, other = first.size - seen, second.size - other
    share = first.size / (first.size + second.size)
    at_least = beta_share(share, seen, other + 1) if seen > 0 else 1.0
    at_most = beta_share(1 - share, other, seen + 1) if other > 0 else 1.0
    return min(1.0, 2 * min(at_least, at_most))


def greatest(holds: Callable[[float], bool], most: float) -> float:
    """Return the greatest number in [0, most] for which something holds that stops holding once, found by halving.

    Args:
        holds: true up to some number, false beyond.
        most: end of the range, > 0.

    Example:
        >>> round(greatest(lambda x: x * x <= 2, 10), 6)
        1.414214
    """
    low, high = 0.0, most
    if holds(most):
        return most
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def beta_share(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b).

    With whole numbers it is the probability of at least a successes in a + b - 1 tries with chance x.

    Args:
        x: 0..1.
        a: > 0.
        b: > 0.

    Source:
        DLMF 8.17.22, the continued fraction, by Lentz's method.

    Example:
        >>> round(beta_share(0.5, 2, 2), 12)
        0.5
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_share(1 - x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) * _fraction(x, a, b) / a if log_front > math.log(_TINY) else 0.0


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _MOST_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d = 1 / _away(1 + step * d)
            c = _away(1 + step / c)
            value *= c * d
        if abs(c * d - 1) < _LAST_PLACE:
            break
    return value


def _away(value: float) -> float:
    """Return a divisor that is not zero."""
    return value if abs(value) > _TINY else _TINY
