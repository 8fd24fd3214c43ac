"""Spans in files that a DataSource's columns explain, with instants as fine as the file has them.

Event rows hold microseconds, which is enough to count by; clocks need what lies below, so epoch numbers are read here
as the whole nanoseconds they are.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nines.errors import InputError, Problem
from nines.sources.columns import Raw, event_columns, instant_sql
from nines.sources.findings import Findings
from nines.sources.read import reader_of
from nines.telemetry.clocks_map import BLUR_NS, Seen, joined
from nines.telemetry.clocks_spans import Spans
from nines.telemetry.datasource import DataSource

_NEEDED = ("id", "parent", "host", "start")
_UNITS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1000, "ns": 1}
_TEXTS = ("id", "parent", "host", "kind", "trace")


def span_file(path: Path, source: DataSource) -> Seen:
    """Return the spans of a file.

    Args:
        path: file in the format of the source.
        source: its columns say which give `id`, `parent`, `host`, `start` and `time`, and `kind` and `trace` where
            there are any.

    Raises:
        InputError: nothing of it can be used, or a column that clocks need is not mapped.
    """
    findings = Findings()
    parts = [_seen(raw, source, path) for raw in reader_of(path, source)(path, source, findings)]
    found = joined(parts) if parts else joined([])
    return Seen(found.spans, found.blur, found.left_out + findings.bad_rows, found.cut)


def _seen(raw: Raw, source: DataSource, path: Path) -> Seen:
    mapping = event_columns(raw, source, path)
    if missing := [name for name in _NEEDED if name not in mapping]:
        fix = f"map {', '.join(missing)} in the columns of {source.name}"
        raise InputError(Problem(str(path), f"spans need {', '.join(_NEEDED)}", fix, code="no-spans"))
    texts = ", ".join(f"{_text(mapping.get(name))} AS {name}" for name in _TEXTS)
    instants = ", ".join(f'{_instant(mapping[name], source)} AS "{name}"' for name in ("start", "time"))
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.register("raw", raw.table)
        try:
            table = con.sql(f"SELECT {texts}, {instants} FROM raw").to_arrow_table()  # noqa: S608 - checked expressions
        except duckdb.Error as error:
            what = f"its columns cannot be mapped: {error}"
            raise InputError(Problem(str(path), what, "check `columns`", code="bad-mapping")) from error
    return spans_of(table, 0 if source.option("time_unit") == "ns" else BLUR_NS)


def spans_of(table: pa.Table, blur: int, *, cut: bool = False) -> Seen:
    """Return spans from columns.

    Args:
        table: `id`, `parent`, `host`, `kind` and `trace` as text, `start` and `time` as whole nanoseconds; a row
            without an id, a host or an instant is left out.
        blur: what two of the instants may be wrong together, nanoseconds.
        cut: whether there were more rows than are given.
    """
    kept = table.filter(pc.and_(*(_there(table, pair) for pair in (("id", "host"), ("start", "time")))))
    columns = {name: kept.column(name).to_pylist() for name in _TEXTS}
    starts, ends = (kept.column(name).to_numpy().astype(np.int64) for name in ("start", "time"))
    named = (columns["id"], columns["parent"], columns["host"], columns["kind"])
    return Seen(Spans(*named, starts, ends, columns["trace"]), blur, table.num_rows - kept.num_rows, cut)


def _there(table: pa.Table, names: tuple[str, str]) -> pa.ChunkedArray:
    return pc.and_(*(pc.is_valid(table.column(name)) for name in names))


def _text(expression: str | None) -> str:
    return "CAST(NULL AS VARCHAR)" if expression is None else f"NULLIF(CAST({expression} AS VARCHAR), '')"


def _instant(expression: str, source: DataSource) -> str:
    unit = _UNITS.get(source.option("time_unit"))
    if unit is None:
        return f"epoch_us({instant_sql(expression, source)}) * 1000"
    return f"CAST(round(TRY_CAST({expression} AS DECIMAL(38, 9)) * {unit}) AS BIGINT)"
