"""The shop's front door: pages to log in, search and pay, and the same for programs; behind it the other services.

What a probe asks for is marked as such in every span it causes, so that indicators can leave it out.
"""

from __future__ import annotations

import html
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qs

import httpx
from opentelemetry.trace import SpanKind, Tracer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from nines.demo.services import HEALTH, MARK, SHOP, Shop, marked

#: Its name among the services, and the password of the customer who may buy.
STOREFRONT, PASSWORD = "storefront", "a lamp for the desk"
#: What a customer finds, and the token with which it is paid.
HIT, TOKEN = {"id": 7, "name": "lamp"}, "tk-99"

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>The shop</title><h1>{title}</h1>{body}</html>"""
LOGIN = """<form action="/login" method="post"><label>Name <input id="user" name="user"></label>
<label>Password <input id="password" name="password" type="password"></label>
<button id="enter">Log in</button></form>"""
SEARCH = """<form action="/find"><label>Search <input id="q" name="q"></label><button id="look">Look</button></form>"""
PAY = """<form action="/pay" method="post"><input type="hidden" name="token" value="{token}">
<button id="pay">Pay</button></form>"""

Handler = Callable[[Request], Awaitable[Response]]


def page(title: str, body: str = "", status: int = 200) -> HTMLResponse:
    """Return a page of the shop.

    Args:
        title: plain text.
        body: HTML.
        status: HTTP status.
    """
    return HTMLResponse(PAGE.format(title=html.escape(title), body=body), status)


async def sent(request: Request) -> dict[str, str]:
    """Return the fields of a form, or of a JSON object."""
    body = (await request.body()).decode()
    if "json" in request.headers.get("content-type", ""):
        return {str(k): str(v) for k, v in json.loads(body).items()}
    return {name: values[0] for name, values in parse_qs(body).items()}


@dataclass
class Counter:
    """The till: how many orders there were, and the services that fill them.

    Attributes:
        shop: where the services listen.
        client: with which they are asked.
        orders: so far.
    """

    shop: Shop
    client: httpx.AsyncClient
    orders: int = 0

    async def ask(self, service: str, request: Request) -> bool:
        """Return whether a service did its part."""
        headers = {MARK: request.headers[MARK]} if MARK in request.headers else {}
        url = f"http://127.0.0.1:{self.shop.ports[service]}{SHOP[service][0]}"
        try:
            return (await self.client.get(url, headers=headers)).is_success
        except httpx.HTTPError:
            return False

    async def home(self, _request: Request) -> Response:
        """Show the form to log in."""
        return page("The shop", LOGIN)

    async def login(self, request: Request) -> Response:
        """Let in who knows the password."""
        if (await sent(request)).get("password") != PASSWORD:
            return page("Wrong password", status=403)
        answer = RedirectResponse("/shelf", 303)
        answer.set_cookie("sid", "s-4711", httponly=True, samesite="lax")
        return answer

    async def shelf(self, request: Request) -> Response:
        """Show the form to search."""
        if "sid" not in request.cookies:
            return page("Log in first", LOGIN, 401)
        return page("Welcome, probe" if MARK in request.headers else "Welcome", SEARCH)

    async def find(self, request: Request) -> Response:
        """Search, and offer to pay for what is found."""
        if not await self.ask("search", request):
            return page("The search is out of order", status=502)
        return page(f"{HIT['name']}: 1 hit", PAY.format(token=TOKEN))

    async def api_search(self, request: Request) -> Response:
        """Search, for programs."""
        if not await self.ask("search", request):
            return JSONResponse({"error": "the search is out of order"}, 502)
        return JSONResponse({"query": request.query_params.get("q", ""), "hits": [HIT], "token": TOKEN})

    async def pay(self, request: Request) -> Response:
        """Take the money."""
        if "sid" not in request.cookies or (await sent(request)).get("token") != TOKEN:
            return page("Log in and search first", status=409)
        if not await self.ask("checkout", request):
            return page("The payment failed", status=502)
        self.orders += 1
        return page("Thank you", f"<p>Paid: order {self.orders}</p>")

    async def health(self, _request: Request) -> Response:
        """Show that it lives."""
        return JSONResponse({"service": STOREFRONT})


def storefront_app(shop: Shop, tracer: Tracer) -> Starlette:
    """Return the storefront as an ASGI application.

    Args:
        shop: shared state; `shop.ports` tells where the services listen.
        tracer: where its spans go.
    """
    till = Counter(shop, httpx.AsyncClient(timeout=3.0))

    def traced(path: str, handler: Handler, method: str) -> Route:
        async def endpoint(request: Request) -> Response:
            with tracer.start_as_current_span(f"{method} {path}", kind=SpanKind.SERVER) as span:
                marked(span, request.headers, path)
                answer = await handler(request)
                span.set_attribute("http.response.status_code", answer.status_code)
                return answer

        return Route(path, endpoint, methods=[method])

    rows: tuple[tuple[str, Handler, str], ...] = (
        ("/", till.home, "GET"), ("/login", till.login, "POST"), ("/shelf", till.shelf, "GET"),
        ("/find", till.find, "GET"), ("/api/search", till.api_search, "GET"), ("/pay", till.pay, "POST"),
        (HEALTH, till.health, "GET"),
    )  # fmt: skip
    return Starlette(routes=[traced(*row) for row in rows])
