"""The shop's services: search, catalog, cart, checkout and payments, each an HTTP server of its own.

Each is instrumented with the OpenTelemetry SDK and calls the others over loopback, so a fault in payments is
seen by checkout's customers.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Span, SpanKind, Tracer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from nines.demo.faults import SCHEDULE, Fault, active

#: Service -> (route, base milliseconds of work, services it calls).
SHOP: dict[str, tuple[str, float, tuple[str, ...]]] = {
    "payments": ("/pay", 18.0, ()),
    "catalog": ("/products", 9.0, ()),
    "search": ("/search", 22.0, ("catalog",)),
    "cart": ("/cart", 6.0, ("catalog",)),
    "checkout": ("/checkout", 12.0, ("cart", "payments")),
}
#: Route by which a service shows that it lives; its spans are the heartbeat of its telemetry.
HEALTH = "/healthz"
#: Header by which probes say who they are; it is handed on, so that all they cause can be told from customers.
MARK = "nines-probe"


@dataclass
class Shop:
    """What the services share while the shop is open.

    Attributes:
        exporter: makes a span exporter for each service.
        ports: service -> loopback port, filled as they start.
        opened: monotonic seconds at which the shop opened.
        seed: seed of the shop's dice.
        schedule: what breaks when.
    """

    exporter: Callable[[str], SpanExporter]
    ports: dict[str, int] = field(default_factory=dict)
    opened: float = field(default_factory=time.monotonic)
    seed: int = 7
    schedule: tuple[Fault, ...] = SCHEDULE

    def elapsed_s(self) -> float:
        """Return seconds since the shop opened."""
        return time.monotonic() - self.opened

    def fault(self, service: str) -> Fault | None:
        """Return what breaks a service now, if anything."""
        return active(service, self.elapsed_s(), self.schedule)


def marked(span: Span, headers: Mapping[str, str], route: str) -> None:
    """Say on a span what was asked for, by which session, and by which probe where it was none of a customer's."""
    span.set_attribute("http.route", route)
    span.set_attribute("session.id", headers.get("x-session", ""))
    if MARK in headers:
        span.set_attribute("nines.probe", headers[MARK])


class Silenced(SpanExporter):
    """Lets spans through except while a fault silences the service."""

    def __init__(self, inner: SpanExporter, silent: Callable[[], bool]) -> None:
        """Wrap an exporter."""
        self._inner, self._silent = inner, silent

    def export(self, spans):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - the SDK's own signature
        """Drop the batch while silent, as a dead exporter would."""
        from opentelemetry.sdk.trace.export import SpanExportResult

        return SpanExportResult.SUCCESS if self._silent() else self._inner.export(spans)

    def shutdown(self) -> None:
        """Close the wrapped exporter."""
        self._inner.shutdown()


def tracer_of(service: str, shop: Shop) -> tuple[Tracer, TracerProvider]:
    """Return a tracer whose finished spans leave in batches twice a second."""
    provider = TracerProvider(
        resource=Resource.create(
            {"service.name": service, "service.version": "v418", "telemetry.sdk.language": "python"}
        )
    )

    def silent() -> bool:
        fault = shop.fault(service)
        return fault is not None and fault.silent

    exporter = Silenced(shop.exporter(service), silent)
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=500, max_export_batch_size=512))
    return provider.get_tracer("nines.demo"), provider


def service_app(service: str, shop: Shop, tracer: Tracer) -> Starlette:
    """Return one service as an ASGI application.

    Args:
        service: a key of `SHOP`.
        shop: shared state; `shop.ports` tells where the others listen.
        tracer: where its spans go.
    """
    route, base_ms, calls = SHOP[service]
    dice = random.Random(f"{shop.seed}-{service}")  # noqa: S311 - dice for a simulation
    client = httpx.AsyncClient(timeout=3.0)

    async def handle(request: Request) -> JSONResponse:
        fault = shop.fault(service)
        with tracer.start_as_current_span(f"GET {route}", kind=SpanKind.SERVER) as span:
            marked(span, request.headers, route)
            work_ms = dice.lognormvariate(0, 0.35) * base_ms + (fault.slower_ms if fault else 0.0)
            await asyncio.sleep(work_ms / 1000)
            status = await _call_others(client, shop, calls, request)
            if fault and dice.random() < fault.error_share:
                status = 500
            span.set_attribute("http.response.status_code", status)
        return JSONResponse({"service": service}, status_code=status)

    async def health(_request: Request) -> JSONResponse:
        with tracer.start_as_current_span(f"GET {HEALTH}", kind=SpanKind.SERVER) as span:
            span.set_attribute("http.route", HEALTH)
            span.set_attribute("http.response.status_code", 200)
        return JSONResponse({"service": service})

    return Starlette(routes=[Route(route, handle), Route(HEALTH, health)])


async def _call_others(client: httpx.AsyncClient, shop: Shop, calls: tuple[str, ...], request: Request) -> int:
    headers = {name: request.headers[name] for name in ("x-session", MARK) if name in request.headers}
    for other in calls:
        try:
            answer = await client.get(f"http://127.0.0.1:{shop.ports[other]}{SHOP[other][0]}", headers=headers)
        except httpx.HTTPError:
            return 504
        if answer.is_server_error:
            return 502
    return 200
