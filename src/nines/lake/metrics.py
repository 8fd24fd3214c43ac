"""Counters from stored readings: the minutes that new readings touch are counted again, and the difference is stored.

Increments are never taken where readings arrive: a late reading, a repeat or a restart there would count wrong for
ever. Here they are taken from all that is known of a minute, each time something new is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import duckdb
import numpy as np
import pyarrow as pa

from nines.lake.tables import EVENT_SCHEMA, sql_type
from nines.objectives.indicator import CounterIndicator
from nines.spans import MINUTE
from nines.telemetry.counters import Increments, Samples, increments, minute_ending
from nines.telemetry.datasource import DataSource
from nines.telemetry.deltas import delta_increments
from nines.telemetry.heartbeat import alive_minutes
from nines.telemetry.pairing import combined, paired, with_pulses
from nines.telemetry.quality import Finding
from nines.telemetry.readings import NAME
from nines.telemetry.selecting import Sides, Term
from nines.telemetry.series import Ints, MinuteSeries
from nines.telemetry.targets import Targets, interval_of

#: A series that was silent for longer than this begins anew: its next reading is a first one.
LOOKBACK_MS = 3_600_000
Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter indicator and the series it means.

    Attributes:
        indicator: the definition.
        sides: its expressions as terms.
    """

    indicator: CounterIndicator
    sides: Sides


