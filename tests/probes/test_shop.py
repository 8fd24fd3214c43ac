"""The demo's shop under its own probes: login, search and pay, in a browser and without, and a fault where it belongs."""

import asyncio
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from nines.definitions.load import load
from nines.demo.export import event_of
from nines.demo.faults import Fault
from nines.demo.services import SHOP, Shop
from nines.demo.shop import start_service
from nines.demo.storefront import PASSWORD, STOREFRONT
from nines.operations import ingesting, probing
from nines.operations.defining import apply
from nines.operations.house import local_principal, open_house
from nines.operations.probe_runs import runs
from pages.browser import need_chromium

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/shop"
PROBES = load([EXAMPLE / "probes.yaml"]).probes
ME = local_principal("default")
BROKEN = (Fault("payments", 0, 480, error_share=1.0),)


@contextmanager
def opened(schedule=()):
    """Open the shop; gives its address and what its services report."""
    spans = {name: InMemorySpanExporter() for name in (*SHOP, STOREFRONT)}
    shop = Shop(exporter=lambda name: spans[name], schedule=schedule)
    closing, ready = threading.Event(), threading.Event()

    async def run():
        started = [start_service(name, shop) for name in (*SHOP, STOREFRONT)]
        while not all(server.started for server, _, _ in started):  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        ready.set()
        await asyncio.to_thread(closing.wait)
        for server, _, _ in started:
            server.should_exit = True
        await asyncio.gather(*(task for _, task, _ in started))
        for _, _, provider in started:
            provider.shutdown()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield f"http://127.0.0.1:{shop.ports[STOREFRONT]}", spans
    finally:
        closing.set()
        thread.join(10)


def go(name, url):
    manner = probing.Manner(secrets={"SHOP_PASSWORD": PASSWORD}, values={"shop": url})
    return probing.try_probe(PROBES[name], "berlin", manner, now=datetime.now(UTC))


def states(result):
    return {step.name: step.state for step in result.first.steps}


@pytest.mark.slow
class TestInABrowser:
    @pytest.fixture(autouse=True)
    def chromium(self):
        need_chromium()

    def test_login_search_and_pay_go_through(self):
        with opened() as (url, _):
            result = go("buying-page", url)
        assert states(result) == {"login": "up", "search": "up", "pay": "up"}
        assert (result.state, result.first.steps[0].status) == ("up", 200)

    def test_a_fault_in_step_three_is_booked_on_step_three(self, tmp_path):
        house, now = open_house(tmp_path, now=datetime.now(UTC)), datetime.now(UTC)
        apply(house, ME, [EXAMPLE], now=now, effective_from=now - timedelta(days=1))
        with opened(BROKEN) as (url, _):
            result = go("buying-page", url)
        probing.store_result(house, ME, PROBES["buying-page"], result, now=datetime.now(UTC))
        ingesting.flush(house, now=datetime.now(UTC))
        (run,) = runs(house, ME, "buying-page", at=datetime.now(UTC))
        assert {s.name: s.state for s in run.tries[0].steps} == {"login": "up", "search": "up", "pay": "down"}
        assert (run.state, run.failed_step, run.not_run) == ("down", "pay", 0)
        assert "Thank you" in run.error


class TestOverHttp:
    def test_login_search_and_pay_go_through(self):
        with opened() as (url, _):
            assert states(go("buying-api", url)) == {"login": "up", "search": "up", "pay": "up"}

    def test_a_fault_in_step_three_is_booked_on_step_three_and_a_retry_confirms_it(self):
        with opened(BROKEN) as (url, _):
            result = go("buying-api", url)
        assert states(result) == {"login": "up", "search": "up", "pay": "down"}
        assert (result.confirmed, len(result.tries), result.first.steps[2].code) == (True, 2, "step-status")


def test_what_a_probe_asked_for_is_marked_in_every_service_and_a_customer_is_not():
    with opened() as (url, spans):
        go("buying-api", url)
        httpx.get(f"{url}/api/search?q=lamp")
    found = [event_of(span) for exporter in spans.values() for span in exporter.get_finished_spans()]
    bought = [e["operation"] for e in found if e.get("attributes") == {"probe": "buying-api"}]
    assert sorted(set(bought)) == [
        "/api/search",
        "/cart",
        "/checkout",
        "/login",
        "/pay",
        "/products",
        "/search",
        "/shelf",
    ]
    assert sorted(e["operation"] for e in found if "attributes" not in e) == ["/api/search", "/products", "/search"]


def test_indicators_of_the_shop_leave_its_own_probes_out(tmp_path):
    house, now = open_house(tmp_path, now=datetime.now(UTC)), datetime.now(UTC)
    apply(house, ME, [EXAMPLE], now=now, effective_from=now - timedelta(days=1))
    row = {"time": now.isoformat(), "operation": "/pay", "http_status": 500}
    rows = [row, row | {"attributes": {"probe": "buying-api"}}]
    ingesting.ingest_rows(house, ME, "payments", rows, now=now, key=None)
    ingesting.flush(house, now=now)
    from nines.operations.standings import standings

    counts = {s.objective: s.outcome.counts for s in standings(house, ME, at=now + timedelta(minutes=10)) if s.outcome}
    assert (counts["payments"].good, counts["payments"].bad) == (0, 1)
