"""A visit: one request with the house it asks, who asks, and when.

One rule: who asks is found out once, here, and every operation is told.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from nines.errors import NotFoundError, NotSignedInError
from nines.operations.alerts_board import firing
from nines.operations.calling import COOKIE, TENANT_COOKIE, check_form, form_secret
from nines.operations.door import call_of
from nines.operations.house import House
from nines.operations.people import identify
from nines.pages.render import render
from nines.people.rights import Principal

Clock = Callable[[], datetime]

#: Statuses of a redirect after a form, and of one to the sign-in page.
SEE_OTHER = 303


@dataclass(frozen=True, slots=True)
class Visit:
    """One request.

    Attributes:
        house: whose pages are asked.
        who: who asks.
        now: present instant.
        session: secret of their session, or "".
        path: path asked for.
        words: query of the address.
        parts: what the path names, as the key of an objective.
        form: what a form sent, each name with all its values.
        secure: whether it came over HTTPS.
    """

    house: House
    who: Principal
    now: datetime
    session: str
    path: str
    words: Mapping[str, str]
    parts: Mapping[str, str]
    form: Mapping[str, tuple[str, ...]]
    secure: bool

    def field(self, name: str) -> str:
        """Return the first value of a field of the form, without blanks around it; "" when it was not sent."""
        return (self.form.get(name) or ("",))[0].strip()

    def may(self, deed: str) -> bool:
        """Return whether whoever asks may do a deed."""
        return deed in self.who.deeds

    def page(self, template: str, values: Mapping[str, Any], *, here: str = "", status: int = 200) -> HTMLResponse:
        """Return a page.

        Args:
            template: file in `templates/`.
            values: what it names beside the frame.
            here: entry of the menu that it stands under.
            status: HTTP status.
        """
        firing_now = firing(self.house, self.who) if self.may("see") else 0
        frame = {
            "who": self.who, "csrf": form_secret(self.session, self.who.tenant), "here": here, "badge": "",
            "firing_now": firing_now,
        }  # fmt: skip
        return HTMLResponse(render(template, {**frame, **values}), status)

    def back(self, otherwise: str = "/") -> str:
        """Return the address on this site that a form wants to go back to."""
        return local_address(self.field("back") or self.words.get("back", ""), otherwise)


Page = Callable[[Visit], Response]


def local_address(address: str, otherwise: str = "/") -> str:
    r"""Return an address if it lies on this site, so that no link can lead a form elsewhere.

    Example:
        >>> local_address("/objectives/a"), local_address("//evil.example"), local_address("/\\evil.example")
        ('/objectives/a', '/', '/')
    """
    safe = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if safe else otherwise


def visited(
    house: House, clock: Clock, page: Page, *, open_to_all: bool = False
) -> Callable[[Request], Awaitable[Response]]:
    """Return a page as an endpoint: it finds out who asks, checks the form's secret, and answers in a thread.

    Args:
        house: whose pages are asked.
        clock: where the present instant comes from.
        page: what answers.
        open_to_all: whether it answers those who have not signed in; they are led to the sign-in page otherwise.
    """

    async def endpoint(request: Request) -> Response:
        form = await _form(request) if request.method == "POST" else {}
        return await run_in_threadpool(answer, request, form)

    def answer(request: Request, form: Mapping[str, tuple[str, ...]]) -> Response:
        now, session = clock(), request.cookies.get(COOKIE, "")
        who = asking(house, request, now)
        session = session if who.kind == "person" else ""
        visit = Visit(
            house, who, now, session, request.url.path, dict(request.query_params), request.path_params, form,
            secure=request.url.scheme == "https",
        )  # fmt: skip
        if request.method == "POST":
            check_form(session, visit.field("csrf"), who.tenant)
        if who.kind == "nobody" and not open_to_all:
            return to_sign_in(request)
        try:
            return page(visit)
        except NotSignedInError:
            if open_to_all:
                raise
            return to_sign_in(request)

    return endpoint


def asking(house: House, request: Request, now: datetime) -> Principal:
    """Return who asks for a page, speaking for the tenant they chose; for their own when that is no longer theirs."""
    session, loopback = request.cookies.get(COOKIE), call_of(request.scope).on_loopback
    chosen = request.cookies.get(TENANT_COOKIE, "")
    try:
        return identify(house, session=session, token=None, loopback=loopback, now=now, tenant=chosen)
    except NotFoundError:
        return identify(house, session=session, token=None, loopback=loopback, now=now)


def to_sign_in(request: Request) -> Response:
    """Return the way to the sign-in page and back."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    wanted = wanted if request.method == "GET" else "/"
    return RedirectResponse(f"/sign-in?back={quote(wanted, safe='')}", SEE_OTHER)


async def _form(request: Request) -> dict[str, tuple[str, ...]]:
    async with request.form(max_files=0, max_fields=100) as sent:
        names = dict.fromkeys(sent.keys())
        return {n: tuple(v for v in sent.getlist(n) if isinstance(v, str)) for n in names}
