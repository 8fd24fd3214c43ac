"""Batches of rows as an Arrow IPC stream, the way our agent sends them: checked before anything is unfolded.

The head of every message says how many rows it holds and how long each compressed buffer becomes, so a small body that
would unfold to gigabytes is refused by its own words.

Source: https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc
(encapsulated messages, buffer compression).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal, NoReturn, get_args

import pyarrow as pa
import pyarrow.compute as pc

from nines.protocols import arrow_head
from nines.protocols.refusal import BAD_REQUEST, Refused
from nines.telemetry.event import COLUMNS, ColumnType

BatchKind = Literal["events", "samples", "series", "lost"]
KINDS: tuple[BatchKind, ...] = get_args(BatchKind)
#: Most rows of one batch, and most bytes that it may unfold to.
MOST_ROWS = 200_000
MOST_UNFOLDED = 256 * 1024 * 1024
#: Content type of an Arrow IPC stream, as registered with IANA.
CONTENT_TYPE = "application/vnd.apache.arrow.stream"

_MAP = pa.map_(pa.string(), pa.string())
_TYPES: dict[ColumnType, pa.DataType] = {
    "timestamp": pa.timestamp("us", tz="UTC"), "text": pa.string(), "integer": pa.int64(), "number": pa.float64(),
    "flag": pa.bool_(), "map": _MAP,
}  # fmt: skip
#: How heads name the types of columns.
_NAMES: dict[str, pa.DataType] = {
    arrow_head.INSTANT: _TYPES["timestamp"], arrow_head.TEXT: pa.string(), arrow_head.INT64: pa.int64(),
    arrow_head.FLOAT64: pa.float64(), arrow_head.FLAG: pa.bool_(), arrow_head.TEXT_MAP: _MAP,
}  # fmt: skip
SCHEMAS: dict[BatchKind, pa.Schema] = {
    "events": pa.schema([(c.name, _TYPES[c.type]) for c in COLUMNS]),
    "samples": pa.schema(
        [
            ("series", pa.int64()), ("time", pa.int64()), ("value", pa.float64()), ("created", pa.int64()),
            ("delta", pa.bool_()),
        ]
    ),
    "series": pa.schema([("series", pa.int64()), ("labels", _MAP)]),
    "lost": pa.schema([("minute", pa.int64()), ("number", pa.int64()), ("site", pa.string())]),
}  # fmt: skip
#: Columns that are there and have a value in every row.
_FILLED: dict[BatchKind, tuple[str, ...]] = {
    "events": ("time",),
    "samples": ("series", "time", "value", "created", "delta"),
    "series": ("series", "labels"),
    "lost": ("minute", "number"),
}
#: Column -> its least value and the one that is too much: the years 1970 to 9999, and what sums can hold.
_YEARS_S = 253_402_300_800
_WITHIN: dict[tuple[BatchKind, str], tuple[int, int]] = {
    ("events", "time"): (0, _YEARS_S * 1_000_000),
    ("samples", "time"): (0, _YEARS_S * 1000),
    ("lost", "minute"): (0, _YEARS_S // 60),
    ("lost", "number"): (0, 10**12),
}


def decode(body: bytes, kind: BatchKind, *, site: str = "") -> pa.Table:
    """Return the rows of a batch.

    Args:
        body: an Arrow IPC stream; its buffers may be compressed.
        kind: what the rows are; it says which columns they may have and of which types.
        site: written where rows of events or losses name none, or "".

    Raises:
        Refused: 400 for what is no such stream, is cut off, has other columns, or is larger than a batch may be.

    Example:
        >>> sink = pa.BufferOutputStream()
        >>> table = pa.table({"minute": [7], "number": [3]})
        >>> with pa.ipc.new_stream(sink, table.schema) as writer:
        ...     writer.write_table(table)
        >>> decode(sink.getvalue().to_pybytes(), "lost", site="oslo").to_pylist()
        [{'minute': 7, 'number': 3, 'site': 'oslo'}]
    """
    try:
        table = _read(body, kind)
        table.validate(full=True)
    except (pa.ArrowException, struct.error, OSError, ValueError) as error:
        _refuse(f"this is no Arrow stream: {str(error)[:200]}")
    _check_values(table, kind)
    return _with_site(table, site) if kind in {"events", "lost"} else table


def _read(body: bytes, kind: BatchKind) -> pa.Table:
    messages = pa.ipc.MessageReader.open_stream(pa.py_buffer(body))
    first = _next(messages)
    if first is None:
        _refuse("the body is empty")
    schema = _schema(first.metadata.to_pybytes(), kind)
    batches, room = [], _Room(MOST_ROWS, MOST_UNFOLDED)
    while (message := _next(messages)) is not None:
        room.take(arrow_head.batch_of(message.metadata.to_pybytes()), message.body)
        batches.append(pa.ipc.read_record_batch(message, schema))
    return pa.Table.from_batches(batches, schema).combine_chunks()


def _next(messages: pa.ipc.MessageReader) -> pa.ipc.Message | None:
    try:
        return messages.read_next_message()
    except StopIteration:
        return None


def _schema(head: bytes, kind: BatchKind) -> pa.Schema:
    """Return the schema that a stream's first message states, made from our own types."""
    wanted, found = SCHEMAS[kind], arrow_head.columns_of(head)
    names = [name for name, _ in found]
    for name, type_name in found:
        if name not in wanted.names:
            _refuse(f"{kind} have no column {name[:60]!r}; they have {', '.join(wanted.names)}")
        if _NAMES.get(type_name) != wanted.field(name).type:
            _refuse(f"column {name} is of another type than {wanted.field(name).type}")
    if len(set(names)) < len(names):
        _refuse("a column stands twice")
    lacking = [name for name in _FILLED[kind] if name not in names]
    if lacking:
        _refuse(f"{kind} need the column {lacking[0]}")
    return pa.schema([wanted.field(name) for name in names])


