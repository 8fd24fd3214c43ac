"""Routes that prove alert policies on history; both work over months of minutes, so few run at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from threading import BoundedSemaphore
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from nines.api.context import InContext, Who
from nines.errors import InputError, OverloadedError, Problem
from nines.operations import proving, tuning
from nines.operations.backtest_showing import report_json
from nines.operations.backtesting import incidents_of
from nines.reading import instant

router = APIRouter(tags=["alerting"])
_MOST_AT_ONCE = BoundedSemaphore(2)
_Name = Annotated[str, Field(max_length=200)]


class Harm(BaseModel):
    """One incident."""

    model_config = ConfigDict(extra="forbid")

    start: Annotated[str, Field(description="First instant.", max_length=40)]
    end: Annotated[str, Field(description="First instant after it.", max_length=40)]
    name: _Name = ""


class Question(BaseModel):
    """A question about history."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    objective: Annotated[_Name, Field(description="Name, or name@window.")]
    policy: Annotated[_Name, Field(description="Burn policy by name; the objective's own unless given.")] = ""
    start: Annotated[str, Field(alias="from", description="First instant judged.", max_length=40)] = ""
    end: Annotated[str, Field(alias="to", description="Last instant judged.", max_length=40)] = ""
    known: Annotated[Literal["then", "now"], Field(description="When late data count from.")] = "then"
    incidents: Annotated[
        list[Harm] | Literal["journal"] | None,
        Field(description="What did harm, or notes on record.", max_length=10_000),
    ] = None
    impact: Annotated[_Name, Field(description="Objective whose bad stretches are the incidents.")] = ""
    zone: Annotated[str, Field(description="Time zone of sleep.", max_length=100)] = "UTC"
    seed: Annotated[int, Field(description="Of the weekly bootstrap.", ge=0, lt=2**32)] = 1


class BacktestQuestion(Question):
    """A question for a back-test."""

    against: Annotated[_Name, Field(description="Another policy, to compare.")] = ""


class TuningQuestion(Question):
    """A question for a search."""

    most: Annotated[str, Field(alias="maxPagesPerWeek", description="Limit of pages a week.", max_length=20)] = "2"


@router.post("/backtests", summary="What a policy would have paged")
def backtest(context: InContext, who: Who, body: BacktestQuestion) -> dict[str, Any]:
    """Hold what a burn policy would have paged over history against incidents; nothing is stored."""
    place = proving.Stored(context.house, who)
    policies = [body.policy, *([body.against] if body.against else [])]
    with _turn():
        return report_json(proving.prove(place, _asked(body), policies, now=context.clock()))


@router.post("/tunings", summary="A search for a better policy")
def tune(context: InContext, who: Who, body: TuningQuestion) -> dict[str, Any]:
    """Search for a burn policy that loses less budget within a limit of pages; its proposal is a definition."""
    most: Fraction = tuning.limit(body.most)
    place = proving.Stored(context.house, who)
    with _turn():
        found = tuning.search(place, _asked(body), body.policy, most, now=context.clock())
    return tuning.tuning_json(found)


def _asked(body: Question) -> proving.Asked:
    given = None
    if isinstance(body.incidents, list):
        given = tuple(incidents_of([i.model_dump() for i in body.incidents], "incidents"))
    try:
        start, end = (instant(text) if text else None for text in (body.start, body.end))
    except ValueError as error:
        raise InputError(Problem("from, to", str(error), "as 2026-03-01T12:00:00Z", code="bad-instant")) from error
    journal = "journal" if body.incidents == "journal" else ""
    return proving.Asked(
        body.objective, start, end, body.known, journal, body.impact, body.zone, body.seed, given, files=False
    )


@contextmanager
def _turn() -> Iterator[None]:
    if not _MOST_AT_ONCE.acquire(blocking=False):
        raise OverloadedError(Problem("history", "two questions are being worked on", "ask again soon", code="busy"))
    try:
        yield
    finally:
        _MOST_AT_ONCE.release()
