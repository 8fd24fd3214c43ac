"""An escalation killed anywhere repeats no step that was told and skips none; an upgrade under way changes nothing of that."""

import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nines.alerting.escalation import Escalation, Step, escalation_json
from nines.alerting.message import Message
from nines.definitions.load import load_texts
from nines.operations import defining
from nines.operations.house import open_house
from operations.test_alerting import DEFINITIONS, WHO
from parts import require

pytestmark = pytest.mark.slow
STEPS = 12


@pytest.fixture(autouse=True)
def _durable():
    require("dbos", _there(), "pip install 'nines[durable]'")


def _there():
    import importlib.util

    return importlib.util.find_spec("dbos")


def planned(folder, gap_s=0.3, begin_s=3.0):
    """Put an escalation of so many steps on record, the first due when a process has begun."""
    now = datetime.now(UTC)
    page = Message(
        tenant="default", thread="a@30d/page-1h #1", number=1, kind="fired", severity="page", title="a burns", at=now
    )
    steps = [Step(now + timedelta(seconds=begin_s + n * gap_s), "escalated", ("ops",)) for n in range(STEPS)]
    house = open_house(folder, now=now)
    texts = load_texts([("slo.yaml", DEFINITIONS.replace("URL", "http://127.0.0.1:9"))])
    defining.apply_definitions(house, WHO, texts, now=now)
    with house.store.deed("default", "worker", now) as deed:
        deed.tell("escalation.planned", "objective a@30d", escalation_json(Escalation(page, "r", tuple(steps))))
    house.lake.inbox.close()


def told(folder):
    house = open_house(folder, now=datetime.now(UTC))
    facts = [said["step"] for _, said in house.store.told("default", kinds=("escalation.told",))]
    rows = [r.number for r in house.store.outbox.log("default")]
    house.lake.inbox.close()
    return facts, sorted(rows)


def run(folder, *words):
    script = Path(__file__).with_name("escalator.py")
    return subprocess.Popen([sys.executable, str(script), str(folder), *words], stdout=subprocess.PIPE, text=True)


def kill(process, folder, steps, after_s):
    """Kill a process a little after it told so many steps more, however fast the machine is."""
    wanted = min(len(told(folder)[0]) + steps, STEPS)
    assert process.stdout.readline() == "looking\n"
    end = time.monotonic() + 60
    while len(told(folder)[0]) < wanted and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(after_s)
    process.kill()
    process.wait()


def test_an_escalation_killed_again_and_again_tells_every_step_once_and_in_order(tmp_path):
    planned(tmp_path, gap_s=1.0)
    chance, seen = random.Random(7), []
    for _ in range(6):
        kill(run(tmp_path), tmp_path, chance.randint(1, 2), chance.uniform(0.0, 0.3))
        seen.append(len(told(tmp_path)[0]))
    assert run(tmp_path).wait(timeout=60) == 0
    facts, numbers = told(tmp_path)
    assert facts == list(range(STEPS))
    assert numbers == list(range(1, STEPS + 1))
    assert any(0 < n < STEPS for n in seen)  # some kill fell between two steps


def test_an_upgrade_in_the_middle_goes_on_where_the_old_code_was(tmp_path):
    planned(tmp_path, gap_s=0.5, begin_s=2.5)
    process = run(tmp_path)
    assert process.stdout.readline() == "looking\n"
    while len(told(tmp_path)[0]) < 3:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = len(told(tmp_path)[0])
    assert run(tmp_path, "upgraded").wait(timeout=60) == 0
    assert told(tmp_path)[0] == list(range(STEPS))
    marks = [int(line) for line in (tmp_path / "marks").read_text().split()]
    assert marks[-1] == STEPS - 1
    assert marks[0] >= before - 1  # what the old code had done was not done again by the new


def test_a_lost_file_of_workflows_loses_no_step(tmp_path):
    planned(tmp_path, gap_s=0.3, begin_s=2.5)
    process = run(tmp_path)
    assert process.stdout.readline() == "looking\n"
    while len(told(tmp_path)[0]) < 2:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    for path in tmp_path.glob("durable.db*"):
        path.unlink()
    assert run(tmp_path).wait(timeout=60) == 0
    assert told(tmp_path)[0] == list(range(STEPS))
