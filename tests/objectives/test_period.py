"""Calendar periods: edges worked out by hand, and laws that hold for every window."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nines.errors import InputError
from nines.objectives.period import period, periods
from nines.objectives.window import CalendarWindow
from nines.spans import Span


def z(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def wall(text):
    return datetime.fromisoformat(text)


# unit, count, zone, anchor, rule, asked at (UTC), start (UTC), end (UTC)
VECTORS = [
    # plain units, default anchor
    ("day", 1, "UTC", None, "overflow", "2026-02-28T23:59:59", "2026-02-28", "2026-03-01"),
    ("day", 1, "UTC", None, "overflow", "2026-03-01T00:00:00", "2026-03-01", "2026-03-02"),
    ("week", 1, "UTC", None, "overflow", "2026-03-01T12:00", "2026-02-23", "2026-03-02"),
    ("month", 1, "UTC", None, "overflow", "2024-02-29T12:00", "2024-02-01", "2024-03-01"),
    ("quarter", 1, "UTC", None, "overflow", "2026-06-30T23:00", "2026-04-01", "2026-07-01"),
    ("year", 1, "UTC", None, "overflow", "2026-12-31T23:59", "2026-01-01", "2027-01-01"),
    # several units to a period, from an anchor
    ("day", 10, "UTC", "2026-01-01", "overflow", "2026-01-25T00:00", "2026-01-21", "2026-01-31"),
    ("week", 2, "UTC", "2026-01-07T09:00", "overflow", "2026-01-21T08:59", "2026-01-07T09:00", "2026-01-21T09:00"),
    ("month", 3, "UTC", "2026-02-10", "overflow", "2026-08-09T00:00", "2026-05-10", "2026-08-10"),
    ("quarter", 2, "UTC", "2026-01-15", "overflow", "2026-07-14T23:00", "2026-01-15", "2026-07-15"),
    ("year", 2, "UTC", "2025-04-01", "overflow", "2027-03-31T23:00", "2025-04-01", "2027-04-01"),
    # fiscal year
    ("year", 1, "UTC", "2026-07-01", "overflow", "2026-06-30T23:00", "2025-07-01", "2026-07-01"),
    # before the anchor
    ("day", 3, "UTC", "2026-01-10", "overflow", "2026-01-09T23:59", "2026-01-07", "2026-01-10"),
    ("month", 1, "UTC", "2026-01-15", "overflow", "2025-12-20T00:00", "2025-12-15", "2026-01-15"),
    ("month", 5, "UTC", "2026-01-15", "overflow", "2025-08-14T00:00", "2025-03-15", "2025-08-15"),
    ("year", 1, "UTC", "2024-02-29", "overflow", "2023-03-01T00:00", "2023-03-01", "2024-02-29"),
    ("month", 1, "UTC", None, "overflow", "1969-12-31T23:59", "1969-12-01", "1970-01-01"),
    # New York springs at 2026-03-08 07:00Z and falls back at 2026-11-01 06:00Z
    ("day", 1, "America/New_York", None, "overflow", "2026-03-08T12:00", "2026-03-08T05:00", "2026-03-09T04:00"),
    ("day", 1, "America/New_York", None, "overflow", "2026-11-01T12:00", "2026-11-01T04:00", "2026-11-02T05:00"),
    ("week", 1, "America/New_York", None, "overflow", "2026-03-04T12:00", "2026-03-02T05:00", "2026-03-09T04:00"),
    ("month", 1, "America/New_York", None, "overflow", "2026-03-20T12:00", "2026-03-01T05:00", "2026-04-01T04:00"),
    ("month", 1, "America/New_York", None, "overflow", "2026-11-20T12:00", "2026-11-01T04:00", "2026-12-01T05:00"),
    ("quarter", 1, "America/New_York", None, "overflow", "2026-02-01T00:00", "2026-01-01T05:00", "2026-04-01T04:00"),
    # 02:30 does not exist there on 8 March: the edge is the change itself, 03:00 EDT
    ("day", 1, "America/New_York", "2026-03-01T02:30", "overflow", "2026-03-08T07:00", "2026-03-08T07:00", "2026-03-09T06:30"),
    ("day", 1, "America/New_York", "2026-03-01T02:30", "overflow", "2026-03-08T06:59:59", "2026-03-07T07:30", "2026-03-08T07:00"),
    # 01:30 comes twice on 1 November: the first
    ("day", 1, "America/New_York", "2026-03-01T01:30", "overflow", "2026-11-01T05:30", "2026-11-01T05:30", "2026-11-02T06:30"),
    # Warsaw springs at 2026-03-29 01:00Z and falls back at 2026-10-25 01:00Z
    ("day", 1, "Europe/Warsaw", None, "overflow", "2026-03-29T10:00", "2026-03-28T23:00", "2026-03-29T22:00"),
    ("day", 1, "Europe/Warsaw", None, "overflow", "2026-10-25T10:00", "2026-10-24T22:00", "2026-10-25T23:00"),
    ("month", 1, "Europe/Warsaw", None, "overflow", "2026-03-31T21:59", "2026-02-28T23:00", "2026-03-31T22:00"),
    ("year", 1, "Europe/Warsaw", None, "overflow", "2026-07-01T00:00", "2025-12-31T23:00", "2026-12-31T23:00"),
    # Anchorage, nine and eight hours behind
    ("day", 1, "America/Anchorage", None, "overflow", "2026-03-08T12:00", "2026-03-08T09:00", "2026-03-09T08:00"),
    ("month", 1, "America/Anchorage", None, "overflow", "2026-11-15T00:00", "2026-11-01T08:00", "2026-12-01T09:00"),
    # a half-hour change (Lord Howe, 2026-10-04) and a whole day that never was (Apia, 2011-12-30)
    ("day", 1, "Australia/Lord_Howe", None, "overflow", "2026-10-04T00:00", "2026-10-03T13:30", "2026-10-04T13:00"),
    ("day", 1, "Pacific/Apia", None, "overflow", "2011-12-30T09:59", "2011-12-29T10:00", "2011-12-30T10:00"),
    ("day", 1, "Pacific/Apia", None, "overflow", "2011-12-30T10:00", "2011-12-30T10:00", "2011-12-31T10:00"),
    # clocks that spring at midnight: the day begins at 01:00
    ("day", 1, "America/Santiago", None, "overflow", "2026-09-06T12:00", "2026-09-06T04:00", "2026-09-07T03:00"),
    # the 31st
    ("month", 1, "UTC", "2026-01-31", "overflow", "2026-02-28T12:00", "2026-01-31", "2026-03-03"),
    ("month", 1, "UTC", "2026-01-31", "overflow", "2026-03-03T00:00", "2026-03-03", "2026-03-31"),
    ("month", 1, "UTC", "2024-01-31", "overflow", "2024-03-01T23:00", "2024-01-31", "2024-03-02"),
    ("month", 1, "UTC", "2026-01-31", "overflow", "2026-04-30T12:00", "2026-03-31", "2026-05-01"),
    ("month", 1, "UTC", "2026-01-31", "overflow", "2026-05-20T12:00", "2026-05-01", "2026-05-31"),
    ("month", 1, "UTC", "2026-01-31", "clamp", "2026-02-28T12:00", "2026-02-28", "2026-03-31"),
    ("month", 1, "UTC", "2024-01-31", "clamp", "2024-02-29T12:00", "2024-02-29", "2024-03-31"),
    ("month", 1, "UTC", "2026-01-31", "clamp", "2026-04-30T12:00", "2026-04-30", "2026-05-31"),
    ("month", 1, "UTC", "2026-01-30", "clamp", "2026-02-27T12:00", "2026-01-30", "2026-02-28"),
    ("month", 1, "UTC", "2026-01-30", "overflow", "2026-03-01T12:00", "2026-01-30", "2026-03-02"),
    ("quarter", 1, "UTC", "2025-11-30", "overflow", "2026-03-01T12:00", "2025-11-30", "2026-03-02"),
    ("quarter", 1, "UTC", "2025-11-30", "clamp", "2026-03-01T12:00", "2026-02-28", "2026-05-30"),
    ("year", 1, "UTC", "2024-02-29", "clamp", "2026-02-28T12:00", "2026-02-28", "2027-02-28"),
    ("year", 4, "UTC", "2024-02-29", "clamp", "2026-02-28T12:00", "2024-02-29", "2028-02-29"),
    ("month", 1, "UTC", "2026-03-31", "overflow", "2026-02-10T00:00", "2026-01-31", "2026-03-03"),
    # years that 4 divides but have no 29 February
    ("month", 1, "UTC", "1899-12-31", "overflow", "1900-02-28T00:00", "1900-01-31", "1900-03-03"),
    # the thirty-first meets a gap: 31 March 2024 02:30 does not exist in Berlin
    ("month", 1, "Europe/Berlin", "2024-01-31T02:30", "overflow", "2024-03-31T12:00", "2024-03-31T01:00", "2024-05-01T00:30"),
]  # fmt: skip


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v[1]}-{v[0]}-{v[2]}-{v[5]}")
def test_the_period_that_holds_an_instant_has_these_edges(vector):
    unit, count, zone, anchor, rule, at, start, end = vector
    window = CalendarWindow(unit, count, zone, wall(anchor) if anchor else None, rule)
    assert period(window, z(at)) == Span(z(start), z(end))


def test_an_anchor_with_its_own_zone_is_read_as_that_instant():
    window = CalendarWindow("day", zone="Europe/Berlin", anchor=z("2026-01-01T05:00"))
    assert period(window, z("2026-07-01T04:00")).start == z("2026-07-01T04:00")


def test_periods_cover_a_year_of_months_once_each():
    year = Span(z("2026-01-01"), z("2027-01-01"))
    months = list(periods(CalendarWindow("month"), year))
    assert [m.start.month for m in months] == list(range(1, 13))
    assert (months[0].start, months[-1].end) == (year.start, year.end)


def test_a_day_that_never_was_is_left_out():
    week = Span(z("2011-12-28T10:00"), z("2012-01-01T10:00"))
    days = list(periods(CalendarWindow("day", zone="Pacific/Apia"), week))
    assert [d.length for d in days] == [timedelta(days=1)] * 4


def test_an_empty_span_holds_no_period():
    at = z("2026-01-01")
    assert list(periods(CalendarWindow("day"), Span(at, at))) == []


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "Europe"])
def test_a_zone_that_does_not_exist_is_refused_with_an_example(zone):
    with pytest.raises(InputError, match="is not a time zone; use an IANA name"):
        period(CalendarWindow("day", zone=zone), z("2026-01-01"))


def test_the_end_of_the_calendar_is_a_message_and_not_a_crash():
    with pytest.raises(InputError, match="leaves the years 1 to 9999"):
        period(CalendarWindow("year"), z("9999-06-01"))


ZONES = [
    "UTC",
    "America/New_York",
    "Europe/Warsaw",
    "America/Anchorage",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Kolkata",
]
WINDOWS = st.builds(
    CalendarWindow,
    st.sampled_from(["day", "week", "month", "quarter", "year"]),
    st.integers(1, 5),
    st.sampled_from(ZONES),
    st.none() | st.datetimes(wall("1950-01-01"), wall("2050-01-01")),
    st.sampled_from(["overflow", "clamp"]),
)
INSTANTS = st.datetimes(wall("1950-01-01"), wall("2050-01-01"), timezones=st.just(UTC))


@given(WINDOWS, INSTANTS)
@settings(max_examples=300, deadline=None)
def test_a_period_holds_its_instant_and_neighbours_touch(window, at):
    here = period(window, at)
    assert at in here
    assert period(window, here.start) == here
    assert period(window, here.end).start == here.end
    assert period(window, here.start - timedelta(microseconds=1)).end == here.start


@given(WINDOWS, INSTANTS)
@settings(max_examples=200, deadline=None)
def test_periods_tile_time_without_gaps(window, at):
    span = Span(at, at + timedelta(days=400))
    found = list(periods(window, span))
    assert found[0].start <= span.start
    assert found[-1].end >= span.end
    assert all(a.end == b.start for a, b in pairwise(found))


@given(st.sampled_from(ZONES), INSTANTS)
@settings(max_examples=100, deadline=None)
def test_where_no_clock_changes_a_day_begins_at_midnight(zone, at):
    start = period(CalendarWindow("day", zone=zone), at).start.astimezone(ZoneInfo(zone))
    before = (start - timedelta(hours=3)).utcoffset()
    if before == (start + timedelta(hours=3)).utcoffset():
        assert (start.hour, start.minute) == (0, 0)
