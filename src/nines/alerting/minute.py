"""One minute of all objectives: which rules are decided, and what the alerts make of it.

One rule: arrays say which rules are surely quiet; every other decision is taken exactly. An alert that tells nothing
and is surely under is left alone, so a quiet minute of ten thousand objectives costs no more than the arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction

import numpy as np

from nines.alerting.decide import Decision, Reading, decide, decide_count
from nines.alerting.life import Alert, Change, advance
from nines.alerting.loss import BlindRule, Counted, LossRule, blind, suspected_loss
from nines.alerting.policy import BurnPolicy, BurnRule
from nines.errors import NinesError, Problem
from nines.evaluation.answers import Burning, Factors
from nines.evaluation.sweep_all import AllAnswers
from nines.objectives.objective import Objective
from nines.reading import duration_text

#: Burn rate that is never reached: the place of objectives that a rule does not concern.
_NEVER = Fraction(10**12)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is watched on one objective.

    Attributes:
        place: of the objective in the answers.
        objective: the promise.
        policy: its burn rules, or None where nothing burns.
        blind: when not knowing is told, or None.
        loss: when lost traffic is told, or None.
    """

    place: int
    objective: Objective
    policy: BurnPolicy | None
    blind: BlindRule | None = None
    loss: LossRule | None = None

    def key(self, rule: str) -> str:
        """Return the key of a rule's alert, as "checkout@30d/page-1h"."""
        return f"{self.objective.key}/{rule}"


@dataclass(frozen=True, slots=True)
class Senses:
    """What is known of an objective beside its sums.

    Attributes:
        heard: place -> whether its source was heard in the last settled minute; never having been heard is no silence.
        counted: place -> events of past minutes, see `loss.Counted`.
        end: place -> grid minute after its last settled one.
        perhaps_lost: places whose traffic may have gone missing; of all others it surely has not, or nobody can say.
    """

    heard: Callable[[int], bool]
    counted: Callable[[int], Counted]
    end: Callable[[int], int]
    perhaps_lost: Container[int] = frozenset()


@dataclass
class Judged:
    """What one minute brought.

    Attributes:
        changed: alerts that are not as they were, by key; None for one that never told anything and is quiet again.
        changes: what is to be told, with the plan it belongs to.
        failed: what could not be judged, and why.
    """

    changed: dict[str, Alert | None] = field(default_factory=dict)
    changes: list[tuple[Plan, Change]] = field(default_factory=list)
    failed: list[Problem] = field(default_factory=list)


def lookbacks(plans: Sequence[Plan]) -> tuple[str, ...]:
    """Return every lookback that some plan's rules look at, as text, the shortest first."""
    found: set[timedelta] = set()
    for plan in plans:
        for rule in plan.policy.rules if plan.policy else ():
            found |= {rule.long, rule.short}
        found |= {rule.long for rule in plan.policy.counts} if plan.policy else set()
    return tuple(duration_text(length) for length in sorted(found))


def judge(
    answers: AllAnswers, plans: Sequence[Plan], alerts: Mapping[str, Alert], senses: Senses, at: datetime
) -> Judged:
    """Decide every rule of every objective, and move the alerts on.

    Args:
        answers: how all objectives stand at the minute.
        plans: what is watched.
        alerts: as the minute before left them, by key; those that never told anything may be missing.
        senses: what is known beside sums.
        at: the minute.
    """
    found, loud = Judged(), _loud(answers, plans)
    for plan in plans:
        try:
            _judge_one(found, answers, plan, loud, alerts, senses, at)
        except NinesError as error:  # one objective that cannot be asked keeps no other from being judged
            found.failed += error.problems
    return found


