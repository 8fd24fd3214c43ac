"""Gather documents into definitions: each by its apiVersion and kind, each mistake with its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from nines.alerting.conditions import as_burn_policy
from nines.definitions import alert_readers, datasources, readers, shapes
from nines.definitions.derived import made_of_others, resolve
from nines.definitions.gathered import Gathered
from nines.definitions.indicators import compared, indicator
from nines.definitions.journeys import journey
from nines.definitions.notifying import route, target
from nines.definitions.openslo import gather_openslo
from nines.definitions.positions import Document
from nines.definitions.readers import Reading
from nines.errors import Problem
from nines.objectives.indicator import CompositeIndicator
from nines.objectives.objective import Objective

NATIVE = "nines/v1"
OPENSLO = ("openslo/v1", "openslo/v1alpha", "openslo.com/v2alpha")


Adder = Callable[[Gathered, Reading, shapes.Metadata, Any], None]


def _add_source(to: Gathered, reading: Reading, metadata: shapes.Metadata, spec: Any) -> None:  # noqa: ANN401
    to.sources[metadata.name] = datasources.source(reading, metadata, spec)


def _add_indicator(to: Gathered, reading: Reading, metadata: shapes.Metadata, spec: Any) -> None:  # noqa: ANN401
    if spec.combine is not None or spec.quorum is not None:
        if made_of_others(reading, spec):
            to.derived[metadata.name] = spec
        return
    found = indicator(reading, metadata, spec)
    if found is not None:
        to.indicators[metadata.name] = found
    if spec.clocks is not None:
        to.clocks[metadata.name] = compared(reading, spec.clocks)


def _add_slo(to: Gathered, reading: Reading, metadata: shapes.Metadata, spec: Any) -> None:  # noqa: ANN401
    to.objectives += readers.objectives(reading, metadata, spec)
    if spec.hours:
        to.hours[metadata.name] = spec.hours


def _add_composite(to: Gathered, reading: Reading, metadata: shapes.Metadata, spec: Any) -> None:  # noqa: ANN401
    to.indicators[metadata.name] = CompositeIndicator(
        name=metadata.name, members=tuple(spec.members), op=spec.op, k=spec.k or 0
    )
    to.objectives += readers.composites(reading, metadata, spec)
    if spec.hours:
        to.hours[metadata.name] = spec.hours


def _add_service(to: Gathered, reading: Reading, metadata: shapes.Metadata, spec: Any) -> None:  # noqa: ANN401, ARG001
    to.services[metadata.name] = metadata.display_name or metadata.name


def _add_exclusion(to: Gathered, reading: Reading, metadata: shapes.Metadata, spec: Any) -> None:  # noqa: ANN401
    to.exclusions.append(readers.exclusion(reading, metadata, spec))


def _add_calendar(to: Gathered, reading: Reading, metadata: shapes.Metadata, spec: Any) -> None:  # noqa: ANN401
    name, spans = readers.calendar(reading, metadata, spec)
    to.calendars[name] = spans


def _add_policy(to: Gathered, reading: Reading, metadata: shapes.Metadata, spec: Any) -> None:  # noqa: ANN401
    to.policies[metadata.name] = alert_readers.burn_policy(reading, metadata.name, spec)


def _add_condition(to: Gathered, reading: Reading, metadata: shapes.Metadata, spec: Any) -> None:  # noqa: ANN401
    to.conditions[metadata.name] = alert_readers.condition(reading, "", metadata.name, spec)


def _add_alert_policy(to: Gathered, reading: Reading, metadata: shapes.Metadata, spec: Any) -> None:  # noqa: ANN401
    held = alert_readers.alert_policy(reading, metadata.name, spec, to.conditions)
    to.alert_policies[metadata.name] = held
    burning = as_burn_policy([held])
    if burning is not None:
        to.policies.setdefault(metadata.name, burning)


def _add_budget_policy(to: Gathered, reading: Reading, metadata: shapes.Metadata, spec: Any) -> None:  # noqa: ANN401
    to.budget_policies[metadata.name] = alert_readers.budget_policy(reading, metadata.name, spec)


def _add_probe(to: Gathered, reading: Reading, metadata: shapes.Metadata, spec: Any) -> None:  # noqa: ANN401
    to.probes[metadata.name] = journey(reading, metadata, spec)


def _add_target(to: Gathered, reading: Reading, metadata: shapes.Metadata, spec: Any) -> None:  # noqa: ANN401
    to.targets[metadata.name] = target(reading, metadata, spec)


def _add_route(to: Gathered, reading: Reading, metadata: shapes.Metadata, spec: Any) -> None:  # noqa: ANN401
    to.routes[metadata.name] = route(reading, metadata, spec)
    if spec.hours:
        to.route_hours[metadata.name] = spec.hours


#: Kind -> what adds it. The shape of its spec stands in `shapes.SPECS`.
ADDERS: dict[str, Adder] = {
    "DataSource": _add_source,
    "SLI": _add_indicator,
    "SLO": _add_slo,
    "Composite": _add_composite,
    "Service": _add_service,
    "Exclusion": _add_exclusion,
    "Calendar": _add_calendar,
    "BurnPolicy": _add_policy,
    "AlertPolicy": _add_alert_policy,
    "AlertCondition": _add_condition,
    "AlertNotificationTarget": _add_target,
    "ErrorBudgetPolicy": _add_budget_policy,
    "Probe": _add_probe,
    "Route": _add_route,
}


def gather(parsed: list[Document], problems: list[Problem], *, strict: bool) -> Gathered:
    """Read every document, noting mistakes.

    Args:
        parsed: documents in the order of files.
        problems: takes the mistakes found.
        strict: whether OpenSLO is held to the published rules.
    """
    found = Gathered()
    foreign: list[Document] = []
    for document in sorted(parsed, key=_order):
        version = document.value.get("apiVersion") if isinstance(document.value, dict) else None
        if version == NATIVE:
            _native(found, document, problems)
        elif version in OPENSLO:
            foreign.append(document)
        else:
            problems.append(_no_version(document, version))
    if foreign:
        gather_openslo(found, foreign, problems, strict=strict)
    resolve(found, problems)
    found.objectives = [_complete(o, found) for o in found.objectives]
    for name, calendar in found.route_hours.items():
        if calendar in found.calendars:
            found.routes[name] = replace(found.routes[name], hours=found.calendars[calendar])
    return found


def _order(document: Document) -> int:
    """Put conditions first, so that alert policies can refer to them."""
    held = document.value
    return 0 if isinstance(held, dict) and held.get("kind") == "AlertCondition" else 1


def _complete(objective: Objective, found: Gathered) -> Objective:
    """Give an objective what only the other definitions know: its indicator's identity, its unit and its hours."""
    from nines.objectives.objective import ServiceHours

    indicator = found.indicators.get(objective.indicator)
    hours = found.hours.get(objective.name)
    return replace(
        objective,
        indicator_id=indicator.identity if indicator else "",
        unit=indicator.unit if indicator else objective.unit,
        hours=ServiceHours(hours, found.calendars[hours]) if hours in found.calendars else None,
    )


