"""The roll-up: the one place where an indicator meets rows, in SQL on DuckDB.

All indicators of a source are counted in one scan. The same SQL runs over the lake's Parquet files and over
rows read for one question.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from nines.evaluation.evidence import CoveredEvents
from nines.objectives.exclusion import PRECEDENCE, Exclusion
from nines.objectives.indicator import EventIndicator, SampleIndicator, StateIndicator, ValueIndicator
from nines.predicates import parse, parse_key, parse_value
from nines.spans import EPOCH
from nines.telemetry.datasource import Sampling
from nines.telemetry.series import Ints
from nines.telemetry.sketch import Sketch, bucket_sql, micros_sql, parts_for, usable_sql

Counted = EventIndicator | SampleIndicator | ValueIndicator
MINUTE_US = 60_000_000
#: Sums below this fit 64 bits.
_WHOLE = 2**62
_OPS = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}


@dataclass(frozen=True, slots=True)
class Split:
    """What the counts of a relation are kept apart by, beside the minute.

    Attributes:
        sites: whether rows name the site they were measured at.
        weights: whether rows have weights, or stand for more than themselves.
        bundled: whether a row can bundle several events.
        weight: weight of a row that states none, or None when nobody can say.
        cells: SQL for each dimension that rows are kept apart by, a text or NULL; its column is `cell_columns`'.
    """

    sites: bool = False
    weights: bool = False
    bundled: bool = False
    weight: Fraction | None = Fraction(1)
    cells: tuple[str, ...] = ()

    @classmethod
    def of(cls, con: duckdb.DuckDBPyConnection, relation: str, sampling: Sampling) -> Split:
        """Return what the rows of a relation ask for.

        Args:
            con: connection that knows the relation.
            relation: SQL that can stand after FROM and has the event columns.
            sampling: what a row without a weight stands for.
        """
        told = "count(site), count(coalesce(weight_num, CAST(weight AS BIGINT))), count(bundled)"
        sites, weights, bundled = _one(con, f"SELECT {told} FROM {relation}")
        return cls(sites > 0, weights > 0 or sampling.weight != 1, bundled > 0, sampling.weight)

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the columns counts are kept apart by."""
        weights = ("weight_num", "weight_den") if self.weights else ()
        return (*(("site",) if self.sites else ()), *weights, *self.cell_columns)

    @property
    def cell_columns(self) -> tuple[str, ...]:
        """Names of the columns that hold the dimensions, in order."""
        return tuple(f"cell{number}" for number in range(len(self.cells)))

    def columns(self) -> str:
        """Return SQL for the key columns and `n`, the events of a row; begins with a comma where there are any."""
        found = ["coalesce(site, '') AS site"] if self.sites else []
        if self.weights:
            num, den = (0, 1) if self.weight is None else (self.weight.numerator, self.weight.denominator)
            # A weight given as a decimal number is read to six places; an exact one has its two whole numbers.
            given = "CAST(round(weight * 1000000) AS BIGINT)"
            shared = f"greatest(gcd({given}, 1000000), 1)"
            found.append(f"coalesce(weight_num, {given} // {shared}, {num}) AS weight_num")
            found.append(
                f"CASE WHEN weight_num IS NOT NULL THEN weight_den WHEN weight IS NOT NULL THEN 1000000 // {shared} "
                f"ELSE {den} END AS weight_den"
            )
        found += ["coalesce(bundled, 1) AS n"] if self.bundled else []
        found += [f"{sql} AS {name}" for name, sql in zip(self.cell_columns, self.cells, strict=True)]
        return "".join(f", {column}" for column in found)


@dataclass(frozen=True, slots=True, eq=False)
class Tallied:
    """Counts of one indicator by minute, by flush where rows carry one, and by what `Split` keeps apart.

    Attributes:
        minute: int64 grid minutes, ascending.
        seq: int64 flush sequence of the rows, or zeros.
        good, bad, unknown: int64 counts; differences may be negative.
        more: further columns of the counts table by name, each as long; what is not there has its default.
    """

    minute: Ints
    seq: Ints
    good: Ints
    bad: Ints
    unknown: Ints
    more: Mapping[str, Any] = field(default_factory=dict)


