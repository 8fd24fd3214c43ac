"""The store: records in SQLite or PostgreSQL, as plain values, each question with its tenant.

A deed's facts and its records are one transaction: both are there, or neither is.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from nines.errors import ConflictError, DependencyError, Problem
from nines.journal.facts import Fact, Payload, canonical, chained, payload_hash, verify
from nines.journal.folds import Told
from nines.store.accounts import Accounts
from nines.store.revisions import Revisions
from nines.store.schema import facts, payloads, tenants


@dataclass
class Deed:
    """One transaction: what is done, and the facts that tell of it."""

    connection: sa.Connection
    tenant: str
    author: str
    now: datetime

    def tell(self, kind: str, subject: str, payload: Mapping[str, Any]) -> Fact:
        """Append a fact to the tenant's journal.

        Args:
            kind: a key of `nines.journal.facts.KINDS`.
            subject: what it is about.
            payload: what it says; JSON values.
        """
        salt = secrets.token_hex(16)
        last = _last(self.connection, self.tenant)
        fact = chained(
            last,
            tenant=self.tenant,
            at=self.now,
            author=self.author,
            kind=kind,
            subject=subject,
            payload=payload_hash(salt, payload),
        )
        self.connection.execute(facts.insert().values(**{c.name: getattr(fact, c.name) for c in facts.columns}))
        self.connection.execute(
            payloads.insert().values(
                tenant=self.tenant, number=fact.number, salt=salt, body=canonical(dict(payload)).decode()
            )
        )
        return fact


def _last(connection: sa.Connection, tenant: str) -> Fact | None:
    query = facts.select().where(facts.c.tenant == tenant).order_by(facts.c.number.desc()).limit(1)
    row = connection.execute(query).mappings().first()
    return None if row is None else _fact(row)


class Store:
    """The records of one installation."""

    def __init__(self, engine: sa.Engine) -> None:
        """Take an engine whose migrations are done; use `open`."""
        self._engine, self._writing = engine, engine.execution_options(writing=True)
        self.revisions = Revisions(engine)
        self.accounts = Accounts(engine)

    @classmethod
    def open(cls, url: str, *, now: datetime) -> Store:
        """Open records, bringing their tables up to date.

        Args:
            url: SQLAlchemy address, as sqlite:///records.sqlite or postgresql+psycopg://...
            now: present instant.

        Raises:
            DependencyError: the database cannot be reached or brought up to date.
        """
        engine = _engine(url)
        try:
            with engine.execution_options(writing=True).begin() as connection:
                _migrate(connection)
                if connection.execute(tenants.select()).first() is None:
                    connection.execute(tenants.insert().values(name="default", created_at=now))
        except sa.exc.SQLAlchemyError as error:
            what = f"the records cannot be opened: {str(error).splitlines()[0]}"
            raise DependencyError(
                Problem("store", what, "check NINES_STORE and the data folder", code="store")
            ) from error
        return cls(engine)

    @contextmanager
    def deed(self, tenant: str, author: str, now: datetime) -> Iterator[Deed]:
        """Do something and tell of it, in one transaction.

        Args:
            tenant: owner.
            author: who does it.
            now: present instant.

        Raises:
            ConflictError: somebody else wrote at the same moment; nothing was done.
        """
        try:
            with self._writing.begin() as connection:
                yield Deed(connection, tenant, author, now)
        except sa.exc.IntegrityError as error:
            what = "somebody else changed the same records at the same moment"
            raise ConflictError(Problem("store", what, "read them again and repeat", code="conflict")) from error

    def told(self, tenant: str, *, kinds: Sequence[str] = (), until: datetime | None = None) -> list[Told]:
        """Return facts with their payloads, in order; those whose payload was deleted are left out.

        Args:
            tenant: owner.
            kinds: only these kinds, or all when empty.
            until: only what was recorded at or before it, or None.
        """
        query = (
            sa.select(facts, payloads.c.body)
            .join(payloads, (payloads.c.tenant == facts.c.tenant) & (payloads.c.number == facts.c.number))
            .where(facts.c.tenant == tenant, payloads.c.body.is_not(None))
            .order_by(facts.c.number)
        )
        query = query.where(facts.c.kind.in_(kinds)) if kinds else query
        query = query.where(facts.c.at <= until) if until is not None else query
        with self._engine.connect() as connection:
            return [(_fact(row), _json(row["body"])) for row in connection.execute(query).mappings()]

    def journal(self, tenant: str, *, newest: int = 200) -> list[Fact]:
        """Return the newest facts of a tenant, newest first."""
        query = facts.select().where(facts.c.tenant == tenant).order_by(facts.c.number.desc()).limit(newest)
        with self._engine.connect() as connection:
            return [_fact(row) for row in connection.execute(query).mappings()]

    def verify(self, tenant: str) -> tuple[int, list[Problem]]:
        """Return how many facts a tenant's journal has, and what is wrong with it."""
        with self._engine.connect() as connection:
            query = facts.select().where(facts.c.tenant == tenant).order_by(facts.c.number)
            rows = [_fact(row) for row in connection.execute(query).mappings()]
            found = connection.execute(payloads.select().where(payloads.c.tenant == tenant)).mappings()
            held = {r["number"]: _payload(r) for r in found}
        return len(rows), verify(rows, held)

    def delete_payload(self, deed: Deed, number: int, rule: str) -> None:
        """Delete what a fact says, under a rule; the fact and its hash stay, so the chain still verifies."""
        deed.tell("payload.deleted", f"fact {number}", {"number": number, "rule": rule})
        deed.connection.execute(
            payloads.update()
            .where(payloads.c.tenant == deed.tenant, payloads.c.number == number)
            .values(body=None, salt="", deleted_under=rule)
        )

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()


def _fact(row: sa.RowMapping) -> Fact:
    return Fact(**{c.name: row[c.name] for c in facts.columns})


def _payload(row: sa.RowMapping) -> Payload:
    body = None if row["body"] is None else _json(row["body"])
    return Payload(row["number"], row["salt"], body, row["deleted_under"])


def _json(text: str) -> dict[str, Any]:
    import json

    try:
        found = json.loads(text)
    except ValueError:
        return {"unreadable": text}  # changed by hand; verification names it
    return found if isinstance(found, dict) else {"unreadable": text}


def _engine(url: str) -> sa.Engine:
    engine = sa.create_engine(url, pool_pre_ping=True)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _sqlite_connect)
        sa.event.listen(engine, "begin", _sqlite_begin)
    return engine


def _sqlite_connect(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DB-API connection
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "busy_timeout = 30000"):
        connection.execute(f"PRAGMA {pragma}")


def _sqlite_begin(connection: sa.Connection) -> None:
    """Take the write lock at once for a deed: a read that turns into a write could meet another's and fail."""
    writing = connection.get_execution_options().get("writing")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _migrate(connection: sa.Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
