"""Accounts: people, sessions, tokens and the one-time link. Secrets are kept as hashes only.

Passwords are hashed with Argon2id; random secrets, which cannot be guessed, with SHA-256.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from nines.store.schema import links, people, sessions, tokens

#: A session ends this long after it began, and this long after it was last seen.
SESSION_LENGTH, SESSION_IDLE = timedelta(days=14), timedelta(days=2)
#: Wrong passwords in a row after which sign-in waits, and how long.
MOST_FAILURES, LOCKED_FOR = 5, timedelta(minutes=5)
#: How long the one-time link holds.
LINK_LENGTH = timedelta(hours=1)
#: Beginning of every token, so that scanners of leaked secrets know it.
TOKEN_MARK = "nines_"  # noqa: S105 - a public prefix

_hasher = PasswordHasher()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may sign in."""

    tenant: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Token:
    """A token without its secret."""

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
            return connection.execute(sa.select(people.c.name).limit(1)).first() is not None

    def add(self, connection: sa.Connection, person: Person, password: str, now: datetime) -> None:
        """Add a person within a deed's transaction."""
        connection.execute(
            people.insert().values(
                tenant=person.tenant,
                name=person.name,
                role=person.role,
                password_hash=_hasher.hash(password),
                created_at=now,
            )
        )

    def check(self, name: str, password: str, now: datetime) -> Person | None:
        """Return the person a name and password belong to; None when they do not fit or sign-in has to wait.

        A name that nobody has costs the same work, so that time does not tell who exists.
        """
        with self._writing.begin() as connection:
            row = connection.execute(people.select().where(people.c.name == name)).mappings().first()
            locked = row is not None and row["locked_until"] is not None and row["locked_until"] > now
            fits = _verify(row["password_hash"] if row is not None else _NOBODY, password)
            if row is None or locked:
                return None
            failures = 0 if fits else row["failures"] + 1
            until = now + LOCKED_FOR if failures and failures % MOST_FAILURES == 0 else None
            update = people.update().where(people.c.tenant == row["tenant"], people.c.name == name)
            connection.execute(update.values(failures=failures, locked_until=until))
            return Person(row["tenant"], name, row["role"]) if fits else None

    def begin_session(self, person: Person, now: datetime) -> str:
        """Return the secret of a new session."""
        secret = secrets.token_urlsafe(32)
        with self._writing.begin() as connection:
            values = {
                "hash": digest(secret),
                "tenant": person.tenant,
                "name": person.name,
                "created_at": now,
                "seen_at": now,
            }
            connection.execute(sessions.insert().values(**values))
        return secret

    def session(self, secret: str, now: datetime) -> Person | None:
        """Return the person a session belongs to, or None when it is over or never was."""
        joined = sessions.join(people, (people.c.tenant == sessions.c.tenant) & (people.c.name == sessions.c.name))
        query = sa.select(sessions, people.c.role).select_from(joined).where(sessions.c.hash == digest(secret))
        with self._engine.connect() as connection:
            row = connection.execute(query).mappings().first()
        if row is None or row["created_at"] + SESSION_LENGTH < now or row["seen_at"] + SESSION_IDLE < now:
            return None
        if now - row["seen_at"] > timedelta(minutes=10):
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
        """Return the secret of a new one-time link; earlier ones no longer hold."""
        secret = secrets.token_urlsafe(32)
        with self._writing.begin() as connection:
            connection.execute(links.delete())
            connection.execute(links.insert().values(hash=digest(secret), tenant=tenant, expires_at=now + LINK_LENGTH))
        return secret

    def use_link(self, connection: sa.Connection, secret: str, now: datetime) -> str | None:
        """Use a one-time link up within a deed's transaction; its tenant, or None when it does not hold."""
        fresh = (links.c.hash == digest(secret)) & links.c.used_at.is_(None) & (links.c.expires_at > now)
        row = connection.execute(links.select().where(fresh)).mappings().first()
        if row is None or connection.execute(links.update().where(fresh).values(used_at=now)).rowcount != 1:
            return None
        return str(row["tenant"])


_NOBODY = _hasher.hash(secrets.token_hex(16))


def _verify(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except VerificationError:
        return False


def _token(row: dict[str, object]) -> Token:
    values = {name: row[name] for name in Token.__slots__}
    values["scopes"] = tuple(str(row["scopes"]).split())
    return Token(**values)  # type: ignore[arg-type]
