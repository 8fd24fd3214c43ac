"""The door of every face that speaks HTTP: foreign names, foreign pages and too long bodies are turned away.

Two rules: a limit holds for bytes that arrive, not for those that were announced; and every answer carries the same
protective headers, whatever became of the request.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from nines.errors import InputError, NinesError, Problem
from nines.operations.calling import HEADERS, Call, refusal

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

#: What a browser keeps of an answer that says nothing about it.
_DEFAULTS = {**HEADERS, "Cache-Control": "no-store"}
_TOO_LARGE = 413


def heard(scope: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers of a request by their names in lower case; of one sent twice, the first.

    Args:
        scope: of ASGI.
    """
    pairs = reversed(scope["headers"])
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in pairs}


def call_of(scope: Mapping[str, Any]) -> Call:
    """Return what a request says of itself.

    Args:
        scope: of ASGI.
    """
    headers, client, server = heard(scope), scope.get("client"), scope.get("server")
    return Call(
        method=scope["method"],
        host=headers.get("host", ""),
        peer=client[0] if client else "",
        local=(server[0] or "") if server else "",
        origin=headers.get("origin", ""),
        site=headers.get("sec-fetch-site", ""),
        bearer=bearer_of(headers) is not None,
    )


def bearer_of(headers: Mapping[str, str]) -> str | None:
    """Return the token a request names itself with, or None."""
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    return secret.strip() or None if scheme.lower() == "bearer" else None


@dataclass(frozen=True, slots=True)
class Door:
    """What a face lets in, and how it says no.

    Attributes:
        hosts: further names under which this installation is reached.
        most: bytes of a body.
        refused: answers an error; with a status when it is not that of the error's class.
        overflow: what is received in place of a body that grew beyond the limit without having said so.
        tokens: whether a call that names itself with a token may come from another site's page.
    """

    hosts: frozenset[str]
    most: int
    refused: Callable[[NinesError, int | None], App]
    overflow: Callable[[], Message]
    tokens: bool = True


class Guard:
    """Stands before a face, and before whatever else is served with it."""

    def __init__(self, app: App, door: Door) -> None:
        """Stand before an application."""
        self._app, self._door = app, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or turn it away."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        no = self._no(scope)
        if no is not None:
            await no(scope, receive, _protecting(send))
        else:
            await self._app(scope, self._bounded(receive), _protecting(send))

    def _no(self, scope: Scope) -> App | None:
        """Return what turns a request away before its body is read, or None."""
        door, call = self._door, call_of(scope)
        refused = refusal(call if door.tokens else _without_token(call), door.hosts)
        if refused is not None:
            return door.refused(refused, None)
        length = heard(scope).get("content-length", "0")
        if length.isdecimal() and int(length) <= door.most:
            return None
        what = f"a body has at most {door.most:,} bytes"
        return door.refused(InputError(Problem("body", what, "send less at once", code="too-long")), _TOO_LARGE)

    def _bounded(self, receive: Receive) -> Receive:
        """Return a receiver that ends a body which grows beyond the limit, whatever its length was said to be."""
        seen = 0

        async def received() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            return message if seen <= self._door.most else self._door.overflow()

        return received


def _without_token(call: Call) -> Call:
    return Call(call.method, call.host, call.peer, call.local, call.origin, call.site)


def _protecting(send: Send) -> Send:
    """Return a sender that adds to an answer's headers those of `HEADERS` that it lacks."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            known = {name.lower() for name, _ in headers}
            more = ((n.lower().encode(), v.encode()) for n, v in _DEFAULTS.items())
            message = {**message, "headers": [*headers, *(pair for pair in more if pair[0] not in known)]}
        await send(message)

    return sent
