"""Routing: which message goes to whom, and when.

One rule: routing never loses a message. What no route takes goes to the tenant's last resort, or is kept as unrouted
and shown; what is silenced or waits for the morning is kept with its reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Literal

from nines.alerting.message import Message, Severity
from nines.objectives.period import period
from nines.objectives.window import CalendarWindow
from nines.spans import Span

#: Severities from the gravest.
SEVERITIES: tuple[Severity, ...] = ("page", "ticket", "note")


@dataclass(frozen=True, slots=True)
class Match:
    """One condition on a message.

    Attributes:
        name: "service", "objective", "kind", "severity", "tenant", or the name of a label.
        values: any of these; a value that ends in * takes whatever begins so. Empty: the label is there at all.
    """

    name: str
    values: tuple[str, ...] = ()

    def takes(self, message: Message) -> bool:
        """Return whether a message meets it.

        Example:
            >>> from datetime import UTC
            >>> told = Message(tenant="t", thread="x", number=1, kind="fired", severity="page", title="x",
            ...                at=datetime(2026, 1, 1, tzinfo=UTC), labels=(("team", "shop-eu"),))
            >>> Match("team", ("shop-*",)).takes(told), Match("team", ("web",)).takes(told), Match("tier").takes(told)
            (True, False, False)
        """
        own = {"service": message.service, "objective": message.objective, "kind": message.kind,
               "severity": message.severity, "tenant": message.tenant}  # fmt: skip
        held = own.get(self.name, dict(message.labels).get(self.name))
        if held is None:
            return False
        return not self.values or any(held.startswith(v[:-1]) if v.endswith("*") else held == v for v in self.values)


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours in which what is not grave waits.

    Attributes:
        begins: wall clock at which they begin.
        ends: wall clock at which they end; the next day when it is not later than `begins`.
        zone: IANA name.
        passing: severities that are told all the same.
    """

    begins: time
    ends: time
    zone: str = "UTC"
    passing: tuple[Severity, ...] = ("page",)

    def until(self, at: datetime) -> datetime | None:
        """Return the end of the quiet hours that hold an instant, or None outside of them.

        Example:
            >>> from datetime import UTC
            >>> night = Quiet(time(22), time(7), "Europe/Berlin")
            >>> night.until(datetime(2026, 3, 1, 23, tzinfo=UTC)).isoformat()
            '2026-03-02T06:00:00+00:00'
            >>> night.until(datetime(2026, 3, 1, 12, tzinfo=UTC)) is None
            True
        """
        begun = _edge(self.begins, self.zone, at).start
        end = _edge(self.ends, self.zone, begun).end
        return end if at < end else None


def _edge(clock: time, zone: str, at: datetime) -> Span:
    """Return the day between two showings of a wall clock that holds an instant; the end is after it."""
    return period(CalendarWindow("day", zone=zone, anchor=datetime.combine(datetime(1970, 1, 1), clock)), at)  # noqa: DTZ001


@dataclass(frozen=True, slots=True)
class Digest:
    """A time of day at which what has gathered is told at once.

    Attributes:
        at: wall clock.
        zone: IANA name.
        severities: what gathers; graver messages are told at once.
    """

    at: time
    zone: str = "UTC"
    severities: tuple[Severity, ...] = ("ticket", "note")


@dataclass(frozen=True, slots=True)
class Route:
    """Where some messages go.

    Attributes:
        name: within a tenant.
        targets: names of AlertNotificationTargets.
        matches: all of them must be met; none takes every message.
        order: routes are tried from the lowest; those of one order by name.
        goes_on: whether later routes are tried as well.
        hours: when it holds (a Calendar's opening hours), or None for always.
        group_by: names of labels (or service, objective) whose equal values are told together; empty tells each alone.
        group_wait: how long a group gathers before it is told.
        quiet: quiet hours, or None.
        digest: daily digest, or None.
        remind_after: an opened thread that nobody acknowledged is told again after this, or None.
        escalate_to: targets asked one after the other at every reminder.
    """

    name: str
    targets: tuple[str, ...]
    matches: tuple[Match, ...] = ()
    order: int = 100
    goes_on: bool = False
    hours: tuple[Span, ...] | None = None
    group_by: tuple[str, ...] = ()
    group_wait: timedelta = timedelta()
    quiet: Quiet | None = None
    digest: Digest | None = None
    remind_after: timedelta | None = None
    escalate_to: tuple[str, ...] = ()

    def takes(self, message: Message, at: datetime) -> bool:
        """Return whether the route takes a message at an instant."""
        open_now = self.hours is None or any(at in span for span in self.hours)
        return open_now and all(m.takes(message) for m in self.matches)


