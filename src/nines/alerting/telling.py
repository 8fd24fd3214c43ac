"""From what happened to what is told: the words and figures of messages.

One rule: a message says nothing that its fact does not say; figures are rounded here and nowhere else on the way.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from fractions import Fraction

from nines.alerting.decide import WHYS
from nines.alerting.depletion import Notice, StepChange
from nines.alerting.life import Alert, Change, Figures
from nines.alerting.message import Message, Severity
from nines.alerting.minute import Plan
from nines.objectives.objective import Objective
from nines.showing import burn, count, percent

#: Change of an alert -> kind of message, by the rule it is about; "" stands for burn and count rules.
_KINDS = {
    "": {"fired": "fired", "refired": "fired", "resolved": "resolved", "resized": "resized"},
    "blind": {"fired": "blind", "refired": "blind", "resolved": "seeing", "resized": "resized"},
    "suspected-loss": {
        "fired": "suspected-loss", "refired": "suspected-loss", "resolved": "traffic-back", "resized": "resized",
    },
}  # fmt: skip
#: Rules beside those of a policy; they page unless a plan says otherwise.
_SPECIAL = frozenset(_KINDS) - {""}
#: Figures of a decision: name -> words, and how it is shown.
_FIGURES: dict[str, tuple[str, Callable[[Fraction], str]]] = {
    "burn_long": ("burn over the long lookback", burn),
    "burn_short": ("burn over the short lookback", burn),
    "factor": ("fires from", burn),
    "share": ("budget spent at that rate within the long lookback", percent),
    "bad": ("bad", count),
    "events": ("of", count),
    "coverage": ("known share of the lookbacks", percent),
    "expected": ("events expected", count),
    "seen": ("events seen", count),
    "least": ("fires from", count),
}


def thread_of(alert: Alert) -> str:
    """Return the thread of an alert's episode, as "checkout@30d/page-1h #3"."""
    return f"{alert.key} #{alert.episode}"


def of_change(plan: Plan, change: Change, tenant: str) -> Message:
    """Return the message of an alert's change, not yet numbered within its thread.

    Args:
        plan: what is watched.
        change: what happened.
        tenant: whose it is.
    """
    objective, rule = plan.objective, change.alert.key.rpartition("/")[2]
    kind = _KINDS.get(rule, _KINDS[""])[change.kind]
    return Message(
        tenant=tenant, thread=thread_of(change.alert), number=1, kind=kind, severity=_severity(plan, rule),
        title=_title(objective, change, kind, rule), objective=objective.key, service=objective.service, at=change.at,
        figures=_figures(change), labels=objective.labels, path=f"/objectives/{objective.key}",
        clause=_clause(plan, rule),
    )  # fmt: skip


def _severity(plan: Plan, rule: str) -> Severity:
    special = {r.name: r.severity for r in (plan.blind, plan.loss) if r is not None}
    return special.get(rule) or severity_of(rule)


def severity_of(rule: str) -> Severity:
    """Return how urgent a rule is, from its name alone.

    Args:
        rule: last part of an alert's key.

    Example:
        >>> [severity_of(r) for r in ("page-1h", "ticket-count-7d", "blind")]
        ['page', 'ticket', 'page']
    """
    return "page" if rule.startswith("page") or rule in _SPECIAL else "ticket"


def _clause(plan: Plan, rule: str) -> str:
    source = f", {plan.policy.source}" if plan.policy is not None and plan.policy.source else ""
    return f"policy {plan.policy.name}{source}; rule {rule}" if plan.policy is not None else f"rule {rule}"


def _title(objective: Objective, change: Change, kind: str, rule: str) -> str:
    name = objective.display_name or objective.key
    rate = change.figures.get("burn_long")
    if kind == "fired" and isinstance(rate, Fraction):
        return f"{name} burns its budget {burn(rate)} times too fast ({rule})"
    words = {
        "fired": "has too many bad events", "resolved": "burns no more", "resized": "was larger or smaller than told",
        "blind": "cannot be watched: its data is missing", "seeing": "can be watched again",
        "suspected-loss": "gets far less traffic than its season", "traffic-back": "gets its traffic again",
    }  # fmt: skip
    return f"{name} {words[kind]} ({rule})"


