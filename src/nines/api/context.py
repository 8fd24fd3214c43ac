"""What every route needs: the house, the clock, who is asking, and answers that can be cached."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response

from nines.errors import InputError, NotFoundError, Problem
from nines.operations.calling import COOKIE
from nines.operations.door import bearer_of, call_of
from nines.operations.house import House
from nines.operations.listing import mark
from nines.operations.people import identify
from nines.people.rights import Principal
from nines.reading import instant

Clock = Callable[[], datetime]


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


def who_of(request: Request, context: Annotated[Context, Depends(context_of)]) -> Principal:
    """Return who is asking; that no other site's page asks was seen to at the door.

    Raises:
        NotSignedInError: a token was sent and does not hold.
    """
    who = identify(
        context.house,
        session=request.cookies.get(COOKIE),
        token=bearer_of(request.headers),
        loopback=call_of(request.scope).on_loopback,
        now=context.clock(),
    )
    _check_tenant(request, who)
    return who


def _check_tenant(request: Request, who: Principal) -> None:
    tenant = request.query_params.get("tenant")
    if tenant is not None and who.kind != "nobody" and tenant != who.tenant:
        raise NotFoundError(Problem(f"tenant {tenant}", "there is no such tenant", "check the name", code="no-tenant"))


def _instant(name: str, text: str | None) -> datetime | None:
    try:
        return instant(text) if text else None
    except (ValueError, OverflowError) as error:
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
    if _has(request, tag):
        return Response(status_code=304, headers=headers)
    return Response(text, headers=headers, media_type="application/json")


def marked(
    request: Request, context: Context, who: Principal, answer: Callable[[], Any], *, seconds: int = 0
) -> Response:
    """Return a JSON answer whose ETag is known before it is worked out; 304 costs no evaluation.

    Args:
        request: what was asked.
        context: of the application.
        who: who is asking.
        answer: works the JSON value out.
        seconds: how long a client may use it without asking.
    """
    seen = f"{mark(context.house, who, at=context.clock())} {request.url.path}?{request.url.query}"
    tag = f'W/"{hashlib.sha256(seen.encode()).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": f"private, max-age={seconds}", "Vary": "Authorization, Cookie"}
    if who.kind != "nobody" and _has(request, tag):
        return Response(status_code=304, headers=headers)
    text = json.dumps(answer(), ensure_ascii=False, separators=(",", ":")).encode()
    return Response(text, headers=headers, media_type="application/json")


def _has(request: Request, tag: str) -> bool:
    known = [t.strip() for t in request.headers.get("if-none-match", "").split(",")]
    return tag in known
