"""Threshold objectives: a figure, the error it carries, and a verdict only where neither could change it."""

from fractions import Fraction

import pytest

from evaluation.cases import ALIVE, NOON, SILENT, minutes, promise
from nines.evaluation.evidence import Evidence
from nines.evaluation.threshold import evaluate_bound, keeps
from nines.objectives.objective import Bound, Estimator
from nines.telemetry.sketch import Sketch

HUNDRED = [float(n) for n in range(1, 101)]


def stand(aggregate, op, bound, values=(), *, series=None, **changes):
    series = series if series is not None else minutes([10] * 10)
    objective = promise("0", bound=Bound(aggregate, op, Fraction(bound)), **changes)
    return evaluate_bound(objective, Evidence(series), Sketch.of(list(values)), NOON)


@pytest.mark.parametrize(("op", "kept"), [("lt", False), ("lte", True), ("gt", False), ("gte", True)])
def test_a_value_on_the_bound_keeps_it_only_where_the_comparison_says_so(op, kept):
    assert keeps(Fraction(300), op, Fraction(300)) is kept


@pytest.mark.parametrize(
    ("aggregate", "op", "bound", "verdict"),
    [
        ("p95", "lte", 300, "met"),
        ("p95", "lte", 90, "missed"),
        ("p95", "lte", 95, "unknown"),  # the bucket of 95 reaches to both sides of the bound
        ("p50", "gte", 40, "met"),
        ("max", "lte", 100, "met"),
        ("max", "lt", 100, "missed"),
        ("min", "gte", 1, "met"),
        ("count", "gte", 100, "met"),
        ("sum", "lte", "5050.1", "met"),
        ("mean", "lte", 50, "missed"),
    ],
)
def test_figures_are_held_against_their_bound(aggregate, op, bound, verdict):
    standing = stand(aggregate, op, bound, HUNDRED)
    assert standing.verdict == verdict
    assert standing.aggregated.samples == 100


def test_a_quantile_shows_its_error():
    figure = stand("p95", "lte", 300, HUNDRED).aggregated
    assert figure.low <= 95 <= figure.high
    assert (figure.high - figure.low) / figure.value <= Fraction(3, 100)


def test_without_values_nothing_is_known():
    standing = stand("p95", "lte", 300)
    assert (standing.verdict, standing.aggregated.value) == ("unknown", None)


def test_silence_may_hide_slow_values():
    """Of 80 values heard 3 are slow; 20 hidden ones could make the 95th of a hundred slow as well."""
    values = [100.0] * 77 + [900.0] * 3
    half = minutes([10] * 8 + [0] * 2, state=[ALIVE] * 8 + [SILENT] * 2)
    assert stand("p95", "lte", 300, values).verdict == "met"
    assert stand("p95", "lte", 300, values, series=half).verdict == "unknown"
    assert stand("p50", "lte", 300, values, series=half).verdict == "met"
    assert stand("p95", "lte", 300, values, series=half, missing="ignore").verdict == "met"


def test_values_that_were_no_numbers_may_have_been_slow_too():
    assert stand("p95", "lte", 300, [100.0] * 90).verdict == "met"
    assert stand("p95", "lte", 300, [100.0] * 90 + [float("nan")] * 10).verdict == "unknown"


@pytest.mark.parametrize(("silent", "verdict"), [(1, "met"), (2, "unknown")])
def test_a_mean_of_too_thin_a_window_is_no_verdict(silent, verdict):
    series = minutes([10] * (10 - silent) + [0] * silent, state=[ALIVE] * (10 - silent) + [SILENT] * silent)
    standing = stand("mean", "lte", 300, [100.0], series=series)
    assert standing.verdict == verdict
    assert ("thin-coverage" in {p.code for p in standing.problems}) is (verdict == "unknown")


UP = 60_000_000


@pytest.mark.parametrize(("down", "verdict"), [(0, "met"), (6, "met"), (7, "missed")])
def test_uptime_is_up_time_over_known_time(down, verdict):
    series = minutes([UP] * 9 + [UP - down * 10**6], [0] * 9 + [down * 10**6])
    standing = stand("uptime", "gte", "0.99", series=series, unit="microseconds")
    assert (standing.verdict, standing.aggregated.value) == (verdict, 1 - Fraction(down, 600))


def test_unknown_time_is_neither_up_nor_down():
    series = minutes([UP] * 9 + [0], state=[ALIVE] * 9 + [SILENT])
    lax, strict = (stand("uptime", "gte", bound, series=series) for bound in ("0.9", "0.99"))
    assert (lax.verdict, strict.verdict) == ("met", "unknown")
    assert (strict.aggregated.low, strict.aggregated.high) == (Fraction(9, 10), 1)
    assert stand("uptime", "gte", "0.9", series=series, estimator=Estimator("none")).verdict == "unknown"


def test_a_threshold_has_no_budget_and_burns_nothing():
    standing = stand("p95", "lte", 300, HUNDRED)
    assert (standing.outcome.period, standing.outcome.to_date_ratio) == (None, None)
    assert (standing.burn_rates, standing.exhaustion) == ({}, None)


def test_an_objective_without_a_bound_is_not_a_threshold():
    with pytest.raises(ValueError, match="no bound"):
        evaluate_bound(promise(), Evidence(minutes([1])), Sketch.of([]), NOON)
