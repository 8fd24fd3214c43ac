"""Alert policies of OpenSLO documents, read into burn policies, and burn policies written back.

OpenSLO's policy has one condition on one lookback. Several policies of an SLO become one burn policy with a rule each;
a burn policy becomes one alert policy per rule, and what that cannot say is listed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Any

from nines.alerting.conditions import AlertCondition, AlertPolicy, AlertTarget, as_burn_policy
from nines.alerting.policy import BurnPolicy, BurnRule
from nines.definitions.gathered import Gathered
from nines.definitions.openslo_rules import DURATION, Path, Reading, alert_rules, metadata_rules, reference_rules
from nines.errors import Problem
from nines.objectives.objective import Watching
from nines.reading import duration_text

#: A name has at most 63 characters, one of them between the two parts.
_LONGEST = 62
_MINUTES = {"m": 1, "h": 60, "d": 1440, "w": 10080, "M": 43200, "Q": 129600, "Y": 525600}


def read_alert(found: Gathered, reading: Reading, name: str) -> None:
    """Read an AlertPolicy, AlertCondition or AlertNotificationTarget, noting what is wrong with it.

    Args:
        found: takes it.
        reading: the document.
        name: its name.
    """
    kind = reading.get("kind")
    alert_rules(reading, kind)
    if kind == "AlertCondition":
        made = _condition(reading, ("spec",), name)
        if made is not None:
            found.conditions[name] = made
    elif kind == "AlertPolicy":
        _keep(found, _policy(found, reading, ("spec",), name))
    else:
        found.targets[name] = AlertTarget(name, str(reading.get("spec", "target") or ""))


def _keep(found: Gathered, policy: AlertPolicy) -> None:
    found.alert_policies[policy.name] = policy
    burning = as_burn_policy([policy])
    if burning is not None and policy.name not in found.policies:
        found.policies[policy.name] = burning
        found.foreign.add(policy.name)


def _condition(reading: Reading, at: Path, name: str) -> AlertCondition | None:
    """Return a condition, or None where the rules noted what it lacks."""
    inner = (*at, "condition")
    lookback = _length(reading.get(*inner, "lookbackWindow"))
    try:
        threshold = Fraction(str(reading.get(*inner, "threshold")))
    except (ValueError, ZeroDivisionError):
        if reading.get(*inner, "threshold") is not None:
            reading.unclear((*inner, "threshold"), "threshold is no number", "write it like 14.4", "bad-value")
        return None
    op = reading.get(*inner, "op")
    if lookback is None or op not in {"gt", "gte", "lt", "lte"} or threshold <= 0:
        return None
    after = _length(reading.get(*inner, "alertAfter")) or timedelta()
    return AlertCondition(name, str(reading.get(*at, "severity") or ""), op, threshold, lookback, after)


def _length(value: object) -> timedelta | None:
    match = DURATION.match(str(value))
    return timedelta(minutes=int(match[1]) * _MINUTES[match[2]]) if match else None


def _policy(found: Gathered, reading: Reading, at: Path, name: str) -> AlertPolicy:
    conditions = []
    for number, held in enumerate(reading.items(*at, "conditions")):
        here = (*at, "conditions", number)
        reference = held.get("conditionRef") if isinstance(held, dict) else None
        made = (
            found.conditions.get(str(reference)) if reference is not None else _condition(reading, (*here, "spec"), "")
        )
        if made is not None:
            conditions.append(made)
    targets = (held.get("targetRef") for held in reading.items(*at, "notificationTargets") if isinstance(held, dict))

    def flag(field: str) -> bool:
        return reading.get(*at, field) is not False

    return AlertPolicy(
        name, tuple(conditions), tuple(str(t) for t in targets if t is not None and str(t) in found.targets),
        flag("alertWhenBreaching"), flag("alertWhenResolved"), flag("alertWhenNoData"),
    )  # fmt: skip


def alerting_of(found: Gathered, reading: Reading) -> tuple[str, Watching | None]:
    """Return the name of the burn policy that an SLO's alert policies come to, and what else is watched.

    Args:
        found: takes a policy made of several.
        reading: the SLO.
    """
    named = [p for n in range(len(reading.items("spec", "alertPolicies"))) if (p := _named(found, reading, n))]
    burning = as_burn_policy(named)
    if burning is None:
        if named:
            what = "none of its alert policies fires on fast burning, so nothing watches it"
            place = reading.document.where(("spec", "alertPolicies"))
            reading.problems.append(Problem(place, what, "write op: gte, or a BurnPolicy", "note", code="no-fast-burn"))
        return "", None
    if burning.name not in found.policies:
        found.policies[burning.name] = burning
        found.foreign.add(burning.name)
    return burning.name, Watching(blind=any(p.when_no_data for p in named))


def _named(found: Gathered, reading: Reading, number: int) -> AlertPolicy | None:
    """Return an alert policy of an SLO: named, referred to, or inline."""
    at: Path = ("spec", "alertPolicies", number)
    held = reading.get(*at)
    if isinstance(held, str):
        reading_name = held
    elif isinstance(held, dict) and held.get("alertPolicyRef") is not None:
        reference_rules(reading, (*at, "alertPolicyRef"))
        reading_name = str(held["alertPolicyRef"])
    elif isinstance(held, dict) and isinstance(held.get("spec"), dict):
        own = metadata_rules(reading, *at) or f"{reading.get('metadata', 'name')}-{number + 1}"
        policy = _policy(found, reading, (*at, "spec"), own)
        _keep(found, policy)
        return policy
    else:
        return None
    if reading_name not in found.alert_policies:
        what = f"there is no AlertPolicy {reading_name!r} here, so it does not watch this"
        place = reading.document.where(at)
        reading.problems.append(
            Problem(place, what, "define it, or remove the name", "note", code="unknown-alertpolicy")
        )
    return found.alert_policies.get(reading_name)


@dataclass(frozen=True, slots=True)
class Written:
    """A burn policy as OpenSLO documents.

    Attributes:
        documents: AlertPolicies with their one condition inline.
        lost: what OpenSLO cannot say, a sentence each.
    """

    documents: tuple[dict[str, Any], ...]
    lost: tuple[str, ...]


def written(policy: BurnPolicy, window: timedelta, targets: Iterable[str] = (), *, prefix: str = "") -> Written:
    """Return a burn policy as OpenSLO v1 documents, one AlertPolicy for each rule.

    Args:
        policy: the rules.
        window: nominal length of the objective's window: OpenSLO states burn rates, not shares.
        targets: names of the AlertNotificationTargets each of them tells.
        prefix: begins the documents' names; the policy's name unless given.
    """
    named = [{"targetRef": name} for name in targets]
    documents = tuple(_document(policy, rule, window, named, prefix or policy.name) for rule in policy.rules)
    return Written(documents, tuple(_lost(policy, window)))


def _document(
    policy: BurnPolicy, rule: BurnRule, window: timedelta, targets: list[dict[str, str]], prefix: str
) -> dict[str, Any]:
    name = f"{prefix[: _LONGEST - len(rule.name)].rstrip('-')}-{rule.name}"
    condition: dict[str, Any] = {
        "kind": "burnrate",
        "op": policy.comparison,
        "threshold": float(rule.factor(window)),
        "lookbackWindow": duration_text(rule.long),
    }
    if rule.lasts:
        condition["alertAfter"] = duration_text(rule.lasts)
    inline = {
        "kind": "AlertCondition",
        "metadata": {"name": name},
        "spec": {"severity": rule.severity, "condition": condition},
    }
    spec: dict[str, Any] = {
        "alertWhenBreaching": True,
        "alertWhenResolved": True,
        "alertWhenNoData": True,
        "conditions": [inline],
    }
    if targets:
        spec["notificationTargets"] = targets
    return {"apiVersion": "openslo/v1", "kind": "AlertPolicy", "metadata": {"name": name}, "spec": spec}


def _lost(policy: BurnPolicy, window: timedelta) -> Iterable[str]:
    for rule in policy.rules:
        yield from _lost_of(rule, window)
    for count in policy.counts:
        yield f"{count.name}: a rule on {count.bad} bad units"
    low = policy.low_traffic
    said = (
        (low.least_bad > 1, f"the least number of bad units, {low.least_bad}"),
        (low.sequential is not None, f"the sequential test at {low.sequential}"),
        (low.sequential is None and low.false_pages is not None, f"the limit of {low.false_pages} false pages"),
        (bool(policy.least_coverage), f"the least coverage, {policy.least_coverage}"),
        (bool(policy.clear), f"the {duration_text(policy.clear)} it must be under before it resolves"),
    )
    yield from (words for stated, words in said if stated)


def _lost_of(rule: BurnRule, window: timedelta) -> Iterable[str]:
    if rule.short < rule.long:
        yield f"{rule.name}: the short lookback of {duration_text(rule.short)}, so its alert ends later"
    if rule.share is not None:
        told = f"its factor holds for a window of {duration_text(window)} only"
        yield f"{rule.name}: the share of {rule.share}; {told}"
    factor = rule.factor(window)
    if Fraction(repr(float(factor))) != factor:
        yield f"{rule.name}: the factor {factor}, which no decimal number is; {float(factor)!r} is written"
