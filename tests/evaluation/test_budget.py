"""Two figures of one budget: the pace so far, and what the whole window allows; revisions keep their past."""

from fractions import Fraction

import numpy as np
import pytest

from evaluation.cases import ALIVE, MINUTE, NOON, SILENT, ask, excluded, instant, minutes, promise, slices
from nines.errors import InputError
from nines.evaluation.evaluate import evaluate
from nines.evaluation.evidence import Evidence
from nines.objectives.method import Occurrences, RatioTimeslices
from nines.objectives.window import CalendarWindow
from nines.spans import minute_of
from nines.telemetry.series import MinuteSeries

MONTH = CalendarWindow("month")
DAY_2 = instant("2026-04-02")  # April has 30 days
DAY = 1440


def first_day(bad_minutes, good=10):
    """One day from 1 April on, whose first minutes are bad."""
    bad = np.zeros(DAY, dtype=np.int64)
    bad[:bad_minutes] = 1
    return minutes(np.full(DAY, good), bad, end=DAY_2)


@pytest.mark.parametrize("window", [MONTH, 30 * DAY])
def test_ten_bad_minutes_on_the_first_of_thirty_days_have_spent_23_percent_and_not_694(window):
    outcome = ask(promise("0.999", slices(), window=window), first_day(10), at=DAY_2).outcome
    assert outcome.period.spent_ratio == Fraction(10, 1) / (30 * DAY * Fraction(1, 1000)) == Fraction(1000, 4320)
    assert outcome.to_date_ratio == Fraction(10, DAY) / Fraction(1, 1000)
    assert (f"{float(outcome.period.spent_ratio):.3%}", f"{float(outcome.to_date_ratio):.1%}") == ("23.148%", "694.4%")
    assert (outcome.period.basis, outcome.period.units_range) == ("slices of the window", None)


def test_a_running_calendar_window_of_events_forecasts_its_events_and_says_so():
    period = ask(promise("0.999", window=MONTH), first_day(10), at=DAY_2).outcome.period
    day = 10 * DAY + 10
    assert period.basis == "forecast of the period's events"
    assert period.expected_units == 30 * day
    # least hour 600 events, greatest (the first) 610: the 29 days to come lie between
    assert (period.units_range.low, period.units_range.high) == (day + 29 * 24 * 600, day + 29 * 24 * 610)
    assert period.allowed == period.expected_units / 1000


def test_from_seven_days_on_days_bound_the_forecast():
    good = np.repeat([10, 20, 10, 10, 10, 10, 10], DAY)
    period = ask(promise("0.999", window=MONTH), minutes(good, end=instant("2026-04-08")), at=instant("2026-04-08")).outcome.period  # fmt: skip
    seen = 80 * DAY
    assert (period.units_range.low, period.units_range.high) == (seen + 23 * 10 * DAY, seen + 23 * 20 * DAY)


APRIL = minutes(np.full(30 * DAY, 10), [0] * (30 * DAY - 1) + [1], end=instant("2026-05-01"))


def test_a_full_rolling_window_is_exact():
    period = ask(promise("0.999", window=30 * DAY), APRIL, at=instant("2026-05-01")).outcome.period
    assert (period.basis, period.expected_units, period.spent) == ("events of the window", 300 * DAY + 1, 1)


@pytest.mark.parametrize("settle", [0, 5])
def test_a_finished_period_is_asked_about_from_outside_and_has_its_last_minute(settle):
    month = promise("0.999", window=MONTH, settle=settle * MINUTE)
    may = instant("2026-05-01T00:05")
    standing = evaluate(month, Evidence(APRIL), may, within=instant("2026-04-30"))
    assert (standing.window.end, standing.period_end) == (instant("2026-05-01"), instant("2026-05-01"))
    assert (standing.outcome.counts.bad, standing.outcome.period.basis) == (1, "events of the window")
    assert evaluate(month, Evidence(APRIL), may).window.start == instant("2026-05-01")


def test_no_instant_inside_a_period_sees_its_last_minute():
    standing = ask(promise("0.999", window=MONTH), APRIL, at=instant("2026-04-30T23:59:59.999"))
    assert (standing.outcome.counts.bad, standing.outcome.period.basis) == (0, "forecast of the period's events")


def test_a_rolling_window_has_no_periods_to_ask_about():
    with pytest.raises(InputError, match="rolls"):
        evaluate(promise(), Evidence(APRIL), NOON, within=NOON)


