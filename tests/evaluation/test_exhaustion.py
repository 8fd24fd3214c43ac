"""When a budget runs out: old bad minutes age out, and the first minute beyond is found exactly."""

from datetime import timedelta
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.cases import ALIVE, MINUTE, NOON, SILENT, ask, instant, minutes, promise, slices
from nines.objectives.method import Occurrences, RatioTimeslices
from nines.objectives.window import CalendarWindow


def every_fifth(begin=364, size=600):
    """Ten hours with every fifth minute bad from a minute on: 48 of them."""
    bad = np.zeros(size, dtype=np.int64)
    bad[begin::5] = 1
    return bad


@pytest.mark.parametrize("method", [slices(), RatioTimeslices(), Occurrences()])
def test_the_budget_is_gone_in_the_first_minute_that_exceeds_it(method):
    """60 allowed, 48 spent. At 48 in 6 hours the 90th minute just reaches 60 and the 91st exceeds it; at 12 in the
    last hour the 61st; at 48 in the ten hours that are known of the last day the 151st."""
    bad = every_fifth()
    ahead = ask(promise("0.9", method, window=600), minutes(1 - bad, bad)).exhaustion
    assert (ahead.at, ahead.low, ahead.high) == (NOON + 91 * MINUTE, NOON + 61 * MINUTE, NOON + 151 * MINUTE)
    assert "age out" in ahead.formula


def test_old_bad_minutes_that_leave_the_window_give_back_what_they_spent():
    """A straight line through 52 of 60 at 12 in 6 hours would end in 241 minutes; but 40 old ones leave before."""
    bad = np.zeros(600, dtype=np.int64)
    bad[:40] = 1
    bad[240::30] = 1
    standing = ask(promise("0.9", slices(), window=600), minutes(1 - bad, bad))
    assert standing.outcome.period.spent == 52
    assert standing.exhaustion.at is None


def test_a_budget_already_exceeded_is_gone_at_the_windows_end():
    ahead = ask(promise("0.9", slices(), window=10), minutes([0, 0] + [1] * 8, [1, 1] + [0] * 8)).exhaustion
    assert (ahead.at, ahead.low, ahead.high) == (NOON, NOON, NOON)


def test_a_calendar_month_forgets_nothing_and_ends():
    """30 days at 99 %: 432 allowed, 48 spent on the first day at 1 in 30 minutes; the rest lasts 11,520 minutes."""
    bad = np.zeros(1440, dtype=np.int64)
    bad[29::30] = 1
    day_2 = instant("2026-04-02")
    ahead = ask(promise("0.99", slices(), window=CalendarWindow("month")), minutes(1 - bad, bad, end=day_2), at=day_2).exhaustion  # fmt: skip
    assert ahead.at == day_2 + 11_521 * MINUTE
    slow = ask(promise("0.96", slices(), window=CalendarWindow("month")), minutes(1 - bad, bad, end=day_2), at=day_2).exhaustion  # fmt: skip
    assert slow.at is None  # 1,680 left at 48 a day outlast the month


def test_without_recent_failures_it_never_runs_out_at_this_rate():
    bad = np.zeros(2000, dtype=np.int64)
    bad[:10] = 1
    ahead = ask(promise("0.9", slices(), window=2000), minutes(1 - bad, bad)).exhaustion
    assert (ahead.at, ahead.low, ahead.high) == (None, None, None)


def test_silence_forecasts_nothing():
    series = minutes([1] * 1000 + [0] * 1440, state=[ALIVE] * 1000 + [SILENT] * 1440)
    assert ask(promise("0.9", slices(), window=2440, missing="ignore"), series).exhaustion is None


def test_imputed_failures_age_out_with_the_silence_they_were_imputed_to():
    """Ten silent minutes at the beginning count as bad; they leave first, as measured bad ones would."""
    size = 600
    recent = every_fifth(begin=504)
    measured = recent.copy()
    measured[:10] = 1
    good = 1 - measured
    states = np.full(size, ALIVE)
    states[:10] = SILENT
    asked = [
        ask(promise("0.95", missing="bad", window=size), minutes(*counts))
        for counts in ((good, recent, 0, states), (good, measured))
    ]
    assert asked[0].outcome.period.spent == asked[1].outcome.period.spent == 30
    assert asked[0].exhaustion == asked[1].exhaustion


def brute(bad, units, budgets, beta, nu):
    """Roll the window on minute by minute, by fractions; the newest budget holds for what comes."""
    for t in range(1, len(bad) + 1):
        spent = sum(bad[t:]) + beta * t
        allowed = sum((b * u for b, u in zip(budgets[t:], units[t:], strict=True)), Fraction(0)) + budgets[-1] * nu * t
        if spent > allowed:
            return t
    return None


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([(3, 0), (2, 1), (1, 0), (0, 0), (0, 1)]), min_size=40, max_size=60), st.integers(1, 39)
)
def test_it_agrees_with_rolling_on_by_hand_through_changing_traffic_and_targets(rows, change):
    good, bad = zip(*rows, strict=True)
    size = len(rows)
    start = NOON - size * MINUTE
    objective = promise("0.7", window=size, since=[(start + change * MINUTE, "0.8")])
    standing = ask(objective, minutes(good, bad))
    period = standing.outcome.period
    if standing.exhaustion is None or period.spent > period.allowed:
        return
    units = [g + b for g, b in rows]
    budgets = [Fraction(3, 10)] * change + [Fraction(2, 10)] * (size - change)
    found = [
        brute(bad, units, budgets, Fraction(sum(bad[-m:]), min(m, size)), Fraction(sum(units[-m:]), min(m, size)))
        if any(bad[-m:])
        else None
        for m in (60, 360, 1440)
    ]
    at = None if found[1] is None else NOON + found[1] * MINUTE
    low = min((f for f in found if f is not None), default=None)
    assert (standing.exhaustion.at, standing.exhaustion.low) == (at, None if low is None else NOON + low * MINUTE)


def test_numbers_too_large_for_64_bits_change_nothing():
    bad = every_fifth()
    huge = 10**14
    small, large = (ask(promise("0.9", window=600), minutes((1 - bad) * k, bad * k)).exhaustion for k in (1, huge))
    assert small == large


def test_slices_of_an_hour_run_out_at_the_end_of_a_slice():
    bad = np.zeros(6000, dtype=np.int64)
    bad[-180:] = 1
    ahead = ask(promise("0.9", slices("1", 60), window=6000), minutes(1 - bad, bad)).exhaustion
    assert (ahead.at - NOON) % timedelta(hours=1) == timedelta()
    assert ahead.low == NOON + timedelta(hours=8)  # 10 of 100 slices allowed, 3 spent, one an hour: the 8th exceeds
