"""The frame of a question: which minutes a window, its period and its lookbacks cover at an instant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from nines.errors import InputError, Problem
from nines.evaluation.exclusions import edge_at
from nines.objectives.objective import BURN_WINDOWS, Objective
from nines.objectives.period import period
from nines.objectives.window import CalendarWindow
from nines.reading import duration
from nines.spans import MINUTE, Span, instant_of, minute_of

#: Lookbacks of the exhaustion forecast; the middle one gives the instant, the others its range.
LOOKBACKS = (timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))


@dataclass(frozen=True, slots=True)
class Frame:
    """Grid minutes of one question.

    Attributes:
        start: first minute of the window.
        end: minute after the last elapsed one.
        finish: minute after the last one of the period; `end` for a rolling window.
        reach: first minute that any figure looks at.
        anchor: minute at which a slice begins: the period's start, or the epoch for a rolling window.
    """

    start: int
    end: int
    finish: int
    reach: int
    anchor: int = 0

    @property
    def window(self) -> Span:
        """The elapsed window."""
        return Span(instant_of(self.start), instant_of(self.end))

    @property
    def whole(self) -> Span:
        """The whole window or period, what has not elapsed included."""
        return Span(instant_of(self.start), instant_of(self.finish))


def frame(objective: Objective, at: datetime, within: datetime | None = None) -> Frame:
    """Return the minutes an evaluation at an instant looks at.

    Args:
        objective: gives window, slice length and settle.
        at: instant asked about, aware UTC.
        within: an instant of the calendar period asked about, when it is not the one that holds `at`. A finished
            period is asked about at or after its end + settle; no instant inside it sees its last minute.

    Raises:
        InputError: `within` is given for a rolling window.
    """
    if within is not None and not isinstance(objective.window, CalendarWindow):
        what = f"its window {objective.window.label} rolls and has no periods"
        raise InputError(Problem(f"objective {objective.name}", what, "ask at an instant", code="not-calendar"))
    slice_minutes = objective.terms[0].method.slice_minutes
    edge = edge_at(at, objective.settle)
    back = max(*(duration(w) for w in BURN_WINDOWS), *LOOKBACKS) // MINUTE + slice_minutes
    if isinstance(objective.window, CalendarWindow):
        span = period(objective.window, within or at)
        start, finish = minute_of(span.start), minute_of(span.end)
        end = min(max(edge, start), finish)
        end = end if end == finish else end - (end - start) % slice_minutes
        return Frame(start, end, finish, min(start, end - back), start)
    end = edge - edge % slice_minutes
    start = end - objective.window.length // MINUTE
    return Frame(start, end, end, min(start, end - back))


def horizon(objective: Objective, at: datetime, within: datetime | None = None) -> Span:
    """Return the span of minutes that `evaluate` looks at, so that the evidence can be fetched.

    Args:
        objective: what will be evaluated.
        at: instant that will be asked about, aware UTC.
        within: an instant of the calendar period asked about, as for `frame`.
    """
    found = frame(objective, at, within)
    return Span(instant_of(found.reach), instant_of(max(found.finish, found.end)))
