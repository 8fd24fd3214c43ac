"""Revisions: effective-dated documents become objectives whose past keeps its targets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from nines.definitions.load import Definitions, load_texts
from nines.definitions.positions import Document
from nines.objectives.objective import Objective, Term


@dataclass(frozen=True, slots=True)
class Version:
    """One recorded version of a document.

    Attributes:
        kind: kind of the definition.
        name: its name.
        number: number of the revision.
        effective_from: first instant it holds.
        text: its text, or None when it retires the definition.
    """

    kind: str
    name: str
    number: int
    effective_from: datetime
    text: str | None


def digest(document: Document) -> str:
    """Return a hash of what a document says: 64 hex digits; layout and comments make no difference."""
    text = json.dumps(document.value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def in_force(versions: Sequence[Version], at: datetime) -> list[Version]:
    """Return the version of each definition that holds at an instant; retired ones are left out.

    Args:
        versions: in the order they were recorded.
        at: instant asked about.
    """
    found: dict[tuple[str, str], Version] = {}
    for version in versions:
        if version.effective_from <= at:
            current = found.get((version.kind, version.name))
            if current is None or version.effective_from >= current.effective_from:
                found[version.kind, version.name] = version
    return [v for v in found.values() if v.text is not None]


def read_history(versions: Sequence[Version], at: datetime, tenant: str = "default") -> Definitions:
    """Return the definitions in force at an instant, every objective with the terms of its past and future.

    Args:
        versions: in the order they were recorded.
        at: instant asked about.
        tenant: owner, whom the objectives and so their standings name.
    """
    holding = in_force(versions, at)
    found = load_texts([(f"{v.kind} {v.name} revision {v.number}", v.text or "") for v in holding])
    numbers = {(v.kind, v.name): v for v in holding}
    apart: dict[tuple[str, str], list[Version]] = {}
    for version in versions:
        apart.setdefault((version.kind, version.name), []).append(version)
    objectives = (_with_terms(o, apart, numbers) for o in found.objectives)
    return replace(found, objectives=tuple(replace(o, tenant=tenant) for o in objectives))


def _with_terms(
    objective: Objective,
    versions: Mapping[tuple[str, str], Sequence[Version]],
    holding: Mapping[tuple[str, str], Version],
) -> Objective:
    kind = "SLO" if ("SLO", objective.name) in holding else "Composite"
    current = holding[kind, objective.name]
    terms: list[Term] = []
    for version in sorted(versions[kind, objective.name], key=_order):
        if version.text is None:
            terms = []
            continue
        old = objective if version is current else _objective(version, objective)
        if old is None or not _same_series(old, objective):
            terms = []  # another indicator or another kind of slice: its units are not these
            continue
        begins = version.effective_from if terms else None
        terms.append(replace(old.terms[0], effective_from=begins, revision=version.number))
    return replace(objective, terms=tuple(terms))


def _order(version: Version) -> tuple[datetime, int]:
    return version.effective_from, version.number


def _objective(version: Version, like: Objective) -> Objective | None:
    """Return the objective of another version with the same window, or None."""
    found = load_texts([("", version.text or "")]).objectives
    return next((o for o in found if o.window == like.window), None)


def _same_series(old: Objective, new: Objective) -> bool:
    a, b = old.terms[0].method, new.terms[0].method
    return type(a) is type(b) and a.slice_minutes == b.slice_minutes and old.indicator == new.indicator
