"""Burn policies: which lookbacks fire at which share of the budget, as data with the source beside it.

The factor is derived from a share, f = share x W / L, so that 2 % in an hour means the same on every window; where a
source states the factor, the share follows from the window instead. Both are always shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Literal

from nines.errors import Problem
from nines.reading import duration_text

Severity = Literal["page", "ticket"]
Comparison = Literal["gte", "gt"]


@dataclass(frozen=True, slots=True)
class BurnRule:
    """One pair of lookbacks.

    Attributes:
        severity: "page" wakes somebody, "ticket" waits for the morning.
        share: share of the window's budget spent within `long` that fires it, 0 < share <= 1; None where the source
            states the burn rate instead.
        long: long lookback.
        short: short lookback that must burn as well, so that the alert ends soon after its cause.
        lasts: how long it must be over before it fires, >= 0.
        stated: the burn rate, where the source states no share; exactly one of the two is given.
    """

    severity: Severity
    share: Fraction | None
    long: timedelta
    short: timedelta
    lasts: timedelta = timedelta()
    stated: Fraction | None = None

    @property
    def name(self) -> str:
        """What tells it from the other rules of its policy, as "page-1h"."""
        return f"{self.severity}-{duration_text(self.long)}"

    def factor(self, window: timedelta) -> Fraction:
        """Return the burn rate from which the rule fires on a window of this nominal length.

        Source:
            Google SRE Workbook, "Alerting on SLOs": burn rate = share x window / lookback.

        Example:
            >>> rule = BurnRule("page", Fraction(2, 100), timedelta(hours=1), timedelta(minutes=5))
            >>> rule.factor(timedelta(days=30))
            Fraction(72, 5)
        """
        if self.share is None:
            return self.stated or Fraction(0)
        return self.share * Fraction(window // timedelta(seconds=1), self.long // timedelta(seconds=1))

    def share_on(self, window: timedelta) -> Fraction:
        """Return the share of the budget that is spent within `long` at the factor.

        Example:
            >>> rule = BurnRule("page", None, timedelta(hours=1), timedelta(minutes=5), stated=Fraction(14))
            >>> rule.share_on(timedelta(days=28))
            Fraction(1, 48)
        """
        return self.factor(window) * Fraction(self.long // timedelta(seconds=1), window // timedelta(seconds=1))


@dataclass(frozen=True, slots=True)
class CountRule:
    """So many bad units within a span, whatever the traffic: what a ratio of few events cannot tell.

    Attributes:
        severity: as for a burn rule.
        bad: bad units from which it fires, >= 1.
        long: the span, whole minutes.
    """

    severity: Severity
    bad: int
    long: timedelta
    lasts: timedelta = timedelta()

    @property
    def name(self) -> str:
        """What tells it from the other rules of its policy, as "ticket-count-7d"."""
        return f"{self.severity}-count-{duration_text(self.long)}"


@dataclass(frozen=True, slots=True)
class LowTraffic:
    """What a burn must show besides its rate, so that a few events cannot page.

    Attributes:
        least_bad: bad units the long lookback must hold, >= 1.
        false_pages: false pages each rule may be expected to make per window of the objective, > 0: so many bad events
            must be less likely, for a healthy service, than that many in all lookbacks of a window; or None.
        healthy: share of its budget that a healthy service spends, 0 < healthy <= 1.
        sequential: chance of a false alarm of the sequential test, 0 < alpha < 1, or None. It takes the place of
            `false_pages`.
    """

    least_bad: int = 1
    false_pages: Fraction | None = None
    healthy: Fraction = Fraction(1, 2)
    sequential: Fraction | None = None


@dataclass(frozen=True, slots=True)
class BurnPolicy:
    """A set of burn rules.

    Attributes:
        name: name within a tenant.
        rules: in order of urgency.
        comparison: "gte" fires on the line, "gt" only above it.
        source: book, standard or agreement the figures come from.
        acknowledge_slow: whether factors below 1 are meant.
        low_traffic: what a burn must show besides its rate.
        counts: rules on absolute counts, beside the burn rules.
        least_coverage: known share of a lookback below which it tells nothing, 0..1.
        clear: how long a rule must be surely under before its alert resolves, >= 0.
    """

    name: str
    rules: tuple[BurnRule, ...]
    comparison: Comparison = "gte"
    source: str = ""
    acknowledge_slow: bool = False
    low_traffic: LowTraffic = LowTraffic()
    counts: tuple[CountRule, ...] = ()
    least_coverage: Fraction = Fraction(0)
    clear: timedelta = timedelta()


Consequence = Literal["notify", "review", "freeze"]


@dataclass(frozen=True, slots=True)
class BudgetStep:
    """What happens when a share of a budget is spent.

    Attributes:
        spent: share of the period's budget, > 0; more than 1 is possible.
        consequence: "notify" tells it, "review" asks for an approval of each change, "freeze" stops changes.
    """

    spent: Fraction
    consequence: Consequence


@dataclass(frozen=True, slots=True)
class BudgetException:
    """A consequence lifted for a while, by somebody who answers for it.

    Attributes:
        consequence: the one lifted.
        start: first instant it is lifted, aware UTC.
        end: first instant it is not.
        approver: who allowed it.
        reason: why.
        objectives: names it is lifted for; empty for all of the policy's.
    """

    consequence: Consequence
    start: datetime
    end: datetime
    approver: str
    reason: str
    objectives: tuple[str, ...] = ()

    def covers(self, objective: str, at: datetime) -> bool:
        """Return whether it lifts something for an objective (by name) at an instant."""
        return self.start <= at < self.end and (not self.objectives or objective in self.objectives)


@dataclass(frozen=True, slots=True)
class ErrorBudgetPolicy:
    """Consequences of spent budgets.

    Attributes:
        name: name within a tenant.
        objectives: names of the objectives it holds for.
        steps: sorted by share spent.
        exceptions: consequences lifted for a while.
    """

    name: str
    objectives: tuple[str, ...]
    steps: tuple[BudgetStep, ...]
    exceptions: tuple[BudgetException, ...] = ()


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
    return tuple(found for rule in policy.rules for found in _rule_problems(rule, policy, budget, window, where))


def _rule_problems(
    rule: BurnRule, policy: BurnPolicy, budget: Fraction, window: timedelta, where: str
) -> Iterator[Problem]:
    factor, shown = rule.factor(window), f"the {rule.severity} rule over {rule.long}"
    if factor * budget > 1 or (policy.comparison == "gt" and factor * budget == 1):
        what = f"{shown} fires from {float(factor):g} times, which {float(budget):.3%} of budget can never reach"
        yield Problem(where, what, f"the largest factor that can is {float(1 / budget):g}", code="never-fires")
    elif 2 * factor * budget > 1:
        what = f"{shown} needs more than half of all events to be bad"
        yield Problem(where, what, "lower its share, or lengthen the lookback", "warning", code="hardly-fires")
    if factor < 1 and not policy.acknowledge_slow:
        what = f"{shown} has a factor of {float(factor):g}, below 1: it fires while the promise is kept"
        yield Problem(where, what, "raise its share, or set acknowledgeSlow", code="fires-below-one")
    if factor <= 1 and policy.low_traffic.sequential is not None:
        what = f"{shown} has a factor of {float(factor):g}, which a sequential test can never tell from 1"
        yield Problem(where, what, "leave the rule out, or use falsePages", code="never-shows")
    if rule.long > window:
        what = f"{shown} looks further back than the window of {duration_text(window)}"
        yield Problem(where, what, "shorten the lookback", "warning", code="beyond-window")
