"""The HTTP API as one application; `nines.cli.server` puts it into a process with the other faces."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response

from nines import __version__
from nines.api import events, health, problems, records, standings
from nines.api.context import Clock, Context
from nines.operations.house import House

PREFIX = "/api/nines/v1"


def build(house: House, clock: Clock) -> FastAPI:
    """Return the API of a house.

    Args:
        house: what it answers about.
        clock: where the present instant comes from.
    """
    app = FastAPI(
        title="nines",
        version=__version__,
        description="Service levels: standings, definitions, exclusions, statements and the journal.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.context = Context(house, clock)
    problems.install(app)
    for part in (standings, records, events):
        app.include_router(part.router, prefix=PREFIX)
    app.include_router(health.router)

    @app.middleware("http")
    async def _guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "same-origin")
        response.headers.setdefault("X-Frame-Options", "DENY")
        return response

    return app
