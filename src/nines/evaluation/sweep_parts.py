"""How the windows of a sweep lie on the grid: which columns roll together, and which slices each window holds."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise

import numpy as np

from nines.evaluation.columns import MISSING, Columns
from nines.evaluation.frame import LOOKBACKS
from nines.objectives.method import Occurrences
from nines.objectives.objective import BURN_WINDOWS, Objective
from nines.objectives.period import period
from nines.objectives.window import CalendarWindow
from nines.reading import duration
from nines.spans import MINUTE, Span, instant_of, minute_after, minute_of
from nines.telemetry.series import Flags, Ints

#: The name under which a sweep keeps each objective's own window.
OWN = "window"
#: Slices of a calendar period, and edges that never come.
ENDLESS = 2**62
_LAST = MISSING.index("last")
#: How far back `evaluate` judges for burn rates and the forecast, one slice aside, minutes.
_BACK = max(*(duration(w) for w in BURN_WINDOWS), *LOOKBACKS) // MINUTE


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Columns that share a slice length, where slices begin, and the length of one window.

    Attributes:
        slot: index of the window.
        which: indices of the columns.
        every: whether these are all columns, in order.
        columns: the columns themselves.
        length: slice length, minutes.
        phase: minutes after the epoch's grid of that length at which slices begin, < length.
        slices: slices the window holds, or `ENDLESS` for a calendar period.
        repeating: places in `which` of columns whose silence repeats what came before.
    """

    slot: int
    which: Ints
    every: bool
    columns: Columns
    length: int
    phase: int
    slices: int
    repeating: Ints

    def end(self, minute: int) -> int:
        """Return where the last whole slice ends at or before a grid minute."""
        return minute - (minute - self.phase) % self.length

    def only(self, concerned: Flags) -> Part:
        """Return the part narrowed to some of all columns."""
        kept = concerned[self.which]
        if kept.all() and self.every:
            return self
        columns = self.columns.take(np.flatnonzero(kept))
        repeating = np.flatnonzero(columns.missing == _LAST)
        return replace(self, which=self.which[kept], every=False, columns=columns, repeating=repeating)


