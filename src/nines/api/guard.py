"""The door of the API: foreign names, foreign pages and too long bodies are turned away before a route is asked.

One rule: a limit holds for bytes that arrive, not for those that were announced.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nines.api.problems import answer_error, problem
from nines.operations.calling import HEADERS, Call, refusal

#: Most bytes of a body as sent.
MOST_SENT = 16 * 1024 * 1024
TOO_LONG = f"a body has at most {MOST_SENT:,} bytes; send smaller batches"


def call_of(connection: HTTPConnection) -> Call:
    """Return what a request says of itself."""
    headers, client, server = connection.headers, connection.client, connection.scope.get("server")
    return Call(
        method=connection.scope["method"],
        host=headers.get("host", ""),
        peer=client.host if client else "",
        local=server[0] if server else "",
        origin=headers.get("origin", ""),
        site=headers.get("sec-fetch-site", ""),
        bearer=bearer_of(headers) is not None,
    )


def bearer_of(headers: Headers) -> str | None:
    """Return the token a request names itself with, or None."""
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    return secret.strip() or None if scheme.lower() == "bearer" else None


@dataclass(slots=True)
class Guard:
    """Stands before the API, and before whatever else is served with it.

    Attributes:
        app: what it guards.
        hosts: further names under which this installation is reached.
    """

    app: ASGIApp
    hosts: frozenset[str] = frozenset()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or turn it away."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refused = refusal(call_of(HTTPConnection(scope)), self.hosts)
        length = Headers(scope=scope).get("content-length", "0")
        if refused is not None:
            await answer_error(refused)(scope, receive, guarded)
        elif not length.isdecimal() or int(length) > MOST_SENT:
            await problem(413, "Too large", detail=TOO_LONG)(scope, receive, guarded)
        else:
            await self.app(scope, _bounded(receive), guarded)


def _bounded(receive: Receive) -> Receive:
    """Return a receiver that refuses a body which grows beyond the limit, whatever its length was said to be."""
    seen = 0

    async def received() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MOST_SENT:
            raise HTTPException(413, TOO_LONG)
        return message

    return received
