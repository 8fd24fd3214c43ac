"""Silence and quiet: what is not known is its own value, and each policy says what it is taken for."""

from fractions import Fraction

import numpy as np
import pytest

from evaluation.cases import ALIVE, BROKEN, SILENT, ask, minutes, promise, slices
from nines.objectives.method import Occurrences, RatioTimeslices
from nines.objectives.objective import Estimator

METHODS = [Occurrences(), slices("0.9"), RatioTimeslices()]
#: Eight minutes heard, each nine good and one bad, the last of them all bad; then two of silence.
HALF = minutes([9] * 7 + [0] + [0, 0], [1] * 7 + [10] + [0, 0], state=[ALIVE] * 8 + [SILENT] * 2)


@pytest.mark.parametrize("method", METHODS)
def test_a_source_never_heard_reads_unknown_and_never_100_percent(method):
    standing = ask(promise(method=method), minutes(0, [0] * 10, state=SILENT, first=None))
    assert (standing.outcome.sli, standing.verdict, standing.outcome.coverage) == (None, "unknown", 0)
    assert {b.rate for b in standing.burn_rates.values()} == {None}
    assert standing.exhaustion is None
    assert "nothing-heard" in {p.code for p in standing.problems}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("missing", ["unknown", "ignore", "good", "bad", "last"])
def test_a_source_that_died_before_the_window_reads_unknown_whatever_is_imputed(method, missing):
    """For slices a policy may call silence good or bad; nothing but such a statement makes it so."""
    outcome = ask(promise(method=method, missing=missing), minutes(0, [0] * 10, state=SILENT, first=-5))
    stated = {"good": 1, "bad": 0}.get(missing) if method.name != "Occurrences" else None
    assert outcome.outcome.sli == stated
    assert outcome.outcome.coverage == 0


@pytest.mark.parametrize("method", METHODS)
def test_ignored_silence_of_the_whole_window_is_still_no_success(method):
    assert ask(promise(method=method, missing="ignore"), minutes(0, [0] * 10, state=SILENT)).verdict == "unknown"


@pytest.mark.parametrize(
    ("missing", "sli", "low", "high"),
    [
        ("unknown", Fraction(63, 80), Fraction(63, 100), Fraction(83, 100)),
        ("ignore", Fraction(63, 80), Fraction(63, 80), Fraction(63, 80)),
        ("good", Fraction(83, 100), Fraction(83, 100), Fraction(83, 100)),
        ("bad", Fraction(63, 100), Fraction(63, 100), Fraction(63, 100)),
        ("last", Fraction(63, 100), Fraction(63, 100), Fraction(63, 100)),
    ],
)
def test_silence_hides_as_many_events_as_the_measured_minutes_had(missing, sli, low, high):
    outcome = ask(promise(missing=missing), HALF).outcome
    assert (outcome.sli, outcome.bounds.low, outcome.bounds.high) == (sli, low, high)
    assert (outcome.coverage, outcome.counts.total) == (Fraction(8, 10), 80)


@pytest.mark.parametrize(
    ("missing", "sli", "low", "high"),
    [
        ("unknown", Fraction(7, 8), Fraction(7, 10), Fraction(9, 10)),
        ("ignore", Fraction(7, 8), Fraction(7, 8), Fraction(7, 8)),
        ("good", Fraction(9, 10), Fraction(9, 10), Fraction(9, 10)),
        ("bad", Fraction(7, 10), Fraction(7, 10), Fraction(7, 10)),
        ("last", Fraction(7, 10), Fraction(7, 10), Fraction(7, 10)),
    ],
)
def test_a_silent_slice_is_what_the_policy_says(missing, sli, low, high):
    outcome = ask(promise(method=slices("0.9"), missing=missing), HALF).outcome
    assert (outcome.sli, outcome.bounds.low, outcome.bounds.high) == (sli, low, high)


def test_the_last_ratio_is_carried_into_silence():
    outcome = ask(promise(method=RatioTimeslices(), missing="last", window=3), minutes([3, 0, 0], [1, 0, 0], state=[ALIVE, SILENT, SILENT])).outcome  # fmt: skip
    assert outcome.sli == Fraction(3, 4)


def test_silence_before_anything_was_measured_has_no_last_state():
    outcome = ask(promise(method=slices(), missing="last", window=3), minutes([0, 0, 1], state=[SILENT, SILENT, ALIVE])).outcome  # fmt: skip
    assert (outcome.sli, outcome.bounds.low) == (1, Fraction(1, 3))


def test_a_stated_estimate_is_used_where_given():
    objective = promise(estimator=Estimator("stated", Fraction(5, 2)))
    outcome = ask(objective, HALF).outcome
    assert (outcome.bounds.low, outcome.bounds.high) == (Fraction(63, 85), Fraction(68, 85))


def test_without_an_estimate_there_are_no_bounds_and_it_says_so():
    standing = ask(promise(estimator=Estimator("none")), HALF)
    assert (standing.outcome.bounds, standing.outcome.sli, standing.verdict) == (None, Fraction(63, 80), "unknown")
    assert "no-estimate" in {p.code for p in standing.problems}


def test_figures_that_cannot_be_true_are_silence_and_reported():
    standing = ask(promise(window=2), minutes([9, 0], [1, 0], state=[ALIVE, BROKEN]))
    assert (standing.outcome.sli, standing.outcome.bounds.low, standing.outcome.coverage) == (
        Fraction(9, 10),
        Fraction(9, 20),
        Fraction(1, 2),
    )
    assert "broken-minutes" in {p.code for p in standing.problems}


@pytest.mark.parametrize(
    ("policy", "sli"), [("skip", Fraction(9, 10)), ("good", Fraction(14, 15)), ("bad", Fraction(9, 15))]
)
def test_a_minute_without_traffic_is_a_slice_only_if_the_policy_says_so(policy, sli):
    series = minutes([1] * 9 + [0] * 6, [0] * 9 + [1] + [0] * 5)
    assert ask(promise(method=slices(), no_traffic=policy, window=15), series).outcome.sli == sli


@pytest.mark.parametrize(("policy", "sli", "verdict"), [("skip", None, "unknown"), ("good", 1, "met"), ("bad", 0, "missed")])  # fmt: skip
def test_a_window_without_an_event_is_judged_only_by_its_policy(policy, sli, verdict):
    standing = ask(promise(no_traffic=policy), minutes(0, [0] * 10))
    assert (standing.outcome.sli, standing.verdict, standing.outcome.coverage) == (sli, verdict, 1)


def test_quiet_minutes_hide_nothing():
    outcome = ask(promise(), minutes([5, 0, 0, 0, 5, 0, 0, 0, 0, 0])).outcome
    assert (outcome.sli, outcome.bounds.low, outcome.coverage) == (1, 1, 1)


def test_before_the_first_minute_ever_heard_nothing_is_missing():
    series = minutes([0] * 6 + [1] * 4, state=[SILENT] * 6 + [ALIVE] * 4, first=6)
    outcome = ask(promise(method=slices(), missing="bad"), series).outcome
    assert (outcome.sli, outcome.bounds.low, outcome.coverage) == (1, 1, Fraction(4, 10))


def test_minutes_that_nobody_fetched_are_silent():
    short = minutes(np.ones(5, dtype=np.int64), end=ask(promise(), HALF).window.end)
    outcome = ask(promise(method=slices(), window=10), type(short)(short.start, short.good, short.bad, short.unknown, short.state, short.start - 60)).outcome  # fmt: skip
    assert (outcome.sli, outcome.bounds.low) == (1, Fraction(1, 2))
