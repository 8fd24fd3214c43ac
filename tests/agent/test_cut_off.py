"""An agent that was cut off for hours, killed at any moment, or short of disk: nothing missing, nothing twice."""

import gzip
import json
import os
import random
import shutil
import signal
import threading
import time
from datetime import UTC, datetime

import pytest

from agent.edge import centre_in, counter_page, nursery, settings
from nines.errors import OverloadedError, Problem
from receivers.serving import until

#: Seconds of the agent's time: a while with the centre, four hours without, and how fast they pass.
BEFORE, CUT, SPEED = 600, 4 * 3600, 480
#: How fast time passes once the line is mended, and the agent's interval, seconds of its time.
AFTERWARDS, INTERVAL = 15, 30


@pytest.mark.slow
def test_four_hours_without_the_centre_leave_no_gap_and_fresh_data_comes_first(tmp_path, record_property):
    with centre_in(tmp_path / "centre") as centre, counter_page() as page, nursery(tmp_path) as agents:
        file = settings(
            tmp_path / "edge", centre, f'  - scrape: {{url: "{page.url}", source: metrics, interval: {INTERVAL}s}}\n'
        )
        pid = agents.begin(file, speed=SPEED, until=BEFORE + CUT, then=AFTERWARDS)
        until(lambda: len(centre.named("hits_total")) > 2, 30)
        time.sleep(BEFORE / SPEED)
        centre.cut()
        held = len(centre.batches())
        real, agents_own = map(float, agents.line("turned").split())
        time.sleep(1)
        centre.mend()
        healed_ms = 1000 * (agents_own + AFTERWARDS * (time.time() - real))
        mended = time.monotonic()
        fresh = until(lambda: [b for b in centre.batches("samples")[0:] if b.id > held], 30)[0]
        waited = time.monotonic() - mended
        backlog = page.looks - held
        stamp = fresh.table.column("time").to_pylist()[0]
        seen = until(lambda: (v := centre.named("hits_total")) and len(v) >= page.looks and v, 60)
        os.kill(pid, signal.SIGTERM)
        agents.ended()
        seen = centre.named("hits_total")
        values = sorted(int(v) for _, v in seen)
        gaps = sorted(set(range(1, page.looks + 1)) - set(values))
        assert gaps == []
        assert len(values) == len(set(values))
        assert stamp > healed_ms - INTERVAL * 1000, "the first batch after healing was not fresh"
        assert waited <= INTERVAL / AFTERWARDS, "fresh data came later than one interval"
        after = [t for t, _ in seen[held:]]
        assert len(after) > 300, "there was no backlog to speak of"
        assert min(after) < stamp
        good, bad, unknown = centre.total("requests", minutes=400)
        assert (good, bad, unknown) == (page.looks - 1, 0, 0)
        print(f"\nlooks {page.looks}, backlog {backlog}, fresh after {waited:.2f} s of {INTERVAL / AFTERWARDS:.1f}")


class Log:
    """A log that is written and rotated in every way that there is; each line is numbered."""

    def __init__(self, path, seed):
        self.path, self.chance, self.written = path, random.Random(seed), 0
        self.file = path.open("a")
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def line(self, status=200, pad=""):
        self.written += 1
        row = {"time": datetime.now(UTC).isoformat(), "operation": f"n{self.written}", "http_status": status}
        self.file.write(json.dumps(row | ({"pad": pad} if pad else {})) + "\n")
        self.file.flush()

    def rotate(self):
        way = self.chance.choice(["rename", "copytruncate", "pack"])
        older = [self.path.with_name(f"web.log.{n}") for n in (3, 2, 1)]
        for old in older:
            for one in (old, old.with_name(old.name + ".gz")):
                number = int(old.name.rpartition(".")[2])
                if one.exists():
                    one.rename(one.with_name(one.name.replace(f".log.{number}", f".log.{number + 1}")))
        first = self.path.with_name("web.log.1")
        if way == "copytruncate":
            shutil.copyfile(self.path, first)
            os.truncate(self.path, 0)
        else:
            self.path.rename(first)
            self.file.close()
            self.file = self.path.open("a")
        second = self.path.with_name("web.log.2")
        if way == "pack" and second.exists():
            with second.open("rb") as plain, gzip.open(second.with_name("web.log.2.gz"), "wb") as packed:
                shutil.copyfileobj(plain, packed)
            state = second.stat()
            os.utime(second.with_name("web.log.2.gz"), ns=(state.st_atime_ns, state.st_mtime_ns))
            second.unlink()

    def run(self):
        while not self.over.wait(self.chance.uniform(0.0, 0.02)):
            for _ in range(self.chance.randint(1, 20)):
                self.line()
            if self.chance.random() < 0.02:
                self.rotate()


@pytest.mark.slow
@pytest.mark.parametrize("kills", [20])
def test_killed_at_any_moment_each_line_of_a_rotated_log_counts_once(tmp_path, kills):
    seed = random.randrange(2**31)
    chance, log = random.Random(seed), Log(tmp_path / "web.log", seed)
    with centre_in(tmp_path / "centre") as centre, nursery(tmp_path) as agents:
        file = settings(
            tmp_path / "edge", centre,
            f"  - tail: {{path: {log.path}, type: ndjson, source: edge, interval: 100ms}}\n",
        )  # fmt: skip
        log.thread.start()
        for _ in range(kills):
            pid = agents.begin(file)
            time.sleep(chance.uniform(0.05, 0.9))
            os.kill(pid, signal.SIGKILL)
            agents.ended()
        log.over.set()
        log.thread.join()
        pid = agents.begin(file)
        found = until(
            lambda: len(c := centre.lines()) >= log.written and c, 30,
            lambda: f"seed {seed}: {len(centre.lines())} of {log.written} lines; {(tmp_path / 'edge/agent.log').read_text()[-3000:]}",
        )  # fmt: skip
        os.kill(pid, signal.SIGTERM)
        agents.ended()
        wrong = {name: n for name, n in centre.lines().items() if n != 1}
        assert wrong == {}, f"seed {seed}"
        assert len(found) == log.written
        assert centre.total("pages") == (log.written, 0, 0)
        print(f"\n{kills} kills, {log.written} lines, seed {seed}")


