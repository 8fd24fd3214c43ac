"""Thousands of objectives at once: window sums that roll on with every minute.

One rule: a sum changes only by slices that come, go, or are corrected, and each of these is judged from the same
facts, so the sums are at every moment what `evaluate` would add up afresh.

Facts lie in an array of the caller's, time first ([minutes, 4, objectives], rows as `FACTS`): a ring, best a mapped
file, of which each tick touches the newest minute and the one that leaves each window. Slices longer than a minute
are judged when they are complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nines.errors import InputError, Problem
from nines.evaluation.answers import Answers
from nines.evaluation.columns import FACTS, Columns, Unit, judge_columns
from nines.objectives.objective import BURN_WINDOWS, Objective
from nines.objectives.period import period
from nines.objectives.window import CalendarWindow
from nines.reading import duration
from nines.spans import MINUTE, instant_of, minute_of
from nines.telemetry.series import Ints

#: The name under which a sweep keeps each objective's own window.
OWN = "window"
_ENDLESS = 2**62


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Columns that share a slice length and the length of one window.

    Attributes:
        slot: index of the window.
        which: indices of the columns.
        every: whether these are all columns, in order.
        columns: the columns themselves.
        length: slice length, minutes.
        slices: slices the window holds, or `_ENDLESS` for a calendar period.
    """

    slot: int
    which: Ints
    every: bool
    columns: Columns
    length: int
    slices: int


