"""One rule on one instant: what is over whatever is unknown, what is under, and what nobody can say."""

from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nines.alerting.decide import WHYS, Reading, decide, decide_count
from nines.alerting.policy import BurnPolicy, BurnRule, CountRule, LowTraffic
from nines.evaluation.answers import Burning, decided
from nines.evaluation.tally import Sums, Tally
from nines.objectives.objective import Term

HOUR, MONTH, BUDGET = timedelta(hours=1), timedelta(days=30), Fraction(1, 1000)
RULE = BurnRule("page", Fraction(2, 100), HOUR, HOUR / 12)


def reading(bad, events, doubt=0, known=60):
    """Return the reading of bad among known events, with so many more nobody knows of (None: no estimate)."""
    hidden = None if doubt is None else Fraction(doubt)
    tally = Tally(Term(1 - BUDGET), Fraction(events) - Fraction(bad), Fraction(bad), Fraction(0), hidden)
    return Reading.of(Sums((tally,), known, 60, 60 - known))


def policy(**more):
    return BurnPolicy("p", (RULE,), **more)


def found(long, short, **more):
    decision = decide(RULE, policy(**more), MONTH, BUDGET, long, short)
    return decision.side, decision.why


HOT, CALM = reading(20, 1000), reading(1, 1000)


@pytest.mark.parametrize(
    ("long", "short", "answer"),
    [
        (HOT, HOT, ("over", "burning")),
        (CALM, HOT, ("under", "long-under")),
        (HOT, CALM, ("under", "short-under")),
        (reading(20, 1000, 300), HOT, ("over", "burning")),  # 20 of 1300 is 15.4 times even if all 300 were good
        (reading(20, 1000, 400), HOT, ("open", "unknown")),  # 20 of 1400 is 14.3 times
        (reading(0, 1000, 14), HOT, ("under", "long-under")),  # 14 of 1014 is 13.8 times even if all were bad
        (reading(0, 1000, 15), HOT, ("open", "unknown")),
        (reading(20, 1000, None), HOT, ("open", "no-estimate")),
        (reading(0, 0), HOT, ("open", "idle")),
        (reading(0, 0), CALM, ("under", "short-under")),  # one that is surely under is enough
        (reading(0, 0, 5), HOT, ("open", "unknown")),
    ],
)
def test_best_and_worst_case_decide(long, short, answer):
    assert found(long, short) == answer


@pytest.mark.parametrize(("comparison", "side"), [("gte", "over"), ("gt", "under")])
def test_on_the_line_the_comparison_decides_exactly(comparison, side):
    """144 of 10,000 is 14.4 times 0.1 %, to the last digit."""
    line = reading(144, 10_000)
    assert found(line, line, comparison=comparison)[0] == side
    assert found(reading(145, 10_000), HOT, comparison=comparison)[0] == "over"
    assert found(reading(143, 10_000), HOT, comparison=comparison)[0] == "under"


def test_a_window_of_which_too_little_is_known_tells_nothing():
    young = reading(20, 1000, known=20)
    assert found(young, HOT, least_coverage=Fraction(1, 2)) == ("open", "coverage")
    assert found(young, HOT, least_coverage=Fraction(1, 3)) == ("over", "burning")
    assert found(young, CALM, least_coverage=Fraction(1, 2)) == ("under", "short-under")


def test_a_minimum_of_bad_events_holds_in_the_best_case_and_in_the_worst():
    five = LowTraffic(least_bad=5)
    assert found(reading(4, 100), HOT, low_traffic=five) == ("under", "few-bad")
    assert found(reading(5, 100), HOT, low_traffic=five) == ("over", "burning")
    assert found(reading(4, 100, 1), HOT, low_traffic=five) == ("open", "unknown")
    assert found(reading(4, 100, None), HOT, low_traffic=five) == ("open", "no-estimate")


@pytest.mark.parametrize(("bad", "answer"), [(1, ("under", "chance")), (2, ("over", "burning"))])
def test_one_bad_of_fifty_is_chance_and_two_are_not(bad, answer):
    """At half the budget one or more of 50 comes with 2.5 %, two or more with 0.03 %; a month has 720 hours."""
    low = LowTraffic(false_pages=Fraction(1))
    assert found(reading(bad, 50), HOT, low_traffic=low) == answer


