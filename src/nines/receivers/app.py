"""The receivers over HTTP as one application; `nines.cli.server` puts it before the other faces."""

from __future__ import annotations

import os

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route

from nines.operations.calling import named_hosts
from nines.operations.house import House
from nines.operations.receiving import Intake
from nines.receivers import batches, otlp, push, rum
from nines.receivers.calling import Clock, Desk
from nines.receivers.metrics import remote_write
from nines.receivers.room import Bounded


def routes() -> list[BaseRoute]:
    """Return every path that senders know."""
    return [
        Route("/api/v1/write", remote_write, methods=["POST"]),
        *(Route(f"/v1/{s}", otlp.receiver(s), methods=["POST"]) for s in otlp.SIGNALS),
        *(Route(f"/v1/{s}", otlp.preflight, methods=["OPTIONS"]) for s in otlp.SIGNALS),
        Route("/rum", rum.beacon, methods=["POST"]),
        Route("/rum", rum.preflight, methods=["OPTIONS"]),
        Route("/rum/nines-rum.js", rum.module, methods=["GET"]),
        Route("/api/nines/v1/batches/{source}", batches.take, methods=["POST"]),
        Route("/api/v1/endpoints/{key}/external", push.gatus, methods=["POST"]),
        Route("/api/push/{token}", push.kuma, methods=["GET", "POST"]),
    ]


def build(house: House, clock: Clock) -> Starlette:
    """Return the receivers of a house.

    Args:
        house: where data goes.
        clock: where the present instant comes from.
    """
    desk = Desk(Intake(house), clock, named_hosts(os.environ.get("NINES_HOSTS", "")))
    app = Starlette(routes=routes(), middleware=[Middleware(Bounded, room=desk.room)])
    app.state.desk = desk
    return app
