"""What a rule will do before it does it: the formulas, and simulated steps that keep to them within one grid step."""

from datetime import timedelta
from fractions import Fraction

import pytest

from nines.alerting.decide import Reading, decide
from nines.alerting.detection import budget_at_detection, detection_s, reset_s, target_below_which_it_never_fires
from nines.alerting.policy import BurnPolicy, BurnRule, default_policy
from nines.evaluation.tally import Sums, Tally
from nines.objectives.objective import Term

MONTH = timedelta(days=30)
PAGE, SLOWER = default_policy(MONTH).rules[:2]
EVENTS = 1000  # a minute


def simulated(rule, budget, error):
    """Run a fault of twice the long lookback and return the minutes at which the rule is over.

    Minutes are counted from the fault's start; the fault ends with the second number returned.
    """
    long, short = (int(w / timedelta(minutes=1)) for w in (rule.long, rule.short))
    bad_each, lasts = int(EVENTS * error), 2 * long

    def reading(end, length):
        faulty = max(0, min(end, lasts) - max(end - length, 0))
        bad, whole = Fraction(faulty * bad_each), Fraction(length * EVENTS)
        return Reading.of(Sums((Tally(Term(1 - budget), whole - bad, bad, Fraction(0)),), length, length, 0))

    policy = BurnPolicy("p", (rule,))
    ends = range(lasts + long + 2)
    sides = [decide(rule, policy, MONTH, budget, reading(e, long), reading(e, short)).side for e in ends]
    return [e for e, side in zip(ends, sides, strict=True) if side == "over"], lasts


STEPS = [
    (rule, Fraction(budget), Fraction(error))
    for rule in (PAGE, SLOWER)
    for budget in ("0.001", "0.0005", "0.01")
    for error in ("1", "0.5", "0.1", "0.02")
]


@pytest.mark.parametrize(("rule", "budget", "error"), STEPS)
def test_a_simulated_step_is_seen_and_let_go_within_one_grid_step_of_the_formulas(rule, budget, error):
    minutes, ended = simulated(rule, budget, error)
    seen, reset = detection_s(rule, MONTH, budget, error), reset_s(rule, MONTH, budget, error)
    if seen is None:
        assert minutes == []
        return
    assert 0 <= minutes[0] - seen / 60 < 1
    assert abs(minutes[-1] + 1 - ended - reset / 60) <= 1
    assert minutes == list(range(minutes[0], minutes[-1] + 1))


@pytest.mark.parametrize(("rule", "budget", "error"), STEPS)
def test_the_budget_gone_at_detection_is_the_share_whatever_the_fault(rule, budget, error):
    """Spent by then: e t of what b allows over the month."""
    seen = detection_s(rule, MONTH, budget, error)
    if seen is not None:
        assert error * seen / (budget * MONTH.total_seconds()) == pytest.approx(float(budget_at_detection(rule, MONTH)))


@pytest.mark.parametrize(
    ("rule", "share"), zip(default_policy(MONTH).rules, ["0.02", "0.05", "0.1", "0.1"], strict=True)
)
def test_published_shares_are_what_is_gone(rule, share):
    assert budget_at_detection(rule, MONTH) == Fraction(share)


@pytest.mark.parametrize(("target", "seconds"), [("0.001", 51.84), ("0.0001", 5.184)])
def test_a_full_outage_is_seen_in_52_seconds_at_three_nines_and_in_5_at_four(target, seconds):
    assert float(detection_s(PAGE, MONTH, Fraction(target), Fraction(1))) == pytest.approx(seconds)


def test_a_day_and_a_half_alone_sees_an_outage_in_two_minutes_and_keeps_ringing_for_a_day_and_a_half():
    """The book's 36 h window at factor 1: 2 min 10 s, and on for 36 hours."""
    alone = BurnRule("page", None, timedelta(hours=36), timedelta(hours=36), stated=Fraction(1))
    assert float(detection_s(alone, MONTH, Fraction(1, 1000), Fraction(1))) == pytest.approx(129.6)
    assert float(reset_s(alone, MONTH, Fraction(1, 1000), Fraction(1))) / 3600 == pytest.approx(36, abs=0.05)


def test_on_the_line_the_comparison_decides():
    line = PAGE.factor(MONTH) * Fraction(1, 1000)
    assert detection_s(PAGE, MONTH, Fraction(1, 1000), line, "gte") == 3600
    assert detection_s(PAGE, MONTH, Fraction(1, 1000), line, "gt") is None
    assert reset_s(PAGE, MONTH, Fraction(1, 1000), line, "gt") is None


def test_waiting_comes_on_top():
    waiting = BurnRule("page", Fraction(2, 100), PAGE.long, PAGE.short, lasts=timedelta(minutes=2))
    seen = [detection_s(r, MONTH, Fraction(1, 1000), Fraction(1)) for r in (PAGE, waiting)]
    assert seen[1] - seen[0] == 120


@pytest.mark.parametrize(("factor", "percent"), [("14.4", 93.06), ("6", 83.33)])
def test_the_targets_below_which_published_factors_never_fire(factor, percent):
    assert float(target_below_which_it_never_fires(Fraction(factor))) * 100 == pytest.approx(percent, abs=0.005)
