"""How a standing came about: the points add up to it, and silence is a gap."""

from datetime import timedelta
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.cases import ALIVE, MINUTE, NOON, SILENT, ask, excluded, instant, minutes, promise, slices
from nines.evaluation.evidence import Evidence
from nines.evaluation.history import Band, Tick, history
from nines.objectives.method import Occurrences, RatioTimeslices
from nines.objectives.window import CalendarWindow
from nines.spans import Span


def points(objective, series, step=1, **changes):
    return history(objective, Evidence(series, **changes), NOON, step * MINUTE).points


def test_the_budget_burns_down_by_what_each_point_spent():
    found = points(promise("0.9", slices(), window=20), minutes([1] * 18 + [0] * 2, [0] * 18 + [1] * 2), 5)
    assert [p.remaining for p in found] == [1, 1, 1, 0]
    assert [p.sli for p in found] == [1, 1, 1, Fraction(3, 5)]
    assert (found[0].start, found[-1].end) == (NOON - 20 * MINUTE, NOON)


def test_silence_is_a_gap_in_both_lines_while_the_range_goes_on():
    series = minutes([10] * 5 + [0] * 5, state=[ALIVE] * 5 + [SILENT] * 5)
    found = points(promise("0.5"), series, 5)
    assert (found[1].sli, found[1].remaining, found[1].coverage) == (None, None, 0)
    assert (found[1].remaining_range.low, found[1].remaining_range.high) == (-1, 1)  # 25 allowed, 50 hidden


def test_quiet_is_no_gap_in_the_budget():
    found = points(promise("0.5"), minutes([10] * 5 + [0] * 5), 5)
    assert (found[1].sli, found[1].remaining) == (None, 1)


@pytest.mark.parametrize("method", [Occurrences(), slices("0.5"), RatioTimeslices()])
@settings(deadline=None)
@given(rows=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.booleans()), min_size=12, max_size=12))
def test_points_add_up_to_the_standing(method, rows):
    good, bad, heard = (np.array(c) for c in zip(*rows, strict=True))
    series = minutes(good * heard, bad * heard, state=np.where(heard, ALIVE, SILENT))
    objective = promise("0.75", method, window=12)
    outcome = ask(objective, series).outcome
    found = points(objective, series, 5)
    assert sum(p.good for p in found) == outcome.units_good
    assert sum(p.bad for p in found) == outcome.units_bad
    if found[-1].remaining is not None:
        assert found[-1].remaining == outcome.period.remaining_ratio


def test_the_last_points_begin_with_what_was_spent_before_them():
    series = minutes([0] + [1] * 19, [1] + [0] * 19)
    found = history(promise("0.9", slices(), window=20), Evidence(series), NOON, 5 * MINUTE, last=2).points
    assert [p.remaining for p in found] == [Fraction(1, 2), Fraction(1, 2)]


def test_points_are_no_shorter_than_slices():
    assert len(points(promise("0.9", slices("1", 10), window=60), minutes([1] * 60))) == 6


def test_exclusions_inside_the_window_are_bands_and_revisions_ticks():
    objective = promise("0.9", since=[(instant("2026-03-31T11:55"), "0.99"), (instant("2026-04-01"), "0.5")])
    found = history(objective, Evidence(minutes([1] * 10), (excluded(-5, 3),)), NOON, MINUTE)
    assert found.bands == (Band("drop-events", Span(NOON - 10 * MINUTE, NOON - 7 * MINUTE)),)
    assert found.ticks == (Tick(instant("2026-03-31T11:55"), 2, Fraction("0.99")),)


def test_a_target_of_100_percent_has_no_line_to_burn_down():
    assert {p.remaining for p in points(promise("1"), minutes([1] * 10))} == {None}


def test_a_finished_month_is_drawn_whole():
    day = CalendarWindow("day")
    series = minutes([1] * 1440, end=instant("2026-03-31"))
    found = history(promise(window=day), Evidence(series), NOON, timedelta(hours=6), within=instant("2026-03-30"))
    assert len(found.points) == 4
    assert found.points[-1].remaining == 1