class Grid:
    """Where the windows of every column begin and end.

    Attributes:
        columns: what is laid out; a calendar column is put under the term of its period.
        names: of the windows, each objective's own last.
        minutes: int64 [windows, columns] length, `ENDLESS` for a calendar period.
        phase: int64 per column, as in `Part`.
        since: int64 per column: first grid minute of the calendar period, `-ENDLESS` for rolling windows.
        turn: int64 per column: first end at which the next period is asked about, else `ENDLESS`.
    """

    def __init__(
        self, objectives: Sequence[Objective], columns: Columns, names: Sequence[str], lag: timedelta | None
    ) -> None:
        """Lay windows out; `set_periods` must follow before they are used.

        Args:
            objectives: whose columns these are.
            columns: the columns.
            names: of the windows, each objective's own last.
            lag: how long after the last minute fed a question is asked; None: as soon as it has settled.
        """
        self._objectives, self.columns, self.names, self._lag = objectives, columns, tuple(names), lag
        own = np.array([length_of(o, OWN) for o in objectives])
        held = [own if n == OWN else np.full(len(objectives), duration(n) // MINUTE) for n in self.names]
        self.minutes: Ints = np.stack(held)[:, columns.objective]
        self.since = np.full(len(columns), -ENDLESS)
        self.turn = np.full(len(columns), ENDLESS)
        self.phase = np.zeros(len(columns), dtype=np.int64)
        self.lookback: Flags = np.arange(len(self.names))[:, None] < len(self.names) - 1
        slices = np.maximum(self.minutes, np.where(self.lookback, columns.length, 0)) // columns.length
        self.slices: Ints = np.where(self.minutes == ENDLESS, ENDLESS, slices)
        self._own = np.where(self.minutes[-1] == ENDLESS, 0, self.minutes[-1])
        self._back = np.where(columns.method == 0, 0, _BACK + columns.length)

    @property
    def calendar(self) -> Ints:
        """Indices of the columns that keep calendar periods."""
        return np.flatnonzero(self.minutes[-1] == ENDLESS)

    def set_periods(self, which: Ints, end: int) -> Flags:
        """Set the calendar period that some columns are in, and the term it keeps.

        Args:
            which: columns of calendar objectives.
            end: grid minute after the last one fed.

        Returns:
            For each of them whether its slices are others now: laid differently, or judged by another slice target.
        """
        known: dict[tuple[CalendarWindow, timedelta], Span] = {}
        changed = np.zeros(len(which), dtype=np.bool_)
        for place, column in enumerate(which.tolist()):
            objective = self._objectives[int(self.columns.objective[column])]
            lag = objective.settle if self._lag is None else self._lag
            assert isinstance(objective.window, CalendarWindow)
            key = (objective.window, lag)
            span = (
                known[key] if key in known else known.setdefault(key, period(objective.window, instant_of(end) + lag))
            )
            start = minute_of(span.start)
            phase = start % int(self.columns.length[column])
            number = objective.terms.index(objective.term_at(instant_of(start)))
            changed[place] = self.columns.hold(column, objective, number) or phase != self.phase[column]
            self.since[column], self.turn[column] = start, minute_after(span.end - lag)
            self.phase[column] = phase
        return changed

    def ends(self, end: int) -> Ints:
        """Return for each column where its last whole slice ends, int64 [columns]."""
        found: Ints = end - (end - self.phase) % self.columns.length
        return found

    def begins(self, end: int) -> Ints:
        """Return where each window begins that holds the slices up to `end`, int64 [windows, columns]."""
        endless = self.slices == ENDLESS
        rolling = self.ends(end) - np.where(endless, 0, self.slices) * self.columns.length
        return np.where(endless, self.since, rolling)

    def reaches(self, end: int) -> Ints:
        """Return from where on silence may repeat what came before, int64 [windows, columns].

        It is where a window's slices begin; for lookbacks of the slice methods it is as far back as `evaluate` judges.
        """
        begins, ends = self.begins(end), self.ends(end)
        own = np.where(self.minutes[-1] == ENDLESS, self.since, ends - self._own)
        far = np.minimum(begins, np.minimum(own, ends - self._back))
        return np.where((self.columns.method > 0) & self.lookback, far, begins)

    def only(self, which: Ints) -> Grid:
        """Return the grid of some columns; it shares no later change of period."""
        found = copy(self)
        found.columns = self.columns.take(which)
        for name in ("minutes", "slices", "since", "turn", "phase", "_own", "_back"):
            setattr(found, name, getattr(self, name)[..., which])
        return found

    def parts(self) -> list[Part]:
        """Return the columns of each window in groups that roll together."""
        found = []
        for slot in range(len(self.names)):
            keys = np.stack([self.columns.length, self.phase, self.slices[slot]])
            groups, place = np.unique(keys, axis=1, return_inverse=True)
            order = np.argsort(place.ravel(), kind="stable")
            edges = np.searchsorted(place.ravel()[order], np.arange(groups.shape[1] + 1))
            for (low, high), (length, phase, slices) in zip(pairwise(edges.tolist()), groups.T.tolist(), strict=True):
                which = order[low:high]
                columns, every = self.columns.take(which), len(which) == len(self.columns)
                repeating = np.flatnonzero(columns.missing == _LAST)
                found.append(Part(slot, which, every, columns, length, phase, slices, repeating))
        return found


def length_of(objective: Objective, name: str) -> int:
    """Return how many minutes a window holds, `ENDLESS` for a calendar period.

    Args:
        objective: whose window it is.
        name: of a lookback, or `OWN`.
    """
    if name != OWN:
        return duration(name) // MINUTE
    window = objective.window
    return ENDLESS if isinstance(window, CalendarWindow) else window.length // MINUTE


def minutes_needed(objectives: Sequence[Objective], windows: Sequence[str] = BURN_WINDOWS) -> int:
    """Return how many minutes the ring of a sweep must hold: the longest rolling window and one slice more.

    Where silence repeats what came before, slices can repeat one from as far back as `evaluate` judges.

    Args:
        objectives: what the sweep will hold.
        windows: lookbacks beside each objective's own window.
    """
    return max(_needed(o, windows) for o in objectives)


def _needed(objective: Objective, windows: Sequence[str]) -> int:
    length = objective.terms[0].method.slice_minutes
    held = [length, *(n for name in (*windows, OWN) if (n := length_of(objective, name)) != ENDLESS)]
    far = objective.missing == "last" and not isinstance(objective.terms[0].method, Occurrences)
    return max(held) + length if not far else max(*held, _BACK + length) + 3 * length
