"""The loop that keeps a house in order: rows into the lake, counts into memory, finished periods into statements.

It holds no judgement and no state that matters: every deed is an operation, and each can be repeated after a crash.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from nines.errors import NinesError
from nines.operations import upkeep
from nines.operations.house import House
from nines.operations.rounds import Post, post_of
from nines.worker.alerting import Alerting
from nines.worker.probing import Prober

log = logging.getLogger("nines.worker")

Clock = Callable[[], datetime]


def wall_clock() -> datetime:
    """Return the present instant, aware UTC."""
    return datetime.now(UTC)


@dataclass
class Duty:
    """One thing done again and again.

    Attributes:
        name: what the log and `/metrics` call it.
        every: time between two starts.
        deed: the operation, given the present instant.
        due: when it is next done.
        failures: failures in a row; each doubles the wait, up to sixteen times.
    """

    name: str
    every: timedelta
    deed: Callable[[datetime], object]
    due: datetime | None = None
    failures: int = 0

    def run(self, now: datetime) -> None:
        """Do it, and set the next due instant; a failure is logged and tried again later."""
        try:
            self.deed(now)
            self.failures = 0
        except NinesError as error:
            self.failures += 1
            log.warning("%s failed: %s", self.name, error)
        except Exception:
            self.failures += 1
            log.exception("%s failed", self.name)
        self.due = now + self.every * 2 ** min(self.failures, 4)


@dataclass
class Worker:
    """Runs the duties of one house in a thread of its own.

    Attributes:
        house: the house it keeps.
        clock: where the present instant comes from.
        post: where this process stands, from which probes are run; None runs none.
    """

    house: House
    clock: Clock = wall_clock
    post: Post | None = None
    _prober: Prober | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _alerting: Alerting | None = None

    def duties(self) -> list[Duty]:
        """Return what is to be done, most urgent first."""
        return [
            Duty("flush", timedelta(seconds=1), lambda now: upkeep.flush(self.house, now=now)),
            Duty("pull", timedelta(seconds=60), lambda now: upkeep.pull(self.house, now=now)),
            Duty("lateness", timedelta(minutes=5), lambda now: upkeep.learn(self.house, now=now)),
            Duty("statements", timedelta(minutes=5), lambda now: upkeep.close_periods(self.house, now=now)),
            Duty("compact", timedelta(minutes=2), lambda now: upkeep.compact(self.house, now=now)),
        ]

    def start(self) -> None:
        """Begin; returns at once."""
        self._alerting = Alerting(self.house, self.clock, self._stop, os.environ.get("NINES_URL", ""))
        self._alerting.start()
        self._thread = threading.Thread(target=self._run, name="nines-worker", daemon=True)
        self._thread.start()
        if self.post is not None:
            self._prober = Prober(self.house, self.post, self.clock)
            self._prober.start()

    def stop(self) -> None:
        """Finish the deed in hand and end; waits up to ten seconds for it, and as long for probes under way."""
        self._stop.set()
        if self._prober is not None:
            self._prober.stop()
        if self._thread is not None:
            self._thread.join(timeout=10)
        if self._alerting is not None:
            self._alerting.join(timeout=10)

    def _run(self) -> None:
        duties = self.duties()
        while not self._stop.is_set():
            for duty in duties:
                now = self.clock()
                if duty.due is None or duty.due <= now:
                    duty.run(now)
            self._stop.wait(0.25)


def build(house: House, clock: Clock = wall_clock) -> Worker:
    """Return the worker of a house, not yet started; what it needs for probes is read from the environment.

    Raises:
        InputError: a setting is wrong.
    """
    return Worker(house, clock, post_of(os.environ))
