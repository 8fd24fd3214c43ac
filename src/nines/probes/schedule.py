"""When a probe runs: on a grid that never drifts, each run a little later than its instant, everywhere differently.

The grid is counted from 1970, so nobody's start or restart moves it. The delay comes from a hash of the seed, the
probe, the location and the instant: everybody who asks gets the same.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from nines.spans import EPOCH


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """One run that is due.

    Attributes:
        begins: when it begins.
        scheduled: its instant on the grid, by which its results are known and compared between locations.
    """

    begins: datetime
    scheduled: datetime


def slot(name: str, location: str, *, every: timedelta, jitter: timedelta, seed: int, number: int) -> Slot:
    """Return one run of a schedule.

    Args:
        name: of the probe.
        location: where it runs.
        every: distance of two runs, > 0.
        jitter: longest delay, 0 <= jitter < every.
        seed: of this installation.
        number: how many distances after 1970.
    """
    scheduled = EPOCH + number * every
    digest = hashlib.sha256(f"{seed}/{name}/{location}/{number}".encode()).digest()
    delay = (jitter // EPOCH.resolution) * int.from_bytes(digest[:8], "big") >> 64  # whole microseconds
    return Slot(scheduled + delay * EPOCH.resolution, scheduled)


def following(
    name: str, location: str, *, every: timedelta, jitter: timedelta, seed: int, after: datetime, most: int = 1
) -> list[Slot]:
    """Return the next runs that begin after an instant.

    Args:
        name: of the probe.
        location: where it runs.
        every: distance of two runs, > 0.
        jitter: longest delay, 0 <= jitter < every.
        seed: of this installation.
        after: aware UTC; runs that begin at or before it are over.
        most: how many runs.

    Example:
        >>> from datetime import UTC
        >>> minute, noon = timedelta(minutes=1), datetime(2026, 3, 1, 12, tzinfo=UTC)
        >>> [s.begins.minute for s in following("p", "l", every=minute, jitter=minute * 0, seed=1, after=noon, most=3)]
        [1, 2, 3]
    """
    number = (after - EPOCH) // every
    found: list[Slot] = []
    while len(found) < most:
        one = slot(name, location, every=every, jitter=jitter, seed=seed, number=number)
        if one.begins > after:
            found.append(one)
        number += 1
    return found
