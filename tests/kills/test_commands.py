"""SIGKILL of `nines ingest` and `nines serve` at random moments loses nothing acknowledged and doubles nothing."""

import csv
import os
import random
import signal
import socket
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from kills.nursery import BATCH_ROWS, Nursery
from nines.definitions.load import load_texts
from nines.operations import defining, ingesting, people, standings
from nines.operations.house import local_principal, open_house

KILLS = 50
ROWS = 20
#: How many further batches a server acknowledges before it is killed at any moment.
FURTHER = (1, 40)
#: Steps of a flush after which a command kills itself, in turn; between them it is killed at any moment.
STEPS = ("events", "pulses", "counts", "flushes", "forgotten")
BEGINS = datetime(2026, 1, 1, tzinfo=UTC)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CSV = "{type: csv, columns: {time: time, http_status: http_status, id: id}}"
DEFINITIONS = """
apiVersion: nines/v1
kind: DataSource
metadata: {name: shop}
spec: %s
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
spec: {service: shop, indicator: works, target: 99%%, window: 1d}
"""


@dataclass
class Told:
    """What came of many kills."""

    kills: int = 0
    acknowledged: int = 0
    finished: int = 0
    wrong: list[str] = field(default_factory=list)


def new_house(folder, source):
    house, who, now = open_house(folder, now=datetime.now(UTC)), local_principal("default"), datetime.now(UTC)
    texts = [("slo.yaml", DEFINITIONS % source)]
    defining.apply_definitions(house, who, load_texts(texts), now=now, effective_from=BEGINS)
    return people.make_token(house, who, "sender", scopes=("ingest",), days=1, now=now).secret


def counts(folder):
    house, who, now = open_house(folder, now=datetime.now(UTC)), local_principal("default"), datetime.now(UTC)
    ingesting.flush(house, now=now)
    found = standings.standing(house, who, "works", at=datetime(2026, 3, 2, tzinfo=UTC)).outcome.counts
    house.lake.inbox.close()
    return found


# ---- nines ingest


def log_file(folder, number, rows):
    """Write a file of its own rows; every twentieth is bad. One row in four has an id, and stands there twice."""
    path = folder / f"{number}.csv"
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(("time", "http_status", "id"))
        for row in range(rows):
            line = [(NOON + timedelta(minutes=row % 60)).isoformat(), 500 if row % 20 == 0 else 200, ""]
            if row % 4 == 0:
                line[2] = f"{number}-{row}"
                out.writerow(line)
            out.writerow(line)
    return path


def ingest_kills(folder, number, seed):
    """Kill `nines ingest` so often, asking again each time, until it finishes; then go on with new files."""
    dice, told, data = random.Random(seed), Told(), folder / "data"
    new_house(data, CSV)
    files, bad, rows = 0, 0, 0
    with Nursery() as nursery:
        while told.kills < number:
            sizes = [dice.randrange(20, 5 * BATCH_ROWS, 20) for _ in range(2)]
            paths = [log_file(folder, files + n, size) for n, size in enumerate(sizes)]
            files, rows, bad = files + 2, rows + sum(sizes), bad + sum(sizes) // 20
            code, tries = -9, 0
            while code == -9:
                tries += 1
                step = STEPS[told.kills % len(STEPS)] if tries % 2 else ""
                pid = nursery.begin("ingest", *paths, "--data", data, step=step if tries < 6 else "")
                if not step and tries < 6:
                    time.sleep(dice.uniform(0.0, 0.5))
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                code = nursery.ended()
                told.kills += code == -9
            if code:
                told.wrong.append(f"ingest of files {files - 2} and {files - 1} ended with {code}")
            told.finished += 1
        found = counts(data)
    told.acknowledged = rows
    if (found.total, found.bad) != (rows, bad):
        told.wrong.append(f"{found.total} rows are counted, {found.bad} bad, instead of {rows} and {bad}")
    return told


# ---- nines serve


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def batch(number):
    at = (NOON + timedelta(minutes=number % 60)).isoformat()
    return [{"time": at, "http_status": 500 if row == number % ROWS else 200} for row in range(ROWS)]


def send(client, url, number):
    """Return whether a batch was acknowledged; the same number always carries the same key."""
    try:
        return client.post(url, json=batch(number), headers={"Idempotency-Key": f"batch-{number}"}).status_code == 202
    except httpx.HTTPError:
        return False


def serve_kills(folder, number, seed):
    """Kill `nines serve` so often while batches are sent; a batch that was not acknowledged is sent again."""
    dice, told, port = random.Random(seed), Told(), free_port()
    token = new_house(folder, "{type: events}")
    url = f"http://127.0.0.1:{port}/api/nines/v1/events/shop"
    with Nursery() as nursery, httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=30) as client:
        while told.kills < number:
            step = STEPS[told.kills // 2 % len(STEPS)] if told.kills % 2 else ""
            argv = ("serve", "--data", folder, "--listen", f"127.0.0.1:{port}")
            pid = nursery.begin(*argv, step=step, nth=dice.randint(1, 2))
            over = threading.Event()
            sender = threading.Thread(target=_send_until, args=(over, client, url, told))
            sender.start()
            if not step:
                further = told.acknowledged + dice.randint(*FURTHER)
                _wait(pid, lambda enough=further: told.acknowledged >= enough)
                time.sleep(dice.uniform(0.0, 0.06))  # so that it falls anywhere inside a request, a commit or a flush
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            code = nursery.ended()
            over.set()
            sender.join()
            told.kills += 1
            if code != -9:
                told.wrong.append(f"kill {told.kills}: the server ended with {code} instead of being killed")
                break
        found = counts(folder)
    sent = {told.acknowledged * ROWS, (told.acknowledged + 1) * ROWS}  # the last may be there, unacknowledged
    if found.total not in sent or found.bad != found.total // ROWS:
        told.wrong.append(f"{found.total} events are counted, {found.bad} bad, instead of one of {sent}")
    return told


def _send_until(over, client, url, told):
    while not over.is_set():
        if send(client, url, told.acknowledged):
            told.acknowledged += 1
        else:
            time.sleep(0.02)


def _wait(pid, reached, patience=60.0):
    """Wait until it is reached, the process has died, or patience is over (the server is then killed where it is)."""
    ends = time.monotonic() + patience
    while not reached() and time.monotonic() < ends and _lives(pid):
        time.sleep(0.005)


def _lives(pid):
    """Return whether a process of the nursery has not ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
def test_ingest_killed_at_any_moment_counts_every_row_once(tmp_path):
    told = ingest_kills(tmp_path, KILLS, seed=5)
    assert told.wrong == []
    assert told.kills >= KILLS
    assert told.finished > KILLS // 8


@pytest.mark.slow
def test_serve_killed_at_any_moment_counts_every_acknowledged_batch_once(tmp_path):
    told = serve_kills(tmp_path, KILLS, seed=11)
    assert told.wrong == []
    assert told.kills == KILLS
    assert told.acknowledged > 2 * KILLS


def test_the_counts_themselves_would_show_a_row_too_many():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        new_house(path / "data", CSV)
        with Nursery() as nursery:
            for number in range(2):
                nursery.begin("ingest", log_file(path, number, 20), "--data", path / "data")
                assert nursery.ended() == 0
        assert (counts(path / "data").total, counts(path / "data").bad) == (40, 2)
