"""Few events: exact tails, certain comparisons, and months simulated minute by minute."""

from datetime import timedelta
from fractions import Fraction
from math import exp, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, poisson

from nines.alerting import lowtraffic
from nines.alerting.decide import Reading, decide
from nines.alerting.lowtraffic import binomial_tail, least_bad, poisson_tail_below, sequential_over, tail_below
from nines.alerting.policy import BurnPolicy, BurnRule, LowTraffic
from nines.evaluation.standing import Burn

RATES = st.fractions(0, 1, max_denominator=10_000)


def test_two_coins_both_tails_by_hand():
    assert [binomial_tail(k, 2, Fraction(1, 2)) for k in range(4)] == [1, Fraction(3, 4), Fraction(1, 4), 0]


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(0, 60), RATES)
def test_a_tail_is_what_scipy_says(bad, events, rate):
    assert float(binomial_tail(bad, events, rate)) == pytest.approx(
        binom.sf(bad - 1, events, float(rate)), rel=1e-9, abs=1e-12
    )


@settings(deadline=None)
@given(st.integers(0, 80), st.integers(0, 80), RATES, st.fractions("1/1000000", 2, max_denominator=10**6))
def test_comparing_a_tail_is_comparing_the_number(bad, events, rate, limit):
    assert tail_below(bad, events, rate, limit) == (binomial_tail(bad, events, rate) < limit)


@pytest.mark.parametrize("bad", [1, 2, 5, 9, 14, 30])
def test_enclosures_of_many_events_agree_with_exact_numbers(bad, monkeypatch):
    """The same comparison twice, on either side of the tail itself: by rational numbers, and by enclosures."""
    tail = binomial_tail(bad, 2900, Fraction(1, 500))
    monkeypatch.setattr(lowtraffic, "_EXACTLY", 0)
    near = Fraction(1, 10**12)
    assert [tail_below(bad, 2900, Fraction(1, 500), tail * (1 + e)) for e in (-near, near)] == [False, True]


def test_a_limit_that_is_the_tail_itself_is_decided_exactly(monkeypatch):
    tail = binomial_tail(9, 900, Fraction(1, 500))
    monkeypatch.setattr(lowtraffic, "_EXACTLY", 0)
    assert not tail_below(9, 900, Fraction(1, 500), tail)


@pytest.mark.parametrize(("bad", "below"), [(600_000, True), (500_000, False), (490_000, False)])
def test_half_a_billion_events_are_decided_at_once(bad, below):
    assert tail_below(bad, 500_000_000, Fraction(1, 1000), Fraction(1, 10**9)) is below


@settings(deadline=None)
@given(st.integers(0, 60), RATES, st.sampled_from([Fraction(1, 720), Fraction(1, 10), Fraction(1, 10**9)]))
def test_the_least_bad_is_the_first_number_that_is_unlikely(events, rate, limit):
    least = least_bad(events, rate, limit)
    assert least > events or tail_below(least, events, rate, limit)
    assert least == 0 or not tail_below(least - 1, events, rate, limit)


@pytest.mark.parametrize(("factor", "decides"), [("14.4", 6), ("6", 10)])
def test_a_sequential_test_at_one_in_ten_thousand_needs_about_five_or_ten_bad_events(factor, decides):
    """Burning exactly at the factor, k bad events come among k/(f b): 5.3 and 9.6 of them weigh ln 10^4."""
    f, b = Fraction(factor), Fraction(1, 1000)
    bad = next(k for k in range(1, 99) if sequential_over(k, int(k / (f * b)), b, f, Fraction(1, 10_000)))
    assert bad == decides


@settings(deadline=None)
@given(st.integers(0, 50), st.integers(50, 10**6), st.integers(2, 40))
def test_the_sequential_test_is_walds_formula(bad, events, factor):
    evidence = bad * log(factor) - (factor - 1) * events / 1000 - log(1000)
    if abs(evidence) > 1e-6:
        found = sequential_over(bad, events, Fraction(1, 1000), Fraction(factor), Fraction(1, 1000))
        assert found == (evidence > 0)


