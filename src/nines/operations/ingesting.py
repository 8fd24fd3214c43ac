"""Bring measurements in: read, make durable, acknowledge; then roll up."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from nines.errors import InputError, NotFoundError, Problem
from nines.lake.flush import Flushed
from nines.lake.inbox import Receipt
from nines.operations.evaluating import source_for
from nines.operations.house import House
from nines.operations.promises import in_force, wanted
from nines.people.rights import Principal, require
from nines.sources.read import read_file, read_rows

#: Rows that go into the inbox as one batch.
BATCH_ROWS = 200_000


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one file.

    Attributes:
        path: the file.
        source: the DataSource it belongs to.
        rows: rows that could be read.
        bad_rows: rows that could not.
        stored: rows stored now; 0 when the file was there already or was refused.
        refused: whether it was refused whole.
        problems: what is wrong with it.
    """

    path: Path
    source: str
    rows: int
    bad_rows: int
    stored: int
    refused: bool
    problems: tuple[Problem, ...]

    def row(self) -> dict[str, object]:
        """Return the report as one row of a table."""
        return {
            "file": str(self.path),
            "source": self.source,
            "rows": self.rows,
            "bad rows": self.bad_rows,
            "stored": self.stored,
        }


def ingest_file(
    house: House, who: Principal, path: Path, *, source: str | None, now: datetime, keep_going: bool = False
) -> FileReport:
    """Store a file's rows, once however often it is asked.

    Args:
        house: where to.
        who: who does it.
        path: file.
        source: DataSource it belongs to, or None when there is only one.
        now: present instant; it becomes the rows' arrival.
        keep_going: store the good rows of a file that has bad ones.

    Returns:
        What became of it; a file with a bad row is refused whole unless told otherwise.

    Raises:
        InputError: the file cannot be used, or its source is not known; nothing is stored.
        OverloadedError: the inbox takes no more; what was stored stays, and the call can be repeated.
    """
    require(who, "ingest")
    definitions = in_force(house, who.tenant, at=now)
    found = source_for(definitions, source or "", path)
    result = read_file(path, found)
    if result.bad_rows and not keep_going:
        more = Problem(
            str(path),
            f"{result.bad_rows} rows cannot be read, so nothing of the file was stored",
            "mend them, or use --keep-going",
            code="file-refused",
        )
        return FileReport(
            path, found.name, result.rows, result.bad_rows, 0, refused=True, problems=(*result.problems, more)
        )
    mark = _content_mark(path)
    stored = sum(
        0 if receipt.duplicate else receipt.rows
        for number, part in enumerate(_parts(result.table))
        for receipt in [
            house.lake.append(
                who.tenant,
                found.name,
                part,
                arrival=now,
                key=f"file/{mark}/{number}",
                unkept={} if number else {"refused": result.bad_rows},
            )
        ]
    )
    return FileReport(path, found.name, result.rows, result.bad_rows, stored, refused=False, problems=result.problems)


def _parts(table: pa.Table) -> list[pa.Table]:
    return [table.slice(at, BATCH_ROWS) for at in range(0, table.num_rows, BATCH_ROWS)]


def _content_mark(path: Path) -> str:
    """Return a hash of a file's bytes: the same content counts once, whatever the file is called."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def ingest_rows(
    house: House, who: Principal, source: str, rows: Sequence[Mapping[str, object]], *, now: datetime, key: str | None
) -> Receipt:
    """Store rows that were sent as JSON objects; the receipt means that they are on disk.

    Args:
        house: where to.
        who: who sends them.
        source: DataSource in force of type events.
        rows: one mapping per event.
        now: present instant.
        key: idempotency key, or None.

    Raises:
        NotFoundError: there is no such source.
        InputError: a row cannot be read; nothing is stored.
        OverloadedError: the inbox takes no more.
    """
    require(who, "ingest")
    found = in_force(house, who.tenant, at=now).sources.get(source)
    if found is None:
        raise NotFoundError(
            Problem(
                source, "there is no such DataSource in force", "apply its definition first", code="unknown-datasource"
            )
        )
    result = read_rows([dict(row) for row in rows], found, "row")
    if result.bad_rows:
        house.lake.inbox.tally(who.tenant, source, {"refused": len(rows)}, arrival=now)
        raise InputError(*result.problems)
    return house.lake.append(who.tenant, source, result.table, arrival=now, key=key)


def ingest_table(house: House, who: Principal, source: str, table: pa.Table, *, now: datetime, key: str) -> int:
    """Store a table of event rows; returns how many rows are new.

    Args:
        house: where to.
        who: who does it.
        source: DataSource they belong to.
        table: event columns.
        now: present instant.
        key: idempotency key of the whole; its parts are numbered.
    """
    require(who, "ingest")
    receipts = [
        house.lake.append(who.tenant, source, part, arrival=now, key=f"{key}/{number}")
        for number, part in enumerate(_parts(table))
    ]
    return sum(r.rows for r in receipts if not r.duplicate)


def flush(house: House, *, now: datetime) -> Flushed:
    """Move what waits into the lake and roll it up, until nothing waits that was there at the beginning.

    Args:
        house: whose inbox.
        now: present instant.
    """
    last = house.lake.inbox.last_id()
    asked = wanted(house, house.store.revisions.tenants(), at=now)
    done = house.lake.flush(asked, now)
    while done.rows and done.last_id < last:
        done = house.lake.flush(asked, now)
    return done
