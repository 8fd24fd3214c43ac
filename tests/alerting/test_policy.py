"""Burn policies: factors that can be worked out by hand, and rules that cannot do their work."""

from datetime import timedelta
from fractions import Fraction

import pytest

from nines.alerting.policy import DEFAULTS, BurnPolicy, BurnRule, default_policy, policy_problems

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def one_rule(share: str, long: timedelta, **more) -> BurnPolicy:
    return BurnPolicy("mine", (BurnRule("page", Fraction(share), long, long / 12),), **more)


@pytest.mark.parametrize(
    ("days", "factors"),
    [
        (30, ["14.4", "6", "3", "1"]),
        (7, ["16.8", "5.6", "2.8"]),
        (90, ["21.6", "10.8", "4.5"]),
        (28, ["13.44", "5.6", "2.8", "14/15"]),
    ],
)
def test_default_factors_are_share_times_window_over_lookback(days, factors):
    window = days * DAY
    assert [r.factor(window) for r in default_policy(window).rules] == [Fraction(f) for f in factors]


@pytest.mark.parametrize(("days", "row"), [(1, 0), (10, 0), (11, 1), (45, 1), (46, 2), (3650, 2)])
def test_the_default_changes_after_ten_and_after_forty_five_days(days, row):
    assert default_policy(days * DAY) is DEFAULTS[row][1]


def test_every_default_names_its_source_and_has_a_short_lookback_of_a_twelfth():
    for _, policy in DEFAULTS:
        assert policy.source
        assert all(rule.short * 12 == rule.long for rule in policy.rules)


@pytest.mark.parametrize("days", [7, 28, 30, 90])
@pytest.mark.parametrize("budget", ["0.01", "0.001"])
def test_the_defaults_suit_two_and_three_nines(days, budget):
    assert policy_problems(default_policy(days * DAY), Fraction(budget), days * DAY, "a:1") == ()


def test_a_target_of_all_has_nothing_to_burn():
    assert [p.code for p in policy_problems(default_policy(30 * DAY), Fraction(0), 30 * DAY, "a.yaml:7")] == [
        "no-budget"
    ]


def test_a_factor_above_one_over_the_budget_never_fires():
    """14.4 times 10 % would need 144 % of events to be bad; 6 times 10 % needs 60 %, which is hard; 3 and 1 are well."""
    found = policy_problems(default_policy(30 * DAY), Fraction(1, 10), 30 * DAY, "a.yaml:7")
    assert [(p.where, p.code, p.severity) for p in found] == [
        ("a.yaml:7", "never-fires", "error"),
        ("a.yaml:7", "hardly-fires", "warning"),
    ]
    assert "14.4" in found[0].what
    assert "10" in found[0].fix


@pytest.mark.parametrize(("comparison", "codes"), [("gte", ["hardly-fires"]), ("gt", ["never-fires"])])
def test_a_factor_of_exactly_one_over_the_budget_fires_on_the_line_only(comparison, codes):
    """Share 1/30 over one day of thirty is factor 1; with a budget of everything, all bad is exactly on the line."""
    policy = one_rule("1/30", DAY, comparison=comparison)
    assert [p.code for p in policy_problems(policy, Fraction(1), 30 * DAY, "")] == codes


@pytest.mark.parametrize(("budget", "codes"), [("0.05", []), ("0.0501", ["hardly-fires"])])
def test_half_of_all_events_bad_is_the_edge_of_hardly(budget, codes):
    """Share 1/3 over one day of thirty is factor 10; ten times 5 % is one half."""
    assert [p.code for p in policy_problems(one_rule("1/3", DAY), Fraction(budget), 30 * DAY, "")] == codes


@pytest.mark.parametrize(("share", "codes"), [("1/30", []), ("1/31", ["fires-below-one"])])
def test_a_factor_below_one_fires_while_the_promise_is_kept(share, codes):
    assert [p.code for p in policy_problems(one_rule(share, DAY), Fraction(1, 100), 30 * DAY, "")] == codes


def test_a_factor_below_one_can_be_meant():
    policy = one_rule("1/60", DAY, acknowledge_slow=True)
    assert policy_problems(policy, Fraction(1, 100), 30 * DAY, "") == ()
