"""A house served on loopback by the real server, for senders to write to, and what it counts afterwards."""

import socket
import time
from contextlib import contextmanager
from datetime import UTC, datetime

from nines.cli.server import start
from nines.definitions.load import load_texts
from nines.operations import defining, ingesting, people
from nines.operations.house import local_principal, open_house
from nines.operations.promises import in_force

BEGINS = datetime(2026, 1, 1, tzinfo=UTC)


def until(condition, seconds=60, what="it did not happen in time"):
    """Wait until something holds and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(what() if callable(what) else what)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Served:
    """One installation, open on loopback.

    Attributes:
        url: where it answers.
        token: of somebody who may send.
        house: the installation itself.
    """

    def __init__(self, folder, definitions, *, only=("api", "receivers"), **ports):
        now = datetime.now(UTC)
        self.house = open_house(folder, now=now)
        self.who = local_principal("default")
        found = load_texts([("slo.yaml", definitions)])
        assert not found.errors, found.errors
        defining.apply_definitions(self.house, self.who, found, now=now, effective_from=BEGINS)
        self.token = people.make_token(self.house, self.who, "sender", scopes=("ingest",), days=1, now=now).secret
        self.headers = {"Authorization": f"Bearer {self.token}"}
        self.running = start(self.house, "127.0.0.1:0", only, **ports)
        self.url = self.running.url

    def total(self, indicator, minutes=240):
        """Return good, bad and unknown events of an indicator over the last minutes, the present one included."""
        series = self.series(indicator, minutes)
        return int(series.good.sum()), int(series.bad.sum()), int(series.unknown.sum())

    def series(self, indicator, minutes=240):
        """Return the series of an indicator over the last minutes, the present one included."""
        now = datetime.now(UTC)
        ingesting.flush(self.house, now=now)
        definitions = in_force(self.house, "default", at=now)
        found = definitions.indicators[indicator]
        end = int(now.timestamp()) // 60 + 2
        return self.house.lake.series("default", found, definitions.sources[found.source], end - minutes, end)

    def close(self):
        self.running.stop()
        self.house.lake.inbox.close()


@contextmanager
def served(folder, definitions, **options):
    house = Served(folder, definitions, **options)
    try:
        yield house
    finally:
        house.close()
