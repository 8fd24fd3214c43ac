"""The shapes of what watches promises: burn policies, alert policies, targets, and consequences of spent budgets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from nines.definitions.words import Length, Name, Number, Ratio, Shape


class AlertingShape(Shape):
    """What watches a promise, and what of it."""

    policy: Name = Field(
        "google-workbook", description="A BurnPolicy or an AlertPolicy, or a published policy by its name."
    )
    depletion: list[Ratio] = Field(
        ["50%", "75%", "90%", "100%"],
        description="Shares of the period's budget that are told once each.",
    )
    forecast: bool = Field(default=True, description="Tells that the budget would be gone within 72 hours.")
    suspected_loss: bool = Field(
        default=True, alias="suspectedLoss", description="Pages when traffic is far below its season."
    )
    blind: bool = Field(default=True, description="Pages when a page rule cannot be decided for ten minutes.")


class BurnRuleShape(Shape):
    """One pair of lookbacks."""

    severity: Literal["page", "ticket"] = "page"
    share: Ratio | None = Field(None, description="Share of the budget that fires it; or `factor`.")
    factor: Number | None = Field(None, description="Burn rate that fires it, instead of a share.")
    window: Length
    short: Length | None = None
    lasts: str = Field("0s", description="How long it must burn before it fires.")


class CountRuleShape(Shape):
    """So many bad units within a span, whatever the traffic."""

    severity: Literal["page", "ticket"] = "ticket"
    bad: int = Field(ge=1, description="Bad units from which it fires.")
    window: Length
    lasts: str = "0s"


class LowTrafficShape(Shape):
    """What a burn must show besides its rate."""

    least_bad: int = Field(1, ge=1, alias="leastBad", description="Bad units the long lookback must hold.")
    false_pages: Number | None = Field(
        None, alias="falsePages", description="False pages a rule may make per window on a healthy service."
    )
    healthy: Ratio = Field("50%", description="Share of its budget that a healthy service spends.")
    sequential: Ratio | None = Field(None, description="Chance of a false alarm of the sequential test.")


class BurnPolicySpec(Shape):
    """Burn rules as data."""

    rules: list[BurnRuleShape] = Field(min_length=1)
    counts: list[CountRuleShape] = Field(default_factory=list)
    comparison: Literal["gte", "gt"] = "gte"
    source: str = Field("", description="Book, standard or agreement the figures come from.")
    acknowledge_slow: bool = Field(default=False, alias="acknowledgeSlow", description="Allows factors below 1.")
    low_traffic: LowTrafficShape | None = Field(None, alias="lowTraffic")
    least_coverage: Ratio = Field(
        0, alias="leastCoverage", description="Known share of a lookback below which it tells nothing."
    )
    clear: str = Field("0s", description="How long a rule must be surely under before its alert resolves.")
    description: str = ""


class AlertConditionSpec(Shape):
    """Burning at a factor over one lookback."""

    severity: str = Field("page", description="`page` and its like wake somebody, all else waits.")
    op: Literal["gt", "gte"] = "gte"
    threshold: Number = Field(description="Burn rate.")
    lookback_window: Length = Field(alias="lookbackWindow")
    alert_after: str = Field("0s", alias="alertAfter")
    description: str = ""


class AlertPolicySpec(Shape):
    """Conditions, and whom to tell."""

    conditions: list[Name | AlertConditionSpec] = Field(min_length=1)
    notification_targets: list[Name] = Field(default_factory=list, alias="notificationTargets")
    alert_when_breaching: bool = Field(default=True, alias="alertWhenBreaching")
    alert_when_resolved: bool = Field(default=True, alias="alertWhenResolved")
    alert_when_no_data: bool = Field(default=True, alias="alertWhenNoData")
    description: str = ""


class AlertNotificationTargetSpec(Shape):
    """Whom to tell, and how."""

    target: Literal["webhook", "alertmanager", "apprise"]
    url: str = Field(min_length=1, description="Its address; what is secret in it stands as ${secret:NAME}.")
    secret: str = Field("", description="What a webhook's requests are signed with, as ${secret:NAME}.")
    heartbeat: Length | None = Field(
        None, description="How often it hears that minutes are judged; whoever misses it should look."
    )
    description: str = ""


class BudgetStepShape(Shape):
    """What happens when so much of a budget is spent."""

    spent: Ratio | str
    consequence: Literal["notify", "review", "freeze"]


class BudgetExceptionShape(Shape):
    """A consequence lifted for a while."""

    consequence: Literal["review", "freeze", "notify"] = "freeze"
    start: str = Field(description="First instant it is lifted, as 2026-03-01T00:00:00Z.")
    end: str = Field(description="First instant it is not.")
    approver: str = Field(min_length=1, description="Who answers for it.")
    reason: str = Field(min_length=1)
    objectives: list[Name] = Field(default_factory=list, description="Lifted for these; unless given, for all.")


class ErrorBudgetPolicySpec(Shape):
    """What a spent budget means."""

    objectives: list[Name] = Field(min_length=1)
    steps: list[BudgetStepShape] = Field(min_length=1)
    exceptions: list[BudgetExceptionShape] = Field(default_factory=list)
    description: str = ""
