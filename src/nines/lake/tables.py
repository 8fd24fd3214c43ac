"""The lake's tables: Delta folders, their schemas, and how they are appended to and read.

Each append carries the application transaction of its flush; a table already at that version is left alone.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from nines.telemetry.event import COLUMNS, STAMPS, ColumnType

STAMP = pa.timestamp("us", tz="UTC")
_TYPES: dict[ColumnType, pa.DataType] = {
    "timestamp": STAMP,
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "flag": pa.bool_(),
    "map": pa.map_(pa.string(), pa.string()),
}

#: What sources give: the event columns.
EVENT_SCHEMA = pa.schema([(c.name, _TYPES[c.type]) for c in COLUMNS])
#: What the lake keeps: the event columns and its stamps.
STORED_SCHEMA = pa.schema([*EVENT_SCHEMA, *((c.name, _TYPES[c.type]) for c in STAMPS)])
COUNTS_SCHEMA = pa.schema(
    [
        ("tenant", pa.string()), ("indicator", pa.string()), ("source", pa.string()), ("minute", pa.int64()),
        ("weight_num", pa.int64()), ("weight_den", pa.int64()), ("good", pa.int64()), ("bad", pa.int64()),
        ("unknown", pa.int64()), ("state", pa.int8()), ("seq", pa.int64()),
    ]
)  # fmt: skip
PULSES_SCHEMA = pa.schema(
    [
        ("tenant", pa.string()),
        ("source", pa.string()),
        ("minute", pa.int64()),
        ("row_count", pa.int64()),
        ("seq", pa.int64()),
    ]
)
FLUSHES_SCHEMA = pa.schema(
    [
        ("seq", pa.int64()),
        ("first_id", pa.int64()),
        ("last_id", pa.int64()),
        ("flushed_at", STAMP),
        ("row_count", pa.int64()),
    ]
)


def conformed(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a table with exactly a schema's columns; what it lacks is NULL.

    Args:
        table: columns by name; unknown ones are dropped.
        schema: names and types wanted.
    """
    columns = [
        table.column(f.name).cast(f.type) if f.name in table.column_names else pa.nulls(table.num_rows, f.type)
        for f in schema
    ]
    return pa.table(columns, schema=schema)


@dataclass(frozen=True, slots=True)
class LakeTable:
    """One Delta table of the lake.

    Attributes:
        path: its folder.
        schema: its columns.
    """

    path: Path
    schema: pa.Schema

    def exists(self) -> bool:
        """Return whether it was ever written."""
        return (self.path / "_delta_log").is_dir() and DeltaTable.is_deltatable(str(self.path))

    def version_of(self, app_id: str) -> int:
        """Return the last transaction of an application that it holds, or 0."""
        return (DeltaTable(self.path).transaction_version(app_id) or 0) if self.exists() else 0

    def append(self, rows: pa.Table, app_id: str, version: int) -> None:
        """Append rows once: a table that already holds the transaction is left alone.

        Args:
            rows: in any order of columns; may be empty, the transaction is recorded all the same.
            app_id: who writes.
            version: number of the write, ascending per application.
        """
        if self.version_of(app_id) >= version:
            self.sync()  # who wrote it may have died before it did this
            return
        write_deltalake(
            self.path,
            conformed(rows, self.schema),
            mode="append",
            commit_properties=CommitProperties(app_transactions=[Transaction(app_id, version)]),
        )
        self.sync()

    def sync(self) -> None:
        """Write the newest commit through to the disk: its files, its log entry, and the folders that name them.

        delta-rs never calls fsync, so until this is done a loss of power could forget what a commit says it has.
        """
        log = self.path / "_delta_log"
        newest = max(log.glob("*.json"), default=None)
        files = [self.path / name for name in _added(newest)] if newest else []
        for path in (*files, *([newest] if newest else []), log, self.path):
            _fsync(path)

    def files(self) -> list[str]:
        """Return the Parquet files of its present version."""
        return [u.removeprefix("file://") for u in DeltaTable(self.path).file_uris()] if self.exists() else []

    def relation(self) -> str:
        """Return SQL that can stand after FROM and reads the present version; an empty table has the columns too."""
        files = self.files()
        if not files:
            empty = ", ".join(f"CAST(NULL AS {_duckdb(f.type)}) AS {f.name}" for f in self.schema)
            return f"(SELECT {empty} WHERE false)"
        listed = ", ".join("'" + f.replace("'", "''") + "'" for f in files)
        return f"read_parquet([{listed}])"


def _added(log_entry: Path) -> list[str]:
    import json
    from urllib.parse import unquote

    actions = (json.loads(line) for line in log_entry.read_text(encoding="utf-8").splitlines() if line)
    return [unquote(a["add"]["path"]) for a in actions if "add" in a]


def _fsync(path: Path) -> None:
    try:
        number = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return  # a compaction or vacuum has replaced it since
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _duckdb(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "TIMESTAMPTZ"
    if pa.types.is_map(kind):
        return "MAP(VARCHAR, VARCHAR)"
    names = {"string": "VARCHAR", "int64": "BIGINT", "int8": "TINYINT", "double": "DOUBLE", "bool": "BOOLEAN"}
    return names[str(kind)]
