"""Recurring time keeps its wall clock: exclusions, allowances and opening hours."""

from datetime import UTC, datetime, timedelta

from definitions.texts import doc, only, read, slo
from nines.objectives.exclusion import Allowance
from nines.spans import Span


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def test_a_weekly_window_keeps_its_wall_clock_over_the_change_of_clocks():
    """Berlin goes from +01:00 to +02:00 in the night to 29 March 2026; 04:00 stays 04:00."""
    spec = (
        "{start: 2026-03-22T04:00:00, timezone: Europe/Berlin, duration: 30m, recurrence: FREQ=WEEKLY;BYDAY=SU;COUNT=3}"
    )
    spans = read(doc("Exclusion", "x", spec)).exclusions[0].spans
    assert [s.start for s in spans] == [utc(2026, 3, 22, 3), utc(2026, 3, 29, 2), utc(2026, 4, 5, 2)]
    assert {s.end - s.start for s in spans} == {timedelta(minutes=30)}


def test_an_excepted_date_does_not_happen():
    spec = "{start: 2026-03-22T04:00:00, timezone: Europe/Berlin, duration: 30m, recurrence: FREQ=WEEKLY;COUNT=3, exceptDates: [2026-03-29T04:00:00]}"
    spans = read(doc("Exclusion", "x", spec)).exclusions[0].spans
    assert [s.start.day for s in spans] == [22, 5]


def test_an_end_on_the_wall_clock_counts_the_hour_that_clocks_skip():
    """From 01:00 to 04:00 in Berlin that night only two hours pass."""
    spec = "{start: 2026-03-29T01:00:00, end: 2026-03-29T04:00:00, timezone: Europe/Berlin}"
    assert read(doc("Exclusion", "x", spec)).exclusions[0].spans == (Span(utc(2026, 3, 29, 0), utc(2026, 3, 29, 2)),)


def test_an_endless_rule_is_written_out_for_ten_years():
    spec = "{start: 2026-01-04T03:00:00, duration: 30m, recurrence: FREQ=WEEKLY}"
    spans = read(doc("Exclusion", "x", spec)).exclusions[0].spans
    assert len(spans) == 523  # 3660 days hold 522 whole weeks, and the first
    assert spans[-1].start - spans[0].start <= timedelta(days=3660)


def test_an_allowance_is_read_and_its_zone_checked():
    spec = "{{start: 2026-01-04T03:00:00Z, duration: 30m, allowance: {{length: 4h, per: month, timezone: {0}}}}}"
    found = read(doc("Exclusion", "x", spec.format("Europe/Berlin")))
    assert found.exclusions[0].allowance == Allowance(timedelta(hours=4), "month", "Europe/Berlin")
    problem = only(read(doc("Exclusion", "x", spec.format("Nowhere"))))
    assert (problem.where, problem.code) == ("f0.yaml:4", "bad-value")


def test_opening_hours_leave_out_holidays_and_follow_the_clock():
    """Mondays 08:00-18:00 in Berlin: 07:00 UTC in winter, 06:00 in summer; 6 April 2026 is Easter Monday."""
    calendar = doc(
        "Calendar",
        "office",
        "{timezone: Europe/Berlin, hours: [{days: [mon], open: '08:00', close: '18:00'}], holidays: [2026-04-06]}",
    )
    found = read(calendar, slo(hours="office"))
    assert found.errors == ()
    hours = found.objectives[0].hours
    assert hours is not None
    spring = [s for s in hours.spans if utc(2026, 3, 20) < s.start < utc(2026, 4, 14)]
    assert spring == [Span(utc(2026, 3, d, h), utc(2026, 3, d, h + 10)) for d, h in ((23, 7), (30, 6))] + [
        Span(utc(2026, 4, 13, 6), utc(2026, 4, 13, 16))
    ]
