"""SIGKILL at random points and at every step of a flush: nothing acknowledged is lost, nothing is doubled.

The suite's own kills at full count; what a kill leaves behind is compared batch by batch with what was acknowledged.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from bench.measuring import Figure

TESTS = Path(__file__).resolve().parents[1] / "tests"


def run(*, quick: bool) -> list[Figure]:
    sys.path.insert(0, str(TESTS))
    try:
        from lake.test_kill import run_kills
    finally:
        sys.path.remove(str(TESTS))
    kills = 10 if quick else 500
    began = time.perf_counter()
    told = run_kills(kills, seed=int(time.time()))
    spent = time.perf_counter() - began
    for wrong in told.wrong[:20]:
        print(f"  wrong: {wrong}", flush=True)
    note = f"{told.kills} kills, {told.acknowledged:,} batches acknowledged, {spent / told.kills:.2f} s a kill"
    return [Figure("killing", "batches lost, doubled or otherwise wrong", len(told.wrong), "batches", 0, "<=", note)]
