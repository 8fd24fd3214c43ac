"""The outbox: messages that are to be told, kept until their target has taken them.

One rule: a message is put in within the deed that decided it, so both are there or neither is; and a row is claimed by
compare-and-set before it leaves, so that no two senders have it at once. What a sender that died had in hand is
claimed again when its lease is over, marked as perhaps repeated.

States: `waiting` (due at an instant), `claimed` (a sender has it until its lease ends), `sent`, `dead` (given up,
and said why), `silenced` (never to be told), `unrouted` (nobody takes it).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from nines.store.deed import Deed
from nines.store.schema import outbox

State = Literal["waiting", "claimed", "sent", "dead", "silenced", "unrouted"]
#: States in which a row has not ended: a later one of its thread waits for it.
OPEN = ("waiting", "claimed")
#: How long a sender may have a row.
LEASE = timedelta(minutes=2)
#: Most messages told together.
MOST_TOGETHER = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One message for one target.

    Attributes:
        tenant, id, target: which.
        thread, number: its place among what it belongs to.
        objective: key of the objective, or "".
        body: the message as JSON values.
        route: the route that chose the target, or "".
        group: what is told together.
        why: why it was held back, or "".
        state: see the module.
        attempts: how often it was claimed.
        repeated: whether it may have been told before: a sender ended between sending and saying so.
        put_at: when it was put in.
        due_at: when it is tried next, at the earliest.
        ended_at: when it was sent or given up, or None.
        said: what the target answered, or why it failed.
    """

    tenant: str
    id: str
    target: str
    thread: str
    number: int
    objective: str
    body: dict[str, Any]
    route: str
    group: str
    why: str
    state: State
    attempts: int
    repeated: bool
    put_at: datetime
    due_at: datetime
    ended_at: datetime | None
    said: str


@dataclass(frozen=True, slots=True)
class Put:
    """A message to be put in; see `Row` for the fields."""

    target: str
    body: dict[str, Any]
    route: str
    group: str
    why: str
    due_at: datetime
    state: State = "waiting"


class Outbox:
    """Messages of all tenants on their way."""

    def __init__(self, engine: sa.Engine) -> None:
        """Take the store's engine."""
        self._engine, self._writing = engine, engine.execution_options(writing=True)

    def put(self, deed: Deed, rows: Sequence[Put]) -> int:
        """Put messages in within a deed; those that are there already are left as they are.

        Args:
            deed: the deed that decided them.
            rows: messages of the deed's tenant, `body` with id, thread, number and objective.

        Returns:
            How many were new.
        """
        new = 0
        for row in rows:
            here = (outbox.c.tenant == deed.tenant) & (outbox.c.id == row.body["id"]) & (outbox.c.target == row.target)
            if deed.connection.execute(sa.select(outbox.c.id).where(here)).first() is not None:
                continue
            gathering = sa.select(sa.func.min(outbox.c.due_at)).where(
                outbox.c.tenant == deed.tenant, outbox.c.target == row.target, outbox.c.group == row.group,
                outbox.c.state == "waiting", outbox.c.attempts == 0, outbox.c.due_at > deed.now,
            )  # fmt: skip
            due = deed.connection.execute(gathering).scalar() or row.due_at
            deed.connection.execute(outbox.insert().values(**_values(deed, row, min(due, row.due_at))))
            new += 1
        return new

    def holds(self, deed: Deed, message: str) -> bool:
        """Return whether a message was put in for anybody, as the deed sees it.

        Args:
            deed: whose tenant is asked about.
            message: its id.
        """
        here = (outbox.c.tenant == deed.tenant) & (outbox.c.id == message)
        return deed.connection.execute(sa.select(outbox.c.id).where(here).limit(1)).first() is not None

    def claim(self, now: datetime) -> list[Row]:
        """Claim what is due of one target and group, in order; nothing when nothing is.

        A message waits while an earlier one of its thread, for the same target, has not ended.

        Args:
            now: present instant.

        Returns:
            Rows that this sender alone has until `LEASE` is over.
        """
        with self._writing.begin() as connection:
            first = connection.execute(_due(now).limit(1)).mappings().first()
            if first is None:
                return []
            same = _due(now).where(*(outbox.c[name] == first[name] for name in ("tenant", "target", "group")))
            found = connection.execute(same.limit(MOST_TOGETHER)).mappings().all()
            claimed = []
            for row in found:
                was = (*_is(row), outbox.c.state == row["state"], outbox.c.attempts == row["attempts"])
                lost = row["state"] == "claimed"  # its sender never said what came of it
                values = {"state": "claimed", "lease_until": now + LEASE, "attempts": row["attempts"] + 1}
                changed = connection.execute(
                    outbox.update().where(*was).values(**values, repeated=row["repeated"] or lost)
                )
                if changed.rowcount != 1:
                    break  # another sender was faster; what follows in the thread is not ours to tell
                claimed.append(_row({**row, **values, "repeated": row["repeated"] or lost}))
            return claimed

    def sent(self, deed: Deed, rows: Sequence[Row], said: str) -> None:
        """Note that a target has taken messages.

        Args:
            deed: the deed that tells of it.
            rows: as claimed.
            said: what the target answered.
        """
        self._end(deed.connection, rows, "sent", said, deed.now)

    def dead(self, deed: Deed, rows: Sequence[Row], said: str) -> None:
        """Give messages up; later ones of their threads go on.

        Args:
            deed: the deed that tells of it.
            rows: as claimed.
            said: why.
        """
        self._end(deed.connection, rows, "dead", said, deed.now)

    def later(self, rows: Sequence[Row], said: str, due_at: datetime, *, repeated: bool = False) -> None:
        """Let messages be tried again.

        Args:
            rows: as claimed.
            said: why it failed this time.
            due_at: when to try again, at the earliest.
            repeated: whether the target may have taken them all the same.
        """
        with self._writing.begin() as connection:
            for row in rows:
                values = {"state": "waiting", "due_at": due_at, "said": said[:400], "lease_until": None}
                connection.execute(
                    outbox.update().where(*_held(row)).values(**values, repeated=row.repeated or repeated)
                )

    def again(self, deed: Deed, message: str, target: str) -> bool:
        """Let a message that was given up be tried again; returns whether there is such a one.

        Args:
            deed: the deed that tells of it.
            message: its id.
            target: whom it is for.
        """
        here = (outbox.c.tenant == deed.tenant, outbox.c.id == message, outbox.c.target == target)
        values = {"state": "waiting", "due_at": deed.now, "ended_at": None}
        changed = deed.connection.execute(outbox.update().where(*here, outbox.c.state == "dead").values(**values))
        return changed.rowcount == 1

    def log(
        self, tenant: str, *, newest: int = 200, objective: str = "", state: str = "", thread: str = ""
    ) -> list[Row]:
        """Return messages of a tenant, newest first.

        Args:
            tenant: owner.
            newest: how many at most.
            objective: only of this objective, or "".
            state: only in this state, or "".
            thread: only of this thread, or "".
        """
        query = sa.select(outbox).where(outbox.c.tenant == tenant)
        for name, value in (("objective", objective), ("state", state), ("thread", thread)):
            query = query.where(outbox.c[name] == value) if value else query
        query = query.order_by(outbox.c.put_at.desc(), outbox.c.thread, outbox.c.number.desc(), outbox.c.target)
        with self._engine.connect() as connection:
            return [_row(row) for row in connection.execute(query.limit(newest)).mappings()]

    def counts(self, tenant: str = "") -> dict[str, int]:
        """Return how many rows are in each state, over all tenants for `/metrics`.

        Args:
            tenant: only of this tenant, or "".
        """
        query = sa.select(outbox.c.state, sa.func.count()).group_by(outbox.c.state)
        query = query.where(outbox.c.tenant == tenant) if tenant else query
        with self._engine.connect() as connection:
            return {str(state): int(number) for state, number in connection.execute(query)}

    def _end(self, connection: sa.Connection, rows: Sequence[Row], state: State, said: str, now: datetime) -> None:
        for row in rows:
            values = {"state": state, "said": said[:400], "ended_at": now, "lease_until": None}
            connection.execute(outbox.update().where(*_held(row)).values(**values))


