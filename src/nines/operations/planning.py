"""What a planned change of a policy or a target would have paged: the back-test of what would be in force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from nines.alerting.scoring import Rules
from nines.definitions.load import Definitions, load
from nines.definitions.plan import Plan
from nines.errors import CannotTellError
from nines.objectives.objective import Objective
from nines.operations.backtest_showing import sentence, table
from nines.operations.backtesting import report
from nines.operations.defining import plan_definitions, plan_rows, plan_summary
from nines.operations.house import House
from nines.operations.pasts import Case, stored_case
from nines.operations.promises import in_force
from nines.people.rights import Principal

_COLUMNS = ("change", "kind", "name", "what")


def plan_markdown(house: House, who: Principal, paths: Sequence[Path], *, now: datetime) -> str:
    """Return a plan as Markdown fit for a pull-request comment, with what each changed promise would have paged.

    Args:
        house: where to look.
        who: who is asking.
        paths: files or folders of definitions.
        now: present instant.

    Raises:
        InputError: the definitions are wrong.
    """
    after = load(paths)
    change = plan_definitions(house, who, after, now=now)
    lines = ["### Plan", "", f"{plan_summary(change)}.", ""]
    lines += table(_COLUMNS, plan_rows(change)) if change.changes else []
    before = in_force(house, who.tenant, at=now)
    for objective in _touched(change, before, after):
        lines += ["", *_proved(house, who, objective, before, after, now)]
    return "\n".join(lines) + "\n"


def _touched(change: Plan, before: Definitions, after: Definitions) -> list[Objective]:
    """Return the objectives in force whose target or policy would be another."""
    known = {o.key for o in before.objectives}
    named = {c.name for c in change.changes if c.kind in {"SLO", "Composite"}}
    policies = {c.name for c in change.changes if c.kind in {"BurnPolicy", "AlertPolicy", "AlertCondition"}}
    planned = {o.key: o for o in after.objectives}
    both = [planned.get(o.key, o) for o in before.objectives]
    return [o for o in both if o.key in known and (o.name in named or o.policy in policies)]


def _proved(
    house: House, who: Principal, planned: Objective, before: Definitions, after: Definitions, now: datetime
) -> list[str]:
    try:
        case = stored_case(house, who, planned.key, start=None, end=now)
    except CannotTellError as error:
        return [f"**{planned.key}**: no back-test, {error.problems[0].what}"]
    lines = [f"**{planned.key}** (as known {case.known})"]
    policies = {**before.policies, **after.policies}
    new = replace(after, policies=policies).policy_of(planned)
    # the target that would hold is asked of the whole past
    terms = (replace(planned.terms[-1], effective_from=None),)
    asked = replace(case.past.objective, terms=terms, policy=planned.policy, window=planned.window)
    for words, policy, past in (
        ("in force", case.policy, case.past),
        ("planned", new, replace(case.past, objective=asked)),
    ):
        if policy is None:
            lines.append(f"- {words}: no burn policy watches it")
            continue
        one = Case(case.work, past, policy, case.known)
        found = report(one, [policy], None, Rules())
        lines.append(f"- {words}: {policy.name} {sentence(found.scores[0])}")
    return [*lines, *(f"- {note}" for note in case.notes)]
