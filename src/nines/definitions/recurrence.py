"""Recurring time written out: RRULEs of exclusions and opening hours of calendars, on local clocks.

Wall clock is kept: a window at 03:00 stays at 03:00 through every change of clocks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.rrule import rrulestr

from nines.reading import instant
from nines.spans import Span

#: How far an endless recurrence is written out, and how many occurrences one may have.
HORIZON = timedelta(days=3660)
MOST_OCCURRENCES = 20_000
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def zone(name: str) -> ZoneInfo:
    """Return an IANA time zone.

    Raises:
        ValueError: there is no zone of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        msg = f"{name!r} is not an IANA time zone like Europe/Berlin"
        raise ValueError(msg) from error


def local(text: str, where: ZoneInfo) -> datetime:
    """Return the UTC instant of a text: an instant with its own zone, or wall clock in the zone given.

    Raises:
        ValueError: it is neither.
    """
    parsed = datetime.fromisoformat(text)
    return instant(parsed) if parsed.tzinfo is not None else parsed.replace(tzinfo=where).astimezone(UTC)


def occurrences(start: str, length: timedelta, zone_name: str, rule: str, without: Sequence[str]) -> tuple[Span, ...]:
    """Return the occurrences of a recurring window.

    Args:
        start: first begin, wall clock in the zone or an instant.
        length: of each occurrence, > 0.
        zone_name: IANA name.
        rule: RRULE of RFC 5545 without its name, or "" for a single window.
        without: begins that do not happen, written like `start`.

    Returns:
        Sorted, at most 20,000 of them and at most ten years on from the first.

    Raises:
        ValueError: the rule, an instant or the zone cannot be read.
    """
    where = zone(zone_name)
    first = local(start, where)
    if not rule:
        return (Span(first, first + length),)
    wall = first.astimezone(where).replace(tzinfo=None)
    dropped = {local(text, where) for text in without}
    until = wall + HORIZON
    found: list[Span] = []
    if "SECONDLY" in rule.upper():
        msg = "the grid is one minute, so nothing recurs by the second"
        raise ValueError(msg)
    for moment in rrulestr(_on_the_wall(rule.removeprefix("RRULE:"), where), dtstart=wall, cache=False):
        if moment > until or len(found) >= MOST_OCCURRENCES:
            break
        begin = moment.replace(tzinfo=where).astimezone(UTC)
        if begin not in dropped:
            found.append(Span(begin, begin + length))
    return tuple(found)


def _on_the_wall(rule: str, where: ZoneInfo) -> str:
    """Return a rule whose UNTIL, which RFC 5545 writes in UTC, is on the wall clock as its begins are."""

    def moved(found: re.Match[str]) -> str:
        until = datetime.strptime(found[1] + "+0000", "%Y%m%dT%H%M%S%z")
        return f"UNTIL={until.astimezone(where):%Y%m%dT%H%M%S}"

    return re.sub(r"UNTIL=(\d{8}T\d{6})Z", moved, rule)


def opening_hours(
    hours: Sequence[tuple[Sequence[str], str, str]], zone_name: str, holidays: Sequence[str], span: Span
) -> tuple[Span, ...]:
    """Return when a calendar is open within a span.

    Args:
        hours: weekdays ("mon" ..), opening and closing wall clock ("08:00", "24:00").
        zone_name: IANA name.
        holidays: closed dates, ISO.
        span: what to cover.

    Raises:
        ValueError: a time, a date or the zone cannot be read, or a day closes before it opens.
    """
    where = zone(zone_name)
    closed = {date.fromisoformat(text) for text in holidays}
    plan = [({_WEEKDAYS.index(d) for d in days}, _clock(begin), _clock(end)) for days, begin, end in hours]
    for _, begin, end in plan:
        if end <= begin:
            msg = "a day closes before it opens"
            raise ValueError(msg)
    day, last = span.start.astimezone(where).date(), span.end.astimezone(where).date()
    found: list[Span] = []
    while day <= last:
        for days, begin, end in plan:
            if day.weekday() in days and day not in closed:
                found.append(Span(_at(day, begin, where), _at(day, end, where)))
        day += timedelta(days=1)
    return tuple(sorted(found))


def _clock(text: str) -> timedelta:
    if text == "24:00":
        return timedelta(days=1)
    parsed = time.fromisoformat(text)
    return timedelta(hours=parsed.hour, minutes=parsed.minute)


def _at(day: date, clock: timedelta, where: ZoneInfo) -> datetime:
    return (datetime.combine(day, time()) + clock).replace(tzinfo=where).astimezone(UTC)
