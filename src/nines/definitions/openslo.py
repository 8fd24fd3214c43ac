"""OpenSLO v1, v1alpha and v2alpha, read as they are: the same promises, from a foreign text.

Queries that cannot be read into increments are kept and marked; a source without an address is made up by its name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from math import isfinite
from typing import cast

from nines.definitions.gathered import Gathered
from nines.definitions.openslo_alerts import alerting_of, read_alert
from nines.definitions.openslo_rules import (
    Path,
    Reading,
    description_rules,
    labels_of,
    metadata_rules,
    number_rules,
    operator_rules,
    reference_rules,
)
from nines.definitions.openslo_windows import method_of, window_of
from nines.definitions.positions import Document
from nines.definitions.promql import selector_problem
from nines.errors import Problem
from nines.objectives.indicator import Comparison, CounterIndicator, Indicator, QueryIndicator, SampleIndicator
from nines.objectives.objective import Objective, Term
from nines.objectives.window import Window
from nines.reading import ratio
from nines.telemetry.datasource import DataSource

ALERTS = ("AlertPolicy", "AlertCondition", "AlertNotificationTarget")
KINDS = ("SLO", "SLI", "Service", "DataSource", *ALERTS)
OBJECTIVE_FIELDS = (
    "displayName",
    "op",
    "value",
    "target",
    "targetPercent",
    "timeSliceTarget",
    "timeSliceWindow",
    "indicator",
    "indicatorRef",
    "sli",
    "sliRef",
    "compositeWeight",
    "ratioMetrics",
)


def gather_openslo(found: Gathered, foreign: list[Document], problems: list[Problem], *, strict: bool) -> None:
    """Read OpenSLO documents into what is being gathered; indicators first, so that objectives can refer to them.

    Args:
        found: takes what they say.
        foreign: the documents.
        problems: takes the mistakes.
        strict: whether a broken rule refuses a document.
    """
    order = {"DataSource": 0, "Service": 1, "SLI": 2, "SLO": 5, "AlertPolicy": 4}
    for document in sorted(foreign, key=lambda d: order.get(str(d.value.get("kind")), 3)):
        reading = Reading(document, problems, strict)
        kind = document.value.get("kind")
        reading.fields((), ("apiVersion", "kind", "metadata", "spec"))
        if kind not in KINDS:
            reading.unclear(
                ("kind",), f"kind {kind!r} is not of OpenSLO", f"write one of {', '.join(KINDS)}", "no-kind"
            )
            continue
        name = metadata_rules(reading)
        if (kind, name) in found.documents:
            first = found.documents[kind, name].where(("metadata", "name"))
            reading.unclear(
                ("metadata", "name"),
                f"{kind} {name!r} is defined twice, first in {first}",
                "rename one",
                "defined-twice",
            )
            continue
        found.documents[kind, name] = document
        READERS[kind](found, reading, name)


def _service(found: Gathered, reading: Reading, name: str) -> None:
    reading.fields(("spec",), ("description",))
    description_rules(reading, "spec")
    found.services[name] = str(reading.get("metadata", "displayName") or name)


def _source(found: Gathered, reading: Reading, name: str) -> None:
    reading.fields(("spec",), ("description", "type", "connectionDetails"))
    description_rules(reading, "spec")
    kind, details = reading.get("spec", "type"), reading.get("spec", "connectionDetails")
    if not kind:
        reading.broken(("spec",), "a DataSource needs a type", "add type:", "missing-field")
    if not isinstance(details, dict):
        reading.broken(("spec",), "a DataSource needs connectionDetails", "add connectionDetails:", "missing-field")
    url = details.get("url") if isinstance(details, dict) else None
    found.sources[name] = _source_of(name, str(kind), str(url) if url else "")


def _source_of(name: str, kind: str, url: str = "") -> DataSource:
    options = (("url", url),) if url else ()
    return DataSource(name=name, type="prometheus" if "prom" in kind.lower() else "events", options=options)


def _sli(found: Gathered, reading: Reading, name: str) -> None:
    _metric(found, reading, ("spec",), name)


READERS: dict[str, Callable[[Gathered, Reading, str], None]] = {
    "Service": _service,
    "DataSource": _source,
    "SLI": _sli,
    **dict.fromkeys(ALERTS, read_alert),
}


def _metric(found: Gathered, reading: Reading, at: Path, name: str, objective: Path | None = None) -> Indicator | None:
    """Read an SLI's spec; a threshold metric takes operator and value from its objective."""
    reading.fields(at, ("description", "thresholdMetric", "ratioMetric"))
    description_rules(reading, *at)
    which = reading.one_of(at, ("ratioMetric", "thresholdMetric"))
    if which == "thresholdMetric":
        return _threshold(found, reading, (*at, which), name, objective)
    if which is None:
        return None
    return _ratio(found, reading, (*at, which), name)


