"""A row of the overview tells the same story as the exact standing behind it."""

from dataclasses import replace
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from nines.evaluation.standing import Aggregated, Burn, Range
from nines.pages.row import BAR, bar, burn_text, left_text, row, sli_text, span_text, target_text
from pages.promises import standing


def with_outcome(found, **changes):
    return replace(found, outcome=replace(found.outcome, **changes))


def test_a_state_is_a_word_and_a_class_that_carries_shape_and_colour():
    states = {
        name: row(standing(name)).state for name in ("login", "search-latency", "invoices-fresh", "edge-delivery")
    }
    assert {name: (s.css, s.word) for name, s in states.items()} == {
        "login": ("met", "met"),
        "search-latency": ("risk", "at risk"),
        "invoices-fresh": ("missed", "missed"),
        "edge-delivery": ("unknown", "unknown"),
    }


def test_a_hair_under_everything_is_never_shown_as_100_percent():
    found = with_outcome(standing("login"), sli=Fraction(999_999_6, 10_000_000))
    assert sli_text(found, found.outcome) == "99.999 %"


def test_a_miss_by_a_hair_is_not_shown_as_the_target():
    found = with_outcome(replace(standing("login"), target=Fraction(999, 1000)), sli=Fraction(998_999_99, 100_000_000))
    assert sli_text(found, found.outcome) == "99.899 %"


@given(good=st.integers(0, 10**7), bad=st.integers(1, 10**4))
def test_the_sli_shown_stands_on_the_same_side_of_the_target(good, bad):
    sli = Fraction(good, good + bad)
    found = with_outcome(replace(standing("login"), verdict="met"), sli=sli, bounds=None)
    shown = sli_text(found, found.outcome)
    if "under" not in shown:
        figure = Fraction(shown.removesuffix(" %")) / 100
        assert (figure >= found.target) == (sli >= found.target)
        assert figure <= sli < 1


def test_what_cannot_be_told_is_a_range_and_the_bar_hatches_it():
    found = standing("edge-delivery")
    assert row(found).sli == "97.863-99.975 %"
    drawn = bar(found)
    assert drawn.doubt == drawn.left > 0


def test_nothing_known_is_a_word_not_a_figure():
    blind = with_outcome(standing("login"), sli=None, bounds=None)
    assert (sli_text(blind, blind.outcome), left_text(blind.outcome), bar(blind)) == ("unknown", "unknown", None)


def test_an_overspent_budget_is_a_bar_from_the_other_end():
    drawn = bar(standing("invoices-fresh"))
    assert drawn.left == 0
    assert 0 < drawn.over < BAR
    assert drawn.text == "-39 % of the budget left"


def test_burn_rates_in_doubt_are_ranges():
    assert burn_text(Burn(Fraction(1), Fraction(1, 10), Fraction(42, 10))) == "0.10-4.20"
    assert burn_text(Burn(None)) == "unknown"
    assert burn_text(None) == ""


def test_a_threshold_objective_shows_its_figure_against_its_bound():
    figure = Aggregated("p95", Fraction(311), Fraction(308), Fraction(314), Fraction(300), "lte", 4)
    found = replace(standing("login"), aggregated=figure)
    assert (sli_text(found, found.outcome), target_text(found)) == ("p95 308-314", "≤ 300")


def test_ranges_say_their_unit_once():
    assert span_text("52 %", "90 %") == "52-90 %"
    assert span_text("unknown", "unknown") == "unknown"


def test_doubt_is_worked_back_from_the_bounds_exactly():
    outcome = replace(
        standing("login").outcome,
        units_good=Fraction(90),
        units_bad=Fraction(0),
        bounds=Range(Fraction(9, 10), Fraction(1)),
    )
    assert outcome.doubt == 10
