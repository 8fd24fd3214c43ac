"""Checks that need all definitions at once: references, cycles, policies that cannot fire, unreadable counters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from difflib import get_close_matches

from nines.alerting.catalogue import PUBLISHED, policy_for, unpublished
from nines.alerting.policy import default_policy, policy_problems
from nines.definitions.gathered import Gathered
from nines.definitions.promql import selector_problem
from nines.errors import InputError, Problem
from nines.evaluation.composite import members_in_order
from nines.objectives.indicator import CompositeIndicator, CounterIndicator, EventIndicator, ValueIndicator
from nines.objectives.method import Occurrences
from nines.objectives.objective import Objective


def cross_check(found: Gathered) -> list[Problem]:
    """Return every mistake that no single document shows.

    Args:
        found: all definitions together.
    """
    checks = (_twice, _references, _cycles, _policies, _alerts, _counters, _bounds, _scopes)
    return list(dict.fromkeys(problem for check in checks for problem in check(found)))


def _place(found: Gathered, kind: str, name: str, *path: str) -> str:
    document = found.documents.get((kind, name))
    return document.where(("spec", *path)) if document else f"{kind} {name}"


def _kind_of(found: Gathered, name: str) -> str:
    return "Composite" if ("Composite", name) in found.documents else "SLO"


def _unknown(where: str, what: str, name: str, known: Iterable[str]) -> Problem:
    names = sorted(known)
    near = get_close_matches(name, names, 1, 0.6)
    fix = (
        f"did you mean {near[0]}?" if near else f"defined are: {', '.join(names[:10])}" if names else f"define a {what}"
    )
    return Problem(where, f"there is no {what} {name!r}", fix, code=f"unknown-{what.lower().replace(' ', '-')}")


def _twice(found: Gathered) -> Iterable[Problem]:
    """Yield Composites that take the name of an SLO or an SLI: objectives and indicators are known by name."""
    for name in sorted(found.names("Composite") & found.names("SLO", "SLI")):
        composite = found.documents.get(("Composite", name))
        other = found.documents.get(("SLO", name)) or found.documents.get(("SLI", name))
        if other is not None and composite is not None:
            what = f"{other.value['kind']} {name!r} has that name already, in {other.where(('metadata', 'name'))}"
            yield Problem(composite.where(("metadata", "name")), what, "rename one", code="defined-twice")


def _references(found: Gathered) -> Iterable[Problem]:
    yield from _of_indicators(found)
    yield from _of_objectives(found)
    yield from _of_probes(found)
    yield from _of_routes(found)
    names, services = _promised(found), {*found.services, *found.names("Service")}
    for exclusion in found.exclusions:
        for service in (s for s in exclusion.services if s not in services):
            where = _place(found, "Exclusion", exclusion.name, "services")
            yield _unknown(where, "Service", service, services)
        yield from _absent(_place(found, "Exclusion", exclusion.name, "objectives"), exclusion.objectives, names)
    for name, policy in found.budget_policies.items():
        yield from _absent(_place(found, "ErrorBudgetPolicy", name, "objectives"), policy.objectives, names)


def _absent(where: str, wanted: Iterable[str], known: set[str]) -> Iterable[Problem]:
    return (_unknown(where, "SLO", name, known) for name in wanted if name not in known)


def _promised(found: Gathered) -> set[str]:
    return {o.name for o in found.objectives} | found.names("SLO", "Composite")


def _of_indicators(found: Gathered) -> Iterable[Problem]:
    names, sources = _promised(found), {*found.sources, *found.names("DataSource")}
    for name, indicator in found.indicators.items():
        if isinstance(indicator, CompositeIndicator):
            yield from _absent(_place(found, "Composite", name, "members"), indicator.members, names)
        elif name not in found.derived and indicator.source not in sources:
            yield _unknown(_place(found, "SLI", name, "source"), "DataSource", indicator.source, sources)


def _of_probes(found: Gathered) -> Iterable[Problem]:
    for name, probe in found.probes.items():
        where, source = _place(found, "Probe", name, "source"), found.sources.get(probe.source)
        if probe.source not in {*found.sources, *found.names("DataSource")}:
            yield _unknown(where, "DataSource", probe.source, found.sources)
        elif source is not None and source.type not in {"events", "states"}:
            what = f"the source {source.name!r} reads {source.type}, so it takes no results of a probe"
            yield Problem(where, what, "name a DataSource of type events", code="probe-source")


def _of_routes(found: Gathered) -> Iterable[Problem]:
    targets, calendars = found.names("AlertNotificationTarget"), found.names("Calendar")
    for name, route in found.routes.items():
        for path, named in (("targets", route.targets), ("escalateTo", route.escalate_to)):
            where = _place(found, "Route", name, path)
            yield from (_unknown(where, "AlertNotificationTarget", t, targets) for t in named if t not in targets)
        hours = found.route_hours.get(name)
        if hours is not None and hours not in calendars:
            yield _unknown(_place(found, "Route", name, "hours"), "Calendar", hours, calendars)


def _of_objectives(found: Gathered) -> Iterable[Problem]:
    indicators = {*found.indicators, *(found.names("SLI", "Composite") - set(found.thresholds))}
    services, calendars = {*found.services, *found.names("Service")}, found.names("Calendar")
    for objective in found.objectives:
        kind = _kind_of(found, objective.name)
        if objective.indicator not in indicators:
            where = _place(found, kind, objective.name, "indicator")
            yield _unknown(where, "SLI", objective.indicator, indicators)
        if objective.service not in services:
            yield _unknown(_place(found, kind, objective.name, "service"), "Service", objective.service, services)
        hours = found.hours.get(objective.name)
        if hours is not None and hours not in calendars:
            yield _unknown(_place(found, kind, objective.name, "hours"), "Calendar", hours, calendars)


def _cycles(found: Gathered) -> Iterable[Problem]:
    members = {n: i.members for n, i in found.indicators.items() if isinstance(i, CompositeIndicator)}
    for name in members:
        try:
            members_in_order(name, members)
        except InputError as error:
            for problem in error.problems:
                yield Problem(_place(found, "Composite", name, "members"), problem.what, problem.fix, code=problem.code)


def _policies(found: Gathered) -> Iterable[Problem]:
    known = found.names("BurnPolicy", "AlertPolicy") | {*found.policies} | {*PUBLISHED}
    for objective in found.objectives:
        if not objective.policy or objective.bound is not None:
            continue
        kind = _kind_of(found, objective.name)
        where, name, nominal = (
            _place(found, kind, objective.name, "alerting"),
            objective.policy,
            objective.window.nominal,
        )
        if name not in known:
            yield _unknown(where, "BurnPolicy", name, known)
        own = {(kind, objective.name), ("BurnPolicy", name), ("AlertPolicy", name)}
        if name not in known or own & found.flawed:
            continue  # what a figure that cannot be read would lead to is not worth telling
        yield from _unfit(found, objective, name, nominal, where)


def _unfit(found: Gathered, objective: Objective, name: str, nominal: timedelta, where: str) -> Iterable[Problem]:
    """Yield what keeps a policy from doing its work on an objective; foreign documents mean what they say."""
    refused = None if name in found.policies or name not in PUBLISHED else unpublished(name, nominal, where)
    if refused is not None:
        yield refused
        return
    budget = objective.terms[-1].budget
    policy = policy_for(objective, found.policies) or found.policies.get(name)
    if policy is None and budget:
        return  # an alert policy that never fires; the policy itself says so
    for problem in policy_problems(policy or default_policy(nominal), budget, nominal, where):
        yield replace(problem, severity="warning") if name in found.foreign else problem


def _alerts(found: Gathered) -> Iterable[Problem]:
    """Yield alert policies that name what is not there, and policies of two kinds with one name."""
    for name, policy in found.alert_policies.items():
        where = _place(found, "AlertPolicy", name, "notificationTargets")
        targets = found.names("AlertNotificationTarget") | {*found.targets}
        yield from (_unknown(where, "AlertNotificationTarget", t, targets) for t in policy.targets if t not in targets)
        document = found.documents.get(("AlertPolicy", name))
        spec = document.value.get("spec") if document is not None else None
        held = spec.get("conditions") if isinstance(spec, dict) else None
        conditions = found.names("AlertCondition") | {*found.conditions}
        for one in held if isinstance(held, list) else ():
            if isinstance(one, str) and one not in conditions:
                yield _unknown(_place(found, "AlertPolicy", name, "conditions"), "AlertCondition", one, conditions)
    for name in sorted(found.names("BurnPolicy") & found.names("AlertPolicy")):
        other = _place(found, "BurnPolicy", name)
        what = f"BurnPolicy {name!r} has that name already, in {other}"
        yield Problem(_place(found, "AlertPolicy", name), what, "rename one", code="defined-twice")


def _counters(found: Gathered) -> Iterable[Problem]:
    for name, indicator in found.indicators.items():
        if isinstance(indicator, CounterIndicator) and name not in found.trusted:
            for part in ("total", "good", "bad"):
                text = getattr(indicator, part)
                wrong = selector_problem(text) if text else None
                if wrong is not None:
                    yield Problem(
                        _place(found, "SLI", name, part), wrong, "use query: for anything richer", code="bad-selector"
                    )


def _scopes(found: Gathered) -> Iterable[Problem]:
    """Yield objectives whose method does not ask by window, though their indicator says that a window is the unit."""
    for objective in found.objectives:
        indicator = found.indicators.get(objective.indicator)
        window = isinstance(indicator, EventIndicator) and indicator.scope == "window"
        if window and objective.bound is None and any(isinstance(t.method, Occurrences) for t in objective.terms):
            what = f"its indicator {objective.indicator!r} is judged by window, and Occurrences counts events"
            fix = "write budgetingMethod: Timeslices or RatioTimeslices, or scope: event in the SLI"
            where = _place(found, _kind_of(found, objective.name), objective.name, "budgetingMethod")
            yield Problem(where, what, fix, code="window-scope")


def _bounds(found: Gathered) -> Iterable[Problem]:
    for objective in found.objectives:
        indicator = found.indicators.get(objective.indicator)
        values = isinstance(indicator, ValueIndicator)
        if objective.bound is None and values:
            where = _place(found, "SLO", objective.name, "indicator")
            yield Problem(
                where,
                "an indicator of values needs a threshold",
                "add threshold: {aggregate: p95, value: 300}",
                code="no-bound",
            )
        if objective.bound is not None and indicator is not None and (objective.bound.aggregate == "uptime") == values:
            where = _place(found, "SLO", objective.name, "threshold")
            yield Problem(
                where,
                f"{objective.bound.aggregate} does not fit its indicator",
                "values give p95, mean ...; others give uptime",
                code="no-bound",
            )
