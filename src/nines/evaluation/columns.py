"""Many objectives as columns of arrays.

A column is one objective under one of its terms: under each of them for a rolling window, under the one that its
period keeps for a calendar window. A minute's facts are four whole numbers, so that months of them fit into a mapped
file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum, IntFlag
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from nines.errors import InputError, Problem
from nines.evaluation.exclusions import Minutes
from nines.objectives.method import Method, Occurrences, RatioTimeslices, Timeslices
from nines.objectives.objective import Objective, Term
from nines.objectives.window import CalendarWindow
from nines.spans import minute_after
from nines.telemetry.series import Flags, Ints

#: Rows of a minute's facts.
FACTS = ("good", "bad", "unknown", "marks")
#: RatioTimeslices shares are kept in units of 2^-SHARE_BITS, bad ones rounded down, good ones the rest.
SHARE_BITS = 40
#: Counts of one minute beyond this are refused, so that a year of them stays within 64 bits.
LARGEST_COUNT = 2**42
#: Budgeting methods and policies, by the numbers that columns hold.
METHODS: tuple[type[Method], ...] = (Occurrences, Timeslices, RatioTimeslices)
MISSING = ("unknown", "ignore", "good", "bad", "last")
#: Slice targets with larger denominators are compared as floats first and as whole numbers where that is too close.
_LARGEST_DENOMINATOR = 2**31
_EVER = 2**62
_ESTIMATORS = ("window-mean", "stated", "none")


class Mark(IntFlag):
    """What is true of one minute beside its counts; the two lowest bits are its `MinuteState`."""

    COUNTED = 4
    DROPPED = 8
    SHRUNK = 16
    FORCED = 32
    UNBORN = 64
    TAKEN = 128


class Unit(IntEnum):
    """Rows of what a slice adds to a window."""

    GOOD = 0
    BAD = 1
    UNKNOWN = 2
    SILENT = 3
    KNOWN = 4
    COUNTED = 5
    INSIDE = 6


def facts_of(minutes: Minutes) -> Ints:
    """Return minutes after exclusions as int64 [4, minutes]: good, bad, unknown, marks."""
    marks = minutes.state.astype(np.int64)
    for mark, flags in (
        (Mark.COUNTED, minutes.counted),
        (Mark.DROPPED, minutes.dropped),
        (Mark.SHRUNK, minutes.shrunk),
        (Mark.FORCED, minutes.forced),
        (Mark.UNBORN, minutes.unborn),
        (Mark.TAKEN, minutes.excluded > 0),
    ):
        marks |= np.where(flags, int(mark), 0)
    return np.stack([minutes.good, minutes.bad, minutes.unknown, marks])


def why_not(objective: Objective) -> str:
    """Return why an objective must be asked of `evaluate` instead, or "" when a column can hold it."""
    occurrences = isinstance(objective.terms[0].method, Occurrences)
    if objective.bound is not None and objective.bound.aggregate != "uptime":
        return "it holds an aggregate of values against a bound"
    if objective.bound is not None and not occurrences:
        return "it counts uptime in slices"
    anchor = objective.window.anchor if isinstance(objective.window, CalendarWindow) else None
    if anchor is not None and (anchor.second or anchor.microsecond) and objective.terms[0].method.slice_minutes > 1:
        return "its periods end inside a minute, so that its last slice is cut short"
    return ""


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Objectives under their terms, as arrays of one length, sorted by objective.

    Attributes:
        objective: index of the objective.
        term: index of its term.
        since: first grid minute at which a slice under this term may begin.
        until: grid minute after the last such.
        method: index into `METHODS`.
        length: slice length, minutes.
        aim_numerator: of the slice target; 0 where `wide`.
        aim_denominator: of the slice target; 1 where `wide`.
        wide: whether the slice target has too large a denominator for the two above.
        aim: the slice target, rounded.
        exact: the slice target as a fraction.
        quiet: good units of a slice without traffic (0 or 1), or -1 when it is skipped.
        missing: index into `MISSING`.
        estimator: index into window-mean, stated, none.
        stated: events per silent minute for the stated estimator, rounded; exact figures come from the objective.
        budget: 1 - target, rounded likewise.
        bounded: whether a bound is held instead of a budget, so that nothing burns.
    """

    objective: Ints
    term: Ints
    since: Ints
    until: Ints
    method: Ints
    length: Ints
    aim_numerator: Ints
    aim_denominator: Ints
    wide: Flags
    aim: npt.NDArray[np.float64]
    exact: npt.NDArray[np.object_]
    quiet: Ints
    missing: Ints
    estimator: Ints
    stated: npt.NDArray[np.float64]
    budget: npt.NDArray[np.float64]
    bounded: Flags

    @classmethod
    def of(cls, objectives: Sequence[Objective]) -> Columns:
        """Lay objectives out as columns.

        Args:
            objectives: at least one.

        Raises:
            InputError: names every objective that only `evaluate` can answer, and why.
        """
        refused = [
            Problem(f"objective {o.name}", f"a sweep cannot hold it: {why}", "ask evaluate", code="not-swept")
            for o in objectives
            if (why := why_not(o))
        ]
        if refused:
            raise InputError(*refused)
        rows = [row for index, o in enumerate(objectives) for row in _rows(index, o)]
        types = [object if f.name == "exact" else None for f in fields(cls)]
        return cls(*(np.array(values, dtype=t) for values, t in zip(zip(*rows, strict=True), types, strict=True)))

    def hold(self, column: int, objective: Objective, number: int) -> bool:
        """Put a calendar objective's column under another of its terms.

        Args:
            column: index of the column.
            objective: whose column it is.
            number: index of the term.

        Returns:
            Whether slices are judged by another slice target now.
        """
        if self.term[column] == number:
            return False
        before, term = self.exact[column], objective.terms[number]
        self.term[column], self.budget[column] = number, float(term.budget)
        names = ("aim_numerator", "aim_denominator", "wide", "aim", "exact")
        for name, value in zip(names, _aim(term), strict=True):
            getattr(self, name)[column] = value
        return bool(before != self.exact[column])

    def take(self, which: Ints) -> Columns:
        """Return some of the columns, in the order asked for."""
        return Columns(*(getattr(self, f.name)[which] for f in fields(self)))

    @property
    def changing(self) -> bool:
        """Whether any column holds for a limited time only."""
        return bool((self.since > -_EVER).any() or (self.until < _EVER).any())

    def __len__(self) -> int:
        """Return the number of columns."""
        return len(self.objective)


