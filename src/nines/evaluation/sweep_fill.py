"""Many minutes at once: the facts of a span judged in chunks, and what they add to windows.

One rule: a window's sums are sums of whole numbers over its slices, so it does not matter in which order, or in how
large pieces, slices are added.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from nines.evaluation.columns import Columns, Unit
from nines.evaluation.sweep_judge import CLEAN, judge_columns
from nines.evaluation.sweep_parts import Grid
from nines.telemetry.series import Flags, Ints

#: Minutes times columns judged in one go, so that what comes between stays within a few dozen MB.
_CHUNK = 2**18
Stored = npt.NDArray[np.signedinteger]


class Facts:
    """Minutes held in a ring and, after them, in a block.

    Args (of the constructor):
        ring: [minutes, 4, objectives]; minute m lies at m modulo its length.
        end: grid minute after the last one in the ring.
        block: the minutes from `end` on, shaped likewise.
    """

    def __init__(self, ring: Stored, end: int, block: Stored | None = None) -> None:
        """Hold them; nothing is copied."""
        self._ring, self._end, self._block = ring, end, block

    def rows(self, low: int, high: int) -> Stored:
        """Return the minutes [low, high)."""
        if high > self._end and low < self._end:
            return np.concatenate([self.rows(low, self._end), self.rows(self._end, high)])
        if low >= self._end and high > low:
            assert self._block is not None
            return self._block[low - self._end : high - self._end]
        at = low % len(self._ring)
        if at + high - low <= len(self._ring):
            return self._ring[at : at + high - low]
        return self._ring[np.arange(low, high) % len(self._ring)]

    def judged(self, columns: Columns, low: int, high: int) -> Ints:
        """Return the slices of [low, high) of columns of one slice length, judged: int64 [7, slices, columns]."""
        rows, length = _of(columns, self.rows(low, high)), int(columns.length[0])
        facts = rows.reshape(-1, length, *rows.shape[1:]).transpose(2, 1, 0, 3).astype(np.int64, order="C")
        return judge_columns(columns, facts, np.arange(low, high, length)[:, None])

    def added_up(self, columns: Columns, low: int, high: int) -> Ints:
        """Return what the slices of [low, high) add to a window, int64 [7, columns]."""
        found = np.zeros((len(Unit), len(columns)), dtype=np.int64)
        events = not columns.method.any() and not columns.changing
        for x, y in chunks(columns, low, high):
            if events:
                _add_events(found, columns, _of(columns, self.rows(x, y)), x)
            else:
                found += self.judged(columns, x, y).sum(axis=1)
        return found


def _add_events(found: Ints, columns: Columns, rows: Stored, low: int) -> None:
    """Add up minutes under Occurrences: all as if they were clean, and those that are not once more, by themselves."""
    times, places = np.nonzero(rows[:, 3] != CLEAN)
    found[:3] += rows[:, :3].sum(axis=0, dtype=np.int64)
    found[[Unit.KNOWN, Unit.COUNTED, Unit.INSIDE]] += len(rows) - np.bincount(places, minlength=len(columns))
    if len(times):
        odd = rows[times, :, places].T.astype(np.int64)
        units = judge_columns(columns.take(places), odd[:, None].copy(), low + times)
        units[:3] -= odd[:3]
        np.add.at(found.T, places, units.T)


def _of(columns: Columns, rows: Stored) -> Stored:
    """Return the rows of the columns' objectives."""
    if len(columns) == rows.shape[2] and np.array_equal(columns.objective, np.arange(len(columns))):
        return rows
    return np.take(rows, columns.objective, axis=2)


def chunks(columns: Columns, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Return [low, high) cut into spans of whole slices that are small enough to be judged in one go.

    Args:
        columns: of one slice length.
        low: grid minute at which a slice begins.
        high: grid minute at which one ends.
    """
    length = int(columns.length[0])
    step = max(1, _CHUNK // (len(columns) * length)) * length
    return ((x, min(x + step, high)) for x in range(low, high, step))


@dataclass(frozen=True, slots=True, eq=False)
class Move:
    """Windows on their way from one end to another; arrays are int64 [windows, columns].

    Attributes:
        first: where the first slice begins that was fed whole, [columns].
        old_begins: where windows began, not before `first`.
        old_ends: where the last whole slice ended, not before `first`, [columns].
        begins: where they begin now.
        ends: where the last whole slice ends now, [columns].
        changed: whether a window's slices are others now: its period turned, or they are laid or judged differently.
        anew: whether a window holds no slice that it held before.
    """

    first: Ints
    old_begins: Ints
    old_ends: Ints
    begins: Ints
    ends: Ints
    changed: Flags
    anew: Flags

    @classmethod
    def of(cls, grid: Grid, begin: int, before: tuple[Ints, Ints], end: int, changed: Flags) -> Move:
        """Return the way from what the grid said before to what it says at a new end.

        Args:
            grid: as it is now, periods set.
            begin: grid minute fed first.
            before: begins and ends as the grid gave them before.
            end: grid minute after the last one.
            changed: windows whose slices are others now, bool [windows, columns].
        """
        first = begin + (grid.phase - begin) % grid.columns.length
        old_begins, old_ends = np.maximum(before[0], first), np.maximum(before[1], first)
        begins, ends = np.maximum(grid.begins(end), first), np.maximum(grid.ends(end), first)
        return cls(first, old_begins, old_ends, begins, ends, changed, changed | (begins >= old_ends))

    def only(self, which: Ints) -> Move:
        """Return the way of some columns."""
        return Move(*(getattr(self, f.name)[..., which] for f in fields(self)))

    def stretches(self) -> list[tuple[int, int, int, int, Ints]]:
        """Return what comes and goes: sign, window, first minute, minute after the last, columns."""
        come = np.where(self.anew, self.begins, self.old_ends)
        go = np.where(self.anew, self.old_begins, self.begins)  # nothing goes from a window begun anew
        found = []
        for sign, low, high in ((1, come, np.broadcast_to(self.ends, come.shape)), (-1, self.old_begins, go)):
            for slot in range(len(low)):
                some = np.flatnonzero(low[slot] < high[slot])
                edges, place = np.unique(np.stack([low[slot][some], high[slot][some]]), axis=1, return_inverse=True)
                found += [(sign, slot, *edges[:, n].tolist(), some[place.ravel() == n]) for n in range(edges.shape[1])]
        return found


def fill(sums: Ints, columns: Columns, grid: Grid, move: Move, facts: Facts) -> None:
    """Bring sums from one end to another.

    Args:
        sums: int64 [windows, 7, columns], changed in place.
        columns: all columns.
        grid: where their windows lie now.
        move: from where to where.
        facts: the minutes that come and go.
    """
    sums.transpose(0, 2, 1)[move.anew] = 0
    stretches = move.stretches()
    keys = np.stack([columns.length, grid.phase, np.minimum(columns.method, 1)])
    for key in np.unique(keys, axis=1).T.tolist():
        inside = (keys == np.array(key)[:, None]).all(axis=0)
        mine = [(*s[:4], w) for s in stretches if len(w := s[4][inside[s[4]]])]
        edges = sorted({edge for s in mine for edge in s[2:4]})
        for low, high in pairwise(edges):
            here = [s for s in mine if s[2] <= low and high <= s[3]]
            if not here:
                continue
            needed = np.unique(np.concatenate([s[4] for s in here]))
            found = facts.added_up(columns.take(needed), low, high)
            for sign, slot, _, _, which in here:
                sums[slot][:, which] += sign * found[:, np.searchsorted(needed, which)]