@settings(deadline=None)
@given(st.integers(0, 40), st.fractions(0, 200, max_denominator=60))
def test_a_lull_is_what_scipy_says(seen, expected):
    tail = poisson.cdf(seen, float(expected))
    if abs(tail / 1e-6 - 1) > 1e-6:
        assert poisson_tail_below(seen, expected, Fraction(1, 10**6)) == (tail < 1e-6)


def test_none_of_twenty_and_no_event_expected():
    assert exp(-20) < 1e-6
    assert poisson_tail_below(0, Fraction(20), Fraction(1, 10**6))
    assert not poisson_tail_below(0, Fraction(0), Fraction(1, 10**6))


HOUR, MONTH, BUDGET = timedelta(hours=1), timedelta(days=30), Fraction(1, 1000)
RULE = BurnRule("page", Fraction(2, 100), HOUR, HOUR / 12)
PLAIN = BurnPolicy("plain", (RULE,))
TESTED = BurnPolicy("tested", (RULE,), low_traffic=LowTraffic(least_bad=2, false_pages=Fraction(1)))
SEQUENTIAL = BurnPolicy("sequential", (RULE,), low_traffic=LowTraffic(sequential=Fraction(1, 10_000)))


def reading(bad, events):
    rate = Fraction(int(bad), int(events)) / BUDGET if events else None
    return Reading(Burn(rate, rate, rate), Fraction(int(bad)), Fraction(int(events)))


def episodes(policy, good, bad):
    """Judge every minute that changed anything and count how often the rule begins to be over."""
    sums = {}
    for name, values in (("bad", bad), ("all", good + bad)):
        total = np.concatenate([[0], np.cumsum(values)])
        sums[name] = {w: total[60:] - total[60 - w : -w] for w in (60, 5)}
    over = np.zeros(len(sums["bad"][60]), dtype=bool)
    for n in np.flatnonzero(sums["bad"][5]):
        long, short = (reading(sums["bad"][w][n], sums["all"][w][n]) for w in (60, 5))
        over[n] = decide(RULE, policy, MONTH, BUDGET, long, short).side == "over"
    return int((over[1:] & ~over[:-1]).sum())


def months(number):
    generator = np.random.default_rng(20260301)
    for _ in range(number):
        yield generator.poisson(50 / 60 * 0.9995, 43_200), generator.poisson(50 / 60 * 0.0005, 43_200)


@pytest.mark.slow
def test_at_fifty_an_hour_and_half_the_budget_the_plain_rule_pages_daily_and_the_tested_ones_hardly_ever():
    """30 months, so that the mean is known well: about 18 false pages a month against less than one."""
    found = {p.name: [episodes(p, good, bad) for good, bad in months(30)] for p in (PLAIN, TESTED, SEQUENTIAL)}
    means = {name: sum(n) / len(n) for name, n in found.items()}
    assert 15 < means["plain"] < 21
    assert means["tested"] < 1
    assert means["sequential"] < 1


@pytest.mark.parametrize("policy", [TESTED, SEQUENTIAL])
@pytest.mark.parametrize("seed", range(20))
def test_a_whole_outage_at_fifty_an_hour_pages_within_ten_bad_events(policy, seed):
    """An hour of good events, then every one fails: judge minute by minute until it pages."""
    events = np.random.default_rng(seed).poisson(50 / 60, 180)
    bad = np.where(np.arange(180) >= 60, events, 0)
    for end in range(61, 180):
        long, short = (reading(bad[end - w : end].sum(), events[end - w : end].sum()) for w in (60, 5))
        if decide(RULE, policy, MONTH, BUDGET, long, short).side == "over":
            break
    assert 0 < bad[:end].sum() <= 10
