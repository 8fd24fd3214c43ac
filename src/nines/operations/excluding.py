"""Exclusions put on record one by one, and what they make of closed statements."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from nines.errors import InputError, NotFoundError, Problem
from nines.journal.folds import exclusion_payload, exclusions_on_record
from nines.objectives.exclusion import Exclusion, ExclusionClass, ExclusionMode
from nines.operations.house import House
from nines.operations.promises import in_force
from nines.operations.statements import correct
from nines.people.rights import Principal, require
from nines.predicates import parse
from nines.spans import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An exclusion as a person asks for it."""

    name: str
    start: datetime | None
    end: datetime | None
    services: tuple[str, ...] = ()
    objectives: tuple[str, ...] = ()
    where: str = ""
    mode: str = "drop-events"
    kind: str = "excluded"
    clause: str = ""
    approver: str = ""
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What recording came to.

    Attributes:
        summary: one sentence for people.
        problems: warnings.
        corrections: closed statements that were given a correction.
    """

    summary: str
    problems: tuple[Problem, ...] = ()
    corrections: tuple[str, ...] = ()


def _mistakes(house: House, who: Principal, asked: Wanted, now: datetime) -> list[Problem]:
    """Return every mistake of an exclusion as asked for."""
    found: list[Problem] = []
    definitions = in_force(house, who.tenant, at=now)
    for option, value, choices in (("--mode", asked.mode, ExclusionMode), ("--class", asked.kind, ExclusionClass)):
        if value not in get_args(choices):
            fix = f"write one of {', '.join(get_args(choices))}"
            found.append(Problem(option, f"{value!r} is not known", fix, code="bad-choice"))
    names = {o.name for o in definitions.objectives}
    lacking = [("--service", "Service", s) for s in asked.services if s not in definitions.services]
    lacking += [("--objective", "SLO", o) for o in asked.objectives if o not in names]
    found += [Problem(option, f"there is no {kind} {name!r}", code="unknown-name") for option, kind, name in lacking]
    if asked.where:
        try:
            parse(asked.where, where="--where")
        except InputError as error:
            found.extend(error.problems)
    return found


def _checked(house: House, who: Principal, asked: Wanted, now: datetime) -> Exclusion:
    """Return the exclusion, or refuse it with every mistake."""
    found = _mistakes(house, who, asked, now)
    if asked.start is None or asked.end is None or asked.end <= asked.start:
        what = "both are needed, and the end lies after the start"
        found.append(Problem("--from, --to", what, "state two instants", code="exclusion-time"))
    if found:
        raise InputError(*found)
    assert asked.start is not None
    assert asked.end is not None
    return Exclusion(
        name=asked.name, spans=(Span(asked.start, asked.end),), mode=_mode(asked.mode), kind=_kind(asked.kind),
        where=asked.where or None, services=asked.services, objectives=asked.objectives, clause=asked.clause,
        approver=asked.approver, evidence=asked.evidence, recorded_at=now,
    )  # fmt: skip


def _mode(text: str) -> ExclusionMode:
    return next(m for m in get_args(ExclusionMode) if m == text)


def _kind(text: str) -> Literal["scheduled", "excluded"]:
    return "scheduled" if text == "scheduled" else "excluded"


def exclude(house: House, who: Principal, asked: Wanted, *, now: datetime) -> Recorded:
    """Put an exclusion on record; closed statements it touches are given a correction and stay as they were.

    Args:
        house: where to.
        who: who does it.
        asked: what shall not count.
        now: present instant.

    Raises:
        InputError: it cannot be recorded as asked; nothing is stored.
    """
    require(who, "exclude")
    exclusion = _checked(house, who, asked, now)
    with house.store.deed(who.tenant, who.name, now) as deed:
        deed.tell("exclusion.recorded", f"exclusion {exclusion.name}", exclusion_payload(exclusion))
    corrected = correct(house, who, exclusion.spans, f"exclusion {exclusion.name}", now=now)
    notes = [f"exclusion {exclusion.name} is on record"]
    problems: tuple[Problem, ...] = ()
    if exclusion.is_late():
        notes.append("marked late")
        problems = (
            Problem(
                f"exclusion {exclusion.name}",
                "it was recorded after it began, and is marked late",
                "",
                "note",
                "late-exclusion",
            ),
        )
    if corrected:
        notes.append(f"{len(corrected)} closed statements were given a correction")
    return Recorded("; ".join(notes), problems, corrected)


def withdraw(house: House, who: Principal, name: str, *, now: datetime) -> Recorded:
    """Withdraw an exclusion that was recorded one by one.

    Raises:
        NotFoundError: there is none of that name on record.
    """
    require(who, "exclude")
    held = [e for e in exclusions_on_record(house.store.told(who.tenant)) if e.name == name and e.withdrawn_at is None]
    if not held:
        fix = "exclusions of definitions are withdrawn by applying the definitions without them"
        raise NotFoundError(Problem(name, "no such exclusion is on record", fix, code="no-exclusion"))
    with house.store.deed(who.tenant, who.name, now) as deed:
        deed.tell("exclusion.withdrawn", f"exclusion {name}", {"name": name})
    corrected = correct(house, who, held[-1].spans, f"withdrawal of exclusion {name}", now=now)
    return Recorded(f"exclusion {name} is withdrawn", corrections=corrected)


def recorded(house: House, who: Principal, *, now: datetime) -> list[Exclusion]:
    """Return every exclusion that is on record now, those of the definitions first."""
    require(who, "see")
    told = house.store.told(who.tenant, kinds=("exclusion.recorded", "exclusion.withdrawn"))
    single = [e for e in exclusions_on_record(told) if e.withdrawn_at is None]
    return [*in_force(house, who.tenant, at=now).exclusions, *single]
