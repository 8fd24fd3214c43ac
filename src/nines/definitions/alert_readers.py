"""From shapes to what watches promises: burn policies, alert policies, targets, consequences, and what each refuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from nines.alerting.conditions import AlertCondition, AlertPolicy
from nines.alerting.policy import (
    BudgetException,
    BudgetStep,
    BurnPolicy,
    BurnRule,
    CountRule,
    ErrorBudgetPolicy,
    LowTraffic,
)
from nines.definitions import alert_shapes as shapes
from nines.definitions.readers import Reading, spent
from nines.reading import instant


def burn_policy(reading: Reading, name: str, spec: shapes.BurnPolicySpec) -> BurnPolicy:
    """Read a BurnPolicy.

    Args:
        reading: takes the mistakes.
        name: its name.
        spec: as it is written.
    """
    rules = tuple(_rule(reading, f"rules.{n}", rule) for n, rule in enumerate(spec.rules))
    counts = tuple(_count(reading, f"counts.{n}", rule) for n, rule in enumerate(spec.counts))
    names = [*(rule.name for rule in rules), *(rule.name for rule in counts)]
    for number, again in enumerate(names):
        if again in names[:number]:
            at = f"rules.{number}" if number < len(rules) else f"counts.{number - len(rules)}"
            what = f"a rule of this severity and window stands twice, as {again}"
            reading.refuse(at, what, "change one of them, or remove it", code="rule-twice")
    return BurnPolicy(
        name, rules, spec.comparison, spec.source, spec.acknowledge_slow, _low_traffic(reading, spec.low_traffic),
        counts, reading.ratio("leastCoverage", spec.least_coverage), _wait(reading, "clear", spec.clear),
    )  # fmt: skip


def _count(reading: Reading, at: str, rule: shapes.CountRuleShape) -> CountRule:
    window, lasts = reading.minutes(f"{at}.window", rule.window), reading.pause(f"{at}.lasts", rule.lasts)
    return CountRule(rule.severity, rule.bad, window, lasts)


def _wait(reading: Reading, path: str, value: str) -> timedelta:
    return timedelta() if value in {"0", "0s", "0m"} else reading.minutes(path, value)


def _rule(reading: Reading, at: str, rule: shapes.BurnRuleShape) -> BurnRule:
    long = reading.minutes(f"{at}.window", rule.window)
    short = reading.minutes(f"{at}.short", rule.short) if rule.short else long / 12
    if short >= long:
        fix = "a twelfth of the window is usual"
        reading.refuse(f"{at}.short", "the short lookback is not shorter", fix, code="short-window")
    share = _above_nothing(reading, f"{at}.share", rule.share, reading.ratio)
    factor = _above_nothing(reading, f"{at}.factor", rule.factor, reading.number)
    if (rule.share is None) == (rule.factor is None):
        reading.refuse(at, "a rule needs exactly one of share and factor", "write share: 2%", code="burn-rule")
        factor = None
    lasts = reading.pause(f"{at}.lasts", rule.lasts)
    return BurnRule(rule.severity, share, long, short, lasts, factor)


def _low_traffic(reading: Reading, held: shapes.LowTrafficShape | None) -> LowTraffic:
    if held is None:
        return LowTraffic()
    at = "lowTraffic"
    pages = _above_nothing(reading, f"{at}.falsePages", held.false_pages, reading.number)
    alpha = _above_nothing(reading, f"{at}.sequential", held.sequential, reading.ratio)
    healthy = _above_nothing(reading, f"{at}.healthy", held.healthy, reading.ratio)
    if pages is not None and alpha is not None:
        reading.refuse(at, "two tests are asked for", "keep one of falsePages, sequential", code="two-tests")
    if alpha == 1:
        reading.refuse(f"{at}.sequential", "a false alarm that is certain", "as 0.0001", code="bad-value")
    return LowTraffic(held.least_bad, pages, healthy or Fraction(1, 2), None if alpha == 1 else alpha)


def _above_nothing(
    reading: Reading, path: str, value: object, read: Callable[[str, object], Fraction]
) -> Fraction | None:
    """Return a number above 0; None where there is none, or after noting what is wrong with it."""
    before = len(reading.problems)
    found = None if value is None else read(path, value)
    if found is None or found > 0:
        return found
    if len(reading.problems) == before:
        what = f"{path.rpartition('.')[2]} is {value}, and nothing comes of that"
        reading.refuse(path, what, "give one above 0", code="not-above-0")
    return None


def condition(reading: Reading, at: str, name: str, spec: shapes.AlertConditionSpec) -> AlertCondition:
    """Read an AlertCondition, or one that stands inline.

    Args:
        reading: takes the mistakes.
        at: dotted path under spec, "" for a document of its own.
        name: its name, or "".
        spec: as it is written.
    """
    dot = f"{at}." if at else ""
    threshold = _above_nothing(reading, f"{dot}threshold", spec.threshold, reading.number) or Fraction(1)
    after = _wait(reading, f"{dot}alertAfter", spec.alert_after)
    lookback = reading.minutes(f"{dot}lookbackWindow", spec.lookback_window)
    return AlertCondition(name, spec.severity, spec.op, threshold, lookback, after)


def alert_policy(
    reading: Reading, name: str, spec: shapes.AlertPolicySpec, known: Mapping[str, AlertCondition]
) -> AlertPolicy:
    """Read an AlertPolicy.

    Args:
        reading: takes the mistakes.
        name: its name.
        spec: as it is written.
        known: conditions by name; one that is not there is told by the cross-check.
    """
    conditions = [
        known.get(one) if isinstance(one, str) else condition(reading, f"conditions.{n}", "", one)
        for n, one in enumerate(spec.conditions)
    ]
    return AlertPolicy(
        name, tuple(c for c in conditions if c is not None), tuple(spec.notification_targets),
        spec.alert_when_breaching, spec.alert_when_resolved, spec.alert_when_no_data,
    )  # fmt: skip


def budget_policy(reading: Reading, name: str, spec: shapes.ErrorBudgetPolicySpec) -> ErrorBudgetPolicy:
    """Read an ErrorBudgetPolicy.

    Args:
        reading: takes the mistakes.
        name: its name.
        spec: as it is written.
    """
    steps = [BudgetStep(spent(reading, f"steps.{n}.spent", s.spent), s.consequence) for n, s in enumerate(spec.steps)]
    exceptions = tuple(_exception(reading, f"exceptions.{n}", e) for n, e in enumerate(spec.exceptions))
    for number, one in enumerate(spec.exceptions):
        for stranger in sorted(set(one.objectives) - set(spec.objectives)):
            what = f"the policy does not hold for {stranger!r}, so nothing is lifted"
            reading.refuse(
                f"exceptions.{number}.objectives", what, "name objectives of this policy", code="exception-scope"
            )
    return ErrorBudgetPolicy(name, tuple(spec.objectives), tuple(sorted(steps, key=lambda s: s.spent)), exceptions)


def _exception(reading: Reading, at: str, held: shapes.BudgetExceptionShape) -> BudgetException:
    fix, never = "write it like 2026-03-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)
    start = reading.exactly(f"{at}.start", held.start, instant, fix, never)
    end = reading.exactly(f"{at}.end", held.end, instant, fix, never)
    if never not in {start, end} and end <= start:
        reading.refuse(f"{at}.end", "it ends before it starts", "give a later instant", code="exception-time")
    return BudgetException(held.consequence, start, end, held.approver, held.reason, tuple(held.objectives))
