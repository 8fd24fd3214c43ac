"""SIGKILL of `nines serve` at random moments loses nothing that was acknowledged, and doubles nothing."""

import random
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from nines.definitions.load import load_texts
from nines.operations import defining, ingesting, people, standings
from nines.operations.house import local_principal, open_house

NINES = Path(sys.executable).parent / "nines"
ROWS = 20
DEFINITIONS = """
apiVersion: nines/v1
kind: DataSource
metadata: {name: shop}
spec: {type: events}
---
apiVersion: nines/v1
kind: Service
metadata: {name: shop}
spec: {}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: works}
spec: {source: shop, good: http_status < 500}
---
apiVersion: nines/v1
kind: SLO
metadata: {name: works}
spec: {service: shop, indicator: works, target: 99%, window: 1d}
"""


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def serve(folder, port):
    process = subprocess.Popen(
        [NINES, "serve", "--data", folder, "--listen", f"127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2).status_code == 200:
                return process
        except httpx.HTTPError:
            time.sleep(0.05)
    process.kill()
    pytest.fail("the server did not answer within a minute")


def batch(number):
    at = datetime(2026, 3, 1, 12, number % 60, tzinfo=UTC).isoformat()
    return [{"time": at, "http_status": 500 if row == number % ROWS else 200} for row in range(ROWS)]


def send(client, url, number):
    """Return whether a batch was acknowledged; the same number always carries the same key."""
    try:
        return client.post(url, json=batch(number), headers={"Idempotency-Key": f"batch-{number}"}).status_code == 202
    except httpx.HTTPError:
        return False


def run_kills(folder, number, seed):
    """Kill a server so often while batches are sent; return how many batches were acknowledged in the end."""
    dice, port = random.Random(seed), free_port()
    house, who, now = open_house(folder, now=datetime.now(UTC)), local_principal("default"), datetime.now(UTC)
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    defining.apply_definitions(house, who, load_texts([("slo.yaml", DEFINITIONS)]), now=now, effective_from=begins)
    token = people.make_token(house, who, "sender", scopes=("ingest",), days=1, now=now).secret
    url, following = f"http://127.0.0.1:{port}/api/nines/v1/events/shop", 0
    for _ in range(number):
        process = serve(folder, port)
        with httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=30) as client:
            while not send(client, url, following) and process.poll() is None:
                continue
            following += 1
            threading.Timer(dice.uniform(0.0, 1.2), process.send_signal, [signal.SIGKILL]).start()
            while process.poll() is None:
                following += send(client, url, following)  # one that was not acknowledged is sent again
        process.wait()
    return following


@pytest.mark.slow
def test_every_acknowledged_batch_counts_once_through_ten_kills(tmp_path):
    acknowledged = run_kills(tmp_path, 10, seed=11)
    house, who, now = open_house(tmp_path, now=datetime.now(UTC)), local_principal("default"), datetime.now(UTC)
    ingesting.flush(house, now=now)
    counts = standings.standing(house, who, "works", at=datetime(2026, 3, 2, tzinfo=UTC)).outcome.counts
    assert acknowledged > 20
    assert counts.total in {acknowledged * ROWS, (acknowledged + 1) * ROWS}  # the last may be there, unacknowledged
    assert counts.bad == counts.total // ROWS
