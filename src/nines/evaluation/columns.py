"""Many objectives as columns of arrays, and one slice of each judged at once.

One rule: what a column makes of a slice is what `judge` makes of it. A column is one objective under one of its
terms; a minute's facts are four whole numbers, so that months of them fit into a mapped file.
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
from nines.objectives.objective import Objective
from nines.objectives.window import CalendarWindow
from nines.spans import minute_after
from nines.telemetry.series import Flags, Ints, MinuteState

#: Rows of a minute's facts.
FACTS = ("good", "bad", "unknown", "marks")
#: RatioTimeslices shares are kept in units of 2^-SHARE_BITS, bad ones rounded down, good ones the rest.
SHARE_BITS = 40
#: Slice targets with larger denominators go to `evaluate`, so that products stay within 64 bits.
_LARGEST_DENOMINATOR = 2**20
_EVER = 2**62
_METHODS: tuple[type[Method], ...] = (Occurrences, Timeslices, RatioTimeslices)
_MISSING = ("unknown", "ignore", "good", "bad")
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
    calendar = isinstance(objective.window, CalendarWindow)
    methods = [t.method for t in objective.terms]
    if objective.bound is not None:
        return "it holds an aggregate against a bound"
    if objective.missing == "last":
        return "its silence repeats what came before, however long ago"
    if calendar and methods[0].slice_minutes > 1:
        return "its slices begin anew with each calendar period"
    if calendar and len(methods) > 1:
        return "its terms change with calendar periods"
    if any(isinstance(m, Timeslices) and m.slice_target.denominator > _LARGEST_DENOMINATOR for m in methods):
        return "its slice target has too large a denominator"
    return ""


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Objectives under their terms, as arrays of one length, sorted by objective.

    Attributes:
        objective: index of the objective.
        term: index of its term.
        since: first grid minute at which a slice under this term may begin.
        until: grid minute after the last such.
        method: index into the three methods.
        length: slice length, minutes.
        aim_numerator: of the slice target.
        aim_denominator: of the slice target.
        quiet: good units of a slice without traffic (0 or 1), or -1 when it is skipped.
        missing: index into unknown, ignore, good, bad.
        estimator: index into window-mean, stated, none.
        stated: events per silent minute for the stated estimator, rounded; exact figures come from the objective.
        budget: 1 - target, rounded likewise.
    """

    objective: Ints
    term: Ints
    since: Ints
    until: Ints
    method: Ints
    length: Ints
    aim_numerator: Ints
    aim_denominator: Ints
    quiet: Ints
    missing: Ints
    estimator: Ints
    stated: npt.NDArray[np.float64]
    budget: npt.NDArray[np.float64]

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
        arrays = [np.array(values) for values in zip(*rows, strict=True)]
        return cls(*arrays)

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


def _rows(index: int, objective: Objective) -> list[tuple[float, ...]]:
    begins = [-_EVER, *(minute_after(t.effective_from) for t in objective.terms[1:] if t.effective_from), _EVER]
    found: list[tuple[float, ...]] = []
    for number, term in enumerate(objective.terms):
        aim = term.method.slice_target if isinstance(term.method, Timeslices) else Fraction(0)
        found.append((
            index, number, begins[number], begins[number + 1], _METHODS.index(type(term.method)),
            term.method.slice_minutes, aim.numerator, aim.denominator,
            {"skip": -1, "bad": 0, "good": 1}[objective.no_traffic], _MISSING.index(objective.missing),
            _ESTIMATORS.index(objective.estimator.name), float(objective.estimator.per_minute), float(term.budget),
        ))  # fmt: skip
    return found


def judge_columns(columns: Columns, facts: Ints, start: int) -> Ints:
    """Judge one slice of every column.

    Args:
        columns: all of one slice length.
        facts: int64 [4, minutes of the slice, columns].
        start: grid minute at which the slice begins.

    Returns:
        int64 [7, columns], rows as `Unit`. A RatioTimeslices slice is 2^SHARE_BITS units, each shared out.
    """
    counts = facts[:3].sum(axis=1) if facts.shape[1] > 1 else facts[:3, 0]
    minutes, inside = _minutes_of(facts[3])
    events = np.stack([*counts, minutes.silent, minutes.known + minutes.forced, minutes.asked, inside])
    if not columns.method.any():
        units = events
    else:
        units = np.where(columns.method == 0, events, _slices(columns, counts, minutes, inside))
    if columns.changing:
        units = units * ((columns.since <= start) & (start < columns.until))
    held: Ints = units
    return held


