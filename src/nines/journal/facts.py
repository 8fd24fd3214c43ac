"""Facts: what happened, one frozen line each, chained so that none can be changed unseen.

One rule: a fact is appended and never altered. It holds the hash of its payload and of the fact before it. Payloads
stand apart and are salted, so one can be deleted under a rule and the chain still verifies.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from nines.errors import InputError, Problem

#: Kinds of facts and what each says; docs/reference/journal lists them.
KINDS: dict[str, str] = {
    "definition.applied": "a revision of a definition came into force",
    "definition.retired": "a definition was taken out of force",
    "exclusion.recorded": "time, or events in it, was put on record as not counting",
    "exclusion.withdrawn": "an exclusion was withdrawn",
    "annotation.added": "a dated note on an objective or a service",
    "statement.closed": "a finished period's standing was closed",
    "statement.corrected": "what a later fact makes of a closed statement",
    "person.added": "a person may sign in",
    "person.joined": "a person of another tenant has a role",
    "person.left": "a person of another tenant has no role any more",
    "token.made": "a token was made",
    "token.revoked": "a token was revoked",
    "alert.fired": "an alert began to fire",
    "alert.refired": "an alert fired again within an hour of its end",
    "alert.resolved": "an alert ended, for certain",
    "alert.resized": "what later data make of the minute an alert fired",
    "alert.withdrawn": "an alert is watched no longer, because its objective or rule is in force no longer",
    "alert.blind": "an objective cannot be watched, because something is unknown",
    "budget.crossed": "a share of a period's budget was spent",
    "budget.recovered": "a budget recovered by five points below a share",
    "budget.exhausting": "a budget would be gone within 72 hours if the recent past went on",
    "budget.lasting": "a budget no longer would be",
    "budget.frozen": "an ErrorBudgetPolicy stops changes",
    "budget.thawed": "an ErrorBudgetPolicy stops changes no longer",
    "budget.step-entered": "another step of an ErrorBudgetPolicy came into force",
    "budget.step-left": "another step of an ErrorBudgetPolicy is in force no longer",
    "budget.exception": "a consequence of an ErrorBudgetPolicy was lifted for a while",
    "budget.exception-withdrawn": "such an exception was withdrawn",
    "budget.approved": "a change was approved under a spent budget",
    "alert.acknowledged": "somebody took an alert on",
    "escalation.planned": "when a page that nobody takes on is told again, and whom then",
    "escalation.told": "a page that nobody had taken on was told again, or to the next",
    "silence.made": "messages were silenced for a while",
    "silence.ended": "a silence was ended early",
    "message.sent": "a target took a message",
    "message.dead": "a message was given up, and why",
    "message.retried": "somebody let a message that was given up be tried again",
    "payload.deleted": "a fact's payload was deleted under a rule",
}

#: What the first fact of a tenant points back at.
GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of a tenant's journal.

    Attributes:
        number: 1, 2, 3 ... within the tenant.
        tenant: owner.
        at: when it was recorded, aware UTC.
        author: who recorded it.
        kind: a key of `KINDS`.
        subject: what it is about, as "objective checkout".
        payload_hash: SHA-256 of salt and payload.
        previous: hash of the fact before, or `GENESIS`.
        hash: SHA-256 over all of the above.
    """

    number: int
    tenant: str
    at: datetime
    author: str
    kind: str
    subject: str
    payload_hash: str
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Head:
    """Where a journal ends: what the next fact has to follow.

    Attributes:
        number: number of the last fact, 0 when there is none.
        hash: its hash, or `GENESIS`.
    """

    number: int = 0
    hash: str = GENESIS


def canonical(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Return JSON in one form: keys sorted, no spaces, UTF-8; what is read back gives the same bytes again.

    Args:
        value: maps with text keys, lists, text, numbers, flags and None.

    Raises:
        InputError: it is no JSON: a key that is no text, NaN, half a character, or another kind of value.

    Example:
        >>> canonical({"b": 1, "a": ["ä", None]}).decode()
        '{"a":["ä",null],"b":1}'
    """
    try:
        _refuse_other_keys(value)
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        what = f"it cannot be kept as JSON: {str(error).encode('ascii', 'backslashreplace').decode()}"
        raise InputError(Problem("", what, "use text, numbers, lists and maps", code="no-json")) from error


def _refuse_other_keys(value: object) -> None:
    """Refuse keys that JSON would turn into text: sorted as numbers now and as text later, they would not verify."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                msg = f"the key {key!r} is no text"
                raise TypeError(msg)
            _refuse_other_keys(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _refuse_other_keys(inner)


def payload_hash(salt: str, payload: Mapping[str, Any]) -> str:
    """Return the salted hash of a payload, 64 hex digits.

    The salt keeps a short payload from being guessed by trying, once it was deleted and its hash stays.

    Args:
        salt: random text kept beside the payload and deleted with it.
        payload: JSON values.

    Raises:
        InputError: the payload is no JSON.
    """
    return hashlib.sha256(salt.encode() + b"\n" + canonical(payload)).hexdigest()


def fact_hash(
    *, number: int, tenant: str, at: datetime, author: str, kind: str, subject: str, payload: str, previous: str
) -> str:
    """Return the hash that the next fact will point back at.

    Args:
        number: as in `Fact`, like all that follow.
        tenant: owner.
        at: when it was recorded.
        author: who recorded it.
        kind: a key of `KINDS`.
        subject: what it is about.
        payload: hash of the payload.
        previous: hash of the fact before.
    """
    return hashlib.sha256(
        canonical([number, tenant, at.isoformat(), author, kind, subject, payload, previous])
    ).hexdigest()


def chained(before: Head, *, tenant: str, at: datetime, author: str, kind: str, subject: str, payload: str) -> Fact:
    """Return the fact that follows the end of a journal.

    Args:
        before: where the tenant's journal ends.
        tenant: owner.
        at: when it was recorded, aware.
        author: who recorded it.
        kind: a key of `KINDS`.
        subject: what it is about.
        payload: hash of the payload.

    Raises:
        ValueError: the kind is not known, or the instant has no time zone.

    Example:
        >>> fact = chained(Head(), tenant="default", at=datetime(2026, 1, 1, tzinfo=UTC), author="ann",
        ...                kind="annotation.added", subject="checkout", payload=payload_hash("", {}))
        >>> fact.number, fact.previous == GENESIS
        (1, True)
    """
    if kind not in KINDS:
        msg = f"{kind!r} is no kind of fact"
        raise ValueError(msg)
    if at.tzinfo is None:
        msg = f"a fact needs an instant with a time zone, {at} has none"
        raise ValueError(msg)
    at, number = at.astimezone(UTC), before.number + 1
    own = fact_hash(
        number=number, tenant=tenant, at=at, author=author, kind=kind, subject=subject, payload=payload,
        previous=before.hash,
    )  # fmt: skip
    return Fact(number, tenant, at, author, kind, subject, payload, before.hash, own)


@dataclass(frozen=True, slots=True)
class Payload:
    """What a fact says, apart from the fact itself.

    Attributes:
        number: number of its fact.
        salt: random text hashed with it, or "" once deleted.
        body: JSON values, or None once deleted.
        deleted_under: the rule it was deleted under, or "".
    """

    number: int
    salt: str
    body: Mapping[str, Any] | None
    deleted_under: str = ""
