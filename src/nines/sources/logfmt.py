"""logfmt: key=value pairs on a line, values quoted where they hold spaces."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from nines.errors import Problem
from nines.sources.columns import Raw
from nines.sources.findings import Findings
from nines.sources.lines import numbered, opened
from nines.sources.ndjson import BATCH, raw_of
from nines.telemetry.datasource import DataSource

_PAIR = re.compile(r'([^\s=]+)=("(?:[^"\\]|\\.)*"|[^\s"]*)(?=\s|$)')


def logfmt_lines(path: Path, source: DataSource, findings: Findings) -> Iterator[Raw]:  # noqa: ARG001 - one shape for readers
    """Yield the lines of a logfmt file as text columns.

    Args:
        path: file.
        source: not needed.
        findings: takes lines that are no logfmt.
    """
    rows: list[dict[str, object]] = []
    lines: list[int] = []
    with opened(path) as file:
        for number, line in numbered(file):
            pairs = _pairs(line)
            if not pairs:
                findings.add(
                    Problem(
                        f"{path}:{number}",
                        "this line has no key=value pairs",
                        "quote values that hold spaces",
                        code="bad-line",
                    )
                )
                continue
            rows.append(pairs)
            lines.append(number)
            if len(rows) >= BATCH:
                yield raw_of(rows, lines)
                rows, lines = [], []
    if rows:
        yield raw_of(rows, lines)


def _pairs(line: bytes | None) -> dict[str, object]:
    if line is None:
        return {}
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return {}
    if text.count('"') % 2:
        return {}
    return {key: _unquoted(value) for key, value in _PAIR.findall(text)}


def _unquoted(value: str) -> str | None:
    if value.startswith('"'):
        return value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return value or None
