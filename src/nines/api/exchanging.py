"""Routes that exchange definitions with other tools: what is sent is read, what is in force is written."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import PlainTextResponse

from nines.api.context import InContext, Who
from nines.errors import InputError, Problem
from nines.operations import exporting, importing
from nines.operations.checking import problem_row
from nines.reading import duration

router = APIRouter(tags=["definitions"])


class Foreign(BaseModel):
    """Another tool's definitions as text."""

    model_config = ConfigDict(extra="forbid")

    format: Annotated[Literal["sloth", "pyrra", "openslo"], Field(description="Whose they are.")]
    text: Annotated[str, Field(description="YAML, one or more documents.", max_length=8 * 1024 * 1024)]
    name: Annotated[str, Field(description="Name for places in problems.", max_length=200)] = "request"
    url: Annotated[str, Field(description="Address of the Prometheus they are about.", max_length=2000)] = ""
    period: Annotated[str, Field(description="Sloth: window of the SLOs.", max_length=20)] = "30d"
    windows: Annotated[str, Field(description="Sloth: AlertWindows, as YAML.", max_length=1024 * 1024)] = ""
    skip_refused: Annotated[bool, Field(description="Leave out what is refused.")] = False


@router.post("/definitions/import", summary="Definitions of ours from another tool's")
def import_definitions(who: Who, body: Foreign) -> dict[str, Any]:
    """Return definitions of ours and what was lost; nothing is stored."""
    try:
        period = duration(body.period)
    except ValueError as error:
        raise InputError(Problem("period", str(error), "write a length like 30d", code="bad-duration")) from error
    windows = (("windows", body.windows),) if body.windows else ()
    asked = importing.Wanted(body.format, body.url, period, windows, body.skip_refused)
    found = importing.import_texts(who, [(body.name, body.text)], asked)
    problems = [problem_row(p) for p in found.problems]
    return {"text": found.text, "summary": importing.summary(found), "problems": problems}


Form = Annotated[Literal["exact", "sloth", "pyrra"], Query(description="Whose way of writing rules.")]
Skip = Annotated[bool, Query(description="Leave out objectives that cannot be said in the form.")]


@router.get("/exports/prometheus", summary="Prometheus rules of what is in force", response_class=PlainTextResponse)
def prometheus(context: InContext, who: Who, *, form: Form = "exact", skip_refused: Skip = False) -> PlainTextResponse:
    """Return a rule file."""
    return _yaml(_rules(context, who, form, skip=skip_refused).text)


@router.get("/exports/prometheus-tests", summary="Unit tests for promtool", response_class=PlainTextResponse)
def prometheus_tests(
    context: InContext, who: Who, *, form: Form = "exact", skip_refused: Skip = False
) -> PlainTextResponse:
    """Return the unit tests of the rule file, which they call rules.yml."""
    return _yaml(_rules(context, who, form, skip=skip_refused).tests("rules.yml"))


def _rules(context: InContext, who: Who, form: Literal["exact", "sloth", "pyrra"], *, skip: bool) -> exporting.RuleFile:
    found = exporting.definitions_of(context.house, who, at=context.clock())
    return exporting.rules(found, exporting.Wanted(form, skip_refused=skip))


@router.get("/exports/grafana", summary="A Grafana dashboard")
def grafana(context: InContext, who: Who) -> dict[str, Any]:
    """Return a dashboard over the series of the exact form, as Grafana imports it."""
    return exporting.grafana(exporting.definitions_of(context.house, who, at=context.clock()))


@router.get("/exports/openslo", summary="OpenSLO of what is in force", response_class=PlainTextResponse)
def openslo(context: InContext, who: Who) -> PlainTextResponse:
    """Return OpenSLO v1 documents."""
    return _yaml(exporting.openslo(exporting.definitions_of(context.house, who, at=context.clock()))[0])


def _yaml(text: str) -> PlainTextResponse:
    return PlainTextResponse(text, media_type="application/yaml")
