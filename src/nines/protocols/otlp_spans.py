"""Spans of OTLP as event rows.

A span is one event: it ended, took so long, and answered for a service. Its weight is in the tracestate, as the
threshold by which it was kept; where the threshold is absent nobody can say, and the columns are NULL.

Attributes are read once per distinct set, known by its bytes, and handed out by number: spans of one route look alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from google.protobuf.message import DecodeError  # type: ignore[import-untyped, unused-ignore]
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from nines.protocols.otlp_size import check_size
from nines.protocols.otlp_values import MOST_ATTRIBUTES, Rejected, text_of
from nines.protocols.refusal import BAD_REQUEST, Refused
from nines.protocols.remote_write_messages import built
from nines.telemetry.sampling import parse_tracestate

_UTC = pa.timestamp("us", tz="UTC")
_KINDS = (None, "internal", "server", "client", "producer", "consumer")
_STATES = ("unset", "ok", "error")
#: Attributes that have a column; the first that is there gives it.
OPERATION = ("http.route", "url.template", "rpc.method")
STATUS = ("http.response.status_code", "http.status_code")
HOST = ("host.name", "k8s.pod.name", "service.instance.id")
COLUMNED = frozenset(
    {
        "service.name", "service.version", "cloud.region", "session.id", "http.response.status_code",
        "http.status_code", "host.name", "http.route", "site",
    }
)  # fmt: skip
#: Columns that hang on attributes alone.
TEXTS = ("service", "operation", "session", "version", "region", "host", "site")
_TRACE, _SPAN = 16, 8
_NO_TRACE, _NO_SPAN = bytes(_TRACE), bytes(_SPAN)
_LATEST = 253_402_300_799 * 10**9
#: The request with attributes left as bytes.
_MESSAGES = built(
    "nines.otlp",
    {
        "Request": {"resource_spans": (1, "repeated ResourceSpans")},
        "ResourceSpans": {"resource": (1, "Resource"), "scope_spans": (2, "repeated ScopeSpans")},
        "Resource": {"attributes": (1, "repeated bytes")},
        "ScopeSpans": {"spans": (2, "repeated Span")},
        "Status": {"code": (3, "int32")},
        "Span": {
            "trace_id": (1, "bytes"), "span_id": (2, "bytes"), "trace_state": (3, "string"),
            "parent_span_id": (4, "bytes"), "name": (5, "string"), "kind": (6, "int32"), "begun": (7, "fixed64"),
            "ended": (8, "fixed64"), "attributes": (9, "repeated bytes"), "status": (15, "Status"),
        },
    },
)  # fmt: skip
Cell = tuple[str | None, ...]
Weight = tuple[float | None, int | None, int | None]
NO_WEIGHT: Weight = (None, None, None)


class Attributes:
    """Distinct sets of attributes, each read once.

    Attributes:
        cells: the text columns of each set, in the order of `TEXTS`.
        statuses: HTTP status of each set, or None.
    """

    def __init__(self) -> None:
        """Begin without any."""
        self.cells: list[Cell] = []
        self.statuses: list[int | None] = []
        self._names: list[str] = []
        self._texts: list[str] = []
        self._offsets = [0]
        self._numbers: dict[tuple[int, tuple[bytes, ...]], int] = {}
        self._pairs: dict[bytes, tuple[str, str | None]] = {}

    def read(self, parts: Iterable[bytes]) -> dict[str, str]:
        """Return attributes as text by name; of one that stands twice the last.

        Args:
            parts: the bytes of each.

        Raises:
            DecodeError: one of them cannot be read.
        """
        found, pairs = {}, self._pairs
        for part in parts:
            pair = pairs.get(part)
            if pair is None:
                one = KeyValue.FromString(part)
                pair = pairs[part] = (one.key, text_of(one.value))
            name, text = pair
            if text is not None:
                found[name] = text
                if len(found) >= MOST_ATTRIBUTES:
                    break
        return found

    def number(self, resource: int, resources: dict[str, str], parts: Iterable[bytes]) -> int:
        """Return the number of a set, reading it when it is new.

        Args:
            resource: number of the resource.
            resources: its attributes.
            parts: the span's attributes, as they came.

        Raises:
            DecodeError: they cannot be read.
        """
        key = (resource, tuple(parts))
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = self.add(resources, self.read(key[1]))
        return found

    def add(self, resource: dict[str, str], held: dict[str, str], more: dict[str, str] | None = None) -> int:
        """Add a set and return its number; what comes later wins."""
        status = first(held, STATUS)
        self.statuses.append(
            int(status) if status is not None and status.isascii() and status.isdigit() and len(status) == 3 else None  # noqa: PLR2004 - digits of a status
        )
        self.cells.append((
            resource.get("service.name"), first(held, OPERATION), held.get("session.id") or resource.get("session.id"),
            resource.get("service.version"), resource.get("cloud.region"), first(resource, HOST),
            held.get("site") or resource.get("site"),
        ))  # fmt: skip
        rest = {**resource, **held, **more} if more else {**resource, **held}
        kept = [name for name in rest if name not in COLUMNED]
        self._names += kept
        self._texts += [rest[name] for name in kept]
        self._offsets.append(len(self._names))
        return len(self.cells) - 1

    def columns(self, numbers: Sequence[int]) -> dict[str, pa.Array]:
        """Return the columns of rows, given the number of each row's set."""
        place = pa.array(numbers, pa.int32())
        names, texts = pa.array(self._names, pa.string()), pa.array(self._texts, pa.string())
        maps = pa.MapArray.from_arrays(pa.array(self._offsets, pa.int32()), names, texts)
        by_text = zip(*self.cells, strict=True) if self.cells else [()] * len(TEXTS)
        found = {n: pa.array(list(c), pa.string()).take(place) for n, c in zip(TEXTS, by_text, strict=True)}
        found["http_status"] = pa.array(self.statuses, pa.int64()).take(place)
        return found | {"attributes": maps.take(place)}


