"""Definitions as OpenSLO v1 documents, and OpenSLO documents of any version as definitions of ours.

One rule: what the other side has no field for is told, never dropped in silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from nines.alerting.policy import BurnPolicy, BurnRule
from nines.definitions.imported import Imported, decimal_text, percent_text
from nines.definitions.load import Definitions, load_texts
from nines.definitions.openslo_alerts import written
from nines.errors import Problem
from nines.objectives.indicator import CounterIndicator, Indicator, QueryIndicator, SampleIndicator
from nines.objectives.method import Occurrences
from nines.objectives.objective import Objective, Watching
from nines.objectives.window import CalendarWindow, RollingWindow, Window
from nines.reading import duration_text

_UNITS = {"day": "d", "week": "w", "month": "M", "quarter": "Q", "year": "Y"}


def import_openslo(texts: Sequence[tuple[str, str]]) -> Imported:
    """Return definitions of ours made from OpenSLO's.

    Args:
        texts: name for places, and text, of each file.
    """
    found = load_texts(texts)
    into = Imported(problems=list(found.problems))
    for source in found.sources.values():
        options = dict(source.options) or {"url": "http://127.0.0.1:9090"}
        into.add("DataSource", source.name, {"type": source.type, "options": options})
    for name, shown in found.services.items():
        into.add("Service", name, {}, displayName=shown if shown != name else "")
    for name, indicator in found.indicators.items():
        into.add("SLI", name, {"source": indicator.source, **_sli(indicator)})
    _alerts(found, into)
    for objective in found.objectives:
        into.add(
            "SLO", objective.name, _slo(objective), labels=dict(objective.labels), displayName=objective.display_name
        )
    return into


def _alerts(found: Definitions, into: Imported) -> None:
    """Bring along what burns fast; whom to tell is said anew, for a foreign target is only a word."""
    for name in dict.fromkeys(o.policy for o in found.objectives if o.policy):
        policy = found.policies[name]
        into.add("AlertPolicy", _policy_name(name), {"conditions": [_condition(r, policy) for r in policy.rules]})
    for (kind, name), document in found.documents.items():
        if kind == "AlertNotificationTarget":
            what = f"{kind} {name!r} does not come along"
            fix = "write one with target, url and secret"
            into.problems.append(Problem(document.where(), what, fix, "note", "import-lost"))


def _policy_name(name: str) -> str:
    return name.replace("+", "-")[:63].rstrip("-")


def _condition(rule: BurnRule, policy: BurnPolicy) -> dict[str, Any]:
    found = {"severity": rule.severity, "op": policy.comparison, "threshold": decimal_text(rule.stated or Fraction(0))}
    waits = {"alertAfter": duration_text(rule.lasts)} if rule.lasts else {}
    return found | {"lookbackWindow": duration_text(rule.long)} | waits


def _sli(indicator: Indicator) -> dict[str, Any]:
    if isinstance(indicator, CounterIndicator):
        return {k: v for k in ("good", "bad", "total") if (v := getattr(indicator, k))}
    if isinstance(indicator, QueryIndicator):
        return {"query": indicator.query, "rawType": indicator.meaning}
    if isinstance(indicator, SampleIndicator):
        bound = decimal_text(indicator.bound)
        return {"threshold": {"value": indicator.value, "op": indicator.op, "bound": bound}}
    msg = f"OpenSLO has no {indicator.kind} indicator"
    raise TypeError(msg)


def _slo(objective: Objective) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "service": objective.service, "indicator": objective.indicator,
        "target": percent_text(objective.terms[0].target * 100), "window": _window(objective.window),
    }  # fmt: skip
    method = objective.terms[0].method
    if not isinstance(method, Occurrences):
        spec |= {"budgetingMethod": type(method).__name__, "sliceLength": f"{method.slice_minutes}m"}
        share = getattr(method, "slice_target", None)
        spec |= {"timeSliceTarget": percent_text(share * 100)} if share is not None else {}
    if objective.policy:
        spec["alerting"] = {"policy": _policy_name(objective.policy)}
    return spec


def _window(window: Window) -> Any:  # noqa: ANN401 - a length or a mapping
    if isinstance(window, RollingWindow):
        return duration_text(window.length)
    found: dict[str, Any] = {"calendar": window.unit, "count": window.count, "timezone": window.zone}
    return found | ({"anchor": window.anchor.isoformat()} if window.anchor else {})


def export_openslo(found: Definitions) -> tuple[list[dict[str, Any]], list[Problem]]:
    """Return OpenSLO v1 documents for definitions, and what it has no field for.

    Args:
        found: definitions without mistakes.
    """
    documents: list[dict[str, Any]] = []
    lost: list[Problem] = []
    for source in found.sources.values():
        spec = {"type": source.type, "connectionDetails": dict(source.options) or {"name": source.name}}
        documents.append(_document("DataSource", source.name, spec))
    for name, shown in found.services.items():
        documents.append(_document("Service", name, {"description": shown}))
    for objective in found.objectives:
        indicator = found.indicators[objective.indicator]
        ratio = _ratio(indicator) if objective.bound is None else None
        if ratio is None:
            _lose(lost, objective, f"OpenSLO cannot say its {indicator.kind} indicator; it was left out")
            continue
        name, promise = _own_name(found, objective), _openslo(objective, indicator, ratio)
        policy = found.policy_of(objective)
        if policy is not None:
            alerts = written(policy, objective.window.nominal, prefix=name)
            documents += alerts.documents
            promise["alertPolicies"] = [{"alertPolicyRef": d["metadata"]["name"]} for d in alerts.documents]
            for words in alerts.lost:
                _lose(lost, objective, f"an AlertPolicy of OpenSLO has no field for {words}")
        documents.append(_document("SLO", name, promise))
        _lost_fields(lost, objective)
    return documents, lost


def _own_name(found: Definitions, objective: Objective) -> str:
    alone = sum(o.name == objective.name for o in found.objectives) == 1
    return objective.name if alone else objective.key.replace("@", "-")


def _document(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "openslo/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _lose(lost: list[Problem], objective: Objective, what: str) -> None:
    lost.append(Problem(objective.key, what, "", "note", "export-lost"))


def _lost_fields(lost: list[Problem], objective: Objective) -> None:
    if objective.missing != "unknown" or objective.no_traffic != "skip":
        _lose(lost, objective, "OpenSLO does not say what silence counts as")
    if objective.watching is not None and objective.watching != Watching():
        _lose(lost, objective, "OpenSLO does not say what else is told: depletion, forecast, suspectedLoss, blind")
    if objective.hours:
        _lose(lost, objective, "OpenSLO has no service hours")


def _ratio(indicator: Indicator) -> dict[str, Any] | None:
    def metric(query: str) -> dict[str, Any]:
        return {"metricSource": {"metricSourceRef": indicator.source, "spec": {"query": query}}}

    if isinstance(indicator, CounterIndicator):
        sides = {k: metric(v) for k in ("good", "bad", "total") if (v := getattr(indicator, k))}
        return {"ratioMetric": {"counter": True, **sides}}
    if isinstance(indicator, QueryIndicator):
        return {"ratioMetric": {"raw": metric(indicator.query), "rawType": indicator.meaning}}
    if isinstance(indicator, SampleIndicator):
        return {"thresholdMetric": metric(indicator.value)}
    return None


def _openslo(objective: Objective, indicator: Indicator, ratio: dict[str, Any]) -> dict[str, Any]:
    term = objective.terms[-1]
    asked: dict[str, Any] = {"displayName": objective.display_name or objective.name, "target": float(term.target)}
    if isinstance(indicator, SampleIndicator):
        asked |= {"op": indicator.op, "value": float(indicator.bound)}
    if not isinstance(term.method, Occurrences):
        asked |= {"timeSliceWindow": f"{term.method.slice_minutes}m"}
        share = getattr(term.method, "slice_target", None)
        asked |= {"timeSliceTarget": float(share)} if share is not None else {}
    return {
        "service": objective.service, "description": objective.description,
        "indicator": {"metadata": {"name": indicator.name}, "spec": ratio},
        "timeWindow": [_time_window(objective.window)],
        "budgetingMethod": type(term.method).__name__, "objectives": [asked],
    }  # fmt: skip


def _time_window(window: Window) -> dict[str, Any]:
    if isinstance(window, RollingWindow):
        return {"duration": duration_text(window.length), "isRolling": True}
    return {"duration": f"{window.count}{_UNITS[window.unit]}", "isRolling": False, "calendar": _calendar(window)}


def _calendar(window: CalendarWindow) -> dict[str, str]:
    start = window.anchor.strftime("%Y-%m-%d %H:%M:%S") if window.anchor else "1970-01-01 00:00:00"
    return {"startTime": start, "timeZone": window.zone}
