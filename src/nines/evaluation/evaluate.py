"""Evaluate one objective exactly, at any instant, as known then or now.

The same evidence gives the same standing, to the bit: no clock, no float before a forecast, no rounding.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction

import numpy as np

from nines.errors import Problem
from nines.evaluation.burn import burn_rates
from nines.evaluation.evidence import CoveredEvents, Evidence
from nines.evaluation.exclusions import Minutes, applied, late, take_out, within_allowance
from nines.evaluation.fingerprint import fingerprint
from nines.evaluation.forecast import exhaustion, period_budget
from nines.evaluation.frame import Frame, frame
from nines.evaluation.intervals import Kept, burn_interval, sampling_problems, sli_interval
from nines.evaluation.judge import Judged, judge
from nines.evaluation.scaling import in_events, in_units, one_scale
from nines.evaluation.standing import Outcome, Period, Standing
from nines.evaluation.tally import Sums, add_up
from nines.evaluation.verdict import verdict
from nines.objectives.counts import Counts
from nines.objectives.method import Occurrences
from nines.objectives.objective import Objective
from nines.objectives.window import CalendarWindow
from nines.telemetry.series import Flags, MinuteSeries, MinuteState


@dataclass(frozen=True, slots=True, eq=False)
class Weighed:
    """One way of counting (with exclusions or without), worked through.

    Attributes:
        outcome: the figures.
        sums: sums over the elapsed window.
        judged: slices of the elapsed window.
        recent: slices from the frame's reach on, for burn rates and the forecast.
        counted: minutes from the reach on that count and that no exclusion covers wholly.
        problems: found on the way.
    """

    outcome: Outcome
    sums: Sums
    judged: Judged
    recent: Judged
    counted: Flags
    problems: tuple[Problem, ...]


def evaluate(
    objective: Objective,
    evidence: Evidence,
    at: datetime,
    known_at: datetime | None = None,
    *,
    within: datetime | None = None,
) -> Standing:
    """Return how an objective stands at an instant.

    Args:
        objective: what is promised; its terms hold the past targets.
        evidence: counts and exclusions, already as known at `known_at`, covering `horizon(objective, at)`.
        at: instant asked about, aware UTC.
        known_at: instant up to which knowledge was used, or None; it only labels the standing.
        within: an instant of the calendar period asked about, when it is not the one that holds `at`; a finished
            period is asked about at or after its end + settle.

    Returns:
        The standing, with figures with and without exclusions.
    """
    asked = frame(objective, at, within)
    cut = one_scale(replace(evidence, exclusions=within_allowance(evidence.exclusions)))
    scale = cut.series.scale
    objective = in_units(objective, scale)
    term = _term_of_period(objective, asked)
    weighed = weigh(objective, cut, asked, term, excluding=True)
    plain = weigh(objective, cut, asked, term, excluding=False) if cut.exclusions else weighed
    names = applied(cut, asked.whole)
    period = weighed.outcome.period
    ahead = None if period is None else exhaustion(objective, asked, weighed.recent, period)
    current = objective.terms[term] if term is not None else objective.term_at(asked.window.end)
    first = evidence.series.first
    complete = asked.finish == asked.end and first is not None and first <= asked.start
    reached, why = verdict(objective, asked, weighed.outcome, weighed.sums, ahead, complete=complete)
    outcome = in_events(objective, weighed.outcome, scale)
    kept = Kept(cut.series.window(asked.reach, asked.end), weighed.counted, cut.every_bad_kept)
    limits = sli_interval(objective, kept, weighed.judged, asked.start, asked.end, weighed.outcome.sli)
    problems = (*_told(objective, cut, asked, weighed), *sampling_problems(objective, kept), *why)
    return Standing(
        objective=objective.name, service=objective.service, tenant=objective.tenant, at=at, known_at=known_at,
        window=asked.window, window_kind=objective.window.kind, window_label=objective.window.label,
        period_end=asked.whole.end, target=current.target, method=current.method.name, unit=_unit(objective),
        verdict=reached, outcome=outcome, without_exclusions=in_events(objective, plain.outcome, scale),
        burn_rates=burn_rates(objective, weighed.recent, asked.end, kept), exhaustion=ahead, exclusions=names,
        problems=problems, revision=current.revision, data_version=evidence.data_version,
        fingerprint=fingerprint(objective, asked, current, names, weighed.sums, outcome, scale),
        interval=limits, spent_interval=burn_interval(limits, weighed.sums.allowed, weighed.sums.units),
        labels=dict(objective.labels), rule=evidence.rule,
    )  # fmt: skip


def _told(objective: Objective, evidence: Evidence, asked: Frame, weighed: Weighed) -> tuple[Problem, ...]:
    """Return what was found on the way: by the source, by exclusions, and in the series itself."""
    found = series_problems(objective, evidence.series, asked, weighed.sums)
    return (*evidence.problems, *weighed.problems, *late(evidence, asked.whole), *found)


def _unit(objective: Objective) -> str:
    method = objective.terms[0].method
    return objective.unit if isinstance(method, Occurrences) else method.unit


def _term_of_period(objective: Objective, asked: Frame) -> int | None:
    """Return the index of the one term a calendar period keeps: the one in force at its start."""
    if not isinstance(objective.window, CalendarWindow):
        return None
    return objective.terms.index(objective.term_at(asked.window.start))


def weigh(objective: Objective, evidence: Evidence, asked: Frame, term: int | None, *, excluding: bool) -> Weighed:
    """Work one way of counting through: exclusions, slices, sums, budget.

    Args:
        objective: what is promised.
        evidence: exclusions already cut to their allowances.
        asked: the question's minutes.
        term: index of the one term of a calendar period, or None.
        excluding: whether exclusions are applied.
    """
    last = max(asked.finish, asked.end)
    series = evidence.series.window(asked.reach, last)
    covered = tuple(_align(c, evidence.series, series) for c in evidence.covered)
    minutes, problems = take_out(series, replace(evidence, covered=covered), objective.hours, excluding=excluding)
    past, future = _part(minutes, asked.reach, asked.end), _part(minutes, asked.end, last)
    inside = _part(past, asked.start, asked.end)
    judged = judge(objective, inside, anchor=asked.anchor, term=term)
    recent = judge(objective, past, anchor=asked.anchor, term=term)
    sums = add_up(objective, judged, asked.start, asked.end)
    period = period_budget(objective, asked, judged, sums, future, term)
    return Weighed(_outcome(objective, judged, sums, period), sums, judged, recent, past.plain, problems)


def _outcome(objective: Objective, judged: Judged, sums: Sums, period: Period) -> Outcome:
    good, bad, unknown, excluded = (int(v) for v in judged.events.sum(axis=1))
    sli = sums.sli
    if sli is None and objective.no_traffic != "skip" and sums.known_minutes and sums.doubt == 0:
        sli = Fraction(int(objective.no_traffic == "good"))  # alive, without a single event in the window
    to_date = None
    if sums.units:
        to_date = sums.bad / sums.allowed if sums.allowed else (Fraction(0) if not sums.bad else None)
    return Outcome(
        counts=Counts(good, bad, unknown, excluded), units_good=sums.good, units_bad=sums.bad,
        sli=sli, bounds=sums.bounds, coverage=sums.coverage, to_date_ratio=to_date, period=period,
    )  # fmt: skip


def _align(covered: CoveredEvents, of: MinuteSeries, to: MinuteSeries) -> CoveredEvents:
    """Return covered events on the minutes of another series."""

    def cut(values: np.ndarray) -> np.ndarray:
        return MinuteSeries(of.start, values, values, values, of.state).window(to.start, to.end).good

    return replace(covered, good=cut(covered.good), bad=cut(covered.bad), unknown=cut(covered.unknown))


def _part(minutes: Minutes, start: int, end: int) -> Minutes:
    low, high = start - minutes.start, end - minutes.start
    names = ("good", "bad", "unknown", "excluded", "state", "counted", "dropped", "shrunk", "forced", "unborn")
    return replace(minutes, start=start, **{name: getattr(minutes, name)[low:high] for name in names})


def series_problems(objective: Objective, series: MinuteSeries, asked: Frame, sums: Sums) -> tuple[Problem, ...]:
    """Return what the evidence itself has to say: broken minutes, missing estimates, nothing heard at all."""
    found = []
    state = series.window(asked.start, asked.end).state
    broken = int((state == MinuteState.BROKEN).sum())
    place = f"objective {objective.name}"
    if broken:
        found.append(
            Problem(place, f"{broken} minutes hold figures that cannot be true; they count as unknown",
                    "look at the source's problems", severity="warning", code="broken-minutes")
        )  # fmt: skip
    if sums.doubt is None:
        found.append(
            Problem(place, "silence has no estimate of the events it hid, so there are no bounds",
                    "state an estimator", severity="note", code="no-estimate")
        )  # fmt: skip
    if series.first is None or series.first >= asked.end:
        found.append(
            Problem(place, "nothing was ever heard from its source in this window",
                    "check the source's freshness", severity="warning", code="nothing-heard")
        )  # fmt: skip
    return tuple(found)
