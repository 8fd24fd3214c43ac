"""Pages held against incidents."""

from datetime import timedelta
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import beta

from nines.alerting.backtest import backtest
from nines.alerting.past import Looks, Past
from nines.alerting.policy import BurnPolicy, BurnRule
from nines.alerting.proportions import share_interval, weekly_interval
from nines.alerting.scoring import Incident, Rules, score
from nines.evaluation.columns import Mark
from nines.objectives.objective import Objective, Term
from nines.objectives.window import RollingWindow
from nines.spans import instant_of

BEGIN = 29_000_160
DAY = 1440
POLICY = BurnPolicy("p", (BurnRule("page", Fraction(2, 100), timedelta(hours=1), timedelta(minutes=5)),))


def past_with(outages, days=21):
    """Return 100 events a minute, all of them bad in outages of (start, length, bad) minutes."""
    facts = np.zeros((4, days * DAY), dtype=np.int64)
    facts[0], facts[3] = 100, int(Mark.COUNTED) | 1
    for start, length, bad in outages:
        facts[0, start : start + length], facts[1, start : start + length] = 100 - bad, bad
    terms = (Term(Fraction(999, 1000)),)
    objective = Objective(name="o", service="s", indicator="i", terms=terms, window=RollingWindow(timedelta(days=30)))
    return Past.of(objective, BEGIN, facts)


def incident(start, length):
    return Incident(instant_of(BEGIN + start), instant_of(BEGIN + start + length))


def scored(past, incidents, **rules):
    (tested,) = backtest(past, [POLICY])
    return score(tested, Looks(past), incidents, Rules(**rules))


def test_a_full_outage_is_caught_in_its_first_minute_and_costs_what_it_burnt_until_then():
    found = scored(past_with([(3 * DAY, 30, 100)]), [incident(3 * DAY, 30)])
    (caught,) = found.caught
    assert caught.delay == timedelta(minutes=1)
    assert caught.lost == Fraction(1, 43200) / Fraction(1, 1000)  # one minute of the 43.2 that 30 days allow
    assert (found.right, len(found.pages), found.found) == (1, 1, 1)


def test_a_page_without_an_incident_is_wrong_and_an_incident_without_a_page_is_missed():
    found = scored(past_with([(3 * DAY, 30, 100)]), [incident(9 * DAY, 30)])
    assert (found.right, len(found.pages), found.found) == (0, 1, 0)
    assert found.caught[0].page is None


def test_a_page_up_to_the_lead_before_an_incident_is_right():
    outage = past_with([(3 * DAY, 30, 100)])
    assert scored(outage, [incident(3 * DAY + 16, 30)]).right == 1
    assert scored(outage, [incident(3 * DAY + 17, 30)]).right == 0


def test_outages_an_hour_apart_are_one_page_and_those_further_apart_are_two():
    near, far = past_with([(DAY, 20, 100), (DAY + 80, 20, 100)]), past_with([(DAY, 20, 100), (DAY + 300, 20, 100)])
    assert (len(scored(near, []).pages), len(scored(far, []).pages)) == (1, 2)


def test_hours_of_sleep_are_those_of_the_time_zone():
    start = instant_of(BEGIN + DAY)
    noon = DAY + (12 - start.hour) % 24 * 60 - start.minute
    outage = past_with([(noon, 20, 100)])
    assert scored(outage, []).asleep == 0
    assert scored(outage, [], zone="Pacific/Auckland").asleep == 1


def test_reset_is_from_the_end_of_the_incident_to_that_of_the_page():
    found = scored(past_with([(3 * DAY, 30, 100)]), [incident(3 * DAY, 30)])
    assert found.reset == timedelta(minutes=5)  # its last bad minute leaves the lookback of five


def test_a_policy_a_fifth_more_touchy_shows_near_misses():
    from nines.alerting.tune import touchier

    past = past_with([(3 * DAY, 60, 1)])  # ten times the budget for an hour: the rule asks for 14.4
    past.facts[:2, 5 * DAY : 5 * DAY + 60] = np.array([[986, 14]]).T  # fourteen times
    (tested, touchy) = backtest(past, [POLICY, touchier(POLICY)])
    found = score(tested, Looks(past), [], Rules(), touchy)
    assert (len(found.pages), found.near) == (0, 1)


def test_weeks_are_counted_from_the_start():
    assert scored(past_with([(3 * DAY, 30, 100), (16 * DAY, 30, 100)]), []).weekly == (1, 0, 1)


@pytest.mark.parametrize(("hits", "trials"), [(0, 5), (5, 5), (3, 9), (40, 90)])
def test_shares_have_the_limits_of_clopper_and_pearson(hits, trials):
    low, high = share_interval(hits, trials)
    assert float(low) == pytest.approx(beta.ppf(0.025, hits, trials - hits + 1) if hits else 0, abs=2e-6)
    wanted = beta.ppf(0.975, hits + 1, trials - hits) if hits < trials else 1
    assert float(high) == pytest.approx(wanted, abs=2e-6)


def test_the_same_seed_gives_the_same_limits():
    weeks = [0, 1, 0, 4, 2, 0]
    assert weekly_interval(weeks, 3) == weekly_interval(weeks, 3)
    low, high = weekly_interval(weeks, 3)
    assert low < sum(weeks) / 6 < high


def test_one_week_has_no_limits():
    assert weekly_interval([3], 1) is None
