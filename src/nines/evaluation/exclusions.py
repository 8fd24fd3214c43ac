"""Exclusions applied: which minutes and which events leave the question, each once.

Whole minutes are masked here; scoped exclusions and edges inside a minute come rolled up as `CoveredEvents`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from nines.errors import Problem
from nines.evaluation.evidence import CoveredEvents, Evidence
from nines.objectives.exclusion import PRECEDENCE, Allowance, Exclusion, ExclusionMode
from nines.objectives.objective import ServiceHours
from nines.objectives.period import periods
from nines.objectives.window import CalendarWindow
from nines.spans import MINUTE, Span, instant_of, minute_after, minute_of
from nines.telemetry.series import Flags, Ints, MinuteSeries, MinuteState, States


@dataclass(frozen=True, slots=True, eq=False)
class Minutes:
    """Minutes of a window after service hours and exclusions; all arrays have one element per minute.

    Attributes:
        start: grid minute of the first element.
        good, bad, unknown: int64 counts that remain.
        excluded: int64 events taken out of the question (dropped, or turned good).
        state: `MinuteState` of each minute.
        counted: minutes inside service hours.
        dropped: counted minutes wholly taken out, by drop-events.
        shrunk: counted minutes wholly taken out, by shrink-denominator.
        forced: counted minutes wholly called good.
        unborn: minutes before the series was first heard; nothing can be missing from them.
    """

    start: int
    good: Ints
    bad: Ints
    unknown: Ints
    excluded: Ints
    state: States
    counted: Flags
    dropped: Flags
    shrunk: Flags
    forced: Flags
    unborn: Flags

    @property
    def plain(self) -> Flags:
        """Counted minutes that no exclusion covers wholly."""
        left: Flags = self.counted & ~self.dropped & ~self.shrunk & ~self.forced
        return left

    @property
    def silent(self) -> Flags:
        """Plain minutes of which nothing is known, though the series was already there."""
        lost = (self.state == MinuteState.SILENT) | (self.state == MinuteState.BROKEN)
        silent: Flags = self.plain & lost & ~self.unborn
        return silent

    @property
    def known(self) -> Flags:
        """Plain minutes whose events are known."""
        known: Flags = self.plain & ((self.state == MinuteState.ALIVE) | (self.state == MinuteState.BRIDGED))
        return known


def merge(spans: Iterable[Span]) -> list[Span]:
    """Return spans sorted and joined where they touch or overlap.

    Args:
        spans: in any order.
    """
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.start <= joined[-1].end:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        elif span.length:
            joined.append(span)
    return joined


def within_allowance(exclusions: Iterable[Exclusion]) -> tuple[Exclusion, ...]:
    """Return the exclusions cut to what their allowances grant; what exceeds them counts again.

    Exclusions with the same clause and allowance share it, in order of time; overlapping time is used once.

    Args:
        exclusions: in any order, with their occurrences since the beginning of the earliest period in question.
    """
    whole = tuple(exclusions)
    granted: dict[tuple[str, Allowance], list[Span]] = {}
    for exclusion in whole:
        if exclusion.allowance is not None:
            granted.setdefault((exclusion.clause or exclusion.name, exclusion.allowance), []).extend(exclusion.spans)
    accepted = {key: _grant(merge(spans), key[1]) for key, spans in granted.items()}
    return tuple(
        e
        if e.allowance is None
        else replace(e, spans=_intersect(merge(e.spans), accepted[e.clause or e.name, e.allowance]))
        for e in whole
    )


def _grant(spans: list[Span], allowance: Allowance) -> list[Span]:
    accepted: list[Span] = []
    if not spans:
        return accepted
    window = CalendarWindow(allowance.per, zone=allowance.zone)
    for period in periods(window, Span(spans[0].start, spans[-1].end)):
        left = allowance.length
        for part in (s for s in (span.overlap(period) for span in spans) if s is not None):
            take = min(left, part.length)
            if take > timedelta():
                accepted.append(Span(part.start, part.start + take))
            left -= take
    return accepted


def _intersect(spans: list[Span], others: list[Span]) -> tuple[Span, ...]:
    found = (span.overlap(other) for span in spans for other in others)
    return tuple(merge(s for s in found if s is not None))


def minute_mask(spans: Iterable[Span], start: int, end: int) -> Flags:
    """Return which minutes of [start, end) lie wholly inside the spans."""
    mask = np.zeros(end - start, dtype=np.bool_)
    for span in merge(spans):
        low, high = max(minute_after(span.start), start), min(minute_of(span.end), end)
        if low < high:
            mask[low - start : high - start] = True
    return mask


def needs_rows(exclusion: Exclusion, window: Span) -> bool:
    """Return whether whole minutes cannot express the exclusion inside a window, so that raw rows decide."""
    if exclusion.where is not None:
        return any(span.overlap(window) for span in exclusion.spans)
    edges = (edge for span in exclusion.spans for edge in (span.start, span.end) if edge in window)
    return any(instant_of(minute_of(edge)) != edge for edge in edges)


def hours_mask(hours: ServiceHours | None, start: int, end: int) -> Flags:
    """Return which minutes count by the service hours; all of them without any."""
    return np.ones(end - start, dtype=np.bool_) if hours is None else minute_mask(hours.spans, start, end)


def take_out(
    series: MinuteSeries, evidence: Evidence, hours: ServiceHours | None, *, excluding: bool = True
) -> tuple[Minutes, tuple[Problem, ...]]:
    """Apply service hours and exclusions to the minutes of a series.

    Args:
        series: exactly the minutes in question.
        evidence: exclusions (already cut to their allowances) and rolled-up events.
        hours: service hours, or None.
        excluding: False gives the figures as if there were no exclusions.

    Returns:
        The minutes that remain, and a problem for each exclusion that raw rows were needed for.
    """
    counted = hours_mask(hours, series.start, series.end)
    left = {"good": series.good * counted, "bad": series.bad * counted, "unknown": series.unknown * counted}
    taken = np.zeros(len(series), dtype=series.good.dtype)
    masks: dict[ExclusionMode, Flags] = {m: np.zeros(len(series), dtype=np.bool_) for m in PRECEDENCE}
    problems: list[Problem] = []
    if excluding and evidence.exclusions:
        window = Span(instant_of(series.start), instant_of(series.end))
        problems = [
            _unrolled(e) for e in evidence.exclusions if needs_rows(e, window) and e.name not in evidence.rolled
        ]
        free = counted.copy()
        for mode in PRECEDENCE:
            whole = (e for e in evidence.exclusions if e.mode == mode and e.where is None)
            masks[mode] = minute_mask((s for e in whole for s in e.spans), series.start, series.end) & free
            free &= ~masks[mode]
            _leave(left, taken, mode, masks[mode], _covered(evidence, mode, series))
    unborn = np.arange(series.start, series.end) < (series.end if series.first is None else series.first)
    return (
        Minutes(
            series.start, left["good"], left["bad"], left["unknown"], taken, series.state, counted,
            dropped=masks["drop-events"], shrunk=masks["shrink-denominator"], forced=masks["count-as-good"],
            unborn=unborn,
        ),
        tuple(problems),
    )  # fmt: skip


def _unrolled(exclusion: Exclusion) -> Problem:
    return Problem(
        f"exclusion {exclusion.name}",
        "its scope or its edges need raw rows, and none were at hand, so it is not applied there",
        "evaluate where the raw rows are, or approve whole minutes",
        severity="warning",
        code="review-required",
    )


def _covered(evidence: Evidence, mode: ExclusionMode, series: MinuteSeries) -> list[CoveredEvents]:
    return [c for c in evidence.covered if c.mode == mode and len(c.good) == len(series)]


def _leave(left: dict[str, Ints], taken: Ints, mode: ExclusionMode, mask: Flags, covered: list[CoveredEvents]) -> None:
    """Take a mode's events out of `left`: those rolled up, and all that remain of masked minutes."""
    out = {name: np.where(mask, values, 0) for name, values in left.items()}
    for events in covered:
        out = {n: np.minimum(left[n], v + np.where(mask, 0, getattr(events, n))) for n, v in out.items()}
    left.update({name: values - out[name] for name, values in left.items()})
    gone = out["good"] + out["bad"] + out["unknown"]
    if mode == "count-as-good":
        left["good"] = left["good"] + gone
        taken += (out["bad"] + out["unknown"]).astype(taken.dtype)
    else:
        taken += gone.astype(taken.dtype)


def applied(evidence: Evidence, span: Span) -> tuple[str, ...]:
    """Return the names of the exclusions that are applied inside a span, sorted.

    One with a scope that nobody rolled up is not applied, so it is not named; it is reported as review-required.
    """
    usable = (e for e in evidence.exclusions if e.where is None or e.name in evidence.rolled)
    return tuple(sorted({e.name for e in usable if any(s.overlap(span) for s in e.spans)}))


def late(evidence: Evidence, span: Span) -> tuple[Problem, ...]:
    """Return a note for each applied exclusion that was put on record after its first occurrence began."""
    names = applied(evidence, span)
    return tuple(
        Problem(
            f"exclusion {e.name}",
            f"it was recorded at {e.recorded_at:%Y-%m-%dT%H:%MZ}, after it began",
            "closed statements keep their number; it takes a correction to change one",
            severity="note",
            code="late-exclusion",
        )
        for e in evidence.exclusions
        if e.name in names and e.is_late()
    )


def edge_at(at: datetime, settle: timedelta) -> int:
    """Return the last full grid edge at or before `at - settle`, as a grid minute."""
    return (at - settle - instant_of(0)) // MINUTE
