"""Spans at rest, as clocks need them: who caused whom, on which host, from when to when."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa

from nines.lake.engine import connection
from nines.lake.lake import Lake
from nines.lake.rollup import text
from nines.spans import EPOCH

#: Most spans of one question; of more the newest are looked at.
MOST_SPANS = 2_000_000


def span_rows(lake: Lake, tenant: str, start: datetime, end: datetime, seq: int | None = None) -> pa.Table:
    """Return the spans that ended within [start, end), the newest first, one more than are looked at if there are.

    Args:
        lake: where they lie.
        tenant: owner.
        start: earliest end.
        end: instant after the latest one.
        seq: last sequence to see, or None for all.

    Returns:
        `id`, `parent`, `host`, `kind`, `trace`, and `start` and `time` as nanoseconds UTC, cut to microseconds.
    """
    known = f" AND seq <= {seq}" if seq is not None else ""
    relation = f"(SELECT * FROM {lake.tables.events.relation()} WHERE tenant = {text(tenant)}{known})"
    with connection() as con:
        return con.sql(spans_sql(relation, start, end)).to_arrow_table()


def spans_sql(relation: str, start: datetime, end: datetime) -> str:
    """Return SQL that reads the spans among event rows; see `span_rows`.

    Args:
        relation: SQL that can stand after FROM and has the event columns.
        start: earliest end.
        end: instant after the latest one.
    """
    low, high = ((at - EPOCH) // EPOCH.resolution for at in (start, end))
    return (
        "SELECT id, parent, host, kind, trace, epoch_us(start) * 1000 AS start, epoch_us(time) * 1000 AS time "
        f"FROM {relation} WHERE time >= make_timestamptz({low}) AND time < make_timestamptz({high}) "
        "AND start IS NOT NULL AND id IS NOT NULL AND (trace IS NOT NULL OR parent IS NOT NULL) "
        f"ORDER BY time DESC, id LIMIT {MOST_SPANS + 1}"
    )
