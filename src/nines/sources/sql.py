"""Rows of a database, asked for by a query over a span of time: read only, bounded in time, rows and bytes.

The instants are bound parameters, `:since` and `:until`; nothing is ever pasted into the query. Rows are read through
a cursor of the server. What is read comes in the order of time, so that whoever stores it may stop anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from nines.errors import InputError, Problem
from nines.sources.columns import EVENT_TYPES, Raw, typed
from nines.sources.findings import Findings
from nines.sources.ndjson import raw_of
from nines.sources.sql_connection import Connected, connected
from nines.telemetry.datasource import DataSource

#: Rows fetched at a time, and most rows and bytes of one stretch; a stretch that holds more is halved.
CHUNK_ROWS = 20_000
MOST_ROWS = 500_000
MOST_BYTES = 256 * 1024 * 1024
#: Longest and shortest stretch asked for at once.
LONGEST = timedelta(hours=6)
SHORTEST = timedelta(seconds=1)
#: Stretches share so much, so that no comparison in the query can lose what lies on an edge; ids make it count once.
SHARED = timedelta(seconds=1)
_UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


@dataclass(frozen=True, slots=True)
class SqlPart:
    """What one stretch gave.

    Attributes:
        table: event rows, ordered by time, each with an id.
        problems: the first hundred of what could not be read.
        bad_rows: rows that could not be read.
    """

    table: pa.Table
    problems: tuple[Problem, ...]
    bad_rows: int


class _TooMuchError(Exception):
    """A stretch holds more than is read at once."""


def read_sql(
    source: DataSource, *, since: datetime, until: datetime, secrets: Mapping[str, str], most_rows: int = MOST_ROWS
) -> Iterator[SqlPart]:
    """Yield the rows of a span of time, stretch by stretch, earliest first.

    Args:
        source: of type sql; options `url`, `query`, `password_file`, `timeout_s`.
        since: first instant wanted.
        until: instant after the last.
        secrets: what `${NAME}` in the url stands for.
        most_rows: most rows of one stretch.

    Raises:
        InputError: options, query or mapping are wrong, or a single second holds too much.
        DependencyError: the database cannot be reached, fails, or is too slow.
    """
    query = _query(source)
    length, begin = LONGEST, since
    while begin < until:
        end = min(begin + length, until)
        try:
            part = _stretch(source, query, begin, end, secrets, most_rows)
        except _TooMuchError as error:
            if length <= SHORTEST:
                what = f"one second holds more than {most_rows} rows or {MOST_BYTES} bytes"
                raise InputError(
                    Problem(source.name, what, "let the query return fewer or sum them up", code="too-much")
                ) from error
            length = max(length / 4, SHORTEST)
            continue
        yield part
        begin = end if end == until else max(end - SHARED, begin + SHARED / 2)
        length = min(length * 2, LONGEST)


def _query(source: DataSource) -> sa.TextClause:
    text = source.option("query")
    query = sa.text(text)
    names = set(query.compile().params)
    if names != {"since", "until"}:
        other = ", ".join(f":{n}" for n in sorted(names - {"since", "until"}))
        what = f"the query has parameters of no meaning: {other}" if other else "the query lacks :since or :until"
        fix = "write WHERE ts >= :since AND ts < :until; a colon that is none is written \\:"
        raise InputError(Problem(f"{source.name}.query", what, fix, code="bad-query"))
    return query


def _stretch(
    source: DataSource,
    query: sa.TextClause,
    since: datetime,
    until: datetime,
    secrets: Mapping[str, str],
    most_rows: int,
) -> SqlPart:
    findings, parts, rows, size = Findings(), list[pa.Table](), 0, 0
    with connected(source, secrets) as database:
        bounds = {
            "since": _bound(source, database.dialect, since, up=False),
            "until": _bound(source, database.dialect, until, up=True),
        }
        result = database.run(query, bounds, CHUNK_ROWS)
        names = _names(source, list(result.keys()))
        for chunk in _chunks(database, result):
            table = _typed(source, names, chunk, rows, findings)
            parts.append(table)
            rows, size = rows + len(chunk), size + table.nbytes
            if rows > most_rows or size > MOST_BYTES:
                raise _TooMuchError
        if not parts:
            _typed(source, names, [], 0, findings)  # a mapping that is wrong says so without rows too
    table = pa.concat_tables(parts) if parts else EVENT_TYPES.empty_table()
    if rows and not table.num_rows:
        raise InputError(*findings.problems[:3])
    return SqlPart(table.sort_by("time"), tuple(findings.problems), findings.bad_rows)


def _chunks(database: Connected, result: sa.CursorResult[tuple[object, ...]]) -> Iterator[Sequence[Sequence[object]]]:
    while chunk := database.fetch(result, CHUNK_ROWS):
        yield chunk


def _names(source: DataSource, names: list[str]) -> list[str]:
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        what = f"the query gives column {twice[0]!r} twice"
        raise InputError(Problem(f"{source.name}.query", what, "name one of them otherwise with AS", code="bad-query"))
    if "id" not in dict(source.columns) and "id" not in names:
        what = "no column gives the id, so rows read again would count twice"
        raise InputError(
            Problem(f"{source.name}.columns", what, f"map id to one of {', '.join(names[:20])}", code="no-id")
        )
    return names


def _typed(
    source: DataSource, names: list[str], chunk: Sequence[Sequence[object]], before: int, findings: Findings
) -> pa.Table:
    """Return rows in the event columns; values travel as text, as those of every text format."""
    place = Path(f"{source.name} row")
    lines = range(before + 1, before + len(chunk) + 1)
    if not chunk:
        return typed(raw_of([dict.fromkeys(names)], [1]), source, place, Findings()).slice(0, 0)
    if any(isinstance(value, dict) for row in chunk for value in row):  # what lies within becomes columns of its own
        raw = raw_of([{n: _plain(v) for n, v in zip(names, row, strict=True)} for row in chunk], lines)
    else:
        columns = [pa.array([_text(v) for v in values], pa.string()) for values in zip(*chunk, strict=True)]
        raw = Raw(pa.table(columns, names=names), np.array(lines))
    table = typed(raw, source, place, findings)
    nameless = table.column("id").null_count
    if nameless:
        for _ in range(nameless):
            findings.add(Problem(source.name, "a row has no id", "let the query give every row one", code="no-id"))
        table = table.filter(table.column("id").is_valid())
    return table


def _text(value: object) -> str | None:
    """Return a value as text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, timedelta | bytes | bytearray | memoryview):
        return str(_plain(value))
    return json.dumps(value, default=str) if isinstance(value, dict | list) else str(value)


def _plain(value: object) -> object:
    """Return a value as JSON objects hold it; instants as ISO 8601, with their zone where they have one."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, dict | list):
        found: object = json.loads(json.dumps(value, default=str))
        return found
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    return str(value)


def _bound(source: DataSource, dialect: str, at: datetime, *, up: bool) -> object:
    """Return an instant as the query's column holds it: a number, a text in the stated format, or an instant.

    Args:
        source: its options `time_unit`, `time_format` and `timezone` say how.
        dialect: name of the database's language.
        at: aware instant.
        up: whether part of a second is rounded up instead of down, where only whole ones can be written.
    """
    unit, form = source.option("time_unit"), source.option("time_format")
    if unit:
        return int(at.timestamp() * 1_000_000) * _UNITS.get(unit, 1) // 1_000_000 + (1 if up else 0)
    if dialect != "sqlite" and not form:
        return at
    local = at.astimezone(ZoneInfo(source.option("timezone")) if source.option("timezone") else UTC)
    whole = local.replace(microsecond=0) + timedelta(seconds=1 if up and local.microsecond else 0)
    return whole.strftime(form or "%Y-%m-%d %H:%M:%S")


__all__ = ["SqlPart", "read_sql"]
