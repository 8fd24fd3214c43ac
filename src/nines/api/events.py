"""Routes that take measurements in, and tell how fresh they are."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from starlette.concurrency import run_in_threadpool

from nines.api.body import bounded, rows_of
from nines.api.context import InContext, Who, cached
from nines.api.shapes import ReceiptShape
from nines.evaluation.standing_json import instant
from nines.operations import ingesting, sources
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


@router.get("/sources", summary="How fresh sources are")
def fresh(request: Request, context: InContext, who: Who) -> Response:
    """Return every source in force or with rows."""
    found = sources.sources(context.house, who, at=context.clock())
    return cached(request, {"sources": [_source(report) for report in found]})


def _source(report: sources.SourceReport) -> dict[str, Any]:
    held = report.freshness
    return {
        "name": report.name,
        "type": report.source.type if report.source else None,
        "rows": held.rows,
        "pending": held.pending,
        "first": instant(held.first),
        "last": instant(held.last),
        "arrival": instant(held.arrival),
        "silent": report.silent,
        "problems": [{"what": p.what, "fix": p.fix, "severity": p.severity, "code": p.code} for p in report.problems],
    }
