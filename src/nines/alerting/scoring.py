"""What a policy would have been worth: its pages held against incidents.

One rule: a page is right when it starts from a little before an incident to its end; an incident is caught when a page
is right about it. What was lost before anybody was told is counted in shares of the window's budget.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np

from nines.alerting.backtest import Backtest
from nines.alerting.past import Looks
from nines.alerting.policy import Severity
from nines.alerting.proportions import middle, share_interval, weekly_interval
from nines.evaluation.columns import Unit
from nines.spans import MINUTE, instant_of

_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that did harm.

    Attributes:
        start: first instant.
        end: first instant after it.
        name: what it is called, or "".
    """

    start: datetime
    end: datetime
    name: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """How pages are held against incidents.

    Attributes:
        lead: how long before an incident a page is right already, >= 0.
        merge: pages no further apart than this count as one, >= 0.
        zone: time zone that tells night from day.
        night: local hours of sleep, [first, last).
        seed: of the bootstrap.
        severity: of the episodes that count.
    """

    lead: timedelta = timedelta(minutes=15)
    merge: timedelta = timedelta(hours=1)
    zone: str = "UTC"
    night: tuple[int, int] = (22, 7)
    seed: int = 1
    severity: Severity = "page"


@dataclass(frozen=True, slots=True)
class Page:
    """One page: episodes of any rules that lie together.

    Attributes:
        fired: first instant.
        resolved: last one, or None when it fires still.
        rule: rule that fired first.
    """

    fired: datetime
    resolved: datetime | None
    rule: str


@dataclass(frozen=True, slots=True)
class Caught:
    """What became of one incident.

    Attributes:
        incident: it.
        page: first page that was right about it, or None when it was missed.
        delay: from its start to that page; below nothing when the page came before it.
        reset: from its end to the page's own; None while it fires still, or when it was missed.
        lost: share of the window's budget that was gone from its start to the page, or to its end when it was missed.
    """

    incident: Incident
    page: Page | None
    delay: timedelta | None
    reset: timedelta | None
    lost: Fraction


@dataclass(frozen=True, slots=True)
class Score:
    """What a policy would have been worth.

    Attributes:
        start: first instant judged.
        end: last one.
        pages: what would have been paged.
        right: pages that were right about an incident.
        caught: every incident, by start.
        near: burns that came within a fifth of a page, and did not page.
        asleep: pages in hours of sleep.
        weekly: pages in each whole week from the start.
        rules: how it was scored.
    """

    start: datetime
    end: datetime
    pages: tuple[Page, ...]
    right: int
    caught: tuple[Caught, ...]
    near: int
    asleep: int
    weekly: tuple[int, ...]
    rules: Rules

    @property
    def found(self) -> int:
        """Incidents that were caught."""
        return sum(c.page is not None for c in self.caught)

    @property
    def recall(self) -> tuple[Fraction, Fraction]:
        """Limits of the share of incidents that are caught."""
        return share_interval(self.found, len(self.caught))

    @property
    def precision(self) -> tuple[Fraction, Fraction]:
        """Limits of the share of pages that are right."""
        return share_interval(self.right, len(self.pages))

    @property
    def weeks(self) -> float:
        """Weeks judged."""
        return (self.end - self.start + MINUTE) / _WEEK

    @property
    def pages_per_week(self) -> float:
        """Pages a week."""
        return len(self.pages) / self.weeks if self.weeks else 0.0

    @property
    def pages_interval(self) -> tuple[float, float] | None:
        """Limits of the pages a week, or None below two whole weeks."""
        return weekly_interval(self.weekly, self.rules.seed)

    @property
    def lost(self) -> Fraction:
        """Shares of the budget that were gone before anybody was told, of all incidents together."""
        return sum((c.lost for c in self.caught), Fraction(0))

    @property
    def delay(self) -> timedelta | None:
        """Median delay of the incidents that were caught."""
        found = middle([c.delay / MINUTE for c in self.caught if c.delay is not None])
        return None if found is None else found * MINUTE

    @property
    def reset(self) -> timedelta | None:
        """Median time from the end of an incident to that of its page."""
        found = middle([c.reset / MINUTE for c in self.caught if c.reset is not None])
        return None if found is None else found * MINUTE


