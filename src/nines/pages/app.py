"""The pages as one application: which address shows what.

One rule: an address is one row of a table here, and a page is one function from a visit to an answer.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from nines.errors import InputError, NinesError, NotFoundError, Problem
from nines.operations.calling import named_hosts
from nines.operations.door import Guard
from nines.operations.house import House
from nines.operations.listing import mark
from nines.pages import account, alerts, clocks, messages, probes, reconciling, records, sources, standing, workbench
from nines.pages.failing import defect, failure
from nines.pages.guard import door
from nines.pages.news import News
from nines.pages.render import edition, files
from nines.pages.visit import Clock, Page, asking, visited

log = logging.getLogger("nines.pages")

#: (path, methods, page, whether it answers those who have not signed in).
PAGES: tuple[tuple[str, str, Page, bool], ...] = (
    ("/", "GET", standing.overview_page, False),
    ("/objectives/{key}", "GET", standing.objective_of, False),
    ("/exclusions", "POST", standing.exclude, False),
    ("/annotations", "POST", standing.annotate, False),
    ("/alerts", "GET", alerts.alerts_page, False),
    ("/alerts/acknowledge", "POST", alerts.acknowledge, False),
    ("/notifications", "GET", messages.messages_page, False),
    ("/notifications/retry", "POST", messages.retry, False),
    ("/notifications/try", "POST", messages.try_target, False),
    ("/silences", "POST", messages.silence, False),
    ("/silences/end", "POST", messages.end_silence, False),
    ("/workbench", "GET", workbench.workbench_list, False),
    ("/workbench/{key}", "GET", workbench.workbench_page, False),
    ("/sources", "GET", sources.sources_page, False),
    ("/clocks", "GET", clocks.clocks_page, False),
    ("/reconcile", "GET", reconciling.reconcile_page, False),
    ("/sites", "GET", sources.sites_page, False),
    ("/probes", "GET", probes.probes_page, False),
    ("/probes/{name}", "GET", probes.probe_page, False),
    ("/probes/{name}/artifacts/{run}/{file}", "GET", probes.artifact_file, False),
    ("/statements", "GET", records.statements_page, False),
    ("/journal", "GET", records.journal_page, False),
    ("/tokens", "GET", account.tokens_page, False),
    ("/tokens", "POST", account.make_token, False),
    ("/tokens/revoke", "POST", account.revoke_token, False),
    ("/tenant", "POST", account.choose_tenant, False),
    ("/sign-in", "GET", account.sign_in_page, True),
    ("/sign-in", "POST", account.sign_in, True),
    ("/sign-out", "POST", account.sign_out, True),
    ("/set-up", "GET", account.set_up_page, True),
    ("/set-up", "POST", account.set_up, True),
)


def wall_clock() -> datetime:
    """Return the present instant, aware UTC."""
    return datetime.now(UTC)


def build(house: House, clock: Clock = wall_clock, *, hosts: frozenset[str] | None = None) -> Starlette:
    """Return the pages of a house.

    Args:
        house: whose standings and records they show.
        clock: where the present instant comes from.
        hosts: names under which they are reached beside this machine's own; those of NINES_HOSTS unless given.
    """
    names = named_hosts(os.environ.get("NINES_HOSTS", "")) if hosts is None else hosts
    routes = [
        Route(path, visited(house, clock, page, open_to_all=free), methods=[method])
        for path, method, page, free in PAGES
    ]
    routes.append(Route("/live", News(_mark(house, clock)).__call__, methods=["GET"]))
    routes.append(Route("/static/{edition}/{name}", _static, methods=["GET"]))
    handlers = {NinesError: _failed, HTTPException: _refused, Exception: _broken}
    return Starlette(routes=routes, exception_handlers=handlers, middleware=[Middleware(Guard, door=door(names))])


def _mark(house: House, clock: Clock) -> Callable[[Request], str]:
    def found(request: Request) -> str:
        now = clock()
        who = asking(house, request, now)
        return mark(house, who, at=now)

    return found


async def _static(request: Request) -> Response:
    found = files().get(request.path_params["name"])
    if found is None or request.path_params["edition"] != edition():
        return failure(NotFoundError(Problem("", "there is no such file", "load the page again", code="no-file")))
    content, media = found
    return Response(content, media_type=media, headers={"Cache-Control": "public, max-age=31536000, immutable"})


async def _failed(_request: Request, error: Exception) -> Response:
    assert isinstance(error, NinesError)
    return failure(error)


async def _refused(request: Request, error: Exception) -> Response:
    """Answer what the framework refused: an unknown address, a method an address lacks, a form that is none."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:  # noqa: PLR2004 - the one status with words of its own
        what = Problem(request.url.path, "there is no such page", "begin at the objectives", code="no-page")
        return failure(NotFoundError(what))
    problem = Problem(
        request.url.path, f"{request.method} cannot be done so", "use the page's own form", code="bad-request"
    )
    return failure(InputError(problem), status=error.status_code)


async def _broken(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return defect()
