"""Sampled indicators: the ratio that kept events tell of, and the interval it lies in.

Counts are exact integers and fractions up to the ratio; floats serve the interval alone. The variance of a bad ratio r
of N events is, over strata of weight w, the sum of w (w - 1) (bb - 2 r nb + r^2 nn) / N^2 (Horvitz and Thompson 1952,
with the trace as the unit); of a counted N, only bb is left.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Literal

from nines.telemetry.sampling_bounds import Spread, crossing, powers
from nines.telemetry.sampling_moments import Moments
from nines.telemetry.sampling_weights import (
    Sampled,
    parse_tracestate,
    post_stratified,
    randomness,
    weight_of_rate,
    weight_of_threshold,
)

#: With fewer kept bad units expected, limits are cautious. A hair under ten, so that ten sharp is not fewer.
FEW = 9.99
#: How many bad units the sizes of all units speak for, per squared variation of sizes: the more they differ, the
#: longer the sizes of a few bad units mislead.
_PRIOR_UNITS = 15.0
#: Bad units count as drawn from all units down to this probability of being so small.
_UNLIKE = 0.05

#: Why there is no interval: nothing to be unsure of, a weight nobody stated, no events, a total below what was kept.
Why = Literal["exact", "weight-unknown", "no-events", "total-below-kept"]
#: How an interval was found: cautious where few are expected, between cautious and bold where enough, none seen.
Rule = Literal["cautious", "middle", "none-seen"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of a ratio.

    Attributes:
        low: lower limit, 0..1, rounded down.
        high: upper limit, 0..1, rounded up.
    """

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Interval:
    """A ratio known from a sample.

    Attributes:
        ratio: estimated bad events per event.
        bad: limits of the bad ratio.
        good: limits of the good ratio.
        confidence: share of samples whose limits hold the true ratio, 0..1.
        rule: how the limits were found.
    """

    ratio: Fraction
    bad: Bounds
    good: Bounds
    confidence: Fraction
    rule: Rule


@dataclass(frozen=True, slots=True)
class NoInterval:
    """A ratio without limits.

    Attributes:
        ratio: bad events per event, or None without events.
        reason: why there are no limits; the ratio is exact for "exact" alone.
    """

    ratio: Fraction | None
    reason: Why


def interval(
    strata: Sequence[Moments],
    *,
    exact_total: int | None = None,
    every_bad_kept: bool = False,
    confidence: Fraction = Fraction(95, 100),
) -> Interval | NoInterval:
    """Return the bad ratio of sampled events with its limits, or why it has none.

    A limit is where a true ratio would make what was kept, or less likely, have a probability of (1 - confidence) / 2.
    What was kept itself counts whole (cautious) where fewer than ten kept bad units, or good ones, are expected under
    that true ratio, or fewer than ten dropped, and half (mid-P) else: Fay and Feuer (1997), Fay and Kim (2017,
    Biometrical Journal 59). Where bad units are few, sizes of all units stand in for theirs. Bad traces that are much
    larger than the usual and almost never kept make the limits too narrow: nothing that was kept tells of them.

    Args:
        strata: sums over the sampling units kept at each weight; two of one weight are added.
        exact_total: events there were, kept or not, when they were counted; None estimates them by weight.
        every_bad_kept: whether the sampler keeps every bad event. Only then does a dropped stratum without bad events
            prove that it had none. Not believed when a stratum of weight above 1 has bad events.
        confidence: share of samples whose limits hold the true ratio, 0 < confidence < 1.

    Example:
        >>> found = interval([Moments.of(Fraction(10), [(1, 1)] * 20 + [(1, 0)] * 9_980)])
        >>> found.ratio, found.rule, round(found.bad.low, 4), round(found.bad.high, 4)
        (Fraction(1, 500), 'middle', 0.0013, 0.003)
    """
    kept = _merged(strata)
    bad = sum((m.factor * m.b for m in kept), Fraction(0))
    total = sum((m.factor * m.n for m in kept), Fraction(0)) if exact_total is None else Fraction(exact_total)
    if total == 0:
        return NoInterval(None, "total-below-kept" if any(m.n for m in kept) else "no-events")
    ratio = bad / total
    sampled = [m for m in kept if m.sampled and m.n]
    surely_kept = every_bad_kept and not any(m.b for m in sampled)
    why: Why | None = None
    if any(m.weight is None and m.n for m in kept):
        why = "weight-unknown"
    elif total < sum(m.n for m in kept):
        why = "total-below-kept"
    elif not sampled or (surely_kept and (bad == 0 or exact_total is not None)):
        why = "exact"
    if why is not None:
        return NoInterval(ratio, why)
    question = _Question(kept, None if exact_total is None else float(total), confidence, surely_kept=surely_kept)
    limits, rule = question.limits(float(ratio))
    return _outward(ratio, limits, rule, confidence)


