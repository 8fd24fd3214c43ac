"""Threads of the worker: one judges every minute, one tells what there is to tell, one looks after escalations.

One rule: none waits for another, nor for flushes and compactions: a slow channel delays no decision, and a large
intake no page.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from nines.errors import Problem
from nines.operations.alerting import Alarms
from nines.operations.heartbeats import beat
from nines.operations.house import House
from nines.operations.notifying import Means, send_due
from nines.operations.rounds import secrets_of
from nines.worker.escalating import Escalating

log = logging.getLogger("nines.worker")

#: Minutes are judged so long after they end, so that the flush of their last rows is done.
AFTER = timedelta(seconds=3)


@dataclass
class Alerting:
    """Judges and tells for one house.

    Attributes:
        house: whose.
        clock: where the present instant comes from.
        stop: set when it shall end.
        root: address of this installation for links, or "".
    """

    house: House
    clock: Callable[[], datetime]
    stop: threading.Event
    root: str = ""
    _alarms: dict[str, Alarms] = field(default_factory=dict)
    _escalating: Escalating | None = None
    _secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begin; returns at once."""
        unread: list[Problem] = []
        self._secrets = secrets_of(os.environ, unread)
        for problem in unread:
            log.warning("%s", problem)
        self._escalating = Escalating(self.house, os.environ.get("NINES_DURABLE", ""))
        steps = (("nines-ticks", self.tick), ("nines-messages", self.send), ("nines-escalations", self.escalate))
        for name, step in steps:
            thread = threading.Thread(target=self._again, args=(name, step), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def join(self, timeout: float) -> None:
        """Wait until all have ended; `stop` is set by then.

        Args:
            timeout: seconds to wait for each.
        """
        for thread in self._threads:
            thread.join(timeout=timeout)
        if self._escalating is not None:
            self._escalating.stop()

    def tick(self) -> None:
        """Judge the minutes that have passed, for every tenant, and tell those who listen that it was done."""
        for tenant in self.house.store.revisions.tenants():
            alarms = self._alarms.setdefault(tenant, Alarms(self.house, tenant))
            found = alarms.tick(self.clock() - AFTER)
            for problem in found.failed:
                log.warning("%s: not judged: %s", tenant, problem)
            if found.minutes:
                beat(self.house, tenant, now=self.clock())

    def send(self) -> None:
        """Send what is due."""
        send_due(self.house, Means(self._secrets, self.root, lambda: int(self.clock().timestamp())), now=self.clock())

    def escalate(self) -> None:
        """Tell again what nobody took on."""
        if self._escalating is not None:
            self._escalating.look(self.clock())

    def _again(self, name: str, step: Callable[[], None]) -> None:
        pause = 1.0
        while not self.stop.is_set():
            try:
                step()
                pause = 1.0
            except Exception:
                log.exception("%s failed", name)
                pause = min(pause * 2, 60.0)
            self.stop.wait(pause)
