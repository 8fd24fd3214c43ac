"""Silence that repeats what came before, in columns: which lost slices of each window repeat what.

One rule: a lost slice of a window repeats the last slice before it that was decided, if that one is no older than the
window's reach. So it is enough to know for each objective the last decided slice of all (its head), and for each window
the last one before its beginning (its tail). When a tail grows too old, what repeated it is found by looking ahead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from nines.evaluation.columns import MISSING, Columns, Unit
from nines.evaluation.sweep_fill import Facts, chunks
from nines.evaluation.sweep_judge import CLEAN, share
from nines.evaluation.sweep_parts import ENDLESS, Grid
from nines.telemetry.series import Flags, Ints

#: Where a slice begins that is not known, or too old to be repeated.
NEVER = -ENDLESS


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What slices are to silence; arrays are [columns] or [slices, columns].

    Attributes:
        decided: whether it can be repeated, by any term of its objective.
        bad: its bad share in units of 2^-SHARE_BITS.
        lost: whether it repeats another, under this column's term.
    """

    decided: Flags
    bad: Ints
    lost: Flags

    @classmethod
    def of(cls, objective: Ints, units: Ints) -> Seen:
        """Read judged units, [7, ..., columns], of columns of these objectives; all columns of each must be there."""
        good, bad = units[Unit.GOOD], units[Unit.BAD]
        begins = np.flatnonzero(np.diff(objective, prepend=-1))
        if len(begins) != len(objective):  # one term decides, the silence of the next repeats it
            counts = np.diff(begins, append=len(objective))
            good, bad = (np.repeat(np.add.reduceat(v, begins, axis=-1), counts, axis=-1) for v in (good, bad))
        decided = good + bad > 0
        return cls(decided, share(bad, np.where(decided, good + bad, 1)), units[Unit.SILENT] > 0)


