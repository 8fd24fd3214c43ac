"""Messages: what somebody is to be told, as values; senders choose the form.

One rule: a message has an identity that follows from what it says it is (tenant, thread and number), so that telling
it twice can be recognised as telling it once. A thread is what belongs together for a reader: one episode of an
alert, one budget's period. Its messages are numbered from 1 and are told in that order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from nines.journal.facts import canonical
from nines.reading import instant

Severity = Literal["page", "ticket", "note"]
Stage = Literal["opens", "continues", "closes", "stands alone"]

#: Kind -> what it does to its thread, and what it says; docs/reference/notifications lists them.
KINDS: dict[str, tuple[Stage, str]] = {
    "fired": ("opens", "a burn rule fired"),
    "resized": ("continues", "late data changed how large a firing alert is"),
    "reminded": ("continues", "nobody has acknowledged it yet"),
    "escalated": ("continues", "it goes on to the next who can be asked"),
    "acknowledged": ("continues", "somebody has taken it on"),
    "resolved": ("closes", "it burns no more, even in the worst case"),
    "withdrawn": ("closes", "its objective or rule is in force no longer"),
    "blind": ("opens", "an objective has been unknown for too long"),
    "seeing": ("closes", "the objective can be seen again"),
    "suspected-loss": ("opens", "far less traffic than the season expects"),
    "traffic-back": ("closes", "traffic is back"),
    "budget-crossed": ("stands alone", "so much of a budget is spent"),
    "budget-recovered": ("stands alone", "a budget is five points below a share it had crossed"),
    "exhaustion-near": ("opens", "the budget runs out soon if this goes on"),
    "exhaustion-far": ("closes", "the budget no longer runs out soon"),
    "step-entered": ("opens", "a step of an ErrorBudgetPolicy came into force"),
    "step-left": ("closes", "a step of an ErrorBudgetPolicy is in force no longer"),
    "frozen": ("opens", "a spent budget has its consequence"),
    "thawed": ("closes", "the consequence ended"),
    "heartbeat": ("stands alone", "nines is alive; whoever misses this should look"),
    "test": ("stands alone", "somebody tried this target"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One thing to be told.

    Attributes:
        tenant: whose it is.
        thread: what it belongs to, 1 to 400 characters, as "checkout@30d page 1h/5m 2026-11-27T09:30:00Z".
        number: 1, 2, 3 ... within the thread.
        kind: a key of `KINDS`.
        severity: "page" wakes somebody, "ticket" waits for the morning, "note" informs.
        title: one line for people.
        objective: key of the objective, or "".
        service: what it is about, or "".
        at: instant it speaks of, the grid edge of the decision.
        figures: names and values that support it, in the order they are read; values are shown as they stand.
        labels: of the objective, for routing and grouping.
        path: address of the page that shows more, from the root, or "".
        clause: the rule or policy that asks for it, with its source, or "".
    """

    tenant: str
    thread: str
    number: int
    kind: str
    severity: Severity
    title: str
    objective: str = ""
    service: str = ""
    at: datetime
    figures: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    path: str = ""
    clause: str = ""

    def __post_init__(self) -> None:
        """Refuse kinds that nobody knows, and numbers that are none."""
        if self.kind not in KINDS:
            msg = f"{self.kind!r} is no kind of message"
            raise ValueError(msg)
        if self.number < 1:
            msg = f"messages of a thread are numbered from 1, not {self.number}"
            raise ValueError(msg)

    @property
    def id(self) -> str:
        """Return the identity: 64 hex digits, the same for the same tenant, thread and number."""
        return hashlib.sha256(canonical([self.tenant, self.thread, self.number])).hexdigest()

    @property
    def thread_id(self) -> str:
        """Return the thread's identity, 32 hex digits: what other systems take as the key of an alert."""
        return hashlib.sha256(canonical([self.tenant, self.thread])).hexdigest()[:32]

    @property
    def stage(self) -> Stage:
        """Return what it does to its thread."""
        return KINDS[self.kind][0]


def message_json(message: Message) -> dict[str, Any]:
    """Return a message as JSON values; `message_of` reads it back."""
    return {
        "id": message.id, "tenant": message.tenant, "thread": message.thread, "number": message.number,
        "kind": message.kind, "severity": message.severity, "title": message.title, "objective": message.objective,
        "service": message.service, "at": message.at.isoformat(), "figures": [list(f) for f in message.figures],
        "labels": dict(message.labels), "path": message.path, "clause": message.clause,
    }  # fmt: skip


def message_of(said: Mapping[str, Any]) -> Message:
    """Return the message that JSON values say.

    Args:
        said: as `message_json` gave them.
    """
    return Message(
        tenant=said["tenant"], thread=said["thread"], number=said["number"], kind=said["kind"],
        severity=said["severity"], title=said["title"], objective=said["objective"], service=said["service"],
        at=instant(said["at"]), figures=tuple((str(k), str(v)) for k, v in said["figures"]),
        labels=tuple(sorted(said["labels"].items())), path=said["path"], clause=said["clause"],
    )  # fmt: skip


def plain_text(message: Message, root: str = "") -> str:
    """Return a message as lines of text, the form every channel can show.

    Args:
        message: what to say.
        root: address of the installation without a trailing slash, or "" to leave the link out.

    Example:
        >>> from datetime import UTC
        >>> told = Message(tenant="default", thread="checkout", number=1, kind="fired", severity="page",
        ...                title="checkout burns 20 times too fast", at=datetime(2026, 3, 1, 12, tzinfo=UTC),
        ...                figures=(("burn over 1 h", "20.0"),))
        >>> print(plain_text(told))
        [page] checkout burns 20 times too fast
        at 2026-03-01 12:00 UTC: a burn rule fired
        burn over 1 h: 20.0
    """
    head = [f"[{message.severity}] {message.title}", f"at {message.at:%Y-%m-%d %H:%M} UTC: {KINDS[message.kind][1]}"]
    tail = [f"why: {message.clause}"] if message.clause else []
    link = [f"{root}{message.path}"] if root and message.path else []
    return "\n".join([*head, *(f"{name}: {value}" for name, value in message.figures), *tail, *link])
