"""Whether this process lives, whether it can work, and its own figures for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import JSONResponse, PlainTextResponse

from nines import __version__
from nines.api.context import InContext

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Whether the process lives")
def alive() -> dict[str, str]:
    """Return at once; says nothing of what it depends on."""
    return {"status": "alive", "version": __version__}


@router.get("/readyz", summary="Whether it can work")
def ready(context: InContext) -> JSONResponse:
    """Return 200 when records and lake can be read, else 503."""
    try:
        context.house.store.revisions.tenants()
        context.house.lake.last_sequence()
    except Exception as error:  # noqa: BLE001 - whatever it is, the answer is that it is not ready
        return JSONResponse({"status": "not ready", "why": type(error).__name__}, 503, {"Retry-After": "5"})
    return JSONResponse({"status": "ready"})


@router.get("/metrics", summary="Own figures", response_class=PlainTextResponse)
def metrics(context: InContext) -> PlainTextResponse:
    """Return own figures in Prometheus' text format."""
    lake = context.house.lake
    lines = [
        "# HELP nines_flush_sequence Sequence number of the last finished flush.",
        "# TYPE nines_flush_sequence counter",
        f"nines_flush_sequence {lake.last_sequence()}",
        "# HELP nines_inbox_pending_rows Acknowledged rows that wait for their flush.",
        "# TYPE nines_inbox_pending_rows gauge",
        f"nines_inbox_pending_rows {sum(lake.inbox.pending().values())}",
    ]
    return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")
