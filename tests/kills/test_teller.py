"""SIGKILL between decision and send: each crossing is told, once by its id, and a repetition says that it may be one."""

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from contracts.receiving_hooks import Hooks
from kills.teller import NOON, STEPS, Tellers
from nines.definitions.load import load_texts
from nines.operations import defining, ingesting
from nines.operations.house import local_principal, open_house

KILLS = 50
MINUTES = 70
WHO = local_principal("default")
DEFINITIONS = """
apiVersion: nines/v1
kind: DataSource
metadata: {name: shop}
spec: {type: events, heartbeat: {gap: 2m}}
---
apiVersion: nines/v1
kind: Service
metadata: {name: shop}
spec: {}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: works}
spec: {source: shop, good: http_status < 500}
---
apiVersion: nines/v1
kind: BurnPolicy
metadata: {name: quick}
spec: {rules: [{severity: page, share: 5%, window: 10m, short: 2m}, {severity: ticket, share: 9%, window: 20m, short: 2m}]}
---
apiVersion: nines/v1
kind: SLO
metadata: {name: checkout}
spec: {service: shop, indicator: works, target: 90%, window: 1d, alerting: {policy: quick, blind: false}}
---
apiVersion: nines/v1
kind: AlertNotificationTarget
metadata: {name: ops}
spec: {target: webhook, url: "URL/hook"}
---
apiVersion: nines/v1
kind: Route
metadata: {name: everything}
spec: {targets: [ops]}
"""


@dataclass
class Told:
    """What came of many kills."""

    kills: int = 0
    acknowledged: int = 0
    wrong: list[str] = field(default_factory=list)


def prepare(folder, url):
    """A house whose service is down for six minutes of every twelve."""
    house, begins = open_house(folder, now=NOON), NOON - timedelta(days=2)
    texts = load_texts([("slo.yaml", DEFINITIONS.replace("URL", url))])
    assert texts.errors == ()
    defining.apply_definitions(house, WHO, texts, now=begins, effective_from=begins)
    rows = [
        {
            "time": (NOON + timedelta(minutes=n, seconds=20)).isoformat(),
            "http_status": 500 if n % 12 in range(2, 8) else 200,
        }
        for n in range(-60, MINUTES)
        for _ in range(20)
    ]
    ingesting.ingest_rows(house, WHO, "shop", rows, now=NOON, key=None)
    ingesting.flush(house, now=NOON)
    house.lake.inbox.close()


def deliveries(hooks):
    return [(headers["webhook-id"], json.loads(body)["repeated"]) for _, headers, body in hooks.requests]


def alerts_on_record(folder):
    house = open_house(folder, now=NOON)
    told = [
        (p["change"], p["at"], p["alert"]["key"])
        for _, p in house.store.told("default", kinds=("alert.fired", "alert.refired", "alert.resolved"))
    ]
    house.lake.inbox.close()
    return told


def teller_kills(folder, number, seed):
    """Kill a worker so often while it judges and tells; houses follow each other until that many were killed."""
    dice, told, houses = random.Random(seed), Told(), 0
    with Tellers() as tellers, Hooks() as calm:
        prepare(folder / "calm", calm.url)
        assert tellers.run(folder / "calm", MINUTES) == 0
        expected, record = Counter(i for i, _ in deliveries(calm)), alerts_on_record(folder / "calm")
        while told.kills < number:
            houses += 1
            here = folder / f"house-{houses}"
            with Hooks() as hooks:
                prepare(here, hooks.url)
                code, tries = -9, 0
                while code:
                    tries += 1
                    step = STEPS[told.kills % len(STEPS)] if told.kills < number and tries < 60 else ""
                    nth = dice.randint(1, 12) if step in {"marking", "judged"} else dice.randint(1, 2)
                    code = tellers.run(here, MINUTES, step, nth)
                    told.kills += code == -9
                    if code not in {0, -9}:
                        told.wrong.append(f"the worker ended with {code}")
                        return told
                told.wrong += judged(deliveries(hooks), expected)
                told.acknowledged += len(hooks.requests)
            if alerts_on_record(here) != record:
                told.wrong.append(f"house {houses} has other alerts on record than one that nobody killed")
    return told


def judged(found, expected):
    """Return what is wrong with deliveries: ids that are missing or new, and repetitions that do not say so."""
    ids = {i for i, _ in found}
    wrong = [f"{i} was lost" for i in expected if i not in ids] + [f"{i} is nobody's" for i in ids if i not in expected]
    seen = set()
    for i, repeated in found:
        if i in seen and not repeated:
            wrong.append(f"{i} was told again without a word")
        seen.add(i)
    return wrong


@pytest.mark.slow
def test_each_crossing_is_told_once_whenever_the_worker_is_killed(tmp_path):
    told = teller_kills(tmp_path, KILLS, seed=3)
    assert told.wrong == []
    assert told.kills >= KILLS
    assert told.acknowledged > 8


def test_a_lost_a_strange_and_a_repeated_message_would_be_found():
    expected = Counter("ab")
    assert judged([("a", False), ("b", False)], expected) == []
    assert judged([("a", False), ("a", True), ("b", False)], expected) == []
    assert judged([("a", False), ("a", False), ("c", False)], expected) == [
        "b was lost", "c is nobody's", "a was told again without a word",
    ]  # fmt: skip
