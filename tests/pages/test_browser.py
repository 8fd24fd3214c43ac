"""Pages in Chromium: no console error, no serious fault for those who cannot see or point, on phones and on walls."""

from dataclasses import replace

import pytest

from nines.operations import annotating
from nines.operations.house import local_principal
from nines.pages.app import build
from pages.browser import chromium, need_chromium, served
from pages.house_of_shop import NOW, furnish

PATHS = [
    "/",
    "/objectives/checkout%4030d",
    "/objectives/edge%4030d",
    "/sources",
    "/sites",
    "/clocks",
    "/probes",
    "/alerts",
    "/notifications",
    "/reconcile?users=checkout-success&probes=edge-success&by=service",
    "/statements",
    "/journal?verify=1",
    "/tokens",
    "/nothing",
]


@pytest.fixture(scope="module")
def browser():
    need_chromium()
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def site(shop):
    with served(build(shop, lambda: NOW, hosts=frozenset())) as url:
        yield url


@pytest.fixture
def visit(browser, site):
    """Open a page; on leaving, nothing may have been written to the console."""
    said, contexts = [], []

    def opened(path, *, width=1280, scheme="light", script=True, errors=(), base=site):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=script
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: said.append(m.text) if not any(e in m.text for e in errors) else None)
        page.on("pageerror", lambda e: said.append(str(e)))
        page.goto(base + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PATHS)
def test_axe_finds_no_serious_fault(visit, path, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = visit(path, scheme=scheme, errors=("404",) if path == "/nothing" else ())
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    found = [v for v in Axe().run(page).response["violations"] if v["impact"] in {"serious", "critical"}]
    assert [(v["id"], v["nodes"][0]["html"]) for v in found] == []


@pytest.mark.parametrize("width", [400, 2000])
@pytest.mark.parametrize("path", [p for p in PATHS if p != "/nothing"])
def test_no_page_is_wider_than_the_screen(visit, path, width):
    page = visit(path, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_at_200_percent_zoom_no_page_is_wider_than_the_screen(visit):
    page = visit("/objectives/checkout%4030d", width=640)
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate("document.documentElement.scrollWidth") <= 640


def test_a_chart_is_drawn_for_the_room_it_has(visit):
    shown = "[...document.querySelectorAll('figure')].map((f) => [...f.querySelectorAll('svg')].filter((s) => s.checkVisibility()).map((s) => s.getAttribute('class')).join())"
    assert set(visit("/objectives/checkout%4030d", width=400).evaluate(shown)) == {"narrow"}
    assert "broad" in visit("/objectives/checkout%4030d").evaluate(shown)


def test_everything_can_be_reached_by_keyboard_in_order(visit):
    page = visit("/")
    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("(document.activeElement.textContent || document.activeElement.name || '').trim()"))
    assert seen[0] == "Go to the content"
    for name in ("Objectives", "Sources", "q", "Filter", "State", "checkout"):
        assert name in seen
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_the_table_sorts_and_filters_at_once(visit):
    page = visit("/")
    keys = "[...document.querySelectorAll('tbody tr')].filter((r) => !r.hidden).map((r) => r.dataset.key)"
    page.click("th a[data-sort=sli]")
    assert page.evaluate(keys)[0] == "search-speed@30d"
    page.click("th a[data-sort=sli]")
    assert page.evaluate(keys)[-1] == "edge@30d"
    assert page.get_attribute("th:has(a[data-sort=sli])", "aria-sort") == "descending"
    page.fill("input[name=q]", "search")
    assert page.evaluate(keys) == ["search-speed@30d"]
    assert page.inner_text("#shown") == "1 of 4 shown"


def test_a_chart_is_read_out_by_arrow_keys_and_under_the_pointer(visit):
    page = visit("/objectives/checkout%4030d")
    plot = page.locator("figure.chart .plot").first
    plot.focus()
    page.keyboard.press("End")
    assert page.locator(".readout").first.inner_text().startswith("23 Nov 14:32: left -67 %, bad 1")
    plot.hover(position={"x": 400, "y": 60})
    assert "unknown" in page.locator(".readout").first.inner_text()


def test_without_scripts_everything_can_be_read(visit):
    page = visit("/objectives/checkout%4030d", script=False)
    assert page.locator("figure svg.broad").first.is_visible()
    page.locator("figure summary").first.click()
    assert page.locator("figure table").first.is_visible()


def test_an_open_page_shows_what_is_new_by_itself(visit, tmp_path):
    house = furnish(tmp_path)
    with served(build(house, lambda: NOW, hosts=frozenset())) as url:
        page = visit("/objectives/edge%4030d", base=url)
        annotating.annotate(house, local_principal("default"), "edge", "a digger met a fibre", about=NOW, now=NOW)
        page.get_by_text("a digger met a fibre").wait_for(timeout=15_000)
        page.context.close()


def test_the_first_account_is_made_in_the_browser(visit, tmp_path):
    from nines.operations import people

    house = replace(furnish(tmp_path), open_on_loopback=False)
    with served(build(house, lambda: NOW, hosts=frozenset())) as url:
        page = visit(people.set_up_link(house, "", now=NOW), base=url)
        page.fill("input[name=name]", "ann")
        page.fill("input[name=password]", "four small words here")
        page.click("button")
        page.get_by_role("heading", name="Objectives").wait_for()
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("heading", name="Sign in").wait_for()
        page.context.close()