class Readout:
    """Readings of one source over a span of time, laid out by series."""

    def __init__(self, table: pa.Table, labels: Mapping[int, Labels]) -> None:
        """Take readings.

        Args:
            table: columns series, time (ms), value, created, delta, ordered by series and time.
            labels: series -> labels, of the source's series.
        """
        series, self._times, self._created = (
            table.column(n).to_numpy().astype(np.int64) for n in ("series", "time", "created")
        )
        self._values = table.column("value").to_numpy().astype(np.float64)
        self._delta = table.column("delta").to_numpy(zero_copy_only=False).astype(np.bool_)
        edges = np.flatnonzero(np.append(True, np.diff(series) != 0)) if len(series) else np.zeros(0, dtype=np.int64)
        ends = np.append(edges[1:], len(series)).tolist()
        self._place = {int(series[a]): (int(a), b) for a, b in zip(edges, ends, strict=True)}
        self._labels = {identity: labels[identity] for identity in self._place if identity in labels}
        self._by_metric: dict[str, list[int]] = {}
        for identity, one in self._labels.items():
            self._by_metric.setdefault(one.get(NAME, ""), []).append(identity)
        began = self._named("process_start_time_seconds")
        up = self._named("up")
        self._targets = Targets(self._samples(up), self._of(up), self._samples(began), self._of(began))
        self.interval_ms = interval_of(self._samples(list(self._place)))

    def _named(self, metric: str) -> list[int]:
        return self._by_metric.get(metric, [])

    def _of(self, identities: Sequence[int]) -> list[Labels]:
        return [self._labels.get(i, {}) for i in identities]

    def _samples(self, identities: Sequence[int], *, delta: bool = False) -> Samples:
        """Return the readings of some series, running totals or deltas."""
        places = [np.arange(*self._place[i]) for i in identities]
        at = np.concatenate(places) if places else np.zeros(0, dtype=np.int64)
        number = np.repeat(np.arange(len(places)), [len(p) for p in places])
        kept = self._delta[at] == delta
        at, number = at[kept], number[kept]
        names = tuple(_shown(one) for one in self._of(identities))
        return Samples(number, self._times[at], self._values[at], names, self._created[at])

    def pulses(self) -> Ints:
        """Return the minutes in which the source was heard: its targets' successful looks, or any reading."""
        return minute_ending(self._targets.every if len(self._targets.every) else np.unique(self._times))

    def count(
        self, counter: Counter, source: DataSource, start: int, end: int, since_ms: int
    ) -> tuple[MinuteSeries, tuple[Finding, ...]]:
        """Return an indicator's minutes [start, end) and what was odd.

        Args:
            counter: what to count.
            source: its heartbeat tells silence from quiet.
            start: first grid minute.
            end: grid minute after the last.
            since_ms: instant from which all readings are here, UTC milliseconds.
        """
        alive = alive_minutes(self.pulses(), max(source.heartbeat.gap // MINUTE, 1), start, end)
        made = {
            name: with_pulses(self._side(terms, start, end, since_ms), alive)
            for name in ("good", "bad", "total")
            if (terms := getattr(counter.sides, name))
        }
        return paired(counter.indicator.name, good=made.get("good"), bad=made.get("bad"), total=made.get("total"))

    def _side(self, terms: Sequence[Term], start: int, end: int, since_ms: int) -> Increments:
        parts = [(t.sign, self._term(t, start, end, since_ms)) for t in terms]
        return reduce(lambda left, right: combined(left, right[1], right[0]), parts[1:], parts[0][1])

    def _term(self, term: Term, start: int, end: int, since_ms: int) -> Increments:
        metric = term.metric
        near = self._labels if metric is None else self._named(metric)
        meant = [i for i in near if term.means(self._labels[i])]
        scrapes = self._targets.scrapes(self._of(meant))
        running = increments(
            self._samples(meant), interval_ms=self.interval_ms, start=start, end=end, since_ms=since_ms, scrapes=scrapes
        )
        deltas = self._samples(meant, delta=True)
        return combined(running, delta_increments(deltas, start=start, end=end)) if len(deltas.times) else running


def _shown(labels: Labels) -> str:
    inner = ",".join(f'{k}="{v}"' for k, v in labels.items() if k != NAME)
    return f"{labels.get(NAME, '')}{{{inner}}}"


def touched(con: duckdb.DuckDBPyConnection, stored: str, new: pa.Table) -> tuple[int, int]:
    """Return the minutes [start, end) whose counts new readings can change.

    Args:
        con: connection.
        stored: SQL of the source's readings, the new ones included.
        new: series and time of the new readings, at least one.
    """
    con.register("fresh", new)
    low, high = con.sql("SELECT min(time), max(time) FROM fresh").fetchall()[0]
    near = f"(SELECT series, time FROM {stored} WHERE time >= {low - LOOKBACK_MS} AND time <= {high + LOOKBACK_MS})"
    before, after = con.sql(
        "WITH ends AS (SELECT series, min(time) AS a, max(time) AS b FROM fresh GROUP BY 1), around AS ("
        f"SELECT max(o.time) FILTER (WHERE o.time < e.a) AS p, min(o.time) FILTER (WHERE o.time > e.b) AS q "
        f"FROM {near} AS o JOIN ends AS e USING (series) GROUP BY e.series) SELECT min(p), max(q) FROM around"
    ).fetchall()[0]
    con.unregister("fresh")
    ends = np.array([low if before is None else min(low, before + 1), high if after is None else max(high, after)])
    first, last = minute_ending(ends).tolist()
    return first, last + 1


def read_out(
    con: duckdb.DuckDBPyConnection, stored: str, labels: Mapping[int, Labels], start: int, end: int
) -> Readout:
    """Return the readings that the counts of the minutes [start, end) rest on."""
    low, high = start * 60_000 - LOOKBACK_MS, end * 60_000
    table = con.sql(
        f"SELECT series, time, value, created, delta FROM {stored} WHERE time > {low} AND time <= {high} "
        "ORDER BY series, time"
    ).to_arrow_table()
    return Readout(table, labels)


def as_events(stored: str, labels: str) -> str:
    """Return SQL that shows readings as event rows: operation the metric, attributes the labels, value the value.

    Args:
        stored: SQL of readings.
        labels: SQL of series and their labels.
    """
    shown = {
        "time": "make_timestamptz(r.time * 1000)", "value": "r.value", "attributes": "l.labels",
        "operation": _label("__name__"), "service": _label("service_name"), "version": _label("service_version"),
        "region": _label("cloud_region"), "host": _label("instance"), "site": _label("site"),
    }  # fmt: skip
    columns = ", ".join(f"{shown.get(f.name, f'CAST(NULL AS {sql_type(f.type)})')} AS {f.name}" for f in EVENT_SCHEMA)
    return f"(SELECT {columns}, r.seq AS seq FROM {stored} AS r JOIN {labels} AS l USING (series))"


def _label(name: str) -> str:
    return f"l.labels['{name}']"
