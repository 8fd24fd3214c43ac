"""A process that imports nines once and then, for each line it reads, forks one `nines` command to be killed.

A line: JSON with `argv` of the command, the `step` of a flush at which it kills itself (or ""), and at which time of
passing it. It answers with the command's process id and how it ended. `begin` and `Nursery` are for the parent.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

#: Rows of one inbox batch while commands are killed: a file of a few hundred rows goes in several.
BATCH_ROWS = 40


class Nursery:
    """The parent's end."""

    def __enter__(self):
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait(timeout=60)

    def begin(self, *argv, step="", nth=1):
        """Fork a command and return its process id."""
        line = {"argv": [str(a) for a in argv], "step": step, "nth": nth}
        self._process.stdin.write(json.dumps(line) + "\n")
        return int(self._said("pid"))

    def ended(self):
        """Wait for the command to end; return its exit code, or minus the signal that killed it."""
        return int(self._said("end"))

    def _said(self, word):
        found, value = self._process.stdout.readline().split()
        assert found == word
        return value


def die_at(step, nth):
    """Make every lake opened from now on kill this process after a step of a flush."""
    from nines.lake import lake

    opened, seen = lake.Lake.__init__, 0

    def observe(name):
        nonlocal seen
        seen += name == step
        if name == step and seen == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    lake.Lake.__init__ = lambda self, folder: opened(self, folder, observe)


def child(line, answers):
    """Run one command as `nines` would."""
    from nines.cli import main
    from nines.operations import ingesting

    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    os.close(answers)
    ingesting.BATCH_ROWS = BATCH_ROWS
    if line["step"]:
        die_at(line["step"], line["nth"])
    sys.argv = ["nines", *line["argv"]]
    main.run()


def tell(answers, word, value):
    os.write(answers, f"{word} {value}\n".encode())


def serve_lines():
    """Fork a command per line until there are no more."""
    for module in ("api.app", "pages.app", "cli.server", "worker.loop", "operations.ingesting"):
        importlib.import_module(f"nines.{module}")
    answers = os.dup(1)
    for text in sys.stdin:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                child(json.loads(text), answers)
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
            finally:
                os._exit(code)
        tell(answers, "pid", pid)
        tell(answers, "end", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


if __name__ == "__main__":
    serve_lines()