def first(held: dict[str, str], names: tuple[str, ...]) -> str | None:
    """Return the first of some attributes that is there."""
    for name in names:
        if name in held:
            return held[name]
    return None


def spans(body: bytes) -> tuple[pa.Table, Rejected]:
    """Return the spans of a request as event rows, and what was refused.

    Args:
        body: an ExportTraceServiceRequest, protobuf.

    Raises:
        Refused: it is no such request.
    """
    check_size("traces", body)
    try:
        request = _MESSAGES["Request"].FromString(body)
    except DecodeError as error:
        raise Refused(BAD_REQUEST, f"the body is no OTLP request of traces: {str(error)[:200]}") from None
    known, rejected = Attributes(), Rejected()
    found: list[Any] = []
    numbers: list[int] = []
    for place, group in enumerate(request.resource_spans):
        try:
            resource = known.read(group.resource.attributes)
        except DecodeError:
            rejected.refuse("a resource cannot be read", sum(len(s.spans) for s in group.scope_spans))
            continue
        for scope in group.scope_spans:
            for span in scope.spans:
                try:
                    numbers.append(known.number(place, resource, span.attributes))
                except DecodeError:
                    rejected.refuse(f"span {span.span_id.hex()[:16]}: its attributes cannot be read")
                    continue
                found.append(span)
    return _table(found, np.array(numbers, dtype=np.int64), known, rejected), rejected


def _table(found: list[Any], numbers: npt.NDArray[np.int64], known: Attributes, rejected: Rejected) -> pa.Table:
    traces, owns = [s.trace_id for s in found], [s.span_id for s in found]
    begun, ended = (np.array([getattr(s, n) for s in found], dtype=np.uint64) for n in ("begun", "ended"))
    named = np.array(
        [
            len(t) == _TRACE and len(o) == _SPAN and t != _NO_TRACE and o != _NO_SPAN
            for t, o in zip(traces, owns, strict=True)
        ],
        dtype=np.bool_,
    )
    timed = (begun > 0) & (ended >= begun) & (ended <= _LATEST)
    for wrong, why in (
        (~named, "its identities are not 16 and 8 bytes"),
        (named & ~timed, "its instants make no span"),
    ):
        for at in np.flatnonzero(wrong).tolist():
            rejected.refuse(f"span {owns[at].hex()[:16] or '?'}: {why}")
    good = np.flatnonzero(named & timed)
    if len(good) < len(found):
        found, numbers = [found[n] for n in good.tolist()], numbers[good]
        traces, owns, begun, ended = [s.trace_id for s in found], [s.span_id for s in found], begun[good], ended[good]
    trace, own = [t.hex() for t in traces], [o.hex() for o in owns]
    parents = [s.parent_span_id.hex() for s in found]
    columns = known.columns(numbers.tolist())
    columns["operation"] = pc.coalesce(columns["operation"], pa.array([s.name for s in found], pa.string()))
    weights = _weights([s.trace_state for s in found], trace, rejected)
    columns |= {
        "time": pa.array((ended // 1000).astype(np.int64)).cast(_UTC),
        "start": pa.array((begun // 1000).astype(np.int64)).cast(_UTC),
        "duration_ms": pa.array((ended - begun).astype(np.float64) / 1e6),
        "state": _named([s.status.code for s in found], _STATES),
        "kind": _named([s.kind for s in found], _KINDS),
        "trace": pa.array(trace, pa.string()),
        "id": pa.array([t + o for t, o in zip(trace, own, strict=True)], pa.string()),
        "parent": pa.array([t + p if p else None for t, p in zip(trace, parents, strict=True)], pa.string()),
        "weight": pa.array([w[0] for w in weights], pa.float64()),
        "weight_num": pa.array([w[1] for w in weights], pa.int64()),
        "weight_den": pa.array([w[2] for w in weights], pa.int64()),
    }
    return pa.table(columns)


def _named(codes: list[int], names: tuple[str | None, ...]) -> pa.Array:
    """Return the name of each code; what is none has the first."""
    numbers = np.array(codes, dtype=np.int64)
    known = (numbers >= 0) & (numbers < len(names))
    return pa.array(names, pa.string()).take(pa.array(np.where(known, numbers, 0)))


def _weights(states: list[str], traces: list[str], rejected: Rejected) -> list[Weight]:
    if not any(states):
        return [NO_WEIGHT] * len(states)
    known: dict[tuple[str, str], Weight] = {}
    found = []
    for state, trace in zip(states, traces, strict=True):
        weight = NO_WEIGHT
        if state:
            key = (state, trace)
            if key not in known:
                known[key] = _weight(state, trace, rejected)
            weight = known[key]
        found.append(weight)
    return found


def _weight(state: str, trace: str, rejected: Rejected) -> Weight:
    said = parse_tracestate(state).verified(trace)
    exact = said.weight
    if said.reason not in {None, "no-threshold"}:
        rejected.note(f"traces whose sampling cannot be believed: {said.reason}")
    if exact is None or exact.numerator >= 2**63:
        return NO_WEIGHT
    return float(exact), exact.numerator, exact.denominator
