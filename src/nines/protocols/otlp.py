"""OTLP: requests of three signals from protobuf or JSON, and the answers and failures their senders understand.

What cannot be used is refused alone and told in `partial_success`; its neighbours are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from google.protobuf import json_format  # type: ignore[import-untyped, unused-ignore]
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped, unused-ignore]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped, unused-ignore]
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces

from nines.protocols.otlp_json import with_bytes
from nines.protocols.otlp_size import check_size
from nines.protocols.refusal import BAD_REQUEST, UNSUPPORTED, Refused

Signal = Literal["traces", "metrics", "logs"]
PROTOBUF, JSON = "application/x-protobuf", "application/json"
#: Signal -> its request, its answer, and what a rejected item is called in the answer.
MESSAGES: dict[Signal, tuple[type[Message], type[Message], str]] = {
    "traces": (traces.ExportTraceServiceRequest, traces.ExportTraceServiceResponse, "rejected_spans"),
    "metrics": (metrics.ExportMetricsServiceRequest, metrics.ExportMetricsServiceResponse, "rejected_data_points"),
    "logs": (logs.ExportLogsServiceRequest, logs.ExportLogsServiceResponse, "rejected_log_records"),
}
#: HTTP status -> code of google.rpc.Status.
_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 413: 8, 415: 3, 429: 8, 503: 14}


def content_type(headers: Mapping[str, str]) -> str:
    """Return the encoding of a request, which is that of its answer.

    Args:
        headers: lower-case names.

    Raises:
        Refused: it is neither protobuf nor JSON.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in {PROTOBUF, JSON}:
        return kind
    raise Refused(UNSUPPORTED, f"Content-Type {kind[:60]!r} is not supported; send {PROTOBUF} or {JSON}")


def request_of(signal: Signal, body: bytes, kind: str) -> Any:  # noqa: ANN401 - generated messages
    """Return a request as its message.

    Args:
        signal: what it carries.
        body: not compressed.
        kind: `PROTOBUF` or `JSON`.

    Raises:
        Refused: it is no such request.
    """
    message = MESSAGES[signal][0]()
    try:
        if kind == JSON:
            json_format.ParseDict(with_bytes(body), message, ignore_unknown_fields=True)
        else:
            check_size(signal, body)
            message.ParseFromString(body)
    except (DecodeError, json_format.ParseError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Refused(BAD_REQUEST, f"the body is no OTLP request of {signal}: {str(error)[:200]}") from None
    return message


def as_protobuf(signal: Signal, body: bytes, kind: str) -> bytes:
    """Return a request in protobuf, whatever it came in.

    Args:
        signal: what it carries.
        body: not compressed.
        kind: `PROTOBUF` or `JSON`.

    Raises:
        Refused: it is JSON, and no such request.
    """
    return body if kind == PROTOBUF else bytes(request_of(signal, body, kind).SerializeToString())


def answer(signal: Signal, kind: str, rejected: int = 0, told: str = "") -> bytes:
    """Return the answer to a request that was taken, whole or in part.

    Args:
        signal: what it carried.
        kind: `PROTOBUF` or `JSON`.
        rejected: items that were refused for good.
        told: why, or a warning when nothing was refused; "" says nothing.
    """
    _, response, name = MESSAGES[signal]
    made: Any = response()
    if rejected or told:
        setattr(made.partial_success, name, rejected)
        made.partial_success.error_message = told
    return _bytes(made, kind)


def failure(status: int, told: str, kind: str) -> bytes:
    """Return the body of a failure: google.rpc.Status.

    Args:
        status: HTTP status of the answer.
        told: why.
        kind: `PROTOBUF` or `JSON`.
    """
    return _bytes(Status(code=_CODES.get(status, 13), message=told), kind)


def _bytes(message: Any, kind: str) -> bytes:  # noqa: ANN401 - generated messages
    if kind == JSON:
        return str(json_format.MessageToJson(message, indent=None)).encode()
    found: bytes = message.SerializeToString()
    return found
