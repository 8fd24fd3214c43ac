"""Little histories that generated rules are tested with: what counters show, minute by minute, and what they mean.

The meaning is worked out here in whole numbers, without PromQL, so that a test compares two ways of counting.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

#: Events of an ordinary minute.
USUAL = 1000
#: Minute of the one bad event where there is one event in ten minutes.
_ONE_BAD = 90


@dataclass(frozen=True, slots=True)
class Scenario:
    """One history.

    Attributes:
        name: what happens.
        good, bad: counters at each minute; None where a series is not there yet.
        counted_good, counted_bad: events of each minute, as they are to be counted.
        at: minute at which everything is looked at.
        counters: whether it is about counters, and says nothing of minute gauges.
    """

    name: str
    good: tuple[int | None, ...]
    bad: tuple[int | None, ...]
    counted_good: tuple[int, ...]
    counted_bad: tuple[int, ...]
    counters: bool = False

    @property
    def at(self) -> int:
        """The last minute."""
        return len(self.good) - 1

    def sums(self, at: int, minutes: int) -> tuple[int, int]:
        """Return good and bad events of the last minutes before the end of a minute."""
        minutes_held = slice(max(at - minutes + 1, 0), max(at + 1, 0))
        return sum(self.counted_good[minutes_held]), sum(self.counted_bad[minutes_held])


def _steady(name: str, good: list[int], bad: list[int]) -> Scenario:
    """Return a history whose counters begin at nothing with its first minute."""
    return Scenario(name, _added(good), _added(bad), tuple(good), tuple(bad))


def _added(counts: list[int]) -> tuple[int, ...]:
    shown, total = [], 0
    for count in counts:
        total += count
        shown.append(total)
    return tuple(shown)


def scenarios(budget: Fraction) -> tuple[Scenario, ...]:
    """Return the histories for an allowed bad share.

    Args:
        budget: 0 < budget < 1.
    """
    burning = min(ceil(20 * budget * USUAL), USUAL)
    usual_bad = floor(budget * USUAL / 2)
    healthy = [USUAL - usual_bad] * 120
    return (
        _steady("steady burn", [0, *[USUAL - burning] * 240], [0, *[burning] * 240]),
        _steady("spike",
                [0, *healthy, 0, 0, 0, *[USUAL] * 10],
                [0, *[usual_bad] * 120, USUAL, USUAL, USUAL, *[0] * 10]),
        _steady("idle", [0] * 121, [0] * 121),
        _newborn(),
        _cold_start(),
        _reset(),
        _steady("low traffic", [0, *[int(n % 10 == 0 and n != _ONE_BAD) for n in range(1, 121)]],
                [0, *[int(n == _ONE_BAD) for n in range(1, 121)]]),
    )  # fmt: skip


def _newborn() -> Scenario:
    """The first error makes its series, an hour after the target was first read, and shows 7 at once."""
    good = [0, *[USUAL] * 120]
    counted = [0] * 60 + [7] + [0] * 60
    return Scenario(
        "newborn series", _added(good), (*[None] * 60, *[7] * 61), tuple(good), tuple(counted), counters=True
    )


def _cold_start() -> Scenario:
    """Counters that have counted for long before anybody read them: what they show first was not counted now."""
    good, bad = [0, *[USUAL] * 20], [0, *[1] * 20]
    shown_good, shown_bad = (tuple(n + before for n in _added(c)) for c, before in ((good, 5_000_000), (bad, 90_000)))
    return Scenario("cold start", shown_good, shown_bad, tuple(good), tuple(bad), counters=True)


def _reset() -> Scenario:
    """The process begins again in the middle; what the new counters show counts whole."""
    good, bad = [0, *[USUAL] * 120], [0, *[2] * 120]
    half = 61
    shown_good, shown_bad = ((*_added(c[:half]), *_added(c[half:])) for c in (good, bad))
    return Scenario("counter reset", shown_good, shown_bad, tuple(good), tuple(bad), counters=True)
