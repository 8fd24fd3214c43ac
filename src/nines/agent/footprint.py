"""What the agent itself takes, held against what was declared: more than that, and it does less, step by step."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from nines.agent.gathering import Effort
from nines.agent.settings import Footprint

log = logging.getLogger("nines.agent")

#: Intervals in a row over what was declared before the next step down, and within it before the next one up.
BREACHES, QUIET = 3, 10
#: What each step means; the first is everything.
EFFORTS: tuple[Effort, ...] = (
    Effort(),
    Effort(one_in=4),
    Effort(one_in=4, stretch=4),
    Effort(one_in=4, stretch=4, collects=False),
)
_WATCHED = ("cpu_percent", "rss_mb", "egress_bytes_per_s")
_TOLD = ("everything", "one event in 4, with its weight", "four times the intervals", "its own figures only")


@dataclass(frozen=True, slots=True)
class Taken:
    """What the agent took in an interval.

    Attributes:
        cpu_percent: of one core.
        rss_mb: resident memory at its end, MiB.
        egress_bytes_per_s: sent to the centre.
    """

    cpu_percent: float
    rss_mb: float
    egress_bytes_per_s: float


class Meter:
    """Measures this process between two calls."""

    def __init__(self, sent_bytes: Callable[[], int]) -> None:
        """Begin the first interval.

        Args:
            sent_bytes: returns the bytes sent so far.
        """
        self._process, self._sent = psutil.Process(), sent_bytes
        self._before = self._now()

    def _now(self) -> tuple[float, float, int]:
        used = self._process.cpu_times()
        return time.monotonic(), used.user + used.system, self._sent()

    def take(self) -> Taken:
        """Return what was taken since the last call."""
        before, self._before = self._before, self._now()
        seconds = max(self._before[0] - before[0], 1e-9)
        return Taken(
            100 * (self._before[1] - before[1]) / seconds,
            self._process.memory_info().rss / 2**20,
            (self._before[2] - before[2]) / seconds,
        )


class Steps:
    """How much the agent does: one step less after three intervals over its footprint, one more after ten within it.

    Attributes:
        step: 0 everything, to 3 its own figures only.
    """

    def __init__(self, declared: Footprint) -> None:
        """Begin with everything.

        Args:
            declared: what it may take.
        """
        self._declared = declared
        self.step = self._over = self._within = 0

    @property
    def effort(self) -> Effort:
        """How much is collected now."""
        return EFFORTS[self.step]

    @property
    def declared(self) -> dict[str, float]:
        """What it may take, by name; what is not watched is not there."""
        bounds = {name: getattr(self._declared, name) for name in _WATCHED}
        return {name: float(bound) for name, bound in bounds.items() if bound is not None}

    def heed(self, taken: Taken) -> None:
        """Account for one interval, and log every step.

        Args:
            taken: what was measured.
        """
        over = [
            f"{name} is {getattr(taken, name):.1f} of {bound:g}"
            for name, bound in self.declared.items()
            if getattr(taken, name) > bound
        ]
        self._over = self._over + 1 if over else 0
        self._within = 0 if over else self._within + 1
        if self._over >= BREACHES and self.step < len(EFFORTS) - 1:
            self._to(self.step + 1, f"{'; '.join(over)}, {BREACHES} intervals in a row")
        elif self._within >= QUIET and self.step > 0:
            self._to(self.step - 1, f"{QUIET} quiet intervals")

    def _to(self, step: int, why: str) -> None:
        self.step, self._over, self._within = step, 0, 0
        log.warning("step %d, %s: %s", step, _TOLD[step], why)
