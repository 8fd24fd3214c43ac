"""The budget of a whole window, and when it would be gone.

Where the window is complete the figures are exact; where it is not, they say what they assume and how wide
that leaves them.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from nines.evaluation.exclusions import Minutes
from nines.evaluation.frame import LOOKBACKS, Frame
from nines.evaluation.judge import Judged, slice_starts, terms_of
from nines.evaluation.standing import Exhaustion, Period, Range
from nines.evaluation.tally import Sums, add_up
from nines.objectives.method import Occurrences, RatioTimeslices
from nines.objectives.objective import Objective
from nines.spans import MINUTE, instant_of
from nines.telemetry.series import Ints

#: A weight and the array it applies to, one element per slice.
Weighted = tuple[Fraction, Ints]

#: RatioTimeslices shares are forecast in units of 2^-SHARE_BITS; everything else exactly.
SHARE_BITS = 40
#: Sums beyond this are taken over Python integers instead of int64.
_SAFE = 2**62

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
    begins = np.flatnonzero(np.append(True, np.diff(block) != 0))
    known, total = np.add.reduceat(judged.known, begins), np.add.reduceat(events, begins)
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
        None when the target allows nothing, or nothing is known of any lookback: silence forecasts nothing.

    Source:
        Google SRE Workbook, "Alerting on SLOs", carried on with the ageing of old bad events.
    """
    if not budget.allowed:
        return None
    calendar = frame.finish != frame.end or objective.window.kind == "calendar"
    formula = (
        "first t with spent + beta t > allowed, beta the bad units per known minute lately"
        if calendar
        else "first t with bad in [end + t - W, end) + beta t > b N(t), beta the bad units per known minute lately; "
        "old bad units age out, and N(t) with them"
    )
    if budget.spent > budget.allowed:
        gone = instant_of(frame.end)
        return Exhaustion(gone, gone, gone, formula)
    lately = _lately(objective, frame, judged)
    if not any(sums.known_minutes for _, sums in lately):
        return None
    found = []
    for minutes, recent in lately:
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


def _lately(objective: Objective, frame: Frame, judged: Judged) -> list[tuple[int, Sums]]:
    """Return each lookback's sums and the minutes they speak for; one shorter than a slice takes the last whole slice.

    Where silence counts for nothing, it does not dilute the rate either; imputed silence speaks for itself.
    """
    length = objective.terms[0].method.slice_minutes
    found = []
    for minutes in (max(lookback // MINUTE, length) for lookback in LOOKBACKS):
        sums = add_up(objective, judged, frame.end - minutes, frame.end)
        dumb = sums.counted_minutes - sums.known_minutes if objective.missing in {"unknown", "ignore"} else 0
        found.append((minutes - dumb, sums))
    return found


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
    ones = np.ones(part.stop - part.start, dtype=np.int64)
    spent, ageing = _spent(objective, judged, part, budget)
    length = objective.terms[0].method.slice_minutes
    coming = [(_fixed(objective, recent.bad) * length / minutes, ones)]
    if budget.allowed_range is None:  # else what a young window will hold is itself a forecast, and stays as it is
        coming += _allowance(objective, judged, part, budget, recent.units * length / minutes)
    over = _first_above_zero(spent - budget.allowed, [*coming, *((-c, a) for c, a in ageing)])
    return None if over is None else (over + 1) * length


def _spent(objective: Objective, judged: Judged, part: slice, budget: Period) -> tuple[Fraction, list[Weighted]]:
    """Return what is spent, and how much of it each slice takes along when it leaves."""
    if isinstance(objective.terms[0].method, RatioTimeslices):
        shares = _shares(judged.bad[part], judged.total[part])
        return Fraction(int(shares.sum()), 2**SHARE_BITS), [(Fraction(1, 2**SHARE_BITS), shares)]
    bad, silent = judged.bad[part], judged.silent[part]
    parts = [(Fraction(1), bad)]
    if silent.any():  # what a policy imputed leaves with the silence it was imputed to
        parts.append(((budget.spent - int(bad.sum())) / int(silent.sum()), silent))
    return budget.spent, parts


def _allowance(
    objective: Objective, judged: Judged, part: slice, budget: Period, units_a_step: Fraction
) -> list[Weighted]:
    """Return by how much the allowance shrinks with each step: leaving units take theirs, coming ones bring theirs."""
    events = isinstance(objective.terms[0].method, Occurrences)
    units = judged.total[part] if events else judged.inside[part].astype(np.int64)
    terms = judged.term[part]
    leaving = [(t.budget, np.where(terms == index, units, 0)) for index, t in enumerate(objective.terms)]
    latest = objective.terms[_last_term(judged)].budget
    if not events:  # the slice that comes is taken to be like the one that leaves, under the latest term
        return [*leaving, (-latest, units)]
    silent = judged.silent[part]
    if silent.any():
        imputed = budget.allowed - sum((b * int(n.sum()) for b, n in leaving), Fraction(0))
        leaving.append((imputed / int(silent.sum()), silent))
    return [*leaving, (-latest * units_a_step, np.ones(len(units), dtype=np.int64))]


def _first_above_zero(start: Fraction, parts: list[Weighted]) -> int | None:
    """Return the first place at which start + the running sum of all weighted arrays exceeds 0, exactly."""
    scale = math.lcm(start.denominator, *(c.denominator for c, _ in parts))
    weights = [int(c * scale) for c, _ in parts]
    largest = abs(int(start * scale)) + sum(
        abs(w) * int(np.abs(a).sum()) for w, (_, a) in zip(weights, parts, strict=True)
    )
    kind = np.int64 if largest < _SAFE else object
    steps = sum(a.astype(kind) * w for w, (_, a) in zip(weights, parts, strict=True))
    over = np.asarray(np.cumsum(steps) + int(start * scale) > 0, dtype=np.bool_)
    return int(np.argmax(over)) if over.any() else None


def _fixed(objective: Objective, value: Fraction) -> Fraction:
    """Return a sum of shares rounded down to 2^-40, whose exact divisor would have thousands of digits."""
    if not isinstance(objective.terms[0].method, RatioTimeslices):
        return value
    return Fraction(int(value * 2**SHARE_BITS), 2**SHARE_BITS)


def _shares(bad: Ints, total: Ints) -> Ints:
    """Return bad/total of each slice in units of 2^-40, rounded down; 0 where nothing was counted."""
    wide = bad if int(bad.max(initial=0)) < _SAFE >> SHARE_BITS else bad.astype(object)
    return np.asarray(wide * 2**SHARE_BITS // np.maximum(total, 1), dtype=np.int64)