def _no_version(document: Document, version: object) -> Problem:
    if not isinstance(document.value, dict):
        return Problem(
            document.where(), "this document is no mapping", "begin with apiVersion: nines/v1", code="no-version"
        )
    known = [NATIVE, *OPENSLO]
    what = f"apiVersion {version!r} is not known" if version else "there is no apiVersion"
    near = get_close_matches(str(version), known, 1)
    fix = f"did you mean {near[0]}?" if near else f"write one of {', '.join(known)}"
    return Problem(document.where(("apiVersion",)), what, fix, code="no-version")


def _native(found: Gathered, document: Document, problems: list[Problem]) -> None:
    kind = document.value.get("kind")
    if not isinstance(kind, str) or kind not in ADDERS:
        near = get_close_matches(str(kind), list(ADDERS), 1, 0.5)
        fix = f"did you mean {near[0]}?" if near else f"write one of {', '.join(ADDERS)}"
        problems.append(Problem(document.where(("kind",)), f"kind {kind!r} is not known", fix, code="no-kind"))
        return
    before = len(problems)
    extra = set(document.value) - {"apiVersion", "kind", "metadata", "spec"}
    problems += [
        Problem(document.where((key,)), f"{key!r} does not belong here", "put it under spec", code="unknown-field")
        for key in sorted(extra)
    ]
    metadata = validated(shapes.Metadata, document, ("metadata",), problems)
    spec = validated(shapes.SPECS[kind], document, ("spec",), problems)
    if metadata is None or spec is None:
        held = document.value.get("metadata")
        found.flawed.add((kind, str(held.get("name") if isinstance(held, dict) else "")))
        return
    key = (kind, metadata.name)
    if key in found.documents:
        first = found.documents[key].where(("metadata", "name"))
        what = f"{kind} {metadata.name!r} is defined twice, first in {first}"
        problems.append(
            Problem(document.where(("metadata", "name")), what, "rename or remove one", code="defined-twice")
        )
        return
    found.documents[key] = document
    ADDERS[kind](found, Reading(document, problems), metadata, spec)
    if len(problems) > before:
        found.flawed.add(key)


