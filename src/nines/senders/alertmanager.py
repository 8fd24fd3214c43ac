"""Prometheus' Alertmanager: a thread of ours is an alert of its own, known by its labels.

One rule: an alert ends there when it ended here and not because nobody spoke of it: it is given an end far ahead, so
that a nines that is down resolves nothing. Messages that open no thread (a crossed budget) are alerts that end by
themselves after a while.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from nines.alerting.message import KINDS, Message
from nines.senders.sending import Outgoing, Target, post

#: An open thread counts as burning there for so long unless it is told again or closed.
OPEN_FOR = timedelta(days=7)
#: A message that stands alone is shown for so long.
SHOWN_FOR = timedelta(hours=4)


class Alertmanager:
    """Tells an Alertmanager through its API, version 2."""

    knows_repeats = True

    def send(self, target: Target, outgoing: Outgoing) -> str:
        """Tell, and return what the target answered; see `Sender`."""
        newest = {m.thread_id: m for m in outgoing.messages}  # the last word of a thread is how it stands
        body = json.dumps([alert(m, target.root) for m in newest.values()], ensure_ascii=False).encode()
        return post(target, f"{target.url.rstrip('/')}/api/v2/alerts", body, {"Idempotency-Key": outgoing.key})


def alert(message: Message, root: str = "") -> dict[str, Any]:
    """Return a message as an alert of Alertmanager's API.

    Args:
        message: what to tell; messages of one thread give the same labels, so they are one alert there.
        root: address of this installation, or "".
    """
    own = {
        "alertname": "nines",
        "nines_thread": message.thread_id,
        "tenant": message.tenant,
        "severity": message.severity,
        "service": message.service,
        "objective": message.objective,
    }
    labels = {**{_name(k): v for k, v in message.labels}, **own}
    annotations = {
        "summary": message.title,
        "description": "; ".join(f"{name}: {value}" for name, value in message.figures),
        "kind": message.kind,
        "meaning": KINDS[message.kind][1],
        "thread": message.thread,
        "clause": message.clause,
    }
    found = {
        "labels": {k: v for k, v in labels.items() if v},
        "annotations": {k: v for k, v in annotations.items() if v},
        "endsAt": _iso(_end(message)),
    }
    if message.stage != "closes":
        found["startsAt"] = _iso(message.at)
    if root:
        found["generatorURL"] = f"{root}{message.path}"
    return found


def _end(message: Message) -> datetime:
    after = {"closes": timedelta(), "stands alone": SHOWN_FOR}
    return message.at + after.get(message.stage, OPEN_FOR)


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _name(label: str) -> str:
    """Return a label's name as Prometheus takes it."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in label)
    return f"_{kept}" if kept[:1].isdigit() else kept