def _query(found: Gathered, reading: Reading, at: Path) -> tuple[str, str]:
    """Return the source and the query of a metric, however the version writes it."""
    inner = (*at, "metricSource") if reading.get(*at, "metricSource") is not None else at
    reading.fields(
        at, ("metricSource", "dataSourceRef", "dataSourceSpec", "spec", "source", "queryType", "query", "metadata")
    )
    reference = reading.get(*inner, "metricSourceRef") or reading.get(*inner, "dataSourceRef")
    if reference is not None:
        reference_rules(
            reading, (*inner, "metricSourceRef" if reading.get(*inner, "metricSourceRef") else "dataSourceRef")
        )
    spec = reading.get(*inner, "spec")
    query = reading.get(*inner, "query") or (spec.get("query") if isinstance(spec, dict) else None)
    if query is None and isinstance(spec, dict) and spec:
        query = " ".join(f"{k}={v}" for k, v in spec.items())
    if not query:
        reading.unclear(inner, "the metric has no query", "add spec: {query: ...}", "missing-field")
    kind = str(reading.get(*inner, "type") or reading.get(*inner, "source") or "unknown")
    name = str(reference) if reference else re.sub(r"[^a-z0-9]+", "-", kind.lower()).strip("-") or "unknown"
    if name not in found.sources:
        found.sources[name] = _source_of(name, kind if not reference else "prometheus")
        what = f"its source {name!r} is named but not defined here, so it can be checked but not evaluated"
        reading.problems.append(
            Problem(reading.document.where(inner), what, "define a DataSource", "note", "source-by-name")
        )
    return name, str(query or "")


def _threshold(found: Gathered, reading: Reading, at: Path, name: str, objective: Path | None) -> Indicator | None:
    source, query = _query(found, reading, at)
    if objective is None:
        found.thresholds[name] = (source, query)
        return None
    held = _held_against(reading, objective)
    if held is None:
        return None
    made = SampleIndicator(name=name, source=source, value=query, op=held[0], bound=held[1])
    found.indicators[name] = made
    return made


def _ratio(found: Gathered, reading: Reading, at: Path, name: str) -> Indicator | None:
    reading.fields(at, ("counter", "incremental", "good", "bad", "total", "raw", "rawType"))
    if reading.one_of(at, ("total", "raw")) == "raw":
        source, query = _query(found, reading, (*at, "raw"))
        kind = reading.get(*at, "rawType")
        if kind not in ("success", "failure"):
            reading.unclear((*at, "rawType"), f"rawType is {kind!r}", "write success or failure", "bad-choice")
            return None
        made: Indicator = QueryIndicator(name=name, source=source, query=query, meaning=kind)
    else:
        side = reading.one_of(at, ("good", "bad"))
        if side is None or reading.get(*at, "total") is None:
            return None
        source, part = _query(found, reading, (*at, side))
        _, total = _query(found, reading, (*at, "total"))
        made = CounterIndicator(name=name, source=source, total=total, **{side: part})
        for field, text in ((side, part), ("total", total)):
            wrong = selector_problem(text)
            if wrong is not None:
                found.trusted.add(name)
                what = f"the query cannot be read into increments ({wrong}); it is kept, but cannot be evaluated"
                reading.problems.append(
                    Problem(reading.document.where((*at, field)), what, "write a selector", "note", "bad-selector")
                )
    found.indicators[name] = made
    return made


def _slo(found: Gathered, reading: Reading, name: str) -> None:
    known = (
        "description",
        "service",
        "indicator",
        "indicatorRef",
        "sli",
        "sliRef",
        "budgetingMethod",
        "timeWindow",
        "timeWindows",
        "objectives",
        "alertPolicies",
    )
    reading.fields(("spec",), known)
    description_rules(reading, "spec")
    service = reading.get("spec", "service")
    if not service:
        reading.unclear(("spec",), "there is no service", "add service:", "missing-field")
    found.services.setdefault(str(service), str(service))
    window = window_of(reading)
    if not reading.items("spec", "objectives"):
        reading.unclear(("spec",), "there are no objectives", "add objectives:", "missing-field")
    before = len(found.objectives)
    for number in range(len(reading.items("spec", "objectives"))):
        _objective(found, reading, name, number, window)
    policy, watching = alerting_of(found, reading)
    found.objectives[before:] = [replace(o, policy=policy, watching=watching) for o in found.objectives[before:]]


