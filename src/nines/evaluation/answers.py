"""What a sweep answers: sums, and decisions about burn rates, for every objective and window.

One rule: a decision is taken by floats only where they cannot be wrong. Where the two sides come close it is taken by
fractions, and where even the fixed point of shares leaves it open it says so, for `evaluate` to decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from nines.evaluation.columns import METHODS, MISSING, SHARE_BITS, Columns, Unit
from nines.evaluation.sweep_last import Repeats
from nines.evaluation.tally import Sums, Tally
from nines.objectives.method import Occurrences, RatioTimeslices
from nines.objectives.objective import Objective
from nines.telemetry.series import Flags, Ints, States

Floats = npt.NDArray[np.float64]
Cases = tuple[Floats, Floats, Floats, Flags, Floats]
#: Sides closer than this share of their size are compared exactly; floats here err by less than 1e-14.
_MARGIN = 1e-9
_SHARE = 1 << SHARE_BITS
_RATIO = METHODS.index(RatioTimeslices)
_UNKNOWN, _IGNORE, _, _BAD, _LAST = range(len(MISSING))


class Burning(IntEnum):
    """Whether a burn rate has reached a factor.

    UNDER: not even in the worst case that silence could hide.
    OVER: even in the best case.
    UNKNOWN: nothing is known, nothing is allowed, or it depends on what silence hides.
    CLOSE: too close for fixed point; ask `evaluate`.
    """

    UNDER = 0
    OVER = 1
    UNKNOWN = 2
    CLOSE = 3


@dataclass(frozen=True, slots=True, eq=False)
class Factors:
    """A factor for every objective, made once and asked often.

    Attributes:
        exact: one burn rate > 0 per objective.
        rounded: the same as floats.
    """

    exact: tuple[Fraction, ...]
    rounded: Floats

    @classmethod
    def of(cls, factors: Sequence[Fraction]) -> Factors:
        """Return factors as given, one per objective."""
        return cls(tuple(factors), np.array([float(f) for f in factors]))

    def only(self, places: Ints) -> Factors:
        """Return the factors of some objectives, in the order asked for."""
        return Factors(tuple(self.exact[p] for p in places.tolist()), self.rounded[places])


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Sums of every objective and window at one minute.

    Attributes:
        objectives: in the sweep's order.
        columns: the sweep's columns.
        names: names of the windows; the last is each objective's own.
        sums: int64 [windows, 7, columns], rows as `Unit`; RatioTimeslices units are 2^-40 slices.
        repeated: int64 [windows, 2, columns]: silent minutes under Occurrences that repeat a measured one, and the bad
            shares they repeat, in 2^-40; None where no objective asks for it.
    """

    objectives: tuple[Objective, ...]
    columns: Columns
    names: tuple[str, ...]
    sums: Ints
    repeated: Ints | None = None
    _known_cases: dict[str, Cases] = field(default_factory=dict)

    @classmethod
    def of(
        cls, objectives: tuple[Objective, ...], columns: Columns, names: tuple[str, ...], sums: Ints, repeats: Repeats
    ) -> Answers:
        """Return answers in which lost slices have become units of what they repeat.

        Args:
            objectives: in the sweep's order.
            columns: the sweep's columns.
            names: names of the windows.
            sums: as the sweep holds them; lost slices stand under `Unit.SILENT`.
            repeats: what silence repeats.
        """
        if not len(repeats):
            return cls(objectives, columns, names, sums)
        which, method = repeats.which, repeats.columns.method
        slices, scale = method > 0, np.where(method == _RATIO, _SHARE, 1)
        found, bad = (np.where(slices, repeats.held[:, row], 0) for row in range(2))
        units_bad = bad // (_SHARE // scale)
        silent = np.where(slices, sums[:, Unit.SILENT, which], 0)
        sums = sums.copy()
        for unit, change in (
            (Unit.GOOD, found * scale - units_bad),
            (Unit.BAD, units_bad),
            (Unit.UNKNOWN, silent - found),
            (Unit.SILENT, -silent),
        ):
            sums[:, unit, which] += change
        repeated = np.zeros((len(names), 2, len(columns)), dtype=np.int64)
        repeated[:, :, which] = repeats.held * ~slices
        return cls(objectives, columns, names, sums, repeated)

    def units(self, unit: Unit) -> Ints:
        """Return one row of the sums for every window and objective, terms added up: int64 [windows, objectives]."""
        added: Ints = self._by_objective(self.sums[:, unit])
        return added

    def coverage(self) -> Floats:
        """Return the known share of the counted minutes, [windows, objectives]; 1 where none count."""
        known, counted = self.units(Unit.KNOWN), self.units(Unit.COUNTED)
        share: Floats = np.where(counted > 0, known / np.maximum(counted, 1), 1.0)
        return share

    def sums_of(self, objective: int, window: str) -> Sums:
        """Return one objective's sums over one window as exact values.

        Args:
            objective: its index.
            window: name of a lookback, or "window" for its own.

        Returns:
            What `evaluate` adds up; a share (of a RatioTimeslices slice, or of a minute that silence repeats under
            Occurrences) may be short of bad by up to 2^-40.
        """
        slot = self.names.index(window)
        held, repeated = self.sums[slot], None if self.repeated is None else self.repeated[slot]
        mine = np.flatnonzero(self.columns.objective == objective)
        promise = self.objectives[objective]
        totals = {unit: int(held[unit, mine].sum()) for unit in Unit}
        rate = _rate(promise, totals)
        tallies = tuple(
            _tally(promise, self.columns, held[:, c], int(c), rate, None if repeated is None else repeated[:, c])
            for c in mine
            if held[:, c].any()
        )
        return Sums(tallies, totals[Unit.KNOWN], totals[Unit.COUNTED], totals[Unit.SILENT])

    def burning(self, window: str, factor: Fraction | Factors, *, strict: bool = False) -> States:
        """Decide for every objective whether its burn rate over a window has reached a factor.

        Args:
            window: name of a lookback, or "window".
            factor: burn rate, > 0: one for all, or one per objective.
            strict: whether the rate must exceed the factor instead of reaching it.

        Returns:
            uint8 `Burning` per objective.
        """
        best, worst, allowed, hazy, slack = self.cases(window)
        aim = (factor.rounded if isinstance(factor, Factors) else float(factor)) * allowed
        margin = _MARGIN * (aim + worst) + slack
        over, under = best > aim + margin, worst < aim - margin
        found = np.where(over, Burning.OVER, np.where(under, Burning.UNDER, Burning.UNKNOWN)).astype(np.uint8)
        near = (np.abs(best - aim) <= margin) | (np.abs(worst - aim) <= margin)
        blank = hazy | (allowed <= 0)
        found[blank] = Burning.UNKNOWN
        for index in np.flatnonzero(near & ~blank).tolist():
            exact = factor.exact[index] if isinstance(factor, Factors) else factor
            found[index] = self._exactly(index, window, exact, strict=strict)
        return found

    def burning_both(self, long: str, short: str, factor: Fraction | Factors, *, strict: bool = False) -> States:
        """Decide a two-window burn rule: over when both windows are, under when either is.

        Args:
            long: name of the long lookback.
            short: name of the short one.
            factor: as for `burning`.
            strict: as for `burning`.
        """
        first, second = self.burning(long, factor, strict=strict), self.burning(short, factor, strict=strict)
        both = np.maximum(first, second)
        both[(first == Burning.UNDER) | (second == Burning.UNDER)] = Burning.UNDER
        return both

    def cases(self, window: str) -> Cases:
        """Return for every objective, as floats, what its burn rate over a window rests on; worked out once.

        Args:
            window: name of a lookback, or "window".

        Returns:
            Bad units in the best and in the worst case, allowed units, where nobody can say, and fixed-point slack.
        """
        if window not in self._known_cases:
            self._known_cases[window] = self._cases(window)
        return self._known_cases[window]

    def _cases(self, window: str) -> Cases:
        slot = self.names.index(window)
        held, columns = self.sums[slot].astype(np.float64), self.columns
        scale = np.where(columns.method == _RATIO, 1.0 / _SHARE, 1.0)
        good, bad = held[Unit.GOOD] * scale, held[Unit.BAD] * scale
        known = self._by_objective(held[Unit.KNOWN])
        due = self._by_objective(held[Unit.GOOD] + held[Unit.BAD] + held[Unit.UNKNOWN])
        silent = held[Unit.SILENT] * (columns.missing != _IGNORE)
        lacking = (columns.estimator == 2) | ((columns.estimator == 0) & (self._spread(known) == 0))  # noqa: PLR2004
        rate = np.where(columns.estimator == 1, columns.stated, self._spread(due / np.maximum(known, 1)))
        hidden = np.where(lacking, 0.0, rate * silent)
        best = bad + hidden * (columns.missing == _BAD)
        worst = best + held[Unit.UNKNOWN] + hidden * (columns.missing == _UNKNOWN)
        allowed = columns.budget * (good + bad + held[Unit.UNKNOWN] + hidden)
        slack = np.where(columns.method == _RATIO, (good + bad) / _SHARE, 0.0)
        if self.repeated is not None:
            found, shares = np.where(lacking, 0.0, rate * self.repeated[slot])
            best, worst = (
                best + shares / _SHARE,
                worst + shares / _SHARE + (hidden - found) * (columns.missing == _LAST),
            )
            slack = slack + found / _SHARE
        hazy: Flags = self._by_objective(((lacking & (silent > 0)) | columns.bounded).astype(np.float64)) > 0
        sums = self._by_objective(np.stack([best, worst, allowed, slack]))
        return sums[0], sums[1], sums[2], hazy, sums[3]

    def _exactly(self, objective: int, window: str, factor: Fraction, *, strict: bool) -> Burning:
        sums = self.sums_of(objective, window)
        return decided(sums, factor, self._slack(objective, window, sums), strict=strict)

    def _slack(self, objective: int, window: str, sums: Sums) -> Fraction:
        """Return how many bad units more than the sums say there can be: 2^-40 for each share."""
        promise = self.objectives[objective]
        if isinstance(promise.terms[0].method, RatioTimeslices):
            return sums.units / _SHARE
        if self.repeated is None or promise.missing != "last" or not isinstance(promise.terms[0].method, Occurrences):
            return Fraction(0)
        slot, mine = self.names.index(window), self.columns.objective == objective
        found = int(self.repeated[slot, 0, mine].sum())
        rate = _rate(promise, {unit: int(self.sums[slot, unit, mine].sum()) for unit in Unit})
        return (rate or 0) * Fraction(found, _SHARE)

    def _by_objective(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Add the columns of each objective together."""
        if len(self.columns) == len(self.objectives):
            return values
        starts = np.searchsorted(self.columns.objective, np.arange(len(self.objectives)))
        return np.add.reduceat(values, starts, axis=-1)

    def _spread(self, values: Floats) -> Floats:
        """Give each column its objective's value."""
        return values if len(self.columns) == len(self.objectives) else values[self.columns.objective]


def decided(sums: Sums, factor: Fraction, slack: Fraction, *, strict: bool) -> Burning:
    """Decide by fractions whether a burn rate has reached a factor.

    Args:
        sums: of the window.
        factor: burn rate, > 0.
        slack: bad units there can be more than the sums say, >= 0.
        strict: whether the rate must exceed the factor instead of reaching it.
    """
    best, worst = sums.case(worst=False), sums.case(worst=True)
    if best is None or worst is None or not best[1]:
        return Burning.UNKNOWN
    aim = factor * best[1]

    def reached(bad: Fraction) -> bool:
        return bad > aim if strict else bad >= aim

    if reached(best[0]):
        return Burning.OVER
    if not reached(worst[0] + slack):
        return Burning.UNDER
    open_to_rounding = reached(best[0] + slack) or not reached(worst[0])
    return Burning.CLOSE if slack and open_to_rounding else Burning.UNKNOWN


def _rate(objective: Objective, totals: dict[Unit, int]) -> Fraction | None:
    """Return the events a silent minute is taken to have hidden, or None without an estimate."""
    if not totals[Unit.SILENT]:
        return Fraction(0)
    if objective.estimator.name == "stated":
        return objective.estimator.per_minute
    if objective.estimator.name == "none" or not totals[Unit.KNOWN]:
        return None
    return Fraction(totals[Unit.GOOD] + totals[Unit.BAD] + totals[Unit.UNKNOWN], totals[Unit.KNOWN])


def _tally(
    objective: Objective, columns: Columns, held: Ints, column: int, rate: Fraction | None, repeated: Ints | None
) -> Tally:
    term = objective.terms[int(columns.term[column])]
    scale = _SHARE if isinstance(term.method, RatioTimeslices) else 1
    good, bad = Fraction(int(held[Unit.GOOD]), scale), Fraction(int(held[Unit.BAD]), scale)
    unknown, silent = Fraction(int(held[Unit.UNKNOWN])), int(held[Unit.SILENT])
    if not silent or objective.missing == "ignore":
        return Tally(term, good, bad, unknown)
    if rate is None:
        return Tally(term, good, bad, unknown, None)
    if objective.missing == "good":
        return Tally(term, good + rate * silent, bad, unknown)
    if objective.missing == "bad":
        return Tally(term, good, bad + rate * silent, unknown)
    if repeated is not None and objective.missing == "last":
        found, share = int(repeated[0]), Fraction(int(repeated[1]), _SHARE)
        return Tally(term, good + rate * (found - share), bad + rate * share, unknown, rate * (silent - found))
    return Tally(term, good, bad, unknown, rate * silent)
