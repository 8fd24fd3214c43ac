"""Access logs in the Common and the Combined format, as Apache and nginx write them.

A time the server took, in microseconds or seconds, may follow as a last field; option `duration_unit` says which.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from nines.errors import Problem
from nines.sources.columns import Raw
from nines.sources.findings import Findings
from nines.sources.lines import numbered, opened
from nines.sources.ndjson import BATCH
from nines.telemetry.datasource import DataSource

_QUOTED = rb'"((?:[^"\\]|\\.)*)"'
#: Servers cut a line that grows too long inside its last field, which then has no closing quote.
_LAST = rb'"((?:[^"\\]|\\.)*)(?:"|$)'
_COMMON = rb"^(\S+) (\S+) (.+?) \[([^\]]+)\] " + _QUOTED + rb" (\d{3}|-) (\d+|-)"
_FORMATS = {
    "common": re.compile(_COMMON + rb"(?: (\d+(?:\.\d+)?))?\s*$"),
    "combined": re.compile(_COMMON + rb" " + _QUOTED + rb" " + _LAST + rb"(?: (\d+(?:\.\d+)?))?\s*$"),
}
_NAMES = {
    "common": ("client", "ident", "user", "time", "request", "http_status", "bytes", "took"),
    "combined": ("client", "ident", "user", "time", "request", "http_status", "bytes", "referer", "user_agent", "took"),
}


def access_lines(path: Path, source: DataSource, findings: Findings) -> Iterator[Raw]:
    """Yield the lines of an access log as text columns.

    Args:
        path: file.
        source: type "common" or "combined".
        findings: takes lines of another shape.
    """
    pattern, names = _FORMATS[source.type], _NAMES[source.type]
    rows: list[tuple[bytes | None, ...]] = []
    lines: list[int] = []
    with opened(path) as file:
        for number, line in numbered(file):
            match = pattern.match(line) if line is not None else None
            if match is None:
                what = f"this line is not in the {source.type} log format"
                findings.add(Problem(f"{path}:{number}", what, "check the DataSource's type", code="bad-line"))
                continue
            rows.append(match.groups())
            lines.append(number)
            if len(rows) >= BATCH:
                yield _raw(rows, names, lines, source)
                rows, lines = [], []
    if rows:
        yield _raw(rows, names, lines, source)


def _raw(rows: list[tuple[bytes | None, ...]], names: tuple[str, ...], lines: list[int], source: DataSource) -> Raw:
    columns = {n: list(v) for n, v in zip(names, zip(*rows, strict=True), strict=True)}
    moments = _Moments()
    requests = [(r or b"").split(b" ") for r in columns.pop("request")]
    texts = {name: [_text(v) for v in values] for name, values in columns.items()}
    texts["time"] = [moments.iso(v) for v in columns["time"]]
    texts["method"] = [r[0].decode("utf-8", "replace") if len(r) > 1 else None for r in requests]
    texts["path"] = [r[1].decode("utf-8", "replace") if len(r) > 1 else None for r in requests]
    scale = 1000.0 if source.option("duration_unit", "us") == "s" else 0.001
    texts["duration_ms"] = [None if v is None else repr(float(v) * scale) for v in texts.pop("took")]
    texts["operation"] = [None if p is None else p.partition("?")[0] for p in texts["path"]]
    return Raw(pa.table({n: pa.array(v, pa.string()) for n, v in texts.items()}), np.array(lines))


def _text(value: bytes | None) -> str | None:
    return None if value is None or value == b"-" else value.decode("utf-8", "replace")


class _Moments:
    """Reads log times; lines of one minute share the work."""

    def __init__(self) -> None:
        self._minutes: dict[bytes, str] = {}

    def iso(self, value: bytes | None) -> str | None:
        """Return a log time ("17/May/2015:10:05:03 +0000") as ISO 8601, or as it stands when it is none."""
        if value is None:
            return None
        key = value[:17] + value[20:]
        if key not in self._minutes:
            try:
                self._minutes[key] = datetime.strptime(value.decode("ascii"), "%d/%b/%Y:%H:%M:%S %z").strftime(
                    "%Y-%m-%dT%H:%M:{}%z"
                )
            except (ValueError, UnicodeDecodeError):
                return value.decode("utf-8", "replace")
        return self._minutes[key].format(value[18:20].decode("ascii"))
