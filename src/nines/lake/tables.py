"""The lake's tables: Delta folders, their schemas, and how they are appended to and read.

Each append carries the application transaction of its flush; a table already at that version is left alone.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
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
#: Counts by weight. Where a weight is not 1 there are also rows with the sums over sampling units (traces, or rows):
#: their number, and n, b, n^2, n b, b^2 of n events with b bad. A weight nobody knows is 0 / 1.
COUNTS_SCHEMA = pa.schema(
    [
        ("tenant", pa.string()), ("indicator", pa.string()), ("source", pa.string()), ("site", pa.string()),
        ("minute", pa.int64()), ("weight_num", pa.int64()), ("weight_den", pa.int64()), ("good", pa.int64()),
        ("bad", pa.int64()), ("unknown", pa.int64()), ("units", pa.int64()), ("un", pa.int64()), ("ub", pa.int64()),
        ("nn", pa.int64()), ("nb", pa.int64()), ("bb", pa.int64()), ("state", pa.int8()), ("seq", pa.int64()),
    ]
)  # fmt: skip
PULSES_SCHEMA = pa.schema(
    [
        ("tenant", pa.string()), ("source", pa.string()), ("site", pa.string()), ("minute", pa.int64()),
        ("row_count", pa.int64()), ("seq", pa.int64()),
    ]
)  # fmt: skip
#: What metric sources give: readings, and once per series its labels.
READINGS_SCHEMA = pa.schema(
    [
        ("series", pa.int64()), ("time", pa.int64()), ("value", pa.float64()), ("created", pa.int64()),
        ("delta", pa.bool_()),
    ]
)  # fmt: skip
SAMPLES_SCHEMA = pa.schema(
    [("tenant", pa.string()), ("source", pa.string()), *READINGS_SCHEMA, ("arrival", STAMP), ("seq", pa.int64())]
)
LABELS_SCHEMA = pa.schema([("series", pa.int64()), ("labels", pa.map_(pa.string(), pa.string()))])
SERIES_SCHEMA = pa.schema([("tenant", pa.string()), ("source", pa.string()), *LABELS_SCHEMA, ("seq", pa.int64())])
#: Rows that could not be kept, as whoever dropped them says: unknown events of every indicator of their source.
LOST_SCHEMA = pa.schema([("site", pa.string()), ("minute", pa.int64()), ("number", pa.int64())])
LOSSES_SCHEMA = pa.schema([("tenant", pa.string()), ("source", pa.string()), *LOST_SCHEMA, ("seq", pa.int64())])
#: Rows left out because their source had sent the same event or reading before.
REPEATS_SCHEMA = pa.schema(
    [("tenant", pa.string()), ("source", pa.string()), ("number", pa.int64()), ("seq", pa.int64())]
)
#: How late rows came, by hour of their event and bucket of their delay; an hour is counted once, when it is closed.
DELAYS_SCHEMA = pa.schema(
    [
        ("tenant", pa.string()), ("source", pa.string()), ("rule", pa.string()), ("hour", pa.int64()),
        ("outcome", pa.int64()), ("bucket", pa.int64()), ("number", pa.int64()),
    ]
)  # fmt: skip
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


#: Tables opened before, by folder and the identity of its log: opening replays the log, bringing up to date does not.
_OPEN: dict[tuple[Path, int], DeltaTable] = {}
_OPENING = threading.RLock()


def _opened(path: Path) -> DeltaTable | None:
    """Return a table at its present version, or None when it was never written; the caller holds `_OPENING`."""
    try:
        key = (path, (path / "_delta_log").stat().st_ino)
    except OSError:
        return None
    with _OPENING:
        table = _OPEN.get(key)
        if table is not None:
            table.update_incremental()
        elif DeltaTable.is_deltatable(str(path)):
            table = _OPEN[key] = DeltaTable(path)
        return table


#: The mark of a table's folder when its newest commit was last looked for, and the number of that commit.
_NEWEST: dict[Path, tuple[tuple[int, int], int]] = {}


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
        return _opened(self.path) is not None

    def newest(self) -> int:
        """Return the number of its newest commit, or -1; two looks at the disk tell that there is no newer one."""
        log = self.path / "_delta_log"
        try:
            seen = log.stat()
        except OSError:
            return -1
        mark = seen.st_ino, seen.st_mtime_ns
        held = _NEWEST.get(self.path)
        # A folder's time stands still for some milliseconds, so the next commit's own name is looked for too.
        if held is not None and held[0] == mark and not (log / f"{held[1] + 1:020d}.json").exists():
            return held[1]
        with _OPENING:
            table = _opened(self.path)
            version = table.version() if table is not None else -1
        _NEWEST[self.path] = mark, version
        return version

    def version_of(self, app_id: str) -> int:
        """Return the last transaction of an application that it holds, or 0."""
        with _OPENING:
            table = _opened(self.path)
            return (table.transaction_version(app_id) or 0) if table is not None else 0

    def append(self, rows: pa.Table, app_id: str, version: int, *, marks: Sequence[str] = ()) -> None:
        """Append rows once: a table that already holds the transaction is left alone.

        Args:
            rows: in any order of columns; where there are none, nothing is written.
            app_id: who writes.
            version: number of the write, ascending per application.
            marks: further applications to put at version 1 with it; then it is written even without rows.
        """
        if not rows.num_rows and not marks:
            return
        with _OPENING:
            table = _opened(self.path)
            if table is None or (table.transaction_version(app_id) or 0) < version:
                write_deltalake(
                    table or self.path,
                    conformed(rows, self.schema),
                    mode="append",
                    schema_mode="merge",
                    commit_properties=CommitProperties(
                        app_transactions=[Transaction(app_id, version), *(Transaction(mark, 1) for mark in marks)]
                    ),
                )
            self.sync()  # also when it was written before: who wrote it may have died before it did this

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
        with _OPENING:
            table = _opened(self.path)
            return [u.removeprefix("file://") for u in table.file_uris()] if table is not None else []

    def relation(self) -> str:
        """Return SQL that can stand after FROM and reads the present version; an empty table has the columns too."""
        files = self.files()
        if not files:
            return self._empty()
        listed = ", ".join("'" + f.replace("'", "''") + "'" for f in files)
        if all(_columns_in(f) == len(self.schema) for f in files):
            return f"read_parquet([{listed}])"
        return f"(SELECT * FROM {self._empty()} UNION ALL BY NAME FROM read_parquet([{listed}], union_by_name = true))"

    def _empty(self) -> str:
        """Return SQL for no rows with every column, so that files from before a column was added read as NULL."""
        columns = ", ".join(f"CAST(NULL AS {sql_type(f.type)}) AS {f.name}" for f in self.schema)
        return f"(SELECT {columns} WHERE false)"


@lru_cache(maxsize=10_000)
def _columns_in(file: str) -> int:
    """Return how many columns a file has; files never change."""
    return len(pq.read_schema(file))


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


def sql_type(kind: pa.DataType) -> str:
    """Return the name of a column type in DuckDB's SQL."""
    if pa.types.is_timestamp(kind):
        return "TIMESTAMPTZ"
    if pa.types.is_map(kind):
        return "MAP(VARCHAR, VARCHAR)"
    names = {"string": "VARCHAR", "int64": "BIGINT", "int8": "TINYINT", "double": "DOUBLE", "bool": "BOOLEAN"}
    return names[str(kind)]
