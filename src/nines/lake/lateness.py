"""Delays of stored rows by hour of their event: what lateness is learnt from.

One rule: an hour's delays are those of the rows that the last flush before its close had brought. They never change
afterwards, so an hour is counted once and kept, and counted again it is the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa

from nines.lake.counting import owned
from nines.lake.engine import connection
from nines.lake.flush import Tables
from nines.lake.rollup import instant_sql, judged_sql, scope_sql, text
from nines.lake.tables import DELAYS_SCHEMA
from nines.objectives.indicator import EventIndicator, Indicator, SampleIndicator
from nines.spans import EPOCH, Span
from nines.telemetry.datasource import DataSource
from nines.telemetry.lateness import Delays, Lateness
from nines.telemetry.settling import EDGES, HOUR, LEARNT_HOURS, Learnt, closes_at

HOUR_US = 3_600_000_000
#: Delays are told apart this finely before they are put into buckets, microseconds.
_FINE_US = 250_000
#: The bucket of each delay in quarter seconds; longer ones, of a backlog, have none.
_BUCKETS = pa.table({
    "fine": np.arange(EDGES[-1] // _FINE_US + 1),
    "bucket": np.searchsorted(EDGES, np.arange(EDGES[-1] // _FINE_US + 1) * _FINE_US, side="left"),
})  # fmt: skip
#: Indicators that are asked at most which rows of a source are bad.
MOST_JUDGES = 50
#: Outcomes of rows: bad or good as the source's indicators judge them, or rows that tell neither alone.
GOOD, BAD, BOTH = 0, 1, 2
#: Marks the first hour that was ever kept under a rule.
_BEGINS = -1


@dataclass(frozen=True, slots=True)
class Rule:
    """How the rows of a source are told apart, and the name under which its hours are kept.

    Attributes:
        source: whose rows.
        judges: indicators that say which rows are bad; a row is bad where any of them says so.
        name: hash over all that the outcome and the delay of a row depend on.
    """

    source: DataSource
    judges: tuple[EventIndicator | SampleIndicator, ...]
    name: str

    @classmethod
    def of(cls, source: DataSource, indicators: Iterable[Indicator]) -> Rule:
        """Return the rule of a source under the indicators in force."""
        judges = {
            i.identity: i
            for i in indicators
            if isinstance(i, EventIndicator | SampleIndicator) and i.source == source.name and not source.metric
        }
        chosen = sorted(judges)[:MOST_JUDGES]
        meaning = repr((EDGES, source.metric, chosen))
        name = hashlib.sha256(meaning.encode()).hexdigest()[:16]
        return cls(source, tuple(judges[key] for key in chosen), name)

    def instant(self) -> str:
        """Return SQL for the microsecond an event is counted at: the earliest that any indicator counts it at."""
        starting = next((i for i in self.judges if isinstance(i, EventIndicator) and i.assign == "start"), None)
        return f"epoch_us({instant_sql(starting) if starting is not None else 'time'})"

    def outcome(self) -> str:
        """Return SQL for the outcome of a row, NULL where nobody judges it."""
        if not self.judges:
            return str(BOTH)
        judged = [f"({scope_sql(i)} AND ({judged_sql(i)}) IS {{}})" for i in self.judges]
        bad, good = (" OR ".join(one.format(word) for one in judged) for word in ("FALSE", "TRUE"))
        return f"CASE WHEN {bad} THEN {BAD} WHEN {good} THEN {GOOD} END"


def learnt(tables: Tables, tenant: str, rule: Rule, last: int) -> Learnt | None:
    """Return the lateness of a source over the closed hours up to one, as known when each closed; None without rows.

    Args:
        tables: of the lake.
        tenant: owner.
        rule: of the source.
        last: newest hour, hours since 1970; it is closed.
    """
    first = last - LEARNT_HOURS + 1
    held_from, held_to = _held(tables, tenant, rule)
    parts = [
        counted(tables, tenant, rule, low, high)
        for low, high in ((first, min(last, held_from - 1)), (max(first, held_to + 1), last))
        if low <= high
    ]
    if max(first, held_from) <= min(last, held_to):
        parts.append(_kept(tables, tenant, rule, first, last))
    return _summed(pa.concat_tables(parts)) if parts else None


def keep_hours(tables: Tables, tenant: str, rule: Rule, last: int) -> int:
    """Count the hours that closed since the last time and keep them; returns how many; the caller holds the lease.

    Args:
        tables: of the lake.
        tenant: owner.
        rule: of the source.
        last: newest closed hour, hours since 1970.
    """
    held_from, held_to = _held(tables, tenant, rule)
    first = held_to + 1 if held_from <= held_to else last - LEARNT_HOURS + 1
    if first > last:
        return 0
    found = counted(tables, tenant, rule, first, last)
    if held_from > held_to:
        found = pa.concat_tables([found, _rows(tenant, rule, [(first, BOTH, _BEGINS, 0)])])
    mark = _rows(tenant, rule, [(last, BOTH, _BEGINS, 0)])
    tables.delays.append(pa.concat_tables([found, mark]), _app(tenant, rule), last)
    return last - first + 1


def counted(tables: Tables, tenant: str, rule: Rule, first: int, last: int) -> pa.Table:
    """Return the delays of the hours [first, last], counted from the stored rows."""
    with connection() as con:
        con.register("closed_hours", _closes(tables, first, last))
        con.register("buckets", _BUCKETS)
        rows = _delayed(tables, tenant, rule, first, last)
        found = con.sql(
            f"WITH delayed AS (SELECT occurred // {HOUR_US} AS hour, outcome, arrived - occurred AS delay, seq "
            f"FROM ({rows})) SELECT r.hour, outcome, bucket, count(*) AS number FROM delayed AS r "
            "JOIN closed_hours AS h ON r.hour = h.hour AND r.seq <= h.seq "
            f"JOIN buckets AS b ON b.fine = greatest((delay + {_FINE_US - 1}) // {_FINE_US}, 0) "
            "WHERE outcome IS NOT NULL GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    return _rows(tenant, rule, found)


def _delayed(tables: Tables, tenant: str, rule: Rule, first: int, last: int) -> str:
    """Return SQL for the instant, arrival, outcome and sequence of the rows that may belong to some hours."""
    low, high = first * HOUR_US, (last + 2) * HOUR_US  # a row may be counted at its start, and end later
    if rule.source.metric:
        within = f"time >= {low // 1000} AND time < {high // 1000}"
        columns = f"time * 1000 AS occurred, epoch_us(arrival) AS arrived, {BOTH} AS outcome, seq"
        return f"SELECT {columns} FROM {tables.samples.relation()} WHERE {owned(tenant, rule.source.name)} AND {within}"
    within = f"time >= make_timestamptz({low}) AND time < make_timestamptz({high})"
    columns = f"{rule.instant()} AS occurred, epoch_us(arrival) AS arrived, {rule.outcome()} AS outcome, seq"
    return f"SELECT {columns} FROM {tables.events.relation()} WHERE {owned(tenant, rule.source.name)} AND {within}"


def _closes(tables: Tables, first: int, last: int) -> pa.Table:
    """Return for each hour the sequence of the last flush before its close."""
    with connection() as con:
        flushed = con.sql(
            f"SELECT epoch_us(flushed_at) // {HOUR_US} AS hour, max(seq) AS seq FROM {tables.flushes.relation()} "
            "GROUP BY 1 ORDER BY 1"
        ).to_arrow_table()
    hours = np.arange(first, last + 1)
    closing = np.array([(closes_at(int(hour)) - EPOCH) // HOUR for hour in hours])
    place = np.searchsorted(flushed.column("hour").to_numpy(), closing, side="left")
    known = np.concatenate([[0], np.maximum.accumulate(flushed.column("seq").to_numpy())])
    return pa.table({"hour": hours, "seq": known[place].astype(np.int64)})


def _held(tables: Tables, tenant: str, rule: Rule) -> tuple[int, int]:
    """Return the first and the last hour that are kept under a rule; where none are, the last is before the first."""
    last = tables.delays.version_of(_app(tenant, rule))
    if not last:
        return 0, -1
    with connection() as con:
        first = con.sql(f"SELECT min(hour) FROM {tables.delays.relation()} WHERE {_mine(tenant, rule)}").fetchall()
    return int(first[0][0]), last


def _kept(tables: Tables, tenant: str, rule: Rule, first: int, last: int) -> pa.Table:
    here = f"{_mine(tenant, rule)} AND hour >= {first} AND hour <= {last}"
    with connection() as con:
        return con.sql(f"SELECT * FROM {tables.delays.relation()} WHERE {here}").to_arrow_table().cast(DELAYS_SCHEMA)


def _mine(tenant: str, rule: Rule) -> str:
    return f"{owned(tenant, rule.source.name)} AND rule = {text(rule.name)}"


def _app(tenant: str, rule: Rule) -> str:
    return f"lateness/{tenant}/{rule.source.name}/{rule.name}"


def _rows(tenant: str, rule: Rule, found: Sequence[tuple[int, int, int, int]]) -> pa.Table:
    columns = list(zip(*found, strict=True)) or [(), (), (), ()]
    names = [[one] * len(found) for one in (tenant, rule.source.name, rule.name)]
    arrays = [pa.array(values, kind) for values, kind in zip([*names, *columns], DELAYS_SCHEMA.types, strict=True)]
    return pa.table(arrays, schema=DELAYS_SCHEMA)


def _summed(hours: pa.Table) -> Learnt | None:
    """Return the delays of some hours together, or None when no row has any."""
    hours = hours.filter(pa.array(hours.column("bucket").to_numpy() != _BEGINS))
    if not hours.num_rows:
        return None
    hour, outcome, bucket, number = (hours.column(name).to_numpy() for name in ("hour", "outcome", "bucket", "number"))
    sums = np.zeros((3, len(EDGES) + 1), dtype=np.int64)
    np.add.at(sums, (outcome, bucket), number)
    apart = bool(sums[GOOD].any() or sums[BAD].any())
    good, bad = (Delays(EDGES, tuple(sums[one].tolist())) for one in ((GOOD, BAD) if apart else (BOTH, BOTH)))
    begins = EPOCH + timedelta(hours=int(hour.min()))
    return Learnt(Lateness(good, bad), apart, Span(begins, EPOCH + timedelta(hours=int(hour.max()) + 1)))