def _merged(strata: Sequence[Moments]) -> list[Moments]:
    by_weight: dict[Fraction | None, Moments] = {}
    for one in strata:
        by_weight[one.weight] = by_weight[one.weight] + one if one.weight in by_weight else one
    return sorted(by_weight.values(), key=lambda m: (m.weight is None, m.factor))


def _outward(ratio: Fraction, limits: tuple[float, float], rule: Rule, confidence: Fraction) -> Interval:
    """Return the interval with limits moved outward to the next float, and to the ratio itself if need be."""
    within = min(float(ratio), 1.0)
    low = max(0.0, math.nextafter(min(limits[0], within), -1))
    high = min(1.0, math.nextafter(max(limits[1], within), 2))
    good = Bounds(max(0.0, math.nextafter(1 - high, -1)), min(1.0, math.nextafter(1 - low, 2)))
    if low == 0:
        good = Bounds(good.low, 1.0)
    if high == 1:
        good = Bounds(0.0, good.high)
    return Interval(ratio, Bounds(low, high), good, confidence, rule)


class _Question:
    """One sample and what is asked of it; floats from here on."""

    def __init__(self, kept: list[Moments], total: float | None, confidence: Fraction, *, surely_kept: bool) -> None:
        self.kept, self.total, self.surely_kept = kept, total, surely_kept
        self.sampled = sampled = [m for m in kept if m.sampled and m.n]
        self.tail = float((1 - confidence) / 2)
        self.flipped = [m.flipped() for m in sampled]
        self.bad_units = math.inf if surely_kept else _told(sampled)
        self.good_units = math.inf if total is not None else _told(self.flipped)
        self.usual, self.cautious = self._spread(cautious=False), self._spread(cautious=True)

    def limits(self, ratio: float) -> tuple[tuple[float, float], Rule]:
        """Return the limits of the bad ratio, before rounding, and how they were found."""
        events = sum(float(m.factor) * m.n for m in self.kept) if self.total is None else self.total
        unseen = -math.log(self.tail) * max(float(m.factor) * m.nn / m.n for m in self.sampled) / events
        if ratio == 0:
            return (0.0, self._possible(unseen)), "none-seen"
        if ratio >= 1 and self.total is None:
            return (max(0.0, 1 - unseen), 1.0), "none-seen"
        ratio = min(ratio, 1.0)
        low, rule_low = self._low(ratio)
        high, rule_high = self._high(ratio)
        rule: Rule = "cautious" if "cautious" in (rule_low, rule_high) else "middle"
        return (self._possible(low), self._possible(high)), rule

    def _possible(self, ratio: float) -> float:
        """Return the nearest ratio that the kept events allow under a counted total."""
        if self.total is None:
            return ratio
        bad = sum(m.b for m in self.kept)
        good = sum(m.n for m in self.kept) - bad
        return min(max(ratio, bad / self.total), 1 - good / self.total)

    def _edges(self, ratio: float, *, larger: bool = False) -> tuple[float, float]:
        """Return below which true ratio few bad units are expected, and above which few good ones.

        Args:
            ratio: estimated bad ratio.
            larger: whether units not seen may be as large as the largest can be.
        """
        bad = FEW * ratio / self.bad_units if self.bad_units else math.inf
        good = FEW * (1 - ratio) / self.good_units if self.good_units else math.inf
        if larger:
            bad, good = bad * _stretch(self.sampled), good * _stretch(self.flipped)
        return bad, 1 - good

    def _low(self, ratio: float) -> tuple[float, Rule]:
        """Return the least true ratio that its rule lets stand; where both rules do in parts, what lies between too."""
        few_bad, few_good = self._edges(ratio)
        cautious = crossing(self._one_good_more(cautious=True).below, self.tail, 0.0, ratio)[0]
        if cautious < few_bad or cautious > few_good:
            return cautious, "cautious"
        middle = crossing(self._middle(), self.tail, 0.0, ratio)[0]
        if middle <= few_good:
            return middle, "middle"
        return max(cautious, min(middle, self._edges(ratio, larger=True)[1])), "cautious"

    def _high(self, ratio: float) -> tuple[float, Rule]:
        """Return the greatest true ratio that its rule lets stand, as `_low` does the least."""
        few_bad, few_good = self._edges(ratio)
        cautious = crossing(self._one_bad_more(cautious=True).below, 1 - self.tail, ratio, 1.0)[1]
        if cautious < few_bad or cautious > few_good:
            return cautious, "cautious"
        middle = crossing(self._middle(), 1 - self.tail, ratio, 1.0)[1]
        if middle >= few_bad:
            return middle, "middle"
        return min(cautious, max(middle, self._edges(ratio, larger=True)[0])), "cautious"

    def _middle(self) -> Callable[[float], float]:
        fewer, more = self._one_good_more(cautious=False), self._one_bad_more(cautious=False)
        return partial(_halfway, fewer, more)

    def _spread(self, *, cautious: bool) -> Spread:
        """Return means and moments of the bad and good events there were."""
        found = dict.fromkeys(("bad", "good", "b2", "bg", "g2", "b3", "bbg", "bgg", "g3"), 0.0)
        for m in self.kept:
            found["bad"] += float(m.factor) * m.b
            found["good"] += float(m.factor) * (m.n - m.b)
        for bad, good in zip(self.sampled, self.flipped, strict=True):
            second, third = powers(float(bad.factor))
            bad_size = 0.0 if self.surely_kept else _size(bad, cautious=cautious)
            good_size = _size(good, cautious=cautious)
            across = bad.nb - bad.bb
            found["b2"] += second * bad.b * bad_size
            found["bg"] += second * across
            found["g2"] += second * good.b * good_size
            found["b3"] += third * bad.b * bad_size**2
            found["bbg"] += third * across * bad_size
            found["bgg"] += third * across * good_size
            found["g3"] += third * good.b * good_size**2
        if not self.surely_kept:
            found["bad"] -= _half_unit(self.sampled)
            found["good"] -= _half_unit(self.flipped)
        return Spread(self.total, **found)

    def _one_bad_more(self, *, cautious: bool) -> Spread:
        spread = self.cautious if cautious else self.usual
        return spread if self.surely_kept else spread.one_bad_more(*_next_unit(self.sampled, cautious=cautious))

    def _one_good_more(self, *, cautious: bool) -> Spread:
        spread = self.cautious if cautious else self.usual
        return spread if self.total is not None else spread.one_good_more(*_next_unit(self.flipped, cautious=cautious))


