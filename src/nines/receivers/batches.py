"""Batches of our own agent: 200 with a receipt once they are on disk, and the same batch again counts once."""

from __future__ import annotations

import re
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from nines.errors import NinesError, OverloadedError
from nines.operations.batches import Receipt, take_batch
from nines.people.rights import Principal
from nines.protocols.arrow_batch import KINDS, BatchKind, decode
from nines.protocols.refusal import BAD_REQUEST, Refused
from nines.receivers.calling import RETRY_AFTER_S, STATUSES, Desk, body_of, sender_of

_KEY = re.compile(r"[!-~]{1,200}")
_SITE = re.compile(r"[^\x00-\x1f\x7f]{0,200}")


async def take(request: Request) -> Response:
    """Take a batch; its receipt is the number under which the inbox holds it."""
    desk: Desk = request.app.state.desk
    try:
        who = sender_of(request, desk)
        kind, key, site = _kind(request), _key(request), _site(request)
        body = await body_of(request)
        receipt = await desk.work(_store, desk, who, request.path_params["source"], body, kind, key, site)
    except (NinesError, Refused) as error:
        return _told(error)
    return JSONResponse({"receipt": receipt.id, "rows": receipt.rows, "duplicate": receipt.duplicate})


def _store(desk: Desk, who: Principal, source: str, body: bytes, kind: BatchKind, key: str, site: str) -> Receipt:
    table = decode(body, kind, site=site)
    key = f"batch/{kind}/{key}"
    return take_batch(desk.intake.house, who, source, table, kind=kind, now=desk.clock(), key=key)


def _kind(request: Request) -> BatchKind:
    said = request.query_params.get("kind", "")
    for kind in KINDS:
        if kind == said:
            return kind
    raise Refused(BAD_REQUEST, f"kind is {said[:40]!r}; it is one of {', '.join(KINDS)}")


def _key(request: Request) -> str:
    key = request.headers.get("idempotency-key", "")
    if not _KEY.fullmatch(key):
        raise Refused(BAD_REQUEST, "the header Idempotency-Key is needed: 1 to 200 visible ASCII characters")
    return key


def _site(request: Request) -> str:
    """Return the site of the batch; the header holds it percent-encoded, because headers are ASCII."""
    site = unquote(request.headers.get("nines-site", ""))
    if not _SITE.fullmatch(site):
        raise Refused(BAD_REQUEST, "the header Nines-Site has at most 200 characters, and none that controls")
    return site


def _told(error: NinesError | Refused) -> Response:
    """Return a failure as JSON, so that an agent tells our refusal from that of a proxy on the way."""
    if isinstance(error, Refused):
        return JSONResponse({"problems": [error.message]}, error.status, headers=dict(error.headers))
    status = next((s for kind, s in STATUSES if isinstance(error, kind)), 500)
    headers = {"Retry-After": str(RETRY_AFTER_S)} if isinstance(error, OverloadedError) else {}
    return JSONResponse({"problems": [str(p) for p in error.problems]}, status, headers=headers)
