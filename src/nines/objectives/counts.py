"""Counts: how many events were good, bad or unknown.

Counts are integers and are added, never averaged; a ratio is only ever taken of a sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Counts:
    """Events (or microseconds, or slices) due in one span of time, each a count >= 0.

    Where events are sampled they are estimates, kept events times weights, and can be fractions.

    Attributes:
        good: those that met the indicator's condition.
        bad: those that did not.
        unknown: those that were due but could not be judged; neither good nor bad.
        excluded: those an exclusion took out of the question.
    """

    good: int | Fraction = 0
    bad: int | Fraction = 0
    unknown: int | Fraction = 0
    excluded: int | Fraction = 0

    def __add__(self, other: Counts) -> Counts:
        """Return the counts of two spans that do not overlap."""
        return Counts(
            self.good + other.good,
            self.bad + other.bad,
            self.unknown + other.unknown,
            self.excluded + other.excluded,
        )

    @property
    def total(self) -> int | Fraction:
        """Known events, good and bad, >= 0."""
        return self.good + self.bad

    @property
    def ratio(self) -> Fraction | None:
        """Good events per known event, 0..1, or None when nothing is known."""
        return Fraction(self.good, self.total) if self.total else None
