"""Alert policies as OpenSLO writes them: conditions on one lookback each, targets to tell, and what they come to here.

One rule: a condition becomes a burn rule of one lookback, its factor as stated; nothing is added that it does not say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

from nines.alerting.policy import BurnPolicy, BurnRule, Severity

#: Words for severities that wake somebody; all others wait for the morning.
WAKING = frozenset({"page", "critical", "high", "emergency", "urgent", "fatal", "disaster", "p1", "sev1"})


@dataclass(frozen=True, slots=True)
class AlertCondition:
    """Burning at a factor over one lookback.

    Attributes:
        name: name within a tenant, or "" where it stands inline.
        severity: in its own words.
        op: gt, gte, lt or lte; the last two ask for slow burning, which wakes nobody here.
        threshold: burn rate.
        lookback: whole minutes.
        after: how long it must hold, >= 0.
    """

    name: str
    severity: str
    op: str
    threshold: Fraction
    lookback: timedelta
    after: timedelta = timedelta()

    @property
    def rule(self) -> BurnRule | None:
        """The burn rule it is, or None when it asks for slow burning."""
        if self.op not in {"gt", "gte"}:
            return None
        severity: Severity = "page" if self.severity.lower() in WAKING else "ticket"
        return BurnRule(severity, None, self.lookback, self.lookback, self.after, self.threshold)


@dataclass(frozen=True, slots=True)
class AlertPolicy:
    """Conditions, and whom to tell.

    Attributes:
        name: name within a tenant.
        conditions: any of them alerts.
        targets: names of AlertNotificationTargets.
        when_breaching: whether it tells that it fires.
        when_resolved: whether it tells that it resolved.
        when_no_data: whether it tells that it cannot know.
    """

    name: str
    conditions: tuple[AlertCondition, ...]
    targets: tuple[str, ...] = ()
    when_breaching: bool = True
    when_resolved: bool = True
    when_no_data: bool = True


@dataclass(frozen=True, slots=True)
class AlertTarget:
    """Whom to tell, and how.

    Attributes:
        name: name within a tenant.
        kind: which sender tells it, as "webhook", or a foreign word that no sender knows.
        url: its address; secrets stand as ${secret:NAME}.
        secret: what requests are signed with, as ${secret:NAME}, or "".
        heartbeat: how often it hears that minutes are judged, or None.
    """

    name: str
    kind: str
    url: str = ""
    secret: str = ""
    heartbeat: timedelta | None = None


def as_burn_policy(policies: Sequence[AlertPolicy]) -> BurnPolicy | None:
    """Return the burn policy that alert policies come to on one objective, or None when none of them fires.

    Policies of several comparisons keep the strict one: on the line itself, some of their rules then hold still.

    Args:
        policies: those that an objective names, in order.

    Example:
        >>> fast = AlertCondition("fast", "page", "gte", Fraction(14), timedelta(hours=1))
        >>> policy = as_burn_policy([AlertPolicy("pager", (fast,))])
        >>> policy.name, [r.factor(timedelta(days=30)) for r in policy.rules]
        ('pager', [Fraction(14, 1)])
    """
    firing = [p for p in policies if p.when_breaching]
    conditions = [c for p in firing for c in p.conditions]
    rules = tuple(rule for c in conditions if (rule := c.rule) is not None)
    if not rules:
        return None
    strict = any(c.op == "gt" for c in conditions)
    name = "+".join(dict.fromkeys(p.name for p in firing))
    return BurnPolicy(name, rules, "gt" if strict else "gte", "OpenSLO AlertPolicy", acknowledge_slow=True)
