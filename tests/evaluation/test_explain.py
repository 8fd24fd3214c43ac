"""Where a number comes from, step by step, in words that hold."""

from fractions import Fraction

from evaluation.cases import ALIVE, NOON, SILENT, ask, excluded, minutes, promise, slices
from nines.evaluation.evidence import Evidence
from nines.evaluation.explain import explain
from nines.evaluation.threshold import evaluate_bound
from nines.objectives.objective import Bound
from nines.telemetry.sketch import Sketch

TEN = minutes([9] * 10, [1] * 10)


def steps(standing):
    return {s.title: (s.figure, s.how) for s in explain(standing)}


def test_the_steps_lead_from_window_to_fingerprint():
    standing = ask(promise("0.8"), TEN, data_version=42)
    titles = [s.title for s in explain(standing)]
    assert titles == [
        "window", "good", "bad", "coverage", "SLI", "target", "allowed", "spent", "left", "to date", "burn 1h",
        "runs out", "verdict", "record",
    ]  # fmt: skip
    found = steps(standing)
    assert found["SLI"] == ("90 %", "Occurrences: 90 / (90 + 10) events")
    assert found["allowed"] == ("20", "b x N, N = 100: events of the window")
    assert found["spent"][0] == "10 (50 %)"
    assert found["verdict"][0] == "met"
    assert "flush 42" in found["record"][1]


def test_slices_are_named_as_what_they_are():
    assert "Timeslices: 0 / (0 + 10) slices" in steps(ask(promise("0.8", slices()), TEN))["SLI"]


def test_what_is_unknown_is_said_with_its_bounds():
    found = steps(ask(promise(), minutes([10] * 5 + [0] * 5, state=[ALIVE] * 5 + [SILENT] * 5)))
    assert found["bounds"][0] == "50 % to 100 %"
    assert found["coverage"][0] == "50 %"
    assert found["verdict"] == ("unknown", "what is unknown could turn it either way, or nothing is known")


def test_exclusions_stand_beside_the_number_without_them():
    found = steps(ask(promise(), TEN, exclusions=(excluded(0, 5),)))
    assert found["excluded"] == ("50", "drop-events")
    assert found["without exclusions"][0] == "90 %"


def test_a_target_of_100_percent_is_explained_without_a_ratio():
    assert steps(ask(promise("1"), TEN))["spent"][0] == "10 (no ratio: nothing is allowed)"


def test_a_threshold_is_explained_by_its_figure_and_bound():
    objective = promise("0", bound=Bound("max", "lte", Fraction(300)))
    found = steps(evaluate_bound(objective, Evidence(TEN), Sketch.of([100.0, 250.0]), NOON))
    assert found["max"] == ("250", "of 2 values; kept when lte 300")
    assert "allowed" not in found
