"""How fresh every source is, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from nines.errors import Problem
from nines.lake.hearing import Freshness
from nines.operations.house import House
from nines.operations.promises import in_force
from nines.people.rights import Principal, require
from nines.showing import length
from nines.telemetry.datasource import DataSource


@dataclass(frozen=True, slots=True)
class SourceReport:
    """One source as it is now.

    Attributes:
        source: its definition, or None when rows came for one that is no longer in force.
        name: its name.
        freshness: what the lake holds of it.
        age: time since its last event, or None without any.
        silent: whether it has been silent for longer than its heartbeat allows.
        problems: what a person should look at.
    """

    source: DataSource | None
    name: str
    freshness: Freshness
    age: timedelta | None
    silent: bool
    problems: tuple[Problem, ...]


def sources(house: House, who: Principal, *, at: datetime) -> list[SourceReport]:
    """Return every source in force or with rows, sorted by name.

    Args:
        house: where to look.
        who: who is asking.
        at: present instant.
    """
    require(who, "see")
    defined = in_force(house, who.tenant, at=at).sources
    held = {f.source: f for f in house.lake.freshness(who.tenant)}
    return [
        _report(defined.get(name), held.get(name, Freshness(name, 0, None, None, None, 0)), at)
        for name in sorted({*defined, *held})
    ]


def _report(source: DataSource | None, freshness: Freshness, at: datetime) -> SourceReport:
    age = at - freshness.last if freshness.last is not None else None
    allowed = source.heartbeat.gap + source.settle if source is not None else timedelta(minutes=5)
    silent = age is None or age > allowed
    problems = []
    if freshness.rows == 0 and not freshness.pending:
        problems.append(
            Problem(
                freshness.source,
                "nothing has ever come from it",
                "`nines ingest`, or send it events",
                "note",
                "never-heard",
            )
        )
    elif age is not None and silent:
        problems.append(
            Problem(
                freshness.source,
                f"it has been silent for {length(age)}",
                "what it hides counts as unknown",
                "warning",
                "silent",
            )
        )
    if source is None:
        problems.append(
            Problem(
                freshness.source,
                "rows came for it, but it is not in force",
                "apply its definition",
                "warning",
                "not-in-force",
            )
        )
    return SourceReport(source, freshness.source, freshness, age, silent, tuple(problems))
