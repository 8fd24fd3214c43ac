"""Counts that need more than one row at a time: sampling units (traces) and user sessions.

Both are taken of whole keys: when new rows touch a key, its counts before and after are taken, and the flush stores
the difference. So a row that comes late moves its session or trace, and what was known earlier stays what it was.
"""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa

from nines.lake.rollup import MINUTE_US, Counted, Split, Tallied, instant_sql, judged_sql, scope_sql
from nines.objectives.indicator import EventIndicator, SessionRule
from nines.predicates import parse_key

#: Sums over sampling units, columns of the counts table.
MOMENTS = ("units", "un", "ub", "nn", "nb", "bb")


#: What sampling keeps or drops as one: a trace; of sources whose rows replace one another, a visit.
UNIT, UNIT_OF_REPLACED = "trace", "coalesce(session, id)"


def unit_sums(
    con: duckdb.DuckDBPyConnection, relation: str, indicator: Counted, split: Split, unit: str = UNIT
) -> Tallied:
    """Return the sums over sampling units of the rows whose weight is known and not 1.

    A unit is kept whole within a site and weight, and belongs to the minute of its last event; a row without one is a
    unit by itself. Source: the sums are what the variance of a Horvitz-Thompson total needs (docs/reference/sampling).

    Args:
        con: connection that knows the relation.
        relation: SQL that can stand after FROM and has the event columns.
        indicator: which rows, and which of them are bad.
        split: what counts are kept apart by; without weights there is nothing to sum.
        unit: SQL for the key of a row's unit, `UNIT` or `UNIT_OF_REPLACED`.
    """
    if not split.weights:
        none = np.zeros(0, dtype=np.int64)
        return Tallied(none, none, none, none, none)
    keys = ", ".join(split.keys)
    count = "n" if split.bundled else "1"
    sums = {"un": "n", "ub": "b", "nn": "n * n", "nb": "n * b", "bb": "b * b"}
    each = ", ".join(f"sum({what})::BIGINT AS {name}" for name, what in sums.items())
    moment = f"epoch_us({instant_sql(indicator)}) // {MINUTE_US}"
    table = con.sql(
        f"SELECT minute, {keys}, count(*) AS units, {each} FROM (SELECT max(minute) AS minute, {keys}, "
        f"sum({count}) AS n, "
        f"sum(CASE WHEN g THEN 0 ELSE {count} END) AS b FROM (SELECT {moment} AS minute, {judged_sql(indicator)} AS g, "
        f"coalesce({unit}, 'row/' || row_number() OVER ()) AS unit{split.columns()} FROM {relation} "
        f"WHERE {instant_sql(indicator)} IS NOT NULL AND {scope_sql(indicator)}) "
        f"WHERE g IS NOT NULL AND weight_num <> weight_den AND weight_num <> 0 GROUP BY unit, {keys}) "
        f"GROUP BY minute, {keys} ORDER BY minute, {keys}"
    ).to_arrow_table()
    zeros = np.zeros(table.num_rows, dtype=np.int64)
    more = {name: table.column(name) for name in (*split.keys, *MOMENTS)}
    return Tallied(table.column("minute").to_numpy().astype(np.int64), zeros, zeros, zeros, zeros, more)


def session_key_sql(rule: SessionRule) -> str:
    """Return SQL for the key of a row's session, a text; NULL when it belongs to none."""
    return f"CAST({parse_key(rule.key).sql('duckdb')} AS VARCHAR)"


def session_counts(con: duckdb.DuckDBPyConnection, relation: str, indicator: EventIndicator, split: Split) -> Tallied:
    """Return how many sessions were good, bad or unknown, each in the minute of its last (or first) event.

    Args:
        con: connection that knows the relation.
        relation: SQL that can stand after FROM and holds every row of the sessions in question.
        indicator: with a session rule.
        split: what counts are kept apart by; a session has the site and weight of its first event.
    """
    rule = indicator.session
    assert rule is not None
    keys = "".join(f", {name}" for name in split.keys)
    firsts = "".join(f", first({name} ORDER BY t{keys}) AS {name}" for name in split.keys)
    moment = f"epoch_us({instant_sql(indicator)})" if indicator.assign == "start" else "epoch_us(time)"
    ignoring = "AND g IS NOT NULL" if indicator.on_null == "ignore" else ""
    gap = int(rule.gap // type(rule.gap).resolution)
    table = con.sql(
        f"WITH judged AS (SELECT {session_key_sql(rule)} AS key, {moment} AS t, {judged_sql(indicator)} AS g"
        f"{split.columns()} FROM {relation} WHERE time IS NOT NULL AND {scope_sql(indicator)}), "
        f"apart AS (SELECT *, coalesce(t - lag(t) OVER (PARTITION BY key ORDER BY t) > {gap}, true) AS new "
        f"FROM judged WHERE key IS NOT NULL AND t IS NOT NULL {ignoring}), "
        "numbered AS (SELECT *, count_if(new) OVER (PARTITION BY key ORDER BY t, new DESC "
        "ROWS UNBOUNDED PRECEDING) AS number FROM apart), "
        f"sessions AS (SELECT {'min' if indicator.assign == 'start' else 'max'}(t) // {MINUTE_US} AS minute, "
        f"{_verdict(rule)} AS v{firsts} FROM numbered GROUP BY key, number) "
        f"SELECT minute{keys}, coalesce(count_if(v), 0)::BIGINT AS good, count(v)::BIGINT AS known, "
        f"count(*)::BIGINT AS every FROM sessions GROUP BY minute{keys} ORDER BY minute{keys}"
    ).to_arrow_table()
    minute, good, known, every = (
        table.column(n).to_numpy().astype(np.int64) for n in ("minute", "good", "known", "every")
    )
    more: dict[str, object] = {name: table.column(name) for name in split.keys}
    if split.weights:  # a session is its own sampling unit
        weighted = np.not_equal(table.column("weight_num").to_numpy(), table.column("weight_den").to_numpy())
        bad = (known - good) * weighted
        whole = known * weighted
        more |= {"units": whole, "un": whole, "ub": bad, "nn": whole, "nb": bad, "bb": bad}
    return Tallied(minute, np.zeros_like(good), good, known - good, every - known, more)


def _verdict(rule: SessionRule) -> str:
    """Return SQL over a session's events: true good, false bad, NULL when it hangs on an event that is not known."""
    good, bad, unknown = "count_if(g)", "count_if(NOT g)", "count_if(g IS NULL)"
    if rule.good == "last":
        return "last(g ORDER BY t, coalesce(CAST(g AS INTEGER), 2) DESC)"
    if rule.good == "any":
        return f"CASE WHEN {good} > 0 THEN true WHEN {unknown} = 0 THEN false END"
    if rule.good == "share":
        p, q = rule.share.numerator, rule.share.denominator
        least, most = f"coalesce({good}, 0) * {q}", f"(coalesce({good}, 0) + {unknown}) * {q}"
        return f"CASE WHEN {least} >= {p} * count(*) THEN true WHEN {most} < {p} * count(*) THEN false END"
    return f"CASE WHEN {bad} > 0 THEN false WHEN {unknown} = 0 THEN true END"


def minus(tallied: Tallied) -> Tallied:
    """Return counts with every sign turned, to take back what was counted before."""
    more = {
        name: pa.array(-np.asarray(values, dtype=np.int64)) if name in MOMENTS else values
        for name, values in tallied.more.items()
    }
    return Tallied(tallied.minute, tallied.seq, -tallied.good, -tallied.bad, -tallied.unknown, more)
