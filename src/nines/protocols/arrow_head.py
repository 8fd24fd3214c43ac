"""The heads of Arrow IPC messages: which columns a stream has, and how much memory a batch of it would take.

They are read here because Arrow itself trusts them too far: a few damaged bytes in a schema end its process, and a
compressed buffer is unfolded before anybody can ask how long it becomes.

Source: Message.fbs and Schema.fbs of the Arrow columnar format, and the FlatBuffers binary format
(https://flatbuffers.dev/internals).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

#: Kinds of columns that are told apart; others are "".
INT64, FLOAT64, TEXT, FLAG, INSTANT, TEXT_MAP = "int64", "double", "string", "bool", "timestamp", "map"
#: Numbers of types in the union Type of Schema.fbs.
_INT, _FLOAT, _UTF8, _BOOL, _TIMESTAMP, _STRUCT, _MAP = 2, 3, 5, 6, 10, 13, 17
_DOUBLE, _MICROSECOND, _WIDE, _PAIR = 2, 2, 64, 2
_SCHEMA_HEADER, _BATCH_HEADER = 1, 3
_LONGEST = 256


class HeadError(ValueError):
    """A head that cannot be read."""


def _broken(what: str) -> NoReturn:
    raise HeadError(what)


@dataclass(frozen=True, slots=True)
class BatchHead:
    """What a record batch says of itself.

    Attributes:
        rows: how many it has.
        buffers: offset and length of each buffer within the message's body.
        compressed: whether buffers begin with the length they unfold to.
    """

    rows: int
    buffers: tuple[tuple[int, int], ...]
    compressed: bool


def columns_of(head: bytes) -> list[tuple[str, str]]:
    """Return name and kind of each column of a schema message.

    Args:
        head: the message's metadata.

    Raises:
        HeadError: it is no schema, or cannot be read.
    """
    flat = _Flat(head)
    message = flat.root()
    if flat.number(message, 1, "B") != _SCHEMA_HEADER:
        _broken("the first message is no schema")
    schema = flat.table(message, 2)
    if flat.number(schema, 0, "h"):
        _broken("its numbers are big-endian")
    return [(flat.text(field, 0), _kind(flat, field)) for field in flat.tables(schema, 1)]


def batch_of(head: bytes) -> BatchHead:
    """Return what a record batch message says of itself.

    Args:
        head: the message's metadata.

    Raises:
        HeadError: it is no record batch, or cannot be read.
    """
    flat = _Flat(head)
    message = flat.root()
    if flat.number(message, 1, "B") != _BATCH_HEADER:
        _broken("a message is no record batch")
    batch = flat.table(message, 2)
    return BatchHead(flat.number(batch, 0, "q"), tuple(flat.pairs(batch, 2)), flat.table(batch, 3) != 0)


def _kind(flat: _Flat, field: int) -> str:
    """Return the kind of a field, "" for one that no column of ours has."""
    number, kind = flat.number(field, 2, "B"), flat.table(field, 3)
    if flat.table(field, 4):  # dictionary-encoded
        return ""
    if number == _INT:
        wide = flat.number(kind, 0, "i") == _WIDE and flat.number(kind, 1, "B") == 1
        return INT64 if wide else ""
    if number == _FLOAT:
        return FLOAT64 if flat.number(kind, 0, "h") == _DOUBLE else ""
    if number == _TIMESTAMP:
        ours = flat.number(kind, 0, "h") == _MICROSECOND and flat.text(kind, 1) == "UTC"
        return INSTANT if ours else ""
    if number == _MAP:
        return TEXT_MAP if _text_pairs(flat, field) else ""
    return {_UTF8: TEXT, _BOOL: FLAG}.get(number, "")


def _text_pairs(flat: _Flat, field: int) -> bool:
    """Return whether a map's only child is a struct of two texts."""
    inner = list(flat.tables(field, 5))
    if len(inner) != 1 or flat.number(inner[0], 2, "B") != _STRUCT or flat.table(inner[0], 4):
        return False
    parts = list(flat.tables(inner[0], 5))
    plain = all(flat.number(p, 2, "B") == _UTF8 and not flat.table(p, 4) for p in parts)
    return len(parts) == _PAIR and plain


class _Flat:
    """Reads fields of a flatbuffer; places are offsets into it, and 0 is none."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def _at(self, place: int, form: str) -> int:
        if not 0 <= place <= len(self._data) - struct.calcsize("<" + form):
            _broken("it points outside itself")
        return int(struct.unpack_from("<" + form, self._data, place)[0])

    def root(self) -> int:
        """Return where the outermost table lies."""
        return self._at(0, "I")

    def _field(self, table: int, number: int) -> int:
        if not table:
            return 0
        entries = table - self._at(table, "i")
        entry = 4 + 2 * number
        if entry >= self._at(entries, "H"):
            return 0
        offset = self._at(entries + entry, "H")
        return table + offset if offset else 0

    def number(self, table: int, number: int, form: str) -> int:
        """Return a number of a table, 0 where it is not stated; `form` is its `struct` letter."""
        place = self._field(table, number)
        return self._at(place, form) if place else 0

    def table(self, table: int, number: int) -> int:
        """Return where the table or vector lies that a field names."""
        place = self._field(table, number)
        return place + self._at(place, "I") if place else 0

    def text(self, table: int, number: int) -> str:
        """Return a text of a table, "" where it is not stated."""
        place = self.table(table, number)
        if not place:
            return ""
        length = self._at(place, "I")
        if length > _LONGEST or place + 4 + length > len(self._data):
            _broken("a name in it is too long")
        return self._data[place + 4 : place + 4 + length].decode("utf-8")

    def _length(self, place: int, size: int) -> int:
        length = self._at(place, "I") if place else 0
        if place + 4 + length * size > len(self._data):
            _broken("a list in it is too long")
        return length

    def tables(self, table: int, number: int) -> Iterator[int]:
        """Yield where the tables of a vector lie."""
        place = self.table(table, number)
        for n in range(self._length(place, 4)):
            entry = place + 4 + 4 * n
            yield entry + self._at(entry, "I")

    def pairs(self, table: int, number: int) -> Iterator[tuple[int, int]]:
        """Yield a vector of structs of two 64-bit numbers."""
        place = self.table(table, number)
        for n in range(self._length(place, 16)):
            yield self._at(place + 4 + 16 * n, "q"), self._at(place + 12 + 16 * n, "q")


__all__ = [
    "FLAG",
    "FLOAT64",
    "INSTANT",
    "INT64",
    "TEXT",
    "TEXT_MAP",
    "BatchHead",
    "HeadError",
    "batch_of",
    "columns_of",
]
