"""Published policies, held to the figures their sources print."""

from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nines.alerting.catalogue import PUBLISHED, published, unpublished
from nines.alerting.policy import BurnPolicy, BurnRule, CountRule, LowTraffic, policy_problems
from nines.alerting.policy_json import policy_json, policy_of
from nines.alerting.traffic import bad_needed, traffic_problems

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def factors(name, days):
    return [r.factor(days * DAY) for r in published(name, days * DAY).rules]


@pytest.mark.parametrize(
    ("name", "days", "figures"),
    [
        ("sloth", 30, ["14.4", "6", "3", "1"]),
        ("sloth", 28, ["13.44", "5.6", "2.8", "14/15"]),
        ("pyrra", 28, ["14", "7", "2", "1"]),
        ("pyrra", 90, ["14", "7", "2", "1"]),
        ("datadog", 7, ["16.8", "5.6", "2.8"]),
        ("datadog", 30, ["14.4", "6", "3"]),
        ("datadog", 90, ["21.6", "10.8", "4.5"]),
        ("elastic", 30, ["14.4", "6", "3", "1"]),
        ("elastic", 7, ["3.36", "1.4", "0.7", "7/30"]),
        ("elastic", 90, ["43.2", "18", "9", "3"]),
        ("newrelic", 28, ["13.44", "5.6"]),
        ("slo-generator", 28, ["9", "3", "1.5", "1"]),
        ("google-workbook", 30, ["14.4", "6", "3", "1"]),
    ],
)
def test_factors_are_as_published(name, days, figures):
    assert factors(name, days) == [Fraction(f) for f in figures]


@pytest.mark.parametrize(
    ("hours", "share", "factor"), [(1, "8%", "13.44"), (6, "12.5%", "3.5"), (24, "20%", "1.4"), (72, "42%", "0.98")]
)
def test_sloths_windows_of_one_week_come_from_their_shares(hours, share, factor):
    rule = BurnRule("page", Fraction(share.rstrip("%")) / 100, hours * HOUR, hours * HOUR / 12)
    assert rule.factor(7 * DAY) == Fraction(factor)


def test_pyrras_windows_scale_from_28_days_and_are_rounded_to_the_minute():
    at28 = [(r.long, r.short, r.lasts) for r in published("pyrra", 28 * DAY).rules]
    assert at28 == [
        (HOUR, 5 * MINUTE, 2 * MINUTE),
        (6 * HOUR, 30 * MINUTE, 15 * MINUTE),
        (DAY, 2 * HOUR, HOUR),
        (4 * DAY, 6 * HOUR, 3 * HOUR),
    ]
    assert [r.long / MINUTE for r in published("pyrra", 30 * DAY).rules] == [64, 386, 1543, 6171]


def test_pyrras_factors_mean_other_shares_than_they_say():
    shares = [float(r.share_on(28 * DAY)) for r in published("pyrra", 28 * DAY).rules]
    assert [round(100 * s, 2) for s in shares] == [2.08, 6.25, 7.14, 14.29]


def test_new_relics_threshold_is_its_factor_times_the_budget():
    rule = published("newrelic", 28 * DAY).rules[0]
    assert rule.factor(28 * DAY) * Fraction("0.001") == Fraction("0.01344")


def test_half_of_the_tools_want_more_than_the_line_and_half_the_line():
    strict = {name for name in PUBLISHED if published(name, 30 * DAY).comparison == "gt"}
    assert strict == {"sloth", "pyrra", "newrelic", "slo-generator"}


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_every_policy_names_its_source_and_suits_three_nines_over_its_windows(name):
    window = (PUBLISHED[name].windows or (28 * DAY,))[0]
    policy = published(name, window)
    assert (policy.name, bool(policy.source)) == (name, True)
    assert [p for p in policy_problems(policy, Fraction("0.001"), window, "") if p.severity == "error"] == []


@pytest.mark.parametrize(
    ("name", "days", "told"),
    [("sloth", 7, True), ("sloth", 30, False), ("datadog", 28, True), ("pyrra", 2, True), ("pyrra", 3, False),
     ("elastic", 7, False), ("google-workbook", 365, False)],
)  # fmt: skip
def test_what_was_not_published_for_a_window_is_refused(name, days, told):
    found = unpublished(name, days * DAY, "a.yaml:3")
    assert (found is not None and found.code == "unpublished-window") == told


def test_on_two_days_pyrra_would_scale_a_lookback_to_nothing():
    assert min(r.short for r in PUBLISHED["pyrra"].made(2 * DAY).rules) == timedelta()
    assert min(min(r.short, r.lasts) for r in published("pyrra", 12 * DAY).rules) > timedelta()


