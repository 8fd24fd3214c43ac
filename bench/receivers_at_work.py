"""Whole processes that receive: ours, Debian's Prometheus and VictoriaMetrics, on loopback, each with CPU of its own.

What is measured is the receiving process alone, from the socket to what it acknowledges, without the sender's work.
"""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.measuring import cpu_seconds, holds, needs
from nines.definitions.load import load_texts
from nines.operations import defining, people
from nines.operations.house import local_principal, open_house

Sent = tuple[bytes, dict[str, str]]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@dataclass
class Receiver:
    """A process that receives.

    Attributes:
        name: as it stands in the table.
        path: where it is written to.
        headers: sent with every request, beside those of the request.
        folder: of our house, or none.
    """

    name: str
    pid: int
    port: int
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    folder: Path = Path()

    def take(self, requests: Sequence[Sent]) -> None:
        """Send requests one after the other over one connection; each has to be taken."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        for body, headers in requests:
            line.request("POST", self.path, body, {**headers, **self.headers})
            answer = line.getresponse()
            told = answer.read()
            holds(answer.status in {200, 204}, f"{self.name} answered {answer.status}: {told[:200]!r}")
        line.close()

    def cost(self, requests: Sequence[Sent], linger: Callable[[], None]) -> tuple[float, float]:
        """Return the CPU seconds of the process for some requests, and the seconds until the last was answered.

        Args:
            requests: to send.
            linger: waits for what the process puts off; its CPU counts, the time does not.
        """
        cpu, began = cpu_seconds(self.pid), time.perf_counter()
        self.take(requests)
        wall = time.perf_counter() - began
        linger()
        return cpu_seconds(self.pid) - cpu, wall

    def until_stored(self, seconds: float = 180) -> None:
        """Wait until our inbox is empty: everything is counted then."""
        until = time.monotonic() + seconds
        while self.waiting():
            holds(time.monotonic() < until, f"{self.name} has not stored what it acknowledged")
            time.sleep(0.2)

    def waiting(self, kind: str = "%") -> int:
        """Return the rows of a kind, or all, that wait in our inbox."""
        with sqlite3.connect(f"file:{self.folder / 'lake' / 'inbox.sqlite'}?mode=ro", uri=True) as con:
            return int(
                con.execute("SELECT coalesce(sum(row_count), 0) FROM inbox WHERE kind LIKE ?", (kind,)).fetchone()[0]
            )

    def query(self, expression: str) -> float:
        """Return the sum an instant query of a peer gives."""
        asked = urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/query?{asked}", timeout=60) as answer:
            return sum(float(one["value"][1]) for one in json.load(answer)["data"]["result"])


@contextmanager
def ours(folder: Path, name: str, definitions: str, faces: str, path: str) -> Iterator[Receiver]:
    """Run `nines serve` with some faces over a new house."""
    now = datetime.now(UTC)
    house, who = open_house(folder, now=now), local_principal("default")
    found = load_texts([("all.yaml", definitions)])
    holds(not found.errors, f"the definitions are wrong: {found.errors}")
    defining.apply_definitions(house, who, found, now=now, effective_from=now - timedelta(days=1))
    secret = people.make_token(house, who, "sender", scopes=("ingest",), days=1, now=now).secret
    house.lake.inbox.close()
    port = free_port()
    words = [str(Path(sys.executable).with_name("nines")), "serve", "--data", str(folder), "--only", faces]
    with _running([*words, "--listen", f"127.0.0.1:{port}"], port) as pid:
        yield Receiver(name, pid, port, path, {"Authorization": f"Bearer {secret}"}, folder)


@contextmanager
def prometheus(folder: Path) -> Iterator[Receiver]:
    """Run Debian's Prometheus as a receiver of remote write; it scrapes nothing and has no rules."""
    program = shutil.which("prometheus")
    needs(program, "prometheus is not installed (Debian package prometheus)")
    folder.mkdir()
    (folder / "prometheus.yml").write_text("global: {}\n")
    port = free_port()
    words = [
        str(program), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}", "--web.enable-remote-write-receiver", "--log.level=error",
    ]  # fmt: skip
    with _running(words, port) as pid:
        yield Receiver("Prometheus", pid, port, "/api/v1/write")


@contextmanager
def victoria(folder: Path) -> Iterator[Receiver]:
    """Run Debian's VictoriaMetrics, single node."""
    program = shutil.which("victoria-metrics")
    needs(program, "victoria-metrics is not installed (Debian package victoria-metrics)")
    port = free_port()
    words = [
        str(program), f"-storageDataPath={folder}", f"-httpListenAddr=127.0.0.1:{port}", "-loggerLevel=ERROR",
        "-retentionPeriod=1",
    ]  # fmt: skip
    with _running(words, port) as pid:
        yield Receiver("VictoriaMetrics", pid, port, "/api/v1/write")


@contextmanager
def _running(words: list[str], port: int) -> Iterator[int]:
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while not _open(port):
            needs(process.poll() is None and time.monotonic() < until, f"{Path(words[0]).name} did not start")
            time.sleep(0.1)
        time.sleep(1)
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def _open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
