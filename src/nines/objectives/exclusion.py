"""Exclusions: time, or events in that time, that a promise does not count.

An exclusion is a dated fact: who approved it, when it was recorded, on which clause it rests.
It never deletes a measurement; evaluation shows the number with and without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from nines.spans import Span

ExclusionMode = Literal["drop-events", "shrink-denominator", "count-as-good"]
ExclusionClass = Literal["scheduled", "excluded"]

#: When exclusions of several modes cover the same event or minute, the first of these wins and it counts once.
PRECEDENCE: tuple[ExclusionMode, ...] = ("shrink-denominator", "drop-events", "count-as-good")


@dataclass(frozen=True, slots=True)
class Allowance:
    """At most so much excluded time per calendar period; what exceeds it counts again.

    Attributes:
        length: whole minutes, > 0, shared by all exclusions that name the same clause.
        per: calendar unit, in `zone`.
        zone: IANA time-zone name.
    """

    length: timedelta
    per: Literal["day", "week", "month", "quarter", "year"] = "month"
    zone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """One exclusion with its occurrences already written out.

    Attributes:
        name: identity within a tenant.
        spans: occurrences, sorted by start; they may overlap those of other exclusions.
        mode: what becomes of what it covers; see docs/reference/exclusions.
        kind: "scheduled" (notice was given) or "excluded" (a cause the agreement names).
        where: predicate over the event columns that limits it, or None for everything.
        services: services it holds for; empty means every one.
        objectives: objectives it holds for; empty means every one.
        clause: the clause it rests on, or "".
        approver: who approved it, or "".
        evidence: link or reference, or "".
        allowance: limit of excluded time per period, or None.
        mutes_paging: whether alerts are muted meanwhile; a switch of its own.
        recorded_at: when it was put on record (its `known` time), or None when always known.
        withdrawn_at: when it was withdrawn, or None.
    """

    name: str
    spans: tuple[Span, ...]
    mode: ExclusionMode = "drop-events"
    kind: ExclusionClass = "scheduled"
    where: str | None = None
    services: tuple[str, ...] = ()
    objectives: tuple[str, ...] = ()
    clause: str = ""
    approver: str = ""
    evidence: str = ""
    allowance: Allowance | None = None
    mutes_paging: bool = False
    recorded_at: datetime | None = None
    withdrawn_at: datetime | None = None

    def holds_for(self, service: str, objective: str) -> bool:
        """Return whether the exclusion names this service and objective (or none in particular)."""
        return (not self.services or service in self.services) and (not self.objectives or objective in self.objectives)

    def known_at(self, instant: datetime | None) -> bool:
        """Return whether it stood on record at an instant; None asks about now."""
        if instant is None:
            return self.withdrawn_at is None
        recorded = self.recorded_at is None or self.recorded_at <= instant
        return recorded and (self.withdrawn_at is None or self.withdrawn_at > instant)

    def is_late(self) -> bool:
        """Return whether it was recorded after its first occurrence began."""
        return bool(self.spans) and self.recorded_at is not None and self.recorded_at > self.spans[0].start
