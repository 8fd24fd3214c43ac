"""ErrorBudgetPolicies at work: what each asks of an objective now, exceptions, and approvals.

One rule: what a gate reads is what the budget shows at the instant it asks, from the steps already entered on; so a
gate is right whether or not the worker runs. What lifts a consequence is dated, has an approver, and is a fact.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from nines.alerting.depletion import BudgetState, Ruling, Spent, enforce, ruling
from nines.alerting.payloads import exception_json, exception_of
from nines.alerting.policy import BudgetException, Consequence, ErrorBudgetPolicy
from nines.definitions.load import Definitions
from nines.errors import InputError, NotFoundError, Problem
from nines.evaluation.standing_json import instant, number
from nines.objectives.objective import Objective
from nines.operations.budgets import Budgets, Held
from nines.operations.house import House
from nines.operations.promises import in_force
from nines.operations.standings import standing
from nines.people.rights import Principal, require
from nines.showing import percent

COLUMNS = ("policy", "objective", "spent", "asks", "lifted until", "approved")
_EXCEPTIONS = ("budget.exception", "budget.exception-withdrawn")


@dataclass(frozen=True, slots=True)
class Approval:
    """A change approved under a spent budget.

    Attributes:
        policy: whose consequence.
        change: what names the change, as a pull request's address.
        reason: why it may go ahead.
        by: who approved it.
        at: when.
    """

    policy: str
    change: str
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Ruled:
    """What a policy asks of one objective.

    Attributes:
        policy: the policy.
        objective: key of the objective.
        spent: share of its period's budget that is gone.
        ruling: the gravest step in force that nothing lifts.
        feared: what would be asked if all that is unknown were bad; None when nobody can say.
        approval: of the change asked about, or None.
    """

    policy: str
    objective: str
    spent: Spent
    ruling: Ruling
    feared: Ruling | None
    approval: Approval | None

    @property
    def stops(self) -> bool:
        """Whether the change asked about has to wait: under a freeze always, under a review unless approved."""
        return self._stops(self.ruling)

    def _stops(self, ruling: Ruling) -> bool:
        return ruling.frozen or (ruling.consequence == "review" and self.approval is None)

    @property
    def unknown(self) -> bool:
        """Whether it depends on what nobody knows: nothing stops the change now, but something may have to."""
        return not self.stops and (self.feared is None or self._stops(self.feared))

    @property
    def reason(self) -> str:
        """One line for whoever is stopped."""
        step = self.ruling.step
        if self.unknown:
            return f"{self.objective}: whether {self.policy} asks for more cannot be told, too much is unknown"
        if step is None:
            return "nothing is asked"
        asked = {"freeze": "no changes", "review": "each change needs an approval", "notify": "changes may go on"}
        return (
            f"{self.objective} has spent {percent(self.spent.low)} of its budget, "
            f"{self.policy} asks from {percent(step.spent)}: {asked[step.consequence]}"
        )


@dataclass(frozen=True, slots=True)
class Recorded:
    """An exception that was put on record by itself, beside those that stand in a policy.

    Attributes:
        number: of its fact: what it is withdrawn by.
        policy: whose consequence is lifted.
        exception: what it lifts, and when.
    """

    number: int
    policy: str
    exception: BudgetException


def rulings(
    house: House, who: Principal, *, at: datetime, policy: str = "", objective: str = "", change: str = ""
) -> list[Ruled]:
    """Return what every policy asks of every objective it holds for.

    Args:
        house: whose.
        who: who asks.
        at: present instant.
        policy: only this policy, or "".
        objective: only this objective, by name or key, or "".
        change: what names a change whose approval matters, or "".

    Raises:
        NotFoundError: no policy in force is meant.
    """
    require(who, "see")
    definitions = in_force(house, who.tenant, at=at)
    held = Budgets.of(house.store.ticking.alerts(who.tenant)).held
    lifted = recorded(house, who)
    approvals = _approvals(house, who.tenant, change) if change else []
    found = []
    for one, promise in _chosen(definitions, policy, objective):
        spent = Spent.of(standing(house, who, promise.key, at=at))
        before = held.get(promise.key, Held()).states.get(one.name, BudgetState())
        excused = [*one.exceptions, *(r.exception for r in lifted if r.policy == one.name)]
        worst = None if spent.high is None else replace(spent, low=spent.high)
        ruled, feared = (
            None if seen is None else ruling(enforce(before, one, promise.key, seen, at)[0], promise.name, at, excused)
            for seen in (spent, worst)
        )
        assert ruled is not None
        approval = next((a for a in reversed(approvals) if a.policy == one.name), None)
        found.append(Ruled(one.name, promise.key, spent, ruled, feared, approval))
    return found


def _chosen(definitions: Definitions, policy: str, objective: str) -> list[tuple[ErrorBudgetPolicy, Objective]]:
    found = [
        (one, promise)
        for _, one in sorted(definitions.budget_policies.items())
        for promise in definitions.objectives
        if promise.name in one.objectives and policy in {"", one.name} and objective in {"", promise.name, promise.key}
    ]
    if not found and (policy or objective):
        what = "no ErrorBudgetPolicy in force is about it"
        raise NotFoundError(Problem(policy or objective, what, "apply one that names it", code="no-budget-policy"))
    return found


def recorded(house: House, who: Principal) -> list[Recorded]:
    """Return the exceptions on record that were not withdrawn, in the order they were recorded.

    Args:
        house: whose.
        who: who asks.
    """
    require(who, "see")
    found: dict[int, Recorded] = {}
    for fact, said in house.store.told(who.tenant, kinds=_EXCEPTIONS):
        if fact.kind == "budget.exception":
            found[fact.number] = Recorded(fact.number, said["policy"], exception_of(said))
        else:
            found.pop(said["number"], None)
    return list(found.values())


def lifting(
    consequence: str, start: datetime, end: datetime, approver: str, reason: str, objectives: tuple[str, ...]
) -> BudgetException:
    """Return an exception, from words.

    Args:
        consequence: "freeze", "review" or "notify".
        start: first instant it is lifted.
        end: first instant it is not.
        approver: who answers for it.
        reason: why.
        objectives: names it is lifted for; empty for all of the policy's.

    Raises:
        InputError: there is no such consequence.
    """
    known: dict[str, Consequence] = {"freeze": "freeze", "review": "review", "notify": "notify"}
    if consequence not in known:
        what, fix = f"there is no consequence {consequence!r}", "write freeze, review or notify"
        raise InputError(Problem("consequence", what, fix, code="bad-exception"))
    return BudgetException(known[consequence], start, end, approver.strip(), reason.strip(), objectives)


def except_from(house: House, who: Principal, policy: str, lifted: BudgetException, *, now: datetime) -> int:
    """Lift a consequence for a while.

    Args:
        house: whose.
        who: who asks for it.
        policy: name of the ErrorBudgetPolicy.
        lifted: what, when, why, and who answers for it.
        now: present instant.

    Returns:
        The number it is withdrawn by.

    Raises:
        NotFoundError: there is no such policy in force.
        InputError: it is over, has no reason or approver, or names objectives that the policy does not hold for.
    """
    require(who, "alert")
    found = _policy(in_force(house, who.tenant, at=now), policy)
    strangers = sorted(set(lifted.objectives) - set(found.objectives))
    wrong = []
    if lifted.end <= max(lifted.start, now):
        what = "it is over before it begins to matter"
        wrong.append(Problem("to", what, "give a later instant", code="exception-time"))
    if strangers:
        what = f"{policy} does not hold for {', '.join(strangers)}"
        wrong.append(Problem("objective", what, "name objectives of this policy", code="exception-scope"))
    for name, text in (("reason", lifted.reason), ("approver", lifted.approver)):
        if not text.strip():
            wrong.append(Problem(name, f"it has no {name}", "an exception is answered for", code="bad-exception"))
    if wrong:
        raise InputError(*wrong)
    with house.store.deed(who.tenant, who.name, now) as deed:
        said = {"policy": policy, **exception_json(lifted)}
        return deed.tell("budget.exception", f"policy {policy}", said).number


def withdraw(house: House, who: Principal, number: int, *, now: datetime) -> None:
    """Withdraw an exception that was put on record by itself.

    Args:
        house: whose.
        who: who asks for it.
        number: as `except_from` gave it.
        now: present instant.

    Raises:
        NotFoundError: there is none of that number on record.
    """
    require(who, "alert")
    found = next((r for r in recorded(house, who) if r.number == number), None)
    if found is None:
        fix = "`nines budget status` lists those there are"
        raise NotFoundError(Problem(str(number), "there is no such exception", fix, code="no-exception"))
    with house.store.deed(who.tenant, who.name, now) as deed:
        deed.tell("budget.exception-withdrawn", f"policy {found.policy}", {"policy": found.policy, "number": number})


def approve(house: House, who: Principal, policy: str, change: str, reason: str, *, now: datetime) -> None:
    """Approve a change under a spent budget; a freeze is lifted by an exception alone.

    Args:
        house: whose.
        who: who approves it.
        policy: name of the ErrorBudgetPolicy.
        change: what names the change, 1 to 300 characters.
        reason: why it may go ahead.
        now: present instant.

    Raises:
        NotFoundError: there is no such policy in force.
        InputError: the change has no name, or the approval no reason.
    """
    require(who, "alert")
    _policy(in_force(house, who.tenant, at=now), policy)
    if not change.strip() or not reason.strip() or len(change) > _LONGEST:
        what = f"an approval names its change (at most {_LONGEST} characters) and has a reason"
        raise InputError(Problem("change", what, "say what may go ahead, and why", code="bad-approval"))
    with house.store.deed(who.tenant, who.name, now) as deed:
        said = {"policy": policy, "change": change.strip(), "reason": reason.strip()}
        deed.tell("budget.approved", f"policy {policy}", said)


#: Longest name of a change.
_LONGEST = 300


def _policy(definitions: Definitions, name: str) -> ErrorBudgetPolicy:
    if name not in definitions.budget_policies:
        fix = "apply an ErrorBudgetPolicy of that name"
        raise NotFoundError(Problem(name, "there is no such policy in force", fix, code="no-budget-policy"))
    return definitions.budget_policies[name]


def _approvals(house: House, tenant: str, change: str) -> list[Approval]:
    return [
        Approval(said["policy"], said["change"], said["reason"], fact.author, fact.at)
        for fact, said in house.store.told(tenant, kinds=("budget.approved",))
        if said["change"] == change
    ]


def exit_code(found: Iterable[Ruled]) -> int:
    """Return what a gate ends with: 1 when a change has to wait, 3 when that cannot be told, else 0."""
    ruled = list(found)
    return 1 if any(r.stops for r in ruled) else 3 if any(r.unknown for r in ruled) else 0


def recorded_json(made: Recorded) -> dict[str, Any]:
    """Return an exception on record as JSON values."""
    return {"number": made.number, "policy": made.policy, **exception_json(made.exception)}


def ruled_row(ruled: Ruled) -> dict[str, object]:
    """Return what a policy asks as a line of a table."""
    lifted = max((e.end for e in ruled.ruling.lifted), default=None)
    return {
        "policy": ruled.policy,
        "objective": ruled.objective,
        "spent": percent(ruled.spent.low),
        "asks": "unknown" if ruled.unknown else ruled.ruling.consequence or "nothing",
        "lifted until": "" if lifted is None else f"{lifted:%Y-%m-%d %H:%M}",
        "approved": ruled.approval.by if ruled.approval else "",
    }


def ruled_json(ruled: Ruled) -> dict[str, Any]:
    """Return what a policy asks as JSON values."""
    step, approval = ruled.ruling.step, ruled.approval
    return {
        "policy": ruled.policy, "objective": ruled.objective, "frozen": ruled.ruling.frozen,
        "stops": ruled.stops, "unknown": ruled.unknown, "asks": ruled.ruling.consequence, "reason": ruled.reason,
        "spent": {"low": number(ruled.spent.low), "high": number(ruled.spent.high)},
        "from": number(step.spent) if step else None,
        "lifted": [exception_json(e) for e in ruled.ruling.lifted],
        "approval": None if approval is None else {
            "change": approval.change, "reason": approval.reason, "by": approval.by, "at": instant(approval.at),
        },
    }  # fmt: skip
