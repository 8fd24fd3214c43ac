"""Read a file of measurements as event rows: one table of formats, one result for all.

A line that cannot be read is a problem with its place; its neighbours are unaffected. Whether a file with bad lines
is used at all is for the caller to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from nines.errors import InputError, Problem
from nines.sources.access_log import access_lines
from nines.sources.columns import EVENT_TYPES, Raw, typed
from nines.sources.delimited import delimited_rows
from nines.sources.findings import Findings
from nines.sources.logfmt import logfmt_lines
from nines.sources.ndjson import json_lines
from nines.sources.parquet import parquet_rows
from nines.telemetry.datasource import DataSource, SourceType


@dataclass(frozen=True, slots=True)
class ReadResult:
    """What a file gave.

    Attributes:
        table: event rows.
        problems: the first hundred problems, with `file:line`.
        bad_rows: rows that could not be read.
    """

    table: pa.Table
    problems: tuple[Problem, ...]
    bad_rows: int

    @property
    def rows(self) -> int:
        """Rows that could be read."""
        return int(self.table.num_rows)


Reader = Callable[[Path, DataSource, Findings], Iterator[Raw]]

#: Type of a DataSource -> what reads a file of it. Adding a format is one file and one row.
READERS: dict[SourceType, Reader] = {
    "csv": delimited_rows,
    "states": delimited_rows,
    "ndjson": json_lines,
    "events": json_lines,
    "parquet": parquet_rows,
    "combined": access_lines,
    "common": access_lines,
    "logfmt": logfmt_lines,
}


def reader_of(path: Path, source: DataSource) -> Reader:
    """Return what reads a file of a source.

    Raises:
        InputError: sources of its type are not read from files.
    """
    reader = READERS.get(source.type)
    if reader is None:
        what = f"a source of type {source.type} is not read from files"
        raise InputError(Problem(str(path), what, f"types of files are {', '.join(READERS)}", code="not-a-file-source"))
    return reader


def read_file(path: Path, source: DataSource) -> ReadResult:
    """Read a file as event rows.

    Args:
        path: file; gzip is found by its first bytes.
        source: its type says the format, its columns what is what.

    Returns:
        The rows that can be read, and what is wrong with the others.

    Raises:
        InputError: nothing of the file can be used (unreadable, cut short, a mapped column is missing).
    """
    findings = Findings()
    parts = [typed(raw, source, path, findings) for raw in reader_of(path, source)(path, source, findings)]
    table = pa.concat_tables(parts) if parts else EVENT_TYPES.empty_table()
    return ReadResult(table, tuple(findings.problems), findings.bad_rows)


def read_rows(rows: list[dict[str, object]], source: DataSource, place: str) -> ReadResult:
    """Read rows that were sent as JSON objects, by the same rules as a file of them.

    Args:
        rows: one mapping per event.
        source: its columns say what is what.
        place: name for places, as "request".
    """
    from nines.sources.ndjson import raw_of

    findings = Findings()
    raw = raw_of(rows, list(range(1, len(rows) + 1)))
    table = typed(raw, source, Path(place), findings) if rows else EVENT_TYPES.empty_table()
    return ReadResult(table, tuple(findings.problems), findings.bad_rows)
