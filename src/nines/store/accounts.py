"""Accounts: people, sessions, tokens and the one-time link.

One rule: secrets are kept as hashes only, passwords with Argon2id, random secrets, which cannot be guessed, with
SHA-256; what is returned to be shown once is never seen here again.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from nines.store.schema import links, people, sessions, tokens

#: A session ends this long after it began, and this long after it was last seen.
SESSION_LENGTH, SESSION_IDLE = timedelta(days=14), timedelta(days=2)
#: Wrong passwords in a row after which sign-in waits, and how long.
MOST_FAILURES, LOCKED_FOR = 5, timedelta(minutes=5)
#: A session's last use is written down when it is this much older, so that reading a page does not write.
SEEN_EVERY = timedelta(minutes=10)
#: How long the one-time link holds.
LINK_LENGTH = timedelta(hours=1)
#: Beginning of every token, so that scanners of leaked secrets know it.
TOKEN_MARK = "nines_"  # noqa: S105 - a public prefix

_hasher = PasswordHasher()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may sign in.

    Attributes:
        tenant: whose they are; the same name with another tenant is somebody else.
        name: what they sign in with.
        role: a key of `nines.people.rights.ROLES`.
    """

    tenant: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Token:
    """A token without its secret.

    Attributes:
        tenant: the tenant it speaks for.
        name: unique within the tenant, also among revoked ones.
        prefix: beginning of its secret, for people to tell tokens apart.
        scopes: deeds it may do.
        author: who made it.
        created_at: when.
        expires_at: first instant it no longer holds.
        revoked_at: when it was revoked, or None.
    """

    tenant: str
    name: str
    prefix: str
    scopes: tuple[str, ...]
    author: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


