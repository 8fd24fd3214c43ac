"""The same objectives from the same Prometheus: slo-generator's four windows beside nines' standing.

Truth is known, because the counters are made up here: the events of 28 days are counted, and each tool's answer is held
against them. slo-generator asks the server for `increase`, which extrapolates to the edges; nines reads the samples
once, keeps minutes, and reads only what is new afterwards.
"""

from __future__ import annotations

import importlib.util
import logging
import tempfile
import time
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import numpy as np

from bench.measuring import Figure, cpu_seconds, holds, median, needs, stopwatch
from bench.prometheus_server import STEP_S, Past, Server, backfill, serving
from nines.evaluation.evaluate import evaluate
from nines.evaluation.evidence import Evidence
from nines.objectives.indicator import CounterIndicator
from nines.objectives.objective import Objective, Term
from nines.objectives.window import RollingWindow
from nines.operations.pulling import Span, read
from nines.sources.prometheus import client_of
from nines.telemetry.datasource import DataSource
from nines.telemetry.series import MinuteSeries

DAY = 1440


def run(*, quick: bool) -> list[Figure]:
    needs(importlib.util.find_spec("slo_generator"), "slo-generator is not installed")
    services, days = (2, 2) if quick else (10, 28)
    end = int(time.time()) // STEP_S * STEP_S
    past = Past.of(services, days + 0.25, end)
    with tempfile.TemporaryDirectory() as folder:
        blocks = Path(folder) / "blocks"
        backfill(past, blocks)
        with serving(blocks, Path(folder) / "run") as server:
            theirs = _slo_generator(server, services, days)
            ours = _nines(server, services, days, end // STEP_S)
    truth = [_truth(past, service, days) for service in range(services)]
    wrong = {
        name: [abs(b - t[1]) for b, t in zip(found["bad"], truth, strict=True)]
        for name, found in (("ours", ours), ("theirs", theirs))
    }
    note = f"{services} objectives, {days} days"
    return [
        Figure(
            "slo-generator",
            "nines: bad events off the truth, worst objective",
            max(wrong["ours"]),
            "events",
            0,
            "<=",
            note,
        ),
        Figure(
            "slo-generator", "slo-generator: bad events off the truth, worst objective", max(wrong["theirs"]), "events"
        ),
        Figure(
            "slo-generator",
            "slo-generator: an evaluation",
            median(theirs["wall"]) * 1e3,
            "ms",
            note="4 windows, each asked of the server",
        ),
        Figure("slo-generator", "of it CPU here and in the server", theirs["cpu"] * 1e3, "ms CPU"),
        Figure(
            "slo-generator",
            "nines: the first evaluation, all samples read",
            median(ours["first"]) * 1e3,
            "ms",
            note="once per objective",
        ),
        Figure(
            "slo-generator",
            "nines: each further one, new minutes read",
            median(ours["next"]) * 1e3,
            "ms",
            note="11 windows, period budget, exhaustion",
        ),
        Figure("slo-generator", "of it CPU here and in the server", ours["cpu"] * 1e3, "ms CPU"),
        Figure("slo-generator", "nines' further evaluation, of slo-generator's", ours["cpu"] / theirs["cpu"], "x"),
    ]


def _truth(past: Past, service: int, days: int) -> tuple[int, int]:
    """Return good and bad events of the window that ends with the last reading."""
    steps = days * DAY
    return tuple(int(c[service, -1] - c[service, -1 - steps]) for c in (past.good, past.bad))


def _slo_generator(server: Server, services: int, days: int) -> dict:
    logging.disable(logging.CRITICAL)
    from slo_generator import compute

    windows = (3600, 12 * 3600, 7 * 86400, days * 86400)
    steps = [
        {"name": str(w), "window": w, "burn_rate_threshold": 1, "alert": False, "message_alert": "", "message_ok": ""}
        for w in windows
    ]
    config = {"backends": {"prometheus": {"url": server.url}}, "error_budget_policies": {"default": {"steps": steps}}}
    wall, bad = [], []
    cpu = cpu_seconds() + cpu_seconds(server.pid)
    for service in range(services):
        began = time.perf_counter()
        reports = compute.compute(_slo(service), config)
        wall.append(time.perf_counter() - began)
        holds(len(reports) == len(windows), "slo-generator gives no report for a window")
        bad.append(reports[-1]["bad_events_count"])
    spent = cpu_seconds() + cpu_seconds(server.pid) - cpu
    logging.disable(logging.NOTSET)
    return {"wall": wall, "bad": bad, "cpu": spent / services}


def _slo(service: int) -> dict:
    series = f'http_requests_total{{job="svc-{service:03d}"'
    return {
        "apiVersion": "sre.google.com/v2",
        "kind": "ServiceLevelObjective",
        "metadata": {
            "name": f"svc-{service:03d}",
            "labels": {"service_name": "shop", "feature_name": "web", "slo_name": "requests"},
        },
        "spec": {
            "description": "requests that did not fail",
            "backend": "prometheus",
            "method": "good_bad_ratio",
            "exporters": [],
            "service_level_indicator": {
                "filter_good": f'{series},code="200"}}',
                "filter_bad": f'{series},code="500"}}',
            },
            "goal": 0.999,
        },
    }


def _nines(server: Server, services: int, days: int, end: int) -> dict:
    """Read and evaluate each objective; afterwards read the last minute anew and evaluate, as each minute does."""
    source = DataSource(name="prom", type="prometheus", options=(("url", server.url),))
    client = client_of(source)
    first, following, bad, held = [], [], [], []
    for service in range(services):
        selector = f'http_requests_total{{job="svc-{service:03d}"'
        indicator = CounterIndicator(
            name="requests", source="prom", bad=f'{selector},code="500"}}', good=f'{selector},code="200"}}'
        )
        with stopwatch() as spent:
            parts = [read(client, indicator, source, Span(n, n + DAY))[0] for n in range(end - days * DAY, end, DAY)]
            series = _joined(parts)
            standing = evaluate(_objective(service, days), Evidence(series), _at(end))
            first.append(spent()[0])
        bad.append(standing.outcome.counts.bad)
        held.append((indicator, series))
    cpu = cpu_seconds() + cpu_seconds(server.pid)
    for service, (indicator, series) in enumerate(held):
        with stopwatch() as spent:
            last = read(client, indicator, source, Span(end - 1, end))[0]
            evaluate(
                _objective(service, days), Evidence(_joined([series.window(series.start, end - 1), last])), _at(end)
            )
            following.append(spent()[0])
    total = cpu_seconds() + cpu_seconds(server.pid) - cpu
    return {"first": first, "next": following, "bad": bad, "cpu": total / services}


def _objective(service: int, days: int) -> Objective:
    term = Term(Fraction(999, 1000))
    window = RollingWindow(timedelta(days=days))
    return Objective(name=f"svc-{service:03d}", service="shop", indicator="requests", terms=(term,), window=window)


def _joined(parts: list[MinuteSeries]) -> MinuteSeries:
    columns = [np.concatenate([getattr(p, name) for p in parts]) for name in ("good", "bad", "unknown", "state")]
    return MinuteSeries(parts[0].start, *columns, first=parts[0].first)


def _at(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC)
