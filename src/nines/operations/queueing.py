"""The queue on an edge agent's disk: what was collected and has no receipt of the centre yet.

The queue is the inbox: a batch is on disk before its collector goes on, and the mark that says how far the collector
read is committed in the same step. What must give way when the disk bound is reached is booked as lost, by minute.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from nines.errors import OverloadedError, Problem
from nines.lake.inbox import Inbox, Kind, packed
from nines.spans import EPOCH

#: Batches dropped at most in one step when room has to be made.
MOST_DROPPED = 1000
#: Part of the disk bound that stays free for the marks and for losses.
_SPARE_PARTS = 32
#: Minutes of losses that are sent as one batch.
MOST_LOSSES = 10_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS losses (
    source TEXT NOT NULL, site TEXT NOT NULL, minute INTEGER NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (source, site, minute)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS urgent ON inbox (id) WHERE kind IN ('series', 'lost');
"""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One batch that waits to be sent.

    Attributes:
        id: its number in the queue, ascending.
        source: DataSource it belongs to.
        kind: what its rows are.
        rows: rows it holds.
        arrival: when it was queued, UTC microseconds.
        key: under which the centre counts it once.
        payload: Arrow IPC stream.
    """

    id: int
    source: str
    kind: Kind
    rows: int
    arrival: int
    key: str
    payload: bytes

    @property
    def arrival_instant(self) -> datetime:
        """When it was queued, aware UTC."""
        return EPOCH + self.arrival * EPOCH.resolution


@dataclass(frozen=True, slots=True)
class Depth:
    """How much waits.

    Attributes:
        batches: batches waiting.
        rows: rows waiting.
        used: bytes of the queue's file in use.
        lost: rows dropped of which the centre does not know yet.
    """

    batches: int
    rows: int
    used: int
    lost: int


class Queue:
    """The queue of one agent; safe for several threads.

    Attributes:
        most_bytes: bytes of disk it may use.
    """

    def __init__(self, folder: Path, *, most_bytes: int, site: str = "") -> None:
        """Open or make the queue.

        Args:
            folder: where it lies or shall lie.
            most_bytes: bytes of disk it may use; the oldest batches are dropped beyond.
            site: where rows that name none come from, or "".
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.most_bytes = most_bytes
        self._path, self._most = folder / "queue.sqlite", most_bytes - most_bytes // _SPARE_PARTS
        self._inbox = Inbox(self._path, most_bytes=2**62)
        self._lock = threading.Lock()
        self._con = sqlite3.connect(self._path, timeout=30, isolation_level=None, check_same_thread=False)
        # What this connection does may be undone by a loss of power as a whole: what was sent is then sent again.
        self._con.execute("PRAGMA synchronous = NORMAL")
        self._con.executescript(_SCHEMA)
        self._site, self._dropped = site, 0

    def put(
        self, collector: str, source: str, table: pa.Table, *, kind: Kind, arrival: datetime, mark: str | None = None
    ) -> None:
        """Store a batch, and how far its collector has read, in one step; returns once both are on disk.

        Args:
            collector: name of who collected it.
            source: DataSource it belongs to.
            table: rows; none just moves the mark.
            kind: what they are.
            arrival: present instant.
            mark: how far it has read, never twice the same text, or None.

        Raises:
            OverloadedError: the disk takes no more; nothing was stored.
        """
        with self._lock:
            self._make_room(table.nbytes)
            receipt = self._inbox.append(collector, source, table, arrival=arrival, kind=kind, key=mark)
            if receipt.duplicate:
                what = "its mark was stored before"
                raise OverloadedError(Problem(collector, what, "this is a defect; please report it", code="mark-twice"))
            if mark is not None:
                self._con.execute(
                    "DELETE FROM keys WHERE tenant = ? AND source = ? AND id < ?", (collector, source, receipt.id)
                )
            if not table.num_rows:
                self._con.execute("DELETE FROM inbox WHERE id = ?", (receipt.id,))

    def mark(self, collector: str, source: str) -> str | None:
        """Return how far a collector has read a source, or None when it never did."""
        with self._lock:
            row = self._con.execute(
                "SELECT key FROM keys WHERE tenant = ? AND source = ? ORDER BY id DESC LIMIT 1", (collector, source)
            ).fetchone()
        return None if row is None else str(row[0])

    def next(self, *, fresh_after: datetime, passed_over: Sequence[str] = ()) -> Parcel | None:
        """Return what to send next: label sets and losses, then fresh batches newest first, then the oldest.

        Args:
            fresh_after: batches queued after it are fresh.
            passed_over: sources that are not asked for now.
        """
        skip = f"source NOT IN ({', '.join('?' * len(passed_over))})"
        # The columns before the payload are read first: SQLite fetches a long payload only for the row it returns.
        what = f"SELECT id, source, kind, row_count, arrival, payload FROM inbox WHERE {skip}"  # noqa: S608 - question marks
        with self._lock:
            for condition in ("AND kind IN ('series', 'lost') ORDER BY id LIMIT 1", "ORDER BY id DESC LIMIT 1"):
                row = self._con.execute(f"{what} {condition}", tuple(passed_over)).fetchone()
                if row is not None and (row[2] in {"series", "lost"} or row[4] > _us(fresh_after)):
                    return self._parcel(row)
            row = self._con.execute(f"{what} ORDER BY id LIMIT 1", tuple(passed_over)).fetchone()
            return None if row is None else self._parcel(row)

    def _parcel(self, row: tuple[int, str, Kind, int, int, bytes]) -> Parcel:
        number, source, kind, rows, arrival, payload = row
        return Parcel(number, source, kind, rows, arrival, f"{self._inbox.app_id}/{number}", payload)

    def done(self, parcel: Parcel) -> None:
        """Forget a batch for which the centre gave its receipt."""
        with self._lock:
            self._con.execute("DELETE FROM inbox WHERE id = ?", (parcel.id,))

    def give_up(self, parcel: Parcel) -> None:
        """Drop a batch that the centre will never take, and book its rows as lost."""
        with self._lock:
            self._drop([(parcel.id, parcel.source, parcel.kind, parcel.payload)])

    def labels_waiting(self, collector: str, source: str) -> set[int]:
        """Return the series of a collector whose label sets wait to be sent."""
        with self._lock:
            payloads = self._con.execute(
                "SELECT payload FROM inbox WHERE kind IN ('series', 'lost') AND kind = 'series' AND tenant = ? "
                "AND source = ?", (collector, source),
            ).fetchall()  # fmt: skip
        tables = [pa.ipc.open_stream(payload).read_all() for (payload,) in payloads]
        return {number for table in tables for number in table.column("series").to_pylist()}

    def depth(self) -> Depth:
        """Return how much waits."""
        with self._lock:
            batches, rows = self._con.execute("SELECT count(*), coalesce(sum(row_count), 0) FROM inbox").fetchone()
            lost = self._con.execute("SELECT coalesce(sum(number), 0) FROM losses").fetchone()[0]
            return Depth(batches, rows, self._used(), lost)

    @property
    def dropped(self) -> int:
        """Rows dropped since the queue was opened."""
        return self._dropped

    def queue_losses(self, *, arrival: datetime) -> int:
        """Turn what was booked as lost into batches for the centre; returns how many.

        Args:
            arrival: present instant.
        """
        with self._lock:
            sources = [r[0] for r in self._con.execute("SELECT DISTINCT source FROM losses").fetchall()]
            for source in sources:
                self._queue_losses_of(source, arrival)
            return len(sources)

    def _queue_losses_of(self, source: str, arrival: datetime) -> None:
        """Move a source's losses into the inbox in one step, so that a kill neither forgets nor doubles them."""
        rows = self._con.execute(
            "SELECT minute, number, site FROM losses WHERE source = ? ORDER BY minute LIMIT ?", (source, MOST_LOSSES)
        ).fetchall()
        columns = list(zip(*rows, strict=True))
        table = pa.table(
            [pa.array(columns[0], pa.int64()), pa.array(columns[1], pa.int64()), pa.array(columns[2], pa.string())],
            names=["minute", "number", "site"],
        )
        self._con.execute("PRAGMA synchronous = FULL")  # the number it gets is its key, which must never mean another
        self._con.execute("BEGIN IMMEDIATE")
        self._con.execute(
            "INSERT INTO inbox (tenant, source, kind, arrival, row_count, payload) VALUES ('', ?, 'lost', ?, ?, ?)",
            (source, _us(arrival), table.num_rows, packed(table)),
        )
        self._con.executemany(
            "DELETE FROM losses WHERE source = ? AND minute = ? AND site = ?", [(source, m, s) for m, _, s in rows]
        )
        self._con.execute("COMMIT")
        self._con.execute("PRAGMA synchronous = NORMAL")

    def _used(self) -> int:
        size, pages, free = (
            self._con.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "page_count", "freelist_count")
        )
        return int(size * (pages - free))

    def _make_room(self, wanted: int) -> None:
        """Drop the oldest batches until a new one has room; what is booked as lost and label sets are kept."""
        while (room := self._used() + wanted - self._most) > 0:
            oldest = self._con.execute(
                "SELECT id, source, kind, payload FROM inbox WHERE kind NOT IN ('lost', 'series') ORDER BY id"
            )
            chosen = []
            for row in oldest:
                chosen.append(row)
                room -= len(row[3])
                if room <= 0 or len(chosen) == MOST_DROPPED:
                    break
            oldest.close()
            if not chosen:
                return  # what is left has to stay; the bound is too small for it
            self._drop(chosen)

    def _drop(self, rows: list[tuple[int, str, Kind, bytes]]) -> None:
        """Delete batches and book their rows as lost, in one step."""
        booked = [entry for _, source, kind, payload in rows for entry in _losses(source, kind, payload, self._site)]
        self._con.execute("BEGIN IMMEDIATE")
        self._con.executemany("DELETE FROM inbox WHERE id = ?", [(r[0],) for r in rows])
        self._con.executemany(
            "INSERT INTO losses VALUES (?, ?, ?, ?) ON CONFLICT (source, site, minute) DO UPDATE SET "
            "number = number + excluded.number", booked,
        )  # fmt: skip
        self._con.execute("COMMIT")
        self._dropped += sum(entry[3] for entry in booked)

    def close(self) -> None:
        """Close the files; what waits stays."""
        self._inbox.close()
        with self._lock, closing(self._con):
            pass


def _losses(source: str, kind: Kind, payload: bytes, site: str) -> list[tuple[str, str, int, int]]:
    """Return source, site, minute and number of the rows of a batch."""
    if kind not in {"events", "samples"}:
        return []
    table = pa.ipc.open_stream(payload).read_all()
    times = table.column("time").cast(pa.int64())
    # Readings close the minute that ends with them.
    minute = pc.divide(times, 60_000_000) if kind == "events" else pc.divide(pc.subtract(times, 1), 60_000)
    sites = table.column("site") if "site" in table.column_names else pa.nulls(len(times), pa.string())
    found = pa.table({"site": pc.fill_null(sites, site), "minute": minute}).group_by(["site", "minute"])
    counted = found.aggregate([([], "count_all")]).to_pylist()
    return [(source, row["site"], row["minute"], row["count_all"]) for row in counted]


def _us(instant: datetime) -> int:
    return (instant - EPOCH) // EPOCH.resolution


__all__ = ["Depth", "Kind", "Parcel", "Queue"]
