"""Traffic that stays away, and knowledge that does."""

from datetime import timedelta
from fractions import Fraction

import numpy as np
import pytest

from nines.alerting.decide import Decision
from nines.alerting.loss import SPANS, WEEK_MINUTES, BlindRule, LossRule, blind, seasonal_expectation, suspected_loss
from nines.alerting.policy import BurnRule

RULE = LossRule()


def counter(minutes, unknown=()):
    """Return a function that counts the events of minutes; minutes before the first and unknown ones are not known."""
    sums = np.concatenate([[0], np.cumsum(minutes)])
    lost = np.concatenate([[0], np.cumsum(np.isin(np.arange(len(minutes)), list(unknown)))])

    def counted(start, end):
        return None if start < 0 or lost[end] > lost[start] else int(sums[end] - sums[start])

    return counted


def flat(per_minute, weeks, then=()):
    return [per_minute] * (weeks * WEEK_MINUTES) + list(then)


def loss_at(minutes, **more):
    return suspected_loss(RULE, counter(minutes, **more), len(minutes))


def test_a_dead_door_at_a_hundred_a_minute_is_raised_in_the_fifth_minute():
    sides = [loss_at(flat(100, 3, [0] * n)).side for n in range(7)]
    assert sides == ["under"] * 5 + ["over"] * 2


def test_a_tenth_of_the_season_is_enough_and_less_is_lost():
    assert loss_at(flat(100, 2, [10] * 5)).side == "under"
    assert loss_at(flat(100, 2, [10, 10, 10, 10, 9])).side == "over"


def test_the_span_widens_until_twenty_events_are_expected():
    quiet = loss_at(flat(1, 2, [0] * 22))
    assert (quiet.side, quiet.figures["span_minutes"], quiet.figures["expected"]) == ("over", 22, 22)


def test_too_little_traffic_or_too_young_a_source_decides_nothing():
    rare = np.zeros(3 * WEEK_MINUTES, dtype=int)
    rare[::60] = 1  # six in six hours
    assert (loss_at(list(rare)).side, loss_at(list(rare)).why) == ("open", "few-expected")
    assert loss_at(flat(100, 1)).why == "no-season"


def test_a_silent_source_is_no_loss_of_traffic():
    minutes = flat(100, 2, [0] * 5)
    assert loss_at(minutes, unknown=[len(minutes) - 1]).why == "unknown"


@pytest.mark.parametrize(
    ("weeks", "expected"), [([90, 110, 0, 100], 95), ([90, 110, None, 100], 100), ([90, None, None, None], None)]
)
def test_the_season_is_the_median_of_the_weeks_that_are_known(weeks, expected):
    found = seasonal_expectation(lambda start, _: weeks[-start // WEEK_MINUTES - 1], 0, 5, 4, 2)
    assert found == expected


def test_spans_grow_from_five_minutes_to_six_hours():
    assert SPANS[0] == 5
    assert SPANS[-1] == 360
    assert list(SPANS) == sorted(set(SPANS))


def month(seed, rate):
    """Return four weeks of history and thirty days, Poisson with a daily season."""
    generator = np.random.default_rng(seed)
    minute = np.arange(4 * WEEK_MINUTES + 30 * 1440)
    season = rate * (1 + 0.6 * np.sin(2 * np.pi * minute / 1440))
    return generator.poisson(season)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_fifty_requests_an_hour_make_no_false_page_in_a_month_where_the_plain_rule_makes_hundreds(seed):
    minutes = month(seed, 50 / 60)
    counted, start = counter(minutes), 4 * WEEK_MINUTES
    raised = [end for end in range(start, len(minutes)) if suspected_loss(RULE, counted, end).side == "over"]
    plain = [
        end
        for end in range(start, len(minutes))
        if counted(end - 5, end) < seasonal_expectation(counted, end - 5, end, 4, 2) / 10
    ]
    assert raised == []
    assert len(plain) > 300


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_a_door_killed_at_a_hundred_a_minute_is_raised_within_six_minutes(seed):
    minutes = np.random.default_rng(seed).poisson(100, 4 * WEEK_MINUTES + 60)
    killed = 4 * WEEK_MINUTES + 30
    minutes[killed:] = 0
    counted = counter(minutes)
    first = next(e for e in range(4 * WEEK_MINUTES, len(minutes)) if suspected_loss(RULE, counted, e).side == "over")
    assert 0 < first - killed <= 6


def decided(side, why, severity="page"):
    rule = BurnRule(severity, Fraction(2, 100), timedelta(hours=1), timedelta(minutes=5))
    return Decision(rule, side, None, None, why)


@pytest.mark.parametrize(
    ("decisions", "heard", "side"),
    [
        ([decided("under", "long-under")], True, "under"),
        ([decided("open", "unknown")], True, "over"),
        ([decided("open", "coverage"), decided("under", "long-under")], True, "over"),
        ([decided("open", "idle")], True, "under"),  # a quiet night is no blindness
        ([decided("open", "unknown", "ticket"), decided("under", "long-under")], True, "under"),
        ([decided("open", "unknown", "ticket")], True, "over"),  # nothing pages here, so the ticket has to do
        ([decided("under", "long-under")], False, "over"),
    ],
)
def test_blind_is_a_page_rule_that_nobody_can_decide(decisions, heard, side):
    assert blind(BlindRule(), decisions, heard=heard).side == side
