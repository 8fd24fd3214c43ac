"""The store: records in SQLite or PostgreSQL, as plain values, each question with its tenant.

One rule: a deed's facts and its records are one transaction: both are there, or neither is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from nines.errors import Problem
from nines.journal.facts import Fact
from nines.journal.folds import Told
from nines.store.accounts import Accounts
from nines.store.deed import Deed, begin
from nines.store.engine import bring_up_to_date, reach
from nines.store.membership import Memberships
from nines.store.outbox import Outbox
from nines.store.proof import DigestOf, prove
from nines.store.revisions import Revisions
from nines.store.schema import facts, payloads, revisions, tenants
from nines.store.ticking import Ticking


class Store:
    """The records of one installation.

    Attributes:
        revisions: definitions, version by version.
        accounts: people, sessions, tokens and the one-time link.
        outbox: messages on their way.
        ticking: how far minutes were judged, and how alerts stood then.
    """

    def __init__(self, engine: sa.Engine) -> None:
        """Take an engine whose tables are up to date; use `open`."""
        self._engine, self._writing = engine, engine.execution_options(writing=True)
        self.revisions = Revisions(engine)
        self.accounts = Accounts(engine)
        self.outbox = Outbox(engine)
        self.ticking = Ticking(engine)
        self.memberships = Memberships(engine)

    @classmethod
    def open(cls, place: str | Path, *, now: datetime) -> Store:
        """Open records, bringing their tables up to date.

        Args:
            place: path of a SQLite file, or an address as SQLAlchemy writes it: sqlite:///records.sqlite,
                postgresql+psycopg://user@host/name.
            now: present instant.

        Raises:
            InputError: the address cannot be read.
            DependencyError: the database cannot be reached or brought up to date.
            OverloadedError: it is full, read-only or busy.
        """
        engine = reach(place)
        try:
            with engine.execution_options(writing=True).begin() as connection:
                bring_up_to_date(connection)
                if connection.execute(tenants.select().limit(1)).first() is None:
                    connection.execute(tenants.insert().values(name="default", created_at=now))
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    @contextmanager
    def deed(self, tenant: str, author: str, now: datetime) -> Iterator[Deed]:
        """Do something and tell of it, in one transaction.

        Args:
            tenant: owner.
            author: who does it.
            now: present instant.

        Yields:
            The deed; what its `connection` writes and what it tells is kept when the block ends without an error.

        Raises:
            ConflictError: somebody else wrote at the same moment; nothing was done.
            OverloadedError: there is no room, or no right, to write; nothing was done.
        """
        with self._writing.begin() as connection:
            deed = begin(connection, tenant, author, now)
            yield deed
            deed.write()

    def told(
        self,
        tenant: str,
        *,
        kinds: Sequence[str] = (),
        subject: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[Told]:
        """Return facts with their payloads, in order; those whose payload was deleted are left out.

        Args:
            tenant: owner.
            kinds: only these kinds, or all when empty.
            subject: only what is about this, or None.
            since: only what was recorded at or after it, or None.
            until: only what was recorded at or before it, or None.
        """
        query = (
            sa.select(facts, payloads.c.body)
            .join(payloads, (payloads.c.tenant == facts.c.tenant) & (payloads.c.number == facts.c.number))
            .where(facts.c.tenant == tenant, payloads.c.body.is_not(None))
            .order_by(facts.c.number)
        )
        query = query.where(facts.c.kind.in_(kinds)) if kinds else query
        query = query.where(facts.c.subject == subject) if subject is not None else query
        query = query.where(facts.c.at >= since) if since is not None else query
        query = query.where(facts.c.at <= until) if until is not None else query
        with self._engine.connect() as connection:
            return [(_fact(row), json.loads(row["body"])) for row in connection.execute(query).mappings()]

    def mark(self, tenant: str) -> tuple[int, int]:
        """Return two numbers that change with every deed of a tenant: the last fact's, and the last revision's.

        Args:
            tenant: owner; (0, 0) when it has done nothing yet.
        """
        last = sa.select(sa.func.max(revisions.c.id)).where(revisions.c.tenant == tenant).scalar_subquery()
        query = sa.select(tenants.c.facts, sa.func.coalesce(last, 0)).where(tenants.c.name == tenant)
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        return (0, 0) if row is None else (int(row[0]), int(row[1]))

    def journal(self, tenant: str, *, newest: int = 200) -> list[Fact]:
        """Return the newest facts of a tenant, newest first."""
        query = facts.select().where(facts.c.tenant == tenant).order_by(facts.c.number.desc()).limit(newest)
        with self._engine.connect() as connection:
            return [_fact(row) for row in connection.execute(query).mappings()]

    def verify(self, tenant: str, *, digest_of: DigestOf | None = None) -> tuple[int, list[Problem]]:
        """Return how many facts a tenant's journal has, and what is wrong with it and with the records it tells of.

        Args:
            tenant: owner.
            digest_of: gives the digest of a definition's text, to hold the texts in force against the journal too.
        """
        repeatable = {"isolation_level": "REPEATABLE READ"} if self._engine.dialect.name == "postgresql" else {}
        with self._engine.connect().execution_options(**repeatable) as connection:
            return prove(connection, tenant, digest_of)

    def delete_payload(self, deed: Deed, number: int, rule: str) -> None:
        """Delete what a fact says, under a rule; see `Deed.delete_payload`."""
        deed.delete_payload(number, rule)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()


def _fact(row: sa.RowMapping) -> Fact:
    values: dict[str, Any] = {c.name: row[c.name] for c in facts.columns}
    return Fact(**values)
