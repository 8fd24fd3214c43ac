"""The past of one objective as it was known then, and the sums of any lookback at every minute of it.

One rule: what a tick saw is what had become known by then. Minutes lie as each was known at the tick that first saw it;
what came late stands in a list of its own, and corrects the sums of the ticks that knew it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from nines.evaluation.answers import Answers
from nines.evaluation.columns import METHODS, Columns, Unit
from nines.evaluation.sweep import Sweep, minutes_needed
from nines.evaluation.sweep_judge import judge_columns
from nines.evaluation.tally import Sums
from nines.objectives.method import Occurrences, RatioTimeslices
from nines.objectives.objective import Objective
from nines.objectives.window import CalendarWindow
from nines.reading import duration_text
from nines.spans import MINUTE, instant_of
from nines.telemetry.series import Flags, Ints

Floats = npt.NDArray[np.float64]
_RATIO = METHODS.index(RatioTimeslices)


@dataclass(frozen=True, slots=True, eq=False)
class Late:
    """What became known after a minute had been seen: each row says what the minute is from then on.

    Attributes:
        known: int64 grid minute of the first tick's edge that saw it, ascending; later than its minute + 1.
        minute: int64 grid minute it is about.
        facts: int64 [4, rows], rows as `evaluation.columns.FACTS`.
    """

    known: Ints
    minute: Ints
    facts: Ints

    @classmethod
    def none(cls) -> Late:
        """Return that nothing came late."""
        empty = np.zeros(0, dtype=np.int64)
        return cls(empty, empty, np.zeros((4, 0), dtype=np.int64))

    def __len__(self) -> int:
        """Return the number of corrections."""
        return len(self.known)


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """Minutes of one objective as known at each tick.

    Attributes:
        objective: the promise, its settle that of its source.
        start: grid minute of the first.
        facts: int64 [4, minutes], rows as `evaluation.columns.FACTS`; each as the tick that first saw it knew it.
        late: what became known afterwards.
        first: grid minute of the first edge that is judged; sums reach back before it as far as there are minutes.
    """

    objective: Objective
    start: int
    facts: Ints
    late: Late
    first: int

    @classmethod
    def of(
        cls, objective: Objective, start: int, facts: Ints, late: Late | None = None, *, first: int | None = None
    ) -> Past:
        """Return a past; its first edge is that after its first minute unless it is given."""
        return cls(objective, start, facts, late or Late.none(), start + 1 if first is None else first)

    @property
    def lag(self) -> int:
        """Minutes from an edge (the minute after the last one seen) to the instant of its tick."""
        waits: int = -(-self.objective.settle // MINUTE)
        return waits

    @property
    def end(self) -> int:
        """Grid minute after the last."""
        return self.start + int(self.facts.shape[1])

    @property
    def ticks(self) -> int:
        """Number of ticks."""
        return self.end + 1 - self.first

    @property
    def edges(self) -> Ints:
        """The edge of every tick, int64."""
        return np.arange(self.first, self.end + 1)

    def at(self, edge: int) -> datetime:
        """Return the instant of the tick that saw the minutes before an edge."""
        return instant_of(edge + self.lag)

    def at_last(self) -> Past:
        """Return the same minutes as they are known at last, as if all of it had come in time."""
        facts = self.facts.copy()
        facts[:, self.late.minute - self.start] = self.late.facts  # ascending by `known`: the last one stays
        return replace(self, facts=facts, late=Late.none())


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One lookback at every tick.

    Attributes:
        sums: int64 [7, terms, ticks], rows as `evaluation.columns.Unit`.
        low: burn rate in the best case, at every tick; NaN where nobody can say.
        high: in the worst case likewise.
        bad: known bad units.
        most: bad units if all doubt turned out bad; infinite where nobody can say.
        exact: where `bad` and `most` are whole and exact, and not estimates.
        idle: whether there are no units and no doubt.
        known: minutes known.
        counted: minutes that count.
        repeated: int64 [2, terms, ticks] as `Answers.repeated`, or None.
    """

    sums: Ints
    low: Floats
    high: Floats
    bad: Floats
    most: Floats
    exact: Flags
    idle: Flags
    known: Ints
    counted: Ints
    repeated: Ints | None = None


