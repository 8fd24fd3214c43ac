"""Budgeting methods, by their OpenSLO names: how events of a span become the units of a budget.

Each method is one class. `judge` turns one slice into good and bad shares, exactly; `unit` names what
the budget is counted in. Occurrences has no slices: every event is a unit of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Occurrences:
    """Every event counts once: good events / known events over the whole window."""

    name: ClassVar[str] = "Occurrences"
    unit: ClassVar[str] = "events"
    slice_minutes: ClassVar[int] = 1

    def judge(self, good: int, total: int) -> Fraction:
        """Return the good share of `total` > 0 events."""
        return Fraction(good, total)


@dataclass(frozen=True, slots=True)
class Timeslices:
    """A slice is good when good/total reaches `slice_target`; good slices / counted slices.

    Attributes:
        slice_target: 0 < slice_target <= 1; exactly on it is good.
        slice_minutes: length of a slice in whole minutes, >= 1.
    """

    slice_target: Fraction
    slice_minutes: int = 1
    name: ClassVar[str] = "Timeslices"
    unit: ClassVar[str] = "slices"

    def judge(self, good: int, total: int) -> Fraction:
        """Return 1 when the slice of `total` > 0 events is good, else 0.

        Example:
            >>> Timeslices(Fraction("0.95")).judge(19, 20)
            Fraction(1, 1)
        """
        return Fraction(int(good >= self.slice_target * total))


@dataclass(frozen=True, slots=True)
class RatioTimeslices:
    """The mean of good/total over counted slices, each slice weighing the same.

    Attributes:
        slice_minutes: length of a slice in whole minutes, >= 1.
    """

    slice_minutes: int = 1
    name: ClassVar[str] = "RatioTimeslices"
    unit: ClassVar[str] = "slices"

    def judge(self, good: int, total: int) -> Fraction:
        """Return the slice's good share of `total` > 0 events."""
        return Fraction(good, total)


Method = Occurrences | Timeslices | RatioTimeslices