def validated(shape: type[Any], document: Document, at: tuple[str, ...], problems: list[Problem]) -> Any:  # noqa: ANN401
    """Return a part of a document in its shape, or None after noting what does not fit.

    Args:
        shape: model of the part.
        document: what is read.
        at: path of the part.
        problems: takes the mistakes.
    """
    value = document.value
    for key in at:
        value = value.get(key) if isinstance(value, dict) else None
    if value is None and at == ("spec",):
        value = {}
    if not isinstance(value, dict):
        problems.append(
            Problem(document.where(at), f"{'.'.join(at)} is missing or no mapping", f"add {at[-1]}:", code="no-part")
        )
        return None
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        problems += [_translated(shape, document, at, detail) for detail in error.errors(include_url=False)]
        return None


def _translated(shape: type[Any], document: Document, at: tuple[str, ...], detail: Any) -> Problem:  # noqa: ANN401
    """Say a mistake of the shape in our words."""
    path = tuple(k for k in detail["loc"] if not (isinstance(k, str) and ("[" in k or k in _BRANCHES)))
    name, kind = ".".join(str(k) for k in (*at, *path)), detail["type"]
    where = document.where((*at, *path))
    if kind == "extra_forbidden":
        names = [f.alias or n for n, f in shape.model_fields.items()]
        near = get_close_matches(str(path[-1]), names, 1, 0.6)
        fix = (
            f"did you mean {near[0]}?" if near else f"known here: {', '.join(names)}" if len(path) == 1 else "remove it"
        )
        return Problem(where, f"{name} is not a known field", fix, code="unknown-field")
    if kind == "missing":
        return Problem(
            document.where((*at, *path[:-1])), f"{name} is missing", f"add {path[-1]}:", code="missing-field"
        )
    if kind == "literal_error":
        expected = detail["ctx"]["expected"].replace("'", "")
        return Problem(where, f"{name} is {detail['input']!r}", f"write one of {expected}", code="bad-choice")
    if kind == "string_pattern_mismatch":
        fix = "use lower-case letters, digits and hyphens, at most 63"
        return Problem(where, f"{name} {detail['input']!r} is no name", fix, code="bad-name")
    return Problem(
        where,
        f"{name}: {detail['msg'][0].lower()}{detail['msg'][1:]}",
        "see the reference of this kind",
        code="bad-shape",
    )


_BRANCHES = {"str", "int", "float", "CalendarWindowShape", "constrained-str"}
