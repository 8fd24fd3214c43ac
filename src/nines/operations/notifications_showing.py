"""The log of messages as lines of a table and as JSON values."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from nines.evaluation.standing_json import instant
from nines.store.outbox import Row

COLUMNS = ("put in", "target", "state", "kind", "severity", "title", "tries", "said")


def row(told: Row) -> dict[str, object]:
    """Return a message for one target as a line of a table."""
    return {
        "put in": _clock(told.put_at),
        "target": told.target or "nobody",
        "state": told.state + (", may be repeated" if told.repeated else ""),
        "kind": told.body["kind"],
        "severity": told.body["severity"],
        "title": told.body["title"],
        "tries": told.attempts,
        "said": told.said or told.why,
    }


def row_json(told: Row) -> dict[str, Any]:
    """Return a message for one target as JSON values; its target's address and secrets are no part of it."""
    return {
        "id": told.id, "target": told.target, "thread": told.thread, "number": told.number,
        "objective": told.objective, "kind": told.body["kind"], "severity": told.body["severity"],
        "title": told.body["title"], "figures": told.body["figures"], "at": told.body["at"], "route": told.route,
        "group": told.group, "state": told.state, "why": told.why, "said": told.said, "tries": told.attempts,
        "repeated": told.repeated, "put_at": instant(told.put_at), "due_at": instant(told.due_at),
        "ended_at": instant(told.ended_at),
    }  # fmt: skip


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"
