"""From minutes to the units of a budget: every slice judged once, by the term in force at its start.

Everything after this is a sum over windows, so `evaluate` and `sweep` cannot disagree about a slice.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from nines.evaluation.exclusions import Minutes
from nines.objectives.method import Occurrences, RatioTimeslices, Timeslices
from nines.objectives.objective import Objective, Term
from nines.spans import instant_of
from nines.telemetry.series import Flags, Ints

#: Products of counts and target parts beyond this are compared as Python integers instead of int64.
_SAFE = 2**62


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Consecutive slices (minutes, for Occurrences) as units of a budget.

    Attributes:
        starts: grid minute at which each slice begins.
        end: grid minute at which the last slice ends.
        term: index of the term each slice is judged by.
        good: int64 good units (events; slices 0 or 1; for RatioTimeslices good events of a counted slice).
        bad: int64 bad units likewise.
        unknown: int64 units that could not be judged (events, or slices 0 or 1).
        total: int64 known events of counted slices; the divisor of a RatioTimeslices share.
        silent: int64 minutes of silence (Occurrences), else 0.
        known: int64 counted minutes of which the events are known.
        counted: int64 minutes that count.
        inside: whether the slice is one of the N of its window.
        events: int64 [4, slices] good, bad, unknown and excluded events, for the standing's counts.
    """

    starts: Ints
    end: int
    term: Ints
    good: Ints
    bad: Ints
    unknown: Ints
    total: Ints
    silent: Ints
    known: Ints
    counted: Ints
    inside: Flags
    events: Ints

    def __len__(self) -> int:
        """Return the number of slices."""
        return len(self.starts)

    def between(self, start: int, end: int) -> slice:
        """Return the slices that begin in [start, end)."""
        low, high = np.searchsorted(self.starts, [start, end])
        return slice(int(low), int(high))


def slice_starts(objective: Objective, start: int, end: int, anchor: int) -> Ints:
    """Return where the slices of a window begin.

    Rolling windows take the grid of the epoch (anchor 0), so that a slice keeps its verdict while the window
    rolls; calendar periods begin with a whole slice at their start and may end with a shorter one.

    Args:
        objective: gives the slice length.
        start: first grid minute.
        end: grid minute after the last.
        anchor: grid minute at which a slice begins.
    """
    length = objective.terms[0].method.slice_minutes
    first = start + (anchor - start) % length
    return np.arange(first, end, length, dtype=np.int64)


