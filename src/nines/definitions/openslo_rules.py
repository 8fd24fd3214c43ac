"""What the published OpenSLO rules ask of a document, as checks that name the place.

Strict holds a document to them word for word; lenient lets pass, with a warning, what is clear all the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from math import isfinite
from typing import Any

from nines.definitions.positions import Document
from nines.definitions.recurrence import zone
from nines.errors import Problem

Path = tuple[str | int, ...]

NAME = re.compile(r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")
LABEL_KEY = re.compile(r"^[a-zA-Z0-9]([-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?\Z")
ANNOTATION_KEY = re.compile(
    r"^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*/)?"
    r"[a-zA-Z0-9]([-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?\Z"
)
DURATION = re.compile(r"^([1-9][0-9]{0,5})([mhdwMQY])\Z")
OPERATORS = ("gt", "lt", "gte", "lte")
LONGEST_DESCRIPTION = 1050
LONGEST_DISPLAY = 63


@dataclass
class Reading:
    """One OpenSLO document being read.

    Attributes:
        document: what is read.
        problems: takes what is found.
        strict: whether a broken rule refuses the document.
    """

    document: Document
    problems: list[Problem]
    strict: bool

    def get(self, *path: str | int) -> Any:  # noqa: ANN401 - any YAML value
        """Return the value at a path, or None where there is none."""
        value: Any = self.document.value
        for key in path:
            if isinstance(value, dict):
                value = value.get(key)
            elif isinstance(value, list) and isinstance(key, int) and key < len(value):
                value = value[key]
            else:
                return None
        return value

    def items(self, *path: str | int) -> list[Any]:
        """Return the list at a path, empty where there is none."""
        value = self.get(*path)
        return value if isinstance(value, list) else []

    def broken(self, path: Path, what: str, fix: str, code: str = "openslo-rule") -> None:
        """Note a broken rule: an error when strict, else a warning."""
        severity = "error" if self.strict else "warning"
        self.problems.append(Problem(self.document.where(path), what, fix, severity, code))  # type: ignore[arg-type]

    def unclear(self, path: Path, what: str, fix: str, code: str = "openslo-unclear") -> None:
        """Note something without which the meaning is not clear: an error either way."""
        self.problems.append(Problem(self.document.where(path), what, fix, code=code))

    def fields(self, path: Path, known: Sequence[str]) -> None:
        """Note fields that do not belong at a path."""
        value = self.get(*path)
        if value is None:
            return
        if not isinstance(value, dict):
            self.unclear(path, f"{path[-1] if path else 'the document'} is no mapping", "write key: value pairs")
            return
        for key in value:
            if key not in known:
                near = get_close_matches(str(key), known, 1, 0.6)
                fix = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
                self.broken((*path, key), f"{key!r} is not a field of OpenSLO here", fix, "unknown-field")

    def one_of(self, path: Path, names: Sequence[str], *, needed: bool = True) -> str | None:
        """Return which one of some fields stands at a path; several, or none where one is needed, are noted."""
        held = self.get(*path)
        stated = [n for n in names if isinstance(held, dict) and held.get(n) is not None]
        if len(stated) > 1:
            self.broken(path, f"{' and '.join(stated)} exclude each other", "keep one of them")
        if needed and not stated:
            self.unclear(path, f"one of {', '.join(names)} is needed", f"add {names[0]}:")
        return stated[0] if stated else None


def metadata_rules(reading: Reading, *path: str | int) -> str:
    """Check metadata and return the name."""
    at = (*path, "metadata")
    reading.fields(at, ("name", "displayName", "labels", "annotations"))
    name = reading.get(*at, "name")
    if not isinstance(name, str) or not name:
        reading.unclear(at, "there is no metadata.name", "add a name")
        return ""
    if not NAME.match(name):
        fix = "lower-case letters, digits and hyphens, at most 63 (RFC 1123 label)"
        reading.broken((*at, "name"), f"{name!r} is no name", fix, "bad-name")
    shown = reading.get(*at, "displayName")
    if isinstance(shown, str) and len(shown) > LONGEST_DISPLAY:
        reading.broken((*at, "displayName"), f"displayName is longer than {LONGEST_DISPLAY} characters", "shorten it")
    for what, pattern in (("labels", LABEL_KEY), ("annotations", ANNOTATION_KEY)):
        held = reading.get(*at, what)
        for key in held if isinstance(held, dict) else ():
            if not pattern.match(str(key)):
                reading.broken(
                    (*at, what, key),
                    f"{key!r} is no key of {what}",
                    "letters, digits, '-', '_' and '.', at most 63",
                    "bad-name",
                )
    return name


def description_rules(reading: Reading, *path: str | int) -> None:
    """Check the length of a description."""
    text = reading.get(*path, "description")
    if isinstance(text, str) and len(text) > LONGEST_DESCRIPTION:
        reading.broken(
            (*path, "description"), f"a description has at most {LONGEST_DESCRIPTION} characters", "shorten it"
        )


def reference_rules(reading: Reading, path: Path) -> None:
    """Check that a reference is a name."""
    name = reading.get(*path)
    if name is not None and not (isinstance(name, str) and NAME.match(name)):
        reading.broken(path, f"{name!r} is no name to refer to", "lower-case letters, digits and hyphens", "bad-name")


def number_rules(
    reading: Reading,
    path: Path,
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
) -> None:
    """Check the range of a number; a range that is broken is an error either way, for its meaning is lost."""
    value = reading.get(*path)
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        reading.unclear(path, f"{path[-1]} is {value!r}, which is no number", "write it like 0.99", "bad-value")
        return
    ok = (
        (above is None or value > above)
        and (least is None or value >= least)
        and (below is None or value < below)
        and (most is None or value <= most)
    )
    if not ok:
        low = f"({above:g}" if above is not None else f"[{least:g}" if least is not None else "(-inf"
        high = f"{below:g})" if below is not None else f"{most:g}]" if most is not None else "inf)"
        reading.unclear(
            path, f"{path[-1]} is {value}, outside {low}, {high}", "give it within that range", "out-of-range"
        )


def duration_rules(reading: Reading, path: Path, units: str, *, needed: bool = False) -> tuple[int, str] | None:
    """Return number and unit of a duration, noting what is wrong with it."""
    value = reading.get(*path)
    if value is None or value == "":
        if needed:
            reading.unclear(path, f"{path[-1]} is missing", "write it like 5m, 1h, 4w")
        return None
    match = DURATION.match(str(value))
    if not match or match[2] not in units:
        reading.unclear(path, f"{value!r} is no duration", f"a number and one of {', '.join(units)}", "bad-duration")
        return None
    return int(match[1]), match[2]


def calendar_rules(reading: Reading, path: Path) -> tuple[datetime, str] | None:
    """Return start and zone of a calendar, noting what is wrong with it."""
    reading.fields(path, ("startTime", "timeZone"))
    start, where = reading.get(*path, "startTime"), reading.get(*path, "timeZone")
    try:
        begins = datetime.strptime(str(start), "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - wall clock in timeZone
    except ValueError:
        reading.unclear(
            (*path, "startTime"), f"startTime is {start!r}", "write it like 2022-01-01 12:00:00", "bad-value"
        )
        return None
    try:
        zone(str(where))
    except ValueError as error:
        reading.unclear((*path, "timeZone"), str(error), "use a name like Europe/Berlin", "bad-value")
        return None
    return begins, str(where)


def operator_rules(reading: Reading, path: Path, *, needed: bool) -> str | None:
    """Return an operator, noting what is wrong with it."""
    value = reading.get(*path)
    if value is None:
        if needed:
            reading.unclear(path, "op is missing", f"write one of {', '.join(OPERATORS)}", "missing-field")
        return None
    if value not in OPERATORS:
        reading.unclear(path, f"op is {value!r}", f"write one of {', '.join(OPERATORS)}", "bad-choice")
        return None
    return str(value)


def alert_rules(reading: Reading, kind: str) -> None:
    """Check the kinds about alerts, which are kept but not acted on."""
    spec: Path = ("spec",)
    description_rules(reading, "spec")
    if kind == "AlertPolicy":
        reading.fields(
            spec,
            (
                "description",
                "alertWhenNoData",
                "alertWhenResolved",
                "alertWhenBreaching",
                "conditions",
                "notificationTargets",
            ),
        )
        conditions = reading.items("spec", "conditions")
        if len(conditions) != 1:
            reading.broken(
                (*spec, "conditions"),
                f"a policy has exactly one condition, not {len(conditions)}",
                "split it",
                "one-condition",
            )
        for number in range(len(conditions)):
            at: Path = (*spec, "conditions", number)
            if reading.get(*at, "conditionRef") is not None:
                reference_rules(reading, (*at, "conditionRef"))
            else:
                _condition(reading, (*at, "spec"))
        for number in range(len(reading.items("spec", "notificationTargets"))):
            reference_rules(reading, (*spec, "notificationTargets", number, "targetRef"))
    elif kind == "AlertCondition":
        _condition(reading, spec)
    else:
        reading.fields(spec, ("description", "target"))
        if not reading.get("spec", "target"):
            reading.broken(spec, "a notification target needs a target", "add target:", "missing-field")


def _condition(reading: Reading, at: Path) -> None:
    reading.fields(at, ("description", "severity", "condition"))
    if not reading.get(*at, "severity"):
        reading.broken(at, "a condition needs a severity", "add severity:", "missing-field")
    inner = (*at, "condition")
    reading.fields(inner, ("kind", "op", "threshold", "lookbackWindow", "alertAfter"))
    if reading.get(*inner, "kind") != "burnrate":
        reading.unclear((*inner, "kind"), f"kind is {reading.get(*inner, 'kind')!r}", "write burnrate", "bad-choice")
    operator_rules(reading, (*inner, "op"), needed=True)
    if reading.get(*inner, "threshold") is None:
        reading.unclear(inner, "threshold is missing", "add threshold:", "missing-field")
    duration_rules(reading, (*inner, "lookbackWindow"), "mhdwMQY", needed=True)
    duration_rules(reading, (*inner, "alertAfter"), "mhdwMQY")


def labels_of(reading: Reading) -> tuple[tuple[str, str], ...]:
    """Return the labels of a document, several values of one as one text."""
    held = reading.get("metadata", "labels")
    pairs = held.items() if isinstance(held, dict) else ()
    return tuple(sorted((k, ",".join(str(one) for one in v) if isinstance(v, list) else str(v)) for k, v in pairs))