def text(value: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + value.replace("'", "''") + "'"


def scope_sql(indicator: Counted | StateIndicator) -> str:
    """Return SQL that is true for the rows an indicator is about; NULL is out of scope."""
    return f"(({parse(indicator.where).sql('duckdb')}) IS TRUE)" if indicator.where else "true"


def instant_sql(indicator: Counted) -> str:
    """Return SQL for the instant an event belongs to: its end, or its start where the indicator says so."""
    if isinstance(indicator, EventIndicator) and indicator.assign == "start":
        shift = "to_microseconds(CAST(coalesce(duration_ms, 0) * 1000 AS BIGINT))"
        return f"coalesce(start, time - {shift})"
    return "time"


def verdict_sql(indicator: Counted) -> str:
    """Return SQL that is true for a good row, false for a bad one and NULL for one that cannot be judged."""
    if isinstance(indicator, ValueIndicator):
        return f"CASE WHEN {usable_sql(parse_value(indicator.value).sql('duckdb'))} THEN true END"
    if isinstance(indicator, SampleIndicator):
        value = parse_value(indicator.value).sql("duckdb")
        return f"(nullif({value}, CAST('nan' AS DOUBLE)) {_OPS[indicator.op]} {_number(indicator.bound)})"
    return f"({parse(indicator.good).sql('duckdb')})"


def judged_sql(indicator: Counted) -> str:
    """Return a row's judgement with `on_null` applied: true, false, or NULL for unknown (or ignored)."""
    good = verdict_sql(indicator)
    on_null = indicator.on_null if isinstance(indicator, EventIndicator) else "unknown"
    return f"coalesce({good}, {'true' if on_null == 'good' else 'false'})" if on_null in {"good", "bad"} else good


def _number(value: Fraction) -> str:
    """Return a bound as the double nearest to it: samples are doubles, and are compared as such."""
    return f"CAST({float(value)!r} AS DOUBLE)"


def count_rows(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    indicators: Sequence[Counted],
    *,
    seq: bool = False,
    split: Split = Split(),
) -> list[Tallied]:
    """Count the rows of a relation for several indicators, by minute.

    Args:
        con: connection that knows the relation.
        relation: SQL that can stand after FROM and has the event columns.
        indicators: what to count; all read the same rows.
        seq: whether to keep flush sequences apart.
        split: what else to keep apart.

    Returns:
        One result per indicator, in order; minutes without rows in its scope are left out.
    """
    found: list[Tallied | None] = [None] * len(indicators)
    for instant in dict.fromkeys(instant_sql(i) for i in indicators):
        group = [n for n, i in enumerate(indicators) if instant_sql(i) == instant]
        keys = ", ".join(("minute", *(("seq",) if seq else ()), *split.keys))
        number = "seq" if seq else "0 AS seq"
        scopes = {n: scope_sql(indicators[n]) for n in group}
        shared = len(set(scopes.values())) == 1
        inner = ", ".join(_judged(n, indicators[n], scopes[n], shared=shared) for n in group)
        outer = ", ".join(_counted(n, shared=shared, bundled=split.bundled) for n in group)
        some = "true" if "true" in scopes.values() else f"({' OR '.join(dict.fromkeys(scopes.values()))})"
        table = con.sql(
            f"SELECT {keys}{'' if seq else ', 0 AS seq'}, {outer} FROM "
            f"(SELECT epoch_us({instant}) // {MINUTE_US} AS minute, {number}{split.columns()}, {inner} "
            f"FROM {relation} WHERE {instant} IS NOT NULL AND {some}) GROUP BY {keys} ORDER BY {keys}"
        ).to_arrow_table()
        for n in group:
            found[n] = _tallied(table, n, indicators[n], split)
    return [t for t in found if t is not None]


def _judged(number: int, indicator: Counted, scope: str, *, shared: bool) -> str:
    """Return a row's judgement as SQL: g true, false or NULL, and s whether it is in scope at all.

    Where every indicator has the same scope it stands in WHERE, and s is not needed.
    """
    good = judged_sql(indicator)
    return f"{good} AS g{number}" if shared else f"{scope} AS s{number}, CASE WHEN {scope} THEN {good} END AS g{number}"


def _counted(number: int, *, shared: bool, bundled: bool) -> str:
    if bundled:
        every = "true" if shared else f"s{number}"
        calls = {"good": f"g{number}", "known": f"g{number} IS NOT NULL", "every": every}
        return ", ".join(
            f"coalesce(sum(n) FILTER (WHERE {call}), 0)::BIGINT AS {k}{number}" for k, call in calls.items()
        )
    every = "count(*)" if shared else f"coalesce(count_if(s{number}), 0)"
    good = f"coalesce(count_if(g{number}), 0) AS good{number}"  # count_if of NULLs alone is NULL
    return f"{good}, count(g{number}) AS known{number}, {every} AS every{number}"


def _tallied(table: pa.Table, number: int, indicator: Counted, split: Split) -> Tallied:
    good, known, every = (table.column(f"{n}{number}").to_numpy().astype(np.int64) for n in ("good", "known", "every"))
    ignoring = isinstance(indicator, EventIndicator) and indicator.on_null == "ignore"
    unknown = np.zeros_like(known) if ignoring else every - known
    used = (known + unknown) > 0
    minute, seq = (table.column(n).to_numpy().astype(np.int64)[used] for n in ("minute", "seq"))
    more = {name: table.column(name).filter(pa.array(used)) for name in split.keys}
    return Tallied(minute, seq, good[used], (known - good)[used], unknown[used], more)


def pulse_minutes(con: duckdb.DuckDBPyConnection, relation: str, where: str = "") -> tuple[Ints, Ints, list[str]]:
    """Return the minutes in which a source had a heartbeat at a site, the number of rows, and the sites.

    Args:
        con: connection that knows the relation.
        relation: SQL that can stand after FROM.
        where: predicate that picks heartbeat rows, or "" for every row.
    """
    condition = f"AND ({parse(where).sql('duckdb')}) IS TRUE" if where else ""
    table = con.sql(
        f"SELECT epoch_us(time) // {MINUTE_US} AS minute, coalesce(site, '') AS site, count(*) AS row_count "
        f"FROM {relation} WHERE time IS NOT NULL {condition} GROUP BY 1, 2 ORDER BY 1, 2"
    ).to_arrow_table()
    minute, number = (table.column(n).to_numpy().astype(np.int64) for n in ("minute", "row_count"))
    return minute, number, table.column("site").to_pylist()


def state_rows(con: duckdb.DuckDBPyConnection, relation: str, indicator: StateIndicator) -> pa.Table:
    """Return the rows of a state indicator: instant (us), whether up (NULL unknown) and the watched key."""
    key = f"CAST({parse_key(indicator.key).sql('duckdb')} AS VARCHAR)" if indicator.key else "''"
    return con.sql(
        f"SELECT epoch_us(time) AS moment, ({parse(indicator.good).sql('duckdb')}) AS up, coalesce({key}, '') AS key "
        f"FROM {relation} WHERE {scope_sql(indicator)} AND time IS NOT NULL ORDER BY key, moment"
    ).to_arrow_table()


def sketch_rows(con: duckdb.DuckDBPyConnection, relation: str, indicator: ValueIndicator) -> Sketch:
    """Return the sketch of the values an indicator reads from a relation.

    Args:
        con: connection that knows the relation.
        relation: SQL that can stand after FROM, limited to the minutes in question.
        indicator: which value of which rows.
    """
    parts, value = parts_for(indicator.relative_error), f"CAST({parse_value(indicator.value).sql('duckdb')} AS DOUBLE)"
    inside = f"FROM (SELECT {value} AS v FROM {relation} WHERE {scope_sql(indicator)})"
    usable = usable_sql("v")
    buckets = con.sql(
        f"SELECT {bucket_sql('v', parts)} AS bucket, count(*) AS n {inside} WHERE {usable} GROUP BY 1 ORDER BY 1"
    ).fetchall()
    figures = (
        f"count(*) FILTER (WHERE {usable}), coalesce(sum({micros_sql('v')}) FILTER (WHERE {usable}), 0)",
        f"min(v) FILTER (WHERE {usable}), max(v) FILTER (WHERE {usable}), count(*) FILTER (WHERE NOT {usable})",
    )
    count, micros, least, greatest, unknown = _one(con, f"SELECT {', '.join(figures)} {inside}")
    return Sketch(parts, count, unknown, int(micros), least, greatest, tuple((int(b), int(n)) for b, n in buckets))


def _one(con: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    return tuple(con.sql(query).fetchall()[0])


def covered_rows(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    indicator: Counted,
    exclusions: Sequence[Exclusion],
    start: int,
    end: int,
    sampling: Sampling | None = None,
) -> tuple[CoveredEvents, ...]:
    """Return the events of an indicator that exclusions cover, each under the first mode of `PRECEDENCE`.

    Args:
        con: connection that knows the relation.
        relation: SQL that can stand after FROM.
        indicator: whose events.
        exclusions: those whose scope or edges whole minutes cannot express.
        start: first grid minute.
        end: grid minute after the last.
        sampling: what a row without a weight stands for; every row is kept unless given.
    """
    instant = instant_sql(indicator)
    cases = []
    for mode in PRECEDENCE:
        hits = [_covers_sql(e, instant) for e in exclusions if e.mode == mode and e.spans]
        if hits:
            cases.append(f"WHEN {' OR '.join(hits)} THEN {text(mode)}")
    if not cases:
        return ()
    split = replace(Split.of(con, relation, sampling or Sampling()), sites=False, bundled=True)
    keys = ", ".join(("mode", "minute", *split.keys))
    ignoring = isinstance(indicator, EventIndicator) and indicator.on_null == "ignore"
    calls = {"good": "g", "bad": "NOT g", "unknown": "false" if ignoring else "g IS NULL"}
    sums = ", ".join(f"coalesce(sum(n) FILTER (WHERE {c}), 0)::BIGINT AS {name}" for name, c in calls.items())
    table = con.sql(
        f"SELECT {keys}, {sums} FROM (SELECT {judged_sql(indicator)} AS g, epoch_us({instant}) // {MINUTE_US} AS minute"
        f"{split.columns()}, CASE {' '.join(cases)} END AS mode FROM {relation} WHERE {scope_sql(indicator)}) "
        f"WHERE mode IS NOT NULL AND minute >= {start} AND minute < {end} GROUP BY {keys}"
    ).to_arrow_table()
    return tuple(_covered(table, mode, start, end) for mode in PRECEDENCE if mode in table.column("mode").to_pylist())


def _covers_sql(exclusion: Exclusion, instant: str) -> str:
    scope = f"({parse(exclusion.where).sql('duckdb')}) IS TRUE" if exclusion.where else "true"
    inside = " OR ".join(
        f"(epoch_us({instant}) >= {_us(s.start)} AND epoch_us({instant}) < {_us(s.end)})" for s in exclusion.spans
    )
    return f"({scope} AND ({inside}))"


def _us(at: Any) -> int:  # noqa: ANN401 - an aware instant
    return int((at - EPOCH) // EPOCH.resolution)


def _covered(table: pa.Table, mode: Any, start: int, end: int) -> CoveredEvents:  # noqa: ANN401 - an ExclusionMode
    rows = [i for i, m in enumerate(table.column("mode").to_pylist()) if m == mode]
    place = table.column("minute").to_numpy()[rows].astype(np.int64) - start
    weights = [Fraction(1)] * len(rows)
    if "weight_num" in table.column_names:
        num, den = (table.column(n).to_pylist() for n in ("weight_num", "weight_den"))
        weights = [Fraction(num[i], den[i]) if num[i] else Fraction(1) for i in rows]
    scale = math.lcm(*(w.denominator for w in weights))
    factors = np.array([int(w * scale) for w in weights], dtype=object)
    sums = []
    for name in ("good", "bad", "unknown"):
        kept = table.column(name).to_numpy()[rows].astype(object) * factors
        dense = np.zeros(end - start, dtype=object)
        np.add.at(dense, place, kept)
        sums.append(dense if int(dense.sum()) >= _WHOLE else dense.astype(np.int64))
    return CoveredEvents(mode, sums[0], sums[1], sums[2], scale)
