"""Routes that tell what probes show, and give what is kept of their failures."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import FileResponse

from nines.api.context import InContext, Who, cached
from nines.operations import keeping, probe_runs
from nines.operations.probe_telling import kept_json, probe_json, quorum_json, run_json

router = APIRouter(tags=["probes"])

Most = Annotated[int, Query(ge=1, le=probe_runs.MOST, description="Most runs.")]
Location = Annotated[str, Query(description="Only runs at this location.", max_length=63)]


@router.get("/probes", summary="Probes and their state by location")
def probes(request: Request, context: InContext, who: Who) -> Response:
    """Return every probe in force with what each of its locations sees now."""
    found = probe_runs.probes(context.house, who, at=context.clock())
    return cached(request, {"probes": [probe_json(one) for one in found]})


@router.get("/probes/{name}", summary="One probe, its locations held against each other")
def probe(request: Request, context: InContext, who: Who, name: str) -> Response:
    """Return one probe, with what a day of its runs says by its quorum."""
    at = context.clock()
    found = probe_runs.probe(context.house, who, name, at=at)
    held = probe_runs.witnessed(context.house, who, name, at=at)
    return cached(request, {**probe_json(found), "quorum_over_a_day": quorum_json(held)})


@router.get("/probes/{name}/runs", summary="The last runs of a probe")
def runs(
    request: Request, context: InContext, who: Who, name: str, *, limit: Most = 50, location: Location = ""
) -> Response:
    """Return the last runs, newest first, with every step of every try."""
    found = probe_runs.runs(context.house, who, name, at=context.clock(), most=limit, location=location)
    return cached(request, {"runs": [run_json(run) for run in found]})


@router.get("/probes/{name}/artifacts", summary="What is kept of a probe's failures")
def artifacts(context: InContext, who: Who, name: str) -> dict[str, Any]:
    """Return the failed tries of which something is kept, newest first."""
    return {"artifacts": [kept_json(one) for one in keeping.kept(context.house, who, name)]}


@router.get("/probes/{name}/artifacts/{run}/{file}", summary="One file of it", response_class=FileResponse)
def artifact(context: InContext, who: Who, name: str, run: str, file: str) -> FileResponse:
    """Return a file that is kept of a failed try; secrets are hidden in it."""
    path, media = keeping.artifact(context.house, who, name, run, file)
    return FileResponse(path, media_type=media, filename=f"{run}-{file}", headers={"Cache-Control": "no-store"})
