"""Readings of metric series in the lake: their labels, kept in memory, and what a flush of them adds to the counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from nines.lake.counting import Wanted, by_source, owned, source_of
from nines.lake.metrics import LOOKBACK_MS, Catalogue, Counter, as_events, read_out, touched
from nines.lake.rollup import Tallied, count_rows, text
from nines.lake.stamping import counts_table
from nines.lake.tables import COUNTS_SCHEMA, LABELS_SCHEMA, LakeTable
from nines.telemetry.bulk import Paired
from nines.telemetry.datasource import DataSource
from nines.telemetry.readings import NAME

#: Minutes of readings that are counted at once when a new indicator meets an old source.
CHUNK_MINUTES = 360


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

    def named(self, metric: str, con: duckdb.DuckDBPyConnection, tenant: str, source: str, seq: int) -> list[int]:
        """Return the series of a metric."""
        return [s for s, labels in self.labels(con, tenant, source, seq).items() if labels.get(NAME) == metric]

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
        identities = [c.indicator.identity for c in counters]
        known = _known(con, counts, tenant, identities, (start, end, seq))
        source = source_of({tenant: asked}, tenant, name)
        found = out.count(self._catalogue(tenant, name, counters), source, start, end, since)
        return [_difference(tenant, name, identities, found, start, known, seq)]

    def _catalogue(self, tenant: str, source: str, counters: list[Counter]) -> Catalogue:
        """Return which series the counters mean, remembered until there are other counters."""
        held = self._catalogues.get((tenant, source))
        if held is None or held.counters != tuple(counters):
            held = self._catalogues[tenant, source] = Catalogue(counters)
        return held

    def past(
        self, con: duckdb.DuckDBPyConnection, tenant: str, source: DataSource, counters: Sequence[Counter], seq: int
    ) -> pa.Table:
        """Return the counts of counter indicators over all readings stored, for those that were not counted before."""
        stored = self.stored(tenant, source.name, seq)
        low, high = con.sql(f"SELECT min(time), max(time) FROM {stored}").fetchall()[0]
        parts = [COUNTS_SCHEMA.empty_table()]
        if low is None or not counters:
            return parts[0]
        start, end, catalogue = (low - 1) // 60_000, (high - 1) // 60_000 + 1, Catalogue(counters)
        identities = [c.indicator.identity for c in counters]
        for begin in range(start, end, CHUNK_MINUTES):
            stop = min(begin + CHUNK_MINUTES, end)
            out = read_out(con, stored, self.labels(con, tenant, source.name, seq), begin, stop)
            counted = out.count(catalogue, source, begin, stop, max(low, begin * 60_000 - LOOKBACK_MS))
            parts.append(_difference(tenant, source.name, identities, counted, begin, None, seq))
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
    identities: Sequence[str],
    asked: tuple[int, int, int],
) -> npt.NDArray[np.int64]:
    """Return what is counted already: int64 [indicators, minutes, 4], good, bad, unknown, state."""
    start, end, seq = asked
    sums = ", ".join(f"sum({name})::BIGINT AS {name}" for name in ("good", "bad", "unknown"))
    table = con.sql(
        f"SELECT indicator, minute, {sums}, arg_max(state, seq) AS state FROM {counts.relation()} "
        f"WHERE tenant = {text(tenant)} AND minute >= {start} AND minute < {end} AND seq < {seq} GROUP BY 1, 2"
    ).to_arrow_table()
    place = {identity: number for number, identity in enumerate(identities)}
    which = np.array([place.get(name, -1) for name in table.column("indicator").to_pylist()], dtype=np.int64)
    known = np.zeros((len(identities), end - start, 4), dtype=np.int64)
    mine = which >= 0
    minute = table.column("minute").to_numpy().astype(np.int64)[mine] - start
    for at, name in enumerate(("good", "bad", "unknown", "state")):
        known[which[mine], minute, at] = table.column(name).fill_null(0).to_numpy().astype(np.int64)[mine]
    return known


def _difference(
    tenant: str,
    source: str,
    identities: Sequence[str],
    found: Paired,
    start: int,
    was: npt.NDArray[np.int64] | None,
    seq: int,
) -> pa.Table:
    """Return the rows that turn what was counted into what is counted now."""
    now = np.stack([found.good, found.bad, found.unknown, found.state.astype(np.int64)], axis=2)
    was = np.zeros_like(now) if was is None else was
    which, place = np.nonzero((now != was).any(axis=2))
    step = (now - was)[which, place]
    zeros = np.zeros(len(which), dtype=np.int64)
    states = pa.array(now[which, place, 3].astype(np.int8))
    tallied = Tallied(place + start, zeros, step[:, 0], step[:, 1], step[:, 2], {"state": states})
    return counts_table(tenant, [identities[n] for n in which.tolist()], source, tallied, seq)
