"""Routes that tell how we stand.

One rule: what a client has already is not worked out again, and what it does not ask for is not evaluated.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from nines.api.context import Asked, InContext, Who, marked
from nines.api.shapes import ObjectivesShape, StandingShape, StandingsShape
from nines.evaluation.history import History, Point
from nines.evaluation.scopes import ScopeFigure
from nines.evaluation.standing_json import instant, number, standing_json
from nines.objectives.objective import Objective
from nines.operations import comparing, listing, standings

router = APIRouter(tags=["standings"])

Service = Annotated[str, Query(description="Only objectives of this service.", max_length=200)]
Label = Annotated[str, Query(description="Only objectives with this label, as team=shop.", max_length=200)]
Text = Annotated[str, Query(description="Only objectives whose words hold this.", max_length=200)]
Limit = Annotated[int, Query(ge=1, le=1000, description="Most objectives of one page.")]
Offset = Annotated[int, Query(ge=0, le=10**6, description="Objectives to pass over.")]


def _next(request: Request, offset: int, limit: int, total: int) -> str | None:
    if offset + limit >= total:
        return None
    words = {**request.query_params, "offset": str(offset + limit), "limit": str(limit)}
    return f"{request.url.path}?{urlencode(words)}"


@router.get("/objectives", summary="Objectives in force", responses={200: {"model": ObjectivesShape}})
def objectives(
    request: Request, context: InContext, who: Who, asked: Asked, *,
    service: Service = "", label: Label = "", text: Text = "", limit: Limit = 200, offset: Offset = 0,
) -> Response:  # fmt: skip
    """Return the objectives in force in the order of their definitions, without evaluating any."""

    def answer() -> dict[str, Any]:
        found = listing.objectives(
            context.house, who, at=asked.at, known_at=asked.known_at, service=service, label=label, text=text
        )
        rows = [_objective(o, asked.at) for o in found[offset : offset + limit]]
        following = _next(request, offset, limit, len(found))
        return {"total": len(found), "offset": offset, "next": following, "objectives": rows}

    return marked(request, context, who, asked, answer)


def _objective(found: Objective, at: datetime) -> dict[str, Any]:
    term = found.term_at(at)
    return {
        "key": found.key, "name": found.name, "display_name": found.display_name, "description": found.description,
        "service": found.service, "indicator": found.indicator, "window": found.window.label,
        "target": number(term.target), "method": term.method.name, "revision": term.revision,
        "labels": dict(found.labels),
    }  # fmt: skip


@router.get("/standings", summary="How objectives stand", responses={200: {"model": StandingsShape}})
def list_standings(
    request: Request, context: InContext, who: Who, asked: Asked, *,
    service: Service = "", label: Label = "", text: Text = "", limit: Limit = 200, offset: Offset = 0,
) -> Response:  # fmt: skip
    """Return a page of standings in the order of the definitions, with the total number beside them."""

    def answer() -> dict[str, Any]:
        found = listing.listed(
            context.house, who, at=asked.at, known_at=asked.known_at, service=service, label=label, text=text,
            start=offset, most=limit,
        )  # fmt: skip
        following = _next(request, offset, limit, found.total)
        page = [standing_json(s) for s in found.standings]
        return {"total": found.total, "offset": offset, "next": following, "standings": page}

    return marked(request, context, who, asked, answer, seconds=1)


@router.get("/standings/{objective}", summary="How one objective stands", responses={200: {"model": StandingShape}})
def one_standing(request: Request, context: InContext, who: Who, asked: Asked, objective: str) -> Response:
    """Return the standing of an objective, by name or name@window."""

    def answer() -> dict[str, Any]:
        found = standings.standing(context.house, who, objective, at=asked.at, known_at=asked.known_at)
        return standing_json(found)

    return marked(request, context, who, asked, answer, seconds=1)


@router.get("/standings/{objective}/explain", summary="Where a number comes from")
def explain(request: Request, context: InContext, who: Who, asked: Asked, objective: str) -> Response:
    """Return the steps from counts to verdict."""

    def answer() -> dict[str, Any]:
        steps = standings.explain(context.house, who, objective, at=asked.at, known_at=asked.known_at)
        return {"steps": [{"title": s.title, "figure": s.figure, "how": s.how} for s in steps]}

    return marked(request, context, who, asked, answer)


@router.get("/standings/{objective}/compat", summary="Other tools' numbers beside ours")
def compat(
    request: Request, context: InContext, who: Who, asked: Asked, objective: str,
    tool: Annotated[str, Query(description="A tool's name; all unless given.", max_length=40)] = "all",
) -> Response:  # fmt: skip
    """Return what other tools would say on the same minutes, with the named cause of each gap and its size."""

    def answer() -> dict[str, Any]:
        found = comparing.beside(context.house, who, objective, tool, at=asked.at, known_at=asked.known_at)
        return {"comparisons": [comparing.comparison_json(c) for c in found]}

    return marked(request, context, who, asked, answer)


@router.get("/standings/{objective}/history", summary="How a standing came about")
def history(request: Request, context: InContext, who: Who, asked: Asked, objective: str) -> Response:
    """Return the SLI and the budget left by day (or hour) over the window, and by minute for the last three hours."""

    def answer() -> dict[str, Any]:
        view = standings.view(context.house, who, objective, at=asked.at, known_at=asked.known_at)
        return {"days": _history(view.days), "minutes": _history(view.minutes)}

    return marked(request, context, who, asked, answer)


def _history(found: History) -> dict[str, Any]:
    return {
        "step_seconds": int(found.step.total_seconds()),
        "points": [_point(p) for p in found.points],
        "exclusions": [
            {"name": b.name, "start": instant(b.span.start), "end": instant(b.span.end)} for b in found.bands
        ],
        "revisions": [{"at": instant(t.at), "revision": t.revision, "target": number(t.target)} for t in found.ticks],
    }


def _point(found: Point) -> dict[str, Any]:
    reach = found.remaining_range
    return {
        "start": instant(found.start), "end": instant(found.end), "sli": number(found.sli),
        "good": number(found.good), "bad": number(found.bad), "unknown": number(found.unknown),
        "coverage": number(found.coverage), "remaining_ratio": number(found.remaining),
        "remaining_range": None if reach is None else {"low": number(reach.low), "high": number(reach.high)},
    }  # fmt: skip


@router.get("/standings/{objective}/scopes", summary="By event, by window and by session")
def by_scope(request: Request, context: InContext, who: Who, asked: Asked, objective: str) -> Response:
    """Return the same data by event, by window and by session, with the reason the figures differ."""

    def answer() -> dict[str, Any]:
        found = standings.scopes(context.house, who, objective, at=asked.at, known_at=asked.known_at)
        return {"scopes": [_scope(f) for f in found]}

    return marked(request, context, who, asked, answer)


def _scope(figure: ScopeFigure) -> dict[str, Any]:
    return {
        "scope": figure.scope,
        "sli": number(figure.sli),
        "good": number(figure.good),
        "bad": number(figure.bad),
        "unit": figure.unit,
        "reason": figure.reason,
    }
