"""Intervals of differences, against published vectors and against SciPy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from nines.telemetry.reconcile_compare import holm_levels, times_needed
from nines.telemetry.reconcile_intervals import (
    Share,
    _score_p,
    beta_share,
    combined,
    newcombe,
    p_value,
    two_sided,
    wilson,
)

Z95 = two_sided(0.05)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17, 1998, 873-890, table II, method 10.
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0000),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 10), 0.6075, 1.0000),
    ],
)
def test_method_10_gives_the_published_intervals(first, second, low, high):
    found = newcombe(*(Share(good / n, n) for good, n in (first, second)), Z95)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@given(st.integers(0, 400), st.integers(1, 400), st.floats(0.5, 5))
def test_wilson_is_what_scipy_gives(bad, n, z):
    bad = min(bad, n)
    found = wilson(Share(bad / n, n), z)
    theirs = stats.binomtest(bad, n).proportion_ci(2 * stats.norm.cdf(z) - 1, method="wilson")
    assert found == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@given(st.floats(0, 1), st.floats(0.01, 5000), st.floats(0.01, 5000))
def test_the_incomplete_beta_function_is_what_scipy_gives(x, a, b):
    assert beta_share(x, a, b) == pytest.approx(special.betainc(a, b, x), rel=1e-8, abs=1e-12)


@pytest.mark.parametrize(("a", "b"), [(3e6, 10.0), (10.0, 3e6), (4e5, 4e5), (1e-3, 1e6)])
def test_the_incomplete_beta_function_holds_for_millions(a, b):
    x = a / (a + b)
    assert beta_share(x, a, b) == pytest.approx(special.betainc(a, b, x), rel=1e-6)


def test_a_sum_of_two_shares_is_newcombes_difference():
    one, other = Share(0.1, 50), Share(0.3, 70)
    assert combined(((1.0, one), (-1.0, other)), Z95) == newcombe(one, other, Z95)
    turned = newcombe(other, one, Z95)
    assert newcombe(one, other, Z95) == pytest.approx((-turned.high, -turned.low))


def test_the_p_value_turns_where_the_interval_meets_zero():
    one, other = Share(300 / 4000, 4000), Share(240 / 4000, 4000)
    p = _score_p(one, other)
    assert newcombe(one, other, two_sided(p * 1.001)).low > 0
    assert newcombe(one, other, two_sided(p / 1.001)).low < 0
    assert p <= p_value(one, other) < 2 * p


def test_a_few_rare_events_do_not_prove_what_the_score_interval_says():
    # 6 of 1440 against 0.1 % of 50 000: chance makes it once in 300, the score interval once in 8000.
    assert p_value(Share(6 / 1440, 1440), Share(0.001, 50_000)) > 0.003


def test_no_difference_has_the_p_value_one():
    assert p_value(Share(0.01, 1000), Share(0.01, 1000)) == 1
    assert p_value(Share(0.0, 10), Share(0.0, 1000)) == 1
    assert p_value(Share(1.0, 10), Share(1.0, 1000)) == 1


def test_the_p_value_is_no_smaller_than_it_should_be():
    rng = np.random.default_rng(3)
    p, sizes, worlds = 0.002, (1440, 20_000), 4000
    counts = [rng.binomial(n, p, worlds).tolist() for n in sizes]
    found = [
        p_value(Share(a / sizes[0], sizes[0]), Share(b / sizes[1], sizes[1])) for a, b in zip(*counts, strict=True)
    ]
    for level in (0.05, 0.01, 0.002):
        assert np.mean(np.array(found) <= level) <= level + 3 * math.sqrt(level / worlds)


def test_holm_stops_at_the_first_that_fails():
    assert holm_levels([0.004, 0.03, 0.021], 0.04) == pytest.approx([0.04 / 3, 0.02, 0.02])
    assert holm_levels([], 0.05) == []


def test_what_would_never_decide_needs_nobody_to_wait():
    assert times_needed(lambda _: True) is None
    assert times_needed(lambda times: times < 7) == pytest.approx(7, abs=1e-6)