def _minutes_of(marks: Ints) -> tuple[_Minutes, Flags]:
    """Count the minutes of a slice by what is known of them, and tell which slices are among the N of a window."""
    size, columns = marks.shape
    if (marks == (MinuteState.ALIVE | Mark.COUNTED)).all():  # nearly always: nothing excluded, nothing missing
        all_of_it, none = np.full(columns, size), np.zeros(columns, dtype=np.int64)
        untaken = np.zeros(columns, dtype=np.bool_)
        return _Minutes(all_of_it, all_of_it, none, all_of_it, none, none, untaken), ~untaken
    state = marks & 3
    counted = (marks & Mark.COUNTED) > 0
    gone = counted & ((marks & (Mark.DROPPED | Mark.SHRUNK)) > 0)
    forced = counted & ((marks & Mark.FORCED) > 0)
    plain = counted & ~gone & ~forced
    lost = (state == MinuteState.SILENT) | (state == MinuteState.BROKEN)
    minutes = _Minutes(
        counted=counted.sum(axis=0),
        asked=(counted & ~gone).sum(axis=0),
        forced=forced.sum(axis=0),
        known=(plain & ~lost).sum(axis=0),
        silent=(plain & lost & ((marks & Mark.UNBORN) == 0)).sum(axis=0),
        bridged=(plain & (state == MinuteState.BRIDGED)).sum(axis=0),
        taken=np.any((marks & Mark.TAKEN) > 0, axis=0, keepdims=True)[0],
    )
    shrunk = (counted & ((marks & Mark.SHRUNK) > 0)).sum(axis=0)
    return minutes, (minutes.counted > 0) & (shrunk < minutes.counted)


@dataclass(frozen=True, slots=True, eq=False)
class _Minutes:
    """Minutes of a slice by what is known of them, per column."""

    counted: Ints
    asked: Ints
    forced: Ints
    known: Ints
    silent: Ints
    bridged: Ints
    taken: Flags


def _slices(columns: Columns, counts: Ints, minutes: _Minutes, inside: Flags) -> Ints:
    """Return what a slice adds under the slice methods."""
    good, bad, unknown = counts
    asked = inside & (minutes.asked > 0)
    whole = asked & (minutes.known + minutes.forced == minutes.asked) & (minutes.bridged == 0)
    missing = asked & ~whole & (minutes.silent + minutes.bridged > 0)
    forced = whole & (minutes.forced == minutes.asked)
    empty = whole & ~forced & (good + bad + unknown == 0)
    measured = whole & ~forced & ~empty
    quiet = empty & ~minutes.taken
    least, most = _reach(columns, good, good + bad + unknown), _reach(columns, good + unknown, good + bad + unknown)
    ratio = columns.method == _METHODS.index(RatioTimeslices)
    shares = measured & ratio & (unknown == 0)
    is_good = forced | (quiet & (columns.quiet == 1)) | (missing & (columns.missing == _MISSING.index("good")))
    is_good |= measured & ~ratio & least
    is_bad = (quiet & (columns.quiet == 0)) | (missing & (columns.missing == _MISSING.index("bad")))
    is_bad |= measured & ~ratio & ~most
    doubt = missing & (columns.missing == _MISSING.index("unknown"))
    doubt |= measured & np.where(ratio, unknown > 0, ~least & most)
    units_good, units_bad = is_good.astype(np.int64), is_bad.astype(np.int64)
    if ratio.any():
        scale = np.where(ratio, 1 << SHARE_BITS, 1)
        part = _share(np.where(shares, bad, 0), np.where(shares, good + bad, 1))
        units_bad = np.where(shares, part, units_bad * scale)
        units_good = np.where(shares, scale - part, units_good * scale)
    known = np.where(whole | ~asked, minutes.asked, 0)
    silent = np.zeros_like(known)  # slices carry their silence as unknown units
    return np.stack([units_good, units_bad, doubt, silent, known, minutes.asked, inside])


def _reach(columns: Columns, good: Ints, total: Ints) -> Flags:
    reached: Flags = good * columns.aim_denominator >= total * columns.aim_numerator
    return reached


def _share(part: Ints, whole: Ints) -> Ints:
    """Return part / whole in units of 2^-SHARE_BITS, rounded down, in two steps that stay within 64 bits."""
    half = SHARE_BITS // 2
    high, rest = np.divmod(part << half, whole)
    share: Ints = (high << half) + (rest << half) // whole
    return share
