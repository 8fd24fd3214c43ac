"""One house with the shop in it for tests that only read, and a fresh one for each test that writes."""

import pytest

from nines.api.app import build
from pages.caller import Caller
from pages.house_of_shop import NOW, furnish


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    return furnish(tmp_path_factory.mktemp("shop"))


@pytest.fixture
def client(shop):
    return Caller(build(shop, lambda: NOW, hosts=frozenset()))


@pytest.fixture
def closed_house(tmp_path):
    return furnish(tmp_path, open_on_loopback=False, full=False)


@pytest.fixture
def stranger(closed_house):
    return Caller(build(closed_house, lambda: NOW, hosts=frozenset()))


@pytest.fixture
def own(tmp_path):
    """A client of a house of its own, which it may change."""
    house = furnish(tmp_path, full=False)
    return Caller(build(house, lambda: NOW, hosts=frozenset()))
