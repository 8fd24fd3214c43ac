"""How much of what happened a source heard of; what it misses is more often bad than good.

A page that fails sends no beacon, and a location that is cut off reports no try. So a source that loses events looks
better than it is, and is not trusted before the loss is mended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np

from nines.telemetry.reconcile_cells import Block, Cell, Tally
from nines.telemetry.reconcile_intervals import Share, newcombe, two_sided, wilson
from nines.telemetry.reconcile_noise import residuals, variance_by_blocks

Side = Literal["users", "probes"]
#: A source that hears less than this share of the events is not trusted.
LEAST_CAPTURE = Fraction(9, 10)
#: A capture rate that falls by this much from the first half of the time to the second is not trusted either.
GREATEST_FALL = Fraction(1, 20)


@dataclass(frozen=True, slots=True)
class Capture:
    """A source that loses events.

    Attributes:
        side: which source.
        cell: where, or None for all its cells together.
        heard: events heard, of whatever outcome.
        expected: pages the servers answered, or tries scheduled.
        earlier, later: share heard in the first and in the second half of the time; None where the times are not
            known.
        falling: whether it is the fall from the first half to the second that counts against it.
    """

    side: Side
    cell: Cell | None
    heard: int
    expected: int
    earlier: Fraction | None
    later: Fraction | None
    falling: bool

    @property
    def rate(self) -> Fraction:
        """Events heard per event expected, >= 0."""
        return Fraction(self.heard, self.expected)


def capture_losses(tallies: Mapping[Cell, Tally], side: Side, alpha: float) -> tuple[Capture, ...]:
    """Return where a source loses events, each proved beyond chance.

    Args:
        tallies: counts by cell; those that do not say what was expected are passed over.
        side: which source it is.
        alpha: chance of any false loss, 0 < alpha < 1, shared out evenly.

    Returns:
        First the source as a whole, then its cells.
    """
    said = {cell: heard for cell in sorted(tallies) if (heard := _as_captured(tallies[cell])) is not None}
    if not said:
        return ()
    z = two_sided(alpha / (2 * len(said) + 2))
    found = [_loss(side, cell, tally, z) for cell, tally in said.items()]
    if len({len(t.blocks) for t in said.values()}) == 1:
        found.insert(0, _loss(side, None, _together(list(said.values())), z))
    return tuple(f for f in found if f is not None)


def more_than_expected(tallies: Mapping[Cell, Tally]) -> tuple[Cell, ...]:
    """Return the cells in which more was heard than can have happened, by over a fiftieth."""
    odd = []
    for cell, tally in sorted(tallies.items()):
        expected = tally.expected
        if expected is not None and 50 * (tally.total + tally.unknown) > 51 * expected:
            odd.append(cell)
    return tuple(odd)


def could_explain(tally: Tally, other: Tally) -> bool:
    """Return whether the events a source missed could make it as bad as the other one, had they all been bad.

    Args:
        tally: counts of the source that misses events, with what was expected.
        other: counts of the other source.
    """
    expected = max(tally.expected or 0, tally.total)
    return Fraction(tally.good, expected) <= other.ratio


def _as_captured(tally: Tally) -> Tally | None:
    """Return heard events as good and missed ones as bad, by block.

    A beacon may come a block after its page: what is heard beyond the block's pages stands for those missed before it,
    the latest first.
    """
    if not tally.expected:
        return None
    heard = [b.good + b.bad + b.unknown for b in tally.blocks]
    missed = [(b.expected or 0) - n for b, n in zip(tally.blocks, heard, strict=True)]
    waiting: list[int] = []
    for at, n in enumerate(missed):
        if n > 0:
            waiting.append(at)
        while missed[at] < 0 and waiting:
            late = min(-missed[at], missed[waiting[-1]])
            missed[at] += late
            missed[waiting[-1]] -= late
            if not missed[waiting[-1]]:
                waiting.pop()
    return Tally(tuple(Block(n, max(m, 0)) for n, m in zip(heard, missed, strict=True)), tally.spread)


def _together(tallies: list[Tally]) -> Tally:
    rows = zip(*(t.blocks for t in tallies), strict=True)
    blocks = tuple(Block(sum(b.good for b in row), sum(b.bad for b in row)) for row in rows)
    return Tally(blocks, max(t.spread for t in tallies))


def _loss(side: Side, cell: Cell | None, tally: Tally, z: float) -> Capture | None:
    low_rate = tally.ratio < LEAST_CAPTURE and wilson(_share(tally), z).high < LEAST_CAPTURE
    middle = len(tally.blocks) // 2
    halves = [Tally(part, tally.spread) for part in (tally.blocks[:middle], tally.blocks[middle:])]
    earlier, later = (half.ratio if half.total else None for half in halves)
    falling = (
        earlier is not None
        and later is not None
        and earlier - later > GREATEST_FALL
        and newcombe(_share(halves[0]), _share(halves[1]), z).low > 0
    )
    return Capture(side, cell, tally.good, tally.total, earlier, later, falling) if low_rate or falling else None


def _share(tally: Tally) -> Share:
    """Return the share heard, with a size that allows for spells of loss."""
    ratio = float(tally.ratio)
    plain = ratio * (1 - ratio) * tally.spread / tally.total
    widened = max(variance_by_blocks(np.asarray(residuals(tally))) / plain, 1.0) if plain else 1.0
    return Share(ratio, tally.total / (tally.spread * widened))
