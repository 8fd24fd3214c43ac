"""How a standing came about: the budget burnt down over the window, and the SLI by minute, hour or day.

Points carry what was known in them; where nothing was, there is no value, and a chart shows a gap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction

from nines.evaluation.evaluate import weigh
from nines.evaluation.evidence import Evidence
from nines.evaluation.exclusions import merge, within_allowance
from nines.evaluation.frame import Frame, frame
from nines.evaluation.scaling import in_units, one_scale
from nines.evaluation.standing import Range
from nines.evaluation.tally import Sums, add_up, hidden_rate
from nines.objectives.method import Occurrences
from nines.objectives.objective import Objective
from nines.objectives.window import CalendarWindow
from nines.spans import MINUTE, Span, instant_of


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a history.

    Attributes:
        start: first instant it speaks about.
        end: instant after the last.
        sli: good share of what is known, or None.
        bounds: least and most it can be, or None.
        good, bad, unknown: units (events or slices).
        coverage: known share of its counted minutes.
        remaining: share of the window's budget left at `end`; None where nothing is allowed or the point is silent
            (a gap in the line); may be negative.
        remaining_range: the same in the worst and the best case, or None.
    """

    start: datetime
    end: datetime
    sli: Fraction | None
    bounds: Range | None
    good: Fraction
    bad: Fraction
    unknown: Fraction | None
    coverage: Fraction
    remaining: Fraction | None
    remaining_range: Range | None


@dataclass(frozen=True, slots=True)
class Band:
    """An exclusion's occurrence inside the window."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Tick:
    """A revision that came into force inside the window."""

    at: datetime
    revision: int
    target: Fraction


@dataclass(frozen=True, slots=True)
class History:
    """What an objective's page draws.

    Attributes:
        points: consecutive, from the window's start to its elapsed end.
        step: time one point covers.
        bands: exclusions inside the window.
        ticks: revisions inside the window.
    """

    points: tuple[Point, ...]
    step: timedelta
    bands: tuple[Band, ...]
    ticks: tuple[Tick, ...]


def history(
    objective: Objective,
    evidence: Evidence,
    at: datetime,
    step: timedelta,
    *,
    last: int | None = None,
    within: datetime | None = None,
) -> History:
    """Return how the SLI and the budget went through the window.

    Args:
        objective: what is promised.
        evidence: covering `horizon(objective, at)`.
        at: instant asked about, aware UTC.
        step: time one point covers, whole minutes, > 0; at least a slice.
        last: only so many points before the end, or None for all of the window.
        within: an instant of the calendar period asked about, as for `evaluate`.

    Returns:
        The budget is that of the whole window, so its last point is the standing's own remaining share
        (unless the window ends in silence, where the line has a gap and only the range goes on).
    """
    asked = frame(objective, at, within)
    term = (
        objective.terms.index(objective.term_at(asked.window.start))
        if isinstance(objective.window, CalendarWindow)
        else None
    )
    cut = one_scale(replace(evidence, exclusions=within_allowance(evidence.exclusions)))
    objective = in_units(objective, cut.series.scale)
    scale = cut.series.scale if isinstance(objective.terms[0].method, Occurrences) else 1
    weighed = weigh(objective, cut, asked, term, excluding=True)
    allowed = weighed.outcome.period.allowed if weighed.outcome.period else Fraction(0)
    minutes = max(step // MINUTE, objective.terms[0].method.slice_minutes)
    edges = list(range(asked.start, asked.end, minutes))
    edges = edges if last is None else edges[-last:]
    points, spent, doubt = [], Fraction(0), Fraction(0)
    # What silence hid is estimated once, from the whole window, so that the points add up to the standing.
    rate = hidden_rate(objective, weighed.judged, asked.start, asked.end)
    before = add_up(objective, weighed.judged, asked.start, edges[0], rate) if edges else None
    if before is not None:
        spent, doubt = before.bad, before.doubt or Fraction(0)
    for low in edges:
        sums = add_up(objective, weighed.judged, low, min(low + minutes, asked.end), rate)
        spent, doubt = spent + sums.bad, doubt + (sums.doubt or 0)
        points.append(_point(sums, low, min(low + minutes, asked.end), allowed, spent, doubt, scale))
    return History(tuple(points), minutes * MINUTE, _bands(cut, asked), _ticks(objective, asked))


def _point(sums: Sums, low: int, high: int, allowed: Fraction, spent: Fraction, doubt: Fraction, scale: int) -> Point:
    left = 1 - spent / allowed if allowed else None
    silent = sums.counted_minutes > 0 and not sums.known_minutes and not sums.units
    remaining = None if silent else left
    reach = Range(1 - (spent + doubt) / allowed, 1 - spent / allowed) if allowed and doubt else None
    return Point(
        instant_of(low), instant_of(high), sums.sli, sums.bounds, sums.good / scale, sums.bad / scale,
        None if sums.doubt is None else sums.doubt / scale, sums.coverage, remaining, reach,
    )  # fmt: skip


def _bands(evidence: Evidence, asked: Frame) -> tuple[Band, ...]:
    found = ((e.name, span.overlap(asked.window)) for e in evidence.exclusions for span in merge(e.spans))
    return tuple(Band(name, span) for name, span in found if span is not None)


def _ticks(objective: Objective, asked: Frame) -> tuple[Tick, ...]:
    inside = ((t, t.effective_from) for t in objective.terms)
    return tuple(Tick(at, t.revision, t.target) for t, at in inside if at is not None and at in asked.window)