def digest(secret: str) -> str:
    """Return what is stored of a random secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Accounts:
    """Accounts of all tenants."""

    def __init__(self, engine: sa.Engine) -> None:
        """Take the store's engine."""
        self._engine, self._writing = engine, engine.execution_options(writing=True)

    def anybody(self) -> bool:
        """Return whether anybody may sign in."""
        with self._engine.connect() as connection:
            return _anybody(connection)

    def add(self, connection: sa.Connection, person: Person, password: str, now: datetime) -> None:
        """Add a person within a deed's transaction.

        Args:
            connection: the deed's.
            person: whom.
            password: as typed; only its hash is kept.
            now: present instant.

        Raises:
            ConflictError: the tenant has somebody of that name.
        """
        values = {"tenant": person.tenant, "name": person.name, "role": person.role, "created_at": now}
        connection.execute(people.insert().values(**values, password_hash=_hasher.hash(password)))

    def check(self, name: str, password: str, now: datetime, *, tenant: str | None = None) -> Person | None:
        """Return the person a name and password belong to; None when they do not fit or sign-in has to wait.

        A name that nobody has, or that has to wait, costs the same work, so that time does not tell who exists. The
        try is counted before the password is looked at, so that tries side by side cannot outrun the count.

        Args:
            name: as typed.
            password: as typed.
            now: present instant.
            tenant: whose person, or None for whoever has that name and password.
        """
        rows = self._count_try(name, tenant, now)
        fitting = next((row for row in rows if _fits(row["password_hash"], password)), None)
        if not rows:
            _fits(_hash_of_nobody(), password)
        if fitting is None:
            return None
        with self._writing.begin() as connection:
            for row in rows:
                own = row is fitting
                before = {"failures": 0 if own else row["failures"], "locked_until": None}
                connection.execute(_one(row).values(**before))
            if _hasher.check_needs_rehash(fitting["password_hash"]):
                connection.execute(_one(fitting).values(password_hash=_hasher.hash(password)))
        return Person(fitting["tenant"], name, fitting["role"])

    def _count_try(self, name: str, tenant: str | None, now: datetime) -> Sequence[sa.RowMapping]:
        """Count a try as failed, and return those it may be for as they were; a fitting password takes it back."""
        of_name = people.c.name == name if tenant is None else (people.c.name == name) & (people.c.tenant == tenant)
        open_now = people.c.locked_until.is_(None) | (people.c.locked_until <= now)
        query = people.select().where(of_name, open_now).order_by(people.c.tenant).with_for_update()
        with self._writing.begin() as connection:
            rows = connection.execute(query).mappings().all()
            for row in rows:
                failures = row["failures"] + 1
                until = now + LOCKED_FOR if failures % MOST_FAILURES == 0 else None
                connection.execute(_one(row).values(failures=failures, locked_until=until))
        return rows

    def begin_session(self, person: Person, now: datetime) -> str:
        """Return the secret of a new session, and forget sessions that are over."""
        secret = secrets.token_urlsafe(32)
        values = {"tenant": person.tenant, "name": person.name, "created_at": now, "seen_at": now}
        over = (sessions.c.created_at < now - SESSION_LENGTH) | (sessions.c.seen_at < now - SESSION_IDLE)
        with self._writing.begin() as connection:
            connection.execute(sessions.delete().where(over))
            connection.execute(sessions.insert().values(hash=digest(secret), **values))
        return secret

    def session(self, secret: str, now: datetime) -> Person | None:
        """Return the person a session belongs to, or None when it is over or never was."""
        joined = sessions.join(people, (people.c.tenant == sessions.c.tenant) & (people.c.name == sessions.c.name))
        query = sa.select(sessions, people.c.role).select_from(joined).where(sessions.c.hash == digest(secret))
        with self._engine.connect() as connection:
            row = connection.execute(query).mappings().first()
        if row is None or row["created_at"] + SESSION_LENGTH < now or row["seen_at"] + SESSION_IDLE < now:
            return None
        if now - row["seen_at"] > SEEN_EVERY:
            with self._writing.begin() as connection:
                connection.execute(sessions.update().where(sessions.c.hash == row["hash"]).values(seen_at=now))
        return Person(row["tenant"], row["name"], row["role"])

    def end_session(self, secret: str) -> None:
        """End a session."""
        with self._writing.begin() as connection:
            connection.execute(sessions.delete().where(sessions.c.hash == digest(secret)))

    def make_token(self, connection: sa.Connection, token: Token) -> str:
        """Store a token within a deed's transaction and return its secret, which is shown once."""
        secret = TOKEN_MARK + secrets.token_urlsafe(32)
        values = {name: getattr(token, name) for name in Token.__slots__}
        values |= {"scopes": " ".join(token.scopes), "prefix": secret[: len(TOKEN_MARK) + 6]}
        connection.execute(tokens.insert().values(hash=digest(secret), **values))
        return secret

    def token(self, secret: str, now: datetime) -> Token | None:
        """Return the token a secret belongs to, or None when it is unknown, expired or revoked."""
        with self._engine.connect() as connection:
            row = connection.execute(tokens.select().where(tokens.c.hash == digest(secret))).mappings().first()
        found = None if row is None else _token(dict(row))
        alive = found is not None and found.revoked_at is None and found.expires_at > now
        return found if alive else None

    def tokens(self, tenant: str) -> list[Token]:
        """Return a tenant's tokens, newest first."""
        query = tokens.select().where(tokens.c.tenant == tenant).order_by(tokens.c.created_at.desc())
        with self._engine.connect() as connection:
            return [_token(dict(row)) for row in connection.execute(query).mappings()]

    def revoke(self, connection: sa.Connection, tenant: str, name: str, now: datetime) -> bool:
        """Revoke a token by name or prefix within a deed's transaction; False when there is none."""
        named = (tokens.c.name == name) | (tokens.c.prefix == name)
        result = connection.execute(
            tokens.update()
            .where(tokens.c.tenant == tenant, named, tokens.c.revoked_at.is_(None))
            .values(revoked_at=now)
        )
        return bool(result.rowcount)

    def make_link(self, tenant: str, now: datetime) -> str:
        """Return the secret of a new one-time link; earlier ones no longer hold.

        Args:
            tenant: whose first person it makes; it serves nobody once somebody can sign in.
            now: present instant.
        """
        secret = secrets.token_urlsafe(32)
        with self._writing.begin() as connection:
            connection.execute(links.delete())
            connection.execute(links.insert().values(hash=digest(secret), tenant=tenant, expires_at=now + LINK_LENGTH))
        return secret

    def use_link(self, connection: sa.Connection, secret: str, now: datetime) -> str | None:
        """Use a one-time link up within a deed's transaction; its tenant, or None when it does not hold.

        Args:
            connection: the deed's.
            secret: as it stands in the link.
            now: present instant.

        Returns:
            None also when somebody can sign in already.
        """
        fresh = (links.c.hash == digest(secret)) & links.c.used_at.is_(None) & (links.c.expires_at > now)
        row = connection.execute(links.select().where(fresh)).mappings().first()
        if row is None or _anybody(connection):
            return None
        if connection.execute(links.update().where(fresh).values(used_at=now)).rowcount != 1:
            return None
        return str(row["tenant"])


def _anybody(connection: sa.Connection) -> bool:
    return connection.execute(sa.select(people.c.name).limit(1)).first() is not None


def _one(row: sa.RowMapping) -> sa.Update:
    return people.update().where(people.c.tenant == row["tenant"], people.c.name == row["name"])


@cache
def _hash_of_nobody() -> str:
    """Return what a name that nobody has is held against; made when first needed, as it takes its time."""
    return _hasher.hash(secrets.token_hex(16))


def _fits(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


def _token(row: dict[str, object]) -> Token:
    values = {name: row[name] for name in Token.__slots__}
    values["scopes"] = tuple(str(row["scopes"]).split())
    return Token(**values)  # type: ignore[arg-type]
