"""Looking back: what later rows make of alerts that fire, and alerts that nothing watches any more.

One rule: what was told stays. Later rows that change the figures of the minute an alert fired are told beside it; an
alert whose objective or rule is in force no longer is withdrawn, which says nothing of whether it still burns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from nines.alerting.life import Alert, Change, resize
from nines.alerting.minute import Plan, decision_of
from nines.evaluation.sweep_all import answer_all
from nines.operations.watching import Watch
from nines.spans import minute_of


def resized(
    watch: Watch, plans: Sequence[Plan], alerts: Mapping[str, Alert], at: datetime
) -> list[tuple[Plan, Change, Alert]]:
    """Return firing alerts whose first minute has other figures now than were told.

    Only objectives whose past was touched by the last flushes are looked at.

    Args:
        watch: knows which minutes came late.
        plans: what is watched.
        alerts: as they stand, by key.
        at: the minute judged now.
    """
    found = []
    for plan in plans:
        touched = watch.touched.get(plan.place)
        for rule in plan.policy.rules if plan.policy is not None and touched is not None else ():
            alert = alerts.get(plan.key(rule.name))
            if alert is None or alert.state != "firing" or alert.since is None or alert.told != "fired":
                continue
            fired = alert.since
            if touched is None or not touched < minute_of(fired) or fired >= at:
                continue
            answers = answer_all([plan.objective], watch.evidence_at(fired), fired, windows=watch.windows)
            decision = decision_of(answers, Plan(0, plan.objective, plan.policy), rule.name)
            after, changes = resize(alert, decision, at)
            found += [(plan, change, after) for change in changes]
    return found


def withdrawn(plans: Sequence[Plan], alerts: Mapping[str, Alert]) -> list[str]:
    """Return the keys of alerts that tell something and that no plan watches any more.

    Args:
        plans: what is watched.
        alerts: as they stand, by key.
    """
    watched = {plan.key(rule) for plan in plans for rule in _rules(plan)}
    return sorted(key for key, alert in alerts.items() if alert.state != "ok" and key not in watched)


def _rules(plan: Plan) -> list[str]:
    policy = plan.policy
    burning = [r.name for r in policy.rules] + [c.name for c in policy.counts] if policy is not None else []
    return [*burning, *(r.name for r in (plan.blind, plan.loss) if r is not None)]
