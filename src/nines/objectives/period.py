"""Calendar periods: where the period that holds an instant begins and ends.

One rule: every edge is the anchor's wall clock plus n periods, worked out from the anchor each time and
never from the edge before, so that no error travels from month to month.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from nines.errors import InputError, Problem
from nines.objectives.window import CalendarUnit, CalendarWindow, DayRule
from nines.spans import Span

_DAYS: dict[CalendarUnit, int] = {"day": 1, "week": 7}
_MONTHS: dict[CalendarUnit, int] = {"month": 1, "quarter": 3, "year": 12}
_FIRST_MIDNIGHT = datetime(1970, 1, 1)  # noqa: DTZ001 - a wall clock, its zone is the window's
_FIRST_MONDAY = datetime(1970, 1, 5)  # noqa: DTZ001 - a wall clock, its zone is the window's


def period(window: CalendarWindow, at: datetime) -> Span:
    """Return the calendar period that holds an instant.

    Args:
        window: unit, count, zone, anchor and rule for days a month lacks.
        at: aware instant, before the anchor too.

    Returns:
        The period in UTC. Its length follows the wall clock: a day with a change of clocks has 23 or 25
        hours, and a month that starts on a lacking 31st starts late ("overflow") or on its last day ("clamp").

    Raises:
        InputError: the zone is not an IANA name, or the calendar's years 1 to 9999 do not reach that far.

    Source:
        Anchor plus n months as Go's time.AddDate has it ("overflow"), which Nobl9's calendar windows follow.

    Example:
        >>> berlin = CalendarWindow("month", zone="Europe/Berlin")
        >>> period(berlin, datetime(2026, 3, 31, 23, tzinfo=UTC)).start.isoformat()
        '2026-03-31T22:00:00+00:00'
        >>> day = period(CalendarWindow("day", zone="America/New_York"), datetime(2026, 3, 8, 12, tzinfo=UTC))
        >>> day.length
        datetime.timedelta(seconds=82800)
    """
    edges = _Edges(window)
    try:
        n = edges.number(at)
        return Span(edges.at(n), edges.at(n + 1))
    except OverflowError as reason:
        problem = f"the {window.label} that holds {at.isoformat()} leaves the years 1 to 9999"
        raise InputError(Problem("", problem, "ask about a time nearer to now")) from reason


def periods(window: CalendarWindow, span: Span) -> Iterator[Span]:
    """Return the periods that share time with a span, in order; periods without length are left out.

    Args:
        window: as for `period`.
        span: the time to cover; the first and the last period may reach beyond it.

    Raises:
        InputError: as for `period`.

    Example:
        >>> two_days = Span(datetime(2026, 1, 1, 6, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC))
        >>> [p.start.day for p in periods(CalendarWindow("day"), two_days)]
        [1, 2]
    """
    at = span.start
    while at < span.end:
        found = period(window, at)
        yield found
        at = found.end


class _Edges:
    """The edges of one calendar window, by number; edge 0 is the anchor."""

    def __init__(self, window: CalendarWindow) -> None:
        self.zone = _zone(window.zone)
        self.rule: DayRule = window.rule
        anchor = window.anchor or (_FIRST_MONDAY if window.unit == "week" else _FIRST_MIDNIGHT)
        self.anchor = anchor.astimezone(self.zone).replace(tzinfo=None) if anchor.tzinfo else anchor
        self.days = _DAYS.get(window.unit, 0) * window.count
        self.months = _MONTHS.get(window.unit, 0) * window.count

    def at(self, n: int) -> datetime:
        """Return edge n as a UTC instant."""
        return _first_valid(self._wall(n), self.zone)

    def number(self, at: datetime) -> int:
        """Return the number of the last edge at or before an instant."""
        here = at.astimezone(self.zone)
        if self.days:
            guess = (here.date() - self.anchor.date()).days // self.days
        else:
            guess = ((here.year - self.anchor.year) * 12 + here.month - self.anchor.month) // self.months
        at_or_before = next(n for n in count(guess, -1) if self.at(n) <= at)
        return next(n for n in count(at_or_before) if self.at(n + 1) > at)

    def _wall(self, n: int) -> datetime:
        if self.days:
            return self.anchor + timedelta(days=n * self.days)
        return datetime.combine(_plus_months(self.anchor.date(), n * self.months, self.rule), self.anchor.time())


def _plus_months(day: date, months: int, rule: DayRule) -> date:
    """Return a day some months on; a day the month lacks overflows into the next or is clamped to its last."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not date.min.year <= year <= date.max.year:
        raise OverflowError
    if rule == "clamp":
        return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
    return date(year, month + 1, 1) + timedelta(days=day.day - 1)


def _first_valid(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant that shows this wall clock, or, in a gap, the instant the clocks sprang."""
    early, late = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if early.astimezone(zone).replace(tzinfo=None) == wall:
        return early
    # In a gap the two readings lie on either side of the change; changes of clocks fall on whole seconds.
    before, after = late.replace(microsecond=0), early.replace(microsecond=0) + timedelta(seconds=1)
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as reason:
        problem = Problem("", f"{name!r} is not a time zone", "use an IANA name such as Europe/Berlin", code="zone")
        raise InputError(problem) from reason
