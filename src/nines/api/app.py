"""The HTTP API as one application; `nines.cli.server` puts it into a process with the other faces."""

from __future__ import annotations

import os

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Match, Mount

from nines import __version__
from nines.api import (
    alerting,
    clocks,
    events,
    exchanging,
    health,
    probes,
    problems,
    proving,
    reconciling,
    records,
    standings,
)
from nines.api.context import Clock, Context
from nines.api.guard import door
from nines.api.shapes import PROBLEM
from nines.operations.calling import named_hosts
from nines.operations.door import Guard
from nines.operations.house import House

PREFIX = "/api/nines/v1"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


def build(house: House, clock: Clock, *, hosts: frozenset[str] | None = None) -> FastAPI:
    """Return the API of a house.

    Args:
        house: what it answers about.
        clock: where the present instant comes from.
        hosts: names under which it is reached beside this machine's own; those of NINES_HOSTS unless given.
    """
    names = named_hosts(os.environ.get("NINES_HOSTS", "")) if hosts is None else hosts
    app = FastAPI(
        title="nines",
        version=__version__,
        description="Service levels: standings, definitions, exclusions, statements and the journal.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        middleware=[Middleware(Guard, door=door(names))],
        responses={"default": PROBLEM},
        redirect_slashes=False,
    )
    app.state.context = Context(house, clock)
    problems.install(app)
    for part in (standings, reconciling, records, exchanging, events, clocks, alerting, probes, proving):
        app.include_router(part.router, prefix=PREFIX)
    app.include_router(health.router)
    for path in ("/api", "/api/{rest:path}"):
        app.add_api_route(path, _nowhere, methods=METHODS, include_in_schema=False)
    return app


async def _nowhere(request: Request) -> Response:
    """Answer what no route answers, so that under /api nothing but JSON is ever said."""
    own = (r for r in request.app.routes if not isinstance(r, Mount))
    routes = [r for r in own if getattr(r, "endpoint", None) is not _nowhere]
    allowed = [m for m in METHODS if any(r.matches({**request.scope, "method": m})[0] is Match.FULL for r in routes)]
    if allowed:
        raise HTTPException(405, f"{request.method} is not known here", {"Allow": ", ".join(allowed)})
    raise HTTPException(404, "there is no such route; /api/openapi.json lists them")
