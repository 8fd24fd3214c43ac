"""What the names in an expression stand for: columns of the event table, or a source's own columns.

One rule: a name that is not known is a mistake with a suggestion, never a NULL.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Protocol

from nines.objectives.event import COLUMNS, ColumnType
from nines.predicates.forms import Field, Kind
from nines.predicates.functions import EVERYWHERE, OF_SOURCES, Function

_KINDS: dict[ColumnType, Kind] = {
    "timestamp": "timestamp",
    "text": "text",
    "integer": "integer",
    "number": "number",
    "flag": "flag",
    "map": "map",
}
_EVENT = {c.name: Field(_KINDS[c.type], (c.name,)) for c in COLUMNS}
_BY_NAME = _EVENT | {c.alias: _EVENT[c.name] for c in COLUMNS if c.alias}


class Names(Protocol):
    """The columns and functions one kind of expression may use.

    Attributes:
        functions: by name, in small letters.
        divides: whether division may be written.
    """

    functions: Mapping[str, Function]
    divides: bool

    def column(self, parts: tuple[str, ...], *, quoted: bool) -> Field | None:
        """Return the column a name stands for, or None."""

    def suggestion(self, parts: tuple[str, ...]) -> str:
        """Return what to write instead of a name that stands for nothing."""


class EventNames:
    """Columns of `nines.objectives.event` by short name or OpenTelemetry alias."""

    functions: Mapping[str, Function] = EVERYWHERE
    divides = False

    def column(self, parts: tuple[str, ...], *, quoted: bool) -> Field | None:
        """Return the event column; a name in quotes must be written exactly, another in any case."""
        name = ".".join(parts)
        return _BY_NAME.get(name) or (None if quoted else _BY_NAME.get(name.lower()))

    def suggestion(self, parts: tuple[str, ...]) -> str:
        """Return the nearest column, or the attribute of that name."""
        name = ".".join(parts)
        near = get_close_matches(name.lower(), _BY_NAME, n=1, cutoff=0.7)
        if near:
            return f"did you mean {near[0]}?"
        key = name.removeprefix("attributes.").replace("'", "''")
        return f"write attributes['{key}'] for an attribute, or one of {', '.join(_EVENT)}"


class SourceNames:
    """Any column: only the source knows what it has."""

    functions: Mapping[str, Function] = MappingProxyType({**EVERYWHERE, **OF_SOURCES})
    divides = True

    def column(self, parts: tuple[str, ...], *, quoted: bool) -> Field | None:  # noqa: ARG002 - as written either way
        """Return a column of a kind not stated; parts after the first are members of a nested one."""
        return Field("raw", parts)

    def suggestion(self, parts: tuple[str, ...]) -> str:  # noqa: ARG002 - every name is taken
        """Return nothing, for no name is wrong here."""
        return ""
