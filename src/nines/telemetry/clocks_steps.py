"""Steps of a clock, and exchanges that cannot be: bounds that contradict one another however the clocks ran.

One rule: two clocks, each wrong by at most rho, part by at most 2 rho per unit of time. Where a lower bound lies above
an upper one by more than that, something else happened in between: a clock was set, or a parent link is wrong. Links
are wrong one by one; a step is believed when several exchanges on both sides speak for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nines.telemetry.clocks import MINUTE_NS, RHO_PPM, UNBOUNDED, Bounds, Interval
from nines.telemetry.series import Flags, Ints

#: Exchanges that must contradict the other side before a step is believed; fewer are wrong links.
FEWEST = 3
#: Bounds after a contradiction that are asked which side they are on, and bounds looked at together.
_AHEAD, _CHUNK = 200, 8192


@dataclass(frozen=True, slots=True)
class Step:
    """A clock that was set.

    Attributes:
        after: last instant at which an exchange denies the new offset, nanoseconds UTC on the clock of `first`.
        before: first instant at which an exchange denies the old offset; the step lies between the two.
        change: by how much the offset changed, nanoseconds.
    """

    after: int
    before: int
    change: Interval

    @property
    def minute(self) -> int:
        """Grid minute in which the step shows: that of `before`; `after` may lie in an earlier one."""
        return self.before // MINUTE_NS


@dataclass(frozen=True, slots=True, eq=False)
class Breaks:
    """What keeps bounds from being those of clocks that run at their rate.

    Attributes:
        steps: clocks that were set, by time.
        odd: rows of exchanges that contradict both sides, or too few to be a step: wrong parent links.
    """

    steps: tuple[Step, ...]
    odd: Ints


def breaks_of(bounds: Bounds, rho_ppm: int = RHO_PPM) -> Breaks:
    """Return the steps and the wrong links that bounds prove; none of either when clocks of that rate explain all.

    Args:
        bounds: of one pair of hosts.
        rho_ppm: greatest error of one clock's rate, parts per million, >= 0.
    """
    track = _Track(bounds, rho_ppm)
    cuts: list[int] = []
    begin = 0
    while (place := track.contradiction(begin)) is not None:
        odd = track.alone(begin, place)
        if len(odd):
            track.drop(odd)
        else:
            cuts.append(place)
            begin = place
    return Breaks(track.steps(cuts), track.odd())


class _Track:
    """All bounds of a pair in order of time, moved so that clocks of the greatest rate make them level.

    With k(t) = 2 rho t, a lower bound L at t holds at every later t' as L - (k(t') - k(t)), so the greatest L + k(t) so
    far is all that must be carried; likewise the least U - k(t). Looking back in time the signs of k turn.
    """

    def __init__(self, bounds: Bounds, rho_ppm: int) -> None:
        at = np.concatenate([bounds.low_at, bounds.high_at])
        order = np.argsort(at, kind="stable")
        self.at = at[order]
        self.value: Ints = np.concatenate([bounds.low, bounds.high])[order]
        self.is_low: Flags = np.concatenate([np.ones(len(bounds.low), bool), np.zeros(len(bounds.high), bool)])[order]
        self.row: Ints = np.concatenate([bounds.low_row, bounds.high_row])[order]
        since = self.at - (self.at[0] if len(at) else 0)
        whole, rest = np.divmod(since, 1_000_000)
        self.moved: Ints = whole * (2 * rho_ppm) + rest * (2 * rho_ppm) // 1_000_000
        self.up: Ints = self.value + self.moved
        self.down: Ints = self.value - self.moved
        self._kept = np.ones(len(at), dtype=np.bool_)

    def __len__(self) -> int:
        return len(self.at)

    def contradiction(self, begin: int) -> int | None:
        """Return the first bound after `begin` that one between them denies, or None."""
        low, high = -UNBOUNDED, UNBOUNDED
        for place in range(begin, len(self), _CHUNK):
            part = np.arange(place, min(place + _CHUNK, len(self)))
            lows = np.maximum.accumulate(np.append(low, np.where(self._lows(part), self.up[part], -UNBOUNDED)))
            highs = np.minimum.accumulate(np.append(high, np.where(self._highs(part), self.down[part], UNBOUNDED)))
            # At the time of a bound k both sides have widened by k; rounding k down may cost one nanosecond.
            wrong = self._kept[part] & (lows[1:] - highs[1:] > 2 * self.moved[part] + 1)
            if wrong.any():
                return place + int(wrong.argmax())
            low, high = int(lows[-1]), int(highs[-1])
        return None

    def alone(self, begin: int, place: int) -> Ints:
        """Return rows of exchanges that are wrong by themselves where a bound is denied; none where a step is shown.

        Args:
            begin: where the run begins that the bound contradicts.
            place: which bound.
        """
        before, this = np.arange(begin, place), np.array([place])
        ahead = np.arange(place, min(place + _AHEAD, len(self)))
        against = ahead[self._denied(ahead, self._forward(before), 1)]
        apart = ahead[self._denied(ahead, self._forward(this), 1)]
        if self._exchanges(against) < FEWEST or self._exchanges(apart) >= self._exchanges(against):
            return self.row[place : place + 1]
        together = against[~np.isin(against, apart)]
        denied = before[self._denied(before, self._backward(together), -1)]
        few: Ints = self.row[denied if self._exchanges(denied) < FEWEST else before[:0]]
        return few

    def drop(self, rows: Ints) -> None:
        """Leave some exchanges out from here on."""
        self._kept &= ~np.isin(self.row, rows)

    def odd(self) -> Ints:
        """Return the rows of the exchanges left out."""
        rows: Ints = np.unique(self.row[~self._kept])
        return rows

    def steps(self, cuts: list[int]) -> tuple[Step, ...]:
        """Return the step at each cut, the last one first found, so that what follows a step is its own side only."""
        found: list[Step] = []
        end = len(self)
        for begin, cut in reversed(list(pairwise([0, *cuts]))):
            before, later = np.arange(begin, cut), self._backward(np.arange(cut, end))
            last = int(before[self._denied(before, later, -1)][-1])
            earlier, moved = self._forward(np.arange(begin, last + 1)), int(self.moved[cut])
            old = earlier[0] - moved - 1, earlier[1] + moved + 1
            new = later[0] + moved - 1, later[1] - moved + 1
            # A side that nothing bounds stands at 2^62, further than any offset reaches.
            least = None if new[0] < -UNBOUNDED // 2 or old[1] > UNBOUNDED // 2 else new[0] - old[1]
            most = None if new[1] > UNBOUNDED // 2 or old[0] < -UNBOUNDED // 2 else new[1] - old[0]
            speaking = self._exchanges(np.arange(begin, last + 1)) + self._exchanges(np.arange(cut, end))
            found.append(Step(int(self.at[last]), int(self.at[cut]), Interval(least, most, speaking)))
            end = last + 1
        return tuple(reversed(found))

    def _lows(self, places: Ints) -> Flags:
        lows: Flags = self._kept[places] & self.is_low[places]
        return lows

    def _highs(self, places: Ints) -> Flags:
        highs: Flags = self._kept[places] & ~self.is_low[places]
        return highs

    def _forward(self, places: Ints) -> tuple[int, int]:
        """Return the greatest L + k and the least U - k of some bounds: what they say of later times."""
        lows, highs = self.up[places[self._lows(places)]], self.down[places[self._highs(places)]]
        return int(lows.max(initial=-UNBOUNDED)), int(highs.min(initial=UNBOUNDED))

    def _backward(self, places: Ints) -> tuple[int, int]:
        """Return the greatest L - k and the least U + k of some bounds: what they say of earlier times."""
        lows, highs = self.down[places[self._lows(places)]], self.up[places[self._highs(places)]]
        return int(lows.max(initial=-UNBOUNDED)), int(highs.min(initial=UNBOUNDED))

    def _denied(self, places: Ints, carry: tuple[int, int], side: int) -> Flags:
        """Return which bounds cannot hold with what is carried, forward (side 1) or backward (side -1)."""
        reach = side * self.moved[places] + 1
        too_high = self._lows(places) & (self.value[places] - reach > carry[1])
        denied: Flags = too_high | (self._highs(places) & (self.value[places] + reach < carry[0]))
        return denied

    def _exchanges(self, places: Ints) -> int:
        return len(np.unique(self.row[places]))
