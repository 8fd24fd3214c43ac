"""Routes that take measurements in, and tell how fresh they are."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from starlette.concurrency import run_in_threadpool

from nines.api.body import bounded, rows_of
from nines.api.context import InContext, Who, cached
from nines.api.shapes import ReceiptShape
from nines.operations import ingesting, sites, sources
from nines.operations.showing_sources import agent_json, site_json, source_json
from nines.people.rights import require

router = APIRouter(tags=["sources"])


@router.post("/events/{source}", summary="Send events", status_code=202, responses={202: {"model": ReceiptShape}})
async def send(
    request: Request,
    context: InContext,
    who: Who,
    source: str,
    idempotency_key: Annotated[
        str | None, Header(min_length=1, max_length=200, description="The same key of a source counts once.")
    ] = None,
) -> dict[str, Any]:
    """Take a batch of events: newline-delimited JSON or a JSON array, gzip or plain. 202 means it is on disk."""
    require(who, "ingest")
    rows = await run_in_threadpool(rows_of, await bounded(request), request.headers.get("content-type", ""))
    receipt = await run_in_threadpool(
        ingesting.ingest_rows, context.house, who, source, rows, now=context.clock(), key=idempotency_key
    )
    return {"receipt": receipt.id, "rows": receipt.rows, "duplicate": receipt.duplicate}


@router.get("/sources", summary="How fresh and how late sources are, and what was not kept")
def fresh(request: Request, context: InContext, who: Who) -> Response:
    """Return every source in force or with rows."""
    found = sources.sources(context.house, who, at=context.clock())
    return cached(request, {"sources": [source_json(report) for report in found]})


@router.get("/sites", summary="Which sites and agents are heard")
def heard(request: Request, context: InContext, who: Who) -> Response:
    """Return every site of every source over the last day, and every agent that tells of itself."""
    found = sites.sites(context.house, who, at=context.clock())
    told = {"sites": [*map(site_json, found.sites)], "agents": [*map(agent_json, found.agents)]}
    return cached(request, told)
