"""Threshold objectives: an aggregate of a window's values held against a bound; there is no budget to spend.

A figure that its own error, or silence, could carry across the bound is no verdict.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from fractions import Fraction

from nines.errors import Problem
from nines.evaluation.evaluate import evaluate
from nines.evaluation.evidence import Evidence
from nines.evaluation.standing import Aggregated, Range, Standing, Verdict
from nines.objectives.indicator import Comparison
from nines.objectives.objective import Bound, Objective
from nines.telemetry.sketch import Sketch

#: A mean, a sum or an extreme of a window known to less than this share is no verdict.
LEAST_COVERAGE = Fraction(9, 10)
_QUANTILES: dict[str, Fraction] = {
    "p50": Fraction(1, 2), "p75": Fraction(3, 4), "p90": Fraction(9, 10), "p95": Fraction(19, 20),
    "p99": Fraction(99, 100), "p999": Fraction(999, 1000),
}  # fmt: skip


def keeps(value: Fraction, op: Comparison, bound: Fraction) -> bool:
    """Return whether a value keeps a bound.

    Example:
        >>> keeps(Fraction(300), "lte", Fraction(300)), keeps(Fraction(300), "lt", Fraction(300))
        (True, False)
    """
    return {"lt": value < bound, "lte": value <= bound, "gt": value > bound, "gte": value >= bound}[op]


def evaluate_bound(
    objective: Objective,
    evidence: Evidence,
    sketch: Sketch,
    at: datetime,
    known_at: datetime | None = None,
    *,
    within: datetime | None = None,
) -> Standing:
    """Return how a threshold objective stands at an instant.

    Args:
        objective: its `bound` names aggregate, comparison and bound.
        evidence: counts of its samples (known ones good, NULL and NaN unknown), or of up and down time for "uptime".
        sketch: the values of the elapsed window; ignored for "uptime".
        at: instant asked about, aware UTC.
        known_at: instant up to which knowledge was used, or None.
        within: an instant of the calendar period asked about, as for `evaluate`.

    Returns:
        A standing without a budget; `aggregated` has the figure, its range and the bound.

    Raises:
        ValueError: the objective has no bound.
    """
    if objective.bound is None:
        msg = f"objective {objective.name} has no bound"
        raise ValueError(msg)
    counted = evaluate(objective, evidence, at, known_at, within=within)
    figure = (
        _uptime(objective.bound, counted)
        if objective.bound.aggregate == "uptime"
        else _figure(objective, counted, sketch)
    )
    reached = _verdict(objective.bound, figure, counted)
    without = replace(counted.without_exclusions, period=None, to_date_ratio=None)
    problems = (p for p in counted.problems if p.code != "no-estimate")
    return replace(
        counted,
        outcome=replace(counted.outcome, period=None, to_date_ratio=None),
        without_exclusions=without,
        verdict=reached,
        aggregated=figure,
        burn_rates={},
        exhaustion=None,
        problems=(*problems, *_thin(objective, counted)),
    )


def _uptime(bound: Bound, counted: Standing) -> Aggregated:
    outcome = counted.outcome
    bounds = outcome.bounds or (
        Range(outcome.sli, outcome.sli) if outcome.sli is not None and outcome.coverage == 1 else None
    )
    low, high = (bounds.low, bounds.high) if bounds else (None, None)
    return Aggregated(bound.aggregate, outcome.sli, low, high, bound.value, bound.op, int(outcome.counts.total))


def _figure(objective: Objective, counted: Standing, sketch: Sketch) -> Aggregated:
    assert objective.bound is not None
    bound, found = objective.bound, sketch.figure(objective.bound.aggregate)
    if found is None:
        return Aggregated(bound.aggregate, None, None, None, bound.value, bound.op, 0)
    low: Fraction | None = found.low
    high: Fraction | None = found.high
    if bound.aggregate in _QUANTILES and objective.missing == "unknown":
        low, high = _with_hidden(sketch, _QUANTILES[bound.aggregate], _hidden(counted, sketch))
    return Aggregated(bound.aggregate, found.value, low, high, bound.value, bound.op, sketch.count)


def _hidden(counted: Standing, sketch: Sketch) -> int:
    """Return how many values silence and NULLs are taken to have hidden, rounded up."""
    coverage = counted.outcome.coverage
    silent = Fraction(0) if not coverage else sketch.count * (1 - coverage) / coverage
    return -(-silent.numerator // silent.denominator) + sketch.unknown


def _with_hidden(sketch: Sketch, q: Fraction, hidden: int) -> tuple[Fraction | None, Fraction | None]:
    """Return the quantile's range if the hidden values were all smaller, or all greater, than those known."""
    place = q * (sketch.count + hidden)
    rank = -(-place.numerator // place.denominator)
    low = sketch.quantile(Fraction(max(rank - hidden, 1), sketch.count))
    high = sketch.quantile(Fraction(rank, sketch.count)) if rank <= sketch.count else None
    return (low.low if low and rank - hidden >= 1 else None), (high.high if high else None)


def _verdict(bound: Bound, figure: Aggregated, counted: Standing) -> Verdict:
    if figure.value is None:
        return "unknown"
    if bound.aggregate not in _QUANTILES and bound.aggregate != "uptime" and counted.outcome.coverage < LEAST_COVERAGE:
        return "unknown"
    worst, best = (figure.high, figure.low) if bound.op in {"lt", "lte"} else (figure.low, figure.high)
    if worst is not None and keeps(worst, bound.op, bound.value):
        return "met"
    return "missed" if best is not None and not keeps(best, bound.op, bound.value) else "unknown"


def _thin(objective: Objective, counted: Standing) -> tuple[Problem, ...]:
    if counted.outcome.coverage >= LEAST_COVERAGE:
        return ()
    return (
        Problem(
            f"objective {objective.name}", "more than a tenth of its window is silent; the figure is of what is known",
            "check the source's freshness", severity="warning", code="thin-coverage",
        ),
    )  # fmt: skip