def test_a_young_rolling_window_of_events_is_forecast_too():
    period = ask(promise("0.9", window=100), minutes([10] * 20, first=0)).outcome.period
    assert (period.basis, period.expected_units) == ("forecast of the period's events", 1000)


def test_a_target_of_100_percent_allows_nothing_and_has_no_ratio_once_broken():
    broken = ask(promise("1", window=10), minutes([9] * 10, [1] * 10))
    clean = ask(promise("1", window=10), minutes([9] * 10))
    assert (broken.verdict, clean.verdict) == ("missed", "met")
    assert (broken.outcome.period.spent_ratio, broken.outcome.to_date_ratio) == (None, None)
    assert "nothing-allowed" in {p.code for p in broken.problems}
    assert (clean.outcome.period.spent_ratio, clean.outcome.period.remaining_ratio) == (0, 1)
    assert {b.rate for b in (*broken.burn_rates.values(), *clean.burn_rates.values())} == {None}
    assert broken.exhaustion is None


def test_an_overspent_budget_has_a_negative_rest():
    period = ask(promise("0.9", window=10), minutes([8] * 10, [2] * 10)).outcome.period
    assert (period.remaining, period.remaining_ratio) == (-10, -1)


def test_a_new_target_inside_a_rolling_window_allows_each_part_its_own():
    half = NOON.replace(minute=0) - (NOON - NOON.replace(hour=11, minute=55))
    outcome = ask(promise("0.9", since=[(half, "0.99")]), minutes([10] * 10)).outcome
    assert outcome.period.allowed == Fraction(50, 10) + Fraction(50, 100)
    outcome = ask(promise("0.9", slices(), since=[(half, "0.99")]), minutes([10] * 10)).outcome
    assert outcome.period.allowed == Fraction(5, 10) + Fraction(5, 100)


def test_the_slice_target_in_force_when_a_slice_began_judges_it():
    objective = promise("0.5", slices("0.5"))
    changed = promise("0.5", slices("0.9")).terms[0]
    later = type(changed)(changed.target, changed.method, instant("2026-03-31T11:55"), 2)
    series = minutes([7] * 10, [3] * 10)
    assert ask(type(objective)(name="x", service="shop", indicator="x", terms=(*objective.terms, later), window=objective.window), series).outcome.sli == Fraction(1, 2)  # fmt: skip


def test_a_new_target_waits_for_the_next_calendar_period():
    objective = promise("0.9", slices(), window=MONTH, since=[(instant("2026-04-01T12:00"), "0.999")])
    april = ask(objective, first_day(0), at=DAY_2)
    assert (april.target, april.revision, april.outcome.period.allowed) == (Fraction("0.9"), 1, 30 * DAY / Fraction(10))
    may = ask(objective, first_day(0), at=instant("2026-05-02"))
    assert (may.target, may.revision) == (Fraction("0.999"), 2)


def test_the_standing_names_the_target_in_force_at_the_end_of_a_rolling_window():
    standing = ask(promise("0.9", since=[(instant("2026-03-31T11:59"), "0.99")]), minutes([1] * 10))
    assert (standing.target, standing.revision) == (Fraction("0.99"), 2)


def test_future_exclusions_of_a_running_month_shrink_its_slices_or_keep_them():
    ahead = {"first": DAY, "last": DAY + 60, "end": DAY_2, "size": DAY}
    for mode, expected in (("shrink-denominator", 30 * DAY - 60), ("drop-events", 30 * DAY)):
        work = excluded(ahead["first"], ahead["last"], mode, end=DAY_2, size=DAY)
        found = ask(promise("0.999", slices(), window=MONTH), first_day(0), at=DAY_2, exclusions=(work,))
        assert found.outcome.period.expected_units == expected


@pytest.mark.parametrize("method", [Occurrences(), slices(), RatioTimeslices()])
def test_silence_does_not_change_what_a_window_of_slices_allows(method):
    silent = minutes([10] * 5 + [0] * 5, state=[ALIVE] * 5 + [SILENT] * 5)
    period = ask(promise("0.9", method), silent).outcome.period
    assert period.expected_units == (50 if method.name == "Occurrences" else 10)


def test_a_period_of_which_nothing_was_heard_allows_nothing_yet():
    nothing = MinuteSeries(minute_of(DAY_2), *[np.zeros(0, dtype=np.int64)] * 3, np.zeros(0, dtype=np.uint8))
    standing = ask(promise("0.999", window=MONTH), nothing, at=DAY_2)
    assert (standing.verdict, standing.outcome.period.expected_units) == ("unknown", 0)
    assert standing.outcome.to_date_ratio is None
