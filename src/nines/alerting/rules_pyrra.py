"""Rules as Pyrra generates them: error ratios over scaled lookbacks, four alerts, and increases over the window."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Any

from nines.alerting.policy import BurnPolicy, BurnRule
from nines.alerting.rules import Exported, Rule, RuleGroup, quoted, span_text
from nines.alerting.rules_counters import parsed
from nines.objectives.indicator import CounterIndicator
from nines.objectives.window import RollingWindow
from nines.reading import duration

#: Before its own names in the annotations of a definition.
PREFIX = "pyrra/"
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
#: (factor, long, short, for, severity label, name of the tier) on four weeks; other windows scale them.
TIERS = (
    (14, _HOUR, 5 * _MINUTE, 2 * _MINUTE, "critical", "fastBurn"),
    (7, 6 * _HOUR, 30 * _MINUTE, 15 * _MINUTE, "critical", "mediumBurn"),
    (2, _DAY, 2 * _HOUR, _HOUR, "warning", "slowBurn"),
    (1, 4 * _DAY, 6 * _HOUR, 3 * _HOUR, "warning", "longTermBurn"),
)


@dataclass(frozen=True, slots=True)
class Tier:
    """One burn-rate alert on a window."""

    factor: int
    long: timedelta
    short: timedelta
    lasts: timedelta
    severity: str
    name: str


def tiers(window: timedelta) -> tuple[Tier, ...]:
    """Return the alerts on a window: those of four weeks, scaled and rounded to whole minutes.

    Source:
        Pyrra, `slo.Windows`.

    Example:
        >>> [span_text(t.long) for t in tiers(timedelta(days=30))]
        ['1h4m', '6h26m', '1d1h43m', '4d6h51m']
    """
    share = Fraction(window // timedelta(seconds=1), 28 * 86_400)

    def scaled(length: timedelta) -> timedelta:
        exact = length // timedelta(seconds=1) * share / 60
        return int(exact + Fraction(1, 2)) * _MINUTE

    return tuple(
        Tier(factor, scaled(long), scaled(short), scaled(lasts), level, name)
        for factor, long, short, lasts, level, name in TIERS
    )


def policy(window: timedelta) -> BurnPolicy | None:
    """Return Pyrra's alerts on a window as a burn policy, or None where rounding leaves a lookback without length."""
    found = tiers(window)
    if any(t.short < _MINUTE or t.short >= t.long for t in found):
        return None
    rules = tuple(
        BurnRule("page" if t.severity == "critical" else "ticket", None, t.long, t.short, t.lasts, Fraction(t.factor))
        for t in found
    )
    return BurnPolicy(
        f"pyrra-{span_text(window)}", rules, "gt", f"Pyrra, multi burn rate alerts for {span_text(window)}"
    )


@dataclass(frozen=True, slots=True)
class PyrraSlo:
    """One objective as Pyrra sees it.

    Attributes:
        name: of the objective.
        way: ratio, latency, latencyNative or bool_gauge.
        part: selector of errors (ratio) or successes (latency), or "".
        total: selector of everything.
        grouping: labels to keep.
        seconds: bound of latencyNative.
        target: good share as a number, 0..1.
        window: the SLO's window.
        labels: its own labels that go on every rule.
        alerting: what it says of alerts.
    """

    name: str
    way: str
    part: str
    total: str
    grouping: tuple[str, ...]
    seconds: float
    target: float
    window: timedelta
    labels: Mapping[str, str]
    alerting: Mapping[str, Any]


def pyrra_slo(found: Exported) -> PyrraSlo:
    """Return an objective as Pyrra would be told it.

    Raises:
        ValueError: Pyrra has no way to say it.
    """
    objective, said = found.objective, found.annotations
    if not isinstance(objective.window, RollingWindow) or objective.bound is not None:
        msg = "Pyrra knows ratios over rolling windows only"
        raise ValueError(msg)
    way, told = _told(found)
    grouping = tuple(sorted(told.get("grouping") or ()))
    latency = told.get("latency")
    return PyrraSlo(
        name=said.get(f"{PREFIX}name", found.title), way=way,
        part=(told.get("errors") or told.get("success") or {}).get("metric", ""),
        total=(told.get("total") or told)["metric"], grouping=grouping,
        seconds=duration(latency) / timedelta(seconds=1) if latency else 0.0,
        target=float(objective.terms[-1].target), window=objective.window.length,
        labels={k.removeprefix("pyrra.dev/"): v for k, v in objective.labels if k.startswith("pyrra.dev/")},
        alerting=json.loads(said.get(f"{PREFIX}alerting", "{}")),
    )  # fmt: skip


