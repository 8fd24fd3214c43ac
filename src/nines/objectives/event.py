"""The shape of an event: one row, whatever it was read from.

Short names are aliases of OpenTelemetry semantic conventions; anything else a source knows goes into
`attributes`. Lake tables, sources and predicates all take their columns from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ColumnType = Literal["timestamp", "text", "integer", "number", "flag", "map"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the event table.

    Attributes:
        name: short name, as predicates write it.
        type: what its values are; "timestamp" is UTC microseconds, "map" is text to nullable text.
        alias: OpenTelemetry name it stands for, or "".
        meaning: what a value says, for the reference.
    """

    name: str
    type: ColumnType
    alias: str
    meaning: str


COLUMNS: tuple[Column, ...] = (
    Column("time", "timestamp", "", "when the event ended"),
    Column("start", "timestamp", "", "when the event started, where the source says so"),
    Column("service", "text", "service.name", "service that answered"),
    Column("operation", "text", "http.route", "route, method or span name"),
    Column("http_status", "integer", "http.response.status_code", "HTTP status code"),
    Column("duration_ms", "number", "", "how long it took, milliseconds"),
    Column("session", "text", "session.id", "user session it belongs to"),
    Column("weight", "number", "", "how many events each kept one stands for; NULL when nobody said"),
    Column("weight_num", "integer", "", "numerator of the exact weight; NULL when nobody said"),
    Column("weight_den", "integer", "", "denominator of the exact weight; NULL when nobody said"),
    Column("bundled", "integer", "", "equal events the row bundles, kept or dropped together; NULL is 1"),
    Column("version", "text", "service.version", "version of the service"),
    Column("region", "text", "cloud.region", "region it ran in"),
    Column("state", "text", "", "state a monitor saw, as up or down"),
    Column("value", "number", "", "measured value, for samples"),
    Column("id", "text", "", "identity given by the source; two rows with one id count once"),
    Column("trace", "text", "trace_id", "trace it belongs to, the unit that sampling keeps or drops"),
    Column("parent", "text", "parent_span_id", "id of the row that caused it"),
    Column("kind", "text", "span.kind", "client, server, producer, consumer or internal"),
    Column("host", "text", "host.name", "machine, container or pod whose clock gave the instants"),
    Column("site", "text", "", "place it was measured at, where a source has several"),
    Column("attributes", "map", "", "everything else, text by name"),
)

#: Columns the lake adds to every row: owner, source, arrival time and flush sequence.
STAMPS: tuple[Column, ...] = (
    Column("tenant", "text", "", "owner of the row"),
    Column("source", "text", "", "DataSource it came from"),
    Column("arrival", "timestamp", "", "when it was acknowledged"),
    Column("seq", "integer", "", "sequence number of the flush that brought it, gap-free"),
)

COLUMN_NAMES: frozenset[str] = frozenset(c.name for c in COLUMNS)
