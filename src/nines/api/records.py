"""Routes that put something on record or read it back: definitions, exclusions, notes, statements, tokens, journal."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from nines.api.context import InContext, Who, cached
from nines.api.shapes import CheckShape
from nines.definitions.load import load_texts
from nines.evaluation.standing_json import instant
from nines.objectives.exclusion import Exclusion
from nines.operations import annotating, auditing, checking, defining, excluding, people, promises, statements
from nines.people.rights import require

router = APIRouter()


class Body(BaseModel):
    """What all bodies share: no unknown fields."""

    model_config = ConfigDict(extra="forbid")


class Definitions(Body):
    """Definitions as text."""

    text: Annotated[str, Field(description="YAML, one or more documents.", max_length=8 * 1024 * 1024)]
    name: Annotated[str, Field(description="Name for places in problems.", max_length=200)] = "request"
    strict: bool = False
    effective_from: AwareDatetime | None = None


class ExclusionBody(Body):
    """Time, or events in it, that a promise does not count."""

    name: Annotated[str, Field(min_length=1, max_length=63)]
    start: AwareDatetime
    end: AwareDatetime
    services: list[str] = []
    objectives: list[str] = []
    where: str = ""
    mode: str = "drop-events"
    kind: Annotated[str, Field(alias="class")] = "excluded"
    clause: str = ""
    approver: str = ""
    evidence: str = ""


class Note(Body):
    """A dated note."""

    subject: str
    text: str
    about: AwareDatetime | None = None


class TokenBody(Body):
    """A token to be made."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    scopes: list[str]
    days: Annotated[int, Field(ge=1, le=3650)] = 90


class Close(Body):
    """A period to be closed."""

    objective: str
    within: AwareDatetime | None = None


def _problems(report: checking.Report) -> list[dict[str, object]]:
    return [checking.problem_row(p) for p in report.problems]


@router.get("/me", tags=["people"], summary="Who asks, and for which tenants they may")
def me(request: Request, who: Who) -> Response:
    """Return who asks, the tenant they speak for, what they may do there, and the tenants they may speak for."""
    require(who, "see")
    return cached(
        request,
        {"kind": who.kind, "name": who.name, "tenant": who.tenant, "tenants": who.tenants, "deeds": sorted(who.deeds)},
    )


@router.get("/definitions", tags=["definitions"], summary="Definitions in force")
def definitions(request: Request, context: InContext, who: Who) -> Response:
    """Return the documents in force, with their kind and name."""
    require(who, "see")
    found = promises.in_force(context.house, who.tenant, at=context.clock())
    return cached(
        request, {"definitions": [{"kind": k, "name": n, "document": d.value} for (k, n), d in found.documents.items()]}
    )


@router.get("/definitions/schema", tags=["definitions"], summary="JSON Schema of definitions")
def schema(
    request: Request, kind: Annotated[str | None, Query(description="One kind; all unless given.")] = None
) -> Response:
    """Return the JSON Schema, for editors."""
    return cached(request, checking.schema(kind), seconds=3600)


@router.post(
    "/definitions/check", tags=["definitions"], summary="Check definitions", responses={200: {"model": CheckShape}}
)
def check(who: Who, body: Definitions) -> dict[str, Any]:
    """Return every mistake and warning; nothing is stored."""
    report = checking.check_texts(who, [(body.name, body.text)], strict=body.strict)
    return {"ok": not report.errors, "summary": report.summary, "problems": _problems(report)}


@router.post("/definitions/plan", tags=["definitions"], summary="What applying would change")
def plan(context: InContext, who: Who, body: Definitions) -> dict[str, Any]:
    """Return the difference to what is in force, in budget terms; nothing is stored."""
    require(who, "see")
    found = load_texts([(body.name, body.text)], strict=body.strict)
    return defining.plan_json(defining.plan_definitions(context.house, who, found, now=context.clock()))


@router.post("/definitions/apply", tags=["definitions"], summary="Put definitions in force")
def apply(context: InContext, who: Who, body: Definitions) -> dict[str, Any]:
    """Put definitions in force from an instant on; the past keeps its targets."""
    require(who, "define")
    found = load_texts([(body.name, body.text)], strict=body.strict)
    done = defining.apply_definitions(
        context.house, who, found, now=context.clock(), effective_from=body.effective_from
    )
    return {"summary": done.summary, "changes": defining.applied_rows(done)}


@router.get("/exclusions", tags=["exclusions"], summary="Exclusions on record")
def exclusions(request: Request, context: InContext, who: Who) -> Response:
    """Return the exclusions on record now."""
    found = excluding.recorded(context.house, who, now=context.clock())
    return cached(request, {"exclusions": [_exclusion(e) for e in found]})


def _exclusion(found: Exclusion) -> dict[str, Any]:
    return {
        "name": found.name,
        "mode": found.mode,
        "class": found.kind,
        "where": found.where,
        "services": list(found.services),
        "objectives": list(found.objectives),
        "clause": found.clause,
        "approver": found.approver,
        "evidence": found.evidence,
        "recorded_at": instant(found.recorded_at),
        "late": found.is_late(),
        "occurrences": len(found.spans),
        "spans": [[instant(s.start), instant(s.end)] for s in found.spans[:1000]],
    }


