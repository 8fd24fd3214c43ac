"""OTLP over HTTP: traces, metrics and logs, protobuf or JSON, gzip or plain."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from nines.errors import NinesError
from nines.people.rights import Principal
from nines.protocols import otlp
from nines.protocols.compression import decompressed
from nines.protocols.otlp_logs import records
from nines.protocols.otlp_metrics import readings_of
from nines.protocols.otlp_spans import spans
from nines.protocols.refusal import Refused
from nines.receivers.calling import RETRY_AFTER_S, STATUSES, Desk, body_of, key_of, open_to, sender_of

SIGNALS: tuple[otlp.Signal, ...] = ("traces", "metrics", "logs")
_ASKED = "authorization, content-type, content-encoding"
#: What a sender is told whose data nobody has defined a source for: it was taken, and is not kept.
NOWHERE = "no DataSource of type otlp takes {signal} here, so nothing of it is kept"


def receiver(signal: otlp.Signal) -> Callable[[Request], Awaitable[Response]]:
    """Return what takes the requests of a signal; 200 means that what was not rejected is on disk."""

    async def receive(request: Request) -> Response:
        return open_to(await _receive(request, signal), request.headers.get("origin", ""), _ASKED)

    return receive


async def preflight(request: Request) -> Response:
    """Tell a browser that a page may send here; without a token, which no browser adds by itself, it is refused."""
    return open_to(Response(status_code=204), request.headers.get("origin", ""), _ASKED)


async def _receive(request: Request, signal: otlp.Signal) -> Response:
    desk: Desk = request.app.state.desk
    kind = otlp.PROTOBUF
    try:
        kind = otlp.content_type(dict(request.headers))
        who = sender_of(request, desk)
        body = await body_of(request)
        found = await desk.work(_taken, desk, who, signal, body, dict(request.headers), kind)
    except Refused as refused:
        return _failed(refused.status, refused.message, kind)
    except NinesError as error:
        status = next((s for known, s in STATUSES if isinstance(error, known)), 500)
        return _failed(status, "; ".join(str(p) for p in error.problems), kind)
    return Response(found, media_type=kind)


def _failed(status: int, told: str, kind: str) -> Response:
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status in {429, 503} else {}
    return Response(otlp.failure(status, told, kind), status, headers=headers, media_type=kind)


def _taken(desk: Desk, who: Principal, signal: otlp.Signal, body: bytes, headers: dict[str, str], kind: str) -> bytes:
    plain = decompressed(body, headers.get("content-encoding", ""))
    request = otlp.as_protobuf(signal, plain, kind)
    rejected, told = take(desk, who, signal, request, desk.clock(), key_of(f"otlp/{signal}", plain))
    return otlp.answer(signal, kind, rejected, told)


def take(
    desk: Desk,
    who: Principal,
    signal: otlp.Signal,
    body: bytes,
    now: datetime,
    key: str,
) -> tuple[int, str]:
    """Store what a request holds; return how many items were refused, and what to tell the sender.

    Args:
        desk: of the installation.
        who: who sends.
        signal: what the request carries.
        body: the request, protobuf.
        now: present instant.
        key: key under which it counts once.

    Raises:
        OverloadedError: too much is waiting, or the disk takes no more; nothing is acknowledged.
    """
    if signal == "metrics":
        book = desk.intake.book(who, now=now)
        with desk.intake.lock(who.tenant):
            message = otlp.request_of(signal, body, otlp.PROTOBUF)
            found, rejected, unnamed = readings_of(message, book, now_ms=int(now.timestamp() * 1000))
            refused = rejected.number
            desk.intake.readings(who, found, kind="otlp", now=now, key=key, book=book, unnamed=unnamed, refused=refused)
        nowhere = not desk.intake.sources(who, "otlp", signal, now=now)
    else:
        if signal == "traces":
            table, rejected = spans(body)
        else:
            table, rejected = records(otlp.request_of(signal, body, otlp.PROTOBUF), int(now.timestamp() * 1e9))
        taken = desk.intake.events(who, table, kind="otlp", signal=signal, now=now, key=key, refused=rejected.number)
        nowhere = bool(table.num_rows) and not taken.sources
    told = (NOWHERE.format(signal=signal),) if nowhere else ()
    return rejected.number, "; ".join(t for t in (rejected.told, *told) if t)
