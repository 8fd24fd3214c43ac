"""Episodes: what the life of an alert makes of a rule's sides, from one run of equal sides to the next.

One rule: an episode is what `life.advance` would tell, from `fired` to the last `resolved` before the next `fired`;
`life` says why. Runs are taken whole, so that a quiet year costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np

from nines.alerting.decide import Rule
from nines.alerting.life import REST, State
from nines.alerting.policy import Severity
from nines.alerting.sides import OVER, UNDER, Sides
from nines.spans import MINUTE
from nines.telemetry.series import Ints

_REST = REST // MINUTE


@dataclass(frozen=True, slots=True)
class Told:
    """One stretch in which an alert fires.

    Attributes:
        start: minute it fired, or fired again.
        end: minute it was resolved, or None when it fired still at the end.
    """

    start: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Episode:
    """One episode of one rule.

    Attributes:
        rule: name of the rule.
        severity: its severity.
        began: minute its burn began.
        told: its stretches, at least one; those after the first were told as `refired`.
    """

    rule: str
    severity: Severity
    began: datetime
    told: tuple[Told, ...]

    @property
    def fired(self) -> datetime:
        """Minute it fired."""
        return self.told[0].start

    @property
    def resolved(self) -> datetime | None:
        """Minute it was resolved for the last time, or None when it fires still."""
        return self.told[-1].end


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of ticks with one side, both ends included."""

    side: int
    first: int
    last: int


@dataclass(slots=True)
class _Life:
    """An alert between two runs, in ticks; see `life.TABLE`."""

    lasts: int
    clear: int
    state: State = "ok"
    burns: int | None = None
    found: list[tuple[int, list[list[int]]]] = field(default_factory=list)

    def take(self, run: Run) -> None:
        """Live through one run."""
        if run.side == OVER:
            self._over(run)
        elif run.side == UNDER:
            self._under(run)
        elif self.state == "ok":
            self.state = "unknown"

    def _over(self, run: Run) -> None:
        self.burns = run.first if self.burns is None else self.burns
        held = max(run.first, self.burns + self.lasts)
        if self.state == "firing":
            return
        if held > run.last:
            self.state = "resolved" if self.state == "resolved" else "pending"
            return
        if self.state == "resolved":
            self.found[-1][1].append([held, -1])
        else:
            self.found.append((self.burns, [[held, -1]]))
        self.state = "firing"

    def _under(self, run: Run) -> None:
        self.burns, cleared = None, run.first + self.clear
        if self.state == "firing" and cleared <= run.last:
            self.found[-1][1][-1][1] = cleared
            self.state = "resolved"
        if self.state == "resolved" and cleared + _REST <= run.last:
            self.state = "ok"
        if self.state in {"pending", "unknown"}:
            self.state = "ok"


@dataclass(frozen=True, slots=True, eq=False)
class Lived:
    """What one alert told over a past, in ticks.

    Attributes:
        began: int64 per episode: when its burn began.
        first: int64 per episode: place of its first stretch.
        fired: int64 per stretch: when it fired or fired again.
        resolved: int64 per stretch: when it was resolved, or -1 where it fires still.
    """

    began: Ints
    first: Ints
    fired: Ints
    resolved: Ints

    @classmethod
    def of(cls, found: list[tuple[int, list[list[int]]]]) -> Lived:
        """Return what was told, from (began, stretches) of each episode."""
        stretches = np.array([s for _, told in found for s in told], dtype=np.int64).reshape(-1, 2)
        sizes = np.array([len(told) for _, told in found], dtype=np.int64)
        began = np.array([began for began, _ in found], dtype=np.int64)
        return cls(began, np.cumsum(sizes) - sizes, stretches[:, 0], stretches[:, 1])

    def episodes(self, rule: Rule, at: Callable[[int], datetime]) -> Iterator[Episode]:
        """Return the same as episodes of a rule.

        Args:
            rule: whose alert it was.
            at: tick -> its instant.
        """
        pairs = zip(self.fired.tolist(), self.resolved.tolist(), strict=True)
        told = [Told(at(a), at(b) if b >= 0 else None) for a, b in pairs]
        edges = [*self.first.tolist(), len(told)]
        for began, (low, high) in zip(self.began.tolist(), pairwise(edges), strict=True):
            yield Episode(rule.name, rule.severity, at(began), tuple(told[low:high]))


def lives(sides: Sides, lasts: timedelta, clear: timedelta) -> Lived:
    """Return what an alert tells.

    Args:
        sides: of its rule.
        lasts: how long it must be over before it fires.
        clear: how long it must be surely under before it resolves.

    Example:
        >>> from nines.alerting.sides import OPEN
        >>> sides = Sides(np.array([3, 4, 5]), np.array([OVER, OPEN, OVER], dtype=np.uint8), 100)
        >>> lived = lives(sides, timedelta(), timedelta(minutes=2))
        >>> lived.began, lived.fired, lived.resolved
        (array([3]), array([3]), array([8]))
    """
    waits, clears = -(-lasts // MINUTE), -(-clear // MINUTE)
    if not waits and (sides.sides == OVER).all():
        return _plainly(sides, clears)
    life = _Life(waits, clears)
    for run in _runs(sides):
        life.take(run)
    return Lived.of(life.found)


def _plainly(sides: Sides, clear: int) -> Lived:
    """Return what an alert tells that fires at once and is never in doubt: gaps alone part its runs."""
    if not len(sides.ticks):
        return Lived.of([])
    parted = np.flatnonzero(np.diff(sides.ticks) > clear + 1)
    fired = sides.ticks[np.concatenate([[0], parted + 1])]
    last = sides.ticks[np.concatenate([parted, [len(sides.ticks) - 1]])]
    resolved = last + 1 + clear
    resolved[-1] = resolved[-1] if resolved[-1] < sides.count else -1
    rested = np.flatnonzero(fired[1:] - last[:-1] > clear + 1 + _REST)
    first = np.concatenate([[0], rested + 1])
    return Lived(fired[first], first, fired, resolved)


def _runs(sides: Sides) -> Iterator[Run]:
    """Return the runs from the first burn on; what lies before it tells nothing."""
    ticks, values, end = sides.ticks, sides.sides, sides.count
    begins = np.flatnonzero(values == OVER)
    if not len(begins):
        return
    ticks, values = ticks[begins[0] :], values[begins[0] :]
    breaks = np.flatnonzero((np.diff(ticks) != 1) | (np.diff(values) != 0)) + 1
    firsts, lasts = ticks[np.r_[0, breaks]].tolist(), ticks[np.r_[breaks - 1, len(ticks) - 1]].tolist()
    kinds = values[np.r_[0, breaks]].tolist()
    for n, (side, first, last) in enumerate(zip(kinds, firsts, lasts, strict=True)):
        yield Run(side, first, last)
        following = firsts[n + 1] if n + 1 < len(firsts) else end
        if following > last + 1:
            yield Run(UNDER, last + 1, following - 1)
