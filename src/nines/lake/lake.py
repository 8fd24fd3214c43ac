"""The lake of one installation: append, flush, and answer what was counted, as known at any sequence.

Every question names its tenant, and every query has it in its WHERE.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pyarrow as pa
from deltalake import DeltaTable

from nines.evaluation.evidence import CoveredEvents
from nines.lake.assemble import Pulses, counts_block, grouped, minute_series, state_indicator_series, with_losses
from nines.lake.counting import REACH_US, Rolled, Wanted, past_counts, source_of, versions_sql
from nines.lake.engine import connection
from nines.lake.flush import Flushed, Flusher, Tables, lease
from nines.lake.hearing import Freshness, freshness
from nines.lake.inbox import Inbox, Kind, Receipt, Unkept
from nines.lake.rollup import covered_rows, sketch_rows, text
from nines.lake.stamping import counts_table
from nines.lake.tables import COUNTS_SCHEMA
from nines.objectives.exclusion import Exclusion
from nines.objectives.indicator import (
    CounterIndicator,
    EventIndicator,
    Indicator,
    SampleIndicator,
    StateIndicator,
    ValueIndicator,
)
from nines.spans import MINUTE, instant_of
from nines.telemetry.datasource import DataSource
from nines.telemetry.series import COUNTED, Ints, MinuteSeries, States
from nines.telemetry.sketch import Sketch

#: Commits of a table after which it is compacted.
COMPACT_EVERY = 100


class Lake:
    """Telemetry at rest, in one folder."""

    def __init__(self, folder: Path, observe: Callable[[str], None] = lambda _step: None) -> None:
        """Open or make a lake.

        Args:
            folder: where it lies or shall lie.
            observe: told the name of each step of a flush, a compaction or a vacuum once it is done.
        """
        self._observe = observe
        folder.mkdir(parents=True, exist_ok=True)
        self.inbox = Inbox(folder / "inbox.sqlite")
        self.tables = Tables.under(folder)
        self._lock = folder / "flush.lock"
        self._rolled: set[tuple[str, str]] = set()  # indicators whose past is known to be counted
        self._last = -1, 0  # the flushes' newest commit when they were last read, and the last sequence there
        self._connection = connection()
        self._flusher = Flusher(self.inbox, self.tables, observe)

    @classmethod
    def open(cls, folder: Path) -> Lake:
        """Open or make the lake in a folder."""
        return cls(folder)

    def append(
        self,
        tenant: str,
        source: str,
        table: pa.Table,
        *,
        arrival: datetime,
        kind: Kind = "events",
        key: str | None = None,
        unkept: Mapping[Unkept, int] = MappingProxyType({}),
    ) -> Receipt:
        """Store rows and return once they are on disk; they are counted from the next flush on.

        Args:
            tenant: owner.
            source: DataSource they belong to.
            table: event columns, or counts.
            arrival: when they came.
            kind: what the rows are.
            key: idempotency key, or None.
            unkept: rows that came with them and were not stored, by why.

        Raises:
            OverloadedError: too much is waiting, or the disk takes no more; nothing was stored.
        """
        return self.inbox.append(tenant, source, table, arrival=arrival, kind=kind, key=key, unkept=unkept)

    def flush(self, wanted: Mapping[str, Wanted], now: datetime) -> Flushed:
        """Move what waits into the tables, exactly once.

        Args:
            wanted: tenant -> indicators and sources to roll up for.
            now: present instant.
        """
        with lease(self._lock):
            self._backfill(wanted)
            return self._flusher.flush(wanted, now, self.last_sequence)

    def last_sequence(self) -> int:
        """Return the sequence of the last finished flush, or 0; the table is read again only when it has changed."""
        newest = self.tables.flushes.newest()
        if self._last[0] != newest:
            asked = f"SELECT coalesce(max(seq), 0) AS s FROM {self.tables.flushes.relation()}"
            self._last = newest, int(self._ask(asked).column("s")[0].as_py())
        return self._last[1]

    def sequence_at(self, instant: datetime) -> int:
        """Return the last sequence visible at an instant, or 0."""
        seen = f"{self.tables.flushes.relation()} WHERE epoch_us(flushed_at) <= {_us(instant)}"
        return int(self._ask(f"SELECT coalesce(max(seq), 0) AS s FROM {seen}").column("s")[0].as_py())

    def _backfill(self, wanted: Mapping[str, Wanted]) -> None:
        """Count what is stored for indicators that are new, each row under its own sequence."""
        for tenant, asked in wanted.items():
            for source in sorted({i.source for i in asked.indicators.values()}):
                unseen = [i for i in asked.rolled(source) if (tenant, i.identity) not in self._rolled]
                fresh = [i for i in unseen if not self.tables.counts.version_of(_marker(tenant, i))]
                if fresh:
                    self._roll_up_past(tenant, source_of(wanted, tenant, source), fresh, asked)
                self._rolled.update((tenant, i.identity) for i in unseen)

    def _roll_up_past(self, tenant: str, source: DataSource, indicators: Sequence[Rolled], asked: Wanted) -> None:
        app = self.inbox.app_id
        ahead = self.tables.counts.version_of(app) > self.tables.flushes.version_of(app)
        done = self.last_sequence() + ahead  # a flush that stopped after its counts is not counted again
        with self._connection.cursor() as con:
            parts = [COUNTS_SCHEMA.empty_table()]
            fresh = {i.identity for i in indicators}
            counters = [c for c in asked.counters(source.name) if c.indicator.identity in fresh]
            parts.append(self._flusher.readings.past(con, tenant, source, counters, done))
            for indicator in indicators:
                if not isinstance(indicator, CounterIndicator):
                    past = past_counts(con, self.rows(tenant, source, done), source, indicator, done)
                    parts += [counts_table(tenant, indicator.identity, source.name, one) for one in past]
            marks = [_marker(tenant, indicator) for indicator in indicators]
            self.tables.counts.append(pa.concat_tables(parts), marks[0], 1, marks=marks[1:] or marks)

    def rows(
        self, tenant: str, source: DataSource, seq: int | None, start: int | None = None, end: int | None = None
    ) -> str:
        """Return SQL that reads a source's stored rows, as known at a sequence, within minutes."""
        if source.metric:
            rows = self._flusher.readings.events(tenant, source.name, seq)
            limits = []
        else:
            rows = self.tables.events.relation()
            limits = [f"tenant = {text(tenant)}", f"source = {text(source.name)}"]
            limits += [f"seq <= {seq}"] if seq is not None else []
        limits += [f"time >= make_timestamptz({start * 60_000_000})"] if start is not None else []
        limits += [f"time < make_timestamptz({end * 60_000_000})"] if end is not None else []
        found = f"(SELECT * FROM {rows}{' WHERE ' if limits else ''}{' AND '.join(limits)})"
        return versions_sql(found) if source.replaces else found

    def _ask(self, query: str) -> pa.Table:
        with self._connection.cursor() as con:
            return con.sql(query).to_arrow_table()

    def series(
        self, tenant: str, indicator: Indicator, source: DataSource, start: int, end: int, seq: int | None = None
    ) -> MinuteSeries:
        """Return the counts of an indicator for the minutes [start, end), as known at a sequence.

        Args:
            tenant: owner.
            indicator: what was counted.
            source: where it was counted; its heartbeat tells silence from quiet.
            start: first grid minute.
            end: grid minute after the last.
            seq: last sequence to see, or None for all.
        """
        if isinstance(indicator, StateIndicator):
            hold = -(-indicator.max_hold // MINUTE)
            with connection() as con:
                rows = self.rows(tenant, source, seq, start - hold, end)
                return state_indicator_series(con, rows, indicator, start, end)
        return self.series_many(tenant, [(indicator, source)], start, end, seq)[0]

    def measure(
        self,
        tenant: str,
        indicator: EventIndicator,
        source: DataSource,
        start: int,
        end: int,
        seq: int | None = None,
    ) -> MinuteSeries:
        """Return the counts of an indicator that is not rolled up, from the stored rows; see `series`."""
        reach = REACH_US["session"] // 60_000_000 if indicator.session is not None else 0
        with self._connection.cursor() as con:
            rows = self.rows(tenant, source, seq, start - reach, end)
            found = past_counts(con, rows, source, indicator, 0)
        counts = pa.concat_tables([counts_table(tenant, indicator.identity, source.name, one) for one in found])
        known = f"AND seq <= {seq}" if seq is not None else ""
        none = Pulses.of(np.zeros(0, dtype=np.int64), ())
        pulses = self._pulses(tenant, [source], start, end, known).get(source.name, none)
        return minute_series(counts, pulses, source, start, end)

    def series_many(
        self, tenant: str, wanted: Sequence[tuple[Indicator, DataSource]], start: int, end: int, seq: int | None = None
    ) -> list[MinuteSeries]:
        """Return the counts of several indicators in one query; see `series`."""
        known = f"AND seq <= {seq}" if seq is not None else ""
        names = ", ".join(text(i.identity) for i, _ in wanted) or "''"
        sums = ", ".join(f"sum({name})::BIGINT AS {name}" for name in COUNTED)
        apart = "indicator, minute, site, weight_num, weight_den"
        counts = self._ask(
            f"SELECT {apart}, {sums}, arg_max(state, seq) AS state FROM {self.tables.counts.relation()} "
            f"WHERE tenant = {text(tenant)} AND indicator IN ({names}) AND minute >= {start} AND minute < {end} "
            f"{known} GROUP BY ALL ORDER BY {apart}"
        )
        pulses = self._pulses(tenant, list({s.name: s for _, s in wanted}.values()), start, end, known)
        by_name, empty = grouped(counts, "indicator"), counts.slice(0, 0)
        none, lost = Pulses.of(np.zeros(0, dtype=np.int64), ()), self._losses(tenant, start, end, known)
        found = []
        for i, s in wanted:
            series = minute_series(by_name.get(i.identity, empty), pulses.get(s.name, none), s, start, end)
            found.append(with_losses(series, lost[s.name]) if s.name in lost else series)
        return found

    def block(
        self, tenant: str, wanted: Sequence[tuple[Indicator, DataSource]], start: int, end: int
    ) -> tuple[Ints, States]:
        """Return the counts of many indicators at once, for few minutes: what a tick takes in.

        Args:
            tenant: owner.
            wanted: indicators whose events are all kept, and their sources, which have no sites.
            start: first grid minute.
            end: grid minute after the last.

        Returns:
            int64 [3, indicators, minutes] good, bad and unknown, and the state [indicators, minutes].
        """
        counts = self._ask(
            "SELECT indicator, minute, sum(good)::BIGINT AS good, sum(bad)::BIGINT AS bad, sum(unknown)::BIGINT AS "
            f"unknown, arg_max(state, seq) AS state FROM {self.tables.counts.relation()} WHERE tenant = {text(tenant)} "
            f"AND minute >= {start} AND minute < {end} GROUP BY 1, 2"
        )
        pulses = self._pulses(tenant, list({s.name: s for _, s in wanted}.values()), start, end, "")
        return counts_block(counts, pulses, wanted, start, end, self._losses(tenant, start, end, ""))

    def _losses(self, tenant: str, start: int, end: int, known: str) -> dict[str, Ints]:
        """Return how many rows each source lost in each minute, where it lost any."""
        if not self.tables.losses.exists():
            return {}
        here = f"tenant = {text(tenant)} AND minute >= {start} AND minute < {end} {known}"
        table = self._ask(
            f"SELECT source, minute, sum(number)::BIGINT AS number FROM {self.tables.losses.relation()} WHERE {here} "
            "GROUP BY 1, 2 ORDER BY 1, 2"
        )
        found = {}
        for name, part in grouped(table, "source").items():
            found[name] = np.zeros(end - start, dtype=np.int64)
            found[name][part.column("minute").to_numpy() - start] = part.column("number").to_numpy()
        return found

    def _pulses(
        self, tenant: str, sources: Sequence[DataSource], start: int, end: int, known: str
    ) -> dict[str, Pulses]:
        """Return each source's pulses around some minutes, and its very first one."""
        names = ", ".join(text(s.name) for s in sources) or "''"
        gap = max((s.heartbeat.gap // MINUTE for s in sources), default=0)
        table = self._ask(
            f"WITH p AS (SELECT source, minute, coalesce(site, '') AS site FROM {self.tables.pulses.relation()} "
            f"WHERE tenant = {text(tenant)} AND source IN ({names}) {known}) "
            "SELECT source, min(minute) AS minute, arg_min(site, minute) AS site FROM p GROUP BY 1 UNION "
            f"SELECT source, minute, site FROM p WHERE minute >= {start - gap} AND minute < {end + gap} ORDER BY 1, 2"
        )
        return {
            name: Pulses.of(part.column("minute").to_numpy().astype(np.int64), part.column("site").to_pylist())
            for name, part in grouped(table, "source").items()
        }

    def held_minutes(self, tenant: str, identity: str) -> Ints:
        """Return the minutes an indicator has counts for, ascending."""
        table = self._ask(
            f"SELECT DISTINCT minute FROM {self.tables.counts.relation()} WHERE tenant = {text(tenant)} "
            f"AND indicator = {text(identity)} ORDER BY 1"
        )
        minutes: Ints = table.column("minute").to_numpy().astype(np.int64)
        return minutes

    def covered(
        self,
        tenant: str,
        indicator: Indicator,
        source: DataSource,
        exclusions: Sequence[Exclusion],
        start: int,
        end: int,
        seq: int | None = None,
    ) -> tuple[CoveredEvents, ...] | None:
        """Return the events that exclusions with a scope or edges inside a minute cover; None for other kinds."""
        if not isinstance(indicator, EventIndicator | SampleIndicator | ValueIndicator):
            return None
        if isinstance(indicator, EventIndicator) and indicator.session is not None:
            return None
        with self._connection.cursor() as con:
            rows = self.rows(tenant, source, seq, start, end)
            return covered_rows(con, rows, indicator, exclusions, start, end, source.sampling)

    def sketch(
        self, tenant: str, indicator: ValueIndicator, source: DataSource, start: int, end: int, seq: int | None = None
    ) -> Sketch:
        """Return the values of an indicator for the minutes [start, end)."""
        with self._connection.cursor() as con:
            return sketch_rows(con, self.rows(tenant, source, seq, start, end), indicator)

    def known_series(self, tenant: str, source: str) -> set[int]:
        """Return the series of a source whose label sets are stored already."""
        table = self._ask(
            f"SELECT DISTINCT series FROM {self.tables.series.relation()} "
            f"WHERE tenant = {text(tenant)} AND source = {text(source)}"
        )
        return set(table.column("series").to_pylist())

    def freshness(self, tenant: str) -> list[Freshness]:
        """Return how fresh each source of a tenant is, sorted by name."""
        pending = {s: n for (t, s), n in self.inbox.pending().items() if t == tenant}
        return freshness(self.tables, tenant, pending)

    def alone(self) -> AbstractContextManager[None]:
        """Hold the right to write the tables."""
        return lease(self._lock)

    def compact(self, *, every: int = COMPACT_EVERY) -> int:
        """Join small files of tables that have grown many; returns how many tables were compacted."""
        done = 0
        with lease(self._lock):
            for table in self.tables.in_order:
                if len(table.files()) >= every:
                    DeltaTable(table.path).optimize.compact()
                    self._observe("compacted")
                    table.sync()
                    done += 1
        return done

    def vacuum(self, retention: timedelta) -> int:
        """Delete files that no version within the retention needs; returns how many."""
        gone = 0
        hours = int(retention.total_seconds() // 3600)
        with lease(self._lock):
            for table in (t for t in self.tables.in_order if t.exists()):
                unneeded = DeltaTable(table.path).vacuum(hours, dry_run=False, enforce_retention_duration=False)
                gone += len(unneeded)
                self._observe("vacuumed")
        return gone


def _marker(tenant: str, indicator: Rolled) -> str:
    """Return the application id that marks an indicator's past as rolled up."""
    return f"backfill/{tenant}/{indicator.identity}"


def _us(at: datetime) -> int:
    return int((at - instant_of(0)) // datetime.resolution)
