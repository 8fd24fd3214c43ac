"""Route that holds two SLIs against each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from nines.api.context import Asked, InContext, Who, instant_of_query, marked
from nines.errors import InputError, Problem
from nines.operations.reconciling import Question, reconciled
from nines.operations.reconciling_showing import report_json
from nines.people.rights import require
from nines.reading import ratio

router = APIRouter(tags=["standings"])

Name = Annotated[str, Query(max_length=200, description="Name of an SLI.")]
Words = Annotated[str, Query(max_length=4000, description="Dimensions: NAME or NAME=KEY, parted by commas.")]


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, and against which target."""

    question: dict[str, Any]


def span_of_query(
    since: Annotated[
        str | None, Query(alias="from", description="First instant; seven days before `to` unless given.")
    ] = None,
    to: Annotated[str | None, Query(description="Instant after the last; `at` unless given.")] = None,
    target: Annotated[str | None, Query(description="Good ratio, as 99.9%; that of an objective unless given.")] = None,
) -> Span:
    """Return the span and the target a request asks about."""
    try:
        wanted = ratio(target) if target else None
    except ValueError as error:
        raise InputError(Problem("target", str(error), "write it as 99.9%", code="bad-value")) from error
    return Span({"start": instant_of_query("from", since), "end": instant_of_query("to", to), "target": wanted})


@router.get("/reconcile", summary="What users had against what probes show")
def reconcile(
    request: Request, context: InContext, who: Who, asked: Asked, span: Annotated[Span, Depends(span_of_query)], *,
    users: Name = "", probes: Name = "", expected: Name = "", by: Words = "route,region,device", by_probes: Words = "",
) -> Response:  # fmt: skip
    """Return findings with their evidence, every cell with its difference and interval, and what has no match."""
    require(who, "see")
    if not users:
        raise InputError(Problem("users", "it is missing", "name the SLI of what users had", code="bad-request"))
    question = Question(
        users=users, probes=probes, expected=expected, by=by, by_probes=by_probes, **span.question
    )  # fmt: skip

    def answer() -> dict[str, Any]:
        return report_json(reconciled(context.house, who, question, at=asked.at, known_at=asked.known_at))

    return marked(request, context, who, asked, answer)
