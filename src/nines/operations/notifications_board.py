"""What was told to whom, and by which rules: the outbox, targets, routes and silences beside one another.

One rule: a target's address is shown as it was defined, with the names of its secrets and never the secrets.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from nines.alerting.conditions import AlertTarget
from nines.alerting.routing import Route, Silence
from nines.objectives.exclusion import Exclusion
from nines.operations import notifying
from nines.operations.house import House
from nines.operations.promises import exclusions, in_force
from nines.operations.silencing import silences
from nines.people.rights import Principal, require
from nines.store.outbox import Row

#: A message for one target, as those who show it name it.
Posted = Row
#: Messages on one page.
NEWEST = 200
#: Messages that are looked at for what a target last answered.
LOOKED = 500


@dataclass(frozen=True, slots=True)
class Reached:
    """A target, and how it went lately.

    Attributes:
        target: as defined.
        routes: names of the routes that lead to it.
        taken: the last message it took, or None.
        failed: the last message it did not take, or None.
    """

    target: AlertTarget
    routes: tuple[str, ...]
    taken: Row | None
    failed: Row | None


@dataclass(frozen=True, slots=True)
class Told:
    """Everything at once.

    Attributes:
        rows: messages the filter picks, newest first.
        counts: state -> how many messages there are, of all.
        targets: by name.
        routes: in the order they are tried.
        silences: not over, by name.
        muting: exclusions that mute paging and are not over.
    """

    rows: tuple[Row, ...]
    counts: dict[str, int]
    targets: tuple[Reached, ...]
    routes: tuple[Route, ...]
    silences: tuple[Silence, ...]
    muting: tuple[Exclusion, ...]


def told(house: House, who: Principal, *, at: datetime, objective: str = "", state: str = "", thread: str = "") -> Told:
    """Return what was told and by which rules.

    Args:
        house: whose.
        who: who asks.
        at: present instant.
        objective: only messages of this objective, by key, or "".
        state: only messages in this state, or "".
        thread: only messages of this thread, or "".
    """
    require(who, "see")
    definitions = in_force(house, who.tenant, at=at)
    rows = notifying.log(house, who, newest=NEWEST, objective=objective, state=state, thread=thread)
    routes = sorted(
        chain(definitions.routes.values(), notifying.of_policies(definitions)), key=lambda r: (r.order, r.name)
    )
    lately = notifying.log(house, who, newest=LOOKED)
    targets = [_reached(t, routes, lately) for _, t in sorted(definitions.targets.items())]
    muting = [
        e for e in exclusions(house, who.tenant, definitions) if e.mutes_paging and any(s.end > at for s in e.spans)
    ]
    return Told(
        tuple(rows), house.store.outbox.counts(who.tenant), tuple(targets), tuple(routes),
        tuple(silences(house, who.tenant, at=at)), tuple(muting),
    )  # fmt: skip


def _reached(target: AlertTarget, routes: list[Route], lately: list[Row]) -> Reached:
    own = [r for r in lately if r.target == target.name]
    failed = [r for r in own if r.state == "dead" or (r.state == "waiting" and r.said)]
    return Reached(
        target,
        tuple(dict.fromkeys(r.name for r in routes if target.name in (*r.targets, *r.escalate_to))),
        _newest([r for r in own if r.state == "sent"]), _newest(failed),
    )  # fmt: skip


def _newest(rows: list[Row]) -> Row | None:
    return max(rows, key=lambda r: r.ended_at or r.put_at, default=None)
