"""Delta tables and folders of Parquet files, on this machine or in an object store: only what is new is read.

Of a Delta table the commits since the last look say which files are new; files that merely hold old rows in another
order (a compaction) are passed over. Of a folder of Parquet files the names tell.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from pyarrow import fs, parquet

from nines.errors import DependencyError, InputError, Problem
from nines.sources.columns import Raw, typed
from nines.sources.findings import Findings
from nines.sources.lakefiles_store import Store, open_store
from nines.sources.tailing_marks import Mark
from nines.telemetry.datasource import DataSource

#: Rows that are one part, and most bytes of one part and of one row group, unpacked.
PART_ROWS = 50_000
MOST_PART_BYTES = 256 * 1024 * 1024
MOST_GROUP_BYTES = 1024 * 1024 * 1024
#: Most files of one folder, and bytes of one commit of a table.
MOST_FILES = 100_000
MOST_COMMIT_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class LakeFile:
    """A file that is new.

    Attributes:
        name: path below the table or folder.
        mark: what its content is known by: size and time of change, or "" where files never change.
        partition: values that its rows share and that stand in no column.
    """

    name: str
    mark: str
    partition: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a table or folder found.

    Attributes:
        store: where the files lie.
        files: new ones, oldest first.
        mark: to be kept once all of them are stored.
        problems: what is odd.
    """

    store: Store
    files: tuple[LakeFile, ...]
    mark: Mark
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class LakePart:
    """Part of a file.

    Attributes:
        key: idempotency key.
        table: event rows.
        problems: the first hundred rows that could not be read.
        bad_rows: rows that could not be read.
    """

    key: str
    table: pa.Table
    problems: tuple[Problem, ...]
    bad_rows: int


def look(source: DataSource, mark: Mark | None, seen: Mapping[str, str]) -> Look:
    """Return the files that are new since the last look.

    Args:
        source: of type delta; options `path`, `storage_file`, `timeout_s`.
        mark: as the last look left it, or None.
        seen: names of the files that were stored, each with its mark.

    Raises:
        InputError: the path or the table's form is refused, or history is missing that only an id could replace.
        DependencyError: the store cannot be read.
    """
    store = open_store(source)
    try:
        if store.filesystem.get_file_info(f"{store.base}/_delta_log").type == fs.FileType.Directory:
            return _table(source, store, mark or {}, seen)
        return _folder(source, store, seen)
    except (OSError, DeltaError) as error:
        raise DependencyError(_unreadable(source, error)) from error


def _unreadable(source: DataSource, error: Exception) -> Problem:
    what = f"the store cannot be read: {str(error).strip().splitlines()[0][:300]}"
    return Problem(source.name, what, "check path and storage_file; it is asked again by itself", code="unreachable")


def _has_id(source: DataSource) -> bool:
    return "id" in dict(source.columns)


def _folder(source: DataSource, store: Store, seen: Mapping[str, str]) -> Look:
    """Look at a folder of Parquet files."""
    found = store.filesystem.get_file_info(fs.FileSelector(store.base, recursive=True))
    if len(found) > MOST_FILES:
        what = f"the folder holds more than {MOST_FILES} files"
        raise InputError(Problem(source.name, what, "make it a Delta table, or compact it", code="too-much"))
    problems, new = [], []
    for one in sorted(found, key=lambda f: (f.mtime_ns or 0, f.path)):
        name = one.path.removeprefix(f"{store.base}/")
        hidden = any(part.startswith(("_", ".")) for part in name.split("/"))
        mark = f"{one.size}-{one.mtime_ns}"
        if one.type != fs.FileType.File or not name.endswith(".parquet") or hidden or seen.get(name) == mark:
            continue
        if name in seen and not _has_id(source):
            fix = "map an id, so that rows read again count once"
            problems.append(Problem(name, "the file has changed since it was read", fix, "warning", "file-changed"))
            continue
        values = dict(part.split("=", 1) for part in name.split("/")[:-1] if "=" in part)
        new.append(LakeFile(name, mark, {k: unquote(v) for k, v in values.items()}))
    return Look(store, tuple(new), {}, tuple(problems))


def _table(source: DataSource, store: Store, mark: Mark, seen: Mapping[str, str]) -> Look:
    """Look at a Delta table."""
    table = DeltaTable(store.uri, storage_options=dict(store.options) or None)
    _refuse_unknown(source, table)
    about, version = str(table.metadata().id), table.version()
    now = {"table": about, "version": version}
    if mark.get("table") == about and mark["version"] <= version:
        files = _since(source, store, mark["version"], version)
        if files is not None:
            return Look(store, tuple(f for f in files if f.name not in seen), now)
    return Look(store, tuple(f for f in _active(source, table) if f.name not in seen), now)


