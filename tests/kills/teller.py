"""A process that imports nines once and then, for each line it reads, forks a worker that judges and tells, to be killed.

A line: JSON with `folder`, minutes `first` and `last` after noon, the `step` at which the worker kills itself (or "") and
at which time of passing it. It answers how the worker ended. `Tellers` is for the parent.
"""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
#: Where a worker can die: before a tick's deed is written, after it, with messages in hand, after they were taken, and
#: while that is being noted.
STEPS = ("marking", "judged", "claimed", "sent", "noting")


class Tellers:
    """The parent's end."""

    def __enter__(self):
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait(timeout=60)

    def run(self, folder, last, step="", nth=1):
        """Let a worker judge up to a minute; return its exit code, or minus the signal that killed it."""
        line = {"folder": str(folder), "last": last, "step": step, "nth": nth}
        self._process.stdin.write(json.dumps(line) + "\n")
        return int(self._process.stdout.readline())


def die_at(step, nth):
    from nines.operations.alerting import Alarms
    from nines.senders.webhook import Webhook
    from nines.store.outbox import Outbox
    from nines.store.ticking import Ticking

    seen = 0

    def after(owner, name, passed=lambda result: True):
        inner = getattr(owner, name)

        def wrapped(*args, **kwargs):
            nonlocal seen
            result = inner(*args, **kwargs)
            seen += passed(result)
            if seen == nth:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        setattr(owner, name, wrapped)

    places = {
        "marking": (Ticking, "mark"), "judged": (Alarms, "tick"), "claimed": (Outbox, "claim", bool),
        "sent": (Webhook, "send"), "noting": (Outbox, "sent"),
    }  # fmt: skip
    after(*places[step])


def work(line):
    from nines.operations.alerting import Alarms
    from nines.operations.house import open_house
    from nines.operations.notifying import Means, send_due

    if line["step"]:
        die_at(line["step"], line["nth"])
    house = open_house(Path(line["folder"]), now=NOON)
    alarms, means = Alarms(house, "default"), Means({}, "", lambda: 0)
    last = house.store.ticking.last("default")
    first = 0 if last is None else last.minute + 1 - int(NOON.timestamp()) // 60
    for n in range(first, line["last"] + 1):
        now = NOON + timedelta(minutes=n)
        alarms.tick(now)
        send_due(house, means, now=now)
    send_due(house, means, now=NOON + timedelta(minutes=line["last"] + 10))  # what died with a worker is free again


def serve_lines():
    import nines.operations.alerting
    import nines.senders.opening  # noqa: F401

    for text in sys.stdin:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                work(json.loads(text))
                code = 0
            finally:
                os._exit(code)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    serve_lines()
