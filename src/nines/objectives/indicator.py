"""Indicators: which measurements tell good from bad. One class per kind.

The identity of an indicator is a hash of its meaning: renaming keeps the series, changing what
it counts starts a new one.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from datetime import timedelta
from fractions import Fraction
from functools import lru_cache
from typing import ClassVar, Literal

OnNull = Literal["unknown", "bad", "good", "ignore"]
Scope = Literal["event", "session", "window"]
Assign = Literal["end", "start"]
Comparison = Literal["lt", "lte", "gt", "gte"]


def _plain(value: object) -> object:
    if isinstance(value, Fraction | timedelta):
        return str(value)
    if isinstance(value, Meaning):
        return value.identity
    if isinstance(value, SessionRule):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRule:
    """What a user session is, and when it is good.

    A session is the events of one key with no pause longer than `gap`; it belongs to the minute of its last event (or
    of its first, where the indicator assigns by start) and is closed once `gap` has passed without another. A later
    row that joins it moves it.

    Attributes:
        key: column or attribute that names the session; events without one belong to none.
        gap: longest pause within a session, > 0.
        good: "all" when every event must be good, "any" when one is enough, "last" when the last decides, "share" when
            `share` of its events must be good. An event of unknown goodness leaves open what depends on it.
        share: that share, 0 < share <= 1, else 1.
    """

    key: str = "session"
    gap: timedelta = timedelta(minutes=30)
    good: Literal["all", "any", "last", "share"] = "all"
    share: Fraction = Fraction(1)


class Meaning:
    """What every indicator kind shares: a name that may change and a meaning that may not."""

    kind: ClassVar[str]
    source: str

    @property
    def identity(self) -> str:
        """Hash of the kind and every field but the name: 16 hex digits, stable across releases.

        A field that is None says nothing, so that one added later leaves older meanings what they were.
        """
        return _identity(self)


@lru_cache(maxsize=100_000)
def _identity(meant: Meaning) -> str:
    held = {f.name: getattr(meant, f.name) for f in fields(meant) if f.name != "name"}  # type: ignore[arg-type]
    meaning = {name: _plain(value) for name, value in held.items() if value is not None}
    text = json.dumps({"kind": meant.kind, **meaning}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventIndicator(Meaning):
    """Rows are events; a predicate says which are meant and another which are good.

    Attributes:
        name: name within a tenant.
        source: DataSource the rows come from.
        good: predicate over the event columns; NULL makes the event unknown unless `on_null` says otherwise.
        where: predicate that limits the events, or "" for all; NULL is out of scope.
        on_null: what an event counts as when `good` is NULL.
        scope: "event", "session" or "window": what one unit is.
        assign: whether an event belongs to the minute it ended in or started in.
        session: the session rule, for session scope only.
    """

    name: str
    source: str
    good: str
    where: str = ""
    on_null: OnNull = "unknown"
    scope: Scope = "event"
    assign: Assign = "end"
    session: SessionRule | None = None
    kind: ClassVar[str] = "event"

    @property
    def unit(self) -> str:
        """What is counted: events, or sessions."""
        return "events" if self.session is None else "sessions"


@dataclass(frozen=True, slots=True, kw_only=True)
class StateIndicator(Meaning):
    """Rows are changes of state; a state holds until the next row or `max_hold`, then it is unknown.

    Counts are microseconds of up (good), down (bad) and unknown time.

    Attributes:
        name: name within a tenant.
        source: DataSource of type states.
        good: predicate that is true while up, as `state = 'up'`.
        where: predicate that picks the monitored thing, or "".
        key: column whose values are monitored apart (all must be up), or "" when `where` picks one.
        max_hold: longest time a state is believed without a new row, > 0.
    """

    name: str
    source: str
    good: str
    where: str = ""
    key: str = ""
    max_hold: timedelta = timedelta(hours=1)
    kind: ClassVar[str] = "states"
    unit: ClassVar[str] = "microseconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterIndicator(Meaning):
    """Monotone counters, read at one instant, turned into increments per series and then summed.

    Attributes:
        name: name within a tenant.
        source: DataSource of type prometheus.
        total: PromQL selector, or `sum [by]` of one, joined by + or -; "" when good and bad are both given.
        good: the same for good events, or "".
        bad: the same for bad events, or "".
    """

    name: str
    source: str
    total: str = ""
    good: str = ""
    bad: str = ""
    kind: ClassVar[str] = "counters"
    unit: ClassVar[str] = "events"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryIndicator(Meaning):
    """A query of the source's own, read as it is; what it does inside cannot be checked and is marked so.

    Attributes:
        name: name within a tenant.
        source: DataSource the query runs on.
        query: text in the source's language giving a ratio 0..1 per grid minute.
        meaning: whether the ratio is of good ("success") or of bad ("failure") events.
    """

    name: str
    source: str
    query: str
    meaning: Literal["success", "failure"] = "success"
    kind: ClassVar[str] = "query"
    unit: ClassVar[str] = "minutes"


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleIndicator(Meaning):
    """Each sample of a value is one unit: good when it keeps a bound. Counted exactly.

    Attributes:
        name: name within a tenant.
        source: DataSource the samples come from (rows with a value, or a Prometheus query).
        value: column, expression or PromQL query that gives the value.
        op: comparison that a good sample keeps.
        bound: the bound, exact.
        where: predicate that limits the samples, or "".
    """

    name: str
    source: str
    value: str
    op: Comparison = "lte"
    bound: Fraction = Fraction(0)
    where: str = ""
    kind: ClassVar[str] = "samples"
    unit: ClassVar[str] = "samples"


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueIndicator(Meaning):
    """Values kept per minute as a mergeable sketch, an exact sum and a count, for threshold objectives.

    Attributes:
        name: name within a tenant.
        source: DataSource the values come from.
        value: column or expression, a number; NULL and NaN make the sample unknown.
        where: predicate that limits the samples, or "".
        relative_error: bound of the sketch's quantiles, 0 < e < 1.
    """

    name: str
    source: str
    value: str
    where: str = ""
    relative_error: Fraction = Fraction(1, 100)
    kind: ClassVar[str] = "values"
    unit: ClassVar[str] = "samples"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompositeIndicator(Meaning):
    """Other objectives, combined slice by slice (Kleene logic) or by their summed counts.

    Attributes:
        name: name within a tenant.
        members: names of objectives, at least two, none twice, no cycle.
        op: "and", "or", "k-of-n" or "traffic" (summed counts weighted by traffic).
        k: how many members must be good, for "k-of-n".
        source: always "".
    """

    name: str
    members: tuple[str, ...]
    op: Literal["and", "or", "k-of-n", "traffic"] = "and"
    k: int = 0
    source: str = ""
    kind: ClassVar[str] = "composite"
    unit: ClassVar[str] = "slices"


CombineRule = Literal["users", "probes", "worst", "users-with-probe-fallback", "weighted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuorumIndicator(Meaning):
    """One indicator measured at several locations, an outage needing several of them; a minute is one event they share.

    Attributes:
        name: name within a tenant.
        of: what each location counts.
        locations: values of the event column `site`, at least two, none twice.
        needed: how many must be bad for an outage, or None for the majority of those heard.
        hold: minutes for which a try speaks, >= 1.
        minute_target: good ratio that makes a location's minute good, 0 < t <= 1.
        source: that of `of`.
    """

    name: str
    of: EventIndicator
    locations: tuple[str, ...]
    needed: int | None = None
    hold: int = 1
    minute_target: Fraction = Fraction(1)
    source: str
    kind: ClassVar[str] = "quorum"
    unit: ClassVar[str] = "minutes"


@dataclass(frozen=True, slots=True, kw_only=True)
class CombinedIndicator(Meaning):
    """Two indicators as one by a stated rule; its identity is made of theirs, whatever they are called.

    Attributes:
        name: name within a tenant.
        rule: how; see `nines.telemetry.reconcile_combine`.
        users: counts of users' events.
        probes: counts of tries.
        users_weight: for "weighted", what an event counts, > 0.
        probes_weight: for "weighted", what a try counts, > 0.
        minute_target: for "worst", good ratio that makes a minute good, 0 < t <= 1.
        fill_silent: for the fallback, whether probes also speak where the users' source was not heard at all.
        source: always "".
    """

    name: str
    rule: CombineRule
    users: Member
    probes: Member
    users_weight: Fraction = Fraction(1)
    probes_weight: Fraction = Fraction(1)
    minute_target: Fraction = Fraction(99, 100)
    fill_silent: bool = True
    source: str = ""
    kind: ClassVar[str] = "combined"

    @property
    def unit(self) -> str:
        """What is counted: minutes where both are asked in each, else what the one counts whose counts are taken."""
        if self.rule == "worst":
            return "minutes"
        return self.probes.unit if self.rule == "probes" else self.users.unit


#: What a combined indicator can be made of.
Member = EventIndicator | StateIndicator | CounterIndicator | QueryIndicator | SampleIndicator | QuorumIndicator

Indicator = (
    EventIndicator
    | StateIndicator
    | CounterIndicator
    | QueryIndicator
    | SampleIndicator
    | ValueIndicator
    | CompositeIndicator
    | QuorumIndicator
    | CombinedIndicator
)


def members(indicator: Indicator) -> tuple[Indicator, ...]:
    """Return the indicators whose counts one is made from, down to those that are counted from a source.

    Args:
        indicator: of any kind; one that is counted itself gives itself, a composite nothing.
    """
    if isinstance(indicator, CombinedIndicator):
        return (*members(indicator.users), *members(indicator.probes))
    if isinstance(indicator, CompositeIndicator):
        return ()
    return (indicator.of,) if isinstance(indicator, QuorumIndicator) else (indicator,)
