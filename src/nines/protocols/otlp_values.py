"""Attributes of OTLP as text, resources, and the rejected items of a request."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

#: Rejected items told in full.
TOLD = 5
#: Attributes of one item that are kept.
MOST_ATTRIBUTES = 256
#: Characters of one attribute that are kept.
LONGEST = 8192


@dataclass(slots=True)
class Rejected:
    """Items of a request that were refused for good.

    Attributes:
        number: how many.
        why: reasons of the first few.
        notes: what was taken but not kept whole, each reason once.
    """

    number: int = 0
    why: list[str] = field(default_factory=list)
    notes: dict[str, int] = field(default_factory=dict)

    def refuse(self, what: str, number: int = 1) -> None:
        """Count refused items, and keep the first few reasons."""
        self.number += number
        if len(self.why) < TOLD:
            self.why.append(what)

    def note(self, what: str, number: int = 1) -> None:
        """Count something that was taken but not kept whole."""
        self.notes[what] = self.notes.get(what, 0) + number

    @property
    def told(self) -> str:
        """One line for the sender, or ""."""
        more = [f"and {self.number - len(self.why)} more"] if self.number > len(self.why) else []
        return "; ".join((*self.why, *more, *(f"{n} {what}" for what, n in self.notes.items())))


def text_of(value: Any) -> str | None:  # noqa: ANN401 - an AnyValue
    """Return a value as text; arrays and maps as JSON, None for no value."""
    text = value.string_value
    if text:
        return str(text) if len(text) <= LONGEST else str(text)[:LONGEST]
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return ""
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    if kind == "int_value":
        return str(value.int_value)
    if kind == "double_value":
        return repr(value.double_value)
    plain = plain_of(value)
    return None if plain is None else json.dumps(plain, ensure_ascii=False)[:LONGEST]


def plain_of(value: Any, left: int = 16) -> Any:  # noqa: ANN401 - an AnyValue
    """Return a value as a plain JSON value, nested no deeper than so many levels."""
    kind = value.WhichOneof("value")
    if kind is None or left == 0:
        return None
    if kind == "array_value":
        return [plain_of(one, left - 1) for one in value.array_value.values]
    if kind == "kvlist_value":
        return {one.key: plain_of(one.value, left - 1) for one in value.kvlist_value.values}
    if kind == "bytes_value":
        return str(value.bytes_value.hex())
    return getattr(value, kind)


def attributes_of(pairs: Iterable[Any]) -> dict[str, str]:
    """Return attributes as text by name; of one that stands twice the last."""
    found = {}
    for pair in pairs:
        value = text_of(pair.value)
        if value is not None:
            found[pair.key] = value
            if len(found) >= MOST_ATTRIBUTES:
                break
    return found
