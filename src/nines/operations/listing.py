"""Lists of objectives, a page at a time, and the mark by which a caller sees that an answer is still the same.

One rule: only what is shown is evaluated.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from nines.evaluation.standing import Standing
from nines.objectives.objective import Objective
from nines.operations.finding import chosen, edge_of, rests
from nines.operations.house import House
from nines.operations.promises import edition, in_force
from nines.operations.settling import with_waits
from nines.operations.standings import standings
from nines.people.rights import Principal, require


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of standings.

    Attributes:
        standings: those of this page, in the order of their definitions.
        total: objectives that the filters pick, on all pages.
        services: every service in force, sorted.
        labels: every label in force as "name=value", sorted.
    """

    standings: list[Standing]
    total: int
    services: tuple[str, ...]
    labels: tuple[str, ...]


def listed(
    house: House,
    who: Principal,
    *,
    at: datetime,
    known_at: datetime | None = None,
    service: str = "",
    label: str = "",
    text: str = "",
    start: int = 0,
    most: int = 500,
) -> Listed:
    """Return one page of the standings that filters pick.

    Args:
        house: where to look.
        who: who is asking.
        at: instant asked about.
        known_at: as known then, or None for now.
        service: only this service, or "".
        label: only objectives with it, as "team=shop" or "team", or "".
        text: only objectives whose words hold it, or "".
        start: objectives to pass over, >= 0.
        most: objectives of the page, >= 1.
    """
    found = objectives(house, who, at=at, known_at=known_at, service=service, label=label, text=text)
    names = tuple(o.key for o in found[start : start + most])
    shown = standings(house, who, at=at, known_at=known_at, names=names) if names else []
    everything = in_force(house, who.tenant, at=at, known_at=known_at).objectives
    labels = {f"{name}={value}" for o in everything for name, value in o.labels}
    return Listed(shown, len(found), tuple(sorted({o.service for o in everything})), tuple(sorted(labels)))


def objectives(
    house: House,
    who: Principal,
    *,
    at: datetime,
    known_at: datetime | None = None,
    service: str = "",
    label: str = "",
    text: str = "",
) -> list[Objective]:
    """Return the objectives in force that filters pick, without evaluating any; arguments as for `listed`."""
    require(who, "see")
    return chosen(in_force(house, who.tenant, at=at, known_at=known_at), (), service, label, text)


def mark(house: House, who: Principal, *, at: datetime) -> str:
    """Return a text that changes whenever an answer to the same question may change.

    Args:
        house: where to look.
        who: who is asking.
        at: instant asked about; standings move when the grid's last edge has settled.

    Returns:
        16 hex digits over the last flush, the tenant's last revision and fact, what is in force, the last edges of the
        grid, and the last minute judged.
    """
    if who.kind == "nobody":
        return ""
    waited = with_waits(house, who.tenant, in_force(house, who.tenant, at=at), at)
    edges = edge_of(at, rests(waited) | {timedelta()})
    tick = house.store.ticking.last(who.tenant)  # alerts move without a fact, as to pending and unknown
    judged = None if tick is None else tick.minute
    seen = house.lake.last_sequence(), edition(house, who.tenant, at=at), edges, who.tenant, judged
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:16]
