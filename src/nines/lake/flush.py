"""The flush: acknowledged batches move into the tables, exactly once, under one gap-free sequence number.

Order: events, pulses, counts, then the list of flushes, then the inbox forgets. A crash between any two is taken up
where it stopped, because each table tells by its transaction how far it is, and counts come from the stored events.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from nines.lake.inbox import Batch, Inbox
from nines.lake.rollup import Counted, Tallied, count_rows, pulse_minutes, text
from nines.lake.tables import COUNTS_SCHEMA, EVENT_SCHEMA, PULSES_SCHEMA, STORED_SCHEMA, LakeTable, conformed
from nines.objectives.indicator import EventIndicator, Indicator, SampleIndicator, ValueIndicator
from nines.spans import EPOCH
from nines.telemetry.datasource import DataSource

#: How long an idempotency key is remembered.
KEY_RETENTION = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a tenant's flush rolls up.

    Attributes:
        indicators: every indicator ever in force, by identity.
        sources: by name.
    """

    indicators: Mapping[str, Indicator]
    sources: Mapping[str, DataSource]

    def counted(self, source: str) -> list[Counted]:
        """Return the indicators that count rows of a source."""
        kinds = (EventIndicator, SampleIndicator, ValueIndicator)
        return [i for i in self.indicators.values() if isinstance(i, kinds) and i.source == source]


@dataclass(frozen=True, slots=True)
class Flushed:
    """What one flush did.

    Attributes:
        seq: its sequence number, or the last one when there was nothing to do.
        rows: rows it brought, duplicates left out.
        duplicates: rows left out because their id was there already.
        last_id: last inbox id it took, or 0.
    """

    seq: int
    rows: int
    duplicates: int = 0
    last_id: int = 0


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of one lake."""

    events: LakeTable
    pulses: LakeTable
    counts: LakeTable
    flushes: LakeTable


@contextmanager
def lease(path: Path) -> Iterator[None]:
    """Hold the right to flush; one process and thread has it at a time, and a dead one gives it back."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)


