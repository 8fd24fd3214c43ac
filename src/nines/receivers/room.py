"""How much of what is being sent may be held at once: beyond it senders are asked to come back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nines.errors import OverloadedError, Problem

#: Bytes of bodies, as sent, that all requests together hold at most.
MOST_HELD = 256 * 1024 * 1024
#: Requests over HTTP that are decoded and stored at a time; others wait with their bodies.
WORKERS = 8


class Room:
    """Bytes that are held, and how many may be; safe for several threads.

    Attributes:
        most: bytes that may be held.
        held: bytes that are.
    """

    def __init__(self, most: int = MOST_HELD) -> None:
        """Begin with nothing held.

        Args:
            most: bytes that may be held, > 0.
        """
        self.most, self.held = most, 0
        self._guard = threading.Lock()

    def take(self, size: int) -> None:
        """Account for bytes that came.

        Args:
            size: how many.

        Raises:
            OverloadedError: there is no room for them; they are not accounted for.
        """
        with self._guard:
            if self.held + size > self.most:
                what = f"requests that are being sent hold {self.held:,} bytes, which is as much as may"
                raise OverloadedError(Problem("receivers", what, "try again a little later", code="no-room"))
            self.held += size

    def give(self, size: int) -> None:
        """Give back what was taken."""
        with self._guard:
            self.held -= size

    @contextmanager
    def holding(self, size: int) -> Iterator[None]:
        """Account for bytes while something is done with them.

        Args:
            size: how many.

        Raises:
            OverloadedError: there is no room for them.
        """
        self.take(size)
        try:
            yield
        finally:
            self.give(size)


class Bounded:
    """Lets an application read bodies only while there is room for them, until its answer is sent."""

    def __init__(self, app: ASGIApp, room: Room) -> None:
        """Stand before an application.

        Args:
            app: reads bodies, and answers an OverloadedError of reading.
            room: what it may hold.
        """
        self._app, self._room = app, room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            size = len(message.get("body", b""))
            self._room.take(size)
            taken += size
            return message

        try:
            await self._app(scope, counted, send)
        finally:
            self._room.give(taken)


__all__ = ["MOST_HELD", "WORKERS", "Bounded", "Room"]
