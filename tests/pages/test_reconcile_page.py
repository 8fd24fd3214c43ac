"""The page that holds two SLIs together: full, empty and failing, and in Chromium on phones and on walls, light and dark."""

import re
from fractions import Fraction

import pytest

from nines.api.app import build as api
from nines.operations.house import House, open_house
from nines.pages.app import build
from nines.pages.reconciling import edges, place
from operations.test_reconciling import NOW, World, furnished
from pages.browser import chromium, need_chromium, served
from pages.caller import Caller

FULL = "/reconcile?users=had&probes=tried&expected=answered&by=route%2Cregion%2Cdevice"


def troubled():
    """A world in which phones of us fail unseen, eu's probe of / fails alone, and one cell's beacons are lost."""
    world = World()
    world.users[world.at(region="us", device="phone")] += 0.04
    world.probes[world.at(route="/", region="eu")] += 0.05
    world.capture[world.at(route="/buy", region="eu", device="desk")] = 0
    return world


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    found, _ = furnished(tmp_path_factory.mktemp("reconcile"), troubled().tables())
    return House(found.folder, found.store, found.lake, open_on_loopback=True)


@pytest.fixture(scope="module")
def full(house):
    return build(house, lambda: NOW, hosts=frozenset())


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    return build(
        open_house(tmp_path_factory.mktemp("none"), now=NOW, open_on_loopback=True), lambda: NOW, hosts=frozenset()
    )


def words(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


def test_findings_stand_first_then_cells_then_what_has_no_match(full):
    page = Caller(full).get(FULL)
    assert page.status_code == 200
    told = words(page)
    marks = [
        "capture loss",
        "blind spot",
        "probe fault",
        "Cells that both counted in",
        "/ / us / phone users worse",
        "Cells without a match",
        "/buy / eu / desk no user was heard there",
    ]
    places = [told.index(mark) for mark in marks]
    assert places == sorted(places)
    assert "Target 99 % works@30d" in told


def test_every_cell_has_its_interval_in_words(full):
    texts = re.findall(r'class="reach"[^>]*aria-label="([^"]*)"', Caller(full).get(FULL).text)
    assert len(texts) == 7
    assert all(re.fullmatch(r"[-+][\d.e-]+ points, [-+][\d.e-]+ to [-+][\d.e-]+", text) for text in texts)


def test_without_a_choice_the_form_stands_alone_and_names_what_is_combined(full):
    page = Caller(full).get("/reconcile")
    assert "Choose two SLIs" in page.text
    assert 'href="/reconcile?users=works"' in page.text
    combined = Caller(full).get("/reconcile?users=works").text
    assert re.search(r"<option selected>tried</option>", combined)


def test_without_slis_the_page_says_what_to_define(empty):
    page = Caller(empty).get("/reconcile")
    assert page.status_code == 200
    assert "There are no two SLIs to hold together" in page.text


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("users=had&probes=had", 400, "both sides are the same SLI"),
        ("users=hda&probes=tried", 404, "did you mean had?"),
        ("users=had&probes=tried&by=root", 400, "there is no column root"),
        ("users=had&probes=tried&from=soon&target=much", 400, "write it as 99.9%"),
    ],
)
def test_what_cannot_be_asked_is_told_beside_the_form(full, query, status, said):
    page = Caller(full).get(f"/reconcile?{query}")
    assert page.status_code == status
    assert said.lower() in words(page).lower()
    assert '<form class="tools' in page.text


def test_bars_have_zero_in_the_middle_and_ticks_at_what_matters():
    assert (place(0, 0.04), place(-0.04, 0.04), place(0.02, 0.04)) == (100, 0, 150)
    assert edges(Fraction(1, 400), 0.01) == (75, 125)


def test_the_route_gives_findings_cells_and_what_has_no_match(house):
    caller = Caller(api(house, lambda: NOW, hosts=frozenset()))
    answer = caller.get(f"/api/nines/v1{FULL}").json()
    assert [f["kind"] for f in answer["findings"]] == ["capture-loss", "blind-spot", "probe-fault"]
    assert answer["findings"][1]["cells"] == [["/", "us", "phone"], ["/buy", "us", "phone"]]
    assert [c["cell"] for c in answer["unvisited"]] == [["/buy", "eu", "desk"]]
    assert len(answer["cells"]) == 7
    assert caller.get("/api/nines/v1/reconcile?users=had&probes=had").status_code == 400
    assert caller.get("/api/nines/v1/reconcile?users=nobody&probes=had").status_code == 404
    assert caller.get("/api/nines/v1/reconcile?users=had&probes=tried&target=much").status_code == 400


@pytest.fixture(scope="module")
def opened(full, empty):
    need_chromium()
    with chromium() as browser, served(full) as one, served(empty) as other:

        def page(path, width, scheme, *, bare=False):
            context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
            found, said = context.new_page(), []
            found.on("console", lambda m: said.append(m.text))
            found.goto((other if bare else one) + path)
            assert said == []
            return found

        yield page


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280, 2000])
@pytest.mark.parametrize(("path", "bare"), [(FULL, False), ("/reconcile", False), ("/reconcile", True)])
def test_the_page_fits_the_screen_and_has_no_serious_fault(opened, path, bare, width, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = opened(path, width, scheme, bare=bare)
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = [v for v in Axe().run(page).response["violations"] if v["impact"] in {"serious", "critical"}]
    assert [(v["id"], v["nodes"][0]["html"]) for v in found] == []


@pytest.mark.slow
def test_two_slis_are_chosen_by_the_form(opened):
    page = opened("/reconcile", 1280, "light")
    page.select_option("select[name=users]", "had")
    page.select_option("select[name=probes]", "tried")
    page.click("button.first")
    assert page.locator(".needs .state").first.inner_text() == "blind spot"