@dataclass(eq=False)
class Looks:
    """Lookbacks over one past, each added up once and shared by every policy that asks for it."""

    past: Past
    _columns: Columns = field(init=False)
    _held: dict[timedelta, Look] = field(default_factory=dict)
    _exact: dict[tuple[timedelta, int], Sums] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Judge every slice once."""
        self._columns = Columns.of([self.past.objective])
        self._slices = None if needs_sweep(self.past.objective) else _Slices(self.past, self._columns)

    def prepare(self, lengths: set[timedelta]) -> None:
        """Add several lookbacks up at once, which matters only where they have to be swept.

        Args:
            lengths: whole minutes each.
        """
        lacking = sorted(lengths - set(self._held))
        if not lacking:
            return
        if self._slices is not None:
            self._held |= {one: self._look(self._slices.sums(one // MINUTE), None) for one in lacking}
            return
        for one, (sums, repeated) in zip(lacking, _swept(self.past, lacking), strict=True):
            self._held[one] = self._look(sums, repeated)

    def of(self, length: timedelta) -> Look:
        """Return one lookback at every tick.

        Args:
            length: whole minutes.
        """
        self.prepare({length})
        return self._held[length]

    def sums(self, length: timedelta, tick: int) -> Sums:
        """Return the sums of a lookback at one tick; shares (see `shared`) may be short of bad by 2^-40.

        Args:
            length: whole minutes.
            tick: index of the tick.
        """
        key = (length, tick)
        if key not in self._exact:
            look = self.of(length)
            repeated = None if look.repeated is None else look.repeated[None, :, :, tick]
            one = Answers((self.past.objective,), self._columns, ("w",), look.sums[None, :, :, tick], repeated)
            self._exact[key] = one.sums_of(0, "w")
        return self._exact[key]

    def _look(self, sums: Ints, repeated: Ints | None) -> Look:
        _, terms, ticks = sums.shape
        places = np.tile(np.arange(terms), ticks)
        columns = replace(self._columns.take(places), objective=np.repeat(np.arange(ticks), terms))
        flat = np.ascontiguousarray(sums.transpose(0, 2, 1)).reshape(1, 7, -1)
        again = None if repeated is None else repeated.transpose(0, 2, 1).reshape(1, 2, -1)
        answers = Answers((self.past.objective,) * ticks, columns, ("w",), flat, again)
        best, worst, allowed, hazy, _ = answers.cases("w")
        blank = hazy | (allowed <= 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            low, high = (np.where(blank, np.nan, case / allowed) for case in (best, worst))
        plain = sums[Unit.SILENT].sum(axis=0) == 0
        if (self._columns.method == _RATIO).any() or repeated is not None:
            plain[:] = False
        return Look(
            sums, low, high, best, np.where(hazy, np.inf, worst), plain, ~hazy & (allowed <= 0),
            sums[Unit.KNOWN].sum(axis=0), sums[Unit.COUNTED].sum(axis=0), repeated,
        )  # fmt: skip


def needs_sweep(objective: Objective) -> bool:
    """Return whether an objective's lookbacks are no plain differences of running sums.

    That is so where silence repeats what came before, and where each calendar period lays or judges its slices anew.
    """
    calendar = isinstance(objective.window, CalendarWindow)
    relaid = calendar and (objective.terms[0].method.slice_minutes > 1 or len(objective.terms) > 1)
    return objective.missing == "last" or relaid


def shared(objective: Objective) -> bool:
    """Return whether running sums hold rounded shares, so that only decisions that are not close rest on them."""
    method = objective.terms[0].method
    return isinstance(method, RatioTimeslices) or (isinstance(method, Occurrences) and objective.missing == "last")


class _Slices:
    """Every slice of a past judged once, as running sums, and what late facts change."""

    def __init__(self, past: Past, columns: Columns) -> None:
        self._past, self._columns = past, columns
        self._length = past.objective.terms[0].method.slice_minutes
        self._first = past.start + (-past.start) % self._length
        count = max((past.end - self._first) // self._length, 0)
        self._facts = past.facts[:, self._first - past.start :][:, : count * self._length]
        units = self._judge(self._facts.reshape(4, count, self._length), self._first)
        self._running = np.zeros((7, len(columns), count + 1), dtype=np.int64)
        np.cumsum(units.transpose(0, 2, 1), axis=2, out=self._running[..., 1:])
        self._late = list(self._corrections())

    def sums(self, minutes: int) -> Ints:
        """Return the sums of a lookback at every tick, int64 [7, terms, ticks]."""
        past, size = self._past, max(minutes, self._length) // self._length
        if self._length == 1:  # every tick has a minute more: plain slices are quicker than places
            low, high = past.first - self._first, past.end + 1 - self._first
            found = self._running[..., low:high].copy()
            gone = max(size - low, 0)
            found[..., gone:] -= self._running[..., low + gone - size : high - size]
        else:
            done = np.maximum((past.edges - self._first) // self._length, 0)
            found = self._running[..., done] - self._running[..., np.maximum(done - size, 0)]
        return found + self._corrected(size) if self._late else found

    def _corrected(self, size: int) -> Ints:
        """Return what late facts add to the sums of each tick, int64 [7, terms, ticks]."""
        past = self._past
        change = np.zeros((7, len(self._columns), past.ticks + 1), dtype=np.int64)
        by_tick = change.transpose(2, 0, 1)
        known, number, units = (np.array(part) for part in zip(*self._late, strict=True))
        enters = np.maximum(known, self._first + (number + 1) * self._length)
        leaves = self._first + (number + 1 + size) * self._length
        held = (leaves > enters) & (leaves > past.first)
        for edge, sign in ((enters, 1), (leaves, -1)):
            place = np.clip(edge[held], past.first, past.end + 1) - past.first
            np.add.at(by_tick, place, sign * units[held])
        found: Ints = np.cumsum(change, axis=2)[..., :-1]
        return found

    def _corrections(self) -> Iterator[tuple[int, int, Ints]]:
        """Return when each correction is known, its slice's number, and what it adds: int64 [7, terms]."""
        late, now = self._past.late, self._facts.copy()
        for known, minute, row in zip(late.known.tolist(), late.minute.tolist(), late.facts.T, strict=True):
            place = minute - self._first
            number = place // self._length
            if not 0 <= place < now.shape[1]:
                continue
            span = slice(number * self._length, (number + 1) * self._length)
            start = self._first + number * self._length
            before = self._judge(now[:, None, span], start)[:, 0]
            now[:, place] = row
            yield known, number, self._judge(now[:, None, span], start)[:, 0] - before

    def _judge(self, facts: Ints, first: int) -> Ints:
        """Return slices (of facts [4, slices, minutes]) as units, int64 [7, slices, terms]."""
        laid = np.repeat(facts.transpose(0, 2, 1)[..., None], len(self._columns), axis=-1)
        starts = first + np.arange(facts.shape[1])[:, None] * self._length
        return judge_columns(self._columns, np.ascontiguousarray(laid), starts)


