"""What needs a person comes first, the gravest first, each with its number."""

from nines.pages.needs import needs
from pages.promises import standing, standings


def test_objectives_that_are_met_need_nobody():
    assert needs([standing("login"), standing("payments")]) == []


def test_the_gravest_comes_first_and_the_soonest_of_those_at_risk():
    found = [n.url.removeprefix("/objectives/").removesuffix("%4030d") for n in needs(standings())]
    assert found[0] == "invoices-fresh"
    assert found[1:3] == ["checkout", "search-latency"]
    assert set(found[3:]) == {"edge-delivery", "never-heard"}


def test_a_miss_says_by_how_much():
    found = needs([standing("invoices-fresh")])[0]
    assert found.what == "invoices-fresh misses its target."
    assert found.why == "99.305 % against 99.5 % over 30d; the budget is overspent by 39 % of itself."


def test_a_risk_says_when_and_within_which_range():
    found = needs([standing("checkout")])[0]
    assert found.what == "checkout runs out of budget on 25 Nov, 02:41 UTC."
    assert found.why.startswith("74 % is left; between 23 Nov, ")
    assert found.when == "in 1 d 12 h"


def test_silence_is_told_as_what_is_not_known():
    found = needs([standing("edge-delivery")])[0]
    assert found.what == "edge-delivery cannot be judged."
    assert found.why.startswith("97.8 % of its time is known")
