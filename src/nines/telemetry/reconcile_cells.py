"""Counts of one source per cell: route x region x device, in blocks of time, from whole numbers to exact ratios."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import zip_longest
from typing import NamedTuple

import numpy as np

from nines.errors import InputError, Problem
from nines.telemetry.counters import Floats
from nines.telemetry.series import Ints, MinuteSeries


class Cell(NamedTuple):
    """What must be equal for two measurements to be comparable; "" stands for any."""

    route: str
    region: str = ""
    device: str = ""

    def __str__(self) -> str:
        """Return the names with strokes between them."""
        return " / ".join(name or "any" for name in self)


class Block(NamedTuple):
    """Counts of one block of time.

    Attributes:
        good: events that met the condition, >= 0. For latency: those at or under the threshold.
        bad: those that did not.
        unknown: those that could not be judged.
        expected: how many should have been heard (pages the servers answered, or tries scheduled); None when
            nobody knows.
    """

    good: int
    bad: int
    unknown: int = 0
    expected: int | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """What one source counted in one cell.

    Attributes:
        blocks: counts of equal, consecutive blocks of time; the same blocks in both sources. One block for the whole
            span tells no time, and then nothing is known about bursts.
        spread: how much wider than that of plain counting the variance is, >= 1; above 1 for sampled events.
    """

    blocks: tuple[Block, ...]
    spread: float = 1.0

    @classmethod
    def of(cls, good: int, bad: int, unknown: int = 0, expected: int | None = None) -> Tally:
        """Return counts of a whole span."""
        return cls((Block(good, bad, unknown, expected),))

    @property
    def good(self) -> int:
        """Good events, >= 0."""
        return sum(b.good for b in self.blocks)

    @property
    def bad(self) -> int:
        """Bad events, >= 0."""
        return sum(b.bad for b in self.blocks)

    @property
    def unknown(self) -> int:
        """Events that could not be judged, >= 0."""
        return sum(b.unknown for b in self.blocks)

    @property
    def total(self) -> int:
        """Known events, good and bad."""
        return self.good + self.bad

    @property
    def expected(self) -> int | None:
        """How many should have been heard, or None unless every block says so."""
        said = [b.expected for b in self.blocks if b.expected is not None]
        return sum(said) if len(said) == len(self.blocks) and said else None

    @property
    def ratio(self) -> Fraction:
        """Good events per known event; there must be some."""
        return Fraction(self.good, self.total)

    def arrays(self) -> tuple[Floats, Floats]:
        """Return bad and known events by block, as doubles: for intervals, never for the ratio itself."""
        bad = np.array([float(b.bad) for b in self.blocks])
        return bad, bad + np.array([float(b.good) for b in self.blocks])


def checked(tallies: Mapping[Cell, Tally], name: str) -> None:
    """Refuse counts that cannot be true.

    Args:
        tallies: counts by cell.
        name: what to call the source.

    Raises:
        InputError: a count is below zero or not whole, or a spread below one.
    """
    wrong = [
        Problem(f"{name}: {cell}", "a count is not a whole number >= 0", "count events", code="not-whole")
        for cell, tally in tallies.items()
        if any(n is not None and (n < 0 or n != int(n)) for block in tally.blocks for n in block)
    ]
    wrong += [
        Problem(f"{name}: {cell}", "a spread is below one", "state 1 where every event was kept", code="spread")
        for cell, tally in tallies.items()
        if not tally.spread >= 1
    ]
    if wrong:
        raise InputError(*wrong)


def folded(tallies: Mapping[Cell, Tally], keep: Iterable[str]) -> dict[Cell, Tally]:
    """Return counts added up over the dimensions that one of the sources does not know.

    Args:
        tallies: counts by cell.
        keep: names of the dimensions kept, of "route", "region", "device". A dimension that is not kept cannot
            explain anything any more.

    Example:
        >>> phones = {Cell("/", "eu", "phone"): Tally.of(9, 1), Cell("/", "eu", "desk"): Tally.of(5, 0)}
        >>> folded(phones, ("route", "region"))[Cell("/", "eu")].blocks
        (Block(good=14, bad=1, unknown=0, expected=None),)
    """
    kept = frozenset(keep)
    out: dict[Cell, Tally] = {}
    for cell, tally in tallies.items():
        place = Cell(*(value if name in kept else "" for name, value in zip(Cell._fields, cell, strict=True)))
        out[place] = _added(out[place], tally) if place in out else tally
    return out


def _added(one: Tally, other: Tally) -> Tally:
    nothing = Block(0, 0, 0, 0)
    blocks = []
    for a, b in zip_longest(one.blocks, other.blocks, fillvalue=nothing):
        expected = None if a.expected is None or b.expected is None else a.expected + b.expected
        blocks.append(Block(a.good + b.good, a.bad + b.bad, a.unknown + b.unknown, expected))
    return Tally(tuple(blocks), max(one.spread, other.spread))


def tally_of(series: MinuteSeries, *, block: int = 60, expected: Ints | None = None) -> Tally:
    """Return the counts of a series by blocks of time.

    Args:
        series: counts by minute; sampled ones keep their unit of 1/scale events, and their spread says so.
        block: minutes per block, >= 1; longer than most incidents last, if there remain at least 14.
        expected: how many events should have been heard in each minute, or None.

    Source:
        For sampled events the variance of a sum of kept events times weights, w (w - 1) times the squares of each
        unit's share of the residual (Horvitz and Thompson, 1952), over that of plain counting.
    """
    edges = np.arange(0, max(len(series), 1), block)
    if not len(series):
        return Tally.of(0, 0, 0, None if expected is None else 0)
    sums = [np.add.reduceat(v, edges).tolist() for v in (series.good, series.bad, series.unknown)]
    said = [None] * len(edges) if expected is None else np.add.reduceat(expected * series.scale, edges).tolist()
    blocks = tuple(Block(*row) for row in zip(*sums, said, strict=True))
    return Tally(blocks, series.scale * _sampling(series))


def tallies_of(
    series: Mapping[Cell, MinuteSeries], expected: Mapping[Cell, Ints] | None = None
) -> tuple[dict[Cell, Tally], int]:
    """Return the counts of one source by cell, all in one unit.

    Args:
        series: counts by cell, one block of time each where others have a minute; all over the same blocks.
        expected: how many events should have been heard in each block, by cell, or None when nobody says. A cell in
            which nothing was heard counts as well; of one that is not named nobody says.

    Returns:
        Counts by cell, and how many units make an event: 1 unless weights are fractions.
    """
    said = expected or {}
    made = {cell: (tally_of(one, block=1, expected=said.get(cell)), one.scale) for cell, one in series.items()}
    unit = math.lcm(*(scale for _, scale in made.values()))
    found = {cell: _in_units(tally, unit // scale) for cell, (tally, scale) in made.items()}
    for cell in sorted(set(said) - set(found)):
        found[cell] = Tally(tuple(Block(0, 0, 0, n * unit) for n in said[cell].tolist()))
    return found, unit


def _in_units(tally: Tally, times: int) -> Tally:
    """Return counts in a unit that is so many times smaller: the variance grows by the square, the counts do not."""
    if times == 1:
        return tally
    blocks = (
        Block(b.good * times, b.bad * times, b.unknown * times, None if b.expected is None else b.expected * times)
        for b in tally.blocks
    )
    return Tally(tuple(blocks), tally.spread * times)


def _sampling(series: MinuteSeries) -> float:
    """Return how much sampling widens the variance of the bad share, >= 1."""
    good, bad = int(series.good.sum()) / series.scale, int(series.bad.sum()) / series.scale
    total = good + bad
    ratio = bad / total if total else 0.0
    variance = 0.0
    for stratum in series.strata:
        weight = float(stratum.weight or 1)
        moments = int(stratum.bb.sum()), int(stratum.nb.sum()), int(stratum.nn.sum())
        variance += weight * (weight - 1) * (moments[0] - 2 * ratio * moments[1] + ratio * ratio * moments[2])
    plain = total * ratio * (1 - ratio)
    if not plain:
        return max([1.0, *(float(s.weight or 1) for s in series.strata)])
    return 1 + max(variance, 0.0) / plain