def pages_of(tested: Backtest, rules: Rules) -> tuple[Page, ...]:
    """Return episodes as pages: those that touch, or nearly touch, are one.

    Args:
        tested: what would have been told.
        rules: severity and nearness.
    """
    found: list[Page] = []
    for episode in (e for e in tested.episodes if e.severity == rules.severity):
        last = found[-1] if found else None
        if last is not None and (last.resolved is None or episode.fired - last.resolved <= rules.merge):
            both = (last.resolved, episode.resolved)
            until = None if None in both else max(t for t in both if t is not None)
            found[-1] = Page(last.fired, until, last.rule)
        else:
            found.append(Page(episode.fired, episode.resolved, episode.rule))
    return tuple(found)


def score(
    tested: Backtest, looks: Looks, incidents: Sequence[Incident], rules: Rules, near: Backtest | None = None
) -> Score:
    """Hold what a policy would have paged against incidents.

    Args:
        tested: what it would have told.
        looks: of the same past.
        incidents: in any order; those that lie outside of the past are left out.
        rules: how.
        near: what the same policy a fifth more touchy would have told, for near misses; None leaves them out.
    """
    pages = pages_of(tested, rules)
    inside = sorted(
        (i for i in incidents if i.end > tested.start and i.start < tested.end), key=lambda i: (i.start, i.end)
    )
    spent = Spent(looks)
    caught = tuple(_caught(i, pages, spent, rules) for i in inside)
    right = sum(any(_is_right(p, i, rules) for i in inside) for p in pages)
    touchy = pages_of(near, rules) if near is not None else ()
    misses = sum(not any(_touch(t, p) for p in pages) for t in touchy)
    asleep = sum(_asleep(p.fired, rules) for p in pages)
    return Score(
        tested.start, tested.end, pages, right, caught, misses, asleep, _weekly(pages, tested.start, tested.end), rules
    )


def _is_right(page: Page, incident: Incident, rules: Rules) -> bool:
    return incident.start - rules.lead <= page.fired <= incident.end


def _touch(one: Page, other: Page) -> bool:
    return (other.resolved is None or one.fired <= other.resolved) and (
        one.resolved is None or other.fired <= one.resolved
    )


def _caught(incident: Incident, pages: Sequence[Page], spent: Spent, rules: Rules) -> Caught:
    page = next((p for p in pages if _is_right(p, incident, rules)), None)
    if page is None:
        return Caught(incident, None, None, None, spent.between(incident.start, incident.end))
    reset = None if page.resolved is None else page.resolved - incident.end
    return Caught(incident, page, page.fired - incident.start, reset, spent.between(incident.start, page.fired))


def _asleep(at: datetime, rules: Rules) -> bool:
    hour, (first, last) = at.astimezone(ZoneInfo(rules.zone)).hour, rules.night
    return first <= hour < last if first < last else hour >= first or hour < last


def _weekly(pages: Sequence[Page], start: datetime, end: datetime) -> tuple[int, ...]:
    counts = [0] * ((end - start + MINUTE) // _WEEK)
    for page in pages:
        week = (page.fired - start) // _WEEK
        if week < len(counts):
            counts[week] += 1
    return tuple(counts)


class Spent:
    """What was spent of the budget between two instants: bad units over what a whole window of the past's mean allows.

    Args (of the constructor):
        looks: of the past.
    """

    def __init__(self, looks: Looks) -> None:
        """Add minutes up once."""
        past = looks.past.at_last()
        sums = Looks(past).of(MINUTE * past.objective.terms[0].method.slice_minutes).sums.sum(axis=1)
        step = past.objective.terms[0].method.slice_minutes
        self._start, self._bad = past.first, np.cumsum(sums[Unit.BAD]) // step
        units = int(sums[[Unit.GOOD, Unit.BAD, Unit.UNKNOWN]].sum()) // step
        budget = past.objective.term_at(past.at(past.end)).budget
        whole = Fraction(past.objective.window.nominal // MINUTE, max(past.ticks, 1))
        self._allowed = budget * units * whole

    def between(self, start: datetime, end: datetime) -> Fraction:
        """Return the share of a window's budget spent from one instant to another; 0 where nothing is allowed."""
        if not self._allowed or end <= start:
            return Fraction(0)
        return Fraction(self._until(end) - self._until(start)) / self._allowed

    def _until(self, at: datetime) -> int:
        place = min((at - instant_of(self._start - 1)) // MINUTE, len(self._bad))
        return int(self._bad[place - 1]) if place > 0 else 0