def _told(found: Exported) -> tuple[str, dict[str, Any]]:
    """Return the kind of indicator and its fields."""
    kept = found.annotations.get(f"{PREFIX}indicator")
    if kept:
        way, told = next(iter(json.loads(kept).items()))
        return way, told
    indicator = found.indicator
    if not isinstance(indicator, CounterIndicator):
        msg = "Pyrra reads Prometheus' own series only; export it in the exact form"
        raise ValueError(msg)  # noqa: TRY004 - one class for all that cannot be said
    side = "errors" if indicator.bad else "success"
    return "ratio" if indicator.bad else "latency", {
        side: {"metric": _single(indicator.bad or indicator.good)}, "total": {"metric": _single(indicator.total)},
    }  # fmt: skip


def _single(counters: str) -> str:
    """Return the only selector of a counter expression; Pyrra takes no sums."""
    node = parsed(counters)
    while type(node).__name__ in {"ParenExpr", "AggregateExpr"}:
        node = node.expr
    if type(node).__name__ != "VectorSelector":
        msg = "Pyrra takes one selector a side, no sums of several"
        raise ValueError(msg)
    text: str = node.prettify()
    return text


@dataclass(frozen=True, slots=True)
class _Series:
    """A selector taken apart: name and matchers (label, operator, value)."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]

    @classmethod
    def of(cls, text: str) -> _Series:
        node = parsed(text)
        ops = {"MatchOp.Equal": "=", "MatchOp.NotEqual": "!=", "MatchOp.Re": "=~", "MatchOp.NotRe": "!~"}
        found = tuple(sorted((m.name, ops[str(m.op)], m.value) for m in node.matchers.matchers))
        return cls(node.name or "", found)

    @property
    def text(self) -> str:
        """The selector again, matchers by name."""
        inside = ",".join(f"{n}{o}{quoted(v)}" for n, o, v in self.matchers)
        return self.name + (f"{{{inside}}}" if inside else "")

    @property
    def short(self) -> str:
        """The name recorded series begin with."""
        return self.name.removesuffix("_total").removesuffix("_count")


def pyrra_groups(slo: PyrraSlo) -> list[RuleGroup]:
    """Return the rule groups of one objective: increases over the window, then burn rates with their alerts."""
    total = _Series.of(slo.total)
    equal = {n: v for n, o, v in total.matchers if o == "=" and n not in slo.grouping}
    labels = {**equal, **slo.labels, "slo": slo.name}
    found = tiers(slo.window)
    lookbacks = sorted({w for t in found for w in (t.short, t.long)})
    burn = [Rule(_burn_name(total, w), _burn(slo, w), labels) for w in lookbacks]
    off = slo.alerting.get("disabled") or slo.alerting.get("burnrates") is False
    alerts = [] if off else [_alert(slo, total, t, labels) for t in found]
    long = RuleGroup(f"{slo.name}-increase", _increases(slo, total, labels), _long_interval(slo.window))
    return [long, RuleGroup(slo.name, (*burn, *alerts), timedelta(seconds=30))]


def _burn_name(total: _Series, window: timedelta) -> str:
    return f"{total.short}:burnrate{span_text(window)}"


def _by(slo: PyrraSlo) -> str:
    return f" by ({', '.join(slo.grouping)}) " if slo.grouping else ""


def _burn(slo: PyrraSlo, window: timedelta) -> str:
    """Return the error ratio over a lookback."""
    by, span, total = _by(slo), span_text(window), _Series.of(slo.total).text
    if slo.way == "latencyNative":
        return f"1 - histogram_fraction(0, {slo.seconds:g}, sum{by}(rate({total}[{span}])))"
    if slo.way == "bool_gauge":
        count, good = (f"sum{by}({f}_over_time({total}[{span}]))" for f in ("count", "sum"))
        return f"({count} - {good}) / {count}"
    whole = f"sum{by}(rate({total}[{span}]))"
    part = f"sum{by}(rate({_Series.of(slo.part).text}[{span}]))"
    return f"{part} / {whole}" if slo.way == "ratio" else f"({whole} - {part}) / {whole}"


def _alert(slo: PyrraSlo, total: _Series, tier: Tier, labels: Mapping[str, str]) -> Rule:
    kept = [m for m in total.matchers if m[0] in slo.grouping or m[1] in {"=", "!="}]
    inside = ",".join(sorted(f"{n}{o}{quoted(v)}" for n, o, v in (*kept, ("slo", "=", slo.name))))
    over = f"> ({tier.factor} * (1-{slo.target!r}))"
    sides = [f"{_burn_name(total, w)}{{{inside}}} {over}" for w in (tier.short, tier.long)]
    severities = slo.alerting.get("severities") or {}
    marks = {
        **labels, "short": span_text(tier.short), "long": span_text(tier.long),
        "severity": severities.get(tier.name, tier.severity), "exhaustion": span_text(slo.window / tier.factor),
    }  # fmt: skip
    name = slo.alerting.get("name") or "ErrorBudgetBurn"
    return Rule(name, " and ".join(sides), marks, alert=True, lasts=tier.lasts)


def _increases(slo: PyrraSlo, total: _Series, labels: Mapping[str, str]) -> tuple[Rule, ...]:
    """Return what is counted over the whole window, and the alert for series that are absent."""
    span = span_text(slo.window)
    if slo.way == "bool_gauge":
        rules = [
            Rule(f"{total.short}:{f}{span}", f"sum{_by(slo)}({f}_over_time({total.text}[{span}]))", labels)
            for f in ("count", "sum")
        ]
    elif slo.way == "latencyNative":
        whole = f"histogram_count(sum{_by(slo)}(increase({total.text}[{span}])))"
        within = f"histogram_fraction(0, {slo.seconds:g}, sum{_by(slo)}(increase({total.text}[{span}]))) * {whole}"
        name = f"{total.short}:increase{span}"
        rules = [Rule(name, whole, labels), Rule(name, within, {**labels, "le": f"{slo.seconds:g}"})]
    else:
        rules = [_increase(slo, total, labels, span)]
        part = _Series.of(slo.part)
        if part.name != total.name:
            bucket = {m[0]: m[2] for m in part.matchers if m[0] == "le"} if slo.way == "latency" else {}
            rules.append(_increase(slo, part, {**labels, **bucket}, span))
    if slo.alerting.get("disabled") or slo.alerting.get("absent") is False:
        return tuple(rules)
    return (*rules, _absent(slo, total, labels))


def _increase(slo: PyrraSlo, series: _Series, labels: Mapping[str, str], span: str) -> Rule:
    """Return the increase of one series over the window, kept apart by each label that is matched loosely."""
    told = {n for n, o, _ in (*series.matchers, *_Series.of(slo.part).matchers) if o != "=" and n != "le"}
    by = sorted(told | set(slo.grouping))
    around = f" by ({', '.join(by)}) " if by else ""
    return Rule(f"{series.short}:increase{span}", f"sum{around}(increase({series.text}[{span}]))", labels)


def _absent(slo: PyrraSlo, total: _Series, labels: Mapping[str, str]) -> Rule:
    """Return the alert for a metric that is not there, after as long as a full outage would take to page."""
    first = tiers(slo.window)[0]
    lasts = first.factor * (1 - slo.target) * first.long + first.lasts
    whole = max(round(lasts / _MINUTE), 1) * _MINUTE
    name = slo.alerting.get("absentName") or "SLOMetricAbsent"
    severity = (slo.alerting.get("severities") or {}).get("absent", "critical")
    return Rule(name, f"absent({total.text}) == 1", {**labels, "severity": severity}, alert=True, lasts=whole)


def _long_interval(window: timedelta) -> timedelta:
    """Return how often the long sums are made: 30 s below a week, two minutes below four, then two and a half."""
    return timedelta(seconds=30 if window < 7 * _DAY else 120 if window < 28 * _DAY else 150)
