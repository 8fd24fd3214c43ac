"""Estimates in whole numbers: sampled counts are kept in units of 1/scale events, and divided once, at the end.

Ratios do not know the scale, so everything between evidence and outcome is computed as for counted events.
"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import TypeVar

import numpy as np

from nines.evaluation.evidence import CoveredEvents, Evidence
from nines.evaluation.standing import Outcome, Period, Range
from nines.objectives.counts import Counts
from nines.objectives.method import Occurrences
from nines.objectives.objective import Objective
from nines.telemetry.series import Ints, MinuteSeries

Counted = TypeVar("Counted", MinuteSeries, CoveredEvents)
#: Counts below this stay in 64 bits after scaling, with room for their sums over a quarter.
_SAFE = 2**44


def rescaled(counts: Counted, scale: int) -> Counted:
    """Return counts in units of 1/scale events.

    Args:
        counts: a series or covered events.
        scale: a multiple of their own scale.
    """
    factor = scale // counts.scale
    if factor == 1:
        return counts

    def times(values: Ints) -> Ints:
        wide = values if int(values.max(initial=0)) * factor < _SAFE else values.astype(object)
        return np.asarray(wide * factor)

    return replace(counts, good=times(counts.good), bad=times(counts.bad), unknown=times(counts.unknown), scale=scale)


def one_scale(evidence: Evidence) -> Evidence:
    """Return evidence of which all counts have one scale.

    Args:
        evidence: as it was fetched.
    """
    scale = math.lcm(evidence.series.scale, *(c.scale for c in evidence.covered))
    covered = tuple(rescaled(c, scale) for c in evidence.covered)
    return replace(evidence, series=rescaled(evidence.series, scale), covered=covered)


def in_units(objective: Objective, scale: int) -> Objective:
    """Return an objective whose stated events per silent minute are in units of 1/scale events."""
    estimator = objective.estimator
    return replace(objective, estimator=replace(estimator, per_minute=estimator.per_minute * scale))


def in_events(objective: Objective, outcome: Outcome, scale: int) -> Outcome:
    """Return an outcome in events again.

    Args:
        objective: its method tells whether units are events.
        outcome: in units of 1/scale events.
        scale: >= 1.
    """
    if scale == 1:
        return outcome
    counts = outcome.counts
    whole = Counts(*(_divided(n, scale) for n in (counts.good, counts.bad, counts.unknown, counts.excluded)))
    if not isinstance(objective.terms[0].method, Occurrences):
        return replace(outcome, counts=whole)
    period = outcome.period and period_in_events(outcome.period, scale)
    good, bad = outcome.units_good / scale, outcome.units_bad / scale
    return replace(outcome, counts=whole, units_good=good, units_bad=bad, period=period)


def _divided(count: int | Fraction, scale: int) -> int | Fraction:
    found = Fraction(count, scale)
    return found.numerator if found.denominator == 1 else found


def period_in_events(period: Period, scale: int) -> Period:
    """Return a period's budget in events again."""
    return replace(
        period,
        allowed=period.allowed / scale,
        spent=period.spent / scale,
        expected_units=period.expected_units / scale,
        units_range=_range(period.units_range, scale),
        allowed_range=_range(period.allowed_range, scale),
    )


def _range(found: Range | None, scale: int) -> Range | None:
    return None if found is None else Range(found.low / scale, found.high / scale)
