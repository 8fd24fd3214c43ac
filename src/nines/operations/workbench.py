"""The workbench: what a burn policy would have told over an objective's past, beside another one's.

One rule: it judges by the back-test alone, over minutes as they were known then; nothing here is told to anybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

import numpy as np

from nines.alerting.backtest import Backtest, tested
from nines.alerting.catalogue import PUBLISHED, policy_for, published, unpublished
from nines.alerting.past import Looks, Past
from nines.alerting.policy import BurnPolicy, policy_problems
from nines.alerting.scoring import Incident, Rules, Score, score
from nines.alerting.sides import Judge
from nines.alerting.tune import Tuning, touchier, tune
from nines.definitions.load import Definitions
from nines.errors import InputError, NotFoundError, Problem
from nines.evaluation.columns import why_not
from nines.objectives.objective import Objective
from nines.operations.house import House
from nines.operations.pasts import Known, stored_case
from nines.operations.promises import in_force
from nines.people.rights import Principal, require
from nines.spans import MINUTE, Span

#: Longest past that a page looks at.
LONGEST = timedelta(days=92)
#: Points a curve has at most.
POINTS = 360
#: Least weeks a search needs: one to search on, one to hold out.
WEEKS = 2
_PLENTY = Fraction(1000)


@dataclass(frozen=True, slots=True)
class Tried:
    """One policy over the past.

    Attributes:
        policy: the policy.
        told: what it would have told.
        score: that held against incidents.
        problems: rules that cannot or hardly ever fire.
    """

    policy: BurnPolicy
    told: Backtest
    score: Score
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """The burn rate over one lookback, in stretches of equal length.

    Attributes:
        over: the lookback.
        step: length of a stretch.
        points: end of each stretch, and the highest burn rate in it in the best case, None where nobody can say.
    """

    over: timedelta
    step: timedelta
    points: tuple[tuple[datetime, float | None], ...]


@dataclass(frozen=True, slots=True)
class Workbench:
    """Everything the page shows.

    Attributes:
        objective: the promise.
        present: the policy that watches it, or None.
        names: policies that can be chosen: defined ones, then published ones that fit its window.
        span: the past that was judged.
        known: whether late data count from when they came ("then") or as if in time ("now").
        tried: the chosen policy, and the one beside it where there is one.
        curve: its burn rate.
        incidents: what pages were held against.
        tuning: what a search came to, or None where none was asked for.
    """

    objective: Objective
    present: BurnPolicy | None
    names: tuple[str, ...]
    span: Span
    known: Known
    tried: tuple[Tried, ...]
    curve: Curve
    incidents: tuple[Incident, ...]
    tuning: Tuning | None = None


def watched(house: House, who: Principal, *, at: datetime) -> list[tuple[Objective, BurnPolicy | None]]:
    """Return objectives that can be back-tested, each with the policy that watches it.

    Args:
        house: whose.
        who: who asks.
        at: present instant.
    """
    require(who, "see")
    definitions = in_force(house, who.tenant, at=at)
    return [(o, definitions.policy_of(o)) for o in definitions.objectives if _burns(o)]


def _burns(objective: Objective) -> bool:
    return objective.bound is None and bool(objective.terms[-1].budget) and not why_not(objective)


def chosen(house: House, who: Principal, key: str, name: str, *, at: datetime) -> tuple[Objective, BurnPolicy]:
    """Return an objective and a policy for it.

    Args:
        house: whose.
        who: who asks.
        key: of the objective.
        name: of the policy, defined or published; "" for the one that watches it, or the workbook's.
        at: present instant.

    Raises:
        NotFoundError: there is no such objective or policy.
        InputError: the objective keeps no budget, or the policy is not published for its window.
    """
    require(who, "see")
    definitions = in_force(house, who.tenant, at=at)
    objective = next((o for o in definitions.objectives if key in {o.key, o.name}), None)
    if objective is None:
        fix = "the overview lists them"
        raise NotFoundError(Problem(key, "there is no such objective in force", fix, code="no-objective"))
    if not _burns(objective):
        what = why_not(objective) or "it keeps no budget, so nothing burns"
        raise InputError(Problem(objective.key, what, "choose another objective", code="no-budget"))
    return objective, _policy(definitions, objective, name)


def _policy(definitions: Definitions, objective: Objective, name: str) -> BurnPolicy:
    if not name:
        found = policy_for(objective, definitions.policies)
        return found or published("google-workbook", objective.window.nominal, objective.terms[-1].budget)
    if name in definitions.policies:
        return definitions.policies[name]
    if name not in PUBLISHED:
        fix = f"choose one of {', '.join(PUBLISHED)}, or apply a BurnPolicy"
        raise NotFoundError(Problem(name, "there is no such policy", fix, code="no-policy"))
    wrong = unpublished(name, objective.window.nominal, name)
    if wrong is not None:
        raise InputError(wrong)
    return published(name, objective.window.nominal, objective.terms[-1].budget)


def workbench(
    house: House,
    who: Principal,
    objective: Objective,
    policies: Sequence[BurnPolicy],
    *,
    at: datetime,
    days: int = 30,
    incidents: Sequence[Incident] = (),
    search: bool = False,
    known: Known = "then",
) -> Workbench:
    """Return what policies would have told over an objective's past.

    Args:
        house: whose.
        who: who asks.
        objective: in force.
        policies: the chosen one first; at least one.
        at: present instant.
        days: length of the past, 1..92.
        incidents: what did harm.
        known: whether late data count from when they came ("then") or as if in time ("now").
        search: whether to search for better policies, which takes two weeks of minutes and some seconds.

    Raises:
        CannotTellError: nothing is known about that past, or its counts are sampled.
        InputError: it is too short for a search.
    """
    require(who, "see")
    length = min(timedelta(days=days), LONGEST)
    case = stored_case(house, who, objective.key, start=at - length, end=at, known=known, reach=_reach(policies))
    past = case.past
    judge, near = Judge(Looks(past)), [touchier(p) for p in policies]
    judge.prepare([*policies, *near])
    rules = Rules()
    tried = tuple(_tried(judge, p, n, incidents, rules) for p, n in zip(policies, near, strict=True))
    found = _search(past, policies[0], incidents, rules) if search else None
    definitions = case.definitions
    inside = tuple(i for i in incidents if i.end > past.at(past.first) and i.start < past.at(past.end))
    return Workbench(
        past.objective, policy_for(objective, definitions.policies), _names(definitions, objective),
        Span(past.at(past.first), past.at(past.end)), case.known, tried, _curve(judge.looks, policies[0]), inside,
        found,
    )  # fmt: skip


def _reach(policies: Sequence[BurnPolicy]) -> timedelta:
    """Return the longest lookback of some policies: so much is read before the past that is judged."""
    burns = (rule.long for policy in policies for rule in policy.rules)
    counts = (rule.long for policy in policies for rule in policy.counts)
    return max(timedelta(hours=1), *burns, *counts)


def _names(definitions: Definitions, objective: Objective) -> tuple[str, ...]:
    window = objective.window.nominal
    fit = [n for n in PUBLISHED if n not in definitions.policies and unpublished(n, window, "") is None]
    return (*sorted(definitions.policies), *fit)


def _tried(judge: Judge, policy: BurnPolicy, near: BurnPolicy, incidents: Sequence[Incident], rules: Rules) -> Tried:
    past = judge.looks.past
    told = tested(judge, policy)
    budget = past.objective.term_at(past.at(past.end)).budget
    wrong = policy_problems(policy, budget, past.objective.window.nominal, policy.name)
    return Tried(policy, told, score(told, judge.looks, incidents, rules, tested(judge, near)), wrong)


def _search(past: Past, policy: BurnPolicy, incidents: Sequence[Incident], rules: Rules) -> Tuning:
    if past.ticks < WEEKS * 7 * 24 * 60:
        what = "a search needs two weeks: one to search on, one to hold out"
        raise InputError(Problem("search", what, "choose a longer past", code="short-history"))
    return tune(past, policy, incidents, rules, _PLENTY, name=f"{policy.name}-tuned")


def _curve(looks: Looks, policy: BurnPolicy) -> Curve:
    """Return the burn rate over the long lookback of the most urgent rule."""
    over = policy.rules[0].long if policy.rules else timedelta(hours=1)
    past, low = looks.past, looks.of(over).low
    size = max(1, -(-len(low) // POINTS))
    points = []
    for first in range(0, len(low), size):
        part = low[first : first + size]
        known = part[~np.isnan(part)]
        last = min(first + size, len(low)) - 1
        points.append((past.at(past.first + last), float(known.max()) if len(known) else None))
    return Curve(over, size * MINUTE, tuple(points))
