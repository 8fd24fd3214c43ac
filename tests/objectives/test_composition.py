"""Models of compositions: the product under a named assumption, beside what holds under none."""

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nines.objectives.composition import k_of_n, parallel, series

shares = st.lists(st.integers(0, 20).map(lambda n: Fraction(n, 20)), min_size=1, max_size=5)


def test_three_services_of_99_9_percent_in_series():
    found = series([Fraction("0.999")] * 3)
    assert (found.independent, found.low, found.high) == (Fraction("0.997002999"), Fraction("0.997"), Fraction("0.999"))


def test_two_of_90_percent_in_parallel_may_still_fail_together():
    found = parallel([Fraction("0.9")] * 2)
    assert (found.independent, found.low, found.high) == (Fraction("0.99"), Fraction("0.9"), 1)


def test_two_of_three_by_hand():
    found = k_of_n([Fraction(1, 2)] * 3, 2)
    assert (found.independent, found.low, found.high) == (Fraction(1, 2), Fraction(1, 4), Fraction(3, 4))


@settings(deadline=None)
@given(shares)
def test_the_assumption_lies_within_the_bounds(values):
    for found in (series(values), parallel(values), *(k_of_n(values, k) for k in range(1, len(values) + 1))):
        assert 0 <= found.low <= found.independent <= found.high <= 1


@settings(deadline=None)
@given(shares)
def test_all_of_n_is_series_and_one_of_n_is_parallel(values):
    assert k_of_n(values, len(values)) == series(values)
    assert k_of_n(values, 1) == parallel(values)


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), min_size=8, max_size=8).filter(any), st.integers(1, 3))
def test_no_joint_distribution_of_three_members_escapes_the_bounds(weights, k):
    whole = sum(weights)
    worlds = list(zip(product((0, 1), repeat=3), weights, strict=True))
    marginals = [Fraction(sum(w for up, w in worlds if up[i]), whole) for i in range(3)]
    truth = Fraction(sum(w for up, w in worlds if sum(up) >= k), whole)
    found = k_of_n(marginals, k)
    assert found.low <= truth <= found.high


@pytest.mark.parametrize("k", [0, 3])
def test_more_than_all_or_less_than_one_cannot_be_needed(k):
    with pytest.raises(ValueError, match=r"1\.\.2"):
        k_of_n([Fraction(1, 2)] * 2, k)
