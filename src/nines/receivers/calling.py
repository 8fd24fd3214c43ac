"""What every receiver does with a request: who sends, how long it is, and how a failure is told in its protocol."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from nines.errors import (
    ForbiddenError,
    InputError,
    NinesError,
    NotFoundError,
    NotSignedInError,
    OverloadedError,
)
from nines.operations.calling import Call, refusal
from nines.operations.people import identify
from nines.operations.receiving import Intake
from nines.people.rights import Principal
from nines.protocols.refusal import Refused
from nines.receivers.room import WORKERS, Room

Found = TypeVar("Found")
Clock = Callable[[], datetime]
#: Most bytes of a body as sent; what it may unfold to is bounded where it is decoded.
MOST_SENT = 64 * 1024 * 1024
#: How long a browser may keep what it was told about sending here, seconds.
_PREFLIGHT_S = 86_400
#: Seconds after which a refused sender may try again.
RETRY_AFTER_S = 5
#: Error class -> status, for senders that retry by status.
STATUSES: tuple[tuple[type[NinesError], int], ...] = (
    (NotSignedInError, 401),
    (ForbiddenError, 403),
    (NotFoundError, 404),
    (InputError, 400),
    (OverloadedError, 503),
)


@dataclass(frozen=True, slots=True)
class Desk:
    """What the receivers of one installation work with.

    Attributes:
        intake: the way in.
        clock: where the present instant comes from.
        hosts: names under which it is reached beside this machine's own.
        room: for the bodies of all requests over HTTP.
        workers: threads in which those requests are decoded and stored, a few at a time.
    """

    intake: Intake
    clock: Clock
    hosts: frozenset[str]
    room: Room = field(default_factory=Room)
    workers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(WORKERS, "nines-receivers"))

    async def work(self, deed: Callable[..., Found], *given: object) -> Found:
        """Do something in a thread, once one of the receivers' few is free."""
        return await asyncio.get_running_loop().run_in_executor(self.workers, deed, *given)


def call_of(request: Request) -> Call:
    """Return what a request says of itself."""
    client, server = request.client, request.scope.get("server")
    return Call(
        method=request.method,
        host=request.headers.get("host", ""),
        peer=client.host if client else "",
        local=server[0] if server else "",
        origin=request.headers.get("origin", ""),
        site=request.headers.get("sec-fetch-site", ""),
        bearer=token_of(request) is not None,
    )


def token_of(request: Request) -> str | None:
    """Return the token a request names itself with, as a bearer or as the password of basic authentication."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return secret.strip() or None
    return basic_password(secret) if scheme.lower() == "basic" else None


def basic_password(secret: str) -> str | None:
    """Return the password of basic authentication, which is how some senders carry a token; None when unreadable.

    Example:
        >>> basic_password("bmluZXM6c2VjcmV0")
        'secret'
    """
    import base64
    import binascii

    try:
        return base64.b64decode(secret, validate=True).decode().partition(":")[2] or None
    except (binascii.Error, UnicodeDecodeError):
        return None


def sender_of(request: Request, desk: Desk, token: str | None = None) -> Principal:
    """Return who sends, after turning away foreign names and pages.

    Args:
        request: what was sent.
        desk: of the installation.
        token: a token found elsewhere than in the header, or None.

    Raises:
        ForbiddenError: it came by a name that is not ours, or from another site's page.
        NotSignedInError: its token does not hold.
    """
    call = call_of(request)
    refused = refusal(call, desk.hosts)
    if refused is not None:
        raise refused
    found = token or token_of(request)
    return identify(desk.intake.house, session=None, token=found, loopback=call.on_loopback, now=desk.clock())


async def body_of(request: Request, most: int = MOST_SENT) -> bytes:
    """Return a request's body.

    Args:
        request: what was sent.
        most: bytes it may have; the limit holds for what arrives, not for what was announced.

    Raises:
        Refused: it is longer.
    """
    parts, length = [], 0
    async for part in request.stream():
        length += len(part)
        if length > most:
            raise Refused(413, f"a body has at most {most:,} bytes; send smaller batches")
        parts.append(part)
    return b"".join(parts)


def key_of(path: str, body: bytes) -> str:
    """Return the key under which a request counts once: a retry has the same bytes."""
    return f"{path}/{hashlib.sha256(body).hexdigest()}"


def plain_failure(error: NinesError | Refused) -> Response:
    """Return a failure as status and one line of text, with Retry-After where a retry can help."""
    if isinstance(error, Refused):
        return PlainTextResponse(error.message, error.status, headers=dict(error.headers))
    status = next((s for kind, s in STATUSES if isinstance(error, kind)), 500)
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status in {429, 503} else {}
    if status == 401:  # noqa: PLR2004 - unauthorized
        headers["WWW-Authenticate"] = 'Bearer realm="nines"'
    return PlainTextResponse("; ".join(str(p) for p in error.problems) + "\n", status, headers=headers)


def open_to(answer: Response, origin: str, asked: str) -> Response:
    """Let a page of another origin send, without cookies.

    Args:
        answer: gets the headers.
        origin: of the page, or "" where no page sends.
        asked: headers it may send, parted by commas.
    """
    if origin:
        answer.headers["Access-Control-Allow-Origin"] = origin
        answer.headers["Access-Control-Allow-Methods"] = "POST"
        answer.headers["Access-Control-Allow-Headers"] = asked
        answer.headers["Access-Control-Max-Age"] = str(_PREFLIGHT_S)
        answer.headers["Vary"] = "Origin"
    return answer