def _swept(past: Past, lengths: list[timedelta]) -> list[tuple[Ints, Ints | None]]:
    """Return the sums of several lookbacks at every tick, minute by minute as a sweep rolls them."""
    names = tuple(duration_text(one) for one in lengths)
    need = minutes_needed([past.objective], names)
    ring = np.zeros((max(need, past.facts.shape[1]), 4, 1), dtype=np.int64)
    sweep = Sweep([past.objective], ring, past.start, names, timedelta(minutes=past.lag))
    late = iter(zip(past.late.known.tolist(), past.late.minute.tolist(), past.late.facts.T, strict=True))
    following = next(late, None)
    one, kept = np.zeros(1, dtype=np.int64), []
    for edge in range(past.start + 1, past.end + 1):
        sweep.advance(edge - 1, past.facts[:, edge - 1 - past.start, None])
        while following is not None and following[0] <= edge:
            _, minute, row = following
            change = row[:3, None] - sweep.facts[minute % len(ring), :3].astype(np.int64)
            sweep.late(minute, one, change, row[3:])
            following = next(late, None)
        if edge >= past.first:
            answer = sweep.answer()
            kept.append((answer.sums.copy(), None if answer.repeated is None else answer.repeated.copy()))
    return [_stacked(kept, slot) for slot in range(len(lengths))]


def _stacked(kept: list[tuple[Ints, Ints | None]], slot: int) -> tuple[Ints, Ints | None]:
    sums = np.stack([sums[slot] for sums, _ in kept], axis=-1)
    again = [repeated[slot] for _, repeated in kept if repeated is not None]
    return sums, np.stack(again, axis=-1) if again else None


def budget_at(past: Past, edge: int) -> Fraction:
    """Return the budget of the term in force at the tick of an edge."""
    return past.objective.term_at(past.at(edge)).budget
