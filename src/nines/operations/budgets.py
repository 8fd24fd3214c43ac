"""Budgets being spent: what was told of each, and what ErrorBudgetPolicies make of it.

One rule: a budget is looked at exactly as a standing shows it; arrays only say which budgets need no look.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction
from typing import Any

import numpy as np

from nines.alerting import telling
from nines.alerting.depletion import FAR, BudgetState, Depletion, Notice, Spent, StepChange, deplete, enforce
from nines.alerting.message import Message
from nines.alerting.payloads import notice_json, notice_kind, step_json, step_kind
from nines.alerting.policy import BudgetStep, ErrorBudgetPolicy
from nines.definitions.load import Definitions
from nines.evaluation.answers import Burning, Factors
from nines.evaluation.sweep import OWN
from nines.evaluation.sweep_all import AllAnswers
from nines.objectives.objective import Objective
from nines.spans import minute_of
from nines.store.deed import Deed

#: A budget that needs a look gets one every so many minutes, its own minute among them.
EVERY = 5


_NOTHING = Depletion()


@dataclass(frozen=True, slots=True)
class Held:
    """What was told of one objective's budget.

    Attributes:
        depletion: shares and forecast.
        states: ErrorBudgetPolicy -> steps in force.
        opened: what is open -> since when: "exhaustion", or policy, consequence and share of a step.
    """

    depletion: Depletion = _NOTHING
    states: Mapping[str, BudgetState] = field(default_factory=dict)
    opened: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def idle(self) -> bool:
        """Whether nothing is told that could be taken back."""
        return (
            not self.depletion.told and not self.depletion.exhausting and not any(s.steps for s in self.states.values())
        )


@dataclass
class Budgets:
    """What was told of the budgets of one tenant.

    Attributes:
        held: by key of the objective.
        news: what this tick brought: objective, what happened, and since when.
        changed: keys of objectives whose row has to be written.
        policies: the ErrorBudgetPolicies in force.
    """

    MARK = "/budget"

    held: dict[str, Held] = field(default_factory=dict)
    news: list[tuple[Objective, Notice | StepChange, datetime]] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)
    policies: tuple[ErrorBudgetPolicy, ...] = ()

    @classmethod
    def of(cls, rows: Mapping[str, Mapping[str, Any]]) -> Budgets:
        """Return what rows of the store hold."""
        return cls({k.removesuffix(cls.MARK): _held_of(v) for k, v in rows.items() if k.endswith(cls.MARK)})

    def fresh(self) -> Budgets:
        """Return the same, with nothing new yet: what a tick works on until its deed is done."""
        return Budgets(dict(self.held))

    def _shares(self, objective: Objective) -> tuple[Fraction, ...]:
        return objective.watching.depletion if objective.watching is not None else ()

    def _enforced(self, objective: Objective) -> tuple[Fraction, ...]:
        """Return the shares at which ErrorBudgetPolicies ask something of an objective."""
        return tuple(s.spent for p in self.policies if objective.name in p.objectives for s in p.steps)

    def judge(self, answers: AllAnswers, definitions: Definitions, loud: set[int]) -> None:
        """Look at every budget that needs it.

        Args:
            answers: how all objectives stand at the minute.
            definitions: in force.
            loud: places of objectives that told something this minute: they are looked at at once.
        """
        minute, self.policies = minute_of(answers.at), tuple(definitions.budget_policies.values())
        for place in sorted(self._asked(answers)):
            if place in loud or (minute - place) % EVERY == 0:
                self._look(answers, place)

    def _asked(self, answers: AllAnswers) -> set[int]:
        """Return the places whose budget may have crossed something, or has told what may be taken back."""
        asked = [(n, o) for n, o in enumerate(answers.objectives) if o.watching is not None or self._enforced(o)]
        places = {n for n, o in asked if o.bound is None and o.term_at(answers.at).budget}
        first = [min((*self._shares(o), *self._enforced(o)), default=Fraction(1)) for o in answers.objectives]
        spent = answers.burning(OWN, Factors.of(first))
        ahead = [Fraction(int(o.window.nominal / FAR * 500), 1000) for o in answers.objectives]
        quick = answers.burning("1d", Factors.of([max(f, Fraction(1, 1000)) for f in ahead]))
        loud = set(np.flatnonzero((spent != Burning.UNDER) | (quick != Burning.UNDER)).tolist())
        told = {n for n in places if not self.held.get(answers.objectives[n].key, Held()).idle}
        return (loud & places) | told

    def _look(self, answers: AllAnswers, place: int) -> None:
        objective, at = answers.objectives[place], answers.at
        policies, watching = [p for p in self.policies if objective.name in p.objectives], objective.watching
        standing, before = answers.standing(place), self.held.get(answers.objectives[place].key, Held())
        spent = Spent.of(standing)
        ahead = standing.exhaustion if watching is not None and watching.forecast else None
        state, notices = deplete(before.depletion, spent, at, ahead, self._shares(objective))
        states, opened = dict(before.states), dict(before.opened)
        for notice in notices:
            since = _since(opened, "exhaustion", at, opens=notice.kind == "exhausting") if notice.share is None else at
            self.news.append((objective, notice, since))
        for policy in policies:
            found, changes = enforce(states.get(policy.name, BudgetState()), policy, objective.key, spent, at)
            states[policy.name] = found
            for change in changes:
                name = f"{policy.name} {change.step.consequence} {change.step.spent}"
                self.news.append((objective, change, _since(opened, name, at, opens=change.kind == "entered")))
        after = Held(state, states, opened)
        if after != before:
            self.held[objective.key] = after
            self.changed.add(objective.key)

    def tell(self, deed: Deed, tenant: str) -> list[Message]:
        """Put what is new on record, and return what is to be told of it.

        Args:
            deed: the tick's.
            tenant: whose it is.
        """
        messages = []
        for objective, happened, since in self.news:
            if isinstance(happened, Notice):
                deed.tell(notice_kind(happened), f"objective {objective.key}", notice_json(happened))
                messages.append(telling.of_notice(objective, happened, tenant, since))
            else:
                deed.tell(step_kind(happened), f"objective {objective.key}", step_json(happened))
                messages.append(telling.of_step(objective, happened, tenant, since))
        return messages

    def rows(self) -> dict[str, dict[str, Any] | None]:
        """Return the rows that changed, by key."""
        return {f"{key}{self.MARK}": _json(self.held[key]) for key in sorted(self.changed)}


def _since(opened: dict[str, datetime], name: str, at: datetime, *, opens: bool) -> datetime:
    """Return since when something is open, noting that it begins or ends now."""
    if opens:
        opened[name] = at
        return at
    return opened.pop(name, at)


def _json(held: Held) -> dict[str, Any]:
    return {
        "depletion": {
            "period": held.depletion.period,
            "told": [str(s) for s in held.depletion.told],
            "exhausting": held.depletion.exhausting,
        },
        "states": {
            name: {"period": s.period, "steps": [[str(t.spent), t.consequence] for t in s.steps]}
            for name, s in held.states.items()
        },
        "opened": {name: at.isoformat() for name, at in held.opened.items()},
    }


def _held_of(row: Mapping[str, Any]) -> Held:
    said = row["depletion"]
    told = Depletion(said["period"], tuple(Fraction(s) for s in said["told"]), said["exhausting"])
    states = {
        name: BudgetState(s["period"], tuple(BudgetStep(Fraction(share), what) for share, what in s["steps"]))
        for name, s in row["states"].items()
    }
    opened = {name: datetime.fromisoformat(at) for name, at in row["opened"].items()}
    return replace(Held(), depletion=told, states=states, opened=opened)
