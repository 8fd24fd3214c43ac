"""Folds over facts: what the journal comes to, as known at an instant.

One rule: a fold takes facts in their order and nothing else, so what was believed at any instant can be told again by
giving it the facts recorded until then. Facts whose payload was deleted under a rule are not given to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from nines.journal.facts import Fact
from nines.objectives.exclusion import Allowance, Exclusion
from nines.reading import instant
from nines.spans import Span

Told = tuple[Fact, Mapping[str, Any]]


def exclusion_payload(exclusion: Exclusion) -> dict[str, Any]:
    """Return an exclusion as a fact's payload; `exclusion_of` reads it back."""
    allowance = exclusion.allowance
    return {
        "name": exclusion.name,
        "spans": [[s.start.isoformat(), s.end.isoformat()] for s in exclusion.spans],
        "mode": exclusion.mode,
        "class": exclusion.kind,
        "where": exclusion.where,
        "services": list(exclusion.services),
        "objectives": list(exclusion.objectives),
        "clause": exclusion.clause,
        "approver": exclusion.approver,
        "evidence": exclusion.evidence,
        "allowance": None
        if allowance is None
        else [int(allowance.length.total_seconds()), allowance.per, allowance.zone],
        "mutes_paging": exclusion.mutes_paging,
    }


def exclusion_of(payload: Mapping[str, Any], recorded_at: datetime) -> Exclusion:
    """Return the exclusion a payload says."""
    allowance = payload["allowance"]
    return Exclusion(
        name=payload["name"],
        spans=tuple(Span(instant(a), instant(b)) for a, b in payload["spans"]),
        mode=payload["mode"],
        kind=payload["class"],
        where=payload["where"],
        services=tuple(payload["services"]),
        objectives=tuple(payload["objectives"]),
        clause=payload["clause"],
        approver=payload["approver"],
        evidence=payload["evidence"],
        allowance=None if allowance is None else Allowance(timedelta(seconds=allowance[0]), allowance[1], allowance[2]),
        mutes_paging=payload["mutes_paging"],
        recorded_at=recorded_at,
    )


def exclusions_on_record(told: Iterable[Told]) -> tuple[Exclusion, ...]:
    """Return every exclusion ever recorded, with when it was recorded and withdrawn.

    A name stands for one exclusion: recording it again withdraws the one before at that instant.

    Args:
        told: facts with their payloads, in order; other kinds may be among them.

    Returns:
        In the order they were recorded; ask each `known_at` an instant.
    """
    found: dict[int, Exclusion] = {}
    standing: dict[str, int] = {}
    for fact, payload in told:
        if fact.kind not in {"exclusion.recorded", "exclusion.withdrawn"}:
            continue
        number = standing.pop(payload["name"], None)
        if number is not None:
            found[number] = replace(found[number], withdrawn_at=fact.at)
        if fact.kind == "exclusion.recorded":
            found[fact.number] = exclusion_of(payload, fact.at)
            standing[payload["name"]] = fact.number
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class Annotation:
    """A dated note.

    Attributes:
        subject: objective or service it is about.
        text: what it says.
        about: instant it speaks about.
        author: who wrote it.
        at: when it was recorded.
    """

    subject: str
    text: str
    about: datetime
    author: str
    at: datetime


def notes(told: Iterable[Told]) -> tuple[Annotation, ...]:
    """Return every annotation, in the order it was recorded.

    Args:
        told: facts with their payloads, in order; other kinds may be among them.
    """
    return tuple(
        Annotation(fact.subject, payload["text"], instant(payload["about"]), fact.author, fact.at)
        for fact, payload in told
        if fact.kind == "annotation.added"
    )


@dataclass(frozen=True, slots=True)
class Statement:
    """A closed period.

    Attributes:
        number: number of the fact that closed it.
        objective: key of the objective, as "checkout@month".
        period: the whole period.
        standing: the standing as JSON, as it was closed.
        closed_at: when.
        corrections: standings that later facts made of it, with the reason of each.
    """

    number: int
    objective: str
    period: Span
    standing: Mapping[str, Any]
    closed_at: datetime
    corrections: tuple[Mapping[str, Any], ...] = ()


def statements(told: Iterable[Told]) -> tuple[Statement, ...]:
    """Return closed statements with their corrections, in the order they were closed.

    A statement stays as it was closed; a correction points at its number and stands beside it.

    Args:
        told: facts with their payloads, in order; other kinds may be among them.
    """
    found: dict[int, Statement] = {}
    for fact, payload in told:
        if fact.kind == "statement.closed":
            period = Span(instant(payload["period"][0]), instant(payload["period"][1]))
            found[fact.number] = Statement(fact.number, payload["objective"], period, payload["standing"], fact.at)
        elif fact.kind == "statement.corrected" and payload["corrects"] in found:
            old = found[payload["corrects"]]
            found[old.number] = replace(old, corrections=(*old.corrections, {**payload, "at": fact.at.isoformat()}))
    return tuple(found.values())