@router.post("/exclusions", tags=["exclusions"], summary="Record an exclusion", status_code=201)
def exclude(context: InContext, who: Who, body: ExclusionBody) -> dict[str, Any]:
    """Record an exclusion; closed statements it touches are given a correction and stay as they were."""
    asked = excluding.Wanted(
        name=body.name, start=body.start, end=body.end, services=tuple(body.services),
        objectives=tuple(body.objectives), where=body.where, mode=body.mode, kind=body.kind, clause=body.clause,
        approver=body.approver, evidence=body.evidence,
    )  # fmt: skip
    done = excluding.exclude(context.house, who, asked, now=context.clock())
    return {"summary": done.summary, "corrections": list(done.corrections)}


@router.delete("/exclusions/{name}", tags=["exclusions"], summary="Withdraw an exclusion")
def withdraw(context: InContext, who: Who, name: str) -> dict[str, Any]:
    """Withdraw an exclusion that was recorded one by one."""
    done = excluding.withdraw(context.house, who, name, now=context.clock())
    return {"summary": done.summary, "corrections": list(done.corrections)}


@router.get("/annotations", tags=["annotations"], summary="Notes")
def notes(
    request: Request,
    context: InContext,
    who: Who,
    subject: Annotated[str, Query(description="Only notes about this.")] = "",
) -> Response:
    """Return notes in the order they were recorded."""
    found = annotating.notes_on(context.house, who, subject)
    rows = [
        {"subject": n.subject, "text": n.text, "about": instant(n.about), "author": n.author, "at": instant(n.at)}
        for n in found
    ]
    return cached(request, {"annotations": rows})


@router.post("/annotations", tags=["annotations"], summary="Add a note", status_code=201)
def annotate(context: InContext, who: Who, body: Note) -> dict[str, Any]:
    """Put a dated note on an objective or a service."""
    now = context.clock()
    annotating.annotate(context.house, who, body.subject, body.text, about=body.about or now, now=now)
    return {"summary": f"noted on {body.subject}"}


@router.get("/statements", tags=["statements"], summary="Closed statements")
def closed(request: Request, context: InContext, who: Who) -> Response:
    """Return closed periods with their corrections."""
    rows = [
        {
            "objective": s.objective, "start": instant(s.period.start), "end": instant(s.period.end),
            "closed_at": instant(s.closed_at), "standing": s.standing, "corrections": list(s.corrections),
        }
        for s in statements.on_record(context.house, who)
    ]  # fmt: skip
    return cached(request, {"statements": rows})


@router.post("/statements", tags=["statements"], summary="Close a finished period", status_code=201)
def close(context: InContext, who: Who, body: Close) -> dict[str, Any]:
    """Close a finished period: its standing is kept and is never computed over."""
    done = statements.close(context.house, who, body.objective, within=body.within, now=context.clock())
    return {"summary": done.summary, "standing": done.standing}


@router.get("/tokens", tags=["tokens"], summary="Tokens")
def tokens(context: InContext, who: Who) -> dict[str, Any]:
    """Return tokens without their secrets."""
    return {"tokens": people.token_rows(context.house, who, now=context.clock())}


@router.post("/tokens", tags=["tokens"], summary="Make a token", status_code=201)
def make_token(context: InContext, who: Who, body: TokenBody) -> dict[str, Any]:
    """Make a token; its secret is told once, here."""
    made = people.make_token(
        context.house, who, body.name, scopes=tuple(body.scopes), days=body.days, now=context.clock()
    )
    return {"name": made.name, "secret": made.secret, "expires": instant(made.expires)}


@router.delete("/tokens/{name}", tags=["tokens"], summary="Revoke a token")
def revoke_token(context: InContext, who: Who, name: str) -> dict[str, Any]:
    """Revoke a token at once."""
    people.revoke_token(context.house, who, name, now=context.clock())
    return {"summary": f"revoked {name}"}


@router.get("/journal", tags=["journal"], summary="The journal")
def journal(context: InContext, who: Who, newest: Annotated[int, Query(ge=1, le=5000)] = 200) -> dict[str, Any]:
    """Return the newest facts, newest first."""
    found = auditing.journal(context.house, who, newest=newest)
    names = ("number", "author", "kind", "subject", "payload_hash", "previous", "hash")
    return {"facts": [{"at": _at(f.at), **{n: getattr(f, n) for n in names}} for f in found]}


def _at(at: datetime) -> str | None:
    return instant(at)


@router.get("/journal/verify", tags=["journal"], summary="Verify the journal")
def verify(context: InContext, who: Who) -> dict[str, Any]:
    """Check the hash chain; names rows that were changed, removed or inserted."""
    found = auditing.verify(context.house, who)
    return {
        "ok": not found.problems,
        "facts": found.facts,
        "summary": found.summary,
        "problems": [checking.problem_row(p) for p in found.problems],
    }