class Flusher:
    """Moves batches from an inbox into tables."""

    def __init__(self, inbox: Inbox, tables: Tables, observe: Callable[[str], None]) -> None:
        """Remember what to work on.

        Args:
            inbox: where batches wait.
            tables: where they go.
            observe: told the name of each step once it is done.
        """
        self._inbox, self._tables, self._observe = inbox, tables, observe

    def flush(self, wanted: Mapping[str, Wanted], now: datetime, last_seq: Callable[[], int]) -> Flushed:
        """Move what waits into the tables; the caller holds the lease.

        Args:
            wanted: tenant -> what to roll up.
            now: present instant; it becomes the flush's own.
            last_seq: sequence of the last finished flush, or 0.
        """
        app = self._inbox.app_id
        tables = (self._tables.events, self._tables.pulses, self._tables.counts, self._tables.flushes)
        done = tables[-1].version_of(app)
        begun = max(t.version_of(app) for t in tables)
        self._inbox.forget(done)
        batches = list(self._inbox.waiting(done, until=begun if begun > done else None))
        if not batches:
            return Flushed(last_seq(), 0)
        seq, last = last_seq() + 1, batches[-1].id
        rows, duplicates = self._events([b for b in batches if b.kind == "events"], seq, last)
        self._observe("events")
        self._tables.pulses.append(self._pulses(rows, wanted, seq), app, last)
        self._observe("pulses")
        ready = [_stamped(b, seq) for b in batches if b.kind == "counts"]
        self._tables.counts.append(pa.concat_tables([self._counts(rows, wanted, seq), *ready]), app, last)
        self._observe("counts")
        count = rows.num_rows + sum(t.num_rows for t in ready)
        self._tables.flushes.append(_flush_row(seq, batches, now, count), app, last)
        self._observe("flushes")
        self._inbox.forget(last, keys_before=(now - KEY_RETENTION - EPOCH) // EPOCH.resolution)
        self._observe("forgotten")
        return Flushed(seq, count, duplicates, last)

    def _events(self, batches: Sequence[Batch], seq: int, last: int) -> tuple[pa.Table, int]:
        """Store the events, and return those stored: after a crash they are read back instead of written again."""
        events, app = self._tables.events, self._inbox.app_id
        if events.version_of(app) >= last:
            with duckdb.connect() as con:
                stored = con.sql(f"SELECT * FROM {events.relation()} WHERE seq = {seq}").to_arrow_table()
            return conformed(stored, STORED_SCHEMA), 0
        rows = pa.concat_tables([_stamped_events(b, seq) for b in batches]) if batches else STORED_SCHEMA.empty_table()
        kept = self._without_repeats(rows)
        events.append(kept, app, last)
        return kept, rows.num_rows - kept.num_rows

    def _without_repeats(self, rows: pa.Table) -> pa.Table:
        """Leave out rows whose id their source has sent before with the same time, in this flush or an earlier one."""
        if rows.column("id").null_count == rows.num_rows:
            return rows
        with duckdb.connect() as con:
            con.execute("SET TimeZone = 'UTC'")
            con.register("incoming", rows.append_column("place", pa.array(np.arange(rows.num_rows))))
            kept = con.sql(
                "SELECT place FROM incoming AS n WHERE id IS NULL OR (place IN (SELECT min(place) FROM incoming "
                "WHERE id IS NOT NULL GROUP BY tenant, source, id, time) AND NOT EXISTS (SELECT 1 FROM "
                f"{self._tables.events.relation()} AS o WHERE o.id = n.id AND o.tenant = n.tenant "
                "AND o.source = n.source AND o.time = n.time AND o.time >= (SELECT min(time) FROM incoming) "
                "AND o.time <= (SELECT max(time) FROM incoming))) ORDER BY place"
            ).to_arrow_table()
        return rows.take(kept.column("place"))

    def _pulses(self, rows: pa.Table, wanted: Mapping[str, Wanted], seq: int) -> pa.Table:
        parts = [PULSES_SCHEMA.empty_table()]
        for tenant, source, con, relation in _by_source(rows):
            known = wanted[tenant].sources.get(source) if tenant in wanted else None
            minute, _, number = pulse_minutes(con, relation, known.heartbeat.where if known else "")
            parts.append(pulse_table(tenant, source, minute, number, np.full(len(minute), seq)))
        return pa.concat_tables(parts)

    def _counts(self, rows: pa.Table, wanted: Mapping[str, Wanted], seq: int) -> pa.Table:
        parts = [COUNTS_SCHEMA.empty_table()]
        for tenant, source, con, relation in _by_source(rows):
            indicators = wanted[tenant].counted(source) if tenant in wanted else []
            for indicator, found in zip(indicators, count_rows(con, relation, indicators), strict=True):
                parts.append(counts_table(tenant, indicator.identity, source, found, seq))
        return pa.concat_tables(parts)


def _by_source(rows: pa.Table) -> Iterator[tuple[str, str, duckdb.DuckDBPyConnection, str]]:
    """Yield each tenant and source among some rows, with a connection and SQL that reads its rows."""
    with duckdb.connect() as con:
        con.register("flushed", rows)
        for tenant, source in con.sql("SELECT DISTINCT tenant, source FROM flushed ORDER BY 1, 2").fetchall():
            yield (
                tenant,
                source,
                con,
                f"(SELECT * FROM flushed WHERE tenant = {text(tenant)} AND source = {text(source)})",
            )


def pulse_table(tenant: str, source: str, minute: np.ndarray, number: np.ndarray, seq: np.ndarray) -> pa.Table:
    """Return pulses as rows of their table."""
    length = len(minute)
    columns = [
        pa.array([tenant] * length),
        pa.array([source] * length),
        pa.array(minute),
        pa.array(number),
        pa.array(seq),
    ]
    return pa.table([c.cast(f.type) for c, f in zip(columns, PULSES_SCHEMA, strict=True)], schema=PULSES_SCHEMA)


def counts_table(tenant: str, identity: str, source: str, found: Tallied, seq: int | None = None) -> pa.Table:
    """Return counts of one indicator as rows of their table, with the given sequence or each row's own."""
    length = len(found.minute)
    whole = {
        "tenant": [tenant] * length, "indicator": [identity] * length, "source": [source] * length,
        "minute": found.minute,
        "weight_num": np.ones(length, dtype=np.int64), "weight_den": np.ones(length, dtype=np.int64),
        "good": found.good, "bad": found.bad, "unknown": found.unknown, "state": pa.nulls(length, pa.int8()),
        "seq": found.seq if seq is None else np.full(length, seq),
    }  # fmt: skip
    return pa.table({f.name: pa.array(whole[f.name], f.type) for f in COUNTS_SCHEMA}, schema=COUNTS_SCHEMA)


def _stamped_events(batch: Batch, seq: int) -> pa.Table:
    rows, length = conformed(batch.table, EVENT_SCHEMA), batch.table.num_rows
    stamps = {
        "tenant": pa.array([batch.tenant] * length, pa.string()),
        "source": pa.array([batch.source] * length, pa.string()),
        "arrival": pa.array([batch.arrival] * length, pa.int64()).cast(pa.timestamp("us", tz="UTC")),
        "seq": pa.array([seq] * length, pa.int64()),
    }
    for name, values in stamps.items():
        rows = rows.append_column(name, values)
    return rows.cast(STORED_SCHEMA)


def _stamped(batch: Batch, seq: int) -> pa.Table:
    table = batch.table
    for name, value in (("tenant", batch.tenant), ("source", batch.source), ("seq", seq)):
        if name in table.column_names:
            table = table.drop_columns([name])
        table = table.append_column(name, pa.array([value] * table.num_rows, COUNTS_SCHEMA.field(name).type))
    return conformed(table, COUNTS_SCHEMA)


def _flush_row(seq: int, batches: Sequence[Batch], now: datetime, count: int) -> pa.Table:
    return pa.table(
        {
            "seq": pa.array([seq], pa.int64()),
            "first_id": pa.array([batches[0].id], pa.int64()),
            "last_id": pa.array([batches[-1].id], pa.int64()),
            "flushed_at": pa.array([now], pa.timestamp("us", tz="UTC")),
            "row_count": pa.array([count], pa.int64()),
        }
    )
