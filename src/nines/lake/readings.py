"""Readings of metric series in the lake: their labels, kept in memory, and what a flush of them adds to the counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
import numpy as np
import pyarrow as pa

from nines.lake.counting import Wanted, by_source, owned, source_of
from nines.lake.metrics import LOOKBACK_MS, Catalogue, Counter, as_events, read_out, touched
from nines.lake.rollup import Tallied, count_rows, text
from nines.lake.stamping import counts_table
from nines.lake.tables import COUNTS_SCHEMA, LABELS_SCHEMA, LakeTable
from nines.objectives.indicator import CounterIndicator
from nines.telemetry.bulk import Paired
from nines.telemetry.datasource import DataSource
from nines.telemetry.series import MinuteState

#: Minutes of readings that are counted at once when a new indicator meets an old source.
CHUNK_MINUTES = 360
#: What is counted of a minute already: good, bad, unknown, and the state that was said.
Known = tuple[int, int, int, int | None]


class Readings:
    """Readings of metric series in the lake: their labels, kept in memory, and what a flush adds to the counts."""

    def __init__(self, samples: LakeTable, series: LakeTable) -> None:
        """Remember the tables.

        Args:
            samples: readings.
            series: labels of the series.
        """
        self._samples, self._series = samples, series
        self._labels: dict[tuple[str, str], tuple[int, dict[int, dict[str, str]]]] = {}
        self._catalogues: dict[tuple[str, str], Catalogue] = {}
        self._first: dict[tuple[str, str], int] = {}

    def labels(self, con: duckdb.DuckDBPyConnection, tenant: str, source: str, seq: int) -> dict[int, dict[str, str]]:
        """Return the labels of a source's series as known at a sequence or later."""
        held, found = self._labels.get((tenant, source), (0, {}))
        if held < seq:
            fresh = con.sql(
                f"SELECT series, labels FROM {self._series.relation()} WHERE {owned(tenant, source)} AND seq > {held}"
            ).to_arrow_table()
            numbers, sets = (fresh.column(n).to_pylist() for n in ("series", "labels"))
            found |= {number: dict(one) for number, one in zip(numbers, sets, strict=True)}
            self._labels[tenant, source] = seq, found
        return found

    def stored(self, tenant: str, source: str, seq: int | None) -> str:
        """Return SQL that reads a source's readings as known at a sequence."""
        known = f" AND seq <= {seq}" if seq is not None else ""
        return f"(SELECT * FROM {self._samples.relation()} WHERE {owned(tenant, source)}{known})"

    def events(self, tenant: str, source: str, seq: int | None) -> str:
        """Return SQL that reads a source's readings as event rows."""
        labels = (
            f"(SELECT series, any_value(labels) AS labels FROM {self._series.relation()} "
            f"WHERE {owned(tenant, source)} GROUP BY series)"
        )
        return as_events(self.stored(tenant, source, seq), labels)

    def counts(self, rows: pa.Table, counts: LakeTable, wanted: Mapping[str, Wanted], seq: int) -> pa.Table:
        """Return what the new readings of a flush add to the counts.

        Args:
            rows: those readings, as stored.
            counts: table of counts; the difference to it is taken.
            wanted: tenant -> what to roll up.
            seq: the flush.
        """
        parts = [COUNTS_SCHEMA.empty_table()]
        for tenant, name, con, relation in by_source(rows):
            asked = wanted.get(tenant)
            if asked is None:
                continue
            labels = self.labels(con, tenant, name, seq)
            single = asked.counted(name)
            if single:
                con.register("shown_labels", _labels_table(labels))
                found = count_rows(con, as_events(relation, "shown_labels"), single)
                parts += [counts_table(tenant, i.identity, name, t, seq) for i, t in zip(single, found, strict=True)]
            if asked.counters(name):
                parts += self._counters(con, (tenant, name, relation), counts, asked, seq)
        return pa.concat_tables(parts)

    def _counters(
        self, con: duckdb.DuckDBPyConnection, of: tuple[str, str, str], counts: LakeTable, asked: Wanted, seq: int
    ) -> list[pa.Table]:
        """Count the minutes that new readings touch again, and return the differences."""
        tenant, name, relation = of
        counters, stored = asked.counters(name), self.stored(tenant, name, seq)
        new = con.sql(f"SELECT series, time FROM {relation}").to_arrow_table()
        start, end = touched(con, stored, new)
        since = max(self._since(con, tenant, name, stored, new), start * 60_000 - LOOKBACK_MS)
        out = read_out(con, stored, self.labels(con, tenant, name, seq), start, end)
        known = _known(con, counts, tenant, [c.indicator for c in counters], (start, end, seq))
        source = source_of({tenant: asked}, tenant, name)
        found = out.count(self._catalogue(tenant, name, counters), source, start, end, since)
        identities = [c.indicator.identity for c in counters]
        return [_difference(tenant, name, identities, found, start, known, seq)]

    def _catalogue(self, tenant: str, source: str, counters: list[Counter]) -> Catalogue:
        """Return which series the counters mean, remembered until there are other counters."""
        held = self._catalogues.get((tenant, source))
        if held is None or held.counters != tuple(counters):
            held = self._catalogues[tenant, source] = Catalogue(counters)
        return held

    def past(
        self,
        con: duckdb.DuckDBPyConnection,
        tenant: str,
        source: DataSource,
        asked: Wanted,
        new: CounterIndicator,
        seq: int,
    ) -> pa.Table:
        """Return the counts of a counter indicator over all readings stored, for one that was not counted before."""
        stored = self.stored(tenant, source.name, seq)
        low, high = con.sql(f"SELECT min(time), max(time) FROM {stored}").fetchall()[0]
        counter = next((c for c in asked.counters(source.name) if c.indicator.identity == new.identity), None)
        if low is None or counter is None:
            return COUNTS_SCHEMA.empty_table()
        start, end = (low - 1) // 60_000, (high - 1) // 60_000 + 1
        parts = []
        for begin in range(start, end, CHUNK_MINUTES):
            stop = min(begin + CHUNK_MINUTES, end)
            out = read_out(con, stored, self.labels(con, tenant, source.name, seq), begin, stop)
            counted = out.count(Catalogue([counter]), source, begin, stop, max(low, begin * 60_000 - LOOKBACK_MS))
            parts.append(_difference(tenant, source.name, [new.identity], counted, begin, {}, seq))
        return pa.concat_tables(parts)

    def _since(self, con: duckdb.DuckDBPyConnection, tenant: str, name: str, stored: str, new: pa.Table) -> int:
        """Return the instant of the source's first reading ever, UTC milliseconds."""
        low = int(np.asarray(new.column("time")).min())
        if (tenant, name) not in self._first:
            self._first[tenant, name] = int(con.sql(f"SELECT min(time) FROM {stored}").fetchall()[0][0])
        self._first[tenant, name] = min(self._first[tenant, name], low)
        return self._first[tenant, name]


