"""Sampled events: estimates are exact fractions of what was kept, and say how sure they are."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.cases import NOON, ask, excluded, promise, slices
from nines.evaluation.standing_json import standing_json
from nines.objectives.method import Occurrences, RatioTimeslices
from nines.objectives.objective import Estimator
from nines.spans import minute_of
from nines.telemetry.sampling import weight_of_threshold
from nines.telemetry.series import MinuteState, Stratum, series_of_strata

SIZE = 10
START = minute_of(NOON) - SIZE
#: Weights as they come: all kept, rates, and thresholds of 56 bits whose common denominator has no end.
WEIGHTS = [
    Fraction(1),
    Fraction(10),
    Fraction(10, 3),
    weight_of_threshold("ffbe77"),
    weight_of_threshold("fd70a3d7"),
    None,
]


def stratum(weight, good, bad):
    good, bad = np.array(good, dtype=np.int64), np.array(bad, dtype=np.int64)
    whole, none = good + bad, np.zeros_like(good)
    if weight is None or weight == 1:
        return Stratum(weight, good, bad, none, none, none, none, none, none, none)
    return Stratum(weight, good, bad, none, whole, whole, bad, whole, bad, bad)  # every event a unit of its own


def sampled(*strata, state=MinuteState.ALIVE):
    states = np.full(SIZE, state, dtype=np.uint8)
    return series_of_strata(START, [stratum(*s) for s in strata], states, START)


def weight(value):
    return Fraction(1) if value is None else value


counts = st.lists(st.integers(0, 30), min_size=SIZE, max_size=SIZE)
drawn = st.lists(st.tuples(st.sampled_from(WEIGHTS), counts, counts), min_size=1, max_size=4, unique_by=lambda s: s[0])


@settings(max_examples=150, deadline=None)
@given(strata=drawn)
def test_every_method_gives_the_ratio_of_the_weighted_events_exactly(strata):
    good = [sum((weight(w) * g[m] for w, g, _ in strata), Fraction(0)) for m in range(SIZE)]
    bad = [sum((weight(w) * b[m] for w, _, b in strata), Fraction(0)) for m in range(SIZE)]
    heard = [m for m in range(SIZE) if good[m] + bad[m]]
    occurrences = ask(promise("0.9"), sampled(*strata))
    whole = sum(good) + sum(bad)
    assert occurrences.outcome.sli == (sum(good) / whole if whole else None)
    assert (occurrences.outcome.counts.good, occurrences.outcome.counts.bad) == (sum(good), sum(bad))
    if whole:
        assert occurrences.outcome.to_date_ratio == sum(bad) / (whole / 10)
        assert occurrences.outcome.period.allowed == whole / 10
    judged = ask(promise("0.9", slices("0.8")), sampled(*strata)).outcome
    fine = [m for m in heard if good[m] / (good[m] + bad[m]) >= Fraction(4, 5)]
    assert judged.sli == (Fraction(len(fine), len(heard)) if heard else None)
    shares = ask(promise("0.9", RatioTimeslices()), sampled(*strata)).outcome
    mean = sum((good[m] / (good[m] + bad[m]) for m in heard), Fraction(0)) / len(heard) if heard else None
    assert shares.sli == mean


@settings(max_examples=60, deadline=None)
@given(strata=drawn, first=st.integers(0, 9), size=st.integers(1, 5))
def test_exclusions_and_silence_are_weighed_as_the_rest_is(strata, first, size):
    last = min(first + size, SIZE)
    kept = [m for m in range(SIZE) if not first <= m < last]
    good = sum((weight(w) * g[m] for w, g, _ in strata for m in kept), Fraction(0))
    bad = sum((weight(w) * b[m] for w, _, b in strata for m in kept), Fraction(0))
    found = ask(promise("0.9"), sampled(*strata), exclusions=(excluded(first, last),)).outcome
    assert (found.counts.good, found.counts.bad) == (good, bad)
    stated = ask(
        promise("0.9", estimator=Estimator("stated", Fraction(7))), sampled(*strata, state=MinuteState.SILENT)
    ).outcome
    assert stated.bounds is None or stated.bounds.low <= stated.bounds.high


def test_the_interval_holds_the_estimate_and_narrows_with_what_was_kept():
    few = ask(promise("0.9"), sampled((Fraction(10), [90] * 10, [10] * 10)))
    many = ask(promise("0.9"), sampled((Fraction(10), [9000] * 10, [1000] * 10)))
    assert few.outcome.sli == many.outcome.sli == Fraction(9, 10)
    assert few.interval.low < 0.9 < few.interval.high
    assert few.interval.low < many.interval.low < 0.9 < many.interval.high < few.interval.high
    burn = few.burn_rates["5m"]
    assert burn.interval.low < burn.rate < burn.interval.high
    assert math.isclose(few.spent_interval.high, (1 - few.interval.low) / 0.1, rel_tol=1e-9)
    plain = standing_json(few)
    assert plain["interval"]["confidence"] == 0.95
    assert plain["budget"]["interval"]["low"] < plain["budget"]["to_date_ratio"] < plain["budget"]["interval"]["high"]


@pytest.mark.parametrize("method", [slices("0.85"), RatioTimeslices()])
def test_slice_methods_say_how_sure_they_are_too(method):
    found = ask(promise("0.9", method), sampled((Fraction(10), [90] * 10, [10] * 10)))
    assert found.interval.low <= found.outcome.sli <= found.interval.high
    assert found.interval.low < found.interval.high


def test_what_is_all_kept_has_no_interval_and_bad_events_all_kept_with_counted_totals_are_exact():
    assert ask(promise("0.9"), sampled((Fraction(1), [9] * 10, [1] * 10))).interval is None
    kept = sampled((Fraction(1), [0] * 10, [1] * 10), (Fraction(100), [9] * 10, [0] * 10))
    sure, unsure = ask(promise("0.9"), kept, every_bad_kept=True), ask(promise("0.9"), kept)
    assert sure.interval.high - sure.interval.low < unsure.interval.high - unsure.interval.low


def test_events_of_unknown_weight_count_once_and_say_so():
    found = ask(promise("0.9"), sampled((None, [9] * 10, [1] * 10)))
    assert (found.outcome.sli, found.interval) == (Fraction(9, 10), None)
    assert [p.code for p in found.problems] == ["weight-unknown"]


def test_equal_samples_give_equal_fingerprints_and_a_weight_makes_another():
    one = ask(promise("0.9"), sampled((Fraction(10), [9] * 10, [1] * 10)))
    same = ask(promise("0.9"), sampled((Fraction(10), [9] * 10, [1] * 10)))
    other = ask(promise("0.9"), sampled((Fraction(20), [9] * 10, [1] * 10)))
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert isinstance(one.method, str)
    assert promise("0.9", Occurrences()).terms[0].target == Fraction(9, 10)
