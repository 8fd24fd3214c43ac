"""Figures for people: rounding never tells a different story than the exact number."""

from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nines.showing import budget_percent, burn, count, length, percent

ratios = st.fractions(min_value=0, max_value=1)


def as_ratio(text):
    return Fraction(text.removesuffix(" %")) / 100


@given(ratios.filter(lambda r: r < 1))
def test_law_less_than_everything_is_never_shown_as_one_hundred_percent(value):
    assert percent(value) != "100 %"


@given(st.integers(0, 10**6), st.sampled_from(["0.9", "0.99", "0.999", "0.9995", "0.99999"]))
def test_law_a_shown_figure_stands_on_the_same_side_of_its_target(good, target):
    value, goal = Fraction(good, 10**6), Fraction(target)
    assert (as_ratio(percent(value, against=goal)) >= goal) == (value >= goal)


@given(ratios)
def test_law_showing_never_flatters(value):
    assert as_ratio(percent(value)) <= value


@pytest.mark.parametrize(
    ("value", "shown"),
    [(Fraction(1), "100 %"), (Fraction(0), "0 %"), (None, "unknown"), (Fraction(999996, 10**6), "99.999 %")],
)
def test_percent(value, shown):
    assert percent(value) == shown


def test_a_budget_overspent_by_a_hair_is_not_shown_as_zero_left():
    assert budget_percent(Fraction(-1, 10**6)) == "-1 %"


def test_burn_rates_keep_the_decimals_that_policies_use():
    assert [burn(Fraction(144, 10)), burn(Fraction(0)), burn(None)] == ["14.4", "0.00", "unknown"]


def test_counts_have_their_thousands_apart():
    assert count(1234567) == "1,234,567"


def test_lengths_use_their_two_largest_units():
    assert length(timedelta(days=1, hours=2, minutes=3)) == "1 d 2 h"
