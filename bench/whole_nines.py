"""A whole nines for the benchmark beside Prometheus: receives, stores, counts, and ticks once a minute.

Started as a process of its own: `python -m bench.whole_nines FOLDER SERVICES`. It writes its address and token into
FOLDER/ready, and after every tick the events its sweep holds into FOLDER/ticked.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from bench.sweep import decide
from nines.cli.server import start
from nines.definitions.load import load_texts
from nines.evaluation.columns import Mark
from nines.evaluation.sweep import Sweep, minutes_needed
from nines.operations import defining, ingesting, people
from nines.operations.house import local_principal, open_house
from nines.operations.promises import in_force

WINDOW = timedelta(days=30)
SOURCE = """apiVersion: nines/v1
kind: DataSource
metadata: {name: metrics}
spec: {type: remote-write}
---
apiVersion: nines/v1
kind: Service
metadata: {name: shop}
spec: {}
"""
OBJECTIVE = """---
apiVersion: nines/v1
kind: SLI
metadata: {{name: svc-{n:03d}}}
spec:
  source: metrics
  bad: 'http_requests_total{{svc="svc-{service:03d}",code=~"{code}"}}'
  total: 'http_requests_total{{svc="svc-{service:03d}"}}'
---
apiVersion: nines/v1
kind: SLO
metadata: {{name: svc-{n:03d}}}
spec: {{service: shop, indicator: svc-{n:03d}, target: 99.9%, window: 30d}}
"""
#: What counts as an error, for the several objectives of one service.
CODES = ("(5..|429)", "5..", "50.", "50[0-4]", "500|429", "5..|4..", "[45]..", "500", "5.*", "(500|502|503)")


def objective(number: int) -> str:
    """Return the definition of an objective: every service has one for each way of telling errors."""
    service, way = divmod(number, len(CODES))
    return OBJECTIVE.format(n=number, service=service, code=CODES[way])


def main(folder: Path, services: int) -> None:
    house, who, now = open_house(folder / "house", now=datetime.now(UTC)), local_principal("default"), datetime.now(UTC)
    text = SOURCE + "".join(objective(n) for n in range(services * len(CODES)))
    begins = now - timedelta(days=40)
    defining.apply_definitions(house, who, load_texts([("slo.yaml", text)]), now=now, effective_from=begins)
    token = people.make_token(house, who, "sender", scopes=("ingest",), days=1, now=now).secret
    running = start(house, "127.0.0.1:0", ("receivers",))
    definitions = in_force(house, "default", at=now)
    objectives = sorted(definitions.objectives, key=lambda o: o.name)
    pairs = [(definitions.indicators[o.indicator], definitions.sources["metrics"]) for o in objectives]
    minute = int(now.timestamp()) // 60 - minutes_needed(objectives)
    sweep = Sweep(objectives, np.zeros((minutes_needed(objectives), 4, len(objectives)), dtype=np.int32), minute)
    quiet = np.zeros((4, len(objectives)), dtype=np.int64)
    while minute < int(now.timestamp()) // 60:
        sweep.advance(minute, quiet)
        minute += 1
    (folder / "ready").write_text(json.dumps({"url": running.url, "token": token}))
    while True:
        time.sleep(60 - time.time() % 60 + 5)  # five seconds after the minute, when its last readings are here
        minute = tick(house, sweep, pairs, minute)
        sums = [sweep.answer().sums_of(n, "1h") for n in range(len(objectives))]
        held = [sum(s.good for s in sums), sum(s.bad for s in sums)]
        (folder / "ticked").write_text(json.dumps({"at": minute, "good": int(held[0]), "bad": int(held[1])}))


def tick(house, sweep, pairs, minute):
    """Take in the minutes that are over, and decide."""
    ingesting.flush(house, now=datetime.now(UTC))
    edge = int(time.time()) // 60
    counts, state = house.lake.block("default", pairs, minute, edge)
    for at in range(minute, edge):
        marks = int(Mark.COUNTED) | state[:, at - minute].astype(np.int64)
        sweep.advance(at, np.vstack([counts[:, :, at - minute], marks]))
    decide(sweep, WINDOW)
    return edge


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
