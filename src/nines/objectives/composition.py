"""Models of compositions, for before there is data: what members' targets say about the whole.

Targets of agreements are contractual bounds, not probabilities; a model built on them is a plan, not a promise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import prod


@dataclass(frozen=True, slots=True)
class Model:
    """What a composition comes to.

    Attributes:
        independent: its share if the members fail independently; an assumption, not a fact.
        low: the least it can be, whatever the dependence (Frechet).
        high: the most it can be.
    """

    independent: Fraction
    low: Fraction
    high: Fraction


def series(shares: Sequence[Fraction]) -> Model:
    """Return what members that are all needed come to.

    Args:
        shares: good share of each member, 0..1, at least one.

    Source:
        Frechet, 1935: max(0, sum a - n + 1) <= P(all) <= min a.

    Example:
        >>> series([Fraction("0.99"), Fraction("0.99")])
        Model(independent=Fraction(9801, 10000), low=Fraction(49, 50), high=Fraction(99, 100))
    """
    return Model(
        prod(shares, start=Fraction(1)), max(Fraction(0), sum(shares, Fraction(0)) - len(shares) + 1), min(shares)
    )


def parallel(shares: Sequence[Fraction]) -> Model:
    """Return what members of which one suffices come to.

    Args:
        shares: good share of each member, 0..1, at least one.

    Source:
        Frechet, 1935: max a <= P(any) <= min(1, sum a).

    Example:
        >>> parallel([Fraction("0.9"), Fraction("0.9")]).independent
        Fraction(99, 100)
    """
    failing = prod((1 - s for s in shares), start=Fraction(1))
    return Model(1 - failing, max(shares), min(Fraction(1), sum(shares, Fraction(0))))


def k_of_n(shares: Sequence[Fraction], k: int) -> Model:
    """Return what members of which k must be good come to.

    Args:
        shares: good share of each member, 0..1.
        k: how many are needed, 1..n.

    Returns:
        The independent share exactly; the bounds are those of Frechet carried to k of n:
        high is the least of sum(the n-j smallest)/(k-j), j < k, low the same of the failures.

    Raises:
        ValueError: k is not within 1..n.

    Example:
        >>> k_of_n([Fraction("0.9")] * 3, 2).independent
        Fraction(243, 250)
    """
    if not 1 <= k <= len(shares):
        msg = f"k must be within 1..{len(shares)}"
        raise ValueError(msg)
    total = Fraction(0)
    for size in range(k, len(shares) + 1):
        for up in combinations(range(len(shares)), size):
            total += prod((s if i in up else 1 - s for i, s in enumerate(shares)), start=Fraction(1))
    fail = [1 - s for s in shares]
    return Model(total, max(Fraction(0), 1 - _at_least(fail, len(shares) - k + 1)), _at_least(list(shares), k))


def _at_least(shares: list[Fraction], k: int) -> Fraction:
    """Return the most probable that at least k of the events hold, whatever their dependence."""
    ordered = sorted(shares)
    sums = [sum(ordered[: len(ordered) - j], Fraction(0)) / (k - j) for j in range(k)]
    return min(Fraction(1), *sums)