READERS["SLO"] = _slo


def _objective(found: Gathered, reading: Reading, slo: str, number: int, window: Window | None) -> None:
    at: Path = ("spec", "objectives", number)
    reading.fields(at, OBJECTIVE_FIELDS)
    which = reading.one_of(at, ("target", "targetPercent"))
    number_rules(reading, (*at, "target"), least=0, below=1)
    number_rules(reading, (*at, "targetPercent"), least=0, below=100)
    number_rules(reading, (*at, "compositeWeight"), above=0)
    name = slo if len(reading.items("spec", "objectives")) == 1 else f"{slo}-{number + 1}"
    indicator = _indicator(found, reading, at, name)
    method = method_of(reading, at)
    if which is None or window is None or method is None:
        return
    value = reading.get(*at, which)
    try:
        target = ratio(value) if which == "target" else Fraction(str(value)) / 100
    except ValueError:
        return  # its range was noted above
    found.objectives.append(
        Objective(
            name=name, service=str(reading.get("spec", "service")), indicator=indicator,
            terms=(Term(target, method),), window=window,
            labels=labels_of(reading),
            display_name=str(reading.get(*at, "displayName") or reading.get("metadata", "displayName") or ""),
        )
    )  # fmt: skip


def _indicator(found: Gathered, reading: Reading, objective: Path, name: str) -> str:
    """Return the name of an objective's indicator, reading it where it stands inline."""
    if reading.get(*objective, "ratioMetrics") is not None:
        _ratio(found, reading, (*objective, "ratioMetrics"), name)
        return name
    places: list[Path] = [objective, ("spec",)]
    stated = [
        (p, f) for p in places for f in ("indicator", "indicatorRef", "sli", "sliRef") if reading.get(*p, f) is not None
    ]
    if len({p for p, _ in stated}) > 1 or len(stated) > 1:
        reading.broken(("spec",), "the indicator stands in several places", "keep it in one", "indicator-twice")
    if not stated:
        reading.unclear(("spec",), "there is no indicator", "add indicator: or indicatorRef:", "missing-field")
        return name
    place, field = stated[0]
    if field.endswith("Ref"):
        reference_rules(reading, (*place, field))
        return _referred(found, reading, objective, str(reading.get(*place, field)), name)
    at = (*place, field)
    inline = reading.get(*at, "spec") is not None
    own = metadata_rules(reading, *at) if reading.get(*at, "metadata") is not None else name
    if inline and not own:
        own = name
    made = _metric(
        found, reading, (*at, "spec") if inline else at, own if own not in found.indicators else name, objective
    )
    if not isinstance(made, SampleIndicator) and reading.get(*objective, "op") is not None and made is not None:
        reading.broken((*objective, "op"), "op has no meaning beside a ratio metric", "remove it", "op-beside-ratio")
    if made is None:
        found.flawed.add(("SLI", name))
    return made.name if made is not None else name


def _referred(found: Gathered, reading: Reading, objective: Path, reference: str, name: str) -> str:
    """Return the indicator a reference means; a threshold metric becomes one of its own for each objective."""
    if reference not in found.thresholds:
        return reference
    source, query = found.thresholds[reference]
    held = _held_against(reading, objective)
    if held is None:
        found.flawed.add(("SLI", name))
        return name
    own = f"{reference}-{name}"[:63]
    found.indicators[own] = SampleIndicator(name=own, source=source, value=query, op=held[0], bound=held[1])
    return own


def _held_against(reading: Reading, objective: Path) -> tuple[Comparison, Fraction] | None:
    """Return the operator and value of an objective, or None after noting what is wrong with them."""
    op = operator_rules(reading, (*objective, "op"), needed=True)
    bound = reading.get(*objective, "value")
    if bound is None:
        reading.unclear(objective, "a threshold metric needs a value to be held against", "add value:", "missing-field")
    number_rules(reading, (*objective, "value"))
    if op is None or isinstance(bound, bool) or not isinstance(bound, int | float) or not isfinite(bound):
        return None
    return cast(Comparison, op), Fraction(str(bound))
