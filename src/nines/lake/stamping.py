"""Rows as the lake's tables hold them: with owner, source, arrival and the sequence of their flush."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa

from nines.lake.inbox import Batch
from nines.lake.rollup import Tallied
from nines.lake.tables import (
    COUNTS_SCHEMA,
    EVENT_SCHEMA,
    LABELS_SCHEMA,
    LOSSES_SCHEMA,
    LOST_SCHEMA,
    PULSES_SCHEMA,
    READINGS_SCHEMA,
    REPEATS_SCHEMA,
    SAMPLES_SCHEMA,
    SERIES_SCHEMA,
    STAMP,
    STORED_SCHEMA,
    conformed,
)


def pulse_table(tenant: str, source: str, pulses: tuple[np.ndarray, np.ndarray, list[str]], seq: int) -> pa.Table:
    """Return pulses (minutes, numbers of rows, sites) as rows of their table."""
    minute, number, site = pulses
    length = len(minute)
    whole = {
        "tenant": [tenant] * length, "source": [source] * length, "site": site, "minute": minute, "row_count": number,
        "seq": np.full(length, seq),
    }  # fmt: skip
    return pa.table({f.name: pa.array(whole[f.name], f.type) for f in PULSES_SCHEMA}, schema=PULSES_SCHEMA)


def counts_table(
    tenant: str, identity: str | Sequence[str], source: str, found: Tallied, seq: int | None = None
) -> pa.Table:
    """Return counts of an indicator, or of one for each row, as rows of their table, under a sequence or their own."""
    length = len(found.minute)
    zeros, ones = np.zeros(length, dtype=np.int64), np.ones(length, dtype=np.int64)
    whole = {
        "tenant": [tenant] * length, "source": [source] * length,
        "indicator": [identity] * length if isinstance(identity, str) else identity,
        "site": [""] * length, "minute": found.minute, "weight_num": ones, "weight_den": ones,
        "good": found.good, "bad": found.bad, "unknown": found.unknown,
        "units": zeros, "un": zeros, "ub": zeros, "nn": zeros, "nb": zeros, "bb": zeros,
        "state": pa.nulls(length, pa.int8()),
        "seq": found.seq if seq is None else np.full(length, seq),
        **found.more,
    }  # fmt: skip
    columns = [_column(whole[f.name], f.type) for f in COUNTS_SCHEMA]
    return pa.table(columns, schema=COUNTS_SCHEMA)


def _column(values: object, kind: pa.DataType) -> pa.ChunkedArray:
    return values.cast(kind) if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, kind)


def stamped_events(batch: Batch, seq: int) -> pa.Table:
    """Return a batch of events as rows of the event table."""
    return _stamped(conformed(batch.table, EVENT_SCHEMA), batch, seq).cast(STORED_SCHEMA)


def stamped_readings(batch: Batch, seq: int) -> pa.Table:
    """Return a batch of readings as rows of the table of samples."""
    return _stamped(conformed(batch.table, READINGS_SCHEMA), batch, seq).select(SAMPLES_SCHEMA.names)


def stamped_series(batch: Batch, seq: int) -> pa.Table:
    """Return a batch of label sets as rows of the table of series."""
    return _stamped(conformed(batch.table, LABELS_SCHEMA), batch, seq).select(SERIES_SCHEMA.names)


def stamped_losses(batch: Batch, seq: int) -> pa.Table:
    """Return a batch of losses as rows of their table."""
    return _stamped(conformed(batch.table, LOST_SCHEMA), batch, seq).select(LOSSES_SCHEMA.names)


def _stamped(rows: pa.Table, batch: Batch, seq: int) -> pa.Table:
    length = rows.num_rows
    stamps = {
        "tenant": pa.array([batch.tenant] * length, pa.string()),
        "source": pa.array([batch.source] * length, pa.string()),
        "arrival": pa.array([batch.arrival] * length, pa.int64()).cast(STAMP),
        "seq": pa.array([seq] * length, pa.int64()),
    }
    for name, values in stamps.items():
        rows = rows.append_column(name, values)
    return rows


def stamped_counts(batch: Batch, seq: int) -> pa.Table:
    """Return a batch of counts as rows of the counts table."""
    table, length = batch.table, batch.table.num_rows
    none, one = pa.array([0] * length, pa.int64()), pa.array([1] * length, pa.int64())
    whole = {"site": pa.array([""] * length, pa.string()), "weight_num": one, "weight_den": one}
    for name, values in (whole | dict.fromkeys(("units", "un", "ub", "nn", "nb", "bb"), none)).items():
        if name not in table.column_names:
            table = table.append_column(name, values)
    for name, value in (("tenant", batch.tenant), ("source", batch.source), ("seq", seq)):
        if name in table.column_names:
            table = table.drop_columns([name])
        table = table.append_column(name, pa.array([value] * table.num_rows, COUNTS_SCHEMA.field(name).type))
    return conformed(table, COUNTS_SCHEMA)


def repeats_table(batches: Sequence[Batch], stored: Sequence[pa.Table], seq: int) -> pa.Table:
    """Return how many rows of each source were left out because they had been sent before.

    Args:
        batches: what a flush took, whatever their kind.
        stored: event rows and readings that it stored.
        seq: the flush.
    """
    came: Counter[tuple[str, str]] = Counter()
    for batch in batches:
        came[batch.tenant, batch.source] += batch.table.num_rows if batch.kind in {"events", "samples"} else 0
    for table in stored:
        kept = table.select(["tenant", "source"]).group_by(["tenant", "source"]).aggregate([([], "count_all")])
        for row in kept.to_pylist():
            came[row["tenant"], row["source"]] -= row["count_all"]
    left = [(tenant, source, number, seq) for (tenant, source), number in sorted(came.items()) if number]
    columns = list(zip(*left, strict=True)) or [()] * len(REPEATS_SCHEMA)
    return pa.table([pa.array(v, t) for v, t in zip(columns, REPEATS_SCHEMA.types, strict=True)], schema=REPEATS_SCHEMA)


def flush_row(seq: int, batches: Sequence[Batch], now: datetime, count: int) -> pa.Table:
    """Return the row of a flush: which batches it took, when, and how many rows it brought."""
    return pa.table(
        {
            "seq": pa.array([seq], pa.int64()),
            "first_id": pa.array([batches[0].id], pa.int64()),
            "last_id": pa.array([batches[-1].id], pa.int64()),
            "flushed_at": pa.array([now], pa.timestamp("us", tz="UTC")),
            "row_count": pa.array([count], pa.int64()),
        }
    )
