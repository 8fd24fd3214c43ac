"""Run the benchmarks: `python -m bench.run [NAME...] [--quick]`.

Each prints its figures as it ends; all of them go into bench/results as JSON. The exit code is 1 when a goal is missed
at full scale: a quick run is for seeing that the benchmarks work.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench.measuring import Figure, SkippedError, machine

#: Name -> (module, what it measures). Each module has `run(quick=...) -> list[Figure]`.
BENCHES = {
    "rollup": ("bench.rollup", "raw events to per-minute counts, beside a bare DuckDB query"),
    "backtest": ("bench.backtest", "1,000 policies over 90 days as known then, one objective"),
    "tick": ("bench.ticking", "the worker's tick over a whole house, from the flush to the deed"),
    "sweep": ("bench.sweep", "10,000 objectives x 8 windows a tick"),
    "prometheus": ("bench.beside_prometheus", "100 objectives, beside Prometheus with Sloth-style rules"),
    "whole": ("bench.whole_process", "whole processes over the same series, beside Prometheus"),
    "slo-generator": ("bench.beside_slo_generator", "the same objectives, beside slo-generator"),
    "killing": ("bench.killing", "SIGKILL at random points, nothing lost or doubled"),
    "fuzzing": ("bench.fuzzing", "damaged bytes to every decoder: decoded or refused"),
    "receiving-metrics": ("bench.receiving_metrics", "remote write and StatsD to columns"),
    "receiving-spans": ("bench.receiving_spans", "OTLP spans to columns"),
    "status-api": ("bench.status_api", "standings over HTTP at 500 requests a second, 10,000 objectives in force"),
    "starting": ("bench.starting", "the command line's start and `check` on 100 files"),
}
RESULTS = Path(__file__).parent / "results"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(BENCHES)}; all when none is named")
    parser.add_argument("--quick", action="store_true", help="small scale, to see that they work")
    asked = parser.parse_args(arguments)
    unknown = sorted(set(asked.names) - set(BENCHES))
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    figures: list[Figure] = []
    skipped: dict[str, str] = {}
    for name in asked.names or BENCHES:
        module, meaning = BENCHES[name]
        print(f"\n{name}: {meaning}", flush=True)
        try:
            found = importlib.import_module(module).run(quick=asked.quick)
        except SkippedError as reason:
            skipped[name] = str(reason)
            print(f"  skipped: {reason}", flush=True)
            continue
        figures += found
        for figure in found:
            print(line(figure), flush=True)
    write(figures, skipped, quick=asked.quick)
    missed = [f for f in figures if f.kept is False]
    print(f"\n{len(figures)} figures, {len(missed)} goals missed, {len(skipped)} skipped", flush=True)
    return 1 if missed and not asked.quick else 0


def line(figure: Figure) -> str:
    goal = (
        ""
        if figure.goal is None
        else f"{figure.op} {figure.goal:g} {figure.unit}: {'kept' if figure.kept else 'MISSED'}"
    )
    return f"  {figure.what:<62} {figure.value:>12,.4g} {figure.unit:<12} {goal:<26} {figure.note}"


def write(figures: list[Figure], skipped: dict[str, str], *, quick: bool) -> None:
    RESULTS.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    document = {
        "at": now.isoformat(timespec="seconds"),
        "quick": quick,
        "machine": machine(),
        "figures": [figure.plain() for figure in figures],
        "skipped": skipped,
    }
    text = json.dumps(document, indent=1) + "\n"
    (RESULTS / f"{'quick' if quick else 'full'}-{now:%Y%m%dT%H%M%SZ}.json").write_text(text)


if __name__ == "__main__":
    sys.exit(main())
