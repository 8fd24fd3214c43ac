"""Pages of how we stand: the overview and an objective, and the forms that put something beside them on record.

One rule: a page asks operations and gives what they answer to its view; it decides nothing.
"""

from __future__ import annotations

from datetime import datetime

from starlette.responses import RedirectResponse, Response

from nines.errors import InputError
from nines.operations import annotating, excluding
from nines.operations.listing import listed, mark, objectives
from nines.operations.standings import view
from nines.pages.asking import Asked, asked
from nines.pages.objective import Material, objective_page
from nines.pages.overview import ALL_AT_ONCE, PAGE, overview
from nines.pages.visit import SEE_OTHER, Visit
from nines.reading import instant


def overview_page(visit: Visit) -> Response:
    """Return the overview."""
    question = asked(visit.words, visit.now)
    ask = {"service": question.service, "label": question.label, "text": question.q}
    total = len(objectives(visit.house, visit.who, at=question.at, known_at=question.known_at, **ask))
    start, most = (0, ALL_AT_ONCE) if total <= ALL_AT_ONCE else ((question.page - 1) * PAGE, PAGE)
    found = listed(visit.house, visit.who, at=question.at, known_at=question.known_at, start=start, most=most, **ask)
    values = overview(found.standings, found.total, question, services=found.services, labels=found.labels)
    return visit.page("overview.html", {**values, "live": live(visit, question)}, here="/")


def live(visit: Visit, question: Asked) -> str:
    """Return where a page hears that something is new, or "" when it asks about the past."""
    return f"/live?known={mark(visit.house, visit.who, at=visit.now)}" if question.present else ""


def objective_of(visit: Visit) -> Response:
    """Return the page of one objective."""
    question = asked(visit.words, visit.now)
    found = view(visit.house, visit.who, visit.parts["key"], at=question.at, known_at=question.known_at)
    material = Material(
        found.objective, found.standing, found.days, found.minutes, found.exclusions, found.annotations, found.steps
    )
    rights = {"can_exclude": visit.may("exclude"), "can_annotate": visit.may("annotate")}
    values = {**objective_page(material, question), **rights, "live": live(visit, question)}
    return visit.page("objective.html", values, here="/")


def exclude(visit: Visit) -> Response:
    """Put an exclusion on record, and go back to its objective."""
    wanted = excluding.Wanted(
        name=visit.field("name"), start=_instant(visit.field("start")), end=_instant(visit.field("end")),
        objectives=(visit.field("objective"),) if visit.field("objective") else (), mode=visit.field("mode"),
        clause=visit.field("clause"), approver=visit.field("approver"), evidence=visit.field("evidence"),
    )  # fmt: skip
    excluding.exclude(visit.house, visit.who, wanted, now=visit.now)
    return RedirectResponse(visit.back(), SEE_OTHER)


def annotate(visit: Visit) -> Response:
    """Put a note on record, and go back to what it is about."""
    subject, text = visit.field("subject"), visit.field("text")
    annotating.annotate(visit.house, visit.who, subject, text, about=visit.now, now=visit.now)
    return RedirectResponse(visit.back(), SEE_OTHER)


def _instant(text: str) -> datetime:
    try:
        return instant(text)
    except ValueError as error:
        raise InputError(str(error)) from error
