"""Sums of judged units over a window: what is known, what is not, and what the two could make together.

Everything is exact. Sums are kept per term, because each term allows its own share of its own units.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from nines.evaluation.judge import Judged
from nines.evaluation.standing import Range
from nines.objectives.method import Occurrences, RatioTimeslices
from nines.objectives.objective import Objective, Term
from nines.telemetry.series import Ints


@dataclass(frozen=True, slots=True)
class Tally:
    """Units of one window under one term.

    Attributes:
        term: the term they are judged by.
        good: good units, imputed ones included.
        bad: bad units likewise.
        unknown: units measured but not judged.
        hidden: units that silence is taken to have hidden, >= 0; None when there is silence and no estimate.
    """

    term: Term
    good: Fraction
    bad: Fraction
    unknown: Fraction
    hidden: Fraction | None = Fraction(0)

    @property
    def units(self) -> Fraction:
        """Known units."""
        return self.good + self.bad


@dataclass(frozen=True, slots=True)
class Sums:
    """All tallies of one window.

    Attributes:
        tallies: one per term that has units or silence here.
        known_minutes: counted minutes of which the events are known.
        counted_minutes: minutes that count.
        silent_minutes: minutes of silence under Occurrences.
    """

    tallies: tuple[Tally, ...]
    known_minutes: int
    counted_minutes: int
    silent_minutes: int

    @property
    def good(self) -> Fraction:
        """Good units."""
        return sum((t.good for t in self.tallies), Fraction(0))

    @property
    def bad(self) -> Fraction:
        """Bad units."""
        return sum((t.bad for t in self.tallies), Fraction(0))

    @property
    def units(self) -> Fraction:
        """Known units."""
        return self.good + self.bad

    @property
    def doubt(self) -> Fraction | None:
        """Units not known: not judged, or hidden by silence; None when nobody can say how many."""
        hidden = [t.hidden for t in self.tallies]
        if any(h is None for h in hidden):
            return None
        return sum((t.unknown for t in self.tallies), Fraction(0)) + sum(
            (h for h in hidden if h is not None), Fraction(0)
        )

    @property
    def sli(self) -> Fraction | None:
        """Good share of the known units."""
        return self.good / self.units if self.units else None

    @property
    def bounds(self) -> Range | None:
        """Least and most the good share can be, or None when silence has no estimate or nothing is due."""
        doubt = self.doubt
        if doubt is None or not self.units + doubt:
            return None
        whole = self.units + doubt
        return Range(self.good / whole, (self.good + doubt) / whole)

    @property
    def allowed(self) -> Fraction:
        """Bad units the known units allow: the sum over terms of budget times units."""
        return sum((t.term.budget * t.units for t in self.tallies), Fraction(0))

    @property
    def coverage(self) -> Fraction:
        """Known share of the minutes that count; 1 when none count."""
        return Fraction(self.known_minutes, self.counted_minutes) if self.counted_minutes else Fraction(1)

    def case(self, *, worst: bool) -> tuple[Fraction, Fraction] | None:
        """Return (bad, allowed) if all doubt turned out bad, or all of it good; None without an estimate."""
        if self.doubt is None:
            return None
        doubts = [(t, t.unknown + (t.hidden or 0)) for t in self.tallies]
        bad = sum((t.bad + (d if worst else 0) for t, d in doubts), Fraction(0))
        return bad, sum((t.term.budget * (t.units + d) for t, d in doubts), Fraction(0))


def add_up(objective: Objective, judged: Judged, start: int, end: int, rate: Fraction | None = None) -> Sums:
    """Sum the units of the slices that begin in [start, end).

    Args:
        objective: gives method, policies and the estimator of what silence hid.
        judged: slices covering at least the span.
        start: first grid minute.
        end: grid minute after the last.
        rate: events a silent minute is taken to have hidden, or None to estimate it from this span.
    """
    part = judged.between(start, end)
    known, counted = int(judged.known[part].sum()), int(judged.counted[part].sum())
    silent = int(judged.silent[part].sum())
    if rate is None:
        rate = hidden_rate(objective, judged, start, end) if silent else Fraction(0)
    tallies = [
        _tally(objective, judged, part, index, rate)
        for index in range(len(objective.terms))
        if (judged.term[part] == index).any()
    ]
    return Sums(tuple(tallies), known, counted, silent)


def hidden_rate(objective: Objective, judged: Judged, start: int, end: int) -> Fraction | None:
    """Return the events a silent minute of [start, end) is taken to have hidden, or None without an estimate.

    Args:
        objective: names the estimator.
        judged: slices covering at least the span.
        start: first grid minute.
        end: grid minute after the last.
    """
    part = judged.between(start, end)
    known = int(judged.known[part].sum())
    if objective.estimator.name == "stated":
        return objective.estimator.per_minute
    if objective.estimator.name == "none" or not known:
        return None
    return Fraction(int(judged.total[part].sum()) + int(judged.unknown[part].sum()), known)


def _tally(objective: Objective, judged: Judged, part: slice, index: int, rate: Fraction | None) -> Tally:
    here = judged.term[part] == index
    good, bad, total = judged.good[part][here], judged.bad[part][here], judged.total[part][here]
    unknown = Fraction(int(judged.unknown[part][here].sum()))
    term = objective.terms[index]
    if isinstance(term.method, RatioTimeslices):
        share = ratio_sum(good, total)
        return Tally(term, share, int((total > 0).sum()) - share, unknown)
    sums = Fraction(int(good.sum())), Fraction(int(bad.sum()))
    silent = int(judged.silent[part][here].sum())
    if not isinstance(term.method, Occurrences) or not silent or objective.missing == "ignore":
        return Tally(term, *sums, unknown)
    if rate is None:
        return Tally(term, *sums, unknown, None)
    if objective.missing == "unknown":
        return Tally(term, *sums, unknown, rate * silent)
    return _imputed(objective, judged, part, here, Tally(term, *sums, unknown), rate)


def _imputed(objective: Objective, judged: Judged, part: slice, here: Ints, tally: Tally, rate: Fraction) -> Tally:
    """Add the events that silence hid as the policy calls them."""
    silent = judged.silent[part] * here
    hidden = rate * int(silent.sum())
    if objective.missing == "good":
        return Tally(tally.term, tally.good + hidden, tally.bad, tally.unknown)
    if objective.missing == "bad":
        return Tally(tally.term, tally.good, tally.bad + hidden, tally.unknown)
    measured = np.where(judged.total[part] > 0, np.arange(len(silent)), -1)
    last = np.maximum.accumulate(measured)[silent > 0]
    good_share = ratio_sum(judged.good[part][last[last >= 0]], judged.total[part][last[last >= 0]])
    found = int((last >= 0).sum())
    good, bad = rate * good_share, rate * (found - good_share)
    return Tally(tally.term, tally.good + good, tally.bad + bad, tally.unknown, rate * (int(silent.sum()) - found))


def ratio_sum(good: Ints, total: Ints) -> Fraction:
    """Return the exact sum of good/total over the slices with total > 0.

    Equal divisors are added as integers first, then fractions in pairs, so that a month of minutes stays quick.

    Args:
        good: int64 per slice.
        total: int64 per slice.

    Example:
        >>> ratio_sum(np.array([1, 1, 5]), np.array([2, 3, 0]))
        Fraction(5, 6)
    """
    used = total > 0
    divisors, place = np.unique(total[used], return_inverse=True)
    sums = np.zeros(len(divisors), dtype=good.dtype)
    np.add.at(sums, place, good[used])
    return _pairwise([(int(n), int(d)) for n, d in zip(sums, divisors, strict=True)])


def _pairwise(parts: list[tuple[int, int]]) -> Fraction:
    """Add numerators over divisors two by two, over the least common divisor; reduce once, at the end."""
    while len(parts) > 1:
        joined = [
            (a * (q // (g := math.gcd(b, q))) + p * (b // g), b // g * q)
            for (a, b), (p, q) in zip(parts[::2], parts[1::2], strict=False)
        ]
        parts = joined + parts[len(joined) * 2 :]
    return Fraction(*parts[0]) if parts else Fraction(0)
