"""What every route needs: the house, the clock, who is asking, and answers that can be cached."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response

from nines.errors import InputError, NotFoundError, Problem
from nines.operations.house import House
from nines.operations.people import identify
from nines.people.rights import Principal
from nines.reading import instant

Clock = Callable[[], datetime]
#: Name of the session cookie, the same on API and pages.
COOKIE = "nines_session"


@dataclass(frozen=True, slots=True)
class Context:
    """What the routes of one application work on."""

    house: House
    clock: Clock


def context_of(request: Request) -> Context:
    """Return the context the application was built with."""
    found = request.app.state.context
    assert isinstance(found, Context)
    return found


def is_loopback(request: Request) -> bool:
    """Return whether a request came from this machine and was meant for it.

    The Host header is looked at too: a page of another site that makes a browser here ask us carries its own name.
    """
    host = (request.url.hostname or "").strip("[]")
    client = request.client.host if request.client else ""
    return _loopback(client) and (host == "localhost" or _loopback(host))


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def who_of(request: Request, context: Annotated[Context, Depends(context_of)]) -> Principal:
    """Return who is asking.

    Raises:
        NotSignedInError: a token was sent and does not hold.
    """
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    token = secret.strip() if scheme.lower() == "bearer" and secret.strip() else None
    session = request.cookies.get(COOKIE)
    if session and request.method not in {"GET", "HEAD"} and not _same_site(request):
        session = None  # a cookie alone does not carry a deed from another site's page
    who = identify(
        context.house,
        session=session,
        token=token,
        loopback=is_loopback(request) and _same_site(request),
        now=context.clock(),
    )
    _check_tenant(request, who)
    return who


def _same_site(request: Request) -> bool:
    """Return whether a request does not come from another site's page."""
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "none")
    return site in {"none", "same-origin"} and (
        origin is None or origin == f"{request.url.scheme}://{request.url.netloc}"
    )


def _check_tenant(request: Request, who: Principal) -> None:
    tenant = request.query_params.get("tenant")
    if tenant is not None and who.kind != "nobody" and tenant != who.tenant:
        raise NotFoundError(Problem(f"tenant {tenant}", "there is no such tenant", "check the name", code="no-tenant"))


def _instant(name: str, text: str | None) -> datetime | None:
    try:
        return instant(text) if text else None
    except ValueError as error:
        raise InputError(
            Problem(name, str(error), "write an instant like 2026-03-01T12:00:00Z", code="bad-instant")
        ) from error


@dataclass(frozen=True, slots=True)
class When:
    """The instant asked about, and as known when."""

    at: datetime
    known_at: datetime | None
    stated: bool


def when_of(
    context: Annotated[Context, Depends(context_of)],
    at: Annotated[str | None, Query(description="Instant asked about, ISO 8601 with a zone; now unless given.")] = None,
    known_at: Annotated[
        str | None, Query(description="As known at this instant; all that is known unless given.")
    ] = None,
) -> When:
    """Return the instants a request asks about."""
    stated = _instant("at", at)
    return When(stated or context.clock(), _instant("known_at", known_at), stated is not None)


InContext = Annotated[Context, Depends(context_of)]
Who = Annotated[Principal, Depends(who_of)]
Asked = Annotated[When, Depends(when_of)]


def cached(request: Request, body: Any, *, seconds: int = 0) -> Response:  # noqa: ANN401 - any JSON value
    """Return a JSON answer with an ETag; 304 when the client has it already.

    Args:
        request: what was asked.
        body: JSON value.
        seconds: how long a client may use it without asking.
    """
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    tag = f'W/"{hashlib.sha256(text).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": f"private, max-age={seconds}", "Vary": "Authorization, Cookie"}
    known = [t.strip() for t in request.headers.get("if-none-match", "").split(",")]
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(text, headers=headers, media_type="application/json")
