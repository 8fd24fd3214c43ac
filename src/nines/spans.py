"""Spans of time and the one-minute grid.

Instants are aware UTC; a span is half open, [start, end). Grid minutes are whole minutes since
1970-01-01T00:00Z, as integers, so that arrays and instants never disagree about an edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The time from `start` up to, and without, `end`.

    Attributes:
        start: first instant inside, aware UTC.
        end: first instant after, aware UTC, never before `start`.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Refuse naive instants and an end before the start."""
        if self.start.tzinfo is None or self.end.tzinfo is None:
            msg = "a span needs instants with a time zone"
            raise ValueError(msg)
        if self.end < self.start:
            msg = f"a span ends at {self.end.isoformat()}, before its start"
            raise ValueError(msg)

    def __contains__(self, at: datetime) -> bool:
        """Return whether the instant lies inside."""
        return self.start <= at < self.end

    @property
    def length(self) -> timedelta:
        """How long the span is, >= 0."""
        return self.end - self.start

    def overlap(self, other: Span) -> Span | None:
        """Return the time both spans share, or None when they share none."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Span(start, end) if start < end else None


def minute_of(at: datetime) -> int:
    """Return the number of the grid minute that holds an instant.

    Args:
        at: aware instant; before 1970 gives a negative number.

    Example:
        >>> minute_of(datetime(1970, 1, 1, 1, 0, 59, tzinfo=UTC))
        60
    """
    return (at - EPOCH) // MINUTE


def instant_of(minute: int) -> datetime:
    """Return the instant at which a grid minute begins, aware UTC."""
    return EPOCH + minute * MINUTE


def minute_after(at: datetime) -> int:
    """Return the first grid minute that begins at or after an instant."""
    return -((EPOCH - at) // MINUTE)
