"""Revisions of definitions: effective-dated, recorded once, never overwritten."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from nines.store.schema import revisions


@dataclass(frozen=True, slots=True)
class Revision:
    """One version of a definition.

    Attributes:
        kind: kind of the definition.
        name: its name.
        number: 1, 2, 3 ... within kind and name.
        effective_from: first instant it holds.
        recorded_at: when it was put on record.
        author: who put it there.
        digest: hash of its canonical text.
        document: its text, or None when it retires the definition.
    """

    kind: str
    name: str
    number: int
    effective_from: datetime
    recorded_at: datetime
    author: str
    digest: str
    document: str | None


class Revisions:
    """Revisions of all tenants."""

    def __init__(self, engine: sa.Engine) -> None:
        """Take the store's engine."""
        self._engine = engine

    def put(self, connection: sa.Connection, tenant: str, revision: Revision) -> None:
        """Add a revision within a deed's transaction."""
        values = {name: getattr(revision, name) for name in Revision.__slots__}
        connection.execute(revisions.insert().values(tenant=tenant, **values))

    def history(self, tenant: str, *, known_at: datetime | None = None) -> list[Revision]:
        """Return every revision of a tenant, in the order they were recorded.

        Args:
            tenant: owner.
            known_at: leave out what was recorded later, or None.
        """
        query = revisions.select().where(revisions.c.tenant == tenant).order_by(revisions.c.id)
        query = query.where(revisions.c.recorded_at <= known_at) if known_at is not None else query
        with self._engine.connect() as connection:
            return [Revision(**{n: row[n] for n in Revision.__slots__}) for row in connection.execute(query).mappings()]

    def mark(self, tenant: str) -> int:
        """Return a number that changes with every revision of a tenant."""
        query = sa.select(sa.func.coalesce(sa.func.max(revisions.c.id), 0)).where(revisions.c.tenant == tenant)
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def tenants(self) -> list[str]:
        """Return the tenants that have definitions."""
        with self._engine.connect() as connection:
            return list(
                connection.execute(sa.select(revisions.c.tenant).distinct().order_by(revisions.c.tenant)).scalars()
            )