def _check_values(table: pa.Table, kind: BatchKind) -> None:
    for name in _FILLED[kind]:
        if table.column(name).null_count:
            _refuse(f"column {name} has no value in {table.column(name).null_count} rows")
    for (of, name), (least, limit) in _WITHIN.items():
        if of == kind and table.num_rows:
            ends = pc.min_max(table.column(name).cast(pa.int64()))
            if ends["min"].as_py() < least or ends["max"].as_py() >= limit:
                _refuse(f"column {name} holds a value out of its range")


def _with_site(table: pa.Table, site: str) -> pa.Table:
    if not site:
        return table
    if "site" not in table.column_names:
        return table.append_column("site", pa.array([site] * table.num_rows, pa.string()))
    place = table.schema.get_field_index("site")
    return table.set_column(place, "site", pc.fill_null(table.column("site"), site))


@dataclass(slots=True)
class _Room:
    """What may still come.

    Attributes:
        rows: rows.
        unfolded: bytes, without compression.
    """

    rows: int
    unfolded: int

    def take(self, head: arrow_head.BatchHead, body: pa.Buffer) -> None:
        """Account for a record batch before it is read."""
        self.rows -= head.rows
        for offset, size in head.buffers:
            if not 0 <= offset <= offset + size <= body.size:
                _refuse("a buffer lies outside its message")
            stated = -1
            if head.compressed and size:
                stated = struct.unpack_from("<q", body, offset)[0]
            self.unfolded -= size if stated < 0 else stated
        if self.rows < 0 or head.rows < 0:
            _refuse(f"a batch has at most {MOST_ROWS:,} rows; send smaller ones")
        if self.unfolded < 0:
            _refuse(f"the batch unfolds to more than {MOST_UNFOLDED:,} bytes; send smaller ones")


def _refuse(message: str) -> NoReturn:
    raise Refused(BAD_REQUEST, message)


__all__ = ["CONTENT_TYPE", "KINDS", "MOST_ROWS", "MOST_UNFOLDED", "SCHEMAS", "BatchKind", "decode"]
