"""Two sources compared as wholes: as they stand, with the probes re-weighted to the users' mix, and the mix itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from nines.telemetry.reconcile_cells import Cell, Tally
from nines.telemetry.reconcile_compare import CellComparison, Noise, times_needed
from nines.telemetry.reconcile_intervals import Interval, Share, combined, p_value, two_sided
from nines.telemetry.reconcile_noise import LEAST_BLOCKS, design_effect, residuals, variance_by_blocks

Weights = Mapping[Cell, Fraction]
_AGREEING = 0.05


@dataclass(frozen=True, slots=True)
class Comparison:
    """A difference of good ratios over many cells.

    Attributes:
        difference: exact, -1..1; below zero the users fare worse.
        low, high: its interval, widened for bursts.
        confidence: of that interval.
        proved: whether it differs from zero beyond chance.
        agrees: whether it lies within the margin with 95 % confidence.
        more: how many times as much data of both sources would show agreement, or the difference; 1 when
            the present does, None when nobody would wait so long.
    """

    difference: Fraction
    low: float
    high: float
    confidence: float
    proved: bool
    agrees: bool
    more: float | None


@dataclass(frozen=True, slots=True)
class Whole:
    """Both sources over the same cells.

    Attributes:
        crude: all users' events against all tries of the probes.
        reweighted: the same with every cell of the probes weighing what it weighs among the users.
        mix: what the probes' ratio changes by that re-weighting.
        users_share: share of each cell in the users' events.
        probes_share: share of each cell in the probes' tries.
    """

    crude: Comparison
    reweighted: Comparison
    mix: Comparison
    users_share: Weights
    probes_share: Weights


@dataclass(frozen=True, slots=True)
class _Sum:
    """A weighted sum of bad shares of one source: weight, counts and effective size of each cell."""

    parts: tuple[tuple[Fraction, Tally, float], ...]

    @property
    def terms(self) -> list[tuple[float, Share]]:
        return [(float(w), Share(t.bad / t.total, size)) for w, t, size in self.parts]

    @property
    def variance(self) -> float:
        return sum(w * w * s.ratio * (1 - s.ratio) / s.size for w, s in self.terms)

    @property
    def exact(self) -> Fraction:
        return sum((w * Fraction(t.bad, t.total) for w, t, _ in self.parts), Fraction(0))

    def share(self, wider: float) -> Share:
        """Return the sum as one share with the size that has its variance."""
        ratio, size = float(self.exact), sum(s for _, _, s in self.parts)
        return Share(ratio, (ratio * (1 - ratio) / self.variance if self.variance else size) / wider)


def whole(cells: Sequence[CellComparison], noise: Noise, *, margin: Fraction, alpha: float) -> Whole:
    """Compare both sources over some cells.

    Args:
        cells: at least one.
        noise: how bursty both are.
        margin: difference that matters, > 0.
        alpha: chance of a false difference, 0 < alpha < 1.

    Source:
        Direct standardisation (Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions, ch. 19).
    """
    seen, tried = sum(c.users.total for c in cells), sum(c.probes.total for c in cells)
    ours = {c.cell: Fraction(c.users.total, seen) for c in cells}
    theirs = {c.cell: Fraction(c.probes.total, tried) for c in cells}
    timed = len({len(t.blocks) for c in cells for t in (c.users, c.probes)}) == 1
    timed = timed and len(cells[0].users.blocks) >= LEAST_BLOCKS

    def size(tally: Tally, users: bool) -> float:  # noqa: FBT001
        pool = noise.users if users else noise.probes
        return tally.total / (tally.spread if timed else design_effect(tally, pool))

    def users(weights: Weights) -> _Sum:
        return _Sum(tuple((weights[c.cell], c.users, size(c.users, users=True)) for c in cells))

    def probes(weights: Weights) -> _Sum:
        return _Sum(tuple((weights[c.cell], c.probes, size(c.probes, users=False)) for c in cells))

    shift = {c: theirs[c] - ours[c] for c in ours}
    judge = _Judge(margin, alpha, timed)
    return Whole(
        judge.difference(probes(theirs), users(ours)),
        judge.difference(probes(ours), users(ours)),
        judge.difference(probes(shift), _Sum(())),
        ours,
        theirs,
    )


@dataclass(frozen=True, slots=True)
class _Judge:
    margin: Fraction
    alpha: float
    timed: bool

    def difference(self, probes: _Sum, users: _Sum) -> Comparison:
        """Judge the bad share of the probes less that of the users, which is the difference of good ratios."""
        terms = [*probes.terms, *((-w, s) for w, s in users.terms)]
        exact, wider = probes.exact - users.exact, self._wider(probes, users)

        def interval(z: float, times: float = 1.0) -> Interval:
            found = combined([(w, Share(s.ratio, s.size * times)) for w, s in terms], z)
            middle, root = float(exact), math.sqrt(wider)
            return Interval(middle - (middle - found.low) * root, middle + (found.high - middle) * root)

        z, narrow = two_sided(self.alpha), two_sided(_AGREEING)
        proved = interval(z).excludes_zero
        if users.parts and proved:
            proved = p_value(probes.share(wider), users.share(wider)) <= self.alpha

        def agrees(times: float) -> bool:
            found = interval(narrow, times)
            return -self.margin <= found.low and found.high <= self.margin

        more = self._more(exact, agrees, interval, z)
        return Comparison(exact, *interval(z), 1 - self.alpha, proved, agrees(1.0), more)

    def _more(
        self, exact: Fraction, agrees: Callable[[float], bool], interval: Callable[[float, float], Interval], z: float
    ) -> float | None:
        if abs(exact) > self.margin:
            return times_needed(lambda times: not interval(z, times).excludes_zero)
        return times_needed(lambda times: not agrees(times))

    def _wider(self, probes: _Sum, users: _Sum) -> float:
        """Return how many times wider the blocks of time show the variance to be; cells that fail together add up."""
        plain = probes.variance + users.variance
        if not self.timed or not plain:
            return 1.0
        parts = [float(w) * residuals(t) for w, t, _ in probes.parts]
        parts += [-float(w) * residuals(t) for w, t, _ in users.parts]
        return max(variance_by_blocks(np.sum(parts, axis=0)) / plain, 1.0)
