"""GET /clocks, and an untrusted indicator in the API and on its page."""

import pytest

from nines.api.app import build
from nines.operations.house import House
from nines.pages.app import build as pages
from operations.test_clocks import NOW, furnished
from pages.caller import Caller


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    found, _ = furnished(tmp_path_factory.mktemp("clocks"), against="200ms", behind_ms=50)
    return House(found.folder, found.store, found.lake, open_on_loopback=True)


@pytest.fixture(scope="module")
def caller(house):
    return Caller(build(house, lambda: NOW, hosts=frozenset()))


def test_the_route_gives_bounds_and_violations(caller):
    answer = caller.get("/api/nines/v1/clocks").json()
    (pair,) = answer["pairs"]
    assert (pair["first"], pair["second"], pair["course"]) == ("shop-1", "cart-1", "steady")
    assert (pair["whole"]["low_ns"], pair["whole"]["high_ns"]) == (-60_002_000, -39_998_000)
    assert [v["early_ns"] for v in answer["violations"]] == [40_000_000] * 3


@pytest.mark.parametrize("query", ["from=soon", "from=2026-11-23T14:00:00Z&to=2026-11-23T13:00:00Z"])
def test_a_time_that_is_none_is_refused(caller, query):
    assert caller.get(f"/api/nines/v1/clocks?{query}").status_code == 400


def test_an_untrusted_indicator_says_so_in_the_api_and_on_its_page(house, caller):
    standing = caller.get("/api/nines/v1/standings/hand-over").json()
    assert "untrusted" in {p["code"] for p in standing["problems"]}
    page = Caller(pages(house, lambda: NOW, hosts=frozenset())).get("/objectives/hand-over@1h")
    assert "the clocks of shop-1 and cart-1 are bounded to +/- 11." in page.text
