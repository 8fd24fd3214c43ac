"""Facts: what happened, one frozen line each, chained so that none can be changed unseen.

A fact holds the hash of its payload and of the fact before it. Payloads stand apart and are salted, so one can be
deleted under a rule and the chain still verifies.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nines.errors import Problem

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
    "token.made": "a token was made",
    "token.revoked": "a token was revoked",
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


def canonical(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Return JSON in one form: keys sorted, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def payload_hash(salt: str, payload: Mapping[str, Any]) -> str:
    """Return the salted hash of a payload, 64 hex digits.

    Args:
        salt: random text kept beside the payload and deleted with it.
        payload: JSON values.
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


def chained(
    before: Fact | None, *, tenant: str, at: datetime, author: str, kind: str, subject: str, payload: str
) -> Fact:
    """Return the fact that follows another.

    Args:
        before: the tenant's last fact, or None for its first.
        tenant: owner.
        at: when it was recorded.
        author: who recorded it.
        kind: a key of `KINDS`.
        subject: what it is about.
        payload: hash of the payload.

    Raises:
        ValueError: the kind is not known.
    """
    if kind not in KINDS:
        msg = f"{kind!r} is no kind of fact"
        raise ValueError(msg)
    number, previous = (before.number + 1, before.hash) if before else (1, GENESIS)
    own = fact_hash(
        number=number,
        tenant=tenant,
        at=at,
        author=author,
        kind=kind,
        subject=subject,
        payload=payload,
        previous=previous,
    )
    return Fact(number, tenant, at, author, kind, subject, payload, previous, own)


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


def verify(facts: Iterable[Fact], payloads: Mapping[int, Payload]) -> list[Problem]:
    """Return what is wrong with a tenant's journal: each row that was changed, removed or inserted.

    Args:
        facts: in order of their numbers.
        payloads: by number of their fact.
    """
    found: list[Problem] = []
    previous, expected = GENESIS, 1
    for fact in facts:
        where = f"journal {fact.tenant} fact {fact.number}"
        if fact.number != expected:
            what = (
                f"facts {expected} to {fact.number - 1} are missing"
                if fact.number > expected
                else "its number stands twice"
            )
            found.append(Problem(where, what, "restore the journal from a copy", code="journal-gap"))
        elif fact.previous != previous:
            found.append(
                Problem(
                    where, "it does not follow the fact before it", "compare both with a copy", code="journal-broken"
                )
            )
        own = fact_hash(
            number=fact.number, tenant=fact.tenant, at=fact.at, author=fact.author, kind=fact.kind, subject=fact.subject,
            payload=fact.payload_hash, previous=fact.previous,
        )  # fmt: skip
        if own != fact.hash:
            found.append(
                Problem(where, "it was changed after it was recorded", "compare it with a copy", code="journal-changed")
            )
        found += _payload_problems(where, fact, payloads.get(fact.number))
        previous, expected = fact.hash, fact.number + 1
    return found


def _payload_problems(where: str, fact: Fact, payload: Payload | None) -> list[Problem]:
    if payload is None:
        return [
            Problem(where, "its payload is missing without a rule", "restore it from a copy", code="payload-missing")
        ]
    if payload.body is None:
        if payload.deleted_under:
            return []
        return [
            Problem(where, "its payload was deleted without a rule", "restore it from a copy", code="payload-missing")
        ]
    if payload_hash(payload.salt, payload.body) != fact.payload_hash:
        return [
            Problem(
                where, "its payload was changed after it was recorded", "compare it with a copy", code="payload-changed"
            )
        ]
    return []
