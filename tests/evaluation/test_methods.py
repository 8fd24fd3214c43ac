"""The three budgeting methods: exact figures, slices and what makes one unknown."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.cases import ALIVE, BRIDGED, NOON, SILENT, ask, instant, minutes, promise, slices
from nines.evaluation.tally import ratio_sum
from nines.objectives.method import Occurrences, RatioTimeslices
from nines.objectives.objective import ServiceHours
from nines.objectives.window import CalendarWindow
from nines.spans import Span

GOOD = [2, 10, 12, 13, 13, 12, 13, 13, 12, 11, 19]
VALID = [4, 10, 12, 13, 14, 15, 14, 13, 12, 11, 20]
BAD = [v - g for g, v in zip(GOOD, VALID, strict=True)]
MEAN_OF_TEN = sum(Fraction(g, v) for g, v in zip(GOOD[:10], VALID[:10], strict=True)) / 10


@pytest.mark.parametrize(
    ("method", "sli", "spent"),
    [
        (Occurrences(), Fraction(111, 118), Fraction(7, 118) / Fraction("0.05")),
        (slices("0.95"), Fraction(6, 10), Fraction(8)),
        (RatioTimeslices(), MEAN_OF_TEN, (1 - MEAN_OF_TEN) / Fraction("0.05")),
    ],
)
def test_ten_minutes_come_out_exactly_by_each_method(method, sli, spent):
    outcome = ask(promise("0.95", method), minutes(GOOD[:10], BAD[:10])).outcome
    assert (outcome.sli, outcome.to_date_ratio, outcome.period.spent_ratio) == (sli, spent, spent)


def test_the_published_decimals_of_the_ten_minutes_are_met():
    assert [f"{float(x):.6g}" for x in (Fraction(7, 118) / Fraction("0.05"), MEAN_OF_TEN, (1 - MEAN_OF_TEN) / Fraction("0.05"))] == [
        "1.18644", "0.915714", "1.68571",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "sli"),
    [
        (Occurrences(), Fraction(130, 138)),
        (slices("0.95"), Fraction(7, 11)),
        (RatioTimeslices(), (10 * MEAN_OF_TEN + Fraction(19, 20)) / 11),
    ],
)
def test_a_slice_exactly_on_its_target_is_good(method, sli):
    assert ask(promise("0.95", method, window=11), minutes(GOOD, BAD)).outcome.sli == sli


@pytest.mark.parametrize(
    ("unknown", "good_bad_unknown"),
    [(0, (1, 0, 0)), (2, (0, 0, 1)), (20, (0, 0, 1))],
)
def test_a_slice_is_good_only_if_it_stays_so_with_all_unknown_events_bad(unknown, good_bad_unknown):
    outcome = ask(promise("0.9", slices("0.9"), window=1), minutes([9], [1], [unknown])).outcome
    doubt = 0 if outcome.bounds is None else outcome.bounds.high - outcome.bounds.low
    assert (outcome.units_good, outcome.units_bad, doubt) == good_bad_unknown


def test_a_slice_is_bad_if_it_is_so_even_with_all_unknown_events_good():
    assert ask(promise("0.9", slices("0.9"), window=1), minutes([5], [3], [2])).outcome.units_bad == 1


def test_a_ratio_of_unknown_events_is_an_unknown_slice():
    outcome = ask(promise("0.9", RatioTimeslices(), window=2), minutes([1, 1], [1, 0], [0, 1])).outcome
    assert (outcome.sli, outcome.bounds.low, outcome.bounds.high) == (Fraction(1, 2), Fraction(1, 4), Fraction(3, 4))


def test_unknown_events_widen_the_bounds_and_stay_out_of_the_sli():
    outcome = ask(promise(), minutes([8] + [0] * 9, [1] + [0] * 9, [1] + [0] * 9)).outcome
    assert (outcome.sli, outcome.bounds.low, outcome.bounds.high) == (Fraction(8, 9), Fraction(8, 10), Fraction(9, 10))
    assert outcome.counts.unknown == 1


def test_slices_of_five_minutes_are_judged_by_their_sums():
    series = minutes([1, 1, 1, 1, 0, 2, 2, 2, 2, 2], [0, 0, 0, 0, 1, 0, 0, 0, 0, 0])
    assert ask(promise("0.5", slices("0.9", 5)), series).outcome.sli == Fraction(1, 2)


def test_slices_of_a_rolling_window_lie_on_the_epoch_and_end_whole():
    standing = ask(promise("0.5", slices("0.9", 5)), minutes(1, [0] * 12), at=instant("2026-03-31T12:03"))
    assert standing.window == Span(instant("2026-03-31T11:50"), NOON)


def test_slices_of_a_calendar_window_begin_with_it_and_the_last_may_be_short():
    window = CalendarWindow("day", anchor=instant("2026-01-01T00:03"))
    series = minutes(1, [0] * 1439 + [1], end=instant("2026-03-31T00:03"))
    objective = promise("0.5", slices("1", 7), window=window)
    late = ask(objective, series, at=instant("2026-03-31T00:02"))
    assert (late.window.start, late.outcome.period.expected_units) == (instant("2026-03-30T00:03"), 206)
    assert late.outcome.units_bad == 0  # the last slice has five minutes, and has not elapsed
    assert late.window.end == instant("2026-03-30T23:58")


def test_an_increment_across_a_gap_counts_for_events_and_is_unknown_for_slices():
    series = minutes([5, 0, 10], state=[ALIVE, BRIDGED, BRIDGED])
    events, sliced = (ask(promise("0.5", m, window=3), series).outcome for m in (Occurrences(), slices()))
    assert (events.sli, events.coverage, events.counts.good) == (1, 1, 15)
    assert (sliced.units_good, sliced.bounds.low, sliced.coverage) == (1, Fraction(1, 3), Fraction(1, 3))


def test_minutes_not_wholly_inside_service_hours_are_out_of_the_question():
    hours = ServiceHours("office", (Span(instant("2026-03-31T11:52:30"), instant("2026-03-31T11:58")),))
    for method, units in ((Occurrences(), 5), (slices(), 5)):
        outcome = ask(promise("0.5", method, hours=hours), minutes(1, [0] * 10)).outcome
        assert (outcome.units_good, outcome.period.expected_units, outcome.counts.good) == (units, units, 5)


def test_counts_near_the_end_of_64_bits_are_compared_exactly():
    huge = 2**61
    assert ask(promise("0.5", slices("0.5"), window=1), minutes([huge], [huge])).outcome.units_good == 1
    assert ask(promise("0.5", slices("0.5"), window=1), minutes([huge - 1], [huge])).outcome.units_bad == 1


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=60))
def test_the_sum_of_shares_is_that_of_plain_fractions(slices):
    good = np.array([g for g, _ in slices], dtype=np.int64)
    total = np.array([g + b for g, b in slices], dtype=np.int64)
    assert ratio_sum(good, total) == sum((Fraction(g, g + b) for g, b in slices if g + b), Fraction(0))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from([ALIVE, SILENT])), min_size=10, max_size=10))  # fmt: skip
def test_the_sli_lies_within_its_bounds_and_bounds_within_nought_and_one(rows):
    good, bad, state = zip(*rows, strict=True)
    heard = [s == ALIVE for s in state]
    series = minutes(np.array(good) * heard, np.array(bad) * heard, state=list(state))
    for method in (Occurrences(), slices("0.5"), RatioTimeslices()):
        outcome = ask(promise("0.9", method), series).outcome
        if outcome.sli is not None and outcome.bounds is not None:
            assert 0 <= outcome.bounds.low <= outcome.sli <= outcome.bounds.high <= 1
