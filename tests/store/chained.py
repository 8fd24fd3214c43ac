"""Deeds for the tests of the records, and the process that they kill."""

import os
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from nines.store.store import Store

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
TEXTS = ("first", "second", "third", "fourth")


def note(store, text, *, tenant="default", now=NOW):
    """Record one annotation; return its fact."""
    with store.deed(tenant, "ann", now) as deed:
        return deed.tell("annotation.added", "objective checkout", {"text": text, "about": now.isoformat()})


def told_texts(store, *, tenant="default"):
    """Return the texts of all annotations, in order."""
    return [payload["text"] for _, payload in store.told(tenant, kinds=["annotation.added"])]


def problems(store, *, tenant="default"):
    """Return {place: codes of what is wrong there}; a fact's place is its number, others are named."""
    found = {}
    for problem in store.verify(tenant)[1]:
        place = problem.where.removeprefix(f"journal {tenant} fact ")
        found.setdefault(int(place) if place.isdigit() else place, []).append(problem.code)
    return found


def change(store, *statements):
    """Change records behind the journal's back, as somebody with the files in hand would."""
    url = store._engine.url
    if url.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(url.database)) as connection, connection:
            assert connection.execute("PRAGMA foreign_keys").fetchone() == (0,)
            for statement in statements:
                connection.execute(statement)
        return
    with store._engine.begin() as connection:
        connection.exec_driver_sql("SET session_replication_role = replica")  # no foreign keys
        for statement in statements:
            connection.exec_driver_sql(statement)


def main(url, first):
    """Record annotations until killed; each is told on the standard output once it is acknowledged."""
    store = Store.open(url, now=NOW)
    for number in range(first, first + 1_000_000):
        note(store, str(number), now=NOW + timedelta(seconds=number))
        os.write(1, f"{number}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
