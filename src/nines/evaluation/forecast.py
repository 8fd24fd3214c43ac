"""The budget of a whole window, and when it would be gone.

Where the window is complete the figures are exact; where it is not, they say what they assume and how wide
that leaves them.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt

from nines.evaluation.exclusions import Minutes
from nines.evaluation.frame import LOOKBACKS, Frame
from nines.evaluation.judge import Judged, slice_starts, terms_of
from nines.evaluation.standing import Exhaustion, Period, Range
from nines.evaluation.tally import Sums, add_up
from nines.objectives.method import Method, Occurrences, RatioTimeslices
from nines.objectives.objective import Objective
from nines.spans import MINUTE, instant_of
from nines.telemetry.series import Ints

Floats = npt.NDArray[np.float64]

#: Minutes of a day and of an hour: the blocks whose rates bound a forecast.
DAY, HOUR = 1440, 60
#: Days of data from which on a forecast is bounded by days instead of hours.
DAYS_FOR_DAILY = 7


def period_budget(
    objective: Objective, frame: Frame, judged: Judged, sums: Sums, future: Minutes, term: int | None
) -> Period:
    """Return the budget of the whole window in the method's units.

    Args:
        objective: gives method and terms.
        frame: the question's minutes.
        judged: slices of the elapsed window.
        sums: their sums.
        future: the minutes of the period that have not elapsed, after hours and exclusions.
        term: index of the one term of a calendar period, or None.

    Returns:
        Exact for slices and for full windows; a forecast with its range otherwise.
    """
    if not isinstance(objective.terms[0].method, Occurrences):
        return _slice_budget(objective, frame, judged, sums, future, term)
    unheard = int(judged.counted.sum()) - int(judged.known.sum()) - int(judged.silent.sum())
    rest = unheard + int((future.counted & ~future.shrunk & ~future.dropped).sum())
    if not rest:
        return Period(sums.allowed, sums.bad, sums.units, "events of the window")
    return _forecast(objective, judged, sums, rest, term)


def _slice_budget(
    objective: Objective, frame: Frame, judged: Judged, sums: Sums, future: Minutes, term: int | None
) -> Period:
    ahead = slice_starts(objective, frame.end, frame.finish, frame.anchor)
    which = terms_of(objective, ahead) if term is None else np.full(len(ahead), term)
    offsets = ahead - frame.end
    counted = np.add.reduceat(future.counted.astype(np.int64), offsets) if len(ahead) else np.zeros(0, dtype=np.int64)
    shrunk = np.add.reduceat(future.shrunk.astype(np.int64), offsets) if len(ahead) else counted
    inside = (counted > 0) & (shrunk < counted)
    allowed, units = Fraction(0), 0
    for index, one in enumerate(objective.terms):
        count = int((judged.inside & (judged.term == index)).sum()) + int((inside & (which == index)).sum())
        allowed += one.budget * count
        units += count
    return Period(allowed, sums.bad, Fraction(units), "slices of the window")


def _forecast(objective: Objective, judged: Judged, sums: Sums, rest: int, term: int | None) -> Period:
    """Carry the mean rate of the measured minutes on, between the least and the greatest block seen."""
    budget = objective.terms[term if term is not None else _last_term(judged)].budget
    known = int(judged.known.sum())
    if not known:
        return Period(
            Fraction(0), sums.bad, Fraction(0), "forecast of the period's events", Range(Fraction(0), Fraction(0))
        )
    events = judged.total
    mean, low, high = Fraction(int(events.sum()), known), *_block_rates(judged, events)
    units = [sums.units + rate * rest for rate in (mean, low, high)]
    allowed = [sums.allowed + budget * rate * rest for rate in (mean, low, high)]
    return Period(
        allowed[0],
        sums.bad,
        units[0],
        "forecast of the period's events",
        Range(units[1], units[2]),
        Range(allowed[1], allowed[2]),
    )


def _last_term(judged: Judged) -> int:
    return int(judged.term[-1]) if len(judged) else 0


def _block_rates(judged: Judged, events: Ints) -> tuple[Fraction, Fraction]:
    """Return the least and the greatest events per known minute over whole days, or hours of a young series."""
    days = int(judged.known.sum()) >= DAYS_FOR_DAILY * DAY
    block = (judged.starts - judged.starts[0]) // (DAY if days else HOUR)
    known = np.bincount(block, weights=judged.known).astype(np.int64)
    total = np.bincount(block, weights=events).astype(np.int64)
    rates = [Fraction(int(t), int(k)) for t, k in zip(total, known, strict=True) if k]
    return min(rates), max(rates)


def exhaustion(objective: Objective, frame: Frame, judged: Judged, budget: Period) -> Exhaustion | None:
    """Return when the budget would be gone if the recent past went on.

    Args:
        objective: gives method, window and terms.
        frame: the question's minutes.
        judged: slices from the frame's reach to its end.
        budget: the window's budget.

    Returns:
        None when the target allows nothing or nothing is known.

    Source:
        Google SRE Workbook, "Alerting on SLOs", carried on with the ageing of old bad events.
    """
    if not budget.allowed:
        return None
    calendar = frame.finish != frame.end or objective.window.kind == "calendar"
    formula = (
        "first t with spent + beta t > allowed, beta the bad units per minute of the lookback"
        if calendar
        else "first t with S(t) = bad in [end + t - W, end) + beta t > b N(t); old bad units age out, N(t) ages alike"
    )
    if budget.spent > budget.allowed:
        gone = instant_of(frame.end)
        return Exhaustion(gone, gone, gone, formula)
    found = []
    for lookback in LOOKBACKS:
        recent = add_up(objective, judged, frame.end - lookback // MINUTE, frame.end)
        minutes = lookback // MINUTE
        ahead = (
            _calendar(frame, budget, recent, minutes)
            if calendar
            else _rolling(objective, frame, judged, (recent, minutes), budget)
        )
        found.append(None if ahead is None else frame.end + ahead)
    soonest = [m for m in found if m is not None]
    if not soonest:
        return Exhaustion(None, None, None, formula)
    latest = instant_of(max(soonest)) if len(soonest) == len(found) else None
    return Exhaustion(instant_of(found[1]) if found[1] is not None else None, instant_of(min(soonest)), latest, formula)


def _calendar(frame: Frame, budget: Period, recent: Sums, minutes: int) -> int | None:
    if not recent.bad:
        return None
    ahead = int(budget.remaining * minutes / recent.bad) + 1
    return ahead if frame.end + ahead < frame.finish else None


def _rolling(
    objective: Objective, frame: Frame, judged: Judged, lately: tuple[Sums, int], budget: Period
) -> int | None:
    """Return the first minute ahead at which what remains of the past and what is to come exceed what is allowed."""
    recent, minutes = lately
    if not recent.bad:
        return None
    part = judged.between(frame.start, frame.end)
    term = objective.terms[_last_term(judged)]
    bad, units = _per_slice(term.method, judged, part)
    length = term.method.slice_minutes
    steps = np.arange(1, len(bad) + 1)
    old_bad = bad.sum() - np.cumsum(bad)
    if budget.allowed_range is not None:
        allowed = np.full(len(steps), float(budget.allowed))  # a young window: what it will hold is itself a forecast
    elif isinstance(term.method, Occurrences):
        old_units = units.sum() - np.cumsum(units)
        allowed = float(term.budget) * (old_units + float(recent.units / minutes) * steps)
    else:
        allowed = np.full(len(steps), float(term.budget) * int(judged.inside[part].sum()))
    over = old_bad + float(recent.bad / minutes) * length * steps > allowed
    return int(np.argmax(over) + 1) * length if over.any() else None


def _per_slice(method: Method, judged: Judged, part: slice) -> tuple[Floats, Floats]:
    """Return bad and known units of each slice as floats; a forecast needs no more."""
    bad, total = judged.bad[part].astype(np.float64), judged.total[part].astype(np.float64)
    if isinstance(method, RatioTimeslices):
        return bad / np.maximum(total, 1), (total > 0).astype(np.float64)
    return bad, total
