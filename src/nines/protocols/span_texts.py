"""Spans in files of JSON: requests of OTLP, and Zipkin's lists, as clocks need them.

One rule: instants stay whole nanoseconds. OTLP has them; Zipkin cuts to microseconds, and says so by its blur.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nines.protocols.otlp_spans import HOST
from nines.telemetry.clocks_map import BLUR_NS, Seen
from nines.telemetry.clocks_spans import Spans

_KINDS = (None, "internal", "server", "client", "producer", "consumer")
#: Instants are smaller (until the year 2116).
_LATEST = 2**62
Row = tuple[str, str | None, str, str | None, int, int, str]


class NotSpansError(ValueError):
    """The text is no JSON of spans."""


@dataclass(slots=True)
class _Reading:
    rows: list[Row] = field(default_factory=list)
    left_out: int = 0
    blur: int = 0

    def take(self, row: Row | None) -> None:
        """Keep a span, or count it as left out."""
        if row is None or not 0 <= row[4] < _LATEST or not 0 <= row[5] < _LATEST:
            self.left_out += 1
        else:
            self.rows.append(row)


def json_spans(text: bytes) -> Seen:
    """Return the spans of a JSON text: one request of OTLP or one list of Zipkin's, or one of either per line.

    Args:
        text: UTF-8.

    Raises:
        NotSpansError: it is neither; its message names the line.

    Example:
        >>> half = {"traceId": "1", "id": "2", "timestamp": 5, "duration": 1, "localEndpoint": {"serviceName": "shop"}}
        >>> json_spans(json.dumps([half]).encode()).spans.hosts
        ['shop']
    """
    reading = _Reading()
    for value in _values(text):
        if isinstance(value, dict) and isinstance(value.get("resourceSpans"), list):
            for group in value["resourceSpans"]:
                _otlp(group, reading)
        else:
            reading.blur = BLUR_NS
            for one in value if isinstance(value, list) else [value]:
                reading.take(_zipkin(one))
    ids, parents, hosts, kinds, starts, ends, traces = zip(*reading.rows, strict=True) if reading.rows else [()] * 7
    instants = np.array(starts, np.int64), np.array(ends, np.int64)
    spans = Spans(list(ids), list(parents), list(hosts), list(kinds), *instants, list(traces))
    return Seen(spans, reading.blur, reading.left_out)


def _values(text: bytes) -> Iterator[Any]:
    try:
        yield json.loads(text)
    except (ValueError, RecursionError):
        lines = text.splitlines()
        filled = [(n, line) for n, line in enumerate(lines, 1) if line.strip()]
        if len(filled) < 2:  # noqa: PLR2004 - one line was read as a whole already
            msg = "it is no JSON of spans"
            raise NotSpansError(msg) from None
        for number, line in filled:
            try:
                yield json.loads(line)
            except (ValueError, RecursionError):
                msg = f"line {number} is no JSON"
                raise NotSpansError(msg) from None


def _otlp(group: Any, reading: _Reading) -> None:  # noqa: ANN401 - any JSON value
    try:
        held = {a["key"]: a["value"].get("stringValue") for a in group.get("resource", {}).get("attributes", [])}
        scopes = group.get("scopeSpans") or []
        spans = [s for scope in scopes for s in scope.get("spans", [])]
    except (AttributeError, KeyError, TypeError):
        reading.left_out += 1
        return
    host = next((held[name] for name in HOST if held.get(name)), None)
    for one in spans:
        reading.take(None if host is None else _otlp_span(one, host))


def _otlp_span(one: Any, host: str) -> Row | None:  # noqa: ANN401 - any JSON value
    try:
        kind = one.get("kind", 0)
        if isinstance(kind, str):
            word: str | None = kind.removeprefix("SPAN_KIND_").lower()
        else:
            word = _KINDS[kind] if 0 <= kind < len(_KINDS) else None
        return (
            str(one["spanId"]).lower(), str(one.get("parentSpanId") or "").lower() or None, host, word,
            int(one["startTimeUnixNano"]), int(one["endTimeUnixNano"]), str(one["traceId"]).lower(),
        )  # fmt: skip
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _zipkin(one: Any) -> Row | None:  # noqa: ANN401 - any JSON value
    try:
        place = one.get("localEndpoint") or {}
        address = place.get("ipv4") or place.get("ipv6")
        name = place.get("serviceName")
        host = f"{name}@{address}" if name and address else name or address
        if not host:
            return None
        start = int(one["timestamp"])
        instants = start * 1000, (start + int(one["duration"])) * 1000
        return str(one["id"]), one.get("parentId"), str(host), one.get("kind"), *instants, str(one["traceId"])
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
