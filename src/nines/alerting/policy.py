"""Burn policies: which lookbacks fire at which share of the budget, as data with the source beside it.

The factor is derived, never stated: f = share x W / L, so that 2 % in an hour means the same on every window.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Literal

from nines.errors import Problem

Severity = Literal["page", "ticket"]
Comparison = Literal["gte", "gt"]


@dataclass(frozen=True, slots=True)
class BurnRule:
    """One pair of lookbacks.

    Attributes:
        severity: "page" wakes somebody, "ticket" waits for the morning.
        share: share of the window's budget spent within `long` that fires it, 0 < share <= 1.
        long: long lookback.
        short: short lookback that must burn as well, so that the alert ends soon after its cause.
    """

    severity: Severity
    share: Fraction
    long: timedelta
    short: timedelta

    def factor(self, window: timedelta) -> Fraction:
        """Return the burn rate from which the rule fires on a window of this nominal length.

        Source:
            Google SRE Workbook, "Alerting on SLOs": burn rate = share x window / lookback.

        Example:
            >>> rule = BurnRule("page", Fraction(2, 100), timedelta(hours=1), timedelta(minutes=5))
            >>> rule.factor(timedelta(days=30))
            Fraction(72, 5)
        """
        return self.share * Fraction(window // timedelta(seconds=1), self.long // timedelta(seconds=1))


@dataclass(frozen=True, slots=True)
class BurnPolicy:
    """A set of burn rules.

    Attributes:
        name: name within a tenant.
        rules: in order of urgency.
        comparison: "gte" fires on the line, "gt" only above it.
        source: book, standard or agreement the figures come from.
        acknowledge_slow: whether factors below 1 are meant.
    """

    name: str
    rules: tuple[BurnRule, ...]
    comparison: Comparison = "gte"
    source: str = ""
    acknowledge_slow: bool = False


@dataclass(frozen=True, slots=True)
class BudgetStep:
    """What happens when a share of a budget is spent."""

    spent: Fraction
    consequence: Literal["notify", "review", "freeze"]


@dataclass(frozen=True, slots=True)
class ErrorBudgetPolicy:
    """Consequences of spent budgets.

    Attributes:
        name: name within a tenant.
        objectives: names of the objectives it holds for.
        steps: sorted by share spent.
    """

    name: str
    objectives: tuple[str, ...]
    steps: tuple[BudgetStep, ...]


def _rule(severity: Severity, percent: int, long: timedelta) -> BurnRule:
    return BurnRule(severity, Fraction(percent, 100), long, long / 12)


_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)

#: Default rules by nominal window: up to 10 days, up to 45 days, beyond; each with where its figures come from.
DEFAULTS: tuple[tuple[timedelta, BurnPolicy], ...] = (
    (
        timedelta(days=10),
        BurnPolicy(
            "google-workbook",
            (_rule("page", 10, _HOUR), _rule("page", 20, 6 * _HOUR), _rule("ticket", 40, _DAY)),
            source="Datadog, burn rate alerts, 7-day targets: 16.8 / 5.6 / 2.8",
        ),
    ),
    (
        timedelta(days=45),
        BurnPolicy(
            "google-workbook",
            (
                _rule("page", 2, _HOUR),
                _rule("page", 5, 6 * _HOUR),
                _rule("ticket", 10, _DAY),
                _rule("ticket", 10, 3 * _DAY),
            ),
            source="Google SRE Workbook, Alerting on SLOs, 30 days: 14.4 / 6 / 3 / 1",
            acknowledge_slow=True,  # on 28 days the slowest factor is 14/15, as published
        ),
    ),
    (
        timedelta.max,
        BurnPolicy(
            "google-workbook",
            (_rule("page", 1, _HOUR), _rule("page", 3, 6 * _HOUR), _rule("ticket", 5, _DAY)),
            source="Datadog, burn rate alerts, 90-day targets: 21.6 / 10.8 / 4.5",
        ),
    ),
)


def default_policy(window: timedelta) -> BurnPolicy:
    """Return the default policy for a window of this nominal length.

    Example:
        >>> [str(r.factor(timedelta(days=30))) for r in default_policy(timedelta(days=30)).rules]
        ['72/5', '6', '3', '1']
    """
    return next(policy for longest, policy in DEFAULTS if window <= longest)


def policy_problems(policy: BurnPolicy, budget: Fraction, window: timedelta, where: str) -> tuple[Problem, ...]:
    """Return what is wrong with a policy on an objective: rules that can never fire, or fire on the way to keeping it.

    Args:
        policy: the rules.
        budget: 1 - target, 0..1.
        window: nominal length of the objective's window.
        where: place for the problems.
    """
    if not budget:
        return (
            Problem(
                where,
                "a target of 100 % has no budget to burn",
                "drop the burn policy, or allow something",
                code="no-budget",
            ),
        )
    found = []
    for rule in policy.rules:
        factor, shown = rule.factor(window), f"the {rule.severity} rule over {rule.long}"
        never = factor * budget > 1 or (policy.comparison == "gt" and factor * budget == 1)
        if never:
            what = f"{shown} fires from {float(factor):g} times, which {float(budget):.3%} of budget can never reach"
            found.append(
                Problem(where, what, f"the largest factor that can is {float(1 / budget):g}", code="never-fires")
            )
        elif 2 * factor * budget > 1:
            what = f"{shown} needs more than half of all events to be bad"
            found.append(Problem(where, what, "lower its share, or lengthen the lookback", "warning", "hardly-fires"))
        if factor < 1 and not policy.acknowledge_slow:
            what = f"{shown} has a factor of {float(factor):g}, below 1: it fires while the promise is kept"
            found.append(Problem(where, what, "raise its share, or set acknowledgeSlow", code="fires-below-one"))
    return tuple(found)
