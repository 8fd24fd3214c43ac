"""What every benchmark measures with: wall clock, process CPU, anonymous memory; and the figures it gives.

One rule: a figure stands beside its peer from the same run, on the same machine, or it is not a figure.
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Attributes:
        bench: which benchmark.
        what: what was measured, in words.
        value: the figure.
        unit: its unit, or "x" for a ratio.
        goal: what it has to reach, or None when it only stands beside another.
        op: how it has to compare with the goal.
        note: peer, scale or anything that qualifies it.
    """

    bench: str
    what: str
    value: float
    unit: str
    goal: float | None = None
    op: str = "<="
    note: str = ""

    @property
    def kept(self) -> bool | None:
        """Whether the goal is kept, or None without one."""
        if self.goal is None:
            return None
        return {"<=": self.value <= self.goal, "<": self.value < self.goal, ">=": self.value >= self.goal}[self.op]

    def plain(self) -> dict:
        return asdict(self) | {"kept": self.kept}


class SkippedError(Exception):
    """A benchmark that cannot run here, with the reason."""


class UnequalError(Exception):
    """Both sides of a comparison do not do the same thing, so that no figure would mean anything."""


def needs(condition: object, reason: str) -> None:
    """Skip the benchmark unless a condition holds."""
    if not condition:
        raise SkippedError(reason)


def holds(condition: object, what: str) -> None:
    """End the benchmark unless both sides agree."""
    if not condition:
        raise UnequalError(what)


def seconds(call: Callable[[], object]) -> float:
    """Return how long a call takes, in seconds of wall clock."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def turns(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Time calls in turn, so that what else the machine does falls on all alike; the first round is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name, call in calls.items():
            spent = seconds(call)
            if number:
                taken[name].append(spent)
    return taken


def median(values: list[float]) -> float:
    return statistics.median(values)


def cpu_seconds(pid: int | None = None) -> float:
    """Return user and system time a process has used, with its finished children for our own."""
    if pid is None:
        t = os.times()
        return t.user + t.system
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def anonymous_bytes(pid: int | str = "self") -> int:
    """Return a process's resident anonymous memory (RssAnon)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    reason = "this system does not tell RssAnon"
    raise SkippedError(reason)


@contextmanager
def stopwatch():
    """Give a function that tells wall and CPU seconds since the block began."""
    wall, cpu = time.perf_counter(), cpu_seconds()
    yield lambda: (time.perf_counter() - wall, cpu_seconds() - cpu)


def machine() -> dict:
    """Return what the figures were measured on."""
    model = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "cpus": len(os.sched_getaffinity(0)),
        "cpu": model[0] if model else platform.processor(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
    }
