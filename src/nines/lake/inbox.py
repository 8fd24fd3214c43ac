"""The inbox: where a batch is durable before it is acknowledged.

SQLite in WAL mode with full synchronisation. Callers that wait at the same moment share one commit. Ids are never
reused, because the flush tells by them what the tables already hold.
"""

from __future__ import annotations

import errno
import queue
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import pyarrow as pa

from nines.errors import OverloadedError, Problem
from nines.spans import EPOCH

Kind = Literal["events", "counts", "samples", "series", "lost"]
#: What is told of rows that were not stored: the rows of a batch that had been acknowledged before, rows that could not
#: be read or were refused for good, and readings of series that no indicator names.
Unkept = Literal["repeated", "refused", "unnamed"]
#: Bytes of waiting batches beyond which new ones are refused, so that a stalled flush never fills the disk unseen.
MOST_BYTES = 2 * 1024**3
#: Seconds for which the sum of what waits is believed, while there is room.
SUMMED_S = 1.0
#: Batches that share one commit at most.
MOST_SHARED = 256

_SCHEMA = """
CREATE TABLE IF NOT EXISTS inbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL, source TEXT NOT NULL, kind TEXT NOT NULL,
    arrival INTEGER NOT NULL, row_count INTEGER NOT NULL, payload BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS keys (
    tenant TEXT NOT NULL, source TEXT NOT NULL, key TEXT NOT NULL, id INTEGER NOT NULL, row_count INTEGER NOT NULL,
    arrival INTEGER NOT NULL, PRIMARY KEY (tenant, source, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tallies (
    tenant TEXT NOT NULL, source TEXT NOT NULL, what TEXT NOT NULL, number INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (tenant, source, what)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an acknowledged batch got.

    Attributes:
        id: its number, ascending and never reused.
        rows: rows it holds.
        duplicate: whether its key had been acknowledged before, so that it counts no second time.
    """

    id: int
    rows: int
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """One acknowledged batch, waiting for its flush."""

    id: int
    tenant: str
    source: str
    kind: Kind
    arrival: int
    table: pa.Table


@dataclass(frozen=True, slots=True)
class Tally:
    """How many rows of a source were not stored for one reason.

    Attributes:
        number: since the inbox was made.
        last: arrival of the last of them, UTC microseconds.
    """

    number: int
    last: int


@dataclass(slots=True)
class _Waiting:
    values: tuple[str, str, str, int, int, bytes]
    key: str | None
    done: Future[Receipt]
    unkept: Mapping[Unkept, int] = field(default_factory=dict)
    stored: bool = True


