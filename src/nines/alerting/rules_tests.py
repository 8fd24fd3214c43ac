"""Unit tests for promtool, beside the rules they test: little histories, and what is to be counted and to fire.

What is expected is worked out in whole numbers, not in PromQL; see `rules_scenarios`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Any

from nines.alerting.rules import Exported, Rule, RuleGroup, selector, span_text
from nines.alerting.rules_exact import GAUGES, lag, lookbacks, own_labels, sums
from nines.alerting.rules_samples import pair
from nines.alerting.rules_scenarios import Scenario, scenarios
from nines.spans import MINUTE
from nines.telemetry.readings import NAME
from nines.telemetry.selecting import Sides

#: The target that the tests' series come from, where the selectors name none.
TARGET = {"job": "test", "instance": "test:1"}


@dataclass(frozen=True, slots=True)
class Trial:
    """What the tests of one objective are made from.

    Attributes:
        one: the objective.
        form: exact, sloth or pyrra.
        groups: its rules.
        counters: its counters, or None where it stands on minute gauges.
    """

    one: Exported
    form: str
    groups: tuple[RuleGroup, ...]
    counters: Sides | None


def unit_tests(tested: Sequence[Trial], rule_file: str) -> dict[str, Any]:
    """Return promtool's unit tests.

    Args:
        tested: objectives; those whose selectors no series could be made up for are left out.
        rule_file: name of the rule file.
    """
    groups = [g.name for t in tested for g in t.groups]
    tests = [test for t in tested for test in _tests(t)]
    return {
        "rule_files": [rule_file], "evaluation_interval": "1m", "group_eval_order": groups, "tests": tests,
    }  # fmt: skip


def untested(tested: Sequence[Trial]) -> list[str]:
    """Return the keys of objectives that no tests could be made for."""
    return [t.one.objective.key for t in tested if not _tests(t)]


def _tests(tested: Trial) -> list[dict[str, Any]]:
    budget = tested.one.budget
    if not 0 < budget < 1:
        return []
    try:
        labels = pair(tested.counters) if tested.counters else None
    except ValueError:
        return []
    chosen = [s for s in scenarios(budget) if labels or not s.counters]
    if tested.form == "exact":
        return [_exact(tested, s, labels) for s in chosen]
    if labels is None or any(" by (" in r.expr for g in tested.groups for r in g.rules if "burnrate" in r.name):
        return []
    return [_foreign(tested, s, labels) for s in chosen if s.name in {"steady burn", "idle"}]


def series(tested: Trial, scenario: Scenario, labels: tuple[dict[str, str], dict[str, str]] | None) -> dict[str, str]:
    """Return the series of a history: selector to values in promtool's notation."""
    one = tested.one
    if labels is None or tested.counters is None:
        own = {"sli": one.indicator.name, "tenant": one.objective.tenant, **TARGET}
        counted = (("good", scenario.counted_good), ("bad", scenario.counted_bad), ("known", (1,) * (scenario.at + 1)))
        return {selector(GAUGES[kind].name, own): _values(values) for kind, values in counted}
    part, rest = labels
    named = scenario.bad if tested.counters.bad else scenario.good
    other = scenario.good if tested.counters.bad else scenario.bad
    if part[NAME] != rest[NAME]:
        other = tuple(_plus(a, b) for a, b in zip(named, other, strict=True))
    found = {_series(part): _values(named), _series(rest): _values(other)}
    return {**found, _series({NAME: "up", **_target(part)}): f"1+0x{scenario.at}"}


def _plus(a: int | None, b: int | None) -> int | None:
    return None if a is None and b is None else (a or 0) + (b or 0)


def _target(labels: Mapping[str, str]) -> dict[str, str]:
    return {k: labels.get(k, v) for k, v in TARGET.items()}


def _series(labels: Mapping[str, str]) -> str:
    told = {**_target(labels), **labels}
    return selector(told[NAME], {k: v for k, v in sorted(told.items()) if k != NAME})


def _values(values: Sequence[int | None]) -> str:
    return " ".join("_" if v is None else str(v) for v in values)


def _head(tested: Trial, scenario: Scenario, labels: Any) -> dict[str, Any]:  # noqa: ANN401
    given = [{"series": k, "values": v} for k, v in series(tested, scenario, labels).items()]
    return {"name": f"{tested.one.objective.key}: {scenario.name}", "interval": "1m", "input_series": given}


