"""The tables of the records, as SQLAlchemy knows them.

One rule: every row has a tenant, and every table here is what the migrations make.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from nines.journal.facts import GENESIS

#: Last migration; records that say it need none. A test holds it against the migrations.
VERSION = "0004"

metadata = sa.MetaData()


class Instant(sa.types.TypeDecorator[datetime]):
    """An aware UTC instant, kept as microseconds since 1970 so that every database holds the same."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:  # noqa: ANN401, ARG002
        """Return microseconds."""
        return None if value is None else int((value - datetime(1970, 1, 1, tzinfo=UTC)) // datetime.resolution)

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:  # noqa: ANN401, ARG002
        """Return an instant."""
        return None if value is None else datetime(1970, 1, 1, tzinfo=UTC) + value * datetime.resolution


def _tenant() -> sa.Column[str]:
    return sa.Column("tenant", sa.String(63), nullable=False)


def _of_tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name=f"{table}_of_tenant")


#: A tenant's row says where its journal ends. A deed locks the row first, so no two deeds of a tenant overlap.
tenants = sa.Table(
    "tenants", metadata,
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("facts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("head", sa.String(64), nullable=False, server_default=GENESIS),
)  # fmt: skip

revisions = sa.Table(
    "revisions", metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    _tenant(),
    sa.Column("kind", sa.String(63), nullable=False),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("effective_from", Instant, nullable=False),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.Column("author", sa.String(200), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("document", sa.Text, nullable=True),  # NULL retires the definition from then on
    sa.UniqueConstraint("tenant", "kind", "name", "number", name="one_revision_number"),
    _of_tenant("revisions"),
    sa.Index("revisions_in_order", "tenant", "id"),
)  # fmt: skip

facts = sa.Table(
    "facts", metadata,
    _tenant(),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("author", sa.String(200), nullable=False),
    sa.Column("kind", sa.String(63), nullable=False),
    sa.Column("subject", sa.String(400), nullable=False),
    sa.Column("payload_hash", sa.String(64), nullable=False),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.PrimaryKeyConstraint("tenant", "number", name="one_fact_number"),
    _of_tenant("facts"),
    sa.Index("facts_by_kind", "tenant", "kind", "number"),
)  # fmt: skip

payloads = sa.Table(
    "payloads", metadata,
    _tenant(),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("salt", sa.String(64), nullable=False),
    sa.Column("body", sa.Text, nullable=True),
    sa.Column("deleted_under", sa.String(400), nullable=False, server_default=""),
    sa.PrimaryKeyConstraint("tenant", "number", name="one_payload_number"),
    sa.ForeignKeyConstraint(["tenant", "number"], ["facts.tenant", "facts.number"], name="payloads_of_fact"),
)  # fmt: skip

people = sa.Table(
    "people", metadata,
    _tenant(),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("role", sa.String(30), nullable=False),
    sa.Column("password_hash", sa.String(400), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("locked_until", Instant, nullable=True),
    sa.PrimaryKeyConstraint("tenant", "name", name="one_person"),
    _of_tenant("people"),
)  # fmt: skip

#: What people of one tenant may do in another.
memberships = sa.Table(
    "memberships", metadata,
    _tenant(),
    sa.Column("home", sa.String(63), nullable=False),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("role", sa.String(30), nullable=False),
    sa.Column("since", Instant, nullable=False),
    sa.PrimaryKeyConstraint("tenant", "home", "name", name="one_membership"),
    _of_tenant("memberships"),
    sa.ForeignKeyConstraint(["home", "name"], ["people.tenant", "people.name"], name="memberships_of_person"),
)  # fmt: skip

sessions = sa.Table(
    "sessions", metadata,
    sa.Column("hash", sa.String(64), primary_key=True),
    _tenant(),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("seen_at", Instant, nullable=False),
    sa.ForeignKeyConstraint(["tenant", "name"], ["people.tenant", "people.name"], name="sessions_of_person"),
)  # fmt: skip

tokens = sa.Table(
    "tokens", metadata,
    sa.Column("hash", sa.String(64), primary_key=True),
    _tenant(),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("prefix", sa.String(20), nullable=False),
    sa.Column("scopes", sa.String(400), nullable=False),
    sa.Column("author", sa.String(200), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("revoked_at", Instant, nullable=True),
    sa.UniqueConstraint("tenant", "name", name="one_token_name"),
    _of_tenant("tokens"),
)  # fmt: skip

links = sa.Table(
    "links", metadata,
    sa.Column("hash", sa.String(64), primary_key=True),
    _tenant(),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("used_at", Instant, nullable=True),
    _of_tenant("links"),
)  # fmt: skip

#: Messages on their way, one row for each target; see `nines.store.outbox` for the states.
outbox = sa.Table(
    "outbox", metadata,
    _tenant(),
    sa.Column("id", sa.String(64), nullable=False),
    sa.Column("target", sa.String(63), nullable=False),
    sa.Column("thread", sa.String(400), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("objective", sa.String(130), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("route", sa.String(63), nullable=False),
    sa.Column("group", sa.String(400), nullable=False),
    sa.Column("why", sa.String(400), nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("repeated", sa.Boolean, nullable=False),
    sa.Column("put_at", Instant, nullable=False),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("lease_until", Instant, nullable=True),
    sa.Column("ended_at", Instant, nullable=True),
    sa.Column("said", sa.String(400), nullable=False),
    sa.PrimaryKeyConstraint("tenant", "id", "target", name="one_delivery"),
    _of_tenant("outbox"),
    sa.Index("outbox_due", "state", "due_at"),
    sa.Index("outbox_threads", "tenant", "target", "thread", "number"),
)  # fmt: skip

#: How alerts stand: a snapshot of what the journal comes to, which may be thrown away.
alerts = sa.Table(
    "alerts", metadata,
    _tenant(),
    sa.Column("key", sa.String(400), nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("tenant", "key", name="one_alert"),
    _of_tenant("alerts"),
)  # fmt: skip

#: How far minutes were judged: the last grid minute, and the last flush that was seen then.
ticks = sa.Table(
    "ticks", metadata,
    _tenant(),
    sa.Column("minute", sa.BigInteger, nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("missed", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("tenant", name="one_tick"),
    _of_tenant("ticks"),
)  # fmt: skip