def _labels_table(labels: Mapping[int, Mapping[str, str]]) -> pa.Table:
    return pa.table(
        {
            "series": pa.array(list(labels), pa.int64()),
            "labels": pa.array([list(one.items()) for one in labels.values()], LABELS_SCHEMA.field("labels").type),
        }
    )


def _known(
    con: duckdb.DuckDBPyConnection,
    counts: LakeTable,
    tenant: str,
    indicators: list[CounterIndicator],
    asked: tuple[int, int, int],
) -> dict[str, dict[int, Known]]:
    """Return what is counted already: identity -> minute -> good, bad, unknown, state."""
    start, end, seq = asked
    names = ", ".join(text(i.identity) for i in indicators)
    found: dict[str, dict[int, Known]] = {}
    for identity, minute, *row in con.sql(
        "SELECT indicator, minute, sum(good)::BIGINT, sum(bad)::BIGINT, sum(unknown)::BIGINT, arg_max(state, seq) "
        f"FROM {counts.relation()} WHERE tenant = {text(tenant)} AND indicator IN ({names}) AND minute >= {start} "
        f"AND minute < {end} AND seq < {seq} GROUP BY 1, 2"
    ).fetchall():
        found.setdefault(identity, {})[minute] = (row[0], row[1], row[2], row[3])
    return found


def _difference(
    tenant: str,
    source: str,
    identities: Sequence[str],
    found: Paired,
    start: int,
    known: Mapping[str, Mapping[int, Known]],
    seq: int,
) -> pa.Table:
    """Return the rows that turn what was counted into what is counted now."""
    now = np.stack([found.good, found.bad, found.unknown, found.state.astype(np.int64)], axis=2)
    was = np.zeros_like(now)
    for row, identity in zip(was, identities, strict=True):
        for minute, (good, bad, unknown, state) in known.get(identity, {}).items():
            row[minute - start] = good, bad, unknown, state or MinuteState.SILENT
    which, place = np.nonzero((now != was).any(axis=2))
    step = (now - was)[which, place]
    zeros = np.zeros(len(which), dtype=np.int64)
    states = pa.array(now[which, place, 3].astype(np.int8))
    tallied = Tallied(place + start, zeros, step[:, 0], step[:, 1], step[:, 2], {"state": states})
    return counts_table(tenant, [identities[n] for n in which.tolist()], source, tallied, seq)
