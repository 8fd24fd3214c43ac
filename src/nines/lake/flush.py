"""The flush: acknowledged batches move into the tables, exactly once, under one gap-free sequence number.

Order: events, label sets, readings, pulses, counts, then the list of flushes, then the inbox forgets. A crash between
any two is taken up where it stopped, because each table tells by its transaction how far it is, and counts come from
what is stored.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from nines.lake.counting import Wanted, by_source, event_counts, source_of
from nines.lake.engine import connection
from nines.lake.inbox import Batch, Inbox
from nines.lake.readings import Readings
from nines.lake.rollup import pulse_minutes
from nines.lake.stamping import (
    flush_row,
    pulse_table,
    repeats_table,
    stamped_counts,
    stamped_events,
    stamped_losses,
    stamped_readings,
    stamped_series,
)
from nines.lake.tables import (
    COUNTS_SCHEMA,
    DELAYS_SCHEMA,
    FLUSHES_SCHEMA,
    LOSSES_SCHEMA,
    PULSES_SCHEMA,
    REPEATS_SCHEMA,
    SAMPLES_SCHEMA,
    SERIES_SCHEMA,
    STORED_SCHEMA,
    LakeTable,
    conformed,
)
from nines.spans import EPOCH

#: How long an idempotency key is remembered.
KEY_RETENTION = timedelta(days=7)


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
    """The tables of one lake, in the order a flush writes them."""

    events: LakeTable
    series: LakeTable
    samples: LakeTable
    losses: LakeTable
    pulses: LakeTable
    counts: LakeTable
    repeats: LakeTable
    delays: LakeTable
    flushes: LakeTable

    @classmethod
    def under(cls, folder: Path) -> Tables:
        """Return the tables of a lake's folder."""
        schemas = {
            "events": STORED_SCHEMA, "series": SERIES_SCHEMA, "samples": SAMPLES_SCHEMA,
            "losses": LOSSES_SCHEMA, "pulses": PULSES_SCHEMA,
            "counts": COUNTS_SCHEMA, "repeats": REPEATS_SCHEMA,
            "delays": DELAYS_SCHEMA, "flushes": FLUSHES_SCHEMA,
        }  # fmt: skip
        return cls(**{name: LakeTable(folder / name, schema) for name, schema in schemas.items()})

    @property
    def in_order(self) -> tuple[LakeTable, ...]:
        """Every table, the list of flushes last."""
        first = self.events, self.series, self.samples, self.losses, self.pulses, self.counts
        return (*first, self.repeats, self.delays, self.flushes)


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
        self.readings = Readings(tables.samples, tables.series)

    def flush(self, wanted: Mapping[str, Wanted], now: datetime, last_seq: Callable[[], int]) -> Flushed:
        """Move what waits into the tables; the caller holds the lease.

        Args:
            wanted: tenant -> what to roll up.
            now: present instant; it becomes the flush's own.
            last_seq: sequence of the last finished flush, or 0.
        """
        app = self._inbox.app_id
        tables = self._tables.in_order
        done = tables[-1].version_of(app)
        begun = max(t.version_of(app) for t in tables)
        self._inbox.forget(done)
        batches = list(self._inbox.waiting(done, until=begun if begun > done else None))
        if not batches:
            return Flushed(last_seq(), 0)
        seq, last = last_seq() + 1, batches[-1].id
        rows, duplicates = self._events([b for b in batches if b.kind == "events"], seq, last)
        self._observe("events")
        readings = self._readings([b for b in batches if b.kind in {"samples", "series"}], seq, last)
        self._observe("samples")
        lost = [stamped_losses(b, seq) for b in batches if b.kind == "lost"]
        if lost:
            self._tables.losses.append(pa.concat_tables(lost), app, last)
        self._tables.pulses.append(self._pulses(rows, readings, wanted, seq), app, last)
        self._observe("pulses")
        ready = [stamped_counts(b, seq) for b in batches if b.kind == "counts"]
        if self._tables.counts.version_of(app) < last:
            counted = event_counts(rows, self._tables.events, wanted, seq)
            measured = self.readings.counts(readings, self._tables.counts, wanted, seq)
            self._tables.counts.append(pa.concat_tables([counted, measured, *ready]), app, last)
        self._observe("counts")
        self._tables.repeats.append(repeats_table(batches, (rows, readings), seq), app, last)
        count = rows.num_rows + readings.num_rows + sum(t.num_rows for t in ready)
        self._tables.flushes.append(flush_row(seq, batches, now, count), app, last)
        self._observe("flushes")
        self._inbox.forget(last, keys_before=(now - KEY_RETENTION - EPOCH) // EPOCH.resolution)
        self._observe("forgotten")
        return Flushed(seq, count, duplicates, last)

    def _events(self, batches: Sequence[Batch], seq: int, last: int) -> tuple[pa.Table, int]:
        """Store the events, and return those stored: after a crash they are read back instead of written again."""
        events, app = self._tables.events, self._inbox.app_id
        if events.version_of(app) >= last:
            with connection() as con:
                stored = con.sql(f"SELECT * FROM {events.relation()} WHERE seq = {seq}").to_arrow_table()
            return conformed(stored, STORED_SCHEMA), 0
        rows = pa.concat_tables([stamped_events(b, seq) for b in batches]) if batches else STORED_SCHEMA.empty_table()
        kept = self._without_repeats(rows)
        events.append(kept, app, last)
        return kept, rows.num_rows - kept.num_rows

    def _without_repeats(self, rows: pa.Table) -> pa.Table:
        """Leave out rows whose id their source has sent before with the same time, in this flush or an earlier one."""
        if rows.column("id").null_count == rows.num_rows:
            return rows
        with connection() as con:
            con.register("incoming", rows.append_column("place", pa.array(np.arange(rows.num_rows))))
            kept = con.sql(
                "SELECT place FROM incoming AS n WHERE id IS NULL OR (place IN (SELECT min(place) FROM incoming "
                "WHERE id IS NOT NULL GROUP BY tenant, source, id, time) AND NOT EXISTS (SELECT 1 FROM "
                f"{self._tables.events.relation()} AS o WHERE o.id = n.id AND o.tenant = n.tenant "
                "AND o.source = n.source AND o.time = n.time AND o.time >= (SELECT min(time) FROM incoming) "
                "AND o.time <= (SELECT max(time) FROM incoming))) ORDER BY place"
            ).to_arrow_table()
        return rows.take(kept.column("place"))

    def _readings(self, batches: Sequence[Batch], seq: int, last: int) -> pa.Table:
        """Store label sets and readings, each series and instant once, and return the readings stored."""
        samples, series, app = self._tables.samples, self._tables.series, self._inbox.app_id
        sets = [stamped_series(b, seq) for b in batches if b.kind == "series"]
        series.append(pa.concat_tables(sets) if sets else SERIES_SCHEMA.empty_table(), app, last)
        if samples.version_of(app) >= last:
            with connection() as con:
                stored = con.sql(f"SELECT * FROM {samples.relation()} WHERE seq = {seq}").to_arrow_table()
            return conformed(stored, SAMPLES_SCHEMA)
        parts = [stamped_readings(b, seq) for b in batches if b.kind == "samples"]
        kept = self._new_readings(pa.concat_tables(parts)) if parts else SAMPLES_SCHEMA.empty_table()
        samples.append(kept, app, last)
        return kept

    def _new_readings(self, rows: pa.Table) -> pa.Table:
        """Leave out readings of a series and instant that are there already; the first one stands."""
        with connection() as con:
            con.register("incoming", rows.append_column("place", pa.array(np.arange(rows.num_rows))))
            low, high = con.sql("SELECT min(time), max(time) FROM incoming").fetchall()[0]
            kept = con.sql(
                "SELECT min(place) AS place FROM incoming AS n WHERE NOT EXISTS (SELECT 1 FROM "
                f"{self._tables.samples.relation()} AS o WHERE o.series = n.series AND o.time = n.time "
                "AND o.tenant = n.tenant AND o.source = n.source AND (o.created = n.created OR NOT n.delta) "
                f"AND o.time >= {low} AND o.time <= {high}) "
                "GROUP BY tenant, source, series, time, CASE WHEN delta THEN created END ORDER BY place"
            ).to_arrow_table()
        return rows.take(kept.column("place"))

    def _pulses(self, rows: pa.Table, readings: pa.Table, wanted: Mapping[str, Wanted], seq: int) -> pa.Table:
        parts = [PULSES_SCHEMA.empty_table()]
        for tenant, name, con, relation in by_source(rows):
            found = pulse_minutes(con, relation, source_of(wanted, tenant, name).heartbeat.where)
            parts.append(pulse_table(tenant, name, found, seq))
        for tenant, name, con, relation in by_source(readings):
            down = self.readings.named("up", con, tenant, name, seq) or [0]  # no series is 0
            failed = f"value = 0 AND series IN ({', '.join(map(str, down))})"  # a look that failed, or a series' end
            heard = f"{relation} WHERE NOT isnan(value) AND NOT ({failed})"
            shown = f"(SELECT make_timestamptz((time - 1) * 1000) AS time, '' AS site FROM {heard})"
            parts.append(pulse_table(tenant, name, pulse_minutes(con, shown), seq))
        return pa.concat_tables(parts)
