"""What a sweep answers: sums, and decisions about burn rates, for every objective and window.

One rule: a decision is taken by floats only where they cannot be wrong. Where the two sides come close it is taken by
fractions, and where even RatioTimeslices' fixed point leaves it open it says so, for `evaluate` to decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from nines.evaluation.columns import SHARE_BITS, Columns, Unit
from nines.evaluation.tally import Sums, Tally
from nines.objectives.method import RatioTimeslices
from nines.objectives.objective import Objective
from nines.telemetry.series import Flags, Ints, States

Floats = npt.NDArray[np.float64]
_Cases = tuple[Floats, Floats, Floats, Flags, Floats]
#: Sides closer than this share of their size are compared exactly; floats here err by less than 1e-14.
_MARGIN = 1e-9
_SHARE = 1 << SHARE_BITS


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


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Sums of every objective and window at one minute.

    Attributes:
        objectives: in the sweep's order.
        columns: the sweep's columns.
        names: names of the windows; the last is each objective's own.
        sums: int64 [windows, 7, columns], rows as `Unit`; RatioTimeslices units are 2^-40 slices.
    """

    objectives: tuple[Objective, ...]
    columns: Columns
    names: tuple[str, ...]
    sums: Ints
    _known_cases: dict[str, _Cases] = field(default_factory=dict)

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
            What `evaluate` adds up; under RatioTimeslices each share may be short of bad by up to 2^-40.
        """
        held = self.sums[self.names.index(window)]
        mine = np.flatnonzero(self.columns.objective == objective)
        promise = self.objectives[objective]
        totals = {unit: int(held[unit, mine].sum()) for unit in Unit}
        rate = _rate(promise, totals)
        tallies = tuple(_tally(promise, self.columns, held, int(c), rate) for c in mine if held[:, c].any())
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
        if window not in self._known_cases:
            self._known_cases[window] = self._cases(window)
        best, worst, allowed, hazy, slack = self._known_cases[window]
        aim = (factor.rounded if isinstance(factor, Factors) else float(factor)) * allowed
        margin = _MARGIN * (aim + worst) + slack
        over, under = best > aim + margin, worst < aim - margin
        decided = np.where(over, Burning.OVER, np.where(under, Burning.UNDER, Burning.UNKNOWN)).astype(np.uint8)
        near = (np.abs(best - aim) <= margin) | (np.abs(worst - aim) <= margin)
        blank = hazy | (allowed <= 0)
        decided[blank] = Burning.UNKNOWN
        for index in np.flatnonzero(near & ~blank).tolist():
            exact = factor.exact[index] if isinstance(factor, Factors) else factor
            decided[index] = self._exactly(index, window, exact, strict=strict)
        return decided

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

    def _cases(self, window: str) -> _Cases:
        """Return bad units in the best and worst case, allowed units, where nobody can say, and fixed-point slack."""
        held = self.sums[self.names.index(window)].astype(np.float64)
        columns = self.columns
        scale = np.where(columns.method == 2, 1.0 / _SHARE, 1.0)  # noqa: PLR2004 - RatioTimeslices
        good, bad = held[Unit.GOOD] * scale, held[Unit.BAD] * scale
        known = self._by_objective(held[Unit.KNOWN])
        due = self._by_objective(held[Unit.GOOD] + held[Unit.BAD] + held[Unit.UNKNOWN])
        silent = held[Unit.SILENT] * (columns.missing != 1)
        lacking = (columns.estimator == 2) | ((columns.estimator == 0) & (self._spread(known) == 0))  # noqa: PLR2004
        rate = np.where(columns.estimator == 1, columns.stated, self._spread(due / np.maximum(known, 1)))
        hidden = np.where(lacking, 0.0, rate * silent)
        best = bad + hidden * (columns.missing == 3)  # noqa: PLR2004 - silence counts as bad
        worst = best + held[Unit.UNKNOWN] + hidden * (columns.missing == 0)
        allowed = columns.budget * (good + bad + held[Unit.UNKNOWN] + hidden)
        slack = np.where(columns.method == 2, (good + bad) / _SHARE, 0.0)  # noqa: PLR2004
        hazy: Flags = self._by_objective((lacking & (silent > 0)).astype(np.float64)) > 0
        sums = self._by_objective(np.stack([best, worst, allowed, slack]))
        return sums[0], sums[1], sums[2], hazy, sums[3]

    def _exactly(self, objective: int, window: str, factor: Fraction, *, strict: bool) -> Burning:
        sums = self.sums_of(objective, window)
        best, worst = sums.case(worst=False), sums.case(worst=True)
        if best is None or worst is None or not best[1]:
            return Burning.UNKNOWN
        ratio = isinstance(self.objectives[objective].terms[0].method, RatioTimeslices)
        slack = sums.units / _SHARE if ratio else Fraction(0)
        aim = factor * best[1]

        def reached(bad: Fraction) -> bool:
            return bad > aim if strict else bad >= aim

        if reached(best[0]):
            return Burning.OVER
        if not reached(worst[0] + slack):
            return Burning.UNDER
        open_to_rounding = reached(best[0] + slack) or not reached(worst[0])
        return Burning.CLOSE if slack and open_to_rounding else Burning.UNKNOWN

    def _by_objective(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Add the columns of each objective together."""
        if len(self.columns) == len(self.objectives):
            return values
        starts = np.searchsorted(self.columns.objective, np.arange(len(self.objectives)))
        return np.add.reduceat(values, starts, axis=-1)

    def _spread(self, values: Floats) -> Floats:
        """Give each column its objective's value."""
        return values if len(self.columns) == len(self.objectives) else values[self.columns.objective]


def _rate(objective: Objective, totals: dict[Unit, int]) -> Fraction | None:
    """Return the events a silent minute is taken to have hidden, or None without an estimate."""
    if not totals[Unit.SILENT]:
        return Fraction(0)
    if objective.estimator.name == "stated":
        return objective.estimator.per_minute
    if objective.estimator.name == "none" or not totals[Unit.KNOWN]:
        return None
    return Fraction(totals[Unit.GOOD] + totals[Unit.BAD] + totals[Unit.UNKNOWN], totals[Unit.KNOWN])


def _tally(objective: Objective, columns: Columns, held: Ints, column: int, rate: Fraction | None) -> Tally:
    term = objective.terms[int(columns.term[column])]
    scale = _SHARE if isinstance(term.method, RatioTimeslices) else 1
    good, bad = Fraction(int(held[Unit.GOOD, column]), scale), Fraction(int(held[Unit.BAD, column]), scale)
    unknown, silent = Fraction(int(held[Unit.UNKNOWN, column])), int(held[Unit.SILENT, column])
    if not silent or objective.missing == "ignore":
        return Tally(term, good, bad, unknown)
    if rate is None:
        return Tally(term, good, bad, unknown, None)
    if objective.missing == "good":
        return Tally(term, good + rate * silent, bad, unknown)
    if objective.missing == "bad":
        return Tally(term, good, bad + rate * silent, unknown)
    return Tally(term, good, bad, unknown, rate * silent)