class Repeats:
    """What silence repeats in every window of the columns that say `missing: last`.

    Attributes:
        which: indices of these columns among all.
        held: int64 [windows, 2, columns]: lost slices that repeat one (minutes, for Occurrences), and the sum of the
            bad shares they repeat, in units of 2^-SHARE_BITS.
        head: int64 [2, columns]: where the last decided slice begins, and its bad share.
        tail: int64 [windows, 2, columns]: the same of the last decided one before each window, `NEVER` without.
        first: int64 per column: no slice before this was ever decided.
    """

    def __init__(self, columns: Columns, windows: int) -> None:
        """Begin with nothing heard."""
        self.which: Ints = np.flatnonzero(columns.missing == MISSING.index("last"))
        self.columns = columns.take(self.which)
        self.held = np.zeros((windows, 2, len(self.which)), dtype=np.int64)
        self.head = np.zeros((2, len(self.which)), dtype=np.int64)
        self.tail = np.zeros((windows, 2, len(self.which)), dtype=np.int64)
        self.first = np.full(len(self.which), ENDLESS)
        self.head[0], self.tail[:, 0] = NEVER, NEVER

    def __len__(self) -> int:
        """Return the number of columns."""
        return len(self.which)

    def enter(self, slot: int, which: Ints, start: int, begin: int | Ints, units: Ints) -> None:
        """Take a slice into a window.

        Args:
            slot: index of the window.
            which: columns among all.
            start: grid minute at which the slice begins.
            begin: grid minute at which the window began until now.
            units: the slice judged, [7, columns].
        """
        mine = np.searchsorted(self.which, which)
        seen = Seen.of(self.columns.objective[mine], units)
        head = np.where(seen.decided, [np.full(len(mine), start), seen.bad], self.head[:, mine])
        self.head[:, mine] = head
        self.first[mine] = np.minimum(self.first[mine], np.where(seen.decided, start, ENDLESS))
        if seen.lost.any():
            counted = seen.lost & ((head[0] >= begin) | (self.tail[slot, 0, mine] > NEVER))
            self.held[slot][:, mine] += [counted, head[1] * counted]

    def leave(self, slot: int, which: Ints, start: int, units: Ints) -> None:
        """Let a slice go from a window; arguments as for `enter`."""
        mine = np.searchsorted(self.which, which)
        seen = Seen.of(self.columns.objective[mine], units)
        tail = np.where(seen.decided, [np.full(len(mine), start), seen.bad], self.tail[slot][:, mine])
        self.tail[slot][:, mine] = tail
        if seen.lost.any():
            counted = seen.lost & (tail[0] > NEVER)
            self.held[slot][:, mine] -= [counted, tail[1] * counted]

    def expire(self, grid: Grid, end: int, facts: Facts) -> None:
        """Forget tails that lie before their window's reach, and count what repeated them as unknown.

        Args:
            grid: of all columns.
            end: grid minute after the last one.
            facts: the minutes of the windows.
        """
        mine = grid.only(self.which)
        stale = (self.tail[:, 0] > NEVER) & (self.tail[:, 0] < mine.reaches(end))
        if not stale.any():
            return
        begins, ends = mine.begins(end), mine.ends(end)
        for slot in np.flatnonzero(stale.any(axis=1)).tolist():
            some = np.flatnonzero(self._whole(stale[slot] & (self.held[slot, 0] > 0)))
            some = some[~self._surely_decided(some, begins[slot, some], ends, facts)]
            lost = self.lost_ahead(some, begins[slot, some], ends[some], begins[slot : slot + 1, some], facts)[0][0]
            self.held[slot][:, some] -= [lost, lost * self.tail[slot, 1, some]]
        self.tail[:, 0][stale] = NEVER

    def _whole(self, some: Flags) -> Flags:
        """Return which columns belong to objectives of which any column is among some."""
        objective = self.columns.objective
        return np.isin(objective, objective[some])

    def _surely_decided(self, some: Ints, starts: Ints, ends: Ints, facts: Facts) -> Flags:
        """Return which columns begin with a slice that is decided at first sight: all heard, and nothing in doubt."""
        sure, length = np.zeros(len(some), dtype=np.bool_), self.columns.length[some]
        for place, low, high in spans(length, starts, np.minimum(starts + length, ends[some])):
            if low < high:
                good, bad, unknown, marks = facts.rows(low, high)[:, :, self.columns.objective[some[place]]].transpose(
                    1, 0, 2
                )
                events = ((good > 0) | (bad > 0)).any(axis=0)
                sure[place] = events & ~(unknown > 0).any(axis=0) & (marks == CLEAN).all(axis=0)
        return sure

    def lost_ahead(self, some: Ints, starts: Ints, ends: Ints, begins: Ints, facts: Facts) -> tuple[Ints, Ints]:
        """Count the lost slices before the first decided one.

        Args:
            some: columns among these, with all columns of each objective.
            starts: where to begin to look, per column.
            ends: where to stop, per column.
            begins: from where on lost slices are counted, [windows, columns].
            facts: the minutes.

        Returns:
            Lost slices [windows, columns], and where the first decided one begins (`ENDLESS` when none does).
        """
        lost, found = np.zeros_like(begins), np.full(len(some), ENDLESS)
        for place, low, high in spans(self.columns.take(some).length, starts, ends):
            left, x, step = place, low, 1
            while x < high and len(left):
                columns = self.columns.take(some[left])
                length = int(columns.length[0])
                _, y = next(chunks(columns, x, min(high, x + step * length)))
                seen = Seen.of(columns.objective, facts.judged(columns, x, y))
                first = np.where(seen.decided.any(axis=0), seen.decided.argmax(axis=0), len(seen.decided))
                order = np.arange(len(seen.decided))[:, None]
                mine = seen.lost & (order < first)
                lost[:, left] += (mine & (x + order * length >= begins[:, None, left])).sum(axis=1)
                here = first < len(seen.decided)
                found[left[here]] = x + first[here] * length
                left, x, step = left[~here], y, step * 8
        return lost, found

    def before(self, some: Ints, starts: Ints, floors: Ints, facts: Facts) -> Ints:
        """Return the last decided slice before each start: its beginning (`NEVER` without) and bad share.

        Args:
            some: columns among these, with all columns of each objective.
            starts: grid minute at which a slice begins, per column.
            floors: how far back to look, where a slice begins, per column.
            facts: the minutes.
        """
        found = self.head[:, some].copy()
        later = found[0] >= starts
        found[0, later] = NEVER
        for place, low, high in spans(self.columns.take(some).length, floors, np.where(later, starts, floors)):
            left, y, step = place, high, 1
            while low < y and len(left):
                columns = self.columns.take(some[left])
                length = int(columns.length[0])
                x = low + y - next(chunks(columns, low, min(y, low + step * length)))[1]
                seen = Seen.of(columns.objective, facts.judged(columns, x, y))
                here = seen.decided.any(axis=0)
                last = len(seen.decided) - 1 - seen.decided[::-1].argmax(axis=0)
                found[:, left[here]] = x + last[here] * length, seen.bad[last[here], np.flatnonzero(here)]
                left, y, step = left[~here], x, step * 8
        return found


def spans(length: Ints, lows: Ints, highs: Ints) -> Iterator[tuple[Ints, int, int]]:
    """Return columns that share a slice length and a span: their places, first minute, minute after the last."""
    place = np.zeros(len(length), dtype=np.int64)
    for values in (length, lows, highs):
        if len(values) and (values != values[0]).any():
            kinds, number = np.unique(values, return_inverse=True)
            place = place * len(kinds) + number
    for number in np.unique(place):
        here = np.flatnonzero(place == number)
        yield here, int(lows[here[0]]), int(highs[here[0]])
