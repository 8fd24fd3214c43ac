"""Exclusions: what leaves the question in each mode, once, within its allowance, and with both numbers kept."""

from datetime import timedelta
from fractions import Fraction

import numpy as np
import pytest

from evaluation.cases import ALIVE, MINUTE, NOON, SILENT, ask, excluded, instant, minutes, promise, slices
from nines.evaluation.evidence import CoveredEvents
from nines.evaluation.exclusions import merge, within_allowance
from nines.objectives.exclusion import Allowance, Exclusion
from nines.objectives.method import Occurrences, RatioTimeslices
from nines.spans import Span

METHODS = {"events": Occurrences(), "slices": slices("0.5"), "ratios": RatioTimeslices()}
#: Minutes 0..5 have nine good events and one bad; 6 and 7 one good and nine bad; 8 is silent and 9 quiet.
TEN = minutes([9] * 6 + [1, 1, 0, 0], [1] * 6 + [9, 9, 0, 0], state=[ALIVE] * 8 + [SILENT, ALIVE])


@pytest.mark.parametrize(
    ("method", "mode", "units", "expected", "bounds"),
    [
        # mode x method, minutes 6..9 excluded: good and bad units, N of the window, least and most the SLI can be
        ("events", "drop-events", (54, 6), 60, (Fraction(9, 10), Fraction(9, 10))),
        ("events", "shrink-denominator", (54, 6), 60, (Fraction(9, 10), Fraction(9, 10))),
        ("events", "count-as-good", (74, 6), 80, (Fraction(74, 80), Fraction(74, 80))),
        ("slices", "drop-events", (6, 0), 10, (1, 1)),
        ("slices", "shrink-denominator", (6, 0), 6, (1, 1)),
        ("slices", "count-as-good", (10, 0), 10, (1, 1)),
        ("ratios", "drop-events", (Fraction(54, 10), Fraction(6, 10)), 10, (Fraction(9, 10), Fraction(9, 10))),
        ("ratios", "shrink-denominator", (Fraction(54, 10), Fraction(6, 10)), 6, (Fraction(9, 10), Fraction(9, 10))),
        ("ratios", "count-as-good", (Fraction(94, 10), Fraction(6, 10)), 10, (Fraction(94, 100), Fraction(94, 100))),
    ],
)
def test_each_mode_does_to_each_method_what_the_table_says(method, mode, units, expected, bounds):
    standing = ask(promise("0.9", METHODS[method]), TEN, exclusions=(excluded(6, 10, mode),))
    outcome = standing.outcome
    assert (outcome.units_good, outcome.units_bad) == units
    assert outcome.period.expected_units == expected
    assert (outcome.bounds.low, outcome.bounds.high) == bounds
    assert outcome.coverage == 1
    assert standing.exclusions == (mode,)


@pytest.mark.parametrize(("mode", "taken"), [("drop-events", 20), ("shrink-denominator", 20), ("count-as-good", 18)])
def test_events_taken_out_of_the_question_are_counted(mode, taken):
    assert ask(promise(), TEN, exclusions=(excluded(6, 10, mode),)).outcome.counts.excluded == taken


def test_the_standing_carries_the_number_without_exclusions():
    standing = ask(promise(), TEN, exclusions=(excluded(6, 10),))
    assert standing.without_exclusions.sli == Fraction(56, 80)
    assert standing.without_exclusions.counts.excluded == 0
    assert ask(promise(), TEN).outcome == standing.without_exclusions


def test_a_quiet_or_silent_minute_counted_as_good_hides_nothing_and_is_a_good_slice():
    sliced = ask(promise(method=slices("0.5")), TEN, exclusions=(excluded(8, 10, "count-as-good"),)).outcome
    events = ask(promise(), TEN, exclusions=(excluded(8, 10, "count-as-good"),)).outcome
    assert (sliced.units_good, sliced.bounds.low) == (8, Fraction(8, 10))
    assert (events.bounds.low, events.coverage) == (events.sli, 1)


def test_overlapping_exclusions_count_once():
    two = (excluded(4, 8, name="a"), excluded(6, 10, name="b"))
    one = (excluded(4, 10, name="both"),)
    assert ask(promise(), TEN, exclusions=two).outcome == ask(promise(), TEN, exclusions=one).outcome


@pytest.mark.parametrize("turned", [False, True])
def test_where_modes_overlap_shrinking_goes_before_dropping_before_counting_as_good(turned):
    three = (excluded(4, 10, "count-as-good"), excluded(5, 10, "drop-events"), excluded(6, 10, "shrink-denominator"))
    outcome = ask(promise(method=slices("0.5")), TEN, exclusions=three[::-1] if turned else three).outcome
    assert (outcome.units_good, outcome.period.expected_units) == (5, 6)  # 6..9 gone, 5 dropped, 4 called good
    events = ask(promise(), TEN, exclusions=three[::-1] if turned else three).outcome
    assert (events.units_good, events.units_bad, events.counts.excluded) == (46, 4, 10 + 20 + 1)
    assert (outcome.coverage, events.coverage) == (1, 1)


