"""What every route needs: the house, the clock, who is asking, and answers that can be cached."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response

from nines.errors import InputError, Problem
from nines.operations.calling import COOKIE
from nines.operations.door import bearer_of, call_of
from nines.operations.house import House
from nines.operations.listing import mark
from nines.operations.people import identify
from nines.people.rights import Principal, require
from nines.reading import instant

Clock = Callable[[], datetime]
#: Header that names the tenant a call speaks for; `?tenant=` wins over it.
TENANT = "Nines-Tenant"


class Answers:
    """Answers given lately, by their ETags; what an answer depends on is in its tag, so one that is kept still holds.

    One rule: the bytes it keeps are bounded, and the longest unasked go first.
    """

    def __init__(self, most: int = 64 * 1024 * 1024) -> None:
        """Keep nothing yet.

        Args:
            most: bytes of answers.
        """
        self._most, self._size = most, 0
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = Lock()

    def get(self, tag: str) -> bytes | None:
        """Return an answer, or None when it is not kept."""
        with self._lock:
            found = self._kept.get(tag)
            if found is not None:
                self._kept.move_to_end(tag)
            return found

    def keep(self, tag: str, answer: bytes) -> None:
        """Keep an answer."""
        with self._lock:
            if tag in self._kept or len(answer) > self._most:
                return
            self._kept[tag] = answer
            self._size += len(answer)
            while self._size > self._most:
                self._size -= len(self._kept.popitem(last=False)[1])


@dataclass(frozen=True, slots=True)
class Context:
    """What the routes of one application work on."""

    house: House
    clock: Clock
    answers: Answers = field(default_factory=Answers)


def context_of(request: Request) -> Context:
    """Return the context the application was built with."""
    found = request.app.state.context
    assert isinstance(found, Context)
    return found


def who_of(request: Request, context: Annotated[Context, Depends(context_of)]) -> Principal:
    """Return who is asking; that no other site's page asks was seen to at the door.

    Raises:
        NotSignedInError: a token was sent and does not hold.
        NotFoundError: they may not speak for the tenant that the query or the header names.
    """
    return identify(
        context.house,
        session=request.cookies.get(COOKIE),
        token=bearer_of(request.headers),
        loopback=call_of(request.scope).on_loopback,
        now=context.clock(),
        tenant=request.query_params.get("tenant") or request.headers.get(TENANT, ""),
    )


def instant_of_query(name: str, text: str | None) -> datetime | None:
    """Return an instant of a query, or None when it was not given.

    Raises:
        InputError: it is no instant with a zone.
    """
    try:
        return instant(text) if text else None
    except (ValueError, OverflowError) as error:
        raise InputError(
            Problem(name, str(error), "write an instant like 2026-03-01T12:00:00Z", code="bad-instant")
        ) from error


@dataclass(frozen=True, slots=True)
class When:
    """The instant asked about, as known when, and the present one."""

    at: datetime
    known_at: datetime | None
    stated: bool
    now: datetime


def when_of(
    context: Annotated[Context, Depends(context_of)],
    at: Annotated[str | None, Query(description="Instant asked about, ISO 8601 with a zone; now unless given.")] = None,
    known_at: Annotated[
        str | None, Query(description="As known at this instant; all that is known unless given.")
    ] = None,
) -> When:
    """Return the instants a request asks about."""
    stated, now = instant_of_query("at", at), context.clock()
    return When(stated or now, instant_of_query("known_at", known_at), stated is not None, now)


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
    headers = {"ETag": tag, "Cache-Control": f"private, max-age={seconds}", "Vary": f"Authorization, Cookie, {TENANT}"}
    if _has(request, tag):
        return Response(status_code=304, headers=headers)
    return Response(text, headers=headers, media_type="application/json")


def marked(
    request: Request, context: Context, who: Principal, asked: When, answer: Callable[[], Any], *, seconds: int = 0
) -> Response:
    """Return a JSON answer whose ETag is known before it is worked out; one given before costs no evaluation.

    Args:
        request: what was asked.
        context: of the application.
        who: who is asking; they have to have the right to see.
        asked: the instants; the mark is taken at the same one as the answer, or they could lie in two minutes.
        answer: works the JSON value out.
        seconds: how long a client may use it without asking.
    """
    require(who, "see")
    seen = f"{mark(context.house, who, at=asked.now)} {request.url.path}?{request.url.query}"
    tag = f'W/"{hashlib.sha256(seen.encode()).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": f"private, max-age={seconds}", "Vary": f"Authorization, Cookie, {TENANT}"}
    if _has(request, tag):
        return Response(status_code=304, headers=headers)
    text = context.answers.get(tag)
    if text is None:
        text = json.dumps(answer(), ensure_ascii=False, separators=(",", ":")).encode()
        context.answers.keep(tag, text)
    return Response(text, headers=headers, media_type="application/json")


def _has(request: Request, tag: str) -> bool:
    known = [t.strip() for t in request.headers.get("if-none-match", "").split(",")]
    return tag in known
