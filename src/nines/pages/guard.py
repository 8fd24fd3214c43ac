"""The door of the pages: foreign names, foreign forms and too long bodies are turned away before a page is asked.

One rule: every answer carries the same protective headers, whatever became of the request.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nines.errors import InputError, Problem
from nines.operations.calling import HEADERS, Call, refusal
from nines.pages.failing import failure

#: Longest form that is read, in bytes.
MOST_FORM = 64 * 1024


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
    )


@dataclass(slots=True)
class Guard:
    """Stands before the pages.

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
            await failure(refused)(scope, receive, guarded)
        elif not length.isdecimal() or int(length) > MOST_FORM:
            what = f"a form has at most {MOST_FORM:,} bytes"
            error = InputError(Problem("form", what, "send less", code="too-long"))
            await failure(error, status=413)(scope, receive, guarded)
        else:
            await self.app(scope, _bounded(receive), guarded)


def _bounded(receive: Receive) -> Receive:
    """Return a receiver that ends a body which grows beyond the limit without having said so."""
    seen = 0

    async def received() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        return message if seen <= MOST_FORM else {"type": "http.disconnect"}

    return received
