"""The push forms of Gatus and Uptime Kuma: a monitor elsewhere tells whether something is up."""

from __future__ import annotations

import pyarrow as pa
from starlette.requests import Request
from starlette.responses import Response

from nines.errors import ForbiddenError, NinesError, NotSignedInError, OverloadedError
from nines.people.rights import Principal
from nines.protocols import push
from nines.protocols.refusal import Refused
from nines.receivers.calling import RETRY_AFTER_S, Desk, body_of, plain_failure, sender_of

MOST_BYTES = 65_536


async def gatus(request: Request) -> Response:
    """Take what a Gatus client pushes: 200 without a body once it is on disk."""
    desk: Desk = request.app.state.desk
    try:
        token = push.bearer(request.headers.get("authorization"))
        body = await body_of(request, MOST_BYTES)
        who = _who(request, desk, token, push.wrong_token())
        row = push.gatus(request.path_params["key"], request.url.query, body, now_us=_now_us(desk))
        await desk.work(_store, desk, who, row, push.unknown_endpoint())
    except (NinesError, Refused) as error:
        return plain_failure(error)
    return Response(status_code=200)


async def kuma(request: Request) -> Response:
    """Take what an Uptime Kuma push client sends: its token is one of ours, `monitor` names what it speaks for."""
    desk: Desk = request.app.state.desk
    try:
        who = _who(request, desk, request.path_params["token"], push.unknown_monitor())
        monitor = request.query_params.get("monitor") or who.name.removeprefix("token ")
        row = push.kuma(monitor, request.url.query, now_us=_now_us(desk))
        await desk.work(_store, desk, who, row, push.unknown_monitor())
    except Refused as refused:
        return _told(refused)
    except OverloadedError as error:
        return _told(Refused(503, str(error), retryable=True))
    except NinesError as error:
        return _told(Refused(403, str(error)))
    return _told(None)


def _told(refused: Refused | None) -> Response:
    status, body = push.kuma_answer(refused)
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else {}  # noqa: PLR2004 - unavailable
    return Response(body, status, headers=headers, media_type="application/json")


def _who(request: Request, desk: Desk, token: str, wrong: Refused) -> Principal:
    try:
        return sender_of(request, desk, token)
    except (NotSignedInError, ForbiddenError) as error:
        raise wrong from error


def _now_us(desk: Desk) -> int:
    return int(desk.clock().timestamp() * 1_000_000)


def _store(desk: Desk, who: Principal, row: pa.Table, nowhere: Refused) -> None:
    taken = desk.intake.events(who, row, kind="push", now=desk.clock(), key=None)
    if not taken.sources:
        raise nowhere
