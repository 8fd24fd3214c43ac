"""The reference pages name every route, status and page there is, and no other."""

import re
from pathlib import Path

import pytest

from nines.api.app import PREFIX, build
from nines.errors import NinesError
from nines.pages.app import PAGES
from nines.pages.overview import COLUMNS
from nines.people.rights import DEEDS

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"


@pytest.fixture(scope="module")
def api():
    return (REFERENCE / "api.md").read_text()


def test_every_route_stands_in_the_page_and_every_route_of_the_page_is_there(api, shop):
    paths = build(shop, lambda: None, hosts=frozenset()).openapi()["paths"]
    real = {
        (m.upper(), p.removeprefix(PREFIX))
        for p, operations in paths.items()
        if p.startswith(PREFIX)
        for m in operations
    }
    told = set(re.findall(r"\| `([A-Z]+) (/[^`]+)` \|", api))
    assert told == real
    assert {p for p in paths if not p.startswith(PREFIX)} == {"/healthz", "/readyz", "/metrics"}


def test_every_right_that_the_page_names_is_one(api):
    named = re.findall(r"\| `([a-z-]+)` \|$", api, re.MULTILINE)
    assert named
    assert set(named) <= set(DEEDS)


def test_every_status_stands_in_the_page(api):
    assert {str(kind.status) for kind in NinesError.__subclasses__()} <= set(
        re.findall(r"^\| (\d{3}) \|", api, re.MULTILINE)
    )


def test_every_page_and_every_column_to_sort_by_stands_in_its_page():
    text = (REFERENCE / "pages.md").read_text()
    assert [path for path, _, _, _ in PAGES if f"`{path}`" not in text] == []
    assert [name for name, _, _ in COLUMNS if name and f"`{name}`" not in text] == []
