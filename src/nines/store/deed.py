"""Deeds: one transaction in which something is done and the journal is told of it.

One rule: the facts, their payloads and the new end of the journal are written together, and only if the journal still
ends where the deed found it; otherwise nothing of the deed remains.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from nines.errors import ConflictError, InputError, NotFoundError, Problem
from nines.journal.facts import Fact, Head, canonical, chained, payload_hash
from nines.store.schema import facts, payloads, tenants

#: Longest texts of a fact, as the columns have them, in characters.
LONGEST = {"subject": 400, "author": 200}


@dataclass
class Deed:
    """One transaction: what is done, and the facts that tell of it.

    Attributes:
        connection: the transaction; repositories write through it.
        tenant: owner.
        author: who does it.
        now: when.
        found: where the journal ended when the deed began.
    """

    connection: sa.Connection
    tenant: str
    author: str
    now: datetime
    found: Head = field(default_factory=Head)
    _told: list[tuple[Fact, str, str]] = field(default_factory=list, repr=False)
    _written: Head | None = field(default=None, repr=False)

    def tell(self, kind: str, subject: str, payload: Mapping[str, Any]) -> Fact:
        """Append a fact to the tenant's journal, when the deed is done.

        Args:
            kind: a key of `nines.journal.facts.KINDS`.
            subject: what it is about, 1 to 400 printable characters.
            payload: what it says; JSON values.

        Returns:
            The fact, with its number and hash.

        Raises:
            InputError: the payload is no JSON, or subject or author cannot be kept.
        """
        _check({"subject": subject, "author": self.author})
        salt = secrets.token_hex(16)
        fact = chained(
            self._end(), tenant=self.tenant, at=self.now, author=self.author, kind=kind, subject=subject,
            payload=payload_hash(salt, payload),
        )  # fmt: skip
        self._told.append((fact, salt, canonical(dict(payload)).decode()))
        return fact

    def delete_payload(self, number: int, rule: str) -> Fact:
        """Delete what a fact says, under a rule; the fact and its hash stay, so the chain still verifies.

        Args:
            number: number of the fact.
            rule: the rule that asks for it, as "retention 3 years" or the article of a law.

        Returns:
            The fact that tells of the deletion.

        Raises:
            NotFoundError: there is no such fact.
            ConflictError: it is deleted already, or tells of a deletion itself and so has to stay.
        """
        self.write()
        held = sa.select(facts.c.kind, payloads.c.body).join(
            payloads, (payloads.c.tenant == facts.c.tenant) & (payloads.c.number == facts.c.number)
        )
        row = self.connection.execute(held.where(facts.c.tenant == self.tenant, facts.c.number == number)).first()
        if row is None:
            raise NotFoundError(Problem(f"fact {number}", "there is no such fact", code="no-fact"))
        if row.body is None or row.kind == "payload.deleted":
            what = "its payload is deleted already" if row.body is None else "it tells of a deletion, and has to stay"
            raise ConflictError(Problem(f"fact {number}", what, code="payload-stays"))
        at = (payloads.c.tenant == self.tenant) & (payloads.c.number == number)
        self.connection.execute(payloads.update().where(at).values(body=None, salt="", deleted_under=rule))
        return self.tell("payload.deleted", f"fact {number}", {"number": number, "rule": rule})

    def write(self) -> None:
        """Write the facts told so far, and where the journal now ends.

        Raises:
            ConflictError: the journal no longer ends where the deed found it.
        """
        if not self._told:
            return
        begun = self._written or self.found
        rows = [{c.name: getattr(fact, c.name) for c in facts.columns} for fact, _, _ in self._told]
        self.connection.execute(facts.insert(), rows)
        self.connection.execute(
            payloads.insert(),
            [{"tenant": self.tenant, "number": f.number, "salt": salt, "body": body} for f, salt, body in self._told],
        )
        end = self._end()
        ends_there = (
            (tenants.c.name == self.tenant) & (tenants.c.facts == begun.number) & (tenants.c.head == begun.hash)
        )
        moved = self.connection.execute(tenants.update().where(ends_there).values(facts=end.number, head=end.hash))
        if moved.rowcount != 1:
            what = "somebody else wrote to the journal at the same moment"
            raise ConflictError(Problem("store", what, "read it again and repeat", code="conflict"))
        self._written, self._told = end, []

    def _end(self) -> Head:
        if self._told:
            return Head(self._told[-1][0].number, self._told[-1][0].hash)
        return self._written or self.found


def _check(texts: Mapping[str, str]) -> None:
    """Refuse what one database would keep and another would not."""
    wrong = []
    for name, text in texts.items():
        if not 1 <= len(text) <= LONGEST[name] or not text.isprintable():
            what = f"it has 1 to {LONGEST[name]} printable characters"
            wrong.append(Problem(name, what, "write it shorter, in one line", code="bad-text"))
    if wrong:
        raise InputError(*wrong)


def begin(connection: sa.Connection, tenant: str, author: str, now: datetime) -> Deed:
    """Return a deed that holds its tenant's journal until the transaction ends.

    Args:
        connection: a transaction that may write.
        tenant: owner; one that was never seen is put on record.
        author: who does it.
        now: present instant.
    """
    held = sa.select(tenants.c.facts, tenants.c.head).where(tenants.c.name == tenant).with_for_update()
    row = connection.execute(held).first()
    if row is None:
        try:
            with connection.begin_nested():
                connection.execute(tenants.insert().values(name=tenant, created_at=now))
        except ConflictError:
            pass  # another process put it on record meanwhile
        row = connection.execute(held).one()
    return Deed(connection, tenant, author, now, Head(row.facts, row.head))
