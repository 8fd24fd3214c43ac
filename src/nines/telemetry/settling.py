"""How long to wait for a source before its minutes are judged: as stated, or as its lateness teaches.

One rule: what is learnt for an instant comes from hours that were closed before it, as known when they closed. So the
same question asked later learns the same, whatever has arrived since.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Literal

from nines.spans import EPOCH, Span
from nines.telemetry.datasource import DataSource
from nines.telemetry.lateness import ENOUGH, MINUTE_US, Delays, Lateness, Provisional

HOUR = timedelta(hours=1)
#: Hours of events that lateness is learnt from, the newest closed one last.
LEARNT_HOURS = 168
#: An hour of events is closed so long after its end; what comes later is a backlog, not lateness.
CLOSES_AFTER = HOUR
#: Time left to a flush that had begun when an hour closed.
IN_HAND = timedelta(minutes=5)
#: Minutes whose completeness a standing tells: the shortest window that a burn rate looks back.
NEWEST = 5
#: Upper edges of the buckets of delays: whole quarter seconds, up to the hour after which rows are a backlog.
EDGES: tuple[int, ...] = tuple(
    quarter * 250_000
    for quarter in (
        0, 1, 2, *range(4, 40, 4), *range(40, 120, 20), *range(120, 240, 40), *range(240, 480, 60),
        *range(480, 2400, 120), *range(2400, 4800, 240), *range(4800, 14401, 1200),
    )
)  # fmt: skip
Basis = Literal["stated", "learned", "capped", "not learned yet"]


def last_closed_hour(bound: datetime) -> int:
    """Return the newest hour (hours since 1970) whose lateness may be known at an instant.

    Args:
        bound: the instant asked about, or what it is known at, whichever is earlier; aware UTC.

    Example:
        >>> from datetime import UTC
        >>> last_closed_hour(datetime(1970, 1, 1, 12, 4, tzinfo=UTC)), last_closed_hour(EPOCH + timedelta(hours=12.1))
        (9, 10)
    """
    return (bound - EPOCH - CLOSES_AFTER - IN_HAND) // HOUR - 1


def closes_at(hour: int) -> datetime:
    """Return the instant at which an hour of events is closed."""
    return EPOCH + (hour + 1) * HOUR + CLOSES_AFTER


@dataclass(frozen=True, slots=True)
class Learnt:
    """What the closed hours of a source teach.

    Attributes:
        lateness: delays of good and of bad events; the same twice where a source's rows tell no single outcome.
        apart: whether good and bad were told apart.
        span: the hours it was learnt from.
    """

    lateness: Lateness
    apart: bool
    span: Span

    @property
    def seen(self) -> int:
        """Rows that it was learnt from."""
        both = self.lateness.good.total + self.lateness.bad.total
        return both if self.apart else self.lateness.good.total


@dataclass(frozen=True, slots=True)
class Settling:
    """How long a source is waited for, and why.

    Attributes:
        settle: the wait.
        basis: whether somebody stated it, it was learned, it was learned but is longer than the cap, or nothing is
            learned yet, so that nothing is waited for.
        learnt: what its lateness is, or None when no closed hour has a row.
        cap: longest wait that may be learned, or None where the wait is stated.
    """

    settle: timedelta
    basis: Basis
    learnt: Learnt | None = None
    cap: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Newest:
    """How complete the last minutes of a window are.

    Attributes:
        minutes: how many.
        figure: ratio of bad events seen there, the ratio corrected for those to come, and the shares that are here.
    """

    minutes: int
    figure: Provisional

    @property
    def biased(self) -> bool:
        """Whether less than 99 % of the good or of the bad events that will come are here."""
        shares = self.figure.good_complete, self.figure.bad_complete
        return any(share is not None and share < ENOUGH for share in shares)


def settling(source: DataSource, learnt: Learnt | None) -> Settling:
    """Return how long a source is waited for.

    Args:
        source: its `settle_cap` says whether the wait is learned.
        learnt: its lateness as known at the instant asked about, or None.
    """
    cap = source.settle_cap
    if cap is None:
        return Settling(source.settle, "stated", learnt)
    wait = enough_wait(learnt.lateness, cap) if learnt is not None else None
    if wait is None:
        return Settling(cap, "capped", learnt, cap) if learnt else Settling(timedelta(), "not learned yet", None, cap)
    return Settling(wait, "learned", learnt, cap)


def waited(source: DataSource, learnt: Learnt | None, settle: timedelta) -> Settling:
    """Return how long an objective's source was waited for, whoever asked for the wait.

    Args:
        source: with the wait in force as its settle.
        learnt: its lateness, or None.
        settle: of the objective, at least that of its source.
    """
    found = settling(source, learnt)
    return found if settle == found.settle else Settling(settle, "stated", learnt, found.cap)


def enough_wait(lateness: Lateness, most: timedelta) -> timedelta | None:
    """Return the fewest whole minutes after which 99 % of a minute's good and of its bad events are here.

    A standing moves with the grid of minutes, so a finer wait would change nothing. What was never seen asks for none.

    Args:
        lateness: learnt.
        most: longest wait allowed.

    Returns:
        The wait, or None when it is longer than `most`.

    Example:
        >>> late = Delays((0, 60_000_000, 120_000_000), (0, 0, 100, 0))
        >>> enough_wait(Lateness(Delays(late.edges, (100, 0, 0, 0)), late), timedelta(minutes=15))
        datetime.timedelta(seconds=120)
    """
    for minutes in range(most // timedelta(minutes=1) + 1):
        shares = (d.complete(minutes * MINUTE_US) for d in (lateness.good, lateness.bad))
        if all(share is None or share >= ENOUGH for share in shares):
            return timedelta(minutes=minutes)
    return None


def newest(learnt: Learnt, good: int, bad: int, settle: timedelta) -> Newest:
    """Return how complete the last minutes of a window are, at the moment the window is first asked for.

    Args:
        learnt: the source's lateness.
        good: good events of those minutes that are here.
        bad: bad ones.
        settle: how long after their end the window is asked for.
    """
    age = settle // timedelta.resolution
    return Newest(NEWEST, learnt.lateness.provisional(good, bad, age, NEWEST * MINUTE_US))


def told_by(delays: Delays, share: Fraction) -> timedelta | None:
    """Return the delay by which a share of the events had arrived, as an upper edge; None without any or beyond all.

    Example:
        >>> told_by(Delays((0, 10), (1, 1, 0)), Fraction(1, 2)), told_by(Delays((0, 10), (1, 0, 9)), Fraction(1, 2))
        (datetime.timedelta(0), None)
    """
    arrived = 0
    for edge, number in zip(delays.edges, delays.counts, strict=False):
        arrived += number
        if delays.total and arrived >= share * delays.total:
            return timedelta(microseconds=edge)
    return None


def waiting(source: DataSource, learnt: Learnt | None) -> DataSource:
    """Return a source with the wait in force as its settle; one that states its own stays as it is."""
    if source.settle_cap is None:
        return source
    return replace(source, settle=settling(source, learnt).settle)
