"""The page of clocks: full, empty and failing, and in Chromium on phones and on walls, light and dark."""

import re
from datetime import timedelta

import pyarrow as pa
import pytest

from nines.definitions.load import load_texts
from nines.operations import defining, ingesting
from nines.operations.house import local_principal, open_house
from nines.pages.app import build
from nines.pages.clocks import reach
from nines.telemetry.clocks import Interval
from pages.browser import chromium, need_chromium, served
from pages.caller import Caller
from pages.house_of_shop import NOW

TRACES = """
apiVersion: nines/v1
kind: DataSource
metadata: {name: traces}
spec: {type: otlp}
"""
#: (calling host, answering host, offset in milliseconds by seconds before now, ms each way).
PAIRS = (
    ("shop-1", "cart-1", lambda _ago: 0, 3),
    ("shop-1", "payment-7c9f-with-a-long-name-of-a-pod-2", lambda _ago: -40, 5),
    ("cart-1", "db-1", lambda ago: -100 if ago < 900 else -20, 4),
    ("shop-1", "search-2", lambda ago: (ago - 1800) * 0.1 - 5, 2),
)


def instant(us):
    return pa.array(us, pa.int64()).cast(pa.timestamp("us", tz="UTC"))


def calls(pairs=PAIRS):
    """Client and server spans every 30 s for half an hour; the asynchronous one bounds one side only."""
    rows = []
    for number, (first, second, offset, way) in enumerate(pairs):
        for ago in range(1800, 0, -30):
            sent = int((NOW - timedelta(seconds=ago)).timestamp() * 1e6)
            there, name = sent + int((way + offset(ago)) * 1000), f"{number}-{ago}"
            rows.append((name, None, first, "client", sent, sent + (2 * way + 200) * 1000, name))
            rows.append((f"{name}s", name, second, "server", there, there + 200_000, name))
    ids, parents, hosts, kinds, starts, ends, traces = zip(*rows, strict=True)
    columns = {"id": ids, "parent": parents, "host": hosts, "kind": kinds, "trace": traces}
    return pa.table({**{n: pa.array(c, pa.string()) for n, c in columns.items()},
                     "start": instant(starts), "time": instant(ends)})  # fmt: skip


def house_with(folder, table):
    house, who = open_house(folder, now=NOW, open_on_loopback=True), local_principal("default")
    defining.apply_definitions(house, who, load_texts([("t.yaml", TRACES)]), now=NOW - timedelta(days=1))
    if table is not None:
        ingesting.ingest_table(house, who, "traces", table, now=NOW, key="calls")
        ingesting.flush(house, now=NOW)
    return house


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    return build(house_with(tmp_path_factory.mktemp("clocks"), calls()), lambda: NOW, hosts=frozenset())


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    return build(house_with(tmp_path_factory.mktemp("none"), None), lambda: NOW, hosts=frozenset())


def words(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


def test_every_pair_stands_with_its_state_and_its_bounds(full):
    page = Caller(full).get("/clocks")
    assert page.status_code == 200
    told = words(page)
    assert "240 calls between hosts in 480 spans" in told
    assert "no skew shown 0.000 ± 3.002" in told
    assert "behind -40.000 ± 5.002" in told
    assert "was set none fits" in told
    assert "drifts none fits" in told


def test_a_step_stands_with_its_minute_and_size(full):
    told = words(Caller(full).get("/clocks"))
    assert re.search(r"cart-1 and db-1: a clock was set by -91\.\d+ to -69\.\d+ ms at 2026-11-23T14:17Z", told)


def test_spans_before_their_cause_stand_with_both_hosts(full):
    told = words(Caller(full).get("/clocks"))
    assert "on payment-7c9f-with-a-long-name-of-a-pod-2" in told
    assert "35.000" in told  # 40 ms behind, after 5 ms of way


def test_without_calls_the_page_says_how_to_send_some(empty):
    page = Caller(empty).get("/clocks")
    assert page.status_code == 200
    assert "No two hosts called one another" in page.text


@pytest.mark.parametrize("query", ["from=soon&to=later", "from=2026-11-23T14:00:00Z&to=2026-11-23T13:00:00Z"])
def test_a_time_that_is_none_is_told(full, query):
    page = Caller(full).get(f"/clocks?{query}")
    assert page.status_code == 400
    assert "ask about a shorter time" in page.text.lower() or "write an instant" in page.text.lower()


def test_a_time_server_that_must_not_be_asked_is_told_and_the_map_stays(full, monkeypatch):
    monkeypatch.setenv("NINES_NTP", "db-1=169.254.169.254")
    told = words(Caller(full).get("/clocks"))
    assert "169.254.169.254 must not be asked" in told
    assert "Offset map" in told


def test_a_bar_reaches_from_bound_to_bound_with_zero_in_the_middle():
    assert (reach(Interval(-10, 10), 20).x, reach(Interval(-10, 10), 20).width) == (50, 100)
    assert (reach(Interval(10, 20), 20).x, reach(Interval(10, 20), 20).css) == (150, "risk")
    one_sided = reach(Interval(None, 10), 20)
    assert (one_sided.x, one_sided.width, one_sided.open_left, one_sided.open_right) == (0, 150, True, False)


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
@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 2000])
def test_the_page_fits_the_screen_and_has_no_serious_fault(opened, width, scheme, bare):
    from axe_playwright_python.sync_playwright import Axe

    page = opened("/clocks", width, scheme, bare=bare)
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = [v for v in Axe().run(page).response["violations"] if v["impact"] in {"serious", "critical"}]
    assert [(v["id"], v["nodes"][0]["html"]) for v in found] == []