@dataclass(frozen=True, slots=True)
class Silence:
    """Messages that nobody is to be told for a while; alerts go on being judged.

    Attributes:
        name: within a tenant.
        matches: all must be met; at least one.
        span: when.
        author: who made it.
        reason: why.
    """

    name: str
    matches: tuple[Match, ...]
    span: Span
    author: str
    reason: str

    def takes(self, message: Message, at: datetime) -> bool:
        """Return whether it silences a message at an instant. A heartbeat cannot be silenced."""
        if message.kind == "heartbeat":
            return False
        return at in self.span and bool(self.matches) and all(m.takes(message) for m in self.matches)


Held = Literal["", "silenced", "quiet", "digest", "group"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message for one target.

    Attributes:
        target: name of the target.
        route: name of the route, or "last resort".
        due: when it is told at the earliest.
        group: messages of one target and group that are due are told together; the message's own id tells it alone.
        held: why it is not told at once, or "".
        why: the same for people, as "quiet until 07:00 Europe/Berlin".
    """

    target: str
    route: str
    due: datetime
    group: str
    held: Held = ""
    why: str = ""


def route(
    message: Message,
    routes: Sequence[Route],
    silences: Sequence[Silence],
    at: datetime,
    *,
    last_resort: tuple[str, ...] = (),
) -> tuple[Delivery, ...]:
    """Return who is to be told of a message, each target once.

    Args:
        message: what to tell.
        routes: in force.
        silences: on record, over or not.
        at: present instant.
        last_resort: targets for what no route takes.

    Returns:
        Deliveries; one with `held` "silenced" is kept and never told. None when nobody takes it: keep it as unrouted.
    """
    silence = next((s for s in silences if s.takes(message, at)), None)
    found: dict[str, Delivery] = {}
    for one in sorted(routes, key=lambda r: (r.order, r.name)):
        if one.takes(message, at):
            for target in one.targets:
                found.setdefault(target, _delivery(message, one, target, at))
            if not one.goes_on:
                break
    if not found:
        found = {t: Delivery(t, "last resort", at, message.id) for t in last_resort}
    if silence is None:
        return tuple(found.values())
    why = f"silenced by {silence.name} until {silence.span.end:%Y-%m-%d %H:%M} UTC: {silence.reason}"
    return tuple(Delivery(d.target, d.route, d.due, d.group, "silenced", why) for d in found.values())


def _delivery(message: Message, one: Route, target: str, at: datetime) -> Delivery:
    """Return when a message is told on a route: quiet hours and digests come before a group's wait."""
    if one.digest is not None and message.severity in one.digest.severities:
        due = _edge(one.digest.at, one.digest.zone, at).end
        return Delivery(
            target, one.name, due, f"digest {one.name} {due.isoformat()}", "digest", f"digest of {_clock(due)}"
        )
    quiet = one.quiet.until(at) if one.quiet is not None and message.severity not in one.quiet.passing else None
    if quiet is not None:
        return Delivery(
            target, one.name, quiet, f"quiet {one.name} {quiet.isoformat()}", "quiet", f"quiet until {_clock(quiet)}"
        )
    if one.group_by and one.group_wait:
        values = {"service": message.service, "objective": message.objective, **dict(message.labels)}
        group = " ".join(f"{name}={values.get(name, '')}" for name in one.group_by)
        due = at + one.group_wait
        return Delivery(target, one.name, due, f"group {one.name} {group}", "group", f"gathered until {_clock(due)}")
    return Delivery(target, one.name, at, message.id)


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