@pytest.mark.parametrize(("budget", "first"), [("0.001", "87.6"), ("0.01", "50"), ("0.1", "5")])
def test_defaults_for_long_windows_are_cut_back_until_half_of_all_bad_is_enough(budget, first):
    """1 % in an hour of a year is factor 87.6; at 99 % that asks for 87.6 % bad, so 50 is taken."""
    policy = published("google-workbook", 365 * DAY, Fraction(budget))
    assert policy.rules[0].factor(365 * DAY) == Fraction(first)
    assert policy_problems(policy, Fraction(budget), 365 * DAY, "") == ()


def test_defaults_for_a_month_are_never_cut_back_in_silence():
    assert published("google-workbook", 30 * DAY, Fraction(1, 10)).rules[0].factor(30 * DAY) == Fraction("14.4")


SHARES = st.fractions("1/1000", 1, max_denominator=1000)
LENGTHS = st.integers(1, 10_000).map(lambda n: n * MINUTE)
RULES = st.builds(
    BurnRule, st.sampled_from(["page", "ticket"]), SHARES, LENGTHS, LENGTHS, LENGTHS | st.just(timedelta())
)
STATED = st.builds(BurnRule, st.just("page"), st.none(), LENGTHS, LENGTHS, stated=SHARES)
POLICIES = st.builds(
    BurnPolicy,
    st.just("mine"),
    st.lists(RULES | STATED, min_size=1, max_size=4).map(tuple),
    st.sampled_from(["gte", "gt"]),
    low_traffic=st.builds(LowTraffic, st.integers(1, 9), st.none() | SHARES, SHARES, st.none() | SHARES),
    counts=st.lists(st.builds(CountRule, st.just("ticket"), st.integers(1, 99), LENGTHS), max_size=2).map(tuple),
    least_coverage=SHARES,
    clear=LENGTHS | st.just(timedelta()),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(POLICIES)
def test_a_policy_comes_back_from_json_as_it_was(policy):
    assert policy_of(policy_json(policy)) == policy


MONTH, BUDGET = 30 * DAY, Fraction("0.001")
PLAIN = published("google-workbook", MONTH)


def codes(policy, per_hour):
    return [p.code for p in traffic_problems(policy, BUDGET, MONTH, Fraction(per_hour), "a.yaml:3")]


def test_at_fifty_an_hour_the_plain_page_rules_are_chance_and_at_five_thousand_none_is():
    found = traffic_problems(PLAIN, BUDGET, MONTH, Fraction(50), "a.yaml:3")
    assert found[0].code == "chance-pages"
    assert "17.8 times in 30 days" in found[0].what
    assert codes(PLAIN, 5000) == []


def test_at_one_an_hour_a_rule_that_wants_five_bad_events_can_never_have_them():
    five = BurnPolicy("five", PLAIN.rules[:2], low_traffic=LowTraffic(least_bad=5))
    assert codes(five, 1) == ["too-few-events"]  # the six-hour rule sees six
    assert codes(five, "1/2") == ["too-few-events"] * 2


@pytest.mark.parametrize(("per_hour", "needed"), [(347, 5), (348, 6), (277, 4)])
def test_five_bad_events_are_needed_up_to_347_an_hour(per_hour, needed):
    """n >= k / (f b): 14.4 times 0.1 % of 347 is 4.997."""
    assert bad_needed(PLAIN.rules[0], PLAIN, MONTH, BUDGET, per_hour) == needed


@pytest.mark.parametrize(("comparison", "needed"), [("gte", 144), ("gt", 145)])
def test_the_line_itself_is_enough_or_not(comparison, needed):
    policy = BurnPolicy("p", PLAIN.rules, comparison=comparison)
    assert bad_needed(policy.rules[0], policy, MONTH, BUDGET, 10_000) == needed


@settings(deadline=None)
@given(st.integers(0, 3000), st.sampled_from(sorted(PUBLISHED)))
def test_the_bad_events_needed_are_the_first_that_decide_the_rule(events, name):
    from nines.alerting.decide import Reading, decide
    from nines.evaluation.standing import Burn

    policy = published(name, MONTH)
    rule = policy.rules[0]
    needed = bad_needed(rule, policy, MONTH, BUDGET, events)

    def over(bad):
        rate = Fraction(bad, events) / BUDGET if events else None
        held = Reading(Burn(rate, rate, rate), Fraction(bad), Fraction(events))
        return decide(rule, policy, MONTH, BUDGET, held, held).side == "over"

    assert not over(events) if needed is None else over(needed) and not over(needed - 1)
