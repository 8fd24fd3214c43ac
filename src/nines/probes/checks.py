"""Holding an answer against what is expected of it, and taking values from it.

Patterns are RE2's: whatever the pattern and whatever the answer, the time they take grows only with their length.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from nines.probes.measures import StepError
from nines.telemetry.journey import Expect, Extract
from nines.telemetry.templates import at_path, filled, json_path, mapped, places

#: Longest value that is taken from an answer.
LONGEST_VALUE = 65_536
#: Most of an unexpected value that is told.
_TOLD = 80


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: HTTP status.
        headers: name in lower case -> value.
        body: text.
        cookies: name -> value, of the whole journey so far.
    """

    status: int
    headers: Mapping[str, str]
    body: str
    cookies: Mapping[str, str] = field(default_factory=dict)


def meet(expect: Expect, answer: Answer, values: Mapping[str, str]) -> None:
    """Go on only if an answer is as expected.

    Args:
        expect: what must be true.
        answer: what came back.
        values: what places stand for.

    Raises:
        StepError: the first thing that is not.
    """
    if not any(low <= answer.status <= high for low, high in expect.status):
        wanted = ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in expect.status)
        raise StepError(what=f"the status is {answer.status}, expected {wanted}", code="step-status")
    for text in expect.contains:
        if filled(text, values) not in answer.body:
            raise StepError(what=f"the body does not contain {text!r}", code="step-body")
    for pattern in expect.matches:
        if not found(pattern, answer.body):
            raise StepError(what=f"the body does not match {pattern!r}", code="step-body")
    for name, pattern in expect.header:
        value = answer.headers.get(name.lower())
        if value is None or not found(pattern, value):
            what = f"there is no header {name}" if value is None else f"the header {name} does not match {pattern!r}"
            raise StepError(what=what, code="step-header")
    if expect.json:
        _meet_json(expect.json, _parsed(answer.body), values)


def _meet_json(wanted: tuple[tuple[str, object], ...], body: object, values: Mapping[str, str]) -> None:
    for path, stated in wanted:
        try:
            there = at_path(body, json_path(path))
        except LookupError as error:
            raise StepError(what=f"the JSON has nothing at {path}", code="step-json") from error
        expected = mapped(stated, lambda text: filled(text, values))
        if isinstance(stated, str) and places(stated) and not isinstance(there, str):
            there = json.dumps(there)  # a place always gives text; a number in the answer is compared as it is written
        if not _same(there, expected):
            told = json.dumps(there, ensure_ascii=False)[:_TOLD]
            raise StepError(what=f"the JSON has {told} at {path}, expected {json.dumps(stated)}", code="step-json")


def _same(one: object, other: object) -> bool:
    """Return whether two JSON values are equal; true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    return one == other


def _parsed(body: str) -> object:
    try:
        parsed: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise StepError(what="the body is no JSON", code="step-json") from error
    return parsed


def found(pattern: str, text: str) -> bool:
    """Return whether a text holds a pattern.

    Args:
        pattern: RE2.
        text: anything.

    Example:
        >>> found("^a+b", "aaab"), found("(?i)B$", "aaa")
        (True, False)
    """
    return bool(pc.match_substring_regex(pa.array([text], pa.string()), pattern)[0].as_py())


def taken(extract: Extract, answer: Answer) -> str:
    """Return a value out of an answer.

    Args:
        extract: where it stands.
        answer: what came back.

    Raises:
        StepError: it is not there, or is no plain value.
    """
    value: object
    if extract.kind == "json":
        try:
            value = at_path(_parsed(answer.body), json_path(extract.key))
        except LookupError:
            value = None
    elif extract.kind == "regex":
        value = _first(extract.key, answer.body)
    else:
        held = answer.cookies if extract.kind == "cookie" else answer.headers
        value = held.get(extract.key if extract.kind == "cookie" else extract.key.lower())
    if value is None or isinstance(value, list | dict):
        why = "is not there" if value is None else "is no plain value"
        raise StepError(what=f"{extract.name!r} {why} (by {extract.kind} {extract.key!r})", code="step-extract")
    text = value if isinstance(value, str) else json.dumps(value)
    if len(text) > LONGEST_VALUE:
        raise StepError(what=f"{extract.name!r} is longer than {LONGEST_VALUE} characters", code="step-extract")
    return text


def _first(pattern: str, text: str) -> str | None:
    """Return the first group of a pattern, or the whole match where it has none; None when nothing matches."""
    if not found(pattern, text):
        return None
    rows = pa.array([text], pa.string())
    whole = r"^[\s\S]*?(" + pattern + r")[\s\S]*$"
    try:
        return str(pc.replace_substring_regex(rows, pattern=whole, replacement=r"\2")[0].as_py())
    except pa.ArrowInvalid:  # there is no second group: the pattern has none of its own
        return str(pc.replace_substring_regex(rows, pattern=whole, replacement=r"\1")[0].as_py())
