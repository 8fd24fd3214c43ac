"""Newline-delimited JSON: one object per line; nested objects become dotted names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from nines.errors import Problem
from nines.sources.columns import Raw
from nines.sources.findings import Findings
from nines.sources.lines import numbered, opened
from nines.telemetry.datasource import DataSource

#: Lines that are turned into one table at a time.
BATCH = 100_000


def json_lines(path: Path, source: DataSource, findings: Findings) -> Iterator[Raw]:  # noqa: ARG001 - one shape for readers
    """Yield the objects of a file as text columns.

    Args:
        path: file.
        source: not needed.
        findings: takes lines that are no JSON object.
    """
    rows: list[Mapping[str, object]] = []
    lines: list[int] = []
    with opened(path) as file:
        for number, line in numbered(file):
            parsed = _object(line)
            if parsed is None:
                fix = "write one object per line, at most 1 MiB long"
                findings.add(Problem(f"{path}:{number}", "this line is no JSON object", fix, code="bad-line"))
                continue
            rows.append(parsed)
            lines.append(number)
            if len(rows) >= BATCH:
                yield raw_of(rows, lines)
                rows, lines = [], []
    if rows:
        yield raw_of(rows, lines)


def _object(line: bytes | None) -> Mapping[str, object] | None:
    try:
        parsed = json.loads(line) if line is not None else None
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _flat(value: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from _flat(inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", inner


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value)


def raw_of(rows: Sequence[Mapping[str, object]], lines: Sequence[int]) -> Raw:
    """Return objects as text columns.

    Args:
        rows: one mapping per row.
        lines: line of each.
    """
    columns: dict[str, list[str | None]] = {}
    for index, row in enumerate(rows):
        for key, value in _flat(row):
            name = key.removeprefix("attributes.") if key.startswith("attributes.") else key
            columns.setdefault(name, [None] * len(rows))[index] = _text(value)
    table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    return Raw(table, np.array(lines))
