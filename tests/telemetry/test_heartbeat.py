"""Heartbeats: quiet is not silent."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nines.telemetry.heartbeat import alive_minutes

MINUTES = st.lists(st.integers(-20, 60), max_size=20)


def alive(pulses, gap, start, end):
    return "".join("#" if a else "." for a in alive_minutes(np.array(pulses, dtype=np.int64), gap, start, end))


def test_two_pulses_no_further_apart_than_the_gap_vouch_for_the_time_between():
    assert alive([2, 5], 3, 0, 8) == "..####.."


def test_a_longer_gap_is_silent_for_its_whole_length():
    assert alive([2, 6], 3, 0, 8) == "..#...#."


def test_after_the_last_pulse_only_its_own_minute_is_alive():
    assert alive([3], 5, 0, 10) == "...#......"


def test_the_next_pulse_turns_the_recent_past_alive():
    assert alive([3, 8], 5, 0, 10) == "...######."


def test_without_pulses_everything_is_silent():
    assert alive([], 5, 0, 4) == "...."


def test_pulses_outside_vouch_for_the_edges_inside():
    assert alive([-1, 2, 8, 11], 3, 0, 10) == "###.....##"


def test_an_empty_span_has_no_minutes():
    assert alive([1], 5, 3, 3) == ""


@given(MINUTES, st.integers(1, 10))
def test_it_agrees_with_looking_at_every_minute(pulses, gap):
    def proved(minute):
        before = [p for p in pulses if p <= minute]
        after = [p for p in pulses if p >= minute]
        return bool(before and after) and min(after) - max(before) <= gap

    assert alive(pulses, gap, 0, 40) == "".join("#" if proved(m) else "." for m in range(40))


@given(MINUTES, st.integers(1, 10), st.integers(0, 40))
def test_cutting_the_span_changes_nothing(pulses, gap, cut):
    assert alive(pulses, gap, 0, cut) + alive(pulses, gap, cut, 40) == alive(pulses, gap, 0, 40)
