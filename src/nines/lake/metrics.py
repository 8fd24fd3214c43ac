"""Counters from stored readings: the minutes that new readings touch are counted again, and the difference is stored.

Increments are never taken where readings arrive: a late reading, a repeat or a restart there would count wrong for
ever. Here they are taken from all that is known of a minute, each time something new is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from nines.lake.tables import EVENT_SCHEMA, sql_type
from nines.objectives.indicator import CounterIndicator
from nines.spans import MINUTE
from nines.telemetry.bulk import Membership, Paired, count_sides, pair_sides, read_apart
from nines.telemetry.counters import Samples, minute_ending
from nines.telemetry.datasource import DataSource
from nines.telemetry.heartbeat import alive_minutes
from nines.telemetry.readings import NAME
from nines.telemetry.selecting import Sides, Term
from nines.telemetry.series import Flags, Ints
from nines.telemetry.targets import Targets, interval_of

#: A series that was silent for longer than this begins anew: its next reading is a first one.
LOOKBACK_MS = 3_600_000
#: A pushed series created no longer before its first reading counts whole: nobody could have looked before.
YOUNG_MS = 150_000
Labels = Mapping[str, str]
#: Names of an indicator's sides, in the order of their rows.
SIDES = ("good", "bad", "total")


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter indicator and the series it means.

    Attributes:
        indicator: the definition.
        sides: its expressions as terms.
    """

    indicator: CounterIndicator
    sides: Sides


class Catalogue:
    """Which sides of which counters each series belongs to, decided once per series."""

    def __init__(self, counters: Sequence[Counter]) -> None:
        """Lay the terms of counters out by the metric they name.

        Args:
            counters: in the order of the results.
        """
        self.counters = tuple(counters)
        self.used = np.array([[bool(getattr(c.sides, n)) for n in SIDES] for c in counters], dtype=np.bool_).reshape(
            -1, 3
        )
        self._terms: dict[str, list[tuple[int, Term]]] = {}
        for number, counter in enumerate(counters):
            for place, name in enumerate(SIDES):
                for term in getattr(counter.sides, name):
                    self._terms.setdefault(term.metric or "", []).append((3 * number + place, term))
        self._known: dict[int, tuple[tuple[int, int], ...]] = {}

    def of(self, identity: int, labels: Labels) -> tuple[tuple[int, int], ...]:
        """Return the (side, sign) pairs of a series."""
        found = self._known.get(identity)
        if found is None:
            near = (*self._terms.get(labels.get(NAME, ""), ()), *self._terms.get("", ()))
            found = self._known[identity] = tuple((side, term.sign) for side, term in near if term.means(labels))
        return found


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
        self._identities, self._number = np.unique(series, return_inverse=True)
        self._labels = [labels.get(i, {}) for i in self._identities.tolist()]
        metrics = np.array([one.get(NAME, "") for one in self._labels], dtype=object)
        up, began = (np.flatnonzero(metrics == name) for name in ("up", "process_start_time_seconds"))
        self._targets = Targets(*self._some(up), *self._some(began))
        self.interval_ms = interval_of(self._samples(~self._delta))

    def _some(self, numbers: Ints) -> tuple[Samples, list[Labels]]:
        """Return the readings of a few series, numbered anew, and their labels."""
        at = np.isin(self._number, numbers)
        place = np.searchsorted(numbers, self._number[at])
        labels = [self._labels[n] for n in numbers.tolist()]
        return Samples(place, self._times[at], self._values[at], tuple(map(shown, labels)), self._created[at]), labels

    def _samples(self, kept: Flags) -> Samples:
        names = tuple(str(n) for n in range(len(self._identities)))
        return Samples(self._number[kept], self._times[kept], self._values[kept], names, self._created[kept])

    def pulses(self) -> Ints:
        """Return the minutes in which the source was heard: its targets' successful looks, or any reading."""
        return minute_ending(self._targets.every if len(self._targets.every) else np.unique(self._times))

    def count(self, catalogue: Catalogue, source: DataSource, start: int, end: int, since_ms: int) -> Paired:
        """Return the minutes [start, end) of every counter of a catalogue.

        Args:
            catalogue: what to count.
            source: its heartbeat tells silence from quiet.
            start: first grid minute.
            end: grid minute after the last.
            since_ms: instant from which all readings are here, UTC milliseconds.
        """
        alive = alive_minutes(self.pulses(), max(source.heartbeat.gap // MINUTE, 1), start, end)
        pairs = [
            (number, *pair)
            for number, identity in enumerate(self._identities.tolist())
            for pair in catalogue.of(identity, self._labels[number])
        ]
        series, side, sign = np.array(pairs, dtype=np.int64).reshape(-1, 3).T
        belongs = Membership(3 * len(catalogue.counters), series, side, sign)
        found = count_sides(
            self._samples(~self._delta), self._samples(self._delta), belongs,
            self._targets.scrapes_of_each(self._labels),
            interval_ms=self.interval_ms, start=start, end=end, since_ms=since_ms,
            young_ms=YOUNG_MS,
        )  # fmt: skip
        every = self._samples(np.ones(len(self._times), dtype=np.bool_))
        apart = read_apart(every, belongs, catalogue.used, start, end)
        return pair_sides(found, catalogue.used, alive, apart)


def shown(labels: Labels) -> str:
    """Return a series as Prometheus writes it."""
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
