"""The verdict: decided only when what is unknown could not change it, and at risk before it is too late."""

from fractions import Fraction

import numpy as np
import pytest

from evaluation.cases import ALIVE, SILENT, ask, instant, minutes, promise, slices
from nines.objectives.objective import Estimator
from nines.objectives.window import CalendarWindow


@pytest.mark.parametrize(("good", "bad", "missed"), [(90, 10, False), (89, 11, True), (89, 10, True), (91, 10, False)])
def test_a_full_window_is_kept_up_to_exactly_its_budget(good, bad, missed):
    standing = ask(promise("0.9", window=10), minutes([good] + [0] * 9, [bad] + [0] * 9))
    assert (standing.verdict == "missed") is missed


def old_bad(bad, size=1000):
    """Slices of which the oldest are bad, so that nothing burns now."""
    events = np.zeros(size, dtype=np.int64)
    events[:bad] = 1
    return minutes(1 - events, events)


@pytest.mark.parametrize(("bad", "verdict"), [(0, "met"), (75, "met"), (76, "at-risk"), (100, "at-risk"), (101, "missed")])  # fmt: skip
def test_less_than_a_quarter_of_the_budget_left_is_at_risk(bad, verdict):
    standing = ask(promise("0.9", slices(), window=1000), old_bad(bad))
    assert standing.exhaustion.at is None or verdict == "missed"
    assert standing.verdict == verdict


def test_a_budget_that_runs_out_within_72_hours_is_at_risk_though_most_is_left():
    series = minutes([1] * 4200 + [0] * 60, [0] * 4200 + [1] * 60)
    standing = ask(promise("0.9", slices(), window=4260), series)
    assert standing.outcome.period.remaining_ratio > Fraction(8, 10)
    assert standing.verdict == "at-risk"


@pytest.mark.parametrize(
    ("silent", "bad", "verdict"),
    [
        (1, 0, "met"),  # even if the silent slice was bad, one of ten may be
        (2, 0, "unknown"),
        (2, 1, "unknown"),  # best case exactly on the target, worst beyond
        (2, 2, "missed"),  # even if both silent slices were good
    ],
)
def test_silence_leaves_open_only_what_it_could_change(silent, bad, verdict):
    good = 10 - silent - bad
    states = [ALIVE] * (10 - silent) + [SILENT] * silent
    series = minutes([1] * good + [0] * (bad + silent), [0] * good + [1] * bad + [0] * silent, state=states)
    found = ask(promise("0.9", slices(), window=10), series).verdict
    assert found == verdict or (verdict == "met" and found == "at-risk")


def test_without_an_estimate_of_what_silence_hid_the_verdict_is_unknown():
    series = minutes([10] * 9 + [0], state=[ALIVE] * 9 + [SILENT])
    assert ask(promise("0.5", estimator=Estimator("none")), series).verdict == "unknown"
    assert ask(promise("0.5", estimator=Estimator("none"), missing="ignore"), series).verdict == "met"


def test_a_running_month_is_decided_by_the_budget_of_all_of_it():
    one_day = minutes([0] * 60 + [1] * 1380, [1] * 60 + [0] * 1380, end=instant("2026-04-02"))
    standing = ask(promise("0.99", slices(), window=CalendarWindow("month")), one_day, at=instant("2026-04-02"))
    assert standing.outcome.to_date_ratio > 1
    assert standing.outcome.period.spent_ratio < 1
    assert standing.verdict in {"met", "at-risk"}


def test_a_running_month_is_missed_as_soon_as_nothing_to_come_can_mend_it():
    one_day = minutes([0] * 433 + [1] * 1007, [1] * 433 + [0] * 1007, end=instant("2026-04-02"))
    month = promise("0.99", slices(), window=CalendarWindow("month"))
    assert ask(month, one_day, at=instant("2026-04-02")).verdict == "missed"  # 433 of 432 minutes


@pytest.mark.parametrize(("bad", "verdict"), [(1, "met"), (150, "at-risk"), (500, "unknown"), (5000, "missed")])
def test_a_forecast_month_is_open_only_between_its_least_and_greatest_traffic(bad, verdict):
    """One day, one hour of it with 1000 events a minute and 23 with 10: the month may hold 6 to 600 times a quiet hour."""
    good = np.array([1000] * 60 + [10] * 1380)
    events = np.zeros(1440, dtype=np.int64)
    events[0] = bad
    month = promise("0.9999", window=CalendarWindow("month"))
    standing = ask(month, minutes(good, events, end=instant("2026-04-02")), at=instant("2026-04-02"))
    assert standing.verdict == verdict
