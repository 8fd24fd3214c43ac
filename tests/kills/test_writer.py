"""A killed writer loses nothing that was acknowledged and counts nothing twice."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lake.batches import BOTH, NOON, TENANTS, counted, due, numbered, read_acks, sequences, stored, tenant_of
from nines.lake.lake import Lake

FLUSH_STEPS = ("events", "pulses", "counts", "flushes", "forgotten")
STEPS = (*FLUSH_STEPS, "compacted", "vacuumed")
KILLS = 50
#: Kills that one lake lives through before a new one begins.
PER_LAKE = 5


@dataclass
class Told:
    """What came of many kills."""

    kills: int = 0
    acknowledged: int = 0
    in_doubt: int = 0
    kept_in_doubt: int = 0
    wrong: list[str] = field(default_factory=list)


def run_kills(number, seed):
    """Kill a writer so many times; return what came of it. Half of the kills are at named steps."""
    chance, told = random.Random(seed), Told()
    with _nursery() as nursery:
        while told.kills < number:
            with tempfile.TemporaryDirectory() as folder:
                _one_lake(nursery, Path(folder), min(PER_LAKE, number - told.kills), chance, told)
    return told


@contextmanager
def _nursery():
    command = [sys.executable, str(Path(__file__).with_name("writer.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as nursery:
        yield nursery
        nursery.stdin.close()


def _one_lake(nursery, folder, kills, chance, told):
    acks, first = folder / "acks", 0
    for turn in range(kills):
        step = STEPS[(told.kills // 2) % len(STEPS)] if turn % 2 else "-"
        died = killed_writer(nursery, folder / "lake", acks, first, step, chance)
        if died != -9:
            told.wrong.append(f"the writer ended with {died} instead of being killed")
        told.kills += 1
        known = read_acks(acks)
        first = known[-1] + 1 if known else 0
        told.wrong += _recovered(folder / "lake", first, told)
    told.acknowledged += first


def killed_writer(nursery, folder, acks, first, step, chance):
    """Have a writer killed after a random number of acknowledgements, or by itself at a step; how it ended."""
    words = (folder, acks, first, chance.randrange(2**31), step, chance.randint(1, 2))
    nursery.stdin.write("\t".join(str(word) for word in words) + "\n")
    pid, left = 0, chance.randint(1, 12)
    for line in nursery.stdout:
        word, value = line.split()
        if word == "end":
            return int(value)
        pid = int(value) if word == "pid" else pid
        left -= word == "ack"
        if step == "-" and left == 0:
            time.sleep(chance.random() * 0.05)  # so that it falls anywhere inside an append, a flush or a compaction
            os.kill(pid, signal.SIGKILL)
    return None


def _recovered(folder, first, told):
    """Open the lake again, flush, and compare with what was acknowledged: every batch below `first`."""
    lake, wrong = Lake(folder), []
    lake.flush(BOTH, NOON)
    found = _all_counts(lake, first + 2)
    wrong += [
        f"batch {number} was acknowledged and counts {found.get(number)} instead of {due(number)}"
        for number in range(first)
        if found.get(number) != due(number)
    ]
    told.in_doubt += 1
    told.kept_in_doubt += first in found
    if found.get(first, due(first)) != due(first):
        wrong.append(f"batch {first} was in doubt and counts {found[first]}, neither {due(first)} nor nothing")
    receipt = lake.append(tenant_of(first), "web", numbered(first), arrival=NOON, key=f"batch-{first}")
    if receipt.duplicate != (first in found):
        wrong.append(f"batch {first} was sent again and its key was {'known' if receipt.duplicate else 'not known'}")
    lake.flush(BOTH, NOON)
    again = _all_counts(lake, first + 2)
    if again != found | {first: due(first)}:
        wrong.append(f"sending batch {first} again changed more than it: {again}")
    rows = {m: n for tenant in TENANTS for m, n in stored(lake, tenant=tenant, minutes=first + 2).items()}
    if rows != {m: sum(row) for m, row in again.items()}:
        wrong.append("the events stored are not the events counted")
    if sequences(lake) != list(range(1, lake.last_sequence() + 1)):
        wrong.append(f"sequences have a gap: {sequences(lake)}")
    lake.inbox.close()
    return wrong


def _all_counts(lake, minutes):
    found = [counted(lake, tenant=tenant, minutes=minutes) for tenant in TENANTS]
    return found[0] | found[1] if not found[0].keys() & found[1].keys() else {"shared": found}


@pytest.mark.slow
def test_a_writer_killed_at_any_moment_keeps_every_acknowledged_batch_exactly_once():
    told = run_kills(KILLS, seed=20260302)
    assert told.wrong == []
    assert told.kills == KILLS
    assert told.acknowledged > 2 * KILLS


@pytest.mark.slow
def test_a_first_flush_killed_at_each_step_is_taken_up_where_it_stopped(tmp_path):
    with _nursery() as nursery:
        for step in FLUSH_STEPS:
            folder, acks = tmp_path / step, tmp_path / f"{step}-acks"
            assert killed_writer(nursery, folder, acks, 0, step, random.Random(7)) == -9
            known = read_acks(acks)
            lake = Lake(folder)
            lake.flush(BOTH, NOON)
            assert _all_counts(lake, len(known) + 2) == {number: due(number) for number in known}
            assert sequences(lake) == list(range(1, lake.last_sequence() + 1))
