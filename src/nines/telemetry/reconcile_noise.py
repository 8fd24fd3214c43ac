"""How bursty counts are: failures come in spells, so a thousand of them may be worth a dozen independent ones.

Measured from blocks of time, never assumed. What all cells of a source show together is steadier than what one cell
shows; what one cell shows beyond that is taken into account where it widens its interval.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nines.telemetry.counters import Floats
from nines.telemetry.reconcile_cells import Tally

#: With fewer blocks than these nothing is said about bursts.
LEAST_BLOCKS = 14
#: From this many cells on, the noisiest tenth is left out of the pool: it may be what is looked for.
_TRIMMED_FROM = 5


class Pool(NamedTuple):
    """What the cells of a source show together, at one length of block.

    Attributes:
        factor: how many of the blocks given were put together.
        rho: correlation of two events of one block, 0..1.
    """

    factor: int
    rho: float


@dataclass(frozen=True, slots=True, eq=False)
class _Excess:
    """A cell's squared residuals beyond plain counting, and how many there would be at a correlation of 1."""

    excess: float
    at_one: float


def factors(blocks: int) -> Iterator[int]:
    """Yield 1, 2, 4, ... while at least `LEAST_BLOCKS` blocks remain after putting as many together.

    Longer blocks show spells that last longer than one.

    Example:
        >>> list(factors(60))
        [1, 2, 4]
    """
    factor = 1
    while blocks // factor >= LEAST_BLOCKS:
        yield factor
        factor *= 2


def put_together(values: Floats, factor: int) -> Floats:
    """Return sums of `factor` neighbouring blocks; the last may be shorter."""
    sums: Floats = np.add.reduceat(values, np.arange(0, len(values), factor))
    return sums


def pools(tallies: Iterable[Tally]) -> tuple[Pool, ...]:
    """Return the correlation of events within blocks, over all cells of a source, for each length of block.

    Args:
        tallies: counts of the source's cells.

    Returns:
        One per length, the shortest first; () where no cell has enough blocks.

    Source:
        Method of moments for the beta-binomial: Var(bad) = p q (s n + rho n (n - s)), s the spread.
    """
    cells = [t for t in tallies if len(t.blocks) >= LEAST_BLOCKS]
    if not cells:
        return ()
    return tuple(Pool(f, _pooled(cells, f)) for f in factors(min(len(t.blocks) for t in cells)))


def _pooled(cells: list[Tally], factor: int) -> float:
    found = sorted((_excess(t, factor) for t in cells), key=lambda e: e.excess)
    if len(found) >= _TRIMMED_FROM:
        found = found[: len(found) - math.ceil(len(found) / 10)]
    at_one = sum(e.at_one for e in found)
    return min(max(sum(e.excess for e in found) / at_one, 0.0), 1.0) if at_one > 0 else 0.0


def _excess(tally: Tally, factor: int) -> _Excess:
    bad, known = (put_together(v, factor) for v in tally.arrays())
    total = known.sum()
    p = bad.sum() / total if total else 0.0
    if not 0 < p < 1:
        return _Excess(0.0, 0.0)
    squares = float(np.square(bad - p * known).sum())

    def expected(variances: Floats) -> float:
        """Return what the squares of residuals about an estimated mean come to."""
        return float(
            p * (1 - p) * (variances * (1 - 2 * known / total) + np.square(known / total) * variances.sum()).sum()
        )

    return _Excess(squares - expected(tally.spread * known), expected(known * np.maximum(known - tally.spread, 0)))


def design_effect(tally: Tally, found: tuple[Pool, ...]) -> float:
    """Return how many times wider the variance of a cell's ratio is than that of plain counting.

    Args:
        tally: its counts.
        found: what its source's cells show together.

    Returns:
        The greatest over the lengths of block, >= the tally's spread.

    Source:
        Kish, Survey Sampling, 1965: 1 + (n - 1) rho for blocks of n events.
    """
    known = tally.arrays()[1]
    total, worst = known.sum(), tally.spread
    for factor, rho in found:
        size = put_together(known, factor)
        more = rho * float((size * np.maximum(size - tally.spread, 0)).sum()) / total if total else 0.0
        worst = max(worst, tally.spread + more)
    return worst


def variance_by_blocks(residuals: Floats) -> float:
    """Return the variance of a sum from its parts by block, the greatest over the lengths of block.

    Args:
        residuals: what each block adds to the estimate beyond its share of it; they sum to about zero.

    Returns:
        0 with fewer than `LEAST_BLOCKS` blocks.

    Source:
        Cochran, Sampling Techniques, 3rd ed., section 6.3 (linearised ratio), blocks as the sampling units.
    """
    worst = 0.0
    for factor in factors(len(residuals)):
        sums = put_together(residuals, factor)
        worst = max(worst, float(np.square(sums).sum()) * len(sums) / (len(sums) - 1))
    return worst


def residuals(tally: Tally) -> Floats:
    """Return what each block adds to the cell's bad share beyond its part of it, in units of the share."""
    bad, known = tally.arrays()
    total = known.sum()
    parts: Floats = (bad - bad.sum() / total * known) / total
    return parts