@pytest.mark.slow
def test_what_does_not_fit_on_the_disk_is_unknown_at_the_centre_and_never_good(tmp_path):
    log = Log(tmp_path / "web.log", 1)
    with centre_in(tmp_path / "centre") as centre, nursery(tmp_path) as agents:
        centre.cut()
        file = settings(
            tmp_path / "edge", centre,
            f"  - tail: {{path: {log.path}, type: ndjson, source: edge, interval: 100ms}}\n",
        )  # fmt: skip
        file.write_text(file.read_text().replace("64MiB", "2MiB"))
        pid = agents.begin(file)
        queue = tmp_path / "edge" / "queue" / "queue.sqlite"
        for _ in range(40):
            for _ in range(50):
                log.line(pad=random.randbytes(2000).hex())
            time.sleep(0.1)
        assert queue.stat().st_size <= 2 * 2**20
        centre.mend()
        until(lambda: sum(centre.lines().values()) + _lost(centre) == log.written, 30,
              lambda: f"{sum(centre.lines().values())} + {_lost(centre)} of {log.written}")  # fmt: skip
        os.kill(pid, signal.SIGTERM)
        agents.ended()
        lost = _lost(centre)
        assert lost > 100
        assert {b.table.column("site")[0].as_py() for b in centre.batches("lost")} == {"oslo"}
        kept = sorted(int(name[1:]) for name in centre.lines())
        assert kept == list(range(log.written - len(kept) + 1, log.written + 1)), "not the oldest were dropped"
        assert centre.total("pages") == (log.written - lost, 0, lost)
        print(f"\n{log.written} lines, {lost} lost and unknown, disk {queue.stat().st_size}")


def _lost(centre):
    return sum(sum(b.table.column("number").to_pylist()) for b in centre.batches("lost"))


@pytest.mark.slow
def test_a_centre_that_is_full_loses_nothing_and_is_left_alone_as_long_as_it_asks(tmp_path, monkeypatch):
    asked, full = [], threading.Event()
    full.set()
    with centre_in(tmp_path / "centre") as centre, counter_page() as page, nursery(tmp_path) as agents:
        append = type(centre.house.lake).append

        def unless_full(lake, *args, **more):
            asked.append(time.monotonic())
            if full.is_set():
                raise OverloadedError(Problem("inbox", "it is full", "later", code="inbox-full"))
            return append(lake, *args, **more)

        monkeypatch.setattr(type(centre.house.lake), "append", unless_full)
        file = settings(
            tmp_path / "edge", centre, f'  - scrape: {{url: "{page.url}", source: metrics, interval: 200ms}}\n'
        )
        pid = agents.begin(file)
        until(lambda: len(asked) >= 2, 30)
        assert asked[1] - asked[0] >= 5.0, "the centre asked for five seconds"
        full.clear()
        until(lambda: len(centre.named("hits_total")) > 30, 30)
        os.kill(pid, signal.SIGTERM)
        agents.ended()
        pid = agents.begin(file)
        until(lambda: len(centre.named("hits_total")) >= page.looks, 30)
        os.kill(pid, signal.SIGTERM)
        agents.ended()
        values = sorted(int(v) for _, v in centre.named("hits_total"))
        assert values == list(range(1, values[-1] + 1))


@pytest.mark.slow
def test_more_than_the_declared_footprint_makes_the_agent_do_less_in_recorded_steps(tmp_path):
    log = Log(tmp_path / "web.log", 2)
    more = "source: agents\nfootprint: {rss_mb: 1, interval: 300ms}\n"
    with centre_in(tmp_path / "centre") as centre, nursery(tmp_path) as agents:
        file = settings(
            tmp_path / "edge", centre,
            f"  - tail: {{path: {log.path}, type: ndjson, source: edge, interval: 100ms}}\n", more,
        )  # fmt: skip
        pid = agents.begin(file)

        def steps():
            for _ in range(20):
                log.line()
            return [int(v) for _, v in sorted(centre.named("nines_agent_step", "agents"))]

        until(lambda: steps()[-1:] == [3], 30)
        os.kill(pid, signal.SIGTERM)
        agents.ended()
        found = steps()
        assert [a for a, b in zip(found, [*found[1:], None], strict=True) if a != b] == [0, 1, 2, 3]
        assert min(found.count(n) for n in (0, 1, 2)) >= 2
        assert {int(v) for _, v in centre.named("nines_agent_declared_rss_mb", "agents")} == {1}
        told = file.with_suffix(".log").read_text()
        assert all(f"step {n}, " in told for n in (1, 2, 3))
        weights = {
            w
            for b in centre.batches("events")
            if "weight_num" in b.table.column_names
            for w in b.table.column("weight_num").to_pylist()
        }
        assert 4 in weights