def _values(deed: Deed, row: Put, due: datetime) -> dict[str, Any]:
    body = row.body
    return {
        "tenant": deed.tenant, "id": body["id"], "target": row.target, "thread": body["thread"],
        "number": body["number"], "objective": body["objective"],
        "body": json.dumps(body, sort_keys=True, ensure_ascii=False), "route": row.route, "group": row.group,
        "why": row.why, "state": row.state, "attempts": 0, "repeated": False, "put_at": deed.now, "due_at": due,
        "ended_at": None if row.state in OPEN else deed.now, "said": "",
    }  # fmt: skip


def _due(now: datetime) -> sa.Select[Any]:
    """Return what may be claimed: due or left behind, and no earlier one of its thread still open."""
    earlier = outbox.alias("earlier")
    together = (earlier.c.group == outbox.c.group) & _ready(earlier, now)
    before = sa.exists().where(
        earlier.c.tenant == outbox.c.tenant, earlier.c.target == outbox.c.target, earlier.c.thread == outbox.c.thread,
        earlier.c.number < outbox.c.number, earlier.c.state.in_(OPEN), ~together,
    )  # fmt: skip
    ordered = (outbox.c.due_at, outbox.c.put_at, outbox.c.thread, outbox.c.number)
    return sa.select(outbox).where(_ready(outbox, now), ~before).order_by(*ordered)


def _ready(table: sa.FromClause, now: datetime) -> sa.ColumnElement[bool]:
    """Return whether a row is due, or was left behind by a sender that died."""
    waits = (table.c.state == "waiting") & (table.c.due_at <= now)
    left = (table.c.state == "claimed") & sa.func.coalesce(table.c.lease_until <= now, sa.false())
    return sa.or_(waits, left)


def _is(row: Any) -> tuple[sa.ColumnElement[bool], ...]:  # noqa: ANN401 - a row's mapping
    return tuple(outbox.c[name] == row[name] for name in ("tenant", "id", "target"))


def _held(row: Row) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the condition that this claim still holds: another may have taken it when the lease was over."""
    here = (outbox.c.tenant == row.tenant, outbox.c.id == row.id, outbox.c.target == row.target)
    return (*here, outbox.c.state == "claimed", outbox.c.attempts == row.attempts)


def _row(row: Any) -> Row:  # noqa: ANN401 - a row's mapping
    names = ("tenant", "id", "target", "thread", "number", "objective", "route", "group", "why", "state", "attempts")
    more = ("repeated", "put_at", "due_at", "ended_at", "said")
    return Row(**{name: row[name] for name in (*names, *more)}, body=json.loads(row["body"]))