def test_adjacent_spans_cover_the_minute_they_share():
    half = NOON - 4 * MINUTE - timedelta(seconds=30)
    parts = Exclusion(name="x", spans=(Span(NOON - 5 * MINUTE, half), Span(half, NOON - 4 * MINUTE)))
    assert ask(promise(), TEN, exclusions=(parts,), rolled=frozenset({"x"})).outcome.counts.excluded == 10


def test_an_allowance_is_used_up_in_order_of_time_and_the_excess_counts_again():
    four = Allowance(4 * MINUTE, "month")
    found = ask(promise(), TEN, exclusions=(excluded(5, 10, allowance=four),)).outcome
    assert found.counts.excluded == 30  # minutes 5 to 8; minute 9 is quiet and counts
    assert found.counts.total == 50


def test_exclusions_of_one_clause_share_its_allowance_and_overlap_uses_it_once():
    allowance = Allowance(4 * MINUTE, "month")
    pair = (
        excluded(0, 3, name="a", clause="7.2", allowance=allowance),
        excluded(2, 6, name="b", clause="7.2", allowance=allowance),
    )
    cut = within_allowance(pair)
    begin = NOON - 10 * MINUTE
    assert merge(s for e in cut for s in e.spans) == [Span(begin, begin + 4 * MINUTE)]
    assert within_allowance(cut) == cut


def test_what_one_occurrence_used_of_an_allowance_is_gone_for_the_next():
    begin = NOON - 10 * MINUTE
    spans = tuple(Span(begin + a * MINUTE, begin + (a + 2) * MINUTE) for a in (0, 4, 8))
    cut = within_allowance([Exclusion(name="x", spans=spans, allowance=Allowance(3 * MINUTE, "month"))])
    assert cut[0].spans == (spans[0], Span(begin + 4 * MINUTE, begin + 5 * MINUTE))


def test_an_allowance_is_renewed_with_each_calendar_period_in_its_own_zone():
    edge = instant("2026-02-28T23:00")  # midnight in Berlin
    work = Exclusion(
        name="night",
        spans=(Span(edge - 10 * MINUTE, edge + 10 * MINUTE),),
        allowance=Allowance(5 * MINUTE, "month", "Europe/Berlin"),
    )
    assert within_allowance([work])[0].spans == (
        Span(edge - 10 * MINUTE, edge - 5 * MINUTE), Span(edge, edge + 5 * MINUTE),
    )  # fmt: skip


def covered(mode, minute, good, bad):
    columns = np.zeros((3, 10), dtype=np.int64)
    columns[:, minute] = good, bad, 0
    return CoveredEvents(mode, *columns)


def test_events_of_a_scope_leave_one_by_one():
    of_tenant = excluded(6, 8, name="x", where="tenant = 'a'")
    evidence = {"exclusions": (of_tenant,), "covered": (covered("drop-events", 6, 0, 9),), "rolled": frozenset({"x"})}
    standing = ask(promise(), TEN, **evidence)
    assert (standing.outcome.counts.bad, standing.outcome.counts.excluded) == (15, 9)
    assert standing.exclusions == ("x",)


def test_bad_events_of_a_scope_may_be_counted_as_good():
    of_tenant = excluded(6, 8, "count-as-good", name="x", where="tenant = 'a'")
    evidence = {"exclusions": (of_tenant,), "covered": (covered("count-as-good", 6, 1, 9),), "rolled": frozenset({"x"})}
    counts = ask(promise(), TEN, **evidence).outcome.counts
    assert (counts.good, counts.bad, counts.excluded) == (65, 15, 9)


def test_a_scope_nobody_rolled_up_is_not_applied_not_named_and_goes_to_review():
    standing = ask(promise(), TEN, exclusions=(excluded(6, 8, name="x", where="tenant = 'a'"),))
    assert standing.outcome == standing.without_exclusions
    assert standing.exclusions == ()
    assert [p.code for p in standing.problems] == ["review-required"]


def test_edges_inside_a_minute_need_raw_rows_and_the_whole_minutes_between_do_not():
    begin = NOON - 10 * MINUTE
    ragged = Exclusion(name="x", spans=(Span(begin + 6.5 * MINUTE, begin + 8 * MINUTE),))
    standing = ask(promise(), TEN, exclusions=(ragged,))
    assert (standing.outcome.counts.excluded, standing.outcome.counts.bad) == (10, 15)
    assert [p.code for p in standing.problems] == ["review-required"]
    assert standing.exclusions == ("x",)


def test_an_exclusion_recorded_after_it_began_is_applied_and_marked():
    work = excluded(6, 10, recorded_at=NOON)
    standing = ask(promise(), TEN, exclusions=(work,))
    assert standing.outcome.counts.excluded == 20
    assert [(p.code, p.severity) for p in standing.problems] == [("late-exclusion", "note")]


def test_an_exclusion_outside_the_window_changes_nothing_and_is_not_named():
    standing = ask(promise(), TEN, exclusions=(excluded(-20, -10),))
    assert standing.exclusions == ()
    assert standing.outcome == ask(promise(), TEN).outcome


def test_a_wholly_excluded_window_is_unknown_and_never_100_percent():
    for method in METHODS.values():
        for mode in ("drop-events", "shrink-denominator"):
            standing = ask(promise(method=method), TEN, exclusions=(excluded(0, 10, mode),))
            assert (standing.outcome.sli, standing.verdict) == (None, "unknown")
