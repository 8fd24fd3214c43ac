"""News: a stream of server-sent events that tells a page when there is something new.

One rule: it says only that something is new; the page asks again and sees what its reader may see.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

#: Seconds between two looks, and between two pieces of news.
LOOK_S, QUIET_S = 2.0, 10.0

#: Seconds after which a stream ends; the browser comes back, and its right to see is asked anew.
LIFE_S = 300.0

#: Streams at once; each costs a connection.
MOST_STREAMS = 128

Mark = Callable[[Request], str]


@dataclass(slots=True)
class News:
    """The streams of one process.

    Attributes:
        mark: a text that changes with the answers of whoever asks, or "" for nobody; called in a thread.
        sleep: waits so many seconds.
        open: streams at present.
    """

    mark: Mark
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    open: int = 0

    async def __call__(self, request: Request) -> Response:
        """Answer with a stream, or say that there are too many."""
        known = await run_in_threadpool(self.mark, request)
        if not known:
            return PlainTextResponse("sign in first\n", 401)
        if self.open >= MOST_STREAMS:
            return PlainTextResponse("too many streams\n", 503, {"Retry-After": "30"})
        stream = self.stream(request, request.query_params.get("known", known))
        return StreamingResponse(stream, media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    async def stream(self, request: Request, known: str) -> AsyncIterator[str]:
        """Give an event whenever the mark has changed, until the reader leaves or the stream's life ends."""
        self.open += 1
        try:
            yield "retry: 5000\n\n"
            lived = 0.0
            while lived < LIFE_S and not await request.is_disconnected():
                found = await run_in_threadpool(self.mark, request)
                wait = LOOK_S
                if found and found != known:
                    known, wait = found, QUIET_S
                    yield f"event: fresh\ndata: {found}\n\n"
                await self.sleep(wait)
                lived += wait
        finally:
            self.open -= 1
