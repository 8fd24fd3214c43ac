"""How soon the command line answers: `nines --help`, and `nines check` on 100 files.

As on a person's machine, Python keeps its compiled files: the round that is not counted writes them, into a folder of
its own, whatever the environment says about writing them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.measuring import Figure, median, turns

FILE = """apiVersion: nines/v1
kind: Service
metadata: {{name: shop-{n}}}
---
apiVersion: nines/v1
kind: DataSource
metadata: {{name: log-{n}}}
spec:
  type: csv
  columns: {{time: ts, service: app, http_status: code, duration_ms: ms}}
---
apiVersion: nines/v1
kind: SLI
metadata: {{name: ok-{n}}}
spec:
  source: log-{n}
  where: service = 'shop-{n}'
  good: http_status < 500 and duration_ms < 300
---
apiVersion: nines/v1
kind: SLO
metadata: {{name: slo-{n}}}
spec:
  service: shop-{n}
  indicator: ok-{n}
  target: 99.9%
  window: 30d
"""


def run(*, quick: bool) -> list[Figure]:
    nines = str(Path(sys.executable).with_name("nines"))
    rounds = 3 if quick else 9
    with tempfile.TemporaryDirectory() as folder:
        for n in range(100):
            (Path(folder) / f"slo-{n}.yaml").write_text(FILE.format(n=n))
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = str(Path(folder) / "compiled")

        def command(*words: str) -> Callable[[], object]:
            return lambda: subprocess.run(words, check=True, capture_output=True, env=environment)

        taken = turns(
            {
                "help": command(nines, "--help"),
                "check": command(nines, "check", folder),
                "python": command(sys.executable, "-c", "pass"),
            },
            rounds,
        )
    note = f"an empty Python takes {median(taken['python']):.3f} s"
    return [
        Figure("starting", "`nines --help`", median(taken["help"]), "s", 0.4, "<", note),
        Figure("starting", "`nines check` on 100 files of 4 documents", median(taken["check"]), "s", 1.5, "<"),
    ]
