"""States: a state holds until the next row or max_hold, then nobody knows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nines.telemetry.series import MinuteState
from nines.telemetry.states import Seen, state_series

S = 1_000_000
UP, DOWN, UNKNOWN = Seen.UP, Seen.DOWN, Seen.UNKNOWN


def series(rows, *, hold=3600, end=4, start=0, expected=None):
    """Rows are (second, state) or (second, state, key)."""
    full = [(*r, 0)[:3] for r in rows]
    return state_series(
        np.array([r[0] * S for r in full], dtype=np.int64),
        np.array([r[1] for r in full], dtype=np.uint8),
        np.array([r[2] for r in full], dtype=np.int64),
        max_hold_us=hold * S,
        start=start,
        end=end,
        expected=None if expected is None else np.array(expected),
    )


def seconds(got):
    return [(g // S, b // S, u // S) for g, b, u in zip(got.good, got.bad, got.unknown, strict=True)]


def test_a_state_holds_until_the_next_row():
    assert seconds(series([(0, UP), (90, DOWN), (150, UP)])) == [(60, 0, 0), (30, 30, 0), (30, 30, 0), (60, 0, 0)]


def test_after_max_hold_the_state_is_unknown_and_the_minute_silent():
    got = series([(0, UP)], hold=90)
    assert seconds(got) == [(60, 0, 0), (30, 0, 30), (0, 0, 0), (0, 0, 0)]
    assert got.state.tolist() == [MinuteState.ALIVE, MinuteState.ALIVE, MinuteState.SILENT, MinuteState.SILENT]


def test_before_the_first_row_nothing_is_known():
    assert seconds(series([(150, DOWN)])) == [(0, 0, 0), (0, 0, 0), (0, 30, 30), (0, 60, 0)]


def test_an_unknown_row_ends_what_was_held():
    assert seconds(series([(0, UP), (30, UNKNOWN)], end=2)) == [(30, 0, 30), (0, 0, 0)]


def test_a_row_before_the_span_holds_into_it():
    assert seconds(series([(-30, DOWN)], hold=60, end=1)) == [(0, 30, 30)]


def test_repeated_rows_renew_the_hold():
    assert seconds(series([(0, UP), (60, UP)], hold=90, end=3)) == [(60, 0, 0), (60, 0, 0), (30, 0, 30)]


def test_rows_of_one_instant_that_contradict_each_other_are_unknown_in_any_order():
    rows = [(0, UP), (60, UP), (60, DOWN), (60, UP), (120, UP)]
    want = [(60, 0, 0), (0, 0, 0), (60, 0, 0)]
    assert seconds(series(rows, end=3)) == seconds(series(rows[::-1], end=3)) == want


def test_several_keys_are_up_only_together_and_down_when_any_is_down():
    rows = [(0, UP, 1), (0, UP, 2), (60, DOWN, 2), (90, UNKNOWN, 1), (120, UP, 2)]
    assert seconds(series(rows, end=3)) == [(60, 0, 0), (0, 60, 0), (0, 0, 0)]


def test_a_key_that_has_fallen_silent_is_not_forgotten():
    assert seconds(series([(0, UP, 1), (0, UP, 2), (30, UP, 1)], hold=60, end=2)) == [(60, 0, 0), (0, 0, 0)]


def test_an_expected_key_without_rows_leaves_the_whole_unknown():
    assert seconds(series([(0, UP, 1), (60, DOWN, 1)], end=2, expected=[1, 2])) == [(0, 0, 0), (0, 60, 0)]


def test_without_rows_all_is_silent_and_never_heard():
    got = series([])
    assert got.state.tolist() == [MinuteState.SILENT] * 4
    assert got.first is None


def test_the_first_minute_heard_is_remembered():
    assert series([(200, UP), (150, DOWN)]).first == 2


def test_two_years_of_rows_every_half_minute_are_summed_exactly():
    minutes = 2 * 365 * 1440
    times = np.arange(0, minutes * 2, dtype=np.int64) * 30 * S
    states = (np.arange(minutes * 2) % 4 != 3).astype(np.uint8)
    got = state_series(times, states, max_hold_us=60 * S, start=0, end=minutes)
    assert (got.good.sum(), got.bad.sum()) == (minutes * 45 * S, minutes * 15 * S)


ROWS = st.lists(st.tuples(st.integers(-60, 240), st.sampled_from(list(Seen)), st.integers(0, 2)), max_size=12)


def by_the_second(rows, hold):
    """What is known of each second of [0, 240), by looking at every key."""

    def of_key(second, key):
        mine = [r for r in rows if r[2] == key and r[0] <= second]
        last = max((r[0] for r in mine), default=None)
        if last is None or second >= last + hold:
            return UNKNOWN
        said = {r[1] for r in mine if r[0] == last}
        return said.pop() if len(said) == 1 else UNKNOWN

    keys = {r[2] for r in rows}
    for second in range(240):
        heard = [of_key(second, key) for key in keys]
        yield DOWN if DOWN in heard else UNKNOWN if UNKNOWN in heard or not heard else UP


@given(ROWS, st.integers(1, 200))
@settings(deadline=None)
def test_it_agrees_with_looking_at_every_second(rows, hold):
    heard = list(by_the_second(rows, hold))
    want = [[heard[m : m + 60].count(s) for s in (UP, DOWN, UNKNOWN)] for m in range(0, 240, 60)]
    assert seconds(series(rows, hold=hold)) == [(g, b, u if g + b else 0) for g, b, u in want]


@given(ROWS)
@settings(deadline=None)
def test_known_minutes_always_have_sixty_seconds(rows):
    got = series(rows)
    whole = got.good + got.bad + got.unknown
    assert whole.tolist() == [60 * S if s == MinuteState.ALIVE else 0 for s in got.state]


@pytest.mark.parametrize("hold", [1, 59, 60, 61])
def test_one_row_is_believed_for_exactly_max_hold(hold):
    assert int(series([(0, UP)], hold=hold).good.sum()) == hold * S
