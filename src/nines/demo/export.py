"""From OpenTelemetry spans to nines: an exporter that posts finished server spans as events.

One batch carries one idempotency key through all its tries, so a retry is never counted twice.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

import httpx
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, format_span_id

#: Tries of one batch, with doubling pauses in between: 0.2 s, 0.4 s, 0.8 s, 1.6 s.
TRIES = 5


def _iso(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds / 1e9, tz=UTC).isoformat(timespec="microseconds")


def event_of(span: ReadableSpan) -> dict[str, object]:
    """Return a server span as one event row in nines' short names.

    Args:
        span: a finished span with the HTTP attributes of the semantic conventions.
    """
    attributes = dict(span.attributes or {})
    start, end = span.start_time or 0, span.end_time or 0
    context = span.get_span_context()
    probe = attributes.get("nines.probe")
    return {
        "time": _iso(end),
        "start": _iso(start),
        "service": span.resource.attributes.get("service.name"),
        "version": span.resource.attributes.get("service.version"),
        "operation": attributes.get("http.route"),
        "http_status": attributes.get("http.response.status_code"),
        "duration_ms": (end - start) / 1e6,
        "session": attributes.get("session.id"),
        "id": format_span_id(context.span_id) if context else None,
        **({"attributes": {"probe": probe}} if probe else {}),
    }


class EventExporter(SpanExporter):
    """Posts server spans to one DataSource of a nines server.

    Args:
        url: address of the events route, as `http://127.0.0.1:8321/api/nines/v1/events/shop`.
        token: bearer token with the right to send, or "" where none is needed.
        client: HTTP client to use; one with a 5 s timeout is made when absent.
    """

    def __init__(self, url: str, token: str = "", client: httpx.Client | None = None) -> None:
        """Remember where to send."""
        self._url = url
        self._headers = {"Content-Type": "application/x-ndjson"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._client = client or httpx.Client(timeout=5.0)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send one batch; retried where the server says so, given up after five tries."""
        rows = [event_of(span) for span in spans if span.kind is SpanKind.SERVER]
        if not rows:
            return SpanExportResult.SUCCESS
        body = "\n".join(json.dumps(row) for row in rows).encode()
        headers = {**self._headers, "Idempotency-Key": str(uuid.uuid4())}
        for attempt in range(TRIES):
            try:
                answer = self._client.post(self._url, content=body, headers=headers)
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code < 300:  # noqa: PLR2004 - HTTP success
                return SpanExportResult.SUCCESS
            if answer is not None and answer.status_code not in {408, 429, 502, 503, 504}:
                return SpanExportResult.FAILURE
            time.sleep(0.2 * 2**attempt)
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """Close the connection."""
        self._client.close()
