"""Memberships: what people of one tenant may do in another.

One rule: a person's password stays with their own tenant; another tenant only gives them a role.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from nines.store.schema import memberships, people, tenants


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who may do things in a tenant.

    Attributes:
        name: what they sign in with.
        home: the tenant that their account belongs to.
        role: a key of `nines.people.rights.ROLES`.
    """

    name: str
    home: str
    role: str


class Memberships:
    """Memberships of all tenants."""

    def __init__(self, engine: sa.Engine) -> None:
        """Take the store's engine."""
        self._engine = engine

    def tenants(self) -> tuple[str, ...]:
        """Return every tenant, sorted."""
        with self._engine.connect() as connection:
            return tuple(connection.execute(sa.select(tenants.c.name).order_by(tenants.c.name)).scalars())

    def of(self, home: str, name: str) -> dict[str, str]:
        """Return a person's roles in other tenants, by tenant, sorted."""
        query = sa.select(memberships.c.tenant, memberships.c.role).order_by(memberships.c.tenant)
        mine = (memberships.c.home == home) & (memberships.c.name == name)
        with self._engine.connect() as connection:
            return {row.tenant: row.role for row in connection.execute(query.where(mine))}

    def members(self, tenant: str) -> list[Member]:
        """Return everybody who may do things in a tenant, by name; its own people first."""
        own = sa.select(people.c.name, people.c.tenant, people.c.role).where(people.c.tenant == tenant)
        guests = sa.select(memberships.c.name, memberships.c.home, memberships.c.role)
        with self._engine.connect() as connection:
            rows = [
                *connection.execute(own.order_by(people.c.name)),
                *connection.execute(guests.where(memberships.c.tenant == tenant).order_by(memberships.c.name)),
            ]
        return [Member(*row) for row in rows]

    def put(self, connection: sa.Connection, tenant: str, member: Member, now: datetime) -> bool:
        """Give a person of another tenant a role within a deed's transaction; False when there is no such person."""
        asked = (people.c.tenant == member.home) & (people.c.name == member.name)
        if connection.execute(sa.select(people.c.name).where(asked)).first() is None:
            return False
        self.remove(connection, tenant, member.home, member.name)
        values = {"home": member.home, "name": member.name, "role": member.role, "since": now}
        connection.execute(memberships.insert().values(tenant=tenant, **values))
        return True

    def remove(self, connection: sa.Connection, tenant: str, home: str, name: str) -> bool:
        """Take a role away within a deed's transaction; False when there was none."""
        theirs = (memberships.c.tenant == tenant) & (memberships.c.home == home) & (memberships.c.name == name)
        return bool(connection.execute(memberships.delete().where(theirs)).rowcount)
