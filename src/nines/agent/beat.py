"""Time as an agent uses it: when to collect next, and which instant to write on what was collected.

Collecting goes by the monotonic clock, so a step of the wall clock neither skips nor repeats anything. Instants come
from the wall clock, but never go back: readings of one series that overlapped would count as restarts.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

log = logging.getLogger("nines.agent")

#: A difference between the two clocks that is told as a step.
STEP = timedelta(seconds=1)


def _wait(event: threading.Event, seconds: float) -> bool:
    return event.wait(max(0.0, seconds))


@dataclass(frozen=True, slots=True)
class Beat:
    """The clocks of an agent.

    Attributes:
        clock: the wall clock, aware UTC.
        monotonic: seconds that only ever grow, at the pace of time.
        wait: waits for an event at most so many seconds of that pace; returns whether it happened.
    """

    clock: Callable[[], datetime]
    monotonic: Callable[[], float] = time.monotonic
    wait: Callable[[threading.Event, float], bool] = _wait


class Stamps:
    """Instants that never go back.

    When the wall clock is set back, instants go on at half the pace until it has caught up, so they stay in order and
    heal by themselves. When it is set forward they follow at once. Safe for several threads.

    Attributes:
        stepped: how far the wall clock was set so far, all steps together.
    """

    def __init__(self, beat: Beat) -> None:
        """Begin with the wall clock as it is."""
        self._beat, self._lock = beat, threading.Lock()
        self._wall = self._last = beat.clock()
        self._at = beat.monotonic()
        self.stepped = timedelta()

    def now(self) -> datetime:
        """Return the present instant, later than every one before it."""
        with self._lock:
            wall, at = self._beat.clock(), self._beat.monotonic()
            elapsed = timedelta(seconds=at - self._at)
            step = wall - self._wall - elapsed
            if abs(step) >= STEP:
                self.stepped += step
                log.warning("the clock was set by %+.1f s", step.total_seconds())
            self._last = max(wall, self._last + max(elapsed / 2, timedelta(milliseconds=1)))
            self._wall, self._at = wall, at
            return self._last


def following(due: float, interval: float, now: float) -> float:
    """Return when something is next due: on its grid, and only once however many times were missed.

    Args:
        due: when it was last due, seconds.
        interval: distance of two times, seconds, > 0.
        now: present, of the same clock.

    Example:
        >>> following(10.0, 5.0, 11.0), following(10.0, 5.0, 32.0)
        (15.0, 35.0)
    """
    return due + interval * max(1.0, 1.0 + (now - due) // interval)
