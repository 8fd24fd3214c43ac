"""Batches of edge agents on their way into the inbox."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from nines.errors import InputError, NotFoundError, Problem
from nines.lake.inbox import Kind, Receipt
from nines.operations.house import House
from nines.operations.promises import in_force
from nines.people.rights import Principal, require


def take_batch(
    house: House, who: Principal, source: str, table: pa.Table, *, kind: Kind, now: datetime, key: str
) -> Receipt:
    """Store a batch that an agent sent; the receipt means that it is on disk.

    Args:
        house: where to.
        who: who sends.
        source: DataSource in force: of readings for samples and series, of events for events, any for losses.
        table: columns of its kind.
        kind: what the rows are.
        now: present instant.
        key: idempotency key; the same key of a source counts once.

    Raises:
        NotFoundError: there is no such source.
        InputError: the source holds rows of another kind.
        OverloadedError: the inbox takes no more; nothing was stored.
    """
    require(who, "ingest")
    found = in_force(house, who.tenant, at=now).sources.get(source)
    if found is None:
        what, fix = "there is no such DataSource in force", "apply its definition first"
        raise NotFoundError(Problem(source, what, fix, code="unknown-datasource"))
    if kind != "lost" and found.metric == (kind == "events"):
        holds = "readings of series" if found.metric else "events"
        fix = "name a source of the other kind in the agent's file"
        raise InputError(Problem(source, f"it holds {holds}, and this batch {kind}", fix, code="wrong-kind"))
    if kind == "series":
        known = pa.array(sorted(house.lake.known_series(who.tenant, source)), pa.int64())
        table = table.filter(pc.invert(pc.is_in(table.column("series"), value_set=known)))
    return house.lake.append(who.tenant, source, table, arrival=now, kind=kind, key=key)


__all__ = ["Receipt", "take_batch"]