class Sweep:
    """Window sums of many objectives.

    Args (of the constructor):
        objectives: rolling ones of any method, calendar ones with one-minute slices; see `columns.why_not`.
        facts: the ring, [minutes, 4, objectives] of any whole-number type, zeroed; it must hold `minutes_needed`.
        begin: grid minute that will be fed first.
        windows: lookbacks to keep beside each objective's own window.

    One sweep serves objectives of one `settle`: a minute is fed when it has settled.
    """

    def __init__(
        self,
        objectives: Sequence[Objective],
        facts: npt.NDArray[np.signedinteger],
        begin: int,
        windows: Sequence[str] = BURN_WINDOWS,
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
        self._parts = self._lay_out()
        self._since = np.full(len(self.columns), -_ENDLESS)
        self._turn = np.full(len(self.columns), _ENDLESS)
        self._set_periods(np.flatnonzero([isinstance(self._objective(c).window, CalendarWindow) for c in self._all()]))

    def advance(self, minute: int, rows: Ints) -> None:
        """Take in one more minute.

        Args:
            minute: the next grid minute; none may be left out (feed silent minutes as such).
            rows: [4, objectives], rows as `FACTS`.

        Raises:
            InputError: not the next minute, or a count too large for the ring's type.
        """
        if minute != self.end:
            raise InputError(Problem("sweep", f"minute {minute} is not the next one", f"feed {self.end}"))
        if rows.max(initial=0) > np.iinfo(self.facts.dtype).max:
            raise InputError(Problem("sweep", f"a count exceeds {self.facts.dtype}", "give the ring a wider type"))
        self.facts[minute % len(self.facts)] = rows
        self.end = minute + 1
        newest: dict[tuple[int, ...], Ints] = {}
        for part in self._parts:
            if self.end % part.length:
                continue
            self._add(part, self.end - part.length, 1, newest)
            self._add(part, self.end - (part.slices + 1) * part.length, -1, None)
        turning = np.flatnonzero(self._turn <= self.end)
        if len(turning):
            self.sums[-1][:, turning] = 0
            self._set_periods(turning)

    def late(self, minute: int, columns: Ints, increments: Ints, marks: Ints | None = None) -> bool:
        """Take in what arrived late for a minute already fed.

        Args:
            minute: grid minute the events belong to.
            columns: indices of the objectives concerned, none twice.
            increments: [3, columns] more good, bad and unknown events; negative ones take back.
            marks: what is now true of the minute for each of them, or None to leave that.

        Returns:
            False when the minute has left the ring (evaluate knows it still); then nothing changes.

        Raises:
            InputError: the minute has not been fed yet.
        """
        if minute >= self.end:
            raise InputError(Problem("sweep", f"minute {minute} has not been fed yet", "advance first"))
        if minute < max(self.begin, self.end - len(self.facts)):
            return False
        concerned = np.isin(self.columns.objective, columns)
        touched = [p for p in (_only(p, concerned) for p in self._parts) if len(p.which)]
        for sign in (-1, 1):
            for part in touched:
                start = minute - minute % part.length
                if start >= self.end - self.end % part.length - part.slices * part.length:
                    self._add(part, start, sign, None)
            if sign < 0:
                row = self.facts[minute % len(self.facts)]
                row[:3, columns] += increments.astype(self.facts.dtype)
                if marks is not None:
                    row[3, columns] = marks
        return True

    def answer(self) -> Answers:
        """Return how everything stands at the last minute fed; valid until the next minute is."""
        return Answers(self.objectives, self.columns, self.names, self.sums)

    def _add(self, part: _Part, start: int, sign: int, seen: dict[tuple[int, ...], Ints] | None) -> None:
        """Add or take away one whole slice of the columns of a part; `seen` keeps what was judged this minute."""
        if start < self.begin or start + part.length > self.end:
            return
        key = (part.length, len(part.which), int(part.which[0]))  # parts of one slice length are equal or disjoint
        units = seen.get(key) if seen is not None else None
        if units is None:
            units = self._judged(part, start)
            if seen is not None:
                seen[key] = units
        if part.slices == _ENDLESS:
            units = units * (start >= self._since[part.which])
        change = np.add if sign > 0 else np.subtract
        if part.every:
            change(self.sums[part.slot], units, out=self.sums[part.slot])
        else:
            self.sums[part.slot][:, part.which] = change(self.sums[part.slot][:, part.which], units)

    def _judged(self, part: _Part, start: int) -> Ints:
        at = start % len(self.facts)
        rows = self.facts[at : at + 1]
        if part.length > 1:
            rows = self.facts[np.arange(start, start + part.length) % len(self.facts)]
        if not part.every or len(self.columns) != len(self.objectives):
            rows = rows[:, :, part.columns.objective]
        return judge_columns(part.columns, rows.transpose(1, 0, 2).astype(np.int64), start)

    def _lay_out(self) -> list[_Part]:
        parts = []
        for slot, name in enumerate(self.names):
            minutes = np.array([_minutes(self._objective(c), name) for c in self._all()])
            keys = np.stack([self.columns.length, minutes])
            for length, held in np.unique(keys, axis=1).T.tolist():
                which = np.flatnonzero((keys[0] == length) & (keys[1] == held))
                slices = _ENDLESS if held == _ENDLESS else max(held, length) // length
                every = len(which) == len(self.columns)
                parts.append(_Part(slot, which, every, self.columns.take(which), length, slices))
        return parts

    def _set_periods(self, columns: Ints) -> None:
        """Set where the calendar period of each column began and where it turns."""
        for column in columns.tolist():
            window = self._objective(column).window
            assert isinstance(window, CalendarWindow)
            span = period(window, instant_of(self.end))
            self._since[column], self._turn[column] = minute_of(span.start), minute_of(span.end)

    def _objective(self, column: int) -> Objective:
        return self.objectives[int(self.columns.objective[column])]

    def _all(self) -> range:
        return range(len(self.columns))


def minutes_needed(objectives: Sequence[Objective], windows: Sequence[str] = BURN_WINDOWS) -> int:
    """Return how many minutes the ring of a sweep must hold: the longest rolling window and one slice more."""
    return max(
        max(held, length) + length
        for o in objectives
        for length in [o.terms[0].method.slice_minutes]
        for held in (_minutes(o, name) for name in (*windows, OWN))
        if held != _ENDLESS
    )


def _minutes(objective: Objective, name: str) -> int:
    if name != OWN:
        return duration(name) // MINUTE
    window = objective.window
    return _ENDLESS if isinstance(window, CalendarWindow) else window.length // MINUTE


def _only(part: _Part, concerned: npt.NDArray[np.bool_]) -> _Part:
    """Return the part narrowed to some columns."""
    kept = concerned[part.which]
    if kept.all() and part.every:
        return part
    which = part.which[kept]
    return _Part(
        part.slot,
        which,
        every=False,
        columns=part.columns.take(np.flatnonzero(kept)),
        length=part.length,
        slices=part.slices,
    )
