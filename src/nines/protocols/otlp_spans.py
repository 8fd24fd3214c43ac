"""Spans and log records of OTLP as event rows.

A span is one event: it ended, took so long, and answered for a service. Its weight is in the tracestate, as the
threshold by which it was kept; where the threshold is absent nobody can say, and the columns are NULL.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from nines.protocols.otlp_values import Rejected, attributes_of, text_of
from nines.telemetry.sampling import parse_tracestate

_UTC = pa.timestamp("us", tz="UTC")
_SCHEMA = pa.schema(
    [
        ("time", _UTC), ("start", _UTC), ("service", pa.string()), ("operation", pa.string()),
        ("http_status", pa.int64()), ("duration_ms", pa.float64()), ("session", pa.string()),
        ("weight", pa.float64()), ("weight_num", pa.int64()), ("weight_den", pa.int64()), ("version", pa.string()),
        ("region", pa.string()), ("state", pa.string()), ("id", pa.string()), ("trace", pa.string()),
        ("parent", pa.string()), ("kind", pa.string()), ("host", pa.string()), ("site", pa.string()),
    ]
)  # fmt: skip
_KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
_STATES = {0: "unset", 1: "ok", 2: "error"}
#: Attributes that have a column; the first that is there gives it.
_OPERATION = ("http.route", "url.template", "rpc.method")
_STATUS = ("http.response.status_code", "http.status_code")
_HOST = ("host.name", "k8s.pod.name", "service.instance.id")
_COLUMNED = {
    "service.name", "service.version", "cloud.region", "session.id", "http.response.status_code", "http.status_code",
    "host.name", "http.route", "site",
}  # fmt: skip
_TRACE, _SPAN = 16, 8
_Weight = tuple[float | None, int | None, int | None]
_NO_WEIGHT: _Weight = (None, None, None)
_LATEST = 253_402_300_799 * 10**9


class _Rows:
    """Columns of event rows, while they are gathered."""

    def __init__(self) -> None:
        self.cells: list[tuple[Any, ...]] = []
        self.names: list[str] = []
        self.texts: list[str] = []
        self.offsets = [0]

    def attributes(self, *held: dict[str, str]) -> None:
        """Add the attributes of one row that have no column; what comes later wins."""
        for name, text in {k: v for one in held for k, v in one.items()}.items():
            if name not in _COLUMNED:
                self.names.append(name)
                self.texts.append(text)
        self.offsets.append(len(self.names))

    def table(self) -> pa.Table:
        """Return the rows as event columns."""
        columns = [
            pa.array(values, pa.int64()).cast(_UTC) if kind.type == _UTC else pa.array(values, kind.type)
            for values, kind in zip(
                zip(*self.cells, strict=True) if self.cells else [[]] * len(_SCHEMA), _SCHEMA, strict=True
            )
        ]
        offsets = pa.array(self.offsets, pa.int32())
        attributes = pa.MapArray.from_arrays(
            offsets, pa.array(self.names, pa.string()), pa.array(self.texts, pa.string())
        )
        return pa.table([*columns, attributes], schema=_SCHEMA.append(pa.field("attributes", attributes.type)))


def spans(request: Any) -> tuple[pa.Table, Rejected]:  # noqa: ANN401 - an ExportTraceServiceRequest
    """Return the spans of a request as event rows, and what was refused.

    Args:
        request: the message.
    """
    rows, rejected = _Rows(), Rejected()
    weights: dict[tuple[str, str], _Weight] = {}
    for group in request.resource_spans:
        resource = attributes_of(group.resource.attributes)
        for scope in group.scope_spans:
            for span in scope.spans:
                _span(span, resource, rows, rejected, weights)
    return rows.table(), rejected


def _span(
    span: Any,  # noqa: ANN401 - a Span
    resource: dict[str, str],
    rows: _Rows,
    rejected: Rejected,
    weights: dict[tuple[str, str], _Weight],
) -> None:
    trace, own, begun, ended = span.trace_id, span.span_id, span.start_time_unix_nano, span.end_time_unix_nano
    if len(trace) != _TRACE or len(own) != _SPAN or not any(trace) or not any(own):
        rejected.refuse(f"span {own.hex()[:32] or '?'}: its identities are not 16 and 8 bytes")
        return
    if not begun or not ended or ended < begun or ended > _LATEST:
        rejected.refuse(f"span {own.hex()}: it ends before it starts, or has no instants")
        return
    held, trace_id = attributes_of(span.attributes), trace.hex()
    weight = _weight(span.trace_state, trace_id, rejected, weights) if span.trace_state else _NO_WEIGHT
    rows.cells.append((
        ended // 1000, begun // 1000, resource.get("service.name"),
        _first(held, _OPERATION) or span.name, _status(_first(held, _STATUS)), (ended - begun) / 1_000_000,
        held.get("session.id") or resource.get("session.id"), *weight, resource.get("service.version"),
        resource.get("cloud.region"), _STATES.get(span.status.code, "unset"), trace_id + own.hex(), trace_id,
        trace_id + span.parent_span_id.hex() if span.parent_span_id else None, _KINDS.get(span.kind),
        _first(resource, _HOST), resource.get("site") or held.get("site"),
    ))  # fmt: skip
    rows.attributes(resource, held)


def _first(held: dict[str, str], names: tuple[str, ...]) -> str | None:
    for name in names:
        if name in held:
            return held[name]
    return None


def _status(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 3 else None  # noqa: PLR2004


def _weight(
    state: str,
    trace: str,
    rejected: Rejected,
    weights: dict[tuple[str, str], _Weight],
) -> _Weight:
    key = (state, trace)
    if key not in weights:
        said = parse_tracestate(state).verified(trace)
        exact = said.weight
        fits = exact is not None and exact.numerator < 2**63
        if said.reason not in {None, "no-threshold"}:
            rejected.note(f"spans whose sampling cannot be believed: {said.reason}")
        weights[key] = (float(exact), exact.numerator, exact.denominator) if exact is not None and fits else _NO_WEIGHT
    return weights[key]


def records(request: Any, now_ns: int) -> tuple[pa.Table, Rejected]:  # noqa: ANN401 - an ExportLogsServiceRequest
    """Return the log records of a request as event rows; they have no identity, so a repeat counts twice.

    Args:
        request: the message.
        now_ns: when it came, UTC nanoseconds: the time of records without one.
    """
    rows, rejected = _Rows(), Rejected()
    for group in request.resource_logs:
        resource = attributes_of(group.resource.attributes)
        for scope in group.scope_logs:
            for record in scope.log_records:
                at = record.time_unix_nano or record.observed_time_unix_nano or now_ns
                if at > _LATEST:
                    rejected.refuse("a log record lies beyond the year 9999")
                    continue
                held = attributes_of(record.attributes)
                body = text_of(record.body)
                more = {"severity": record.severity_text or str(record.severity_number)}
                more |= {"body": body} if body is not None else {}
                trace = record.trace_id.hex() if len(record.trace_id) == _TRACE else None
                rows.cells.append((
                    at // 1000, None, resource.get("service.name"), _first(held, _OPERATION),
                    _status(_first(held, _STATUS)), None, held.get("session.id"), *_NO_WEIGHT,
                    resource.get("service.version"), resource.get("cloud.region"), None, None, trace, None, None,
                    _first(resource, _HOST), resource.get("site") or held.get("site"),
                ))  # fmt: skip
                rows.attributes(resource, held, more)
    return rows.table(), rejected
