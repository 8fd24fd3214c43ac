"""The query engine: one per process, a connection for whoever asks."""

from __future__ import annotations

import atexit
import os
import threading

import duckdb

_base: dict[int, duckdb.DuckDBPyConnection] = {}
_making = threading.Lock()


@atexit.register
def _close() -> None:
    """Close the engine in order, before the interpreter takes its parts away."""
    for base in _base.values():
        base.close()
    _base.clear()


def connection() -> duckdb.DuckDBPyConnection:
    """Return a connection of its own, in UTC; opening the engine costs far more than opening a connection to it."""
    with _making:
        base = _base.get(os.getpid())  # a forked process opens its own
        if base is None:
            base = _base[os.getpid()] = duckdb.connect()
    found = base.cursor()
    found.execute("SET TimeZone = 'UTC'")
    return found
