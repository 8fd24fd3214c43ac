"""The roll-up: the one place where an indicator meets rows, in SQL on DuckDB.

All indicators of a source are counted in one scan. The same SQL runs over the lake's Parquet files and over
rows read for one question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
from nines.telemetry.series import Ints
from nines.telemetry.sketch import Sketch, bucket_sql, micros_sql, parts_for, usable_sql

Counted = EventIndicator | SampleIndicator | ValueIndicator
MINUTE_US = 60_000_000
_OPS = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}


@dataclass(frozen=True, slots=True, eq=False)
class Tallied:
    """Counts of one indicator by minute, and by flush where rows carry one.

    Attributes:
        minute: int64 grid minutes, ascending.
        seq: int64 flush sequence of the rows, or zeros.
        good, bad, unknown: int64 counts.
    """

    minute: Ints
    seq: Ints
    good: Ints
    bad: Ints
    unknown: Ints


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


def _number(value: Fraction) -> str:
    """Return a bound as the double nearest to it: samples are doubles, and are compared as such."""
    return f"CAST({float(value)!r} AS DOUBLE)"


def _sums(number: int, indicator: Counted) -> str:
    """Return the three counts of an indicator as SQL aggregates."""
    inside, good = scope_sql(indicator), verdict_sql(indicator)
    on_null = indicator.on_null if isinstance(indicator, EventIndicator) else "unknown"
    calls = {"good": f"{good} IS TRUE", "bad": f"{good} IS FALSE", "unknown": "false"}
    if on_null != "ignore":
        calls[on_null] = f"{good} IS NULL" if on_null == "unknown" else f"({calls[on_null]} OR {good} IS NULL)"
    scope = "" if inside == "true" else f"{inside} AND "
    return ", ".join(f"count(*) FILTER (WHERE {scope}{call}) AS {name}{number}" for name, call in calls.items())


def count_rows(
    con: duckdb.DuckDBPyConnection, relation: str, indicators: Sequence[Counted], *, seq: bool = False
) -> list[Tallied]:
    """Count the rows of a relation for several indicators, by minute.

    Args:
        con: connection that knows the relation.
        relation: SQL that can stand after FROM and has the event columns.
        indicators: what to count; all read the same rows.
        seq: whether to keep flush sequences apart.

    Returns:
        One result per indicator, in order; minutes without rows in its scope are left out.
    """
    found: list[Tallied | None] = [None] * len(indicators)
    for instant in dict.fromkeys(instant_sql(i) for i in indicators):
        group = [n for n, i in enumerate(indicators) if instant_sql(i) == instant]
        keys = "minute, seq" if seq else "minute"
        number = "seq" if seq else "0 AS seq"
        scopes = {n: scope_sql(indicators[n]) for n in group}
        shared = len(set(scopes.values())) == 1
        inner = ", ".join(_judged(n, indicators[n], scopes[n], shared=shared) for n in group)
        outer = ", ".join(_counted(n, shared=shared) for n in group)
        some = "true" if "true" in scopes.values() else f"({' OR '.join(dict.fromkeys(scopes.values()))})"
        table = con.sql(
            f"SELECT {keys}{'' if seq else ', 0 AS seq'}, {outer} FROM "
            f"(SELECT epoch_us({instant}) // {MINUTE_US} AS minute, {number}, {inner} FROM {relation} "
            f"WHERE {instant} IS NOT NULL AND {some}) GROUP BY {keys} ORDER BY {keys}"
        ).to_arrow_table()
        for n in group:
            found[n] = _tallied(table, n, indicators[n])
    return [t for t in found if t is not None]


def _judged(number: int, indicator: Counted, scope: str, *, shared: bool) -> str:
    """Return a row's judgement as SQL: g true, false or NULL, and s whether it is in scope at all.

    Where every indicator has the same scope it stands in WHERE, and s is not needed.
    """
    good = verdict_sql(indicator)
    on_null = indicator.on_null if isinstance(indicator, EventIndicator) else "unknown"
    if on_null in {"good", "bad"}:
        good = f"coalesce({good}, {'true' if on_null == 'good' else 'false'})"
    return f"{good} AS g{number}" if shared else f"{scope} AS s{number}, CASE WHEN {scope} THEN {good} END AS g{number}"


def _counted(number: int, *, shared: bool) -> str:
    every = "count(*)" if shared else f"coalesce(count_if(s{number}), 0)"
    good = f"coalesce(count_if(g{number}), 0) AS good{number}"  # count_if of NULLs alone is NULL
    return f"{good}, count(g{number}) AS known{number}, {every} AS every{number}"


def _tallied(table: pa.Table, number: int, indicator: Counted) -> Tallied:
    good, known, every = (table.column(f"{n}{number}").to_numpy().astype(np.int64) for n in ("good", "known", "every"))
    ignoring = isinstance(indicator, EventIndicator) and indicator.on_null == "ignore"
    unknown = np.zeros_like(known) if ignoring else every - known
    used = (known + unknown) > 0
    minute, seq = (table.column(n).to_numpy().astype(np.int64)[used] for n in ("minute", "seq"))
    return Tallied(minute, seq, good[used], (known - good)[used], unknown[used])


def pulse_minutes(
    con: duckdb.DuckDBPyConnection, relation: str, where: str = "", *, seq: bool = False
) -> tuple[Ints, Ints, Ints]:
    """Return the minutes in which a source had a heartbeat, with flush sequence and number of rows.

    Args:
        con: connection that knows the relation.
        relation: SQL that can stand after FROM.
        where: predicate that picks heartbeat rows, or "" for every row.
        seq: whether to keep flush sequences apart.
    """
    condition = f"AND ({parse(where).sql('duckdb')}) IS TRUE" if where else ""
    keys, number = ("minute, seq", "seq") if seq else ("minute", "0 AS seq")
    table = con.sql(
        f"SELECT epoch_us(time) // {MINUTE_US} AS minute, {number}, count(*) AS row_count FROM {relation} "
        f"WHERE time IS NOT NULL {condition} GROUP BY {keys} ORDER BY {keys}"
    ).to_arrow_table()
    return tuple(table.column(n).to_numpy().astype(np.int64) for n in ("minute", "seq", "row_count"))


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
) -> tuple[CoveredEvents, ...]:
    """Return the events of an indicator that exclusions cover, each under the first mode of `PRECEDENCE`.

    Args:
        con: connection that knows the relation.
        relation: SQL that can stand after FROM.
        indicator: whose events.
        exclusions: those whose scope or edges whole minutes cannot express.
        start: first grid minute.
        end: grid minute after the last.
    """
    instant = instant_sql(indicator)
    cases = []
    for mode in PRECEDENCE:
        hits = [_covers_sql(e, instant) for e in exclusions if e.mode == mode and e.spans]
        if hits:
            cases.append(f"WHEN {' OR '.join(hits)} THEN {text(mode)}")
    if not cases:
        return ()
    table = con.sql(
        f"SELECT mode, minute, {_sums(0, indicator)} FROM (SELECT *, epoch_us({instant}) // {MINUTE_US} AS minute, "
        f"CASE {' '.join(cases)} END AS mode FROM {relation}) "
        f"WHERE mode IS NOT NULL AND minute >= {start} AND minute < {end} GROUP BY 1, 2"
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
    arrays = {n: np.zeros(end - start, dtype=np.int64) for n in ("good", "bad", "unknown")}
    rows = [i for i, m in enumerate(table.column("mode").to_pylist()) if m == mode]
    place = table.column("minute").to_numpy()[rows].astype(np.int64) - start
    for name, values in arrays.items():
        values[place] = table.column(f"{name}0").to_numpy()[rows]
    return CoveredEvents(mode, arrays["good"], arrays["bad"], arrays["unknown"])
