"""From a source's columns to event columns: mapping, types, and times that say whose clock they are.

A value that does not fit its column makes its row unreadable, with the place; it is never silently NULL.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nines.errors import InputError, Problem
from nines.predicates import column_expression
from nines.sources.findings import Findings
from nines.telemetry.datasource import DataSource
from nines.telemetry.event import COLUMNS, Column

_STAMP = pa.timestamp("us", tz="UTC")
_ARROW = {
    "timestamp": _STAMP, "text": pa.string(), "integer": pa.int64(), "number": pa.float64(), "flag": pa.bool_(),
    "map": pa.map_(pa.string(), pa.string()),
}  # fmt: skip
EVENT_TYPES = pa.schema([(c.name, _ARROW[c.type]) for c in COLUMNS])
_UNITS = {"s": 1_000_000.0, "ms": 1000.0, "us": 1.0, "ns": 0.001}


@dataclass(frozen=True, slots=True, eq=False)
class Raw:
    """Rows as a format gives them.

    Attributes:
        table: the source's own columns, text for text formats.
        lines: int64 line (or row) number of each, from 1.
    """

    table: pa.Table
    lines: np.ndarray


def typed(raw: Raw, source: DataSource, path: Path, findings: Findings) -> pa.Table:
    """Return rows in the event columns.

    Args:
        raw: rows of the source.
        source: its columns and options.
        path: for places.
        findings: takes rows with a value that does not fit.

    Raises:
        InputError: a mapped column is not there, or a mapping is no expression.
    """
    mapping = event_columns(raw, source, path)
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.register("raw", raw.table.append_column("__row", pa.array(np.arange(raw.table.num_rows))))
        wanted = [c for c in COLUMNS if c.name in mapping]
        pairs = ", ".join(
            f'({mapping[c.name]}) AS "raw_{c.name}", {_cast(c, f"({mapping[c.name]})", source)} AS "{c.name}"'
            for c in wanted
        )
        try:
            table = con.sql(f"SELECT {pairs} FROM raw ORDER BY __row").to_arrow_table()  # noqa: S608 - checked expressions
        except duckdb.Error as error:
            raise InputError(
                Problem(str(path), f"its columns cannot be mapped: {error}", "check `columns`", code="bad-mapping")
            ) from error
    good = _readable(table, wanted, raw, path, findings)
    columns = {c.name: table.column(c.name) for c in wanted}
    columns["attributes"] = _attributes(raw, mapping)
    rows = [columns[f.name].cast(f.type) if f.name in columns else pa.nulls(len(good), f.type) for f in EVENT_TYPES]
    return pa.table(rows, schema=EVENT_TYPES).filter(pa.array(good))


def event_columns(raw: Raw, source: DataSource, path: Path) -> dict[str, str]:
    """Return event column -> SQL over the source's columns: those stated, and those of the same name.

    Args:
        raw: rows of the source.
        source: its columns.
        path: for places.

    Raises:
        InputError: a mapped column is not there, a mapping is no expression, or nothing gives the time.
    """
    names = raw.table.column_names
    stated = dict(source.columns)
    found = {c.name: f'"{c.name}"' for c in COLUMNS if c.name in names and c.type != "map"}
    found |= {c.name: '"' + c.alias + '"' for c in COLUMNS if c.alias in names and c.name not in found}
    problems = []
    for name, expression in stated.items():
        if name not in EVENT_TYPES.names:
            problems.append(_unknown(path, f"{name!r} is no event column", name, EVENT_TYPES.names))
            continue
        if expression in names:
            found[name] = '"' + expression.replace('"', '""') + '"'
            continue
        parsed = column_expression(expression, where=f"{source.name}.columns.{name}")
        missing = sorted(c for c in parsed.columns if c not in names)
        problems += [_unknown(path, f"there is no column {c!r}", c, names) for c in missing]
        found[name] = parsed.sql("duckdb")
    if "time" not in found:
        problems.append(
            Problem(
                str(path), "no column gives the time", f"map time to one of {', '.join(names[:20])}", code="no-time"
            )
        )
    if problems:
        raise InputError(*problems)
    return found


def _unknown(path: Path, what: str, name: str, known: list[str]) -> Problem:
    near = get_close_matches(name, known, 1, 0.6)
    fix = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known[:20])}"
    return Problem(str(path), what, fix, code="unknown-column")


def _cast(column: Column, value: str, source: DataSource) -> str:
    if column.type == "timestamp":
        return instant_sql(value, source)
    kinds = {"text": "VARCHAR", "integer": "BIGINT", "number": "DOUBLE", "flag": "BOOLEAN"}
    return f"TRY_CAST({value} AS {kinds[column.type]})"


def instant_sql(value: str, source: DataSource) -> str:
    """Return SQL for an instant: epoch numbers, a stated format, or ISO 8601; naive times need a stated zone.

    Args:
        value: SQL that gives it.
        source: its options.
    """
    unit, form, zone = source.option("time_unit"), source.option("time_format"), source.option("timezone")
    if unit:
        return f"make_timestamptz(CAST(round(TRY_CAST({value} AS DOUBLE) * {_UNITS.get(unit, 1.0)}) AS BIGINT))"
    text = f"CAST({value} AS VARCHAR)"
    naive = f"timezone({_text(zone)}, {{}})" if zone else "NULL"
    if form:
        parsed = f"try_strptime({text}, {_text(form)})"
        return f"CAST({parsed} AS TIMESTAMPTZ)" if "%z" in form else naive.format(parsed)
    zoned = (
        f"regexp_matches({text}, '([zZ]|[+-][0-9]{{2}}(:?[0-9]{{2}})?)$') AND NOT regexp_matches({text}, '^[0-9-]+$')"
    )
    local = naive.format(f"TRY_CAST({text} AS TIMESTAMP)")
    return f"CASE WHEN {zoned} THEN TRY_CAST({text} AS TIMESTAMPTZ) ELSE {local} END"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _readable(table: pa.Table, wanted: list[Column], raw: Raw, path: Path, findings: Findings) -> np.ndarray:
    """Return which rows have a time and only values that fit, noting the others."""
    good = np.ones(table.num_rows, dtype=np.bool_)
    for column in wanted:
        given, read = table.column(f"raw_{column.name}"), table.column(column.name)
        stated = pc.is_valid(given).to_numpy(zero_copy_only=False)
        if pa.types.is_string(given.type):
            stated &= pc.not_equal(pc.fill_null(given, ""), "").to_numpy(zero_copy_only=False)
        lost = pc.is_null(read).to_numpy(zero_copy_only=False)
        wrong = lost & (stated | (column.name == "time")) & good
        for row in np.flatnonzero(wrong):
            findings.add(_unfit(column, given[int(row)].as_py(), f"{path}:{raw.lines[row]}"))
        good &= ~wrong
    return good


def _unfit(column: Column, value: object, where: str) -> Problem:
    shown = "no value" if value is None else repr(value)[:60]
    if column.type != "timestamp":
        return Problem(
            where,
            f"{column.name} is {shown}, which is no {column.type}",
            "mend the line or the mapping",
            code="bad-value",
        )
    fix = "write ISO 8601 with a zone, or state time_unit, time_format or timezone in the source's options"
    return Problem(where, f"{column.name} is {shown}, which is no instant", fix, code="bad-time")


def _attributes(raw: Raw, mapping: dict[str, str]) -> pa.Array:
    """Return the columns that no event column takes over, as text by name."""
    used = {sql.strip('"') for sql in mapping.values()}
    left = [n for n in raw.table.column_names if n not in used and n not in EVENT_TYPES.names]
    rows = raw.table.num_rows
    if "attributes" in raw.table.column_names and pa.types.is_map(raw.table.column("attributes").type):
        return raw.table.column("attributes")
    texts = [
        raw.table.column(n).cast(pa.string(), safe=False).combine_chunks()
        for n in left
        if _plain(raw.table.column(n).type)
    ]
    names = [n for n in left if _plain(raw.table.column(n).type)]
    if not names or not rows:
        return pa.array([None] * rows, pa.map_(pa.string(), pa.string()))
    order = np.arange(len(names) * rows).reshape(len(names), rows).T.ravel()
    values = pa.concat_arrays([t if isinstance(t, pa.Array) else t.chunk(0) for t in texts]).take(pa.array(order))
    keys = pa.array(np.tile(np.array(names, dtype=object), rows), pa.string())
    return pa.MapArray.from_arrays(pa.array(np.arange(rows + 1) * len(names), pa.int32()), keys, values)


def _plain(kind: pa.DataType) -> bool:
    return not pa.types.is_nested(kind) and not pa.types.is_binary(kind)
