"""Prometheus rules as values: groups of recorded figures and alerts, and the small words of PromQL they are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from typing import Any

from nines.alerting.policy import BurnPolicy
from nines.objectives.indicator import Indicator
from nines.objectives.objective import Objective


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: a figure to record, or an alert.

    Attributes:
        name: of the recorded series, or of the alert.
        expr: PromQL.
        labels: put on the series or the alert.
        alert: whether it is an alert.
        annotations: texts of an alert.
        lasts: how long an alert must be over before it fires, >= 0.
    """

    name: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)
    alert: bool = False
    annotations: Mapping[str, str] = field(default_factory=dict)
    lasts: timedelta = timedelta()

    def document(self) -> dict[str, Any]:
        """Return the rule as a rule file holds it."""
        found: dict[str, Any] = {"alert" if self.alert else "record": self.name, "expr": self.expr}
        if self.lasts:
            found["for"] = span_text(self.lasts)
        if self.labels:
            found["labels"] = dict(self.labels)
        if self.annotations:
            found["annotations"] = dict(self.annotations)
        return found


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """Rules that are evaluated one after the other.

    Attributes:
        name: unique in its file.
        rules: in order.
        every: how often, or 0 for the server's own interval.
    """

    name: str
    rules: tuple[Rule, ...]
    every: timedelta = timedelta()

    def document(self) -> dict[str, Any]:
        """Return the group as a rule file holds it."""
        every = {"interval": span_text(self.every)} if self.every else {}
        return {"name": self.name, **every, "rules": [r.document() for r in self.rules]}


@dataclass(frozen=True, slots=True)
class Exported:
    """What one objective's rules are made from.

    Attributes:
        objective: the promise.
        indicator: what is counted.
        policy: its burn policy, or None without alerts.
        annotations: what its definition keeps beside it; what another tool said that nines has no field for.
        alone: whether no other window of the same promise is written beside it.
    """

    objective: Objective
    indicator: Indicator
    policy: BurnPolicy | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    alone: bool = True

    @property
    def title(self) -> str:
        """A name that no other objective has."""
        return self.objective.name if self.alone else self.objective.key.replace("@", "-")

    @property
    def budget(self) -> Fraction:
        """Allowed bad share by the newest term."""
        return self.objective.terms[-1].budget


_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1))


def span_text(length: timedelta) -> str:
    """Return a length as Prometheus writes it: whole years and weeks by their own unit, else the units side by side.

    Example:
        >>> [span_text(timedelta(days=d)) for d in (30, 28, 1.5)]
        ['30d', '4w', '1d12h']
    """
    left = length // timedelta(milliseconds=1)
    for unit, size in (("y", 365 * 86_400_000), ("w", 7 * 86_400_000)):
        if left and not left % size:
            return f"{left // size}{unit}"
    text = ""
    for unit, size in _UNITS:
        number, left = divmod(left, size)
        text += f"{number}{unit}" if number else ""
    return text or "0s"


def number_text(value: float) -> str:
    """Return the shortest text of a number, without a point where it is whole.

    Example:
        >>> number_text(6.0), number_text(14.4)
        ('6', '14.4')
    """
    return str(int(value)) if value == int(value) else repr(value)


def quoted(value: str) -> str:
    r"""Return a text as a PromQL string.

    Example:
        >>> print(quoted('a"b'))
        "a\"b"
    """
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def selector(name: str, labels: Mapping[str, str]) -> str:
    """Return a selector of one series name by equal labels.

    Example:
        >>> selector("up", {"job": "api"})
        'up{job="api"}'
    """
    return name + "{" + ", ".join(f"{k}={quoted(v)}" for k, v in labels.items()) + "}"
