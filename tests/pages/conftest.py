"""One house with the shop in it, shared by tests that only read; and an empty one for each test that writes."""

import pytest

from nines.pages.app import build
from pages.caller import Caller
from pages.house_of_shop import NOW, furnish


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    return furnish(tmp_path_factory.mktemp("shop"))


@pytest.fixture
def visitor(shop):
    return Caller(build(shop, lambda: NOW, hosts=frozenset()))


@pytest.fixture
def closed_house(tmp_path):
    return furnish(tmp_path, open_on_loopback=False, full=False)


@pytest.fixture
def stranger(closed_house):
    return Caller(build(closed_house, lambda: NOW, hosts=frozenset()))
