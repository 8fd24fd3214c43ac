"""Routes about what burns and who hears of it: alerts, silences, notifications, targets, budget policies."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from nines.api.context import InContext, Who, cached
from nines.errors import InputError, Problem
from nines.operations import alerts, budget_policies, notifying, silencing
from nines.operations.notifications_showing import row_json
from nines.people.rights import require
from nines.spans import Span

router = APIRouter(tags=["alerting"])

ObjectiveQuery = Annotated[str, Query(description="Only of this objective.")]


class Body(BaseModel):
    """What all bodies share: no unknown fields."""

    model_config = ConfigDict(extra="forbid")


class Note(Body):
    """What somebody says who takes an alert on."""

    note: Annotated[str, Field(max_length=alerts.LONGEST)] = ""


class SilenceBody(Body):
    """Messages that nobody is to be told for a while."""

    name: Annotated[str, Field(min_length=1, max_length=63)]
    matches: dict[str, str]
    start: AwareDatetime | None = None
    end: AwareDatetime
    reason: str


class ExceptionBody(Body):
    """A consequence lifted for a while."""

    consequence: Literal["freeze", "review", "notify"] = "freeze"
    start: AwareDatetime | None = None
    end: AwareDatetime
    approver: str
    reason: str
    objectives: list[str] = []


class ApprovalBody(Body):
    """A change approved under a spent budget."""

    change: str
    reason: str


@router.get("/alerts", summary="What fires")
def listed(
    request: Request,
    context: InContext,
    who: Who,
    *,
    every: Annotated[bool, Query(alias="all", description="Also those that wait, have ended, or rest.")] = False,
    objective: ObjectiveQuery = "",
) -> Response:
    """Return alerts: what fires first, then the newest; figures are exact."""
    found = alerts.listed(context.house, who, every=every, objective=objective)
    return cached(request, {"alerts": [alerts.alert_json(shown) for shown in found]})


@router.post("/alerts/{key:path}/acknowledge", summary="Take an alert on")
def acknowledge(context: InContext, who: Who, key: str, body: Note) -> dict[str, Any]:
    """Take on an alert that fires, or all of an objective; nobody is reminded of this episode any more."""
    found = alerts.acknowledge(context.house, who, key, body.note, now=context.clock())
    return {"alerts": [alerts.alert_json(shown) for shown in found]}


@router.get("/silences", summary="Silences that are not over")
def silences(request: Request, context: InContext, who: Who) -> Response:
    """Return silences by name."""
    found = silencing.listed(context.house, who, now=context.clock())
    return cached(request, {"silences": [silencing.silence_json(made) for made in found]})


@router.post("/silences", summary="Silence messages for a while", status_code=201)
def silence(context: InContext, who: Who, body: SilenceBody) -> dict[str, Any]:
    """Silence messages; alerts go on being judged, and what is silenced is kept."""
    require(who, "alert")
    now = context.clock()
    start = body.start or now
    if body.end <= start:
        raise InputError(Problem("end", "it ends before it begins", "give a later instant", code="bad-span"))
    made = silencing.silence(context.house, who, body.name, body.matches, Span(start, body.end), body.reason, now=now)
    return silencing.silence_json(made)


@router.delete("/silences/{name}", summary="End a silence early")
def end_silence(context: InContext, who: Who, name: str) -> dict[str, Any]:
    """End a silence that is not over."""
    silencing.end_silence(context.house, who, name, now=context.clock())
    return {"summary": f"silence {name} has ended"}


@router.get("/notifications", summary="What was told to whom")
def notifications(
    context: InContext,
    who: Who,
    *,
    state: Annotated[str, Query(description="waiting, claimed, sent, dead, silenced or unrouted.")] = "",
    objective: ObjectiveQuery = "",
    thread: Annotated[str, Query(description="Only of this thread.")] = "",
    newest: Annotated[int, Query(ge=1, le=5000)] = 200,
) -> dict[str, Any]:
    """Return messages, newest first: one for each target."""
    found = notifying.log(context.house, who, newest=newest, objective=objective, state=state, thread=thread)
    return {"notifications": [row_json(told) for told in found]}


@router.post("/notifications/{message}/{target}/retry", summary="Try a message again")
def retry(context: InContext, who: Who, message: str, target: str) -> dict[str, Any]:
    """Let a message that was given up be tried again."""
    notifying.retry(context.house, who, message, target, now=context.clock())
    return {"summary": f"{message} is tried again"}


@router.post("/targets/{name}/test", summary="Try a target", status_code=202)
def test(context: InContext, who: Who, name: str) -> dict[str, Any]:
    """Put a message into the outbox that tries a target; its id finds it among the notifications."""
    return {"id": notifying.tell_test(context.house, who, name, now=context.clock()).id, "target": name}


@router.get("/budget-policies", summary="What spent budgets ask for")
def policies(
    context: InContext,
    who: Who,
    *,
    policy: Annotated[str, Query(description="Only this ErrorBudgetPolicy.")] = "",
    objective: ObjectiveQuery = "",
    change: Annotated[str, Query(description="What names the change a gate asks about.")] = "",
) -> dict[str, Any]:
    """Return what each policy asks of each objective, whether the change has to wait, and exceptions on record."""
    house, at = context.house, context.clock()
    found = budget_policies.rulings(house, who, at=at, policy=policy, objective=objective, change=change)
    return {
        "stops": any(ruled.stops for ruled in found),
        "rulings": [budget_policies.ruled_json(ruled) for ruled in found],
        "exceptions": [budget_policies.recorded_json(made) for made in budget_policies.recorded(house, who)],
    }


@router.post("/budget-policies/{policy}/exceptions", summary="Lift a consequence for a while", status_code=201)
def except_from(context: InContext, who: Who, policy: str, body: ExceptionBody) -> dict[str, Any]:
    """Put a dated exception on record, by somebody who answers for it."""
    now = context.clock()
    lifted = budget_policies.lifting(
        body.consequence, body.start or now, body.end, body.approver, body.reason, tuple(body.objectives)
    )
    return {"number": budget_policies.except_from(context.house, who, policy, lifted, now=now)}


@router.delete("/budget-policies/exceptions/{number}", summary="Withdraw an exception")
def withdraw(context: InContext, who: Who, number: int) -> dict[str, Any]:
    """Withdraw an exception that was put on record by itself."""
    budget_policies.withdraw(context.house, who, number, now=context.clock())
    return {"summary": f"exception {number} is withdrawn"}


@router.post("/budget-policies/{policy}/approvals", summary="Approve a change", status_code=201)
def approve(context: InContext, who: Who, policy: str, body: ApprovalBody) -> dict[str, Any]:
    """Approve a change under a spent budget that asks for a review."""
    budget_policies.approve(context.house, who, policy, body.change, body.reason, now=context.clock())
    return {"summary": f"{body.change} is approved under {policy}"}
