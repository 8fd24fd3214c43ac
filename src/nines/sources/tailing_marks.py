"""How far pulled sources have been read, kept on disk: what is said to be done stays done after a kill."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS marks (
    tenant TEXT NOT NULL, source TEXT NOT NULL, mark TEXT NOT NULL, PRIMARY KEY (tenant, source)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS items (
    tenant TEXT NOT NULL, source TEXT NOT NULL, item TEXT NOT NULL, mark TEXT NOT NULL,
    PRIMARY KEY (tenant, source, item)) WITHOUT ROWID;
"""

Mark = dict[str, Any]


class Marks:
    """The marks of one installation, in a SQLite file; every call is durable when it returns."""

    def __init__(self, path: Path) -> None:
        """Open or make the file.

        Args:
            path: SQLite file.
        """
        self._path = path
        with self._open() as con:
            con.executescript(_SCHEMA)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=30, isolation_level=None)) as con:
            con.execute("PRAGMA synchronous = FULL")
            yield con

    def of(self, tenant: str, source: str) -> Mark | None:
        """Return how far a source was read, or None when it never was."""
        with self._open() as con:
            row = con.execute("SELECT mark FROM marks WHERE tenant = ? AND source = ?", (tenant, source)).fetchone()
        return None if row is None else json.loads(row[0])

    def put(self, tenant: str, source: str, mark: Mark) -> None:
        """Keep how far a source was read.

        Args:
            tenant: owner.
            source: name.
            mark: values that JSON can hold.
        """
        with self._open() as con:
            con.execute("INSERT OR REPLACE INTO marks VALUES (?, ?, ?)", (tenant, source, json.dumps(mark)))

    def items(self, tenant: str, source: str) -> dict[str, str]:
        """Return the things of a source that were read whole, each with what it was known by then."""
        with self._open() as con:
            return dict(
                con.execute("SELECT item, mark FROM items WHERE tenant = ? AND source = ?", (tenant, source)).fetchall()
            )

    def add(self, tenant: str, source: str, items: Iterable[tuple[str, str]]) -> None:
        """Keep things of a source as read whole.

        Args:
            tenant: owner.
            source: name.
            items: name of each, and what it is known by.
        """
        with self._open() as con:
            con.execute("BEGIN IMMEDIATE")
            con.executemany(
                "INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?)", [(tenant, source, i, m) for i, m in items]
            )
            con.execute("COMMIT")


__all__ = ["Mark", "Marks"]
