"""Prometheus remote write, 1.0 and 2.0."""

from __future__ import annotations

from datetime import datetime

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from nines.errors import NinesError
from nines.people.rights import Principal
from nines.protocols.refusal import Refused
from nines.protocols.remote_write import Decoded, Written, decode
from nines.receivers.calling import Desk, body_of, key_of, plain_failure, sender_of


async def remote_write(request: Request) -> Response:
    """Take a write request; 204 means it is on disk, 400 that part of it never will be."""
    desk: Desk = request.app.state.desk
    try:
        who = sender_of(request, desk)
        body = await body_of(request)
        found = await desk.work(take, desk, who, body, dict(request.headers), desk.clock())
    except (NinesError, Refused) as error:
        answer = plain_failure(error)
        answer.headers.update(Written().headers() if "v2" in request.headers.get("content-type", "") else {})
        return answer
    if found.status == 204:  # noqa: PLR2004 - no content
        return Response(status_code=204, headers=found.headers)
    return PlainTextResponse("\n".join(found.problems) + "\n", found.status, headers=found.headers)


def take(desk: Desk, who: Principal, body: bytes, headers: dict[str, str], now: datetime) -> Decoded:
    """Decode a write request and store what somebody needs of it.

    Args:
        desk: of the installation.
        who: who sends.
        body: as sent.
        headers: lower-case names.
        now: present instant.
    """
    book = desk.intake.book(who, now=now)
    with desk.intake.lock(who.tenant):
        found = decode(body, headers, book, now_ms=int(now.timestamp() * 1000))
        key = key_of("write", body)
        desk.intake.readings(
            who, found.readings, kind="remote-write", now=now, key=key, book=book, unnamed=found.dropped
        )
    return found
