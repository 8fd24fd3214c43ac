"""How sure a share or a rate is: the Clopper-Pearson interval of a share, and the bootstrap of a weekly rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from nines.alerting.lowtraffic import binomial_tail

#: Chance that the truth lies outside of an interval.
OUTSIDE = Fraction(1, 20)
#: Limits of a share are worked out to so many binary places; each half-step is decided by exact tails.
_PLACES = 20
_RESAMPLES = 2000


def share_interval(hits: int, trials: int) -> tuple[Fraction, Fraction]:
    """Return the limits between which a share lies with 95 % certainty; everything when there were no trials.

    Args:
        hits: 0 <= hits <= trials.
        trials: >= 0.

    Returns:
        Limits rounded outwards to 2^-20.

    Source:
        Clopper and Pearson, "The Use of Confidence or Fiducial Limits" (1934); tails are added up exactly.

    Example:
        >>> [round(float(limit), 4) for limit in share_interval(12, 12)]
        [0.7354, 1.0]
    """
    if not trials:
        return Fraction(0), Fraction(1)
    return _least(hits, trials), 1 - _least(trials - hits, trials)


def _least(hits: int, trials: int) -> Fraction:
    """Return the largest share under which so many hits or more are still less likely than half of `OUTSIDE`."""
    if not hits:
        return Fraction(0)
    low, high = 0, 1 << _PLACES
    while high - low > 1:
        middle = (low + high) // 2
        rare = binomial_tail(hits, trials, Fraction(middle, 1 << _PLACES)) < OUTSIDE / 2
        low, high = (middle, high) if rare else (low, middle)
    return Fraction(low, 1 << _PLACES)


def weekly_interval(weeks: Sequence[int], seed: int) -> tuple[float, float] | None:
    """Return the limits of a mean per week with 95 % certainty, by drawing whole weeks again; None below two weeks.

    Args:
        weeks: how many in each week.
        seed: of the draws, so that a report can be made again.

    Source:
        Efron, "Bootstrap Methods: Another Look at the Jackknife" (1979), with blocks of a week.

    Example:
        >>> weekly_interval([1, 1, 1, 1], seed=1)
        (1.0, 1.0)
    """
    if len(weeks) < 2:  # noqa: PLR2004 - one week says nothing of how weeks differ
        return None
    drawn = np.random.default_rng(seed).choice(np.asarray(weeks), (_RESAMPLES, len(weeks))).mean(axis=1)
    tail = float(OUTSIDE / 2) * 100
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return float(low), float(high)


def middle(values: Sequence[float]) -> float | None:
    """Return the median, or None of nothing.

    Example:
        >>> middle([3, 1, 2, 10])
        2.5
    """
    if not values:
        return None
    held = sorted(values)
    return (held[(len(held) - 1) // 2] + held[len(held) // 2]) / 2 if all(map(math.isfinite, held)) else None