def packed(table: pa.Table) -> bytes:
    """Return a table as compressed Arrow IPC bytes."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


class Inbox:
    """The inbox of one lake; safe for several threads and processes."""

    def __init__(self, path: Path, *, most_bytes: int = MOST_BYTES) -> None:
        """Open or make the file.

        Args:
            path: SQLite file.
            most_bytes: bytes of waiting batches beyond which new ones are refused.
        """
        self._path, self._most = path, most_bytes
        with closing(self._connect()) as con:
            con.executescript(_SCHEMA)
            con.execute("INSERT OR IGNORE INTO about VALUES ('app_id', ?)", (f"nines-{uuid.uuid4()}",))
            self.app_id: str = con.execute("SELECT value FROM about WHERE name = 'app_id'").fetchone()[0]
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._starting = threading.Lock()
        self._held, self._summed = 0, float("-inf")

    def _connect(self) -> sqlite3.Connection:
        con = sqlite3.connect(self._path, timeout=30, isolation_level=None, check_same_thread=False)
        con.execute("PRAGMA journal_mode = WAL")
        con.execute("PRAGMA synchronous = FULL")
        return con

    def append(
        self,
        tenant: str,
        source: str,
        table: pa.Table,
        *,
        arrival: datetime,
        kind: Kind = "events",
        key: str | None = None,
        unkept: Mapping[Unkept, int] = MappingProxyType({}),
    ) -> Receipt:
        """Store a batch and return once it is on disk.

        Args:
            tenant: owner.
            source: DataSource it belongs to.
            table: rows.
            arrival: when it came, aware UTC.
            kind: what the rows are.
            key: idempotency key; the same key of a source counts once.
            unkept: rows that came with the batch and are not in it, by why; counted in the same step, and once.

        Raises:
            OverloadedError: too much is waiting, or the disk takes no more; nothing was stored.
        """
        values = (tenant, source, kind, (arrival - EPOCH) // EPOCH.resolution, table.num_rows, packed(table))
        return self._committed(_Waiting(values, key, Future(), unkept))

    def tally(self, tenant: str, source: str, unkept: Mapping[Unkept, int], *, arrival: datetime) -> None:
        """Count rows that were not stored where nothing else is; returns once that is on disk.

        Args:
            tenant: owner.
            source: DataSource they were meant for.
            unkept: how many, by why.
            arrival: when they came, aware UTC.

        Raises:
            OverloadedError: the disk takes no more.
        """
        if any(unkept.values()):
            values = (tenant, source, "", (arrival - EPOCH) // EPOCH.resolution, 0, b"")
            self._committed(_Waiting(values, None, Future(), unkept, stored=False))

    def tallies(self, tenant: str) -> dict[tuple[str, str], Tally]:
        """Return the rows of a tenant that were not stored, by source and why."""
        asked = "SELECT source, what, number, last FROM tallies WHERE tenant = ?"
        with closing(self._connect()) as con:
            return {(source, what): Tally(number, last) for source, what, number, last in con.execute(asked, (tenant,))}

    def _committed(self, waiting: _Waiting) -> Receipt:
        self._start_writer()
        self._queue.put(waiting)
        return waiting.done.result()

    def _start_writer(self) -> None:
        with self._starting:
            if self._writer is None or not self._writer.is_alive():
                self._writer = threading.Thread(target=self._write, name="nines-inbox", daemon=True)
                self._writer.start()

    def _write(self) -> None:
        con: sqlite3.Connection | None = None
        while True:
            first = self._queue.get()
            if first is None:
                if con is not None:
                    con.close()
                return
            group = [first]
            while len(group) < MOST_SHARED and not self._queue.empty():
                following = self._queue.get()
                if following is None:
                    self._queue.put(None)
                    break
                group.append(following)
            con = self._commit(con, group)

    def _commit(self, con: sqlite3.Connection | None, group: list[_Waiting]) -> sqlite3.Connection | None:
        """Store a group in one transaction and only then answer; a failure is answered to all of it.

        Returns:
            The connection to go on with, or None after a failure, so that the next group begins afresh.
        """
        try:
            con = con or self._connect()
            con.execute("BEGIN IMMEDIATE")
            self._refuse_overload(con, group)
            receipts = [_insert(con, waiting) for waiting in group]
            con.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody may wait for an answer for ever
            if con is not None:
                con.close()  # takes back what was begun
            refusal = error if isinstance(error, OverloadedError) else _refusal(error)
            for waiting in group:
                waiting.done.set_exception(refusal)
            return None
        for waiting, receipt in zip(group, receipts, strict=True):
            waiting.done.set_result(receipt)
        return con

    def _refuse_overload(self, con: sqlite3.Connection, group: list[_Waiting]) -> None:
        """Refuse a group when too much waits.

        Adding up a long inbox takes time, so it is done once a second while there is room; what other processes put in
        meanwhile is seen a second later.
        """
        coming = sum(len(w.values[5]) for w in group)
        if self._held + coming > self._most or time.monotonic() - self._summed > SUMMED_S:
            self._held = con.execute("SELECT coalesce(sum(length(payload)), 0) FROM inbox").fetchone()[0]
            self._summed = time.monotonic()
        self._held += coming
        if self._held > self._most:
            what = f"{self._held - coming} bytes wait for their flush, which is as much as may"
            raise OverloadedError(Problem("inbox", what, "try again when the worker has caught up", code="inbox-full"))

    def waiting(self, after: int, *, most_bytes: int = 256 * 1024**2, until: int | None = None) -> Iterator[Batch]:
        """Yield acknowledged batches in order of their ids.

        Args:
            after: only ids above this one.
            most_bytes: stop after so many payload bytes, at least one batch.
            until: last id wanted, or None.
        """
        read = 0
        with closing(self._connect()) as con:
            rows = con.execute(
                "SELECT id, tenant, source, kind, arrival, payload FROM inbox WHERE id > ? AND id <= ? ORDER BY id",
                (after, until if until is not None else 2**62),
            )
            for number, tenant, source, kind, arrival, payload in rows:
                yield Batch(number, tenant, source, kind, arrival, pa.ipc.open_stream(payload).read_all())
                read += len(payload)
                if until is None and read >= most_bytes:
                    return

    def pending(self) -> dict[tuple[str, str], int]:
        """Return rows that wait for their flush, by tenant and source."""
        with closing(self._connect()) as con:
            rows = con.execute("SELECT tenant, source, sum(row_count) FROM inbox GROUP BY 1, 2").fetchall()
        return {(tenant, source): number for tenant, source, number in rows}

    def last_id(self) -> int:
        """Return the highest id waiting, or 0."""
        with closing(self._connect()) as con:
            return int(con.execute("SELECT coalesce(max(id), 0) FROM inbox").fetchone()[0])

    def forget(self, until: int, *, keys_before: int = 0) -> None:
        """Delete batches that every table holds durably, and keys that are too old to be repeated.

        Args:
            until: last id that all tables hold.
            keys_before: arrival (us) before which keys are forgotten.
        """
        with closing(self._connect()) as con:
            con.execute("BEGIN IMMEDIATE")
            con.execute("DELETE FROM inbox WHERE id <= ?", (until,))
            con.execute("DELETE FROM keys WHERE arrival < ?", (keys_before,))
            con.execute("COMMIT")

    def close(self) -> None:
        """End the writer; what was acknowledged stays."""
        self._queue.put(None)


def _insert(con: sqlite3.Connection, waiting: _Waiting) -> Receipt:
    tenant, source, _, arrival, rows, _ = waiting.values
    if waiting.key is not None:
        known = con.execute(
            "SELECT id, row_count FROM keys WHERE tenant = ? AND source = ? AND key = ?", (tenant, source, waiting.key)
        ).fetchone()
        if known is not None:
            _count(con, waiting, {"repeated": rows})
            return Receipt(known[0], known[1], duplicate=True)
    _count(con, waiting, waiting.unkept)
    if not waiting.stored:
        return Receipt(0, 0)
    cursor = con.execute(
        "INSERT INTO inbox (tenant, source, kind, arrival, row_count, payload) VALUES (?, ?, ?, ?, ?, ?)",
        waiting.values,
    )
    number = int(cursor.lastrowid or 0)
    if waiting.key is not None:
        con.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?)", (tenant, source, waiting.key, number, rows, arrival))
    return Receipt(number, rows)


def _count(con: sqlite3.Connection, waiting: _Waiting, unkept: Mapping[Unkept, int]) -> None:
    tenant, source, _, arrival, _, _ = waiting.values
    con.executemany(
        "INSERT INTO tallies VALUES (?, ?, ?, ?, ?) ON CONFLICT (tenant, source, what) DO UPDATE SET "
        "number = number + excluded.number, last = max(last, excluded.last)",
        [(tenant, source, what, number, arrival) for what, number in unkept.items() if number],
    )


def _refusal(error: Exception) -> OverloadedError:
    full = isinstance(error, OSError) and error.errno == errno.ENOSPC
    what = "the disk is full" if full else f"the inbox cannot be written: {error}"
    return OverloadedError(
        Problem("inbox", what, "free some space; nothing was stored, and it recovers alone", code="inbox-unwritable")
    )
