"""Stored rows as they are, for those who show what happened last; what is counted of them stands elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa

from nines.lake.engine import connection
from nines.lake.lake import Lake
from nines.lake.rollup import text
from nines.spans import instant_of


def recent_rows(
    lake: Lake, tenant: str, source: str, operations: Sequence[str], since: datetime, until: datetime
) -> pa.Table:
    """Return the stored events of some operations and of what lies below them, oldest first, each id once.

    Args:
        lake: where they are.
        tenant: owner.
        source: DataSource they belong to.
        operations: names; `p` means `p/step` too.
        since: earliest time, aware UTC.
        until: latest time, aware UTC.

    Returns:
        Columns time, start, operation, http_status, duration_ms, state, id, site and attributes.
    """
    low, high = ((at - instant_of(0)) // datetime.resolution for at in (since, until))
    names = " OR ".join(f"operation = {text(o)} OR starts_with(operation, {text(o + '/')})" for o in operations)
    query = (
        "SELECT DISTINCT ON (id) time, start, operation, http_status, duration_ms, state, id, site, attributes "
        f"FROM {lake.tables.events.relation()} WHERE tenant = {text(tenant)} AND source = {text(source)} "
        f"AND time >= make_timestamptz({low}) AND time <= make_timestamptz({high}) AND ({names or 'false'})"
    )
    with connection() as con:
        return con.sql(f"SELECT * FROM ({query}) ORDER BY time, id").to_arrow_table()
