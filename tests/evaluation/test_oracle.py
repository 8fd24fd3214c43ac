"""Evaluation agrees with a second opinion, worked out event by event, on ten thousand small worlds."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings

from evaluation.oracle import Oracle
from evaluation.worlds import evidence_of, questions
from nines.evaluation.evaluate import evaluate
from nines.evaluation.evidence import CoveredEvents, Evidence
from nines.objectives.exclusion import Exclusion
from nines.objectives.method import Timeslices
from nines.objectives.objective import Estimator, Objective, Term
from nines.objectives.window import RollingWindow
from nines.spans import Span, minute_of
from nines.telemetry.series import MinuteSeries

BATCHES, EXAMPLES = 10, 1000


def figures(outcome):
    period = outcome.period
    allowed = period.allowed_range and (period.allowed_range.low, period.allowed_range.high)
    return {
        "counts": (outcome.counts.good, outcome.counts.bad, outcome.counts.unknown, outcome.counts.excluded),
        "units": (outcome.units_good, outcome.units_bad),
        "sli": outcome.sli,
        "bounds": outcome.bounds and (outcome.bounds.low, outcome.bounds.high),
        "coverage": outcome.coverage,
        "to_date": outcome.to_date_ratio,
        "period": (period.allowed, period.spent, period.expected_units, allowed),
    }


def agree(question, lookback="1h"):
    objective, world, origin, at, known_at = question
    standing = evaluate(objective, evidence_of(world, origin, known_at), at, known_at)
    want = Oracle(objective, world, at, known_at, lookback=lookback).answer()
    verdicts, burn = want.pop("verdicts"), want.pop("burn")
    assert figures(standing.outcome) == want
    assert {n: (b.rate, b.low, b.high, b.coverage) for n, b in standing.burn_rates.items() if n in burn} == burn
    assert standing.verdict in verdicts
    if world.exclusions:
        plain = Oracle(objective, world, at, known_at, excluding=False, lookback="5m").answer()
        assert figures(standing.without_exclusions) == {k: plain[k] for k in want}


def check_batch(number, examples):
    """Check one batch of examples; the same number gives the same ones. A long run passes numbers of its own."""

    @seed(number)
    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(questions())
    def check(question):
        agree(question)

    check()


@pytest.mark.parametrize("batch", [0, *(pytest.param(b, marks=pytest.mark.slow) for b in range(1, BATCHES))])
def test_evaluation_agrees_with_the_oracle(batch):
    check_batch(batch, EXAMPLES)


@seed(7)
@settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(questions())
def test_the_long_lookbacks_agree_too(question):
    agree(question, lookback="3d")


MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def objective(**changes):
    return Objective(**{
        "name": "checkout", "service": "shop", "indicator": "checkout", "terms": (Term(Fraction(1, 2)),),
        "window": RollingWindow(10 * MINUTE), **changes,
    })  # fmt: skip


def standing(promise, *, alive, bad=(), first=0, evidence=None):
    """Ten minutes before noon: which were alive, and which of them had one bad event and no other."""
    start = minute_of(NOON) - 10
    states = np.array([m in alive for m in range(10)], dtype=np.uint8)
    events = np.array([m in bad for m in range(10)], dtype=np.int64)
    nothing = np.zeros(10, dtype=np.int64)
    series = MinuteSeries(start, nothing, events, nothing, states, start + first)
    return evaluate(promise, Evidence(series, **(evidence or {})), NOON)


def test_a_full_window_with_sli_zero_is_missed_though_little_of_it_is_known():
    promise = objective(terms=(Term(Fraction(1, 2), Timeslices(Fraction(1, 2))),), missing="ignore")
    assert standing(promise, alive=[3], bad=[3]).verdict == "missed"


def test_a_young_window_is_decided_by_the_budget_of_the_whole():
    promise = objective(terms=(Term(Fraction(1, 2), Timeslices(Fraction(1, 2))),), missing="ignore")
    assert standing(promise, alive=[9], bad=[9], first=9).verdict != "missed"


def test_silence_without_an_estimate_is_not_taken_for_a_window_without_traffic():
    promise = objective(no_traffic="good", estimator=Estimator("none"))
    assert standing(promise, alive=range(5)).outcome.sli is None
    assert standing(promise, alive=range(10)).outcome.sli == 1


def test_a_slice_emptied_by_an_exclusion_is_not_a_slice_without_traffic():
    promise = objective(terms=(Term(Fraction(1, 2), Timeslices(Fraction(1, 2))),), no_traffic="bad")
    of_a = Exclusion(name="a", spans=(Span(NOON - 10 * MINUTE, NOON),), where="a")
    nothing = np.zeros(10, dtype=np.int64)
    fourth = np.eye(1, 10, 4, dtype=np.int64)[0]
    covered = (CoveredEvents("drop-events", nothing, fourth, nothing),)
    found = standing(
        promise,
        alive=range(10),
        bad=[4, 5],
        evidence={"exclusions": (of_a,), "covered": covered, "rolled": frozenset({"a"})},
    )
    assert found.outcome.units_bad == 9
    assert found.without_exclusions.units_bad == 10
