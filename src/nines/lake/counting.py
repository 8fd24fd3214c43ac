"""What one flush adds to the counts: new rows counted, and differences where earlier counts must change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import duckdb
import numpy as np
import pyarrow as pa

from nines.lake.engine import connection
from nines.lake.metrics import Counter
from nines.lake.rollup import Counted, Split, Tallied, count_rows, text
from nines.lake.stamping import counts_table
from nines.lake.tables import COUNTS_SCHEMA, LakeTable
from nines.lake.units import UNIT, UNIT_OF_REPLACED, minus, session_counts, session_key_sql, unit_sums
from nines.objectives.indicator import CounterIndicator, EventIndicator, Indicator, SampleIndicator, ValueIndicator
from nines.telemetry.datasource import DataSource
from nines.telemetry.selecting import Sides

#: How far around new rows the rest of their trace, their session or their earlier versions is looked for.
REACH_US = {"trace": 3_600_000_000, "session": 7 * 86_400_000_000, "version": 2 * 86_400_000_000}
#: How rows are counted for an indicator: given SQL that can stand after FROM, and what to keep apart.
Count = Callable[[Counted, str, Split], Tallied]
Rolled = Counted | CounterIndicator
_KINDS = (EventIndicator, SampleIndicator, ValueIndicator)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a tenant's flush rolls up.

    Attributes:
        indicators: every indicator ever in force, by identity.
        sources: by name.
        sides: identity -> terms of the counter indicators.
    """

    indicators: Mapping[str, Indicator]
    sources: Mapping[str, DataSource]
    sides: Mapping[str, Sides] = field(default_factory=dict)
    _counters: dict[str, list[Counter]] = field(default_factory=dict, repr=False, compare=False)

    def counted(self, source: str) -> list[Counted]:
        """Return the indicators that count rows of a source."""
        return [i for i in self.indicators.values() if isinstance(i, _KINDS) and i.source == source]

    def rolled(self, source: str) -> list[Rolled]:
        """Return every indicator that the flush counts from a source's stored rows."""
        return [*self.counted(source), *(c.indicator for c in self.counters(source))]

    def counters(self, source: str) -> list[Counter]:
        """Return the indicators that count by the counters of a source."""
        if not self._counters:  # worked out once: a flush asks several times
            for i in self.indicators.values():
                sides = self.sides.get(i.identity) if isinstance(i, CounterIndicator) else None
                if isinstance(i, CounterIndicator) and sides is not None:
                    self._counters.setdefault(i.source, []).append(Counter(i, sides))
        return self._counters.get(source, [])


def source_of(wanted: Mapping[str, Wanted], tenant: str, name: str) -> DataSource:
    """Return a source as defined, or as pushed rows of a source nobody defined any more."""
    known = wanted[tenant].sources.get(name) if tenant in wanted else None
    return known or DataSource(name=name, type="events")


def by_source(rows: pa.Table) -> Iterator[tuple[str, str, duckdb.DuckDBPyConnection, str]]:
    """Yield each tenant and source among some rows, with a connection and SQL that reads its rows."""
    if not rows.num_rows:
        return
    with connection() as con:
        con.register("flushed", rows)
        for tenant, source in con.sql("SELECT DISTINCT tenant, source FROM flushed ORDER BY 1, 2").fetchall():
            yield tenant, source, con, f"(SELECT * FROM flushed WHERE {owned(tenant, source)})"


def owned(tenant: str, source: str) -> str:
    """Return SQL that is true for the rows of a tenant's source."""
    return f"tenant = {text(tenant)} AND source = {text(source)}"


def versions_sql(relation: str) -> str:
    """Return SQL that leaves of rows with one id the last, by event time."""
    latest = "row_number() OVER (PARTITION BY id ORDER BY time DESC, seq DESC) = 1"
    return f"(SELECT * FROM {relation} QUALIFY id IS NULL OR {latest})"


# ---- events


def event_counts(rows: pa.Table, events: LakeTable, wanted: Mapping[str, Wanted], seq: int) -> pa.Table:
    """Return what the new event rows of a flush add to the counts.

    Args:
        rows: those rows, as stored.
        events: table that holds them and all before.
        wanted: tenant -> what to roll up.
        seq: the flush.
    """
    parts = [COUNTS_SCHEMA.empty_table()]
    for tenant, name, con, relation in by_source(rows):
        source = source_of(wanted, tenant, name)
        stored = f"SELECT * FROM {events.relation()} WHERE {owned(tenant, name)} AND seq <= {seq}"
        one = _Events(con, relation, stored, source, seq)
        for indicator, tallied in one.counts(wanted[tenant].counted(name) if tenant in wanted else []):
            parts.append(counts_table(tenant, indicator.identity, name, tallied, seq))
    return pa.concat_tables(parts)