def _halfway(one: Spread, other: Spread, ratio: float) -> float:
    return (one.below(ratio) + other.below(ratio)) / 2


def _told(sampled: list[Moments]) -> float:
    """Return about how many bad units were kept, or dropped where these are fewer: both must be enough."""
    kept = [(_bad_units(m), float(m.factor)) for m in sampled]
    return min(sum(units for units, _ in kept), sum(units * (weight - 1) for units, weight in kept))


def _bad_units(m: Moments) -> float:
    """Return about how many units with bad events were kept: by the mean size, and never fewer than sizes allow."""
    return max(m.b * m.units / m.n, m.b**2 / m.bb) if m.b else 0.0


def _stretch(sampled: list[Moments]) -> float:
    """Return how many times larger than those seen a bad unit may be, >= 1."""
    return max((_largest(m) * m.b / m.bb for m in sampled if m.b), default=1.0)


def _half_unit(sampled: list[Moments]) -> float:
    """Return half the bad events of the smallest usual unit: units are whole, a limit lies half way to the next."""
    return min((m.bb / m.b for m in sampled if m.b), default=1.0) / 2


def _size(m: Moments, *, cautious: bool) -> float:
    """Return the bad events of a typical bad unit, seen from a bad event (sum of squares over sum), >= 1.

    Few bad units seldom hold a rare large one, so their own sizes understate it. The sizes of all units tell of it,
    unless bad units are too small to be drawn from them: Cantelli's inequality bounds the share of units so small.
    """
    if not m.b:
        return 0.0
    own, whole = m.bb / m.b, m.bb / m.nb
    of_all = m.nn / m.n * whole
    if own >= of_all or cautious:
        return max(own, of_all)
    effective = m.b / own
    mean = m.n / m.units * whole
    apart = max(mean - own, 0.0) ** 2
    variance = max(mean * of_all - mean**2, 0.0)
    alike = (variance / (variance + apart)) ** effective if apart else 1.0
    prior = _PRIOR_UNITS * variance / mean**2 * min(alike / _UNLIKE, 1.0)
    return (own * effective + of_all * prior) / (effective + prior)


def _next_unit(sampled: list[Moments], *, cautious: bool) -> tuple[float, float]:
    """Return weight and size of one more bad unit: of all strata the one that would change the estimate most."""
    sizes = [(float(m.factor), _largest(m) if cautious or not m.b else _size(m, cautious=False)) for m in sampled]
    return max(sizes, key=lambda pair: (pair[0] * pair[1], pair[0]))


def _largest(m: Moments) -> float:
    """Return a cautious size of a bad unit: as large as a typical unit, or as a bad one seen can have been.

    No unit is larger than the mean and the deviation times the root of the others (Samuelson 1968).
    """
    mean = m.n / m.units
    deviation = math.sqrt(max(m.nn / m.units - mean**2, 0.0))
    own = m.bb / m.b if m.b else 0.0
    seen = min(math.sqrt(m.bb), mean + deviation * math.sqrt(m.units - 1))
    return max(own, m.nn / m.n, seen)


__all__ = [
    "FEW",
    "Bounds",
    "Interval",
    "Moments",
    "NoInterval",
    "Rule",
    "Sampled",
    "Why",
    "interval",
    "parse_tracestate",
    "post_stratified",
    "randomness",
    "weight_of_rate",
    "weight_of_threshold",
]
