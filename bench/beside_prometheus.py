"""100 objectives in Prometheus with Sloth-style rules and in nines' sweep, 30 days of the same counters behind both.

CPU per objective and evaluation is a process's CPU less that of the same run without rules, or without objectives. One
evaluation is one pass over all windows with the alert decision: a rule group's iteration there, a tick here.
"""

from __future__ import annotations

import tempfile
import time
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import numpy as np

from bench.measuring import Figure, cpu_seconds, holds
from bench.prometheus_server import STEP_S, Past, Server, backfill, serving, sloth_rules
from bench.sweep import MARKS, decide
from nines.evaluation.sweep import Sweep, minutes_needed
from nines.objectives.objective import Objective, Term
from nines.objectives.window import RollingWindow

TARGET = Fraction(999, 1000)
#: Prometheus evaluates this often here, so that a short run holds many evaluations; each costs what it costs.
INTERVAL_S = 2


def run(*, quick: bool) -> list[Figure]:
    services, days, watched = (10, 3.5, 10) if quick else (100, 30.2, 60)
    past = Past.of(services, days, int(time.time()) // STEP_S * STEP_S)
    with tempfile.TemporaryDirectory() as folder:
        blocks = Path(folder) / "blocks"
        backfill(past, blocks)
        idle, _ = _prometheus(blocks, Path(folder) / "idle", "", watched)
        with_rules, evaluations = _prometheus(blocks, Path(folder) / "rules", sloth_rules(services), watched)
    theirs = (with_rules - idle) / evaluations
    ours, agreed = _nines(past, services, timedelta(days=3 if quick else 30), 100 if quick else 2_000)
    note = f"{services} objectives, {days:g} days, {agreed}"
    return [
        Figure(
            "prometheus",
            "nines' CPU per objective and evaluation, of Prometheus'",
            ours / theirs,
            "x",
            1 / 500,
            "<=",
            note,
        ),
        Figure(
            "prometheus",
            "Prometheus, per objective and evaluation",
            theirs * 1e6,
            "us CPU",
            note=f"{evaluations:g} evaluations",
        ),
        Figure("prometheus", "nines' sweep, per objective and evaluation", ours * 1e6, "us CPU"),
    ]


def _prometheus(blocks: Path, folder: Path, rules: str, watched: int) -> tuple[float, float]:
    """Return the CPU seconds of a while of evaluating, and how many objectives were evaluated in it."""
    with serving(blocks, folder, rules, INTERVAL_S) as server:
        _settle(server)
        cpu, done = cpu_seconds(server.pid), server.metric("prometheus_rule_group_iterations_total")
        time.sleep(watched)
        spent = cpu_seconds(server.pid) - cpu
        evaluations = server.metric("prometheus_rule_group_iterations_total") - done
        for bad in ("prometheus_rule_evaluation_failures_total", "prometheus_rule_group_iterations_missed_total"):
            holds(not server.metric(bad), f"{bad} is not zero: the machine is too slow for this interval")
    return spent, evaluations


def _settle(server: Server) -> None:
    """Let start-up, and the first evaluations over cold blocks, pass."""
    time.sleep(5)
    server.query("count(http_requests_total)")
    time.sleep(5)


def _nines(past: Past, services: int, window: timedelta, ticks: int) -> tuple[float, str]:
    """Return CPU seconds per objective and tick, and words on the check of its sums."""
    good, bad = (np.diff(c, axis=1, prepend=0) for c in (past.good, past.bad))
    minutes = (past.times // STEP_S).tolist()
    rows = np.zeros((len(minutes), 4, services), dtype=np.int64)
    rows[:, 0], rows[:, 1], rows[:, 3] = good.T, bad.T, MARKS
    promised = [
        Objective(
            name=f"svc-{n:03d}",
            service=f"svc-{n:03d}",
            indicator="requests",
            terms=(Term(TARGET),),
            window=RollingWindow(window),
        )
        for n in range(services)
    ]
    sweep = Sweep(promised, np.zeros((minutes_needed(promised), 4, services), dtype=np.int32), minutes[0])
    for minute, row in zip(minutes, rows, strict=True):
        sweep.advance(minute, row)
    kept = window // timedelta(minutes=1)
    sums = sweep.answer().sums_of(0, "window")
    grown = (int(good[0, -kept:].sum()), int(bad[0, -kept:].sum()))
    holds((sums.good, sums.bad) == grown, "the sweep's window is not the increase of its counters")
    began = cpu_seconds()
    for n in range(ticks):
        sweep.advance(minutes[-1] + 1 + n, rows[n % len(rows)])
        decide(sweep, window)
    spent = cpu_seconds() - began
    began = cpu_seconds()
    for n in range(ticks):
        rows[n % len(rows)].copy()
    empty = cpu_seconds() - began
    return (spent - empty) / ticks / services, "window sums equal to the counters' increase"
