"""Other tools' numbers from the same minutes: each gap with its cause and its size, worked out by hand."""

from fractions import Fraction

import pytest

from evaluation.cases import ALIVE, SILENT, ask, excluded, minutes, promise, slices
from nines.alerting.compat import TOOLS, compare


def beside(tool, series, target="0.9", **changes):
    evidence = {k: changes.pop(k) for k in ("exclusions",) if k in changes}
    objective = promise(target, window=len(series), **changes)
    return compare(tool, objective, ask(objective, series, **evidence), series)


def test_sloth_lets_a_busy_hour_count_as_little_as_a_quiet_one():
    # research pitfall 1: five quiet hours without an error, one of 10,000 a minute with 10 % errors
    series = minutes([10] * 300 + [9000] * 60, [0] * 300 + [1000] * 60)
    found = beside("sloth", series)
    assert found.ours == float(1 - Fraction(60_000, 603_000))
    assert found.gap == pytest.approx(0.0995 - 0.0166, abs=2e-4)
    assert "counts alike" in found.parts[0].cause
    assert found.parts[0].size == pytest.approx(found.gap)


def test_sloth_has_no_number_after_five_idle_minutes():
    found = beside("sloth", minutes([10] * 20 + [0] * 6 + [10] * 20))
    assert (found.ours, found.theirs, found.gap) == (1.0, None, None)
    assert "0/0" in found.parts[0].cause


def test_sloth_passes_over_what_was_not_heard():
    found = beside("sloth", minutes([10] * 20 + [0] * 6 + [10] * 20, state=[ALIVE] * 20 + [SILENT] * 6 + [ALIVE] * 20))
    assert found.theirs == 1.0


def test_pyrra_does_not_see_the_errors_that_made_their_series():
    found = beside("pyrra", minutes([10] * 10, [0, 0, 7, 0, 0, 3, 0, 0, 0, 0]))
    assert found.theirs == 1 - 3 / 103
    assert found.parts[0].cause == "7 errors made their series and so are no increase of it"


def test_pyrra_agrees_where_the_series_is_older_than_the_window():
    series = minutes([10] * 20, [1] * 20)
    objective = promise(window=10)
    found = compare("pyrra", objective, ask(objective, series), series)
    assert found.gap == pytest.approx(0, abs=1e-15)


def test_slo_generator_rounds_to_six_decimals():
    found = beside("slo-generator", minutes([2_999_998, 0], [0, 1]))
    assert found.theirs == 1.0  # 1 - 1/2,999,999 = 0.99999966...
    assert found.parts[0].size == pytest.approx(1 / 2_999_999)


def test_elastic_and_datadog_take_missing_slices_for_good():
    series = minutes(
        [10, 10, 10, 10, 0, 0, 0, 0, 10, 0],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 10],
        state=[ALIVE] * 4 + [SILENT] * 4 + [ALIVE] * 2,
    )
    for tool in ("elastic", "datadog", "nobl9"):
        found = beside(tool, series, method=slices("0.9"))
        assert (found.ours, found.theirs) == (float(Fraction(5, 6)), 0.9)
        assert found.parts[0].cause == "4 minutes without events count as good"


def test_datadog_tells_two_decimals():
    assert beside("datadog", minutes([715], [5])).theirs == 0.9931  # its own example: 715 of 720


def test_slo_exporter_calls_no_events_good():
    found = beside("slo-exporter", minutes([0] * 10))
    assert (found.ours, found.theirs) == (None, 1.0)


def test_exclusions_are_a_cause_of_their_own_and_the_sizes_add_up():
    series = minutes([10] * 9 + [0], [0] * 9 + [10])
    found = beside("pyrra", series, exclusions=(excluded(9, 10),))
    assert found.parts[0].cause.startswith("it knows no exclusions")
    assert sum(p.size for p in found.parts) == pytest.approx(found.gap)


def test_every_tool_answers_and_names_its_source():
    for tool in TOOLS:
        found = beside(tool, minutes([10] * 10, [1] * 10))
        assert found.theirs is not None
        assert found.rule
        assert found.source
        assert found.theirs_left is not None
