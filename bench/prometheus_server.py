"""Debian's Prometheus with a past: counters of many services, backfilled, and rules in Sloth's manner.

Loopback only; the server is ended with the block that started it.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.measuring import needs

STEP_S = 60
#: Blocks are made of two hours each; a file a block, because promtool reads its whole input once per block.
BLOCK_S = 7200
#: Windows of Sloth's SLI recording rules.
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
#: (factor, long window, short window) of its page and its ticket, for 30 days: Google SRE Workbook, chapter 5.
PAGE, TICKET = ((14.4, "1h", "5m"), (6, "6h", "30m")), ((3, "1d", "2h"), (1, "3d", "6h"))


@dataclass(frozen=True)
class Past:
    """Counters of the services at every step.

    Attributes:
        times: unix seconds, one per step.
        good: cumulative requests with code 200, services x steps.
        bad: the same with code 500.
    """

    times: np.ndarray
    good: np.ndarray
    bad: np.ndarray

    @classmethod
    def of(cls, services: int, days: float, end: int) -> Past:
        """Return made-up counters, the same every time: 60 requests a minute, 0.05 % failing, one bad hour each."""
        steps = int(days * 86400) // STEP_S
        random = np.random.default_rng(20260301)
        good = random.poisson(60, (services, steps))
        bad = random.poisson(0.03, (services, steps))
        for service in range(services):
            at = int(random.integers(0, max(steps - 60, 1)))
            bad[service, at : at + 60] += random.poisson(3, len(bad[service, at : at + 60]))
        times = end - STEP_S * np.arange(steps - 1, -1, -1)
        return cls(times, good.cumsum(axis=1), bad.cumsum(axis=1))


def needed() -> tuple[str, str]:
    """Return the paths of prometheus and promtool."""
    found = shutil.which("prometheus"), shutil.which("promtool")
    needs(all(found), "prometheus and promtool are not installed (Debian package prometheus)")
    return found[0] or "", found[1] or ""


def backfill(past: Past, folder: Path) -> None:
    """Write the past as blocks into a folder a server can start from."""
    _, promtool = needed()
    folder.mkdir(parents=True, exist_ok=True)
    blocks = np.unique(past.times // BLOCK_S)

    def one(block: int) -> None:
        inside = np.flatnonzero(past.times // BLOCK_S == block)
        text = folder / f"{block}.om"
        text.write_text(_openmetrics(past, inside))
        subprocess.run(
            [promtool, "tsdb", "create-blocks-from", "openmetrics", str(text), str(folder)],
            check=True,
            capture_output=True,
        )
        text.unlink()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, blocks))


def _openmetrics(past: Past, inside: np.ndarray) -> str:
    lines = ["# TYPE http_requests counter"]
    times = past.times[inside].tolist()
    for service in range(len(past.good)):
        for code, values in (("200", past.good), ("500", past.bad)):
            head = f'http_requests_total{{job="svc-{service:03d}",code="{code}"}} '
            lines += [f"{head}{value} {at}" for value, at in zip(values[service, inside].tolist(), times, strict=True)]
    return "\n".join([*lines, "# EOF\n"])


@dataclass
class Server:
    """A running server."""

    url: str
    pid: int

    def metric(self, name: str) -> float:
        """Return the sum of one of the server's own metrics."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        return sum(float(v) for v in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE))

    def query(self, expression: str, at: float | None = None) -> list:
        """Return the result of an instant query."""
        fields = {"query": expression} | ({"time": str(at)} if at else {})
        asked = urllib.request.Request(f"{self.url}/api/v1/query", urllib.parse.urlencode(fields).encode())
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return json.load(answer)["data"]["result"]


@contextmanager
def serving(blocks: Path, folder: Path, rules: str = "", interval_s: int = 60, scrape: str = ""):
    """Run a server over a copy of the blocks, with rules or without; it scrapes nothing unless told to."""
    prometheus, _ = needed()
    folder.mkdir(parents=True)
    shutil.copytree(blocks, folder / "data")
    (folder / "rules.yml").write_text(rules or "groups: []\n")
    (folder / "prometheus.yml").write_text(
        f"global: {{evaluation_interval: {interval_s}s}}\n"
        f"rule_files: [{json.dumps(str(folder / 'rules.yml'))}]\n{scrape}"
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        prometheus, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
        "--storage.tsdb.retention.time=60d", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error",
    ]  # fmt: skip
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait(f"http://127.0.0.1:{port}", process)
        yield Server(f"http://127.0.0.1:{port}", process.pid)
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(url: str, process: subprocess.Popen) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        needs(process.poll() is None, "prometheus ended at once")
        try:
            with urllib.request.urlopen(f"{url}/-/ready", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    needs(condition=False, reason="prometheus was not ready within two minutes")


def sloth_rules(services: int, target: float = 0.999) -> str:
    """Return 17 rules per service as Sloth generates them: 8 SLI ratios, 7 facts about the SLO, 2 alerts."""
    return "groups:\n" + "".join(_group(f"svc-{n:03d}", target) for n in range(services))


def _group(job: str, target: float) -> str:
    labels = f'{{sloth_id: "{job}", sloth_service: "{job}", sloth_slo: "requests"}}'
    chosen = f'{{sloth_id="{job}", sloth_service="{job}", sloth_slo="requests"}}'
    rules = []

    def record(name: str, expression: str, window: str = "") -> None:
        extra = labels[:-1] + f', sloth_window: "{window}"}}' if window else labels
        rules.append(f"  - record: {name}\n    expr: {json.dumps(expression)}\n    labels: {extra}\n")

    for window in WINDOWS:
        errors = f'sum(rate(http_requests_total{{job="{job}",code=~"(5..|429)"}}[{window}]))'
        record(
            f"slo:sli_error:ratio_rate{window}",
            f'({errors}) / (sum(rate(http_requests_total{{job="{job}"}}[{window}])))',
            window,
        )
    short = f"slo:sli_error:ratio_rate5m{chosen}[30d]"
    record(
        "slo:sli_error:ratio_rate30d",
        f"sum_over_time({short}) / ignoring (sloth_window) count_over_time({short})",
        "30d",
    )
    record("slo:objective:ratio", f"vector({target})")
    record("slo:error_budget:ratio", f"vector(1-{target})")
    record("slo:time_period:days", "vector(30)")
    burn = f"/ on(sloth_id, sloth_slo, sloth_service) group_left slo:error_budget:ratio{chosen}"
    record("slo:current_burn_rate:ratio", f"slo:sli_error:ratio_rate5m{chosen} {burn}")
    record("slo:period_burn_rate:ratio", f"slo:sli_error:ratio_rate30d{chosen} {burn}")
    record("slo:period_error_budget_remaining:ratio", f"1 - slo:period_burn_rate:ratio{chosen}")
    record("sloth_slo_info", "vector(1)")
    for severity, pairs in (("page", PAGE), ("ticket", TICKET)):
        expression = " or ".join(_pair(chosen, factor, long, brief, target) for factor, long, brief in pairs)
        marks = f'{{severity: {severity}, sloth_id: "{job}"}}'
        rules.append(f"  - alert: TooFast\n    expr: {json.dumps(expression)}\n    labels: {marks}\n")
    return f"- name: {job}\n  rules:\n{''.join(rules)}"


def _pair(chosen: str, factor: float, long: str, brief: str, target: float) -> str:
    over = f"> ({factor} * {1 - target:.6f})"
    sides = [f"max(slo:sli_error:ratio_rate{window}{chosen} {over}) without (sloth_window)" for window in (brief, long)]
    return f"({sides[0]} and {sides[1]})"
