"""Beacons of browsers: web-vitals, our own module, Faro and Boomerang, from the pages a source names."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from nines.errors import NinesError
from nines.operations.calling import refusal
from nines.protocols.compression import decompressed
from nines.protocols.refusal import BAD_REQUEST, Refused
from nines.protocols.rum import MOST_BYTES, decode
from nines.protocols.rum_sender import Routes, Sender
from nines.receivers.calling import Desk, body_of, call_of, open_to, plain_failure
from nines.telemetry.datasource import DataSource

#: Header by which our own probes mark their requests.
PROBE = "nines-probe"
_ASKED = "content-type, x-api-key, x-faro-session-id, content-encoding"


async def beacon(request: Request) -> Response:
    """Take a beacon; its answer is read by hardly anybody, but 204 and 202 mean it is on disk."""
    desk: Desk = request.app.state.desk
    origin = request.headers.get("origin", "")
    try:
        _check_host(request, desk)
        body = await body_of(request, MOST_BYTES)
        status, told = await desk.work(_take, request, desk, body, origin)
    except (NinesError, Refused) as error:
        return _open(plain_failure(error), origin)
    return _open(PlainTextResponse(told, status) if told else Response(status_code=status), origin)


def _check_host(request: Request, desk: Desk) -> None:
    """Turn a foreign name away. Pages of other origins are welcome here; the source says which."""
    refused = refusal(replace(call_of(request), origin="", site="", bearer=True), desk.hosts)
    if refused is not None:
        raise refused


def _take(request: Request, desk: Desk, body: bytes, origin: str) -> tuple[int, str]:
    now = desk.clock()
    key = request.query_params.get("key") or request.headers.get("x-api-key", "")
    who, source = desk.intake.public_source(key, origin, now=now)
    plain = decompressed(body, request.headers.get("content-encoding", ""), limit=MOST_BYTES)
    table, found = decode(plain, _sender(request, source), now_us=int(now.timestamp() * 1_000_000))
    if table.num_rows or found.refused:
        desk.intake.into(who, source, table, now=now, key=None, refused=found.refused)
    told = "; ".join((*found.problems, *found.notes)) if found.status == BAD_REQUEST else ""
    return found.status, told


def _sender(request: Request, source: DataSource) -> Sender:
    """Return what is known of who sent a beacon; a stated rate of the source holds where the beacon has none."""
    rate = source.sampling.rate if source.sampling.kept == "rate" else None
    return Sender(
        user_agent=request.headers.get("user-agent", ""),
        marked=PROBE in request.headers,
        rate=rate,
        routes=_routes(source.option("routes")),
    )


def _routes(text: str) -> Routes:
    return Routes.of(*text.split())


async def preflight(request: Request) -> Response:
    """Tell a browser that a page may send here; whether its origin is wanted is decided when it does."""
    return _open(Response(status_code=204), request.headers.get("origin", ""))


async def module(_request: Request) -> Response:
    """Return our module for pages."""
    text = files("nines.receivers").joinpath("static/nines-rum.js").read_bytes()
    headers = {"Cache-Control": "public, max-age=3600", "Cross-Origin-Resource-Policy": "cross-origin"}
    return _open(Response(text, media_type="text/javascript", headers=headers), "*")


def _open(answer: Response, origin: str) -> Response:
    return open_to(answer, origin, _ASKED)
