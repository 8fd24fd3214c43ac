"""The search: early weeks decide, held-out weeks are shown, and the front holds what nothing beats."""

from datetime import timedelta
from fractions import Fraction

import pytest

from alerting.test_scoring import DAY, POLICY, incident, past_with
from nines.alerting.scoring import Rules
from nines.alerting.tune import pareto, parted, tune


def test_a_past_is_parted_at_whole_weeks_and_nothing_of_the_later_one_is_seen_early():
    early, later = parted(past_with([], days=21))
    assert (early.ticks, later.ticks) == (14 * DAY, 7 * DAY)
    assert early.end + 1 == later.first


def test_less_than_two_weeks_are_refused():
    with pytest.raises(ValueError, match="no two weeks"):
        parted(past_with([], days=13))


def test_the_search_finds_a_policy_that_catches_what_the_present_one_misses(monkeypatch):
    from nines.alerting import tune as module

    monkeypatch.setattr(module, "_SHARES", tuple(Fraction(n, 100) for n in (1, 2, 4)))
    slow = [(day * DAY, 90, 1) for day in (3, 9, 16)]  # ten times the budget: under 14.4, for ninety minutes
    past = past_with(slow, days=21)
    incidents = [incident(start, length) for start, length, _ in slow]
    found = tune(past, POLICY, incidents, Rules(), Fraction(2), name="tuned")
    assert (found.before[0].found, found.before[1].found) == (0, 0)
    assert (found.tuned.found, found.held.found) == (2, 1)
    assert found.tuned.pages_per_week <= 2
    assert found.tuned.lost < found.before[0].lost
    lost = [c.score.lost for c in found.front]
    assert lost == sorted(lost, reverse=True)
    assert pareto(found.front) == found.front
    assert timedelta(0) < found.tuned.delay < timedelta(minutes=90)