def _judge_one(
    found: Judged,
    answers: AllAnswers,
    plan: Plan,
    loud: set[tuple[int, str]],
    alerts: Mapping[str, Alert],
    senses: Senses,
    at: datetime,
) -> None:
    decisions = _decisions(answers, plan, loud, alerts)
    clear = plan.policy.clear if plan.policy else timedelta()
    for decision in decisions:
        _move(found, plan, decision, alerts, at, clear)
    if plan.blind is not None:
        decision = blind(plan.blind, decisions, heard=senses.heard(plan.place))
        if decision.side == "over" or _awake(alerts, plan.key(plan.blind.name)):
            _move(found, plan, decision, alerts, at, timedelta())
    looked_at = plan.loss is not None and (
        plan.place in senses.perhaps_lost or _awake(alerts, plan.key(plan.loss.name))
    )
    if plan.loss is not None and looked_at and senses.heard(plan.place):
        decision = suspected_loss(plan.loss, senses.counted(plan.place), senses.end(plan.place))
        if decision.side == "over" or _awake(alerts, plan.key(plan.loss.name)):
            _move(found, plan, decision, alerts, at, clear)


def _loud(answers: AllAnswers, plans: Sequence[Plan]) -> set[tuple[int, str]]:
    """Return place and rule of everything that is not surely under."""
    wanted: dict[tuple[timedelta, timedelta, bool], list[tuple[Plan, BurnRule]]] = {}
    for plan in plans:
        for rule in plan.policy.rules if plan.policy else ():
            strict = plan.policy is not None and plan.policy.comparison == "gt"
            wanted.setdefault((rule.long, rule.short, strict), []).append((plan, rule))
    loud: set[tuple[int, str]] = set()
    for (long, short, strict), held in wanted.items():
        factors = [_NEVER] * len(answers.objectives)
        for plan, rule in held:
            factors[plan.place] = rule.factor(plan.objective.window.nominal)
        names = duration_text(long), duration_text(short)
        sides = answers.burning_both(*names, Factors.of(factors), strict=strict)
        at = set(np.flatnonzero(sides != Burning.UNDER).tolist())
        loud |= {(plan.place, rule.name) for plan, rule in held if plan.place in at}
    return loud


def _decisions(
    answers: AllAnswers, plan: Plan, loud: set[tuple[int, str]], alerts: Mapping[str, Alert]
) -> list[Decision]:
    """Return the decisions of one objective that can matter, exactly."""
    policy, found = plan.policy, list[Decision]()
    if policy is None:
        return []
    for rule in policy.rules:
        if (plan.place, rule.name) in loud or _awake(alerts, plan.key(rule.name)):
            found.append(decision_of(answers, plan, rule.name))
    return [*found, *(decide_count(c, policy, _reading(answers, plan, c.long)) for c in policy.counts)]


def decision_of(answers: AllAnswers, plan: Plan, rule: str) -> Decision:
    """Return the decision of one burn rule of an objective, exactly.

    Args:
        answers: how it stands.
        plan: what is watched; its policy has the rule.
        rule: name of a burn rule.
    """
    policy, objective = plan.policy, plan.objective
    assert policy is not None
    held = next(r for r in policy.rules if r.name == rule)
    long, short = (_reading(answers, plan, length) for length in (held.long, held.short))
    return decide(held, policy, objective.window.nominal, objective.term_at(answers.at).budget, long, short)


def _reading(answers: AllAnswers, plan: Plan, length: timedelta) -> Reading:
    return Reading.of(answers.sums_of(plan.place, duration_text(length)))


def _move(
    found: Judged, plan: Plan, decision: Decision, alerts: Mapping[str, Alert], at: datetime, clear: timedelta
) -> None:
    key = plan.key(decision.rule.name)
    after, changes = advance(alerts.get(key, Alert(key)), decision, at, clear)
    if after.state != "ok" or after.episode:
        found.changed[key] = after
    elif key in alerts:
        found.changed[key] = None
    found.changes += [(plan, change) for change in changes]


def _awake(alerts: Mapping[str, Alert], key: str) -> bool:
    """Return whether an alert has to be judged even when its rule is surely under."""
    return key in alerts and alerts[key].state != "ok"