def past_counts(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    source: DataSource,
    indicator: Counted,
    seq: int,
    *,
    numbered: bool = True,
) -> list[Tallied]:
    """Return the counts of an indicator over all rows of its source at once, for one that was not counted before.

    Args:
        con: connection.
        relation: SQL that can stand after FROM: the source's rows.
        source: what its rows stand for.
        indicator: whose counts.
        seq: sequence under which counts of several rows together stand; rows counted alone keep their own.
        numbered: whether rows have a sequence of their own.
    """
    split = Split.of(con, relation, source.sampling)
    session = isinstance(indicator, EventIndicator) and indicator.session is not None
    if session:
        assert isinstance(indicator, EventIndicator)
        return [_under(session_counts(con, relation, indicator, split), seq)]
    own = numbered and not source.replaces
    counts = count_rows(con, relation, [indicator], seq=own, split=split)[0]
    found = [counts if own else _under(counts, seq)]
    unit = UNIT_OF_REPLACED if source.replaces else UNIT
    return [*found, _under(unit_sums(con, relation, indicator, split, unit), seq)] if split.weights else found


def _under(tallied: Tallied, seq: int) -> Tallied:
    return replace(tallied, seq=np.full(len(tallied.minute), seq))


class _Events:
    """New event rows of one source, and how to look at what they belong to."""

    def __init__(self, con: duckdb.DuckDBPyConnection, new: str, stored: str, source: DataSource, seq: int) -> None:
        self._con, self._new, self._stored, self._source, self._seq = con, new, stored, source, seq
        self._split = Split.of(con, new, source.sampling)

    def counts(self, indicators: list[Counted]) -> Iterator[tuple[Counted, Tallied]]:
        """Yield what the rows add; an indicator may come several times."""
        single = [i for i in indicators if not (isinstance(i, EventIndicator) and i.session is not None)]
        if self._source.replaces:
            for indicator in single:
                yield from self._by_key(indicator, "version", "id", self._rows)
                yield from self._by_key(indicator, "session", UNIT_OF_REPLACED, self._unit_sums)
        elif single:
            yield from zip(single, count_rows(self._con, self._new, single, split=self._split), strict=True)
            for indicator in single if self._split.weights else ():
                yield from self._by_key(indicator, "trace", UNIT, self._unit_sums)
        for indicator in indicators:
            if isinstance(indicator, EventIndicator) and indicator.session is not None:
                yield from self._changed(indicator, "session", session_key_sql(indicator.session), self._sessions)

    def _rows(self, indicator: Counted, rows: str, split: Split) -> Tallied:
        return count_rows(self._con, rows, [indicator], split=split)[0]

    def _unit_sums(self, indicator: Counted, rows: str, split: Split) -> Tallied:
        return unit_sums(self._con, rows, indicator, split, UNIT_OF_REPLACED if self._source.replaces else UNIT)

    def _sessions(self, indicator: Counted, rows: str, split: Split) -> Tallied:
        assert isinstance(indicator, EventIndicator)
        return session_counts(self._con, rows, indicator, split)

    def _by_key(self, indicator: Counted, what: str, key: str, count: Count) -> Iterator[tuple[Counted, Tallied]]:
        """Yield the counts of new rows without a key, and what changed of the keys that the others touch."""
        yield indicator, count(indicator, f"(SELECT * FROM {self._new} WHERE {key} IS NULL)", self._split)
        yield from self._changed(indicator, what, key, count)

    def _changed(self, indicator: Counted, what: str, key: str, count: Count) -> Iterator[tuple[Counted, Tallied]]:
        """Yield the counts of the keys that new rows touch as they are now, and take back what they were before."""
        low, high = self._con.sql(f"SELECT epoch_us(min(time)), epoch_us(max(time)) FROM {self._new}").fetchall()[0]
        reach = REACH_US[what]
        near = f"epoch_us(time) >= {low - reach} AND epoch_us(time) <= {high + reach}"
        if not self._source.replaces:
            concerned = f"{self._stored} AND {near} AND {key} IN (SELECT {key} FROM {self._new})"
        else:  # a version may have another key than the one it replaces, so both keys are concerned, with all versions
            around, ids = f"({self._stored} AND {near})", f"(SELECT id FROM {self._new})"
            keys = f"(SELECT {key} FROM {self._new} UNION SELECT {key} FROM {around} WHERE id IN {ids})"
            self._con.register("keys_touched", self._con.sql(f"SELECT * FROM {keys} AS k(key)").to_arrow_table())
            same = f"(SELECT id FROM {around} WHERE {key} IN (FROM keys_touched))"
            concerned = f"SELECT * FROM {around} WHERE {key} IN (FROM keys_touched) OR id IN {same}"
        self._con.register("concerned", self._con.sql(concerned).to_arrow_table())
        split = Split.of(self._con, "concerned", self._source.sampling)  # what earlier rows had, newer ones may lack
        after, before = "concerned", f"(SELECT * FROM concerned WHERE seq < {self._seq})"
        if self._source.replaces:
            after, before = (
                f"(SELECT * FROM {versions_sql(rows)} WHERE {key} IN (FROM keys_touched))" for rows in (after, before)
            )
        found = count(indicator, after, split), minus(count(indicator, before, split))
        self._con.unregister("concerned")
        yield from ((indicator, one) for one in found)
