"""Proof: a tenant's journal and the records it tells of, held against each other.

One rule: rows are read as somebody may have left them, whatever their types; a row that cannot be read is a problem
to be named, never a reason to stop.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from nines.errors import NinesError, Problem
from nines.journal.facts import Fact, Head, Payload
from nines.journal.verifying import verify
from nines.reading import instant
from nines.spans import EPOCH
from nines.store.schema import Instant, facts, payloads, people, revisions, tenants, tokens

#: Gives the digest of a definition's text, or raises one of our errors when it is none.
DigestOf = Callable[[str], str]

Row = Mapping[str, Any]
Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class _Told:
    """A table whose rows the journal tells of.

    Attributes:
        table: where the rows lie.
        key: columns that name a row.
        names: the same in a payload.
        subject: subject of its facts, from the key.
    """

    table: sa.Table
    key: tuple[str, ...]
    names: tuple[str, ...]
    subject: str


_TOLD = {
    "definition": _Told(revisions, ("kind", "name", "number"), ("kind", "name", "revision"), "{0} {1}"),
    "person": _Told(people, ("name",), ("name",), "person {0}"),
    "token": _Told(tokens, ("name",), ("name",), "token {0}"),
}
_KINDS = {
    "definition.applied": "definition",
    "definition.retired": "definition",
    "person.added": "person",
    "token.made": "token",
    "token.revoked": "revoked",
}


def prove(connection: sa.Connection, tenant: str, digest_of: DigestOf | None) -> tuple[int, list[Problem]]:
    """Return how many facts there are, and what is wrong with the journal and the records it tells of.

    Args:
        connection: one that sees the same state throughout.
        tenant: owner.
        digest_of: gives the digest of a definition's text, or None to leave the texts out.
    """
    held = {p.number: p for p in map(_payload, _rows(connection, payloads, tenant, "number"))}
    told = [_fact(row) for row in _rows(connection, facts, tenant, "number")]
    ended = connection.execute(sa.select(tenants.c.facts, tenants.c.head).where(tenants.c.name == tenant)).first()
    head = Head() if ended is None else Head(_whole(ended.facts), str(ended.head))
    found = verify(tenant, told, held, head)
    said, unsaid = _said(told, held)
    differs: dict[str, Callable[[Row, Row], str]] = {
        "definition": lambda row, fact: _revision_differs(row, fact, digest_of),
        "person": lambda row, fact: "" if row["role"] == fact.get("role") else "role",
        "token": lambda row, fact: _token_differs(row, fact, said["revoked"]),
    }
    for name, kind in _TOLD.items():
        rows = {tuple(row[k] for k in kind.key): row for row in _rows(connection, kind.table, tenant, *kind.key)}
        found += _compare(kind, rows, said[name], unsaid, differs[name])
    return len(told), found


def _rows(connection: sa.Connection, table: sa.Table, tenant: str, *order: str) -> list[Row]:
    """Return a tenant's rows as the database holds them: SQLite keeps any type in any column."""
    columns = [sa.type_coerce(c, sa.types.NullType()).label(c.name) for c in table.columns]
    query = sa.select(*columns).where(table.c.tenant == tenant).order_by(*(table.c[name] for name in order))
    return [dict(row) for row in connection.execute(query).mappings()]


def _whole(value: object) -> int:
    return value if isinstance(value, int) else -1


def _instant(value: object) -> datetime:
    """Return an instant, or the epoch where there is none to be read: no hash will fit it."""
    try:
        return Instant().process_result_value(value, None) or EPOCH  # type: ignore[arg-type]
    except (TypeError, OverflowError):
        return EPOCH


def _fact(row: Row) -> Fact:
    texts = (str(row[n]) for n in ("author", "kind", "subject", "payload_hash", "previous", "hash"))
    return Fact(_whole(row["number"]), str(row["tenant"]), _instant(row["at"]), *texts)


def _payload(row: Row) -> Payload:
    body = None if row["body"] is None else _json(row["body"])
    return Payload(_whole(row["number"]), str(row["salt"]), body, str(row["deleted_under"]))


def _json(text: object) -> Row:
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"unreadable": str(text)}


def _said(told: list[Fact], held: Mapping[int, Payload]) -> tuple[dict[str, dict[Key, Row]], set[str]]:
    """Return what the journal says of records, by kind and key, and the subjects whose words were deleted."""
    said: dict[str, dict[Key, Row]] = {name: {} for name in (*_TOLD, "revoked")}
    unsaid = set()
    for fact in told:
        kind, payload = _KINDS.get(fact.kind), held.get(fact.number)
        if kind is None or payload is None:
            continue
        if payload.body is None:
            unsaid.add(fact.subject)
            continue
        names = _TOLD[kind].names if kind in _TOLD else ("name",)
        said[kind][tuple(payload.body.get(n) for n in names)] = {**payload.body, "fact": fact}
    return said, unsaid


def _compare(
    kind: _Told, rows: Mapping[Key, Row], said: Mapping[Key, Row], unsaid: set[str], differs: Callable[[Row, Row], str]
) -> list[Problem]:
    """Return the rows of a table that the journal does not tell of, tells otherwise, or misses."""
    found = []
    for key in sorted(rows.keys() | said.keys(), key=str):
        where = f"{kind.table.name} {' '.join(map(str, key))}"
        if key not in said:
            if kind.subject.format(*key) not in unsaid:
                found.append(_problem(where, "no fact in the journal tells of it: it was inserted", "record-inserted"))
            continue
        fact = f"fact {said[key]['fact'].number}"
        if key not in rows:
            found.append(_problem(where, f"it is missing, and {fact} tells of it", "record-gap"))
        elif what := differs(rows[key], said[key]):
            found.append(_problem(where, f"{fact} tells otherwise of its {what}", "record-changed"))
    return found


def _problem(where: str, what: str, code: str) -> Problem:
    return Problem(where, what, "compare it with a copy", code=code)


def _revision_differs(row: Row, fact: Row, digest_of: DigestOf | None) -> str:
    told = fact["fact"]
    pairs = {
        "digest": (row["digest"], fact.get("digest")),
        "first instant": (_instant(row["effective_from"]), _read(fact.get("effective_from"))),
        "instant on record": (_instant(row["recorded_at"]), told.at),
        "author": (row["author"], told.author),
        "retirement": (row["document"] is None, told.kind == "definition.retired"),
    }
    if digest_of is not None and row["document"] is not None:
        pairs["text"] = (_digest(digest_of, row["document"]), fact.get("digest"))
    return next((name for name, (stands, was) in pairs.items() if stands != was), "")


def _digest(digest_of: DigestOf, document: object) -> str:
    try:
        return digest_of(str(document))
    except NinesError:
        return "no definition"


def _token_differs(row: Row, fact: Row, revoked: Mapping[Key, Row]) -> str:
    ended = (row["name"],) in revoked or (row["prefix"],) in revoked
    pairs = {
        "scopes": (str(row["scopes"]).split(), fact.get("scopes")),
        "last instant": (_instant(row["expires_at"]), _read(fact.get("expires"))),
        "author": (row["author"], fact["fact"].author),
        "revocation": (row["revoked_at"] is not None, ended),
    }
    return next((name for name, (stands, was) in pairs.items() if stands != was), "")


def _read(text: object) -> datetime | None:
    try:
        return instant(str(text))
    except ValueError:
        return None
