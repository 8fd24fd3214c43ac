"""Pages, API and command line about probes: what each location sees, the waterfall of a run, and what is kept."""

import json
import re
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from definitions.texts import doc, join
from nines.api.app import build as build_api
from nines.cli.main import app as nines
from nines.operations import ingesting, rounds
from nines.operations.defining import apply
from nines.operations.house import local_principal, open_house
from nines.pages.app import build
from pages.browser import chromium, need_chromium, served
from pages.caller import Caller
from probes.loopback import AT, Server, serving

V1 = "/api/nines/v1"
NOW = AT + timedelta(seconds=90)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A house with two runs at berlin and oslo, the second failing at pay, and one at porto that could not look."""
    folder = tmp_path_factory.mktemp("probes")
    house = open_house(folder / "house", now=AT, open_on_loopback=True)
    steps = "[{name: home, http: {url: '${shop}/'}, share: 50%}, {name: pay, http: {url: '${shop}/api/search?q=lamp'}}, {name: end, http: {url: '${shop}/'}}]"
    probe = f"{{source: probes, locations: [berlin, oslo, porto], quorum: 2, retry: {{times: 1, after: 0s}}, values: {{shop: x}}, steps: {steps}}}"
    path = folder / "probes.yaml"
    idle = "{source: probes, locations: [nowhere], steps: [{name: a, tcp: {host: shop.example, port: 1}}]}"
    path.write_text(
        join(doc("DataSource", "probes", "{type: events}"), doc("Probe", "buying", probe), doc("Probe", "idle", idle))
    )
    apply(house, local_principal("default"), [path], now=AT, effective_from=AT - timedelta(days=1))
    with serving(Server()) as shop:
        for minute, fault in enumerate(("", "/api/search")):
            shop.fault = fault
            now = AT + timedelta(minutes=minute)
            post = rounds.Post(locations=("berlin", "oslo"), allow=("127.0.0.1",), values={"shop": shop.url})
            blind = rounds.Post(locations=("porto",), values={"shop": shop.url})
            for one in (post, blind):
                for due in rounds.due_between(house, one, after=now - timedelta(seconds=1), now=now):
                    rounds.book(house, one, due, rounds.look(house, one, due, now=now), now=now)
    ingesting.flush(house, now=NOW)
    return house


@pytest.fixture
def visitor(house):
    return Caller(build(house, lambda: NOW, hosts=frozenset()))


@pytest.fixture
def api(house):
    caller = Caller(build_api(house, lambda: NOW, hosts=frozenset()))
    return lambda path: caller.get(V1 + path)


def words(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


def test_the_list_has_each_probe_with_its_state_by_location(visitor):
    page = words(visitor.get("/probes"))
    assert "berlin down at pay oslo down at pay porto unknown" in page
    assert "nowhere unknown" in page


def test_the_page_of_a_probe_draws_the_steps_of_its_run_and_of_the_retry(visitor):
    page = visitor.get("/probes/buying")
    assert "First try, which counts down" in words(page)
    assert "Try 2, a retry: it gates alerts only down" in words(page)
    assert 'class="fall-first"' in page.text
    assert "not run" in words(page)
    assert "is not an address to be asked" in words(page)
    assert "style=" not in page.text


def test_an_address_chooses_the_run_that_is_drawn(visitor):
    page = words(visitor.get("/probes/buying?run=oslo@2026-03-01T12:00:00Z"))
    assert "Run of 2026-03-01 12:00:00 UTC , oslo" in page


def test_a_probe_that_never_ran_says_what_is_missing(visitor):
    page = words(visitor.get("/probes/idle"))
    assert "No run yet" in page
    assert "unknown, and not up" in page


def test_what_is_kept_can_be_saved_from_the_page_and_from_the_api(visitor, api):
    (first, *_) = api("/probes/buying/artifacts").json()["artifacts"]
    path = f"/probes/buying/artifacts/{first['run']}/journey.json"
    assert path in visitor.get("/probes/buying").text
    for answer in (visitor.get(path), api(path)):
        assert answer.headers["content-disposition"].startswith("attachment")
        assert json.loads(answer.text)["steps"][-1]["name"] == "pay"
    assert visitor.get("/probes/buying/artifacts/x/journey.json").status_code == 404


def test_the_api_tells_runs_with_every_step_and_what_the_quorum_says(api):
    runs = api("/probes/buying/runs?location=oslo").json()["runs"]
    assert [(r["state"], r["failed_step"], len(r["tries"])) for r in runs] == [("down", "pay", 2), ("up", "", 1)]
    assert [s["name"] for s in runs[0]["tries"][0]["steps"]] == ["home", "pay"]
    found = api("/probes/buying").json()
    assert (found["state"], [p["state"] for p in found["locations"]]) == ("down", ["down", "down", "unknown"])
    assert sum(p["silent"] for p in found["quorum_over_a_day"]["locations"] if p["location"] == "porto") == 2
    assert api("/probes/none").status_code == 404
    assert {p["name"] for p in api("/probes").json()["probes"]} == {"buying", "idle"}


def test_the_command_line_lists_and_shows_them(house):
    run = CliRunner().invoke(nines, ["probe", "list", "--data", str(house.folder), "--format", "json"])
    assert {p["name"] for p in json.loads(run.stdout)} == {"buying", "idle"}
    run = CliRunner().invoke(nines, ["probe", "show", "idle", "--data", str(house.folder), "--format", "json"])
    assert (run.exit_code, json.loads(run.stdout)["runs"]) == (0, [])


@pytest.fixture(scope="module")
def opened(house):
    """Open a page about probes in Chromium; on leaving, nothing may have been written to the console."""
    need_chromium()
    said, contexts = [], []
    with chromium() as browser, served(build(house, lambda: NOW, hosts=frozenset())) as url:

        def page(path, width, scheme):
            contexts.append(browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme))
            found = contexts[-1].new_page()
            found.on("console", lambda m: said.append(m.text))
            found.on("pageerror", lambda e: said.append(str(e)))
            found.goto(url + path)
            return found

        yield page
        for context in contexts:
            context.close()
    assert said == []


@pytest.mark.parametrize(("width", "scheme"), [(400, "dark"), (1280, "light"), (2000, "dark")])
@pytest.mark.parametrize("path", ["/probes", "/probes/buying", "/probes/idle"])
def test_the_pages_fit_the_screen_and_have_no_serious_fault(opened, path, width, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = opened(path, width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    found = [v for v in Axe().run(page).response["violations"] if v["impact"] in {"serious", "critical"}]
    assert [(v["id"], v["nodes"][0]["html"]) for v in found] == []
