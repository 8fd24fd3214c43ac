"""Whether this process lives, whether it can work, and its own figures for Prometheus.

One rule: nothing here tells a name, a tenant or a measurement to somebody who may not see it: the minute counts of
objectives stand on the page of metrics only for a caller with that right.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import JSONResponse, PlainTextResponse

from nines import __version__
from nines.api.context import InContext, Who
from nines.operations import health, minutes

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Whether the process lives")
def alive() -> dict[str, str]:
    """Return at once; says nothing of what it depends on."""
    return {"status": "alive", "version": __version__}


@router.get("/readyz", summary="Whether it can work")
def ready(context: InContext) -> JSONResponse:
    """Return 200 when records and lake can be read, else 503."""
    try:
        health.check_ready(context.house)
    except Exception as error:  # noqa: BLE001 - whatever it is, the answer is that it is not ready
        return JSONResponse({"status": "not ready", "why": type(error).__name__}, 503, {"Retry-After": "5"})
    return JSONResponse({"status": "ready"})


@router.get("/metrics", summary="Own figures", response_class=PlainTextResponse)
def metrics(context: InContext, who: Who) -> PlainTextResponse:
    """Return own figures in Prometheus' text format; for somebody who may see them, also the last minute's counts."""
    found = {"nines_info": ("gauge", "Version of nines, always 1.", 1), **health.figures(context.house)}
    lines = []
    for name, (kind, words, value) in found.items():
        label = f'{{version="{__version__}"}}' if name == "nines_info" else ""
        lines += [f"# HELP {name} {words}", f"# TYPE {name} {kind}", f"{name}{label} {value}"]
    lines += minutes.gauge_lines(minutes.last_minutes(context.house, who, at=context.clock()), who.tenant)
    return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")
