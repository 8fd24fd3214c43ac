"""The status API under load: 500 requests a second for standings of 10,000 objectives in force, by one `nines serve`.

The load is open: a request is sent when it is due, whether or not those before it were answered, and its time counts
from when it was due. Every answer is one standing; a sample of them is held against `evaluate` of the same instant.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from bench.measuring import Figure, holds, machine, needs
from nines.definitions.load import load_texts
from nines.evaluation.standing_json import standing_json
from nines.operations import defining, ingesting, people, standings, upkeep
from nines.operations.house import House, local_principal, open_house

PATH = "/api/nines/v1/standings/"
CONNECTIONS = 64
#: Objectives that dashboards and status pages look at, as against all of them.
WATCHED = 200


def definitions(services: int, each: int) -> str:
    """Return definitions: one source, an indicator a service, and objectives of rising targets."""
    found = [
        (
            "apiVersion: nines/v1\nkind: DataSource\nmetadata: {name: log}\n"
            "spec: {type: csv, columns: {time: ts, service: app, http_status: code}}\n"
        )
    ]
    for s in range(services):
        found.append(f"apiVersion: nines/v1\nkind: Service\nmetadata: {{name: shop-{s}}}\n")
        found.append(
            f"apiVersion: nines/v1\nkind: SLI\nmetadata: {{name: ok-{s}}}\n"
            f"spec: {{source: log, where: service = 'shop-{s}', good: http_status < 500}}\n"
        )
        found += [
            f"apiVersion: nines/v1\nkind: SLO\nmetadata: {{name: slo-{s}-{n}}}\n"
            f"spec: {{service: shop-{s}, indicator: ok-{s}, target: {90 + 9.9 * n / each:.3f}%, window: 30d}}\n"
            for n in range(each)
        ]
    return "---\n".join(found)


def furnish(folder: Path, services: int, each: int, minutes: int) -> tuple[House, str]:
    """Return a house with objectives and measurements in it, and the secret of a token that may see."""
    now = datetime.now(UTC)
    house, who = open_house(folder / "data", now=now), local_principal("default")
    found = load_texts([("all.yaml", definitions(services, each))])
    defining.apply_definitions(house, who, found, now=now, effective_from=now - timedelta(days=60))
    chance = np.random.default_rng(3)
    rows = ["ts,app,code"]
    for minute in range(minutes):
        at = (now - timedelta(minutes=minutes - minute)).isoformat()
        bad = chance.random(services) < 0.01
        rows += [f"{at},shop-{s},{500 if bad[s] else 200}" for s in range(services)]
    file = folder / "log.csv"
    file.write_text("\n".join(rows) + "\n")
    ingesting.ingest_file(house, who, file, source="log", now=now)
    upkeep.flush(house, now=now)
    return house, people.make_token(house, who, "load", scopes=("see",), days=1, now=now).secret


class Line:
    """One kept connection: requests in turn."""

    def __init__(self, port: int, secret: str) -> None:
        self.port, self.secret, self.lock = port, secret, asyncio.Lock()
        self.reader = self.writer = None

    async def get(self, path: str) -> tuple[int, bytes]:
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writer.write(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self.secret}\r\n\r\n".encode()
        )
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        return int(head.split(" ", 2)[1]), await self.reader.readexactly(length)


async def load(port: int, secret: str, names: list[str], rate: int, seconds: float) -> tuple[np.ndarray, int]:
    """Send requests at a rate; return what each took from when it was due, in seconds, and how many failed."""
    lines, taken, failed = [Line(port, secret) for _ in range(CONNECTIONS)], [], 0
    idle: asyncio.Queue[Line] = asyncio.Queue()
    for one in lines:
        idle.put_nowait(one)
    choose, began, loop = random.Random(5), time.perf_counter(), asyncio.get_running_loop()

    async def ask(due: float, name: str) -> None:
        nonlocal failed
        line = await idle.get()
        try:
            status, _ = await asyncio.wait_for(line.get(PATH + name), 30)
            failed += status != 200
        except (OSError, EOFError, TimeoutError, ValueError):
            failed += 1
            line.reader = line.writer = None
        finally:
            idle.put_nowait(line)
        taken.append(time.perf_counter() - due)

    tasks = []
    for number in range(int(rate * seconds)):
        due = began + number / rate
        wait = due - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        tasks.append(loop.create_task(ask(due, choose.choice(names))))
    await asyncio.gather(*tasks)
    return np.array(taken), failed


def serve(folder: Path) -> tuple[subprocess.Popen, int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    nines = str(Path(sys.executable).with_name("nines"))
    words = [nines, "serve", "--data", str(folder / "data"), "--listen", f"127.0.0.1:{port}"]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ)), port


def ask_one(port: int, secret: str, name: str, at: datetime | None = None) -> dict:
    query = "" if at is None else f"?at={at:%Y-%m-%dT%H:%M:%SZ}"
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{PATH}{name}{query}", headers={"Authorization": f"Bearer {secret}"}
    )
    with urllib.request.urlopen(request, timeout=300) as answer:
        return json.load(answer)


def wait_until_it_answers(port: int, secret: str, name: str, process: subprocess.Popen) -> None:
    for _ in range(1200):
        needs(process.poll() is None, "nines serve ended")
        try:
            ask_one(port, secret, name)
        except OSError:
            time.sleep(0.25)
        else:
            return


def run(*, quick: bool) -> list[Figure]:
    services, each, minutes, rate, seconds = (10, 20, 60, 100, 5) if quick else (100, 100, 720, 500, 90)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        house, secret = furnish(folder, services, each, minutes)
        names = [f"slo-{s}-{n}" for s in range(services) for n in range(each)]
        process, port = serve(folder)
        try:
            wait_until_it_answers(port, secret, names[0], process)
            check(house, port, secret, names)
            watched = random.Random(2).sample(names, min(WATCHED, len(names)))
            asyncio.run(load(port, secret, watched, rate, 5))  # the first looks
            some = asyncio.run(load(port, secret, watched, rate, seconds))
            every = asyncio.run(load(port, secret, names, rate, seconds))
        finally:
            process.terminate()
            process.wait(timeout=30)
    count = f"{services * each:,} objectives in force, {rate} requests/s for {seconds} s, load {machine()['load']:.1f}"
    return [
        *figures(f"{len(watched)} watched objectives", *some, goal=25, note=count),
        *figures("any of all objectives", *every, goal=25, note=count),
    ]


def check(house: House, port: int, secret: str, names: list[str]) -> None:
    """End the benchmark unless answers are what evaluate gives, to the bit."""
    at = datetime.now(UTC).replace(second=0, microsecond=0)
    for name in names[:: max(1, len(names) // 10)]:
        told = ask_one(port, secret, name, at)
        want = standing_json(standings.standing(house, local_principal("default"), name, at=at))
        holds(told == json.loads(json.dumps(want)), f"{name}: the API says {told}, evaluate {want}")


def figures(what: str, taken: np.ndarray, failed: int, *, goal: float | None, note: str) -> list[Figure]:
    middle, most = (float(np.quantile(taken, q)) * 1000 for q in (0.5, 0.99))
    holds(not failed, f"{what}: {failed} requests failed")
    return [
        Figure("status-api", f"{what}: p99", most, "ms", goal, "<", note),
        Figure("status-api", f"{what}: median", middle, "ms", None, "<", note),
    ]
