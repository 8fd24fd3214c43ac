"""From an error to a page that says what is wrong and how to go on.

One rule: one table maps each class of error to a status; no page catches errors of its own but those it can mend.
"""

from __future__ import annotations

from starlette.responses import HTMLResponse

from nines.errors import (
    CannotTellError,
    ConflictError,
    DependencyError,
    ForbiddenError,
    InputError,
    NinesError,
    NotFoundError,
    NotSignedInError,
    OverloadedError,
    Problem,
)
from nines.operations.calling import HEADERS
from nines.pages.render import render

#: Error class -> (status, what the page is called).
STATUSES: tuple[tuple[type[NinesError], int, str], ...] = (
    (InputError, 400, "This cannot be read"),
    (NotSignedInError, 401, "Sign in first"),
    (ForbiddenError, 403, "This is not allowed"),
    (NotFoundError, 404, "There is nothing here"),
    (ConflictError, 409, "It changed meanwhile"),
    (CannotTellError, 422, "The data cannot tell"),
    (DependencyError, 502, "A system this depends on failed"),
    (OverloadedError, 503, "Too much at once"),
)

DEFECT = Problem("", "this is a defect of nines", "tell what you asked for; the log has the rest", code="defect")


def failure(error: NinesError, *, status: int | None = None) -> HTMLResponse:
    """Return the page of an error.

    Args:
        error: with its problems.
        status: HTTP status, when it is not that of the error's class.
    """
    found, title = status_of(error)
    values = {"status": status or found, "title": title, "found": error.problems, "csrf": ""}
    headers = {"Retry-After": "5"} if found == STATUSES[-1][1] else None
    return HTMLResponse(render("error.html", values), status or found, headers)


def defect() -> HTMLResponse:
    """Return the page that stands where a defect of nines would have been seen."""
    values = {"status": 500, "title": "Something broke", "found": (DEFECT,), "csrf": ""}
    return HTMLResponse(render("error.html", values), 500, {**HEADERS, "Cache-Control": "no-store"})


def status_of(error: NinesError) -> tuple[int, str]:
    """Return status and title of an error.

    Example:
        >>> status_of(NotFoundError("gone"))
        (404, 'There is nothing here')
    """
    return next(((status, title) for kind, status, title in STATUSES if isinstance(error, kind)), (500, "It failed"))
