"""An agent as a process of its own, the pages it scrapes, and a centre that can be cut off."""

import subprocess
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from nines.cli.server import start
from receivers.serving import Served

DEFINITIONS = """
apiVersion: nines/v1
kind: DataSource
metadata: {name: edge}
spec: {type: events}
---
apiVersion: nines/v1
kind: DataSource
metadata: {name: metrics}
spec: {type: remote-write}
---
apiVersion: nines/v1
kind: DataSource
metadata: {name: agents}
spec: {type: remote-write}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: pages}
spec: {source: edge, good: http_status < 500}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: requests}
spec: {source: metrics, bad: 'hits_total{code="500"}', total: hits_total}
"""


class Centre(Served):
    """A centre whose line can be cut and mended."""

    def __init__(self, folder):
        super().__init__(folder, DEFINITIONS)
        self.port = int(self.url.rpartition(":")[2])

    def cut(self):
        self.running.stop()

    def mend(self):
        self.running = start(self.house, f"127.0.0.1:{self.port}", ("api", "receivers"))

    def batches(self, kind=None, source=None):
        """Return what the inbox holds; no worker takes it away."""
        found = self.house.lake.inbox.waiting(0, most_bytes=2**40)
        return [b for b in found if kind in {None, b.kind} and source in {None, b.source}]

    def named(self, name, source="metrics"):
        """Return instant and value of every reading of a metric, as it arrived."""
        numbers = {
            row["series"]
            for b in self.batches("series", source)
            for row in b.table.to_pylist()
            if dict(row["labels"])["__name__"] == name
        }
        return [
            (row["time"], row["value"])
            for b in self.batches("samples", source)
            for row in b.table.to_pylist()
            if row["series"] in numbers
        ]

    def lines(self):
        """Return how often each line arrived, by its operation."""
        return Counter(name for b in self.batches("events", "edge") for name in b.table.column("operation").to_pylist())


@contextmanager
def centre_in(folder):
    one = Centre(folder)
    try:
        yield one
    finally:
        one.close()


@contextmanager
def counter_page():
    """Serve a page whose counter grows by one at each look; yields the page."""

    class Page(BaseHTTPRequestHandler):
        looks = 0
        lock = threading.Lock()

        def do_GET(self):
            with Page.lock:
                Page.looks += 1
                text = f'hits_total{{code="200"}} {Page.looks}\nprocess_start_time_seconds 1700000000\n'.encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        Page.url = f"http://127.0.0.1:{server.server_address[1]}/metrics"
        yield Page
    finally:
        server.shutdown()
        server.server_close()


def settings(folder, centre, collect, more=""):
    """Write an agent's file and return it."""
    folder.mkdir(exist_ok=True)
    (folder / "token").write_text(centre.token)
    file = folder / "agent.yaml"
    file.write_text(
        f'centre: {{url: "{centre.url}", token_file: token}}\nsite: oslo\nqueue: {{folder: queue, most_bytes: 64MiB}}\n'
        f"collect:\n{collect}{more}"
    )
    return file


class Nursery:
    """Forks agents, one after the other, from a process that has imported everything."""

    def __init__(self, process):
        self.process, self.told = process, []

    def line(self, word):
        """Return what follows a word, which the nursery or its agent says at some time."""
        for text in self.process.stdout:
            said, _, rest = text.strip().partition(" ")
            if said == word:
                return rest
            self.told.append(text)
        what = f"the nursery ended without saying {word}: {self.told}"
        raise AssertionError(what)

    def begin(self, config, *, speed=1, until=0, then=1):
        """Start an agent; returns its process id."""
        self.process.stdin.write(f"{config}\t{speed}\t{until}\t{then}\n")
        return int(self.line("pid"))

    def ended(self):
        """Wait until the agent has ended."""
        self.line("ended")


@contextmanager
def nursery(folder):
    command = [sys.executable, str(Path(__file__).with_name("driver.py"))]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, cwd=folder
    ) as p:
        one = Nursery(p)
        one.line("ready")
        yield one
        p.stdin.close()