def _rows(index: int, objective: Objective) -> list[tuple[object, ...]]:
    if isinstance(objective.window, CalendarWindow):
        return [_row(index, objective, 0, (-_EVER, _EVER))]  # `Columns.hold` gives it the term of its period
    begins = [-_EVER, *(minute_after(t.effective_from) for t in objective.terms[1:] if t.effective_from), _EVER]
    return [_row(index, objective, n, (begins[n], begins[n + 1])) for n in range(len(objective.terms))]


def _row(index: int, objective: Objective, number: int, held: tuple[int, int]) -> tuple[object, ...]:
    term = objective.terms[number]
    return (
        index, number, *held, METHODS.index(type(term.method)), term.method.slice_minutes, *_aim(term),
        {"skip": -1, "bad": 0, "good": 1}[objective.no_traffic], MISSING.index(objective.missing),
        _ESTIMATORS.index(objective.estimator.name), float(objective.estimator.per_minute), float(term.budget),
        objective.bound is not None,
    )  # fmt: skip


def _aim(term: Term) -> tuple[int, int, bool, float, Fraction]:
    aim = term.method.slice_target if isinstance(term.method, Timeslices) else Fraction(0)
    wide = aim.denominator > _LARGEST_DENOMINATOR
    return (0 if wide else aim.numerator), (1 if wide else aim.denominator), wide, float(aim), aim