@pytest.mark.parametrize(("bad", "answer"), [(3, ("under", "chance")), (4, ("over", "burning"))])
def test_a_sequential_test_takes_the_place_of_the_chance(bad, answer):
    low = LowTraffic(sequential=Fraction(1, 10_000))
    assert found(reading(bad, 50), HOT, low_traffic=low) == answer


def test_shares_of_slices_are_cut_so_that_they_speak_against_paging():
    low = LowTraffic(least_bad=2)
    assert found(reading("19/10", 60), HOT, low_traffic=low) == ("open", "unknown")
    assert found(reading("2", 60), HOT, low_traffic=low) == ("over", "burning")


@pytest.mark.parametrize(
    ("held", "answer"),
    [
        (reading(5, 11), ("over", "count")),
        (reading(4, 11), ("under", "count-under")),
        (reading(4, 11, 1), ("open", "unknown")),
        (reading(4, 11, None), ("open", "no-estimate")),
        (reading(5, 11, None), ("over", "count")),
        (reading(4, 11, known=10), ("open", "coverage")),
        (reading(5, 11, known=10), ("over", "count")),
        (reading(0, 0), ("under", "count-under")),
    ],
)
def test_a_count_fires_whatever_the_traffic(held, answer):
    rule = CountRule("ticket", 5, 168 * HOUR)
    decision = decide_count(rule, policy(counts=(rule,), least_coverage=Fraction(1, 2)), held)
    assert (decision.side, decision.why) == answer


def test_a_decision_carries_the_figures_it_rests_on():
    figures = decide(RULE, policy(), MONTH, BUDGET, HOT, CALM).figures
    assert (figures["factor"], figures["burn_long"], figures["burn_short"]) == (Fraction("14.4"), 20, 1)
    assert (figures["bad"], figures["events"], figures["share"]) == (20, 1000, Fraction(1, 50))


AMOUNT = st.integers(0, 60)
LOWS = st.sampled_from(
    [
        LowTraffic(),
        LowTraffic(least_bad=3),
        LowTraffic(false_pages=Fraction(1)),
        LowTraffic(sequential=Fraction(1, 100)),
    ]
)
ORDER = {"under": 0, "open": 1, "over": 2}


@settings(deadline=None)
@given(AMOUNT, AMOUNT, st.integers(0, 20), st.integers(0, 20), LOWS)
def test_turning_a_good_event_bad_never_speaks_for_calm(bad, good, doubt, more, low):
    """The same events, more of them bad: the side never goes down."""
    more = min(more, good)
    before = found(reading(bad, bad + good, doubt), HOT, low_traffic=low)[0]
    after = found(reading(bad + more, bad + good, doubt), HOT, low_traffic=low)[0]
    assert ORDER[after] >= ORDER[before]


@settings(deadline=None)
@given(AMOUNT, AMOUNT, st.integers(0, 20), st.integers(0, 20), LOWS)
def test_learning_what_was_unknown_never_contradicts_what_was_certain(bad, good, unknown, turned, low):
    """Whatever the unknown events turn out to be, a side that was certain stays."""
    turned = min(turned, unknown)
    before = found(reading(bad, bad + good, unknown), HOT, low_traffic=low)[0]
    after = found(reading(bad + turned, bad + good + unknown), HOT, low_traffic=low)[0]
    assert before == "open" or after in {before, "open"}


@settings(deadline=None)
@given(AMOUNT, AMOUNT, st.none() | st.integers(0, 20), LOWS)
def test_every_reason_has_its_words(bad, good, doubt, low):
    assert found(reading(bad, bad + good, doubt), HOT, low_traffic=low)[1] in WHYS


@settings(deadline=None)
@given(AMOUNT, AMOUNT, st.none() | st.integers(0, 20), st.booleans())
def test_a_decision_is_what_the_sweep_decides_of_the_same_sums(bad, good, doubt, strict):
    tally = Tally(
        Term(1 - BUDGET), Fraction(good), Fraction(bad), Fraction(0), None if doubt is None else Fraction(doubt)
    )
    sums = Sums((tally,), 60, 60, 0)
    swept = decided(sums, RULE.factor(MONTH), Fraction(0), strict=strict)
    held = Reading.of(sums)
    side = decide(RULE, policy(comparison="gt" if strict else "gte"), MONTH, BUDGET, held, held).side
    assert side == {Burning.OVER: "over", Burning.UNDER: "under", Burning.UNKNOWN: "open"}[swept]
