"""The sweep: 10,000 objectives x 8 windows and the alert decision, one tick a minute, with 30 days behind it.

The ring of facts is a mapped file, so the memory that counts is the anonymous one.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import numpy as np

from bench.measuring import Figure, anonymous_bytes, holds, needs, seconds
from nines.alerting.policy import default_policy
from nines.evaluation.columns import Mark
from nines.evaluation.sweep import Sweep, minutes_needed
from nines.objectives.method import Occurrences, RatioTimeslices, Timeslices
from nines.objectives.objective import Objective, Term
from nines.objectives.window import RollingWindow
from nines.reading import duration_text
from nines.telemetry.series import MinuteState

BEGIN = 29_500_000
METHODS = (Occurrences(), Occurrences(), Occurrences(), Timeslices(Fraction(95, 100)), RatioTimeslices())
TARGETS = (Fraction(999, 1000), Fraction(9995, 10_000), Fraction(99, 100))
MARKS = int(Mark.COUNTED) | int(MinuteState.ALIVE)


def objectives(count: int, window: timedelta) -> list[Objective]:
    """Return objectives of every method and several targets."""
    return [
        Objective(
            name=f"o{n}",
            service=f"s{n % 100}",
            indicator=f"i{n}",
            terms=(Term(TARGETS[n % len(TARGETS)], METHODS[n % len(METHODS)]),),
            window=RollingWindow(window),
        )
        for n in range(count)
    ]


def facts(count: int, kinds: int = 64) -> np.ndarray:
    """Return minutes to feed in turn: [kinds, 4, objectives]."""
    random = np.random.default_rng(11)
    rows = np.zeros((kinds, 4, count), dtype=np.int64)
    rows[:, 0] = random.poisson(100, (kinds, count))
    rows[:, 1] = random.poisson(0.05, (kinds, count))
    rows[:, 3] = MARKS
    return rows


def decide(sweep: Sweep, window: timedelta) -> list[np.ndarray]:
    """Answer all windows and take the decision of every rule of the default policy."""
    answers = sweep.answer()
    policy = default_policy(window)
    return [answers.burning_both(duration_text(r.long), duration_text(r.short), r.factor(window)) for r in policy.rules]


def run(*, quick: bool) -> list[Figure]:
    count, window = (1_000, timedelta(days=4)) if quick else (10_000, timedelta(days=30))
    promised = objectives(count, window)
    length = minutes_needed(promised)
    size = length * 4 * count * 2
    with tempfile.TemporaryDirectory() as folder:
        needs(shutil.disk_usage(folder).free > size * 1.2, f"the ring needs {size / 2**30:.1f} GiB of disk")
        ring = np.memmap(Path(folder) / "facts", dtype=np.int16, mode="w+", shape=(length, 4, count))
        sweep = Sweep(promised, ring, BEGIN)
        rows = facts(count)
        filling = seconds(lambda: [sweep.advance(BEGIN + n, rows[n % len(rows)]) for n in range(length)])
        advancing, deciding = [], []
        for n in range(length, length + (30 if quick else 120)):
            advancing.append(seconds(lambda n=n: sweep.advance(BEGIN + n, rows[n % len(rows)])))
            deciding.append(seconds(lambda: decide(sweep, window)))
        _check(sweep, rows, length + len(advancing))
        memory = anonymous_bytes()
    ticks = [a + d for a, d in zip(advancing, deciding, strict=True)]
    scale = f"{count:,} objectives x {len(sweep.names)} windows, {window.days} days behind"
    return [
        Figure(
            "sweep", "a tick, alert decision included: median", statistics.median(ticks) * 1e3, "ms", 50, "<", scale
        ),
        Figure("sweep", "a tick: slowest", max(ticks) * 1e3, "ms", 50, "<", f"of {len(ticks)}"),
        Figure("sweep", "of it taking in the minute: median", statistics.median(advancing) * 1e3, "ms"),
        Figure("sweep", "of it four burn rules: median", statistics.median(deciding) * 1e3, "ms"),
        Figure("sweep", "anonymous memory (RssAnon)", memory / 2**30, "GiB", 1.5, "<", "the whole benchmark's process"),
        Figure("sweep", "filling the ring, a minute", filling / length * 1e3, "ms", note=f"{length:,} minutes"),
    ]


def _check(sweep: Sweep, rows: np.ndarray, fed: int) -> None:
    """Hold one objective's hour against its own minutes, added up anew."""
    last_hour = [rows[n % len(rows)] for n in range(fed - 60, fed)]
    good, bad = (sum(int(row[unit, 0]) for row in last_hour) for unit in (0, 1))
    sums = sweep.answer().sums_of(0, "1h")
    holds((sums.good, sums.bad) == (good, bad), "the sweep's hour is not the sum of its minutes")
