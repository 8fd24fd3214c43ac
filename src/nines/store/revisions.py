"""Revisions of definitions: effective-dated, recorded once, never overwritten.

One rule: rows are only ever added, within a deed that holds the tenant, so what was read once stays true and only what
came after it is read again.
"""

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
        self._read: dict[str, tuple[int, tuple[Revision, ...]]] = {}

    def put(self, connection: sa.Connection, tenant: str, revision: Revision) -> None:
        """Add a revision within a deed's transaction.

        Args:
            connection: the deed's.
            tenant: owner.
            revision: what holds from its first instant on.

        Raises:
            ConflictError: there is a revision of that number already.
        """
        values = {name: getattr(revision, name) for name in Revision.__slots__}
        connection.execute(revisions.insert().values(tenant=tenant, **values))

    def history(self, tenant: str, *, known_at: datetime | None = None) -> list[Revision]:
        """Return every revision of a tenant, in the order they were recorded.

        Args:
            tenant: owner.
            known_at: leave out what was recorded later, or None.
        """
        last, known = self._read.get(tenant, (0, ()))
        later = revisions.select().where(revisions.c.tenant == tenant, revisions.c.id > last).order_by(revisions.c.id)
        with self._engine.connect() as connection:
            rows = connection.execute(later).mappings().all()
        if rows:
            known += tuple(Revision(**{n: row[n] for n in Revision.__slots__}) for row in rows)
            self._read[tenant] = (rows[-1]["id"], known)
        return [r for r in known if known_at is None or r.recorded_at <= known_at]

    def tenants(self) -> list[str]:
        """Return the tenants that have definitions."""
        with self._engine.connect() as connection:
            return list(
                connection.execute(sa.select(revisions.c.tenant).distinct().order_by(revisions.c.tenant)).scalars()
            )