def _refuse_unknown(source: DataSource, table: DeltaTable) -> None:
    """Refuse tables whose files do not hold their rows as they are."""
    mode = table.metadata().configuration.get("delta.columnMapping.mode", "none")
    vectors = "deletionVectors" in (table.protocol().reader_features or [])
    if mode != "none" or vectors:
        what = f"the Delta table uses {'deletion vectors' if vectors else 'column mapping'}, which is not read"
        raise InputError(Problem(source.name, what, "write it without", code="bad-table"))


def _active(source: DataSource, table: DeltaTable) -> Iterator[LakeFile]:
    rows = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    for row in sorted(rows, key=lambda r: (r["modification_time"], r["path"])):
        parts = {k.removeprefix("partition."): v for k, v in row.items() if k.startswith("partition.")}
        partition = {k: None if v is None else str(v) for k, v in parts.items()}
        yield LakeFile(_below(source, unquote(row["path"])), "", partition)


def _since(source: DataSource, store: Store, known: int, version: int) -> list[LakeFile] | None:
    """Return the files that commits after a version brought; None when an id lets the whole be read again."""
    files: list[LakeFile] = []
    for number in range(known + 1, version + 1):
        try:
            actions = _commit(source, store, number)
        except FileNotFoundError:
            if _has_id(source):
                return None
            what, fix = f"commit {number} is no longer in the table's log", "map an id, so that all can be read again"
            raise InputError(Problem(source.name, what, fix, code="bad-table")) from None
        adds = [a["add"] for a in actions if a.get("add", {}).get("dataChange")]
        rewritten = adds and any(a.get("remove", {}).get("dataChange") for a in actions)
        if rewritten and not _has_id(source):
            what, fix = f"commit {number} rewrote rows", "map an id, so that rows read again count once"
            raise InputError(Problem(source.name, what, fix, code="bad-table"))
        files += [LakeFile(_below(source, unquote(a["path"])), "", a.get("partitionValues") or {}) for a in adds]
    return files


def _commit(source: DataSource, store: Store, number: int) -> list[dict[str, Any]]:
    path = f"{store.base}/_delta_log/{number:020}.json"
    with store.filesystem.open_input_stream(path) as stream:
        text = stream.read(MOST_COMMIT_BYTES + 1)
    if len(text) > MOST_COMMIT_BYTES:
        what = f"commit {number} is longer than {MOST_COMMIT_BYTES} bytes"
        raise InputError(Problem(source.name, what, "write smaller commits", code="too-much"))
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def _below(source: DataSource, name: str) -> str:
    """Return a file's name when it lies below its table: a log is written by others, and must lead nowhere else."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "://" in name:
        what = f"the table names a file outside of its folder: {name[:80]}"
        raise InputError(Problem(source.name, what, "copy the table instead of cloning it", code="bad-table"))
    return name


def read_parts(source: DataSource, store: Store, file: LakeFile) -> Iterator[LakePart]:
    """Yield the rows of a file, part by part; the same file always has the same parts.

    Args:
        source: its columns say what is what.
        store: where the file lies.
        file: which.

    Raises:
        InputError: it is no whole Parquet file, too large at once, its columns cannot be mapped, or no row fits.
        DependencyError: the store cannot be read.
    """
    place = Path(file.name)
    try:
        with store.filesystem.open_input_file(f"{store.base}/{file.name}") as stream:
            opened = parquet.ParquetFile(stream, pre_buffer=False)
            _refuse_large(file, opened.metadata)
            rows = 0
            for number, batch in enumerate(opened.iter_batches(PART_ROWS)):
                if batch.nbytes > MOST_PART_BYTES:
                    raise InputError(_too_large(file))
                table, findings = _with_partition(pa.table(batch), file), Findings()
                lines = np.arange(rows + 1, rows + batch.num_rows + 1)
                rows += batch.num_rows
                events = typed(Raw(table, lines), source, place, findings)
                if findings.bad_rows and not events.num_rows and not number:
                    raise InputError(*findings.problems[:3])
                key = f"delta/{file.name}/{file.mark}/{number}"
                yield LakePart(key, events, tuple(findings.problems), findings.bad_rows)
    except pa.ArrowInvalid as error:
        what = f"this is no whole Parquet file: {str(error).splitlines()[0]}"
        raise InputError(Problem(file.name, what, "write it again", code="bad-parquet")) from error
    except OSError as error:
        raise DependencyError(_unreadable(source, error)) from error


def _refuse_large(file: LakeFile, about: parquet.FileMetaData) -> None:
    if any(about.row_group(i).total_byte_size > MOST_GROUP_BYTES for i in range(about.num_row_groups)):
        raise InputError(_too_large(file))


def _too_large(file: LakeFile) -> Problem:
    return Problem(file.name, "its row groups are too large to be read", "write smaller row groups", code="too-much")


def _with_partition(table: pa.Table, file: LakeFile) -> pa.Table:
    for name, value in file.partition.items():
        if name not in table.column_names:
            table = table.append_column(name, pa.array([value] * table.num_rows, pa.string()))
    return table


__all__ = ["LakeFile", "LakePart", "Look", "look", "read_parts"]
