"""Thousands of objectives at once: window sums that roll on with every minute.

One rule: a sum changes only by slices that come, go, or are corrected, and each of these is judged from the same
facts, so the sums are at every moment what `evaluate` would add up afresh.

Facts lie in an array of the caller's, time first ([minutes, 4, objectives], rows as `FACTS`): a ring, best a mapped
file, of which each tick touches the newest minute and the one that leaves each window. Slices longer than a minute
are judged when they are complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np

from nines.errors import InputError, Problem
from nines.evaluation.answers import Answers
from nines.evaluation.columns import FACTS, LARGEST_COUNT, Columns, Unit
from nines.evaluation.sweep_fill import Facts, Move, Stored, fill
from nines.evaluation.sweep_judge import judge_columns
from nines.evaluation.sweep_last import Repeats
from nines.evaluation.sweep_mend import carry_on, mend
from nines.evaluation.sweep_parts import ENDLESS, OWN, Grid, Part, minutes_needed
from nines.objectives.objective import BURN_WINDOWS, Objective
from nines.telemetry.series import Flags, Ints

__all__ = ["OWN", "Sweep", "minutes_needed"]


class Sweep:
    """Window sums of many objectives.

    Args (of the constructor):
        objectives: of any method and window; see `columns.why_not`.
        facts: the ring, [minutes, 4, objectives] of any whole-number type, zeroed; it must hold `minutes_needed`.
        begin: grid minute that will be fed first.
        windows: lookbacks to keep beside each objective's own window.
        lag: how long after the last minute fed the question is asked, from settle to settle + 1 min; it decides which
            calendar period is asked about. None: at once when it has settled.

    One sweep serves objectives of one `settle`: a minute is fed when it has settled.
    """

    def __init__(
        self,
        objectives: Sequence[Objective],
        facts: Stored,
        begin: int,
        windows: Sequence[str] = BURN_WINDOWS,
        lag: timedelta | None = None,
    ) -> None:
        """Lay out columns and empty sums."""
        self.objectives = tuple(objectives)
        self.names = (*windows, OWN)
        self.columns = Columns.of(self.objectives)
        needed = minutes_needed(self.objectives, windows)
        if facts.shape[1:] != (len(FACTS), len(self.objectives)) or len(facts) < needed:
            what = f"the ring of facts has the shape {facts.shape}"
            raise InputError(Problem("sweep", what, f"use [{needed} or more, {len(FACTS)}, {len(self.objectives)}]"))
        self.facts = facts
        self.begin, self.end = begin, begin
        self.sums = np.zeros((len(self.names), len(Unit), len(self.columns)), dtype=np.int64)
        self.repeats = Repeats(self.columns, len(self.names))
        self._most = min(int(np.iinfo(facts.dtype).max), LARGEST_COUNT)
        self._grid = Grid(self.objectives, self.columns, self.names, lag)
        self._grid.set_periods(self._grid.calendar, begin)
        self._parts = self._grid.parts()

    def advance(self, minute: int, rows: Ints) -> None:
        """Take in one more minute.

        Args:
            minute: the next grid minute; none may be left out (feed silent minutes as such).
            rows: [4, objectives], rows as `FACTS`.

        Raises:
            InputError: not the next minute, or a count too large for the ring's type.
        """
        self._check(minute, rows)
        self.facts[minute % len(self.facts)] = rows
        self.end = minute + 1
        newest: dict[tuple[int, ...], Ints] = {}
        for part in self._parts:
            if (self.end - part.phase) % part.length == 0:
                self._roll(part, newest)
        if len(self.repeats):
            self.repeats.expire(self._grid, self.end, self._past())
        if (self._grid.turn <= self.end).any():
            self._move(self._past(), self.end)

    def load(self, start: int, block: Stored) -> None:
        """Take in many minutes at once, as `advance` would one after the other.

        Args:
            start: the next grid minute.
            block: [minutes, 4, objectives] of any whole-number type, as a mapped file too; read twice, in pieces.

        Raises:
            InputError: not the next minute, another shape, or a count too large for the ring's type.
        """
        if block.shape[1:] != self.facts.shape[1:]:
            what = f"the block of facts has the shape {block.shape}"
            raise InputError(Problem("sweep", what, f"use [minutes, {len(FACTS)}, {len(self.objectives)}]"))
        self._check(start, block)
        size = len(self.facts)
        self._move(Facts(self.facts, start, block), start + len(block))
        kept = max(start, self.end - size)
        while kept < self.end:  # in pieces that do not wrap
            until = min(self.end, kept - kept % size + size)
            self.facts[kept % size : kept % size + until - kept] = block[kept - start : until - start]
            kept = until

    def resume(self, end: int) -> None:
        """Take in the minutes up to an end that lie in the ring already, as after a restart on a mapped file.

        Args:
            end: grid minute after the last one in the ring; the minutes from `begin` on must be there.

        Raises:
            InputError: some of these minutes have left the ring, or others were fed before.
        """
        if not self.begin == self.end <= end <= self.begin + len(self.facts):
            what = f"the ring does not hold the minutes from {self.begin} to {end} alone"
            raise InputError(Problem("sweep", what, f"begin at {end - len(self.facts)} or later, and resume first"))
        self._move(Facts(self.facts, end), end)

    def late(self, minute: int, columns: Ints, increments: Ints, marks: Ints | None = None) -> bool:
        """Take in what arrived late for a minute already fed.

        Args:
            minute: grid minute the events belong to.
            columns: indices of the objectives concerned, none twice.
            increments: [3, columns] more good, bad and unknown events; negative ones take back.
            marks: what is now true of the minute for each of them, or None to leave that.

        Returns:
            False when the minute, or the slice that its silence repeats, has left the ring (evaluate knows it still);
            then nothing changes.

        Raises:
            InputError: the minute has not been fed yet, or a count becomes negative or too large for the ring's type.
        """
        if minute >= self.end:
            raise InputError(Problem("sweep", f"minute {minute} has not been fed yet", "advance first"))
        oldest = max(self.begin, self.end - len(self.facts))
        if minute < oldest:
            return False
        row = self.facts[minute % len(self.facts)]
        counts = row[:3, columns].astype(np.int64) + increments
        if counts.min(initial=0) < 0 or counts.max(initial=0) > self._most:
            what = f"a corrected count is negative or exceeds {self._most}"
            raise InputError(Problem("sweep", what, "send what arrived late once, and give the ring a wider type"))
        concerned = np.isin(self.columns.objective, columns)
        touched = [(p, minute - (minute - p.phase) % p.length) for p in (p.only(concerned) for p in self._parts)]
        touched = [(p, s) for p, s in touched if len(p.which) and s >= self.begin]
        if any(s < oldest and p.slices == ENDLESS and (self._grid.since[p.which] <= s).any() for p, s in touched):
            return False
        mending = mend(self.repeats, self._grid, concerned, minute, (self.begin, oldest, self.end), self._past())
        if mending is None:
            return False
        held = [(p, s) for p, s in touched if p.slices == ENDLESS or s >= p.end(self.end) - p.slices * p.length]
        for part, start in held:
            self._add(part, start, -1, None)
        row[:3, columns] = counts
        if marks is not None:
            row[3, columns] = marks
        for part, start in held:
            self._add(part, start, 1, None)
        mending.after()
        return True

    def answer(self) -> Answers:
        """Return how everything stands at the last minute fed; valid until the next minute is."""
        return Answers.of(self.objectives, self.columns, self.names, self.sums, self.repeats)

    def _check(self, minute: int, rows: Stored) -> None:
        if minute != self.end:
            raise InputError(Problem("sweep", f"minute {minute} is not the next one", f"feed {self.end}"))
        if np.iinfo(rows.dtype).max > self._most and rows.max(initial=0) > self._most:
            raise InputError(
                Problem("sweep", f"a count exceeds {self._most}", f"give the ring a wider type than {self.facts.dtype}")
            )

    def _past(self) -> Facts:
        return Facts(self.facts, self.end)

    def _roll(self, part: Part, newest: dict[tuple[int, ...], Ints]) -> None:
        """Move a window on by one slice."""
        start, gone = self.end - part.length, self.end - (part.slices + 1) * part.length
        comes = self._add(part, start, 1, newest)
        goes = self._add(part, gone, -1, None)
        if not len(part.repeating):
            return
        which = part.which[part.repeating]
        begin = self._grid.since[which] if part.slices == ENDLESS else start - part.slices * part.length
        if comes is not None:
            self.repeats.enter(part.slot, which, start, begin, comes[:, part.repeating])
        if goes is not None:
            self.repeats.leave(part.slot, which, gone, goes[:, part.repeating])

    def _add(self, part: Part, start: int, sign: int, seen: dict[tuple[int, ...], Ints] | None) -> Ints | None:
        """Add or take away one whole slice of the columns of a part; `seen` keeps what was judged this minute.

        Returns:
            The slice judged, or None when it was not fed whole.
        """
        if start < self.begin or start + part.length > self.end:
            return None
        key = (part.length, len(part.which), int(part.which[0]))  # parts of one slice length are equal or disjoint
        units = seen.get(key) if seen is not None else None
        if units is None:
            units = self._judged(part, start)
            if seen is not None:
                seen[key] = units
        added = units
        if part.slices == ENDLESS:
            added = units * (start >= self._grid.since[part.which])
        change = np.add if sign > 0 else np.subtract
        if part.every:
            change(self.sums[part.slot], added, out=self.sums[part.slot])
        else:
            self.sums[part.slot][:, part.which] = change(self.sums[part.slot][:, part.which], added)
        return added

    def _judged(self, part: Part, start: int) -> Ints:
        at = start % len(self.facts)
        rows = self.facts[at : at + 1]
        if part.length > 1:
            rows = self.facts[np.arange(start, start + part.length) % len(self.facts)]
        if not part.every or len(self.columns) != len(self.objectives):
            rows = rows[:, :, part.columns.objective]
        return judge_columns(part.columns, rows.transpose(1, 0, 2).astype(np.int64), start)

    def _move(self, facts: Facts, end: int) -> None:
        """Bring all sums to another end, and begin anew the calendar periods that turn on the way."""
        grid, before = self._grid, (self._grid.begins(self.end), self._grid.ends(self.end))
        turning = np.flatnonzero(grid.turn <= end)
        changed: Flags = np.zeros(self.sums.shape[::2], dtype=np.bool_)
        if len(turning):
            relaid = turning[grid.set_periods(turning, end)]
            changed[-1, turning], changed[:, relaid] = True, True
            if len(relaid):
                self._parts, self.repeats.columns = grid.parts(), self.columns.take(self.repeats.which)
        move = Move.of(grid, self.begin, before, end, changed)
        fill(self.sums, self.columns, grid, move, facts)
        if len(self.repeats):
            carry_on(self.repeats, grid, move, end, facts)
        self.end = end
