import pytest

from probes.loopback import Server, serving


@pytest.fixture
def shop():
    with serving(Server()) as server:
        yield server
