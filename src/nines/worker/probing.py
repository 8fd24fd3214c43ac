"""Runs what is due of the probes, beside the other duties: a journey may take its time, a flush may not wait for it."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from datetime import datetime

from nines.errors import NinesError
from nines.operations import rounds
from nines.operations.house import House

log = logging.getLogger("nines.worker")

#: Journeys under way at once, and browsers among them: a browser takes a core and half a gigabyte.
JOURNEYS, BROWSERS = 4, 1
#: Seconds between two looks at the schedule.
LOOK_S = 0.25


class Prober:
    """Runs the probes in force that name a location of this process."""

    def __init__(self, house: House, post: rounds.Post, clock: Callable[[], datetime]) -> None:
        """Begin with the present: runs of the past are not made up for.

        Args:
            house: whose probes.
            post: where this process stands.
            clock: where the present instant comes from.
        """
        self._house, self._post, self._clock = house, post, clock
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._under_way: set[tuple[str, str, str]] = set()
        self._plain: queue.Queue[rounds.Due | None] = queue.Queue()
        self._heavy: queue.Queue[rounds.Due | None] = queue.Queue()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin; returns at once."""
        hands = [(self._plain, JOURNEYS), (self._heavy, BROWSERS)]
        deeds: list[Callable[[], None]] = [self._watch]
        deeds += [lambda q=waiting: self._work(q) for waiting, number in hands for _ in range(number)]  # type: ignore[misc]
        self._threads = [threading.Thread(target=one, name="nines-prober", daemon=True) for one in deeds]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Begin no more, and wait up to ten seconds for what is under way."""
        self._stop.set()
        for waiting, number in ((self._plain, JOURNEYS), (self._heavy, BROWSERS)):
            for _ in range(number):
                waiting.put(None)
        for thread in self._threads:
            thread.join(timeout=10 / len(self._threads))

    def _watch(self) -> None:
        looked = self._clock()
        while not self._stop.wait(LOOK_S):
            now = self._clock()
            try:
                for due in rounds.due_between(self._house, self._post, after=looked, now=now):
                    self._begin(due)
            except Exception:
                log.exception("the schedule of probes cannot be read")
            looked = now

    def _begin(self, due: rounds.Due) -> None:
        """Let a run wait for a free hand, unless the one before it is not over."""
        with self._lock:
            if due.name in self._under_way:
                return
            self._under_way.add(due.name)
        (self._heavy if due.in_browser else self._plain).put(due)

    def _work(self, waiting: queue.Queue[rounds.Due | None]) -> None:
        while (due := waiting.get()) is not None and not self._stop.is_set():
            try:
                self._run(due)
            except NinesError as error:
                log.warning("the probe %s: %s", due.journey.name, error)
            except Exception:
                log.exception("the probe %s failed", due.journey.name)
            finally:
                with self._lock:
                    self._under_way.discard(due.name)

    def _run(self, due: rounds.Due) -> None:
        now = self._clock()
        if now - due.begins > due.journey.every:  # it waited so long that the next is due: its instant stays unknown
            return
        found = rounds.look(self._house, self._post, due, now=now)
        rounds.book(self._house, self._post, due, found, now=self._clock())


def build(house: House, post: rounds.Post, clock: Callable[[], datetime]) -> Prober:
    """Return the prober of a house, not yet started."""
    return Prober(house, post, clock)
