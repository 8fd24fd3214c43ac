"""SIGKILL at random points and at steps of flush, compaction and vacuum: nothing is lost, nothing is doubled.

The suite's own kills at full count, of the lake's writer, of `nines ingest` and of `nines serve`; what a kill leaves
behind is compared with what was acknowledged.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from bench.measuring import Figure

TESTS = Path(__file__).resolve().parents[1] / "tests"


def run(*, quick: bool) -> list[Figure]:
    sys.path.insert(0, str(TESTS))
    try:
        from kills.test_commands import ingest_kills, serve_kills
        from kills.test_teller import teller_kills
        from kills.test_writer import run_kills
    finally:
        sys.path.remove(str(TESTS))
    kills, seed = 10 if quick else 1000, int(time.time())
    told = 10 if quick else 200
    folders = (tempfile.TemporaryDirectory() for _ in range(3))
    with next(folders) as ingest, next(folders) as serve, next(folders) as teller:
        return [
            _figure("the lake's writer", lambda: run_kills(kills, seed)),
            _figure("nines ingest", lambda: ingest_kills(Path(ingest), kills, seed)),
            _figure("nines serve", lambda: serve_kills(Path(serve), kills, seed)),
            _figure("a worker that judges and tells", lambda: teller_kills(Path(teller), told, seed)),
        ]


def _figure(what, kill) -> Figure:
    began = time.perf_counter()
    told = kill()
    spent = time.perf_counter() - began
    for wrong in told.wrong[:20]:
        print(f"  wrong: {wrong}", flush=True)
    note = f"{told.kills} kills, {told.acknowledged:,} acknowledged, {spent / told.kills:.2f} s a kill"
    return Figure("killing", f"{what}: lost, doubled or otherwise wrong", len(told.wrong), "findings", 0, "<=", note)
