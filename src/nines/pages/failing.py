"""From an error to a page that says what is wrong and how to go on.

One rule: an error's class says its status and title; no page catches errors of its own but those it can mend.
"""

from __future__ import annotations

from starlette.responses import HTMLResponse

from nines.errors import NinesError, OverloadedError, Problem
from nines.operations.calling import HEADERS
from nines.pages.render import render

DEFECT = Problem("", "this is a defect of nines", "tell what you asked for; the log has the rest", code="defect")


def failure(error: NinesError, status: int | None = None) -> HTMLResponse:
    """Return the page of an error.

    Args:
        error: with its problems.
        status: HTTP status, when it is not that of the error's class.
    """
    shown = status or error.status
    values = {"status": shown, "title": error.title, "found": error.problems, "csrf": ""}
    headers = {"Retry-After": "5"} if isinstance(error, OverloadedError) else None
    return HTMLResponse(render("error.html", values), shown, headers)


def defect() -> HTMLResponse:
    """Return the page that stands where a defect of nines would have been seen."""
    values = {"status": 500, "title": "Something broke", "found": (DEFECT,), "csrf": ""}
    return HTMLResponse(render("error.html", values), 500, {**HEADERS, "Cache-Control": "no-store"})