def _exact(tested: Trial, scenario: Scenario, labels: Any) -> dict[str, Any]:  # noqa: ANN401
    one, at = tested.one, f"{scenario.at}m"
    checks = []
    for window in lookbacks(one):
        good, bad = scenario.sums(scenario.at - lag(one) // MINUTE, window // MINUTE)
        marks = {**own_labels(one), "window": span_text(window)}
        for kind, value in (("good", good), ("bad", bad)):
            told = selector(f"nines:sli_window:{kind}", marks)
            if labels is None:
                told = selector(f"nines:sli_window:{kind}", {**marks, "tenant": one.objective.tenant})
            checks.append(
                {"expr": sums(one, kind, window), "eval_time": at, "exp_samples": [{"labels": told, "value": value}]}
            )
    firing = _firing(tested, scenario, labels)
    fired = [_alerts(at, r.name, own_labels(one), [m for m in firing if m["alertname"] == r.name])
             for r in _distinct(tested)]  # fmt: skip
    return {**_head(tested, scenario, labels), "promql_expr_test": [*checks, *fired]}


def _distinct(tested: Trial) -> list[Rule]:
    """Return one alert of each name."""
    found = {r.name: r for g in tested.groups for r in g.rules if r.alert and not r.name.endswith("Absent")}
    return list(found.values())


def _alerts(at: str, name: str, own: Mapping[str, str], firing: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Return a look at the alerts of one objective, whatever others do on the same series."""
    asked = {"alertname": name, "alertstate": "firing", **own}
    samples = [{"labels": selector("ALERTS", {**m, "alertstate": "firing"}), "value": 1} for m in firing]
    return {"expr": selector("ALERTS", asked), "eval_time": at, "exp_samples": samples}


def _firing(tested: Trial, scenario: Scenario, labels: Any) -> list[dict[str, str]]:  # noqa: ANN401
    """Return the labels of the alerts that fire at the end."""
    one, found = tested.one, []
    extra = {} if labels is not None else {"tenant": one.objective.tenant}
    for rule in (r for g in tested.groups for r in g.rules if r.alert and _fires(one, r, scenario)):
        window = _window_of(one, rule)
        marks = {"window": span_text(window)} if window else {}
        found.append({"alertname": rule.name, **own_labels(one), **marks, **extra, **rule.labels})
    return found


def _window_of(one: Exported, rule: Rule) -> timedelta | None:
    """Return the lookback whose series an alert is: the long one."""
    found = {r.name: r.long for r in one.policy.rules} if one.policy else {}
    found |= {r.name: r.long for r in one.policy.counts} if one.policy else {}
    return found.get(rule.labels["rule"])


def _fires(one: Exported, rule: Rule, scenario: Scenario) -> bool:
    """Return whether an alert fires at the end, worked out from the counts."""
    lasted = rule.lasts // MINUTE
    return scenario.at >= lasted and all(_over(one, rule, scenario, scenario.at - n) for n in range(lasted + 1))


def _over(one: Exported, rule: Rule, scenario: Scenario, at: int) -> bool:
    policy, at = one.policy, at - lag(one) // MINUTE
    if policy is None or rule.labels["rule"] == "blind":
        return False
    count = next((r for r in policy.counts if r.name == rule.labels["rule"]), None)
    if count is not None:
        return scenario.sums(at, count.long // MINUTE)[1] >= count.bad
    burn = next(r for r in policy.rules if r.name == rule.labels["rule"])
    line = burn.factor(one.objective.window.nominal) * one.budget
    for window in (burn.long, burn.short):
        good, bad = scenario.sums(at, window // MINUTE)
        over = good + bad and (bad >= line * (good + bad) if policy.comparison == "gte" else bad > line * (good + bad))
        known = Fraction(min(at + 1, window // MINUTE), window // MINUTE)
        if not over or known < policy.least_coverage:
            return False
    return scenario.sums(at, burn.long // MINUTE)[1] >= policy.low_traffic.least_bad


def _foreign(tested: Trial, scenario: Scenario, labels: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return a test of another tool's form, of histories on which extrapolation makes no difference."""
    at = f"{scenario.at}m"
    ratio = next(r for g in tested.groups for r in g.rules if not r.alert and re.search("ratio_rate|burnrate", r.name))
    own = {k: v for k, v in ratio.labels.items() if k != "sloth_window"}
    alone = {k: v for k, v in own.items() if k in {"sloth_id", "slo"}}
    fired = []
    for one in _distinct(tested):
        rules = [r for g in tested.groups for r in g.rules if r.alert and r.name == one.name]
        firing = [r for r in rules if scenario.name == "steady burn" and _steadily(tested, r, scenario)]
        fired.append(_alerts(at, one.name, alone, [{"alertname": r.name, **own, **r.labels} for r in firing]))
    return {**_head(tested, scenario, labels), "promql_expr_test": fired}


def _steadily(tested: Trial, rule: Rule, scenario: Scenario) -> bool:
    """Return whether a steady share of bad events is over an alert's line, for as long as it must last."""
    bad, good = scenario.counted_bad[-1], scenario.counted_good[-1]
    lines = _lines(tested, rule)
    return bool(lines) and any(bad > x * (good + bad) for x in lines) and scenario.at > rule.lasts // MINUTE + 1


def _lines(tested: Trial, rule: Rule) -> list[Fraction]:
    """Return the error ratios an alert is compared with, as its expression says them."""
    budget, found = tested.one.budget, re.findall(r"> \(([0-9.e-]+) \* ", rule.expr)
    return [Fraction(text) * budget for text in found]
