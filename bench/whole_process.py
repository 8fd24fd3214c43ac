"""Two whole processes over the same series: Prometheus that scrapes and evaluates Sloth-style rules, and nines that
receives by remote write, stores, counts and ticks. CPU of all each does in the same minutes, per objective.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bench.measuring import Figure, cpu_seconds, holds, needs
from bench.prometheus_server import STEP_S, Past, backfill, serving, sloth_rules
from bench.whole_nines import CODES


def _chosen(found: re.Match[str]) -> str:
    """Return the selector of an objective: its service, and what it calls an error."""
    service, way = divmod(int(found[1]), len(CODES))
    code = f',code=~\\"{CODES[way]}\\"' if found[2] else ""
    return f'svc=\\"svc-{service:03d}\\"{code}'


class Exporter:
    """One target with the counters of every service; they grow by the clock, so every scraper sees the same course."""

    def __init__(self, services: int) -> None:
        self._services, self._began = services, time.time()
        exporter = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                text = exporter.page().encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"127.0.0.1:{self.server.server_port}"

    def page(self) -> str:
        grown = int(time.time() - self._began)
        lines = ["# TYPE http_requests_total counter"]
        for n in range(self._services):
            for code, value in (("200", 50 * grown), ("500", grown // 10)):
                lines.append(f'http_requests_total{{svc="svc-{n:03d}",code="{code}"}} {value}')
        return "\n".join(lines) + "\n"


def run(*, quick: bool) -> list[Figure]:
    needs(shutil.which("vmagent"), "vmagent is not installed (Debian package victoria-metrics)")
    services, days, watched = (2, 1.0, 125) if quick else (100, 30.2, 300)
    exporter = Exporter(services)
    past = Past.of(services, days, int(time.time()) // STEP_S * STEP_S)
    count = services * len(CODES)
    rules = re.sub(r'job=\\"svc-(\d+)\\"(,code=~\\"[^"]*\\")?', _chosen, sloth_rules(count))
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        blocks = folder / "blocks"
        backfill(past, blocks)
        targets = f"static_configs: [{{targets: ['{exporter.address}']}}]"
        scrape = f"scrape_configs: [{{job_name: shop, scrape_interval: 15s, {targets}}}]\n"
        with (
            _nines(folder, services) as (nines, house),
            _shipper(folder, house, scrape),
            serving(blocks, folder / "prometheus", rules, 30, scrape) as server,
        ):
            _wait(folder / "ticked")
            theirs, ours = cpu_seconds(server.pid), cpu_seconds(nines.pid)
            time.sleep(watched)
            theirs, ours = cpu_seconds(server.pid) - theirs, cpu_seconds(nines.pid) - ours
            evaluations = server.metric("prometheus_rule_group_iterations_total")
            failed = server.metric("prometheus_rule_evaluation_failures_total")
            holds(not failed and evaluations, "Prometheus evaluated nothing, or failed")
        ticked = json.loads((folder / "ticked").read_text())
        holds(ticked["good"] > services * 50 * 60, "nines counted too little")
    note = f"{count} objectives over {2 * services} series, {watched} s, scrapes 15 s, rules 30 s, ticks 60 s"
    what = "nines' whole-process CPU per objective, ingest included, of Prometheus'"
    each = 60e3 / count / watched
    return [
        Figure("whole", what, ours / theirs, "x", 1 / 50, "<=", note),
        Figure("whole", "Prometheus, CPU per objective and minute", theirs * each, "ms"),
        Figure(
            "whole", "nines, CPU per objective and minute", ours * each, "ms", note=f"{ticked['good']:,} good events"
        ),
    ]


class _nines:  # noqa: N801 - used like a function
    def __init__(self, folder: Path, services: int) -> None:
        self.folder, self.services = folder, services

    def __enter__(self):
        command = [sys.executable, "-m", "bench.whole_nines", str(self.folder), str(self.services)]
        self.process = subprocess.Popen(command, cwd=Path(__file__).resolve().parents[1])
        _wait(self.folder / "ready")
        return self.process, json.loads((self.folder / "ready").read_text())

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class _shipper:  # noqa: N801
    def __init__(self, folder: Path, house: dict, scrape: str) -> None:
        (folder / "scrape.yml").write_text(scrape)
        self.command = [
            "vmagent", f"-promscrape.config={folder}/scrape.yml", f"-remoteWrite.url={house['url']}/api/v1/write",
            f"-remoteWrite.bearerToken={house['token']}", f"-remoteWrite.tmpDataPath={folder}/queue",
            "-httpListenAddr=127.0.0.1:0", "-loggerLevel=ERROR",
        ]  # fmt: skip

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def _wait(path: Path) -> None:
    until = time.monotonic() + 180
    while not path.exists():
        needs(time.monotonic() < until, f"{path.name} did not come within three minutes")
        time.sleep(0.2)
    time.sleep(0.2)