def _figures(change: Change) -> tuple[tuple[str, str], ...]:
    return (*shown_figures(change.figures), ("why", WHYS.get(change.why, change.why)))


def shown_figures(figures: Figures) -> tuple[tuple[str, str], ...]:
    """Return the figures of a decision as people read them, in their order.

    Args:
        figures: by name, exact.
    """
    held = ((words, show, figures.get(name)) for name, (words, show) in _FIGURES.items())
    return tuple((words, show(value)) for words, show, value in held if value is not None)


def of_withdrawal(alert: Alert, tenant: str, at: datetime) -> Message:
    """Return the message that an alert is watched no longer.

    Args:
        alert: as it stood.
        tenant: whose it is.
        at: when it was found so.
    """
    objective, _, rule = alert.key.rpartition("/")
    return Message(
        tenant=tenant, thread=f"{alert.key} #{alert.episode}", number=1, kind="withdrawn", severity="note",
        title=f"{objective} is watched no longer ({rule})", objective=objective, at=at, path="/alerts",
        clause="its objective or rule is in force no longer",
    )  # fmt: skip


def of_notice(objective: Objective, notice: Notice, tenant: str, opened: datetime) -> Message:
    """Return the message of a budget's notice; each stands alone, or opens and closes a forecast.

    Args:
        objective: whose budget.
        notice: what happened.
        tenant: whose it is.
        opened: when what it is about began; the notice's own instant unless it closes something.
    """
    kinds = {"crossed": "budget-crossed", "recovered": "budget-recovered", "exhausting": "exhaustion-near",
             "lasting": "exhaustion-far"}  # fmt: skip
    name, share = objective.display_name or objective.key, notice.share
    titles = {
        "crossed": f"{name} has spent {percent(share)} of its budget",
        "recovered": f"{name} has recovered below {percent(share)} of its budget",
        "exhausting": f"{name} will have spent its budget by {_clock(notice.until)} if this goes on",
        "lasting": f"{name} no longer runs out of budget soon",
    }
    grave = notice.kind == "exhausting" or (notice.kind == "crossed" and share is not None and share >= _GRAVE)
    return Message(
        tenant=tenant, thread=_thread(objective, notice, opened), number=2 if notice.kind == "lasting" else 1,
        kind=kinds[notice.kind], severity="ticket" if grave else "note", title=titles[notice.kind],
        objective=objective.key, service=objective.service, at=notice.at, labels=objective.labels,
        figures=(("spent", percent(notice.spent)),), path=f"/objectives/{objective.key}",
        clause="shares of the period's budget",
    )  # fmt: skip


def _thread(objective: Objective, notice: Notice, opened: datetime) -> str:
    if notice.share is None:
        return f"{objective.key} exhaustion since {opened.isoformat()}"
    return f"{objective.key} {notice.kind} {notice.share} {opened.isoformat()}"


#: Shares from which on a spent budget is more than a note.
_GRAVE = Fraction(9, 10)


def _clock(at: datetime | None) -> str:
    return "its end" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"


def of_step(objective: Objective, change: StepChange, tenant: str, opened: datetime) -> Message:
    """Return the message of a step of an ErrorBudgetPolicy.

    Args:
        objective: whose budget.
        change: what began or ended to hold.
        tenant: whose it is.
        opened: when the step began to hold.
    """
    entered, freeze = change.kind == "entered", change.step.consequence == "freeze"
    kind = {(True, True): "frozen", (True, False): "thawed"}.get((freeze, entered), f"step-{change.kind}")
    words = "begins to hold" if entered else "holds no longer"
    return Message(
        tenant=tenant, thread=f"{change.policy} {change.step.consequence} {objective.key} since {opened.isoformat()}",
        number=1 if entered else 2, kind=kind, severity="ticket" if freeze else "note",
        title=f"{objective.display_name or objective.key}: {change.step.consequence} of {change.policy} {words}",
        objective=objective.key, service=objective.service, at=change.at, labels=objective.labels,
        figures=(("spent", percent(change.spent)), ("from", percent(change.step.spent))),
        path=f"/objectives/{objective.key}", clause=f"ErrorBudgetPolicy {change.policy}",
    )  # fmt: skip
