"""Rules as Sloth generates them: eight ratios, seven facts and up to two alerts for each objective.

Its figures are written out as it does, floating-point noise included, so that a rule file can be compared with its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction

from nines import __version__
from nines.alerting.policy import BurnRule
from nines.alerting.rules import Exported, Rule, RuleGroup, number_text, selector, span_text
from nines.alerting.rules_counters import WINDOW, has_window, rates, with_window
from nines.alerting.rules_exact import GAUGES
from nines.objectives.indicator import CounterIndicator, QueryIndicator
from nines.objectives.window import RollingWindow
from nines.reading import duration

#: Before its own names in the annotations of a definition.
PREFIX = "sloth/"
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
_SUMMARY = "{{$labels.sloth_service}} {{$labels.sloth_slo}} SLO error budget burn rate is over expected."
_TITLE = "({}) {{{{$labels.sloth_service}}}} {{{{$labels.sloth_slo}}}} SLO error budget burn rate is too fast."


@dataclass(frozen=True, slots=True)
class SlothAlert:
    """What Sloth is told about the alerts of one objective."""

    name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    page_labels: Mapping[str, str] = field(default_factory=dict)
    ticket_labels: Mapping[str, str] = field(default_factory=dict)
    page_annotations: Mapping[str, str] = field(default_factory=dict)
    ticket_annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SlothSlo:
    """One objective as Sloth sees it.

    Attributes:
        service, slo: make its id, "service-slo".
        percent: target as a number, 0 < percent <= 100, as it was written.
        error: error ratio over a window, PromQL with a place for it.
        period: the SLO's window.
        labels: of every recorded series.
        rules: pairs of lookbacks; page and ticket.
        windows: lookbacks whose ratio is recorded.
        alert: names and labels of the alerts.
        mode, spec: what made it.
    """

    service: str
    slo: str
    percent: float
    error: str
    period: timedelta
    labels: Mapping[str, str]
    rules: tuple[BurnRule, ...]
    windows: tuple[timedelta, ...]
    alert: SlothAlert = SlothAlert()
    mode: str = "nines"
    spec: str = "nines/v1"

    @property
    def own(self) -> dict[str, str]:
        """The labels that tell it from others."""
        return {
            "sloth_id": f"{self.service}-{self.slo}",
            "sloth_service": self.service,
            "sloth_slo": self.slo,
        }


MODES = {"prometheus/v1": "cli-gen-prom", "openslo/v1alpha": "cli-gen-openslo", "sloth.slok.dev/v1": "cli-gen-k8s"}


def sloth_slo(found: Exported) -> SlothSlo:
    """Return an objective as Sloth would be told it.

    Raises:
        ValueError: Sloth has no way to say it.
    """
    objective, said = found.objective, found.annotations
    if not isinstance(objective.window, RollingWindow):
        msg = "Sloth knows rolling windows only"
        raise ValueError(msg)  # noqa: TRY004 - one class for all that cannot be said
    if objective.bound is not None:
        msg = "Sloth has no threshold objectives"
        raise ValueError(msg)
    spec = said.get(f"{PREFIX}spec", "nines/v1")
    rules = found.policy.rules if found.policy else ()
    used = {w for r in rules for w in (r.short, r.long)}
    stated = said.get(f"{PREFIX}windows")
    windows = {duration(w) for w in stated.split(",")} if stated else used if _pairs(rules) else used | _standard()
    held = json.loads(said.get(f"{PREFIX}alert", "{}"))
    return SlothSlo(
        service=said.get(f"{PREFIX}service", objective.service), slo=said.get(f"{PREFIX}slo", found.title),
        percent=float(objective.terms[-1].target * 100), error=error_ratio(found), period=objective.window.length,
        labels=dict(objective.labels), rules=rules, windows=tuple(sorted(windows)),
        alert=SlothAlert(**({"name": found.title} | held)), mode=MODES.get(spec, "nines"), spec=spec,
    )  # fmt: skip


def _pairs(rules: tuple[BurnRule, ...]) -> bool:
    """Return whether both alerts are there, so that their lookbacks are all that Sloth records."""
    return {r.severity for r in rules} == {"page", "ticket"}


def _standard() -> set[timedelta]:
    return {duration(w) for w in WINDOWS}


def error_ratio(found: Exported) -> str:
    """Return the error ratio of an objective over a window, as PromQL with a place for its length.

    Counters are read as Sloth would; all else through the minute counts that nines shows.

    Raises:
        ValueError: the query has no place for a window.
    """
    template = found.annotations.get(f"{PREFIX}error-ratio")
    if template:
        return template
    indicator = found.indicator
    if isinstance(indicator, CounterIndicator):
        part, total = rates(indicator.bad or indicator.good), rates(indicator.total)
        return f"({part})\n/\n({total})" if indicator.bad else f"1 - (({part}) / ({total}))"
    if isinstance(indicator, QueryIndicator):
        if not has_window(indicator.query):
            msg = "its query has no place for a window, so it cannot be asked over several"
            raise ValueError(msg)
        return indicator.query if indicator.meaning == "failure" else f"1 - ({indicator.query})"
    own = {"sli": indicator.name, "tenant": found.objective.tenant}
    good, bad = (f"sum(sum_over_time({selector(GAUGES[k].name, own)}[{WINDOW}]))" for k in ("good", "bad"))
    return f"({bad})\n/\n({good} + {bad})"


def sloth_groups(slo: SlothSlo, *, recordings: bool = True, alerts: bool = True) -> list[RuleGroup]:
    """Return the rule groups of one objective.

    Args:
        slo: the objective.
        recordings: whether ratios and facts are recorded.
        alerts: whether alerts are made.
    """
    own = slo.own["sloth_id"]
    groups = []
    if recordings:
        groups = [
            RuleGroup(f"sloth-slo-sli-recordings-{own}", _ratios(slo)),
            RuleGroup(f"sloth-slo-meta-recordings-{own}", _facts(slo)),
        ]
    made = _alerts(slo) if alerts else ()
    return [*groups, RuleGroup(f"sloth-slo-alerts-{own}", made)] if made else groups


def _ratio_name(window: timedelta) -> str:
    return f"slo:sli_error:ratio_rate{span_text(window)}"


def _ratios(slo: SlothSlo) -> tuple[Rule, ...]:
    labels = {**slo.labels, **slo.own}
    rules = [
        Rule(_ratio_name(w), with_window(slo.error, span_text(w)), {**labels, "sloth_window": span_text(w)})
        for w in slo.windows
    ]
    period = span_text(slo.period)
    short = f"{selector(_ratio_name(slo.windows[0]), slo.own)}[{period}]"
    mean = f"sum_over_time({short})\n/ ignoring (sloth_window)\ncount_over_time({short})"
    return (*rules, Rule(_ratio_name(slo.period), mean, {**labels, "sloth_window": period}))


def _facts(slo: SlothSlo) -> tuple[Rule, ...]:
    labels, target = {**slo.labels, **slo.own}, number_text(slo.percent / 100)
    days = number_text(slo.period / timedelta(days=1))
    budget = f"/ on(sloth_id, sloth_slo, sloth_service) group_left\n{selector('slo:error_budget:ratio', slo.own)}"
    info = {
        "sloth_mode": slo.mode, "sloth_objective": number_text(slo.percent), "sloth_spec": slo.spec,
        "sloth_version": __version__,
    }  # fmt: skip
    left = f"1 - {selector('slo:period_burn_rate:ratio', slo.own)}"
    return (
        Rule("slo:objective:ratio", f"vector({target})", labels),
        Rule("slo:error_budget:ratio", f"vector(1-{target})", labels),
        Rule("slo:time_period:days", f"vector({days})", labels),
        Rule("slo:current_burn_rate:ratio", f"{selector(_ratio_name(slo.windows[0]), slo.own)}\n{budget}", labels),
        Rule("slo:period_burn_rate:ratio", f"{selector(_ratio_name(slo.period), slo.own)}\n{budget}", labels),
        Rule("slo:period_error_budget_remaining:ratio", left, labels),
        Rule("sloth_slo_info", "vector(1)", {**labels, **info}),
    )


def _alerts(slo: SlothSlo) -> tuple[Rule, ...]:
    made = []
    for severity in ("page", "ticket"):
        pairs = [_pair(slo, rule) for rule in slo.rules if rule.severity == severity]
        page = severity == "page"
        labels = slo.alert.page_labels if page else slo.alert.ticket_labels
        annotations = slo.alert.page_annotations if page else slo.alert.ticket_annotations
        texts = {"summary": _SUMMARY, "title": _TITLE.format(severity), **slo.alert.annotations, **annotations}
        if pairs:
            marks = {**slo.alert.labels, **labels, "sloth_severity": severity}
            made.append(Rule(slo.alert.name, "\nor\n".join(pairs), marks, alert=True, annotations=texts))
    return tuple(made)


def _pair(slo: SlothSlo, rule: BurnRule) -> str:
    over = f"> ({number_text(_factor(rule, slo.period))} * {number_text((100 - slo.percent) / 100)})"
    sides = [
        f"    max({selector(_ratio_name(w), slo.own)} {over}) without (sloth_window)" for w in (rule.short, rule.long)
    ]
    return "(\n" + "\n    and\n".join(sides) + "\n)"


def _factor(rule: BurnRule, period: timedelta) -> float:
    """Return the factor in the order of operations that Sloth has, whose rounding shows in its rules."""
    hour = timedelta(hours=1)
    share = rule.factor(period) * Fraction(rule.long // hour or 1, period // hour or 1)
    if rule.long % hour or period % hour or Fraction(float(share)).limit_denominator(10**9) != share:
        return float(rule.factor(period))
    return float(share) * (period / hour) / (rule.long / hour)
