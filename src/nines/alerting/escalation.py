"""Escalation: when a page that nobody takes on is told again, and whom then.

One rule: every step's instant is fixed when the page is told, and is a fact; whatever wakes somebody at it may be lost
and made anew from the facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nines.alerting.message import Message, message_json, message_of
from nines.alerting.routing import Route
from nines.journal.facts import Fact


@dataclass(frozen=True, slots=True)
class Step:
    """One time somebody is told.

    Attributes:
        due: when, unless the page was taken on or ended before.
        kind: "reminded" tells those who were told already, "escalated" the next who can be asked.
        targets: names of targets.
    """

    due: datetime
    kind: str
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Escalation:
    """What follows a page, by one route.

    Attributes:
        page: the message that nobody has taken on.
        route: name of the route.
        steps: in order of their instants.
    """

    page: Message
    route: str
    steps: tuple[Step, ...]


def planned(page: Message, route: Route, at: datetime) -> Escalation | None:
    """Return what follows a message on a route, or None when nothing does.

    Args:
        page: as told.
        route: the route it is told by.
        at: when it is told.

    Example:
        >>> from datetime import UTC, timedelta
        >>> noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
        >>> page = Message(tenant="t", thread="x", number=1, kind="fired", severity="page", title="x", at=noon)
        >>> route = Route("r", ("on-call",), remind_after=timedelta(minutes=10), escalate_to=("lead", "head"))
        >>> [(f"{s.due:%H:%M}", s.kind, s.targets[0]) for s in planned(page, route, noon).steps]
        [('12:10', 'reminded', 'on-call'), ('12:20', 'escalated', 'lead'), ('12:30', 'escalated', 'head')]
    """
    if route.remind_after is None or page.severity != "page" or page.stage != "opens":
        return None
    asked = [("reminded", route.targets), *(("escalated", (target,)) for target in route.escalate_to)]
    steps = (Step(at + n * route.remind_after, kind, targets) for n, (kind, targets) in enumerate(asked, 1))
    return Escalation(page, route.name, tuple(steps))


def escalation_json(plan: Escalation) -> dict[str, Any]:
    """Return an escalation as a fact's payload; `escalation_of` reads it back."""
    steps = [{"due": s.due.isoformat(), "kind": s.kind, "targets": list(s.targets)} for s in plan.steps]
    return {"page": message_json(plan.page), "route": plan.route, "steps": steps}


def escalation_of(held: Mapping[str, Any]) -> Escalation:
    """Return the escalation that a payload holds."""
    steps = (Step(datetime.fromisoformat(s["due"]), s["kind"], tuple(s["targets"])) for s in held["steps"])
    return Escalation(message_of(held["page"]), held["route"], tuple(steps))


@dataclass(frozen=True, slots=True)
class Waiting:
    """An escalation that has not ended.

    Attributes:
        number: of the fact that planned it: its name.
        plan: what was planned.
        told: how many of its steps were told.
    """

    number: int
    plan: Escalation
    told: int = 0

    @property
    def next(self) -> Step:
        """The step that is told next."""
        return self.plan.steps[self.told]


#: Kinds of facts that an escalation is folded from.
KINDS = ("escalation.planned", "escalation.told", "alert.acknowledged", "alert.resolved")


def waiting(facts: Iterable[tuple[Fact, Mapping[str, Any]]]) -> dict[int, Waiting]:
    """Return the escalations that have not ended, by number: not told to the last, nor taken on, nor over.

    Args:
        facts: of the kinds `KINDS`, in order, with their payloads.
    """
    found: dict[int, Waiting] = {}
    taken: set[str] = set()
    for fact, said in facts:
        if fact.kind == "escalation.planned":
            plan = escalation_of(said)
            if plan.page.thread not in taken:
                found[fact.number] = Waiting(fact.number, plan)
        elif fact.kind == "escalation.told":
            one = found.pop(said["plan"], None)
            if one is not None and one.told + 1 < len(one.plan.steps):
                found[one.number] = Waiting(one.number, one.plan, one.told + 1)
        else:
            thread = _thread(fact.kind, said)
            taken |= {thread} if fact.kind == "alert.acknowledged" else set()
            found = {n: w for n, w in found.items() if w.plan.page.thread != thread}
    return found


def _thread(kind: str, said: Mapping[str, Any]) -> str:
    """Return the thread that a fact takes on or ends."""
    if kind == "alert.acknowledged":
        return str(said["thread"])
    return f"{said['alert']['key']} #{said['alert']['episode']}"
