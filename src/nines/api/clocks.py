"""Route that tells about the clocks of hosts."""

from __future__ import annotations

import os
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from nines.api.context import InContext, Who, cached, instant_of_query
from nines.operations import clocks as asking
from nines.operations.clocks_showing import clocks_json

router = APIRouter(tags=["clocks"])

From = Annotated[
    str | None, Query(alias="from", description="Earliest end of a span; an hour before `to` unless given.")
]
To = Annotated[str | None, Query(description="Instant after the latest end; now unless given.")]


@router.get("/clocks", summary="What is certain about the clocks of hosts")
def clocks(request: Request, context: InContext, who: Who, since: From = None, to: To = None) -> Response:
    """Return bounds on offsets by pair of hosts, drift, steps, spans before their cause, and what time servers say."""
    start, end = instant_of_query("from", since), instant_of_query("to", to)
    servers = asking.time_servers(os.environ.get("NINES_NTP", ""))
    view = asking.clocks(context.house, who, start=start, end=end, now=context.clock(), servers=servers)
    answer: dict[str, Any] = clocks_json(view)
    return cached(request, answer)
