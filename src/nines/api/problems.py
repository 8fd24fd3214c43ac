"""Every failure as problem+json: each with the status its class says, and nothing told that may not be known.

One rule: routes raise, and never answer a failure themselves.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from nines.errors import InputError, NinesError, Problem
from nines.operations.calling import HEADERS

log = logging.getLogger("nines.api")

#: Titles of what is refused before any operation is asked.
TITLES = {404: "Not found", 405: "Method not allowed", 413: "Too large", 429: "Too many requests"}
#: Seconds after which a refused client may try again.
RETRY_AFTER_S = 5


def problem(status: int, title: str, problems: Sequence[Problem] = (), detail: str = "") -> JSONResponse:
    """Return a problem document (RFC 9457).

    Args:
        status: HTTP status.
        title: short and always the same for one kind.
        problems: every mistake, with place and fix.
        detail: one sentence about this occurrence, or "" to take it from the problems.
    """
    body = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail or "; ".join(str(p) for p in problems[:3]),
        "problems": [
            {"where": p.where, "what": p.what, "fix": p.fix, "severity": p.severity, "code": p.code} for p in problems
        ],
    }
    headers = {**HEADERS, "Cache-Control": "no-store"}
    if status in {429, 503}:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if status == 401:  # noqa: PLR2004 - unauthorized
        headers["WWW-Authenticate"] = 'Bearer realm="nines"'
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def answer_error(error: NinesError, status: int | None = None) -> JSONResponse:
    """Return what an error is answered with.

    Args:
        error: with its problems.
        status: HTTP status, when it is not that of the error's class.
    """
    return problem(status or error.status, TITLES.get(status or 0, error.title), error.problems)


def install(app: FastAPI) -> None:
    """Answer every failure of an application with problem+json."""

    @app.exception_handler(NinesError)
    async def _known(_request: Request, error: NinesError) -> JSONResponse:
        return answer_error(error)

    @app.exception_handler(RequestValidationError)
    async def _shape(_request: Request, error: RequestValidationError) -> JSONResponse:
        found = [
            Problem(".".join(str(part) for part in e["loc"]), e["msg"], "see the API reference", code="bad-request")
            for e in error.errors()
        ]
        return answer_error(InputError(*found))

    @app.exception_handler(HTTPException)
    async def _plain(_request: Request, error: HTTPException) -> JSONResponse:
        answer = problem(error.status_code, TITLES.get(error.status_code, "Refused"), detail=str(error.detail))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(Exception)
    async def _unknown(request: Request, error: Exception) -> JSONResponse:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return problem(500, "Internal error", detail="this is a defect of nines; the log has more")
