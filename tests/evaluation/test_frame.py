"""Which minutes a question is about."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.cases import MINUTE, NOON, instant, promise, slices
from nines.evaluation.frame import frame, horizon
from nines.objectives.window import CalendarWindow
from nines.spans import Span


@pytest.mark.parametrize(
    ("at", "settle", "length", "end"),
    [
        ("2026-03-31T12:00:59.999", 0, 1, "2026-03-31T12:00"),
        ("2026-03-31T12:01", 0, 1, "2026-03-31T12:01"),
        ("2026-03-31T12:01", 90, 1, "2026-03-31T11:59"),
        ("2026-03-31T12:14", 0, 5, "2026-03-31T12:10"),
        ("2026-03-31T12:14", 300, 5, "2026-03-31T12:05"),
    ],
)
def test_a_rolling_window_ends_at_the_last_whole_slice_that_has_settled(at, settle, length, end):
    objective = promise(method=slices("1", length), window=60, settle=timedelta(seconds=settle))
    assert frame(objective, instant(at)).window == Span(instant(end) - 60 * MINUTE, instant(end))


def test_a_calendar_window_is_the_elapsed_part_of_its_period():
    window = CalendarWindow("month", zone="Europe/Berlin")
    asked = frame(promise(window=window, settle=2 * MINUTE), instant("2026-03-15T12:00:30"))
    assert asked.window == Span(instant("2026-02-28T23:00"), instant("2026-03-15T11:58"))
    assert asked.whole.end == instant("2026-03-31T22:00")


def test_at_the_first_instant_of_a_period_nothing_of_it_has_elapsed():
    asked = frame(promise(window=CalendarWindow("day"), settle=5 * MINUTE), instant("2026-03-31"))
    assert asked.window == Span(instant("2026-03-31"), instant("2026-03-31"))


def test_the_horizon_reaches_back_three_days_or_the_window_and_on_to_the_periods_end():
    assert horizon(promise(window=60), NOON).start == NOON - timedelta(days=3) - MINUTE
    assert horizon(promise(window=43_200), NOON) == Span(NOON - timedelta(days=30), NOON)
    assert horizon(promise(window=CalendarWindow("month")), NOON).end == instant("2026-04-01")


@settings(deadline=None)
@given(st.integers(0, 10**8), st.integers(1, 90), st.integers(0, 600))
def test_windows_only_move_forward_and_never_past_the_question(seconds, length, settle):
    objective = promise(method=slices("1", length), window=600, settle=timedelta(seconds=settle))
    at = NOON + timedelta(seconds=seconds)
    now, later = frame(objective, at), frame(objective, at + MINUTE)
    assert now.window.end <= at - objective.settle < now.window.end + length * MINUTE
    assert now.end <= later.end
    assert now.end % length == 0