def terms_of(objective: Objective, starts: Ints) -> Ints:
    """Return for each slice the index of the term in force at its start."""
    begins = [t.effective_from for t in objective.terms[1:]]
    edges = np.array([-(-(b - instant_of(0)) // (instant_of(1) - instant_of(0))) for b in begins if b], dtype=np.int64)
    return np.searchsorted(edges, starts, side="right").astype(np.int64)


def judge(objective: Objective, minutes: Minutes, *, anchor: int = 0, term: int | None = None) -> Judged:
    """Judge every whole slice of the minutes.

    Args:
        objective: method, policies and terms.
        minutes: what remains after exclusions.
        anchor: grid minute at which a slice begins.
        term: index of the one term that holds throughout (calendar periods), or None for the one at each slice's start.

    Returns:
        One element per slice, in order of time.
    """
    end = minutes.start + len(minutes.good)
    starts = slice_starts(objective, minutes.start, end, anchor)
    which = terms_of(objective, starts) if term is None else np.full(len(starts), term, dtype=np.int64)
    sums = _sums(minutes, starts)
    if isinstance(objective.terms[0].method, Occurrences):
        return _events(starts, end, which, sums)
    return _slices(objective, starts, end, which, sums)


def _sums(minutes: Minutes, starts: Ints) -> dict[str, Ints]:
    offsets = starts - minutes.start
    plain, known, silent = minutes.plain, minutes.known, minutes.silent
    bridged = plain & (minutes.state == 2)  # noqa: PLR2004 - MinuteState.BRIDGED
    parts = {
        "good": minutes.good, "bad": minutes.bad, "unknown": minutes.unknown, "excluded": minutes.excluded,
        "counted": minutes.counted, "dropped": minutes.dropped, "shrunk": minutes.shrunk, "forced": minutes.forced,
        "known": known, "silent": silent, "bridged": bridged, "unborn": plain & ~known & ~silent,
    }  # fmt: skip
    if not len(starts):
        return {name: np.zeros(0, dtype=np.int64) for name in parts}
    if len(starts) == len(minutes.good):  # one-minute slices are their own sums
        return {name: _whole(values) for name, values in parts.items()}
    return {name: np.add.reduceat(_whole(values), offsets) for name, values in parts.items()}


def _whole(values: Ints | Flags) -> Ints:
    """Return counts or flags as integers; estimates beyond 64 bits are Python's own already."""
    kind = values.dtype if values.dtype == object else np.dtype(np.int64)
    return np.asarray(values.astype(kind, copy=False))


def _events(starts: Ints, end: int, which: Ints, sums: dict[str, Ints]) -> Judged:
    return Judged(
        starts, end, which, sums["good"], sums["bad"], sums["unknown"], sums["good"] + sums["bad"], sums["silent"],
        sums["known"] + sums["forced"], sums["counted"] - sums["shrunk"] - sums["dropped"],
        (sums["counted"] > 0) & (sums["shrunk"] < sums["counted"]),
        np.stack([sums[n] for n in ("good", "bad", "unknown", "excluded")]),
    )  # fmt: skip


def _slices(objective: Objective, starts: Ints, end: int, which: Ints, sums: dict[str, Ints]) -> Judged:
    """Give each slice its units: good and bad shares of a divisor, unknown, or none at all."""
    gone = sums["shrunk"] + sums["dropped"]
    inside = (sums["counted"] > 0) & (sums["shrunk"] < sums["counted"])
    asked = inside & (gone < sums["counted"])
    missing = sums["silent"] + sums["bridged"]
    lost = asked & (missing + sums["unborn"] > 0)
    forced = asked & ~lost & (sums["forced"] == sums["counted"] - gone)
    quiet = asked & ~lost & ~forced & (sums["good"] + sums["bad"] + sums["unknown"] == 0)
    measured = asked & ~lost & ~forced & ~quiet
    units = _measure(objective, which, sums, measured)
    units.set(forced, good=1, bad=0)
    if objective.no_traffic != "skip":
        quiet &= sums["excluded"] == 0  # a slice whose events were all taken out is not one without traffic
        units.set(quiet, good=int(objective.no_traffic == "good"), bad=int(objective.no_traffic == "bad"))
    _impute(objective, lost & (missing > 0), units)
    known = np.where(lost, 0, sums["counted"] - gone)
    return Judged(
        starts, end, which, units.good, units.bad, units.unknown, units.good + units.bad,
        np.zeros(len(starts), dtype=np.int64), known, sums["counted"] - gone, inside,
        np.stack([sums[n] for n in ("good", "bad", "unknown", "excluded")]),
    )  # fmt: skip


@dataclass(slots=True, eq=False)
class _Units:
    """Good and bad parts and doubt of each slice, while it is being judged."""

    good: Ints
    bad: Ints
    unknown: Ints

    def set(self, where: Flags, *, good: int, bad: int, unknown: int = 0) -> None:
        """Judge the slices of a mask outright."""
        self.good[where], self.bad[where], self.unknown[where] = good, bad, unknown


def _measure(objective: Objective, which: Ints, sums: dict[str, Ints], measured: Flags) -> _Units:
    """Judge the slices whose events were all measured; doubt about an event is doubt about its slice."""
    if isinstance(objective.terms[0].method, RatioTimeslices):
        sure = measured & (sums["unknown"] == 0)
        doubt = (measured & ~sure).astype(np.int64)
        return _Units(np.where(sure, sums["good"], 0), np.where(sure, sums["bad"], 0), doubt)
    least, most = _kleene(objective.terms, which, sums)
    return _Units(
        (measured & least).astype(np.int64),
        (measured & ~most).astype(np.int64),
        (measured & ~least & most).astype(np.int64),
    )


def _impute(objective: Objective, lost: Flags, units: _Units) -> None:
    """Apply the missing-data policy to silent slices."""
    if objective.missing == "good":
        units.set(lost, good=1, bad=0)
    elif objective.missing == "bad":
        units.set(lost, good=0, bad=1)
    elif objective.missing == "unknown":
        units.set(lost, good=0, bad=0, unknown=1)
    elif objective.missing == "last":
        decided = np.where(units.good + units.bad > 0, np.arange(len(lost)), -1)
        last = np.maximum.accumulate(decided) if len(lost) else decided
        held, nothing = lost & (last >= 0), lost & (last < 0)
        units.good[held], units.bad[held] = units.good[last[held]], units.bad[last[held]]
        units.set(nothing, good=0, bad=0, unknown=1)


def _kleene(terms: tuple[Term, ...], which: Ints, sums: dict[str, Ints]) -> tuple[Flags, Flags]:
    """Return whether each slice is good even in the worst case, and whether it can be in the best."""
    least, most = np.zeros(len(which), dtype=np.bool_), np.zeros(len(which), dtype=np.bool_)
    everything = sums["good"] + sums["bad"] + sums["unknown"]
    for index, term in enumerate(terms):
        here = which == index
        aim = term.method.slice_target if isinstance(term.method, Timeslices) else Fraction(0)
        least |= here & _reaches(sums["good"], everything, aim)
        most |= here & _reaches(sums["good"] + sums["unknown"], everything, aim)
    return least, most


def _reaches(good: Ints, total: Ints, aim: Fraction) -> Flags:
    """Return where good/total >= aim, without dividing and without overflow."""
    largest = int(total.max(initial=0)) * aim.denominator
    left, right = (good, total) if largest < _SAFE else (good.astype(object), total.astype(object))
    return np.asarray(left * aim.denominator >= right * aim.numerator, dtype=np.bool_)
