"""The standing as JSON: names that scripts rely on, floats only here, unknown as null; and its fingerprint."""

import json
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.cases import ALIVE, MINUTE, NOON, SILENT, ask, excluded, minutes, promise, slices
from nines.evaluation.evidence import Evidence
from nines.evaluation.fingerprint import canonical
from nines.evaluation.standing_json import exact, number, standing_json
from nines.evaluation.threshold import evaluate_bound
from nines.objectives.method import RatioTimeslices
from nines.objectives.objective import Bound
from nines.telemetry.sketch import Sketch

NAMES = {
    "objective", "service", "tenant", "labels", "at", "known_at", "window", "counts", "sli", "exact", "bounds", "interval",
    "coverage", "budget", "target", "verdict", "method", "unit", "rule", "settling", "burn_rates", "exclusions", "without_exclusions",
    "exhaustion", "threshold", "problems", "revision", "data_version", "fingerprint",
}  # fmt: skip
TEN = minutes([9] * 10, [1] * 10)


def test_the_names_are_those_of_the_reference():
    found = standing_json(ask(promise("0.8"), TEN))
    assert set(found) == NAMES
    assert set(found["window"]) == {"start", "end", "kind", "label", "period_end"}
    assert set(found["counts"]) == {"good", "bad", "total", "unknown", "excluded"}
    assert set(found["budget"]) == {"to_date_ratio", "interval", "period"}
    assert set(found["budget"]["period"]) == {
        "allowed", "spent", "remaining", "spent_ratio", "remaining_ratio", "expected_units", "units_range", "basis",
    }  # fmt: skip
    assert set(found["burn_rates"]["5m"]) == {"rate", "low", "high", "coverage", "interval"}
    assert set(found["without_exclusions"]) == {"counts", "sli", "exact", "bounds", "coverage", "budget"}


def test_figures_are_numbers_and_the_exact_fraction_stands_beside():
    found = standing_json(ask(promise("0.8"), TEN))
    assert (found["sli"], found["exact"], found["target"], found["verdict"]) == (0.9, "9/10", 0.8, "met")
    assert found["budget"]["period"]["spent_ratio"] == 0.5
    assert (found["at"], found["known_at"]) == ("2026-03-31T12:00:00Z", None)


def test_what_is_unknown_is_null_and_never_a_number():
    found = standing_json(ask(promise(), minutes(0, [0] * 10, state=SILENT, first=None)))
    assert (found["sli"], found["exact"], found["bounds"], found["exhaustion"]) == (None, None, None, None)
    assert (found["budget"]["to_date_ratio"], found["burn_rates"]["1h"]["rate"]) == (None, None)
    assert found["coverage"] == 0


def test_a_broken_target_of_100_percent_has_null_ratios_and_says_why():
    found = standing_json(ask(promise("1"), TEN))
    assert (found["budget"]["period"]["spent_ratio"], found["budget"]["to_date_ratio"]) == (None, None)
    assert [p["code"] for p in found["problems"]] == ["nothing-allowed"]


def test_it_is_plain_json_for_thresholds_too():
    objective = promise("0", bound=Bound("p95", "lte", Fraction(300)))
    for standing in (ask(promise(), TEN), evaluate_bound(objective, Evidence(TEN), Sketch.of([1.0, 2.0]), NOON)):
        assert json.loads(json.dumps(standing_json(standing), allow_nan=False))["objective"] == "checkout"


def test_an_exact_fraction_longer_than_64_characters_is_left_out():
    assert exact(Fraction(1, 10**61)) == "1/1" + "0" * 61
    assert exact(Fraction(1, 10**62)) is None
    long = ask(promise(method=RatioTimeslices(), window=90), minutes([1] * 90, list(range(1, 91))))
    assert standing_json(long)["exact"] is None
    assert standing_json(long)["sli"] == float(long.outcome.sli)


@settings(deadline=None)
@given(st.fractions(0, 1))
def test_a_number_is_its_fraction_to_the_last_bit_of_a_float(value):
    assert number(value) == value.numerator / value.denominator


# -- the fingerprint ---------------------------------------------------------------------------------------------------


def test_canonical_json_sorts_names_keeps_letters_and_has_no_spaces():
    assert canonical({"b": [1, "é"], "a": {"d": "\n", "c": 2}}) == '{"a":{"c":2,"d":"\\n"},"b":[1,"é"]}'.encode()


def test_the_same_question_and_evidence_give_the_same_fingerprint():
    assert ask(promise(), TEN).fingerprint == ask(promise(), minutes([9] * 10, [1] * 10)).fingerprint


@pytest.mark.parametrize(
    "other",
    [
        ask(promise(), minutes([9] * 10, [1] * 9 + [2])),
        ask(promise("0.8"), TEN),
        ask(promise(terms=(replace(promise().terms[0], revision=2),)), TEN),
        ask(promise(method=slices()), TEN),
        ask(promise(window=9), TEN),
        ask(promise(settle=timedelta(microseconds=1)), TEN, at=NOON + MINUTE),
        ask(promise(indicator_id="0123456789abcdef"), TEN),
        ask(promise(), TEN, exclusions=(excluded(0, 1),)),
        ask(promise(), TEN, at=NOON + MINUTE),
    ],
    ids=["counts", "target", "revision", "method", "window", "settle", "indicator", "exclusions", "instant"],
)
def test_whatever_makes_the_number_makes_the_fingerprint(other):
    assert other.fingerprint != ask(promise(), TEN).fingerprint


def test_seconds_within_the_minute_and_the_age_of_the_data_do_not():
    later = ask(promise(), TEN, at=NOON + timedelta(seconds=59), data_version=7)
    assert later.fingerprint == ask(promise(), TEN).fingerprint
    assert later.data_version == 7


def test_silence_makes_a_fingerprint_of_its_own():
    quiet, silent = (ask(promise(), minutes([9] * 5 + [0] * 5, state=[ALIVE] * 5 + [s] * 5)) for s in (ALIVE, SILENT))
    assert quiet.fingerprint != silent.fingerprint
