"""The plan: what applying definitions would change, in budget terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from nines.definitions.load import Definitions
from nines.definitions.revisions import digest
from nines.evaluation.standing import Standing
from nines.objectives.objective import Objective
from nines.showing import budget_percent, count, length, percent

Action = Literal["add", "change", "remove"]


@dataclass(frozen=True, slots=True)
class Change:
    """One definition that applying would add, change or remove.

    Attributes:
        action: what would happen to it.
        kind: kind of the definition.
        name: its name.
        what: what that means, sentences apart by "; ".
    """

    action: Action
    kind: str
    name: str
    what: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that applying would change, sorted."""

    changes: tuple[Change, ...]

    @property
    def empty(self) -> bool:
        """Whether nothing would change."""
        return not self.changes


def plan(before: Definitions, after: Definitions, standings: Mapping[str, Standing], *, removing: bool) -> Plan:
    """Return what applying would change.

    Args:
        before: in force.
        after: in files.
        standings: present standings by name@window, for what is spent already.
        removing: whether definitions in force that the files lack count as removed.
    """
    changes = []
    for key, document in after.documents.items():
        old = before.documents.get(key)
        if old is None:
            changes.append(Change("add", *key, _added(after, *key)))
        elif digest(old) != digest(document):
            words = [
                *_fields(old.value.get("spec") or {}, document.value.get("spec") or {}),
                *_meaning(before, after, *key, standings),
            ]
            changes.append(Change("change", *key, "; ".join(words) or "labels or annotations"))
    gone = sorted(set(before.documents) - set(after.documents)) if removing else []
    changes += [Change("remove", *key, "is retired; its past stays on record") for key in gone]
    order = {"remove": 0, "change": 1, "add": 2}
    return Plan(tuple(sorted(changes, key=lambda c: (order[c.action], c.kind, c.name))))


def _objectives(definitions: Definitions, name: str) -> list[Objective]:
    return [o for o in definitions.objectives if o.name == name]


def _added(after: Definitions, kind: str, name: str) -> str:
    if kind not in {"SLO", "Composite"}:
        return "is new"
    return "; ".join(_allows(o) for o in _objectives(after, name)) or "is new"


def _allows(objective: Objective) -> str:
    """Say what a target allows over its window, as time and as a share."""
    if objective.bound is not None:
        bound = objective.bound
        return f"{bound.aggregate} {bound.op} {float(bound.value):g} over {objective.window.label}"
    budget = objective.terms[-1].budget
    allowed = (
        objective.window.nominal * budget.numerator / budget.denominator if budget else objective.window.nominal * 0
    )
    target = percent(objective.terms[-1].target)
    return f"target {target} over {objective.window.label} allows {length(allowed)} of full outage"


def _fields(old: Any, new: Any, path: str = "") -> list[str]:  # noqa: ANN401 - any YAML value
    """Return each field that differs, as `field: old -> new`."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [*old, *(k for k in new if k not in old)]
        return [
            words
            for key in keys
            for words in _fields(old.get(key), new.get(key), f"{path}.{key}" if path else str(key))
        ]
    return [] if old == new else [f"{path}: {_shown(old)} -> {_shown(new)}"]


def _shown(value: Any) -> str:  # noqa: ANN401 - any YAML value
    return "nothing" if value is None else str(value)


def _meaning(
    before: Definitions, after: Definitions, kind: str, name: str, standings: Mapping[str, Standing]
) -> list[str]:
    """Say in budget terms what a changed definition means."""
    if kind == "SLI":
        old, new = before.indicators.get(name), after.indicators.get(name)
        same = old is not None and new is not None and old.identity == new.identity
        return [] if same else ["counts something else: a new series begins, backfilled from the stored rows"]
    if kind not in {"SLO", "Composite"}:
        return []
    words = []
    olds = {o.window.label: o for o in _objectives(before, name)}
    for objective in _objectives(after, name):
        if objective.window.label not in olds:
            words.append(_allows(objective))
            continue
        words += _budget_terms(olds[objective.window.label], objective, standings.get(objective.key))
    return words


def _budget_terms(old: Objective, new: Objective, standing: Standing | None) -> list[str]:
    a, b = old.terms[-1].budget, new.terms[-1].budget
    if a == b:
        return []
    nominal = new.window.nominal
    words = [f"{new.window.label}: full outage allowed {length(nominal * float(a))} -> {length(nominal * float(b))}"]
    period = standing.outcome.period if standing else None
    if period is not None and period.spent_ratio is not None and a:
        allowed = period.allowed * b / a
        spent = period.spent / allowed if allowed else None
        shown = "all of it and more" if spent is None else budget_percent(-(-spent * 100 // 1) / Fraction(100))
        unit, before = standing.unit if standing else "", budget_percent(period.spent_ratio)
        words.append(f"{count(period.spent)} of {count(period.allowed)} {unit} spent: {before} -> {shown}")
    if new.window.kind == "calendar":
        words.append("holds from the next period on")
    return words
