"""Routes that tell how we stand."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from nines.api.context import Asked, InContext, Who, cached
from nines.evaluation.history import History
from nines.evaluation.standing_json import instant, number, standing_json
from nines.operations import standings

router = APIRouter(tags=["standings"])


@router.get("/standings", summary="How objectives stand")
def list_standings(
    request: Request,
    context: InContext,
    who: Who,
    asked: Asked,
    *,
    service: Annotated[str, Query(description="Only objectives of this service.")] = "",
    label: Annotated[str, Query(description="Only objectives with this label, as team=shop.")] = "",
    text: Annotated[str, Query(description="Only objectives whose words hold this.")] = "",
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """Return standings in the order of the definitions, with the total number beside them."""
    found = standings.standings(
        context.house, who, at=asked.at, known_at=asked.known_at, service=service, label=label, text=text
    )
    page = [standing_json(s) for s in found[offset : offset + limit]]
    return cached(request, {"total": len(found), "offset": offset, "standings": page}, seconds=1)


@router.get("/standings/{objective}", summary="How one objective stands")
def one_standing(request: Request, context: InContext, who: Who, asked: Asked, objective: str) -> Response:
    """Return the standing of an objective, by name or name@window."""
    found = standings.standing(context.house, who, objective, at=asked.at, known_at=asked.known_at)
    return cached(request, standing_json(found), seconds=1)


@router.get("/standings/{objective}/explain", summary="Where a number comes from")
def explain(request: Request, context: InContext, who: Who, asked: Asked, objective: str) -> Response:
    """Return the steps from counts to verdict."""
    steps = standings.explain(context.house, who, objective, at=asked.at, known_at=asked.known_at)
    return cached(request, {"steps": [{"title": s.title, "figure": s.figure, "how": s.how} for s in steps]})


@router.get("/standings/{objective}/history", summary="How a standing came about")
def history(request: Request, context: InContext, who: Who, asked: Asked, objective: str) -> Response:
    """Return the SLI and the budget left by day (or hour) over the window, and by minute for the last three hours."""
    view = standings.view(context.house, who, objective, at=asked.at, known_at=asked.known_at)
    return cached(request, {"days": _history(view.days), "minutes": _history(view.minutes)})


def _history(found: History) -> dict[str, Any]:
    return {
        "step_seconds": int(found.step.total_seconds()),
        "points": [
            {
                "start": instant(p.start), "end": instant(p.end), "sli": number(p.sli),
                "good": number(p.good), "bad": number(p.bad),
                "unknown": number(p.unknown), "coverage": number(p.coverage), "remaining_ratio": number(p.remaining),
            }
            for p in found.points
        ],
        "exclusions": [
            {"name": b.name, "start": instant(b.span.start), "end": instant(b.span.end)} for b in found.bands
        ],
        "revisions": [{"at": instant(t.at), "revision": t.revision, "target": number(t.target)} for t in found.ticks],
    }  # fmt: skip
