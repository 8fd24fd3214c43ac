"""A process that imports the agent once and then, for each line it reads, forks one to be run, and killed.

A line: file of settings, speed of time, seconds of that time after which another speed holds, that speed, parted by
tabs. It answers with the process id; the agent says "turned" with the wall clock and its own when the speed changes.
"""

import logging
import os
import signal
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from nines.agent.agent import Agent
from nines.agent.beat import Beat
from nines.agent.settings import read_settings
from nines.operations.collecting import log_lines
from nines.telemetry.datasource import DataSource


class Pace:
    """Time that runs faster than the wall clock: `speed` times until so many seconds have gone, then at another pace."""

    def __init__(self, speed, until, then, *, ahead=0.0):
        self.speed, self.until, self.then = speed, until, then
        self.real, self.began = time.monotonic(), datetime.now(UTC) - timedelta(seconds=ahead)

    def monotonic(self):
        gone = time.monotonic() - self.real
        turn = self.until / self.speed
        return self.speed * gone if gone < turn else self.until + self.then * (gone - turn)

    def clock(self):
        return self.began + timedelta(seconds=self.monotonic())

    def wait(self, event, seconds):
        due = self.monotonic() + max(0.0, seconds)
        while (left := due - self.monotonic()) > 0:
            pace = self.speed if self.monotonic() < self.until else self.then
            to_turn = max(self.until - self.monotonic(), 0.001) if pace == self.speed else left
            if event.wait(min(left, to_turn) / pace):
                return True
        return event.is_set()


def work(config, speed, until, then):
    """Run an agent until it is told to end."""
    logging.basicConfig(
        level=logging.INFO, filename=config.with_suffix(".log"), format="%(relativeCreated)d %(message)s"
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    pace = Pace(speed, until, then, ahead=until if speed > 1 else 0.0)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    if speed > 1:

        def tell():
            time.sleep(until / speed)
            os.write(1, f"turned {time.time()} {pace.clock().timestamp()}\n".encode())

        threading.Thread(target=tell, daemon=True).start()
    Agent(read_settings(config), Beat(pace.clock, pace.monotonic, pace.wait)).run(stop)


def main():
    line = b'{"time": "2026-01-01T00:00:00Z"}\n'  # what is imported only when it is used, no agent has to
    log_lines(Path("warm"), line, DataSource(name="warm", type="ndjson"), Path.cwd())
    os.write(1, b"ready\n")
    for line in sys.stdin:
        config, speed, until, then = line.rstrip("\n").split("\t")
        pid = os.fork()
        if pid == 0:
            try:
                work(Path(config), float(speed), float(until), float(then))
            except BaseException:
                logging.getLogger("nines.agent").exception("ended")
                os._exit(1)
            os._exit(0)
        os.write(1, f"pid {pid}\n".encode())
        os.waitpid(pid, 0)
        os.write(1, f"ended {pid}\n".encode())


if __name__ == "__main__":
    main()
