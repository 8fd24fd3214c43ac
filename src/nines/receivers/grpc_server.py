"""OTLP over gRPC: the same three signals, with the codes that tell a sender whether to try again."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import grpc
from google.protobuf.duration_pb2 import Duration  # type: ignore[import-untyped, unused-ignore]
from google.rpc.error_details_pb2 import BadRequest, RetryInfo  # type: ignore[import-untyped, unused-ignore]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped, unused-ignore]

from nines.errors import (
    DependencyError,
    ForbiddenError,
    InputError,
    NinesError,
    NotFoundError,
    NotSignedInError,
    OverloadedError,
    Problem,
)
from nines.operations.people import identify
from nines.people.rights import Principal
from nines.protocols import otlp
from nines.protocols.refusal import Refused
from nines.receivers.calling import RETRY_AFTER_S, Desk, key_of
from nines.receivers.otlp import take

#: Most bytes of a request after decompression.
MOST_BYTES = 64 * 1024 * 1024
#: Requests that are worked on at a time. A message is read only when one of them is free, so that no more are held.
WORKERS = 4
#: Calls of one connection that may be open; a sender waits with further ones.
MOST_STREAMS = 64
_SERVICES: dict[str, otlp.Signal] = {
    "opentelemetry.proto.collector.trace.v1.TraceService": "traces",
    "opentelemetry.proto.collector.metrics.v1.MetricsService": "metrics",
    "opentelemetry.proto.collector.logs.v1.LogsService": "logs",
}
#: Error class -> code. Only UNAVAILABLE, with its delay, is tried again by senders.
_CODES: tuple[tuple[type[NinesError], Any], ...] = (
    (NotSignedInError, grpc.StatusCode.UNAUTHENTICATED),
    (ForbiddenError, grpc.StatusCode.PERMISSION_DENIED),
    (NotFoundError, grpc.StatusCode.NOT_FOUND),
    (InputError, grpc.StatusCode.INVALID_ARGUMENT),
    (OverloadedError, grpc.StatusCode.UNAVAILABLE),
)


class OtlpGrpc:
    """One gRPC port.

    Attributes:
        address: host and port it is bound to.
    """

    def __init__(self, desk: Desk, host: str, port: int) -> None:
        """Bind the port.

        Args:
            desk: of the installation.
            host: address to listen at.
            port: 0 takes a free one.

        Raises:
            DependencyError: the address is taken or not this machine's.
        """
        self._desk = desk
        options = [("grpc.max_receive_message_length", MOST_BYTES), ("grpc.so_reuseport", 0)]
        options.append(("grpc.max_concurrent_streams", MOST_STREAMS))
        self._server = grpc.server(ThreadPoolExecutor(WORKERS, "nines-grpc"), options=options)
        for service, signal in _SERVICES.items():
            method = grpc.unary_unary_rpc_method_handler(self._export(signal))  # bytes in, bytes out
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": method}),))
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            bound = self._server.add_insecure_port(where)
        except RuntimeError as error:
            what = f"cannot listen here for gRPC: {error}"
            raise DependencyError(Problem(where, what, "choose another with --grpc", code="listen")) from error
        self.address: tuple[str, int] = (host, bound)

    def start(self) -> None:
        """Begin to receive."""
        self._server.start()

    def stop(self) -> None:
        """Take no more, finish what is in hand, and end."""
        self._server.stop(grace=5).wait()

    def _export(self, signal: otlp.Signal) -> Callable[[bytes, Any], bytes]:
        def export(body: bytes, context: Any) -> bytes:  # noqa: ANN401 - a ServicerContext
            try:
                who = self._who(context)
                with self._desk.room.holding(len(body)):
                    key = key_of(f"otlp/{signal}", body)
                    rejected, told = take(self._desk, who, signal, body, self._desk.clock(), key)
            except Refused as refused:
                details = BadRequest(field_violations=[BadRequest.FieldViolation(description=refused.message)])
                _abort(context, grpc.StatusCode.INVALID_ARGUMENT, refused.message, details)
            except NinesError as error:
                code = next((c for known, c in _CODES if isinstance(error, known)), grpc.StatusCode.INTERNAL)
                retry = RetryInfo(retry_delay=Duration(seconds=RETRY_AFTER_S))
                told = "; ".join(str(p) for p in error.problems)
                _abort(context, code, told, retry if code == grpc.StatusCode.UNAVAILABLE else None)
            return otlp.answer(signal, otlp.PROTOBUF, rejected, told)

        return export

    def _who(self, context: Any) -> Principal:  # noqa: ANN401 - a ServicerContext
        said = {key.lower(): value for key, value in context.invocation_metadata()}
        scheme, _, secret = str(said.get("authorization", "")).partition(" ")
        token = secret.strip() or None if scheme.lower() == "bearer" else None
        peer = context.peer()
        local = peer.startswith(("ipv4:127.", "ipv6:[::1]", "ipv6:%5B::1%5D", "unix:"))
        return identify(self._desk.intake.house, session=None, token=token, loopback=local, now=self._desk.clock())


def _abort(context: Any, code: Any, told: str, details: Any = None) -> NoReturn:  # noqa: ANN401 - of grpc
    """End a call with a status, and details where a sender can use them."""
    if details is not None:
        status = Status(code=code.value[0], message=told)
        status.details.add().Pack(details)
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, told)
    raise AssertionError
