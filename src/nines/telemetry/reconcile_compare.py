"""Two sources compared cell by cell: the difference of good ratios, its interval, and what may be said about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

import numpy as np

from nines.telemetry.reconcile_cells import Cell, Tally
from nines.telemetry.reconcile_intervals import Share, greatest, newcombe, p_value, two_sided
from nines.telemetry.reconcile_noise import LEAST_BLOCKS, Pool, design_effect, pools, residuals, variance_by_blocks
from nines.telemetry.series import Ints

Outcome = Literal["users-worse", "probes-worse", "agree", "cannot-tell"]
#: Both ends of an interval that is to show agreement must keep to the margin with this confidence.
_AGREEING = 0.05
#: Times as much data beyond which nobody would wait.
_MOST = 10**6
#: A block in which the ratios differ by less is no burst worth naming alone.
_LEAST_GAP = 0.05


@dataclass(frozen=True, slots=True)
class CellComparison:
    """One cell in both sources.

    Attributes:
        cell: which.
        users: counts of the users' events.
        probes: counts of the probes' tries.
        difference: users' good ratio less the probes', exact, -1..1.
        low, high: Newcombe interval of the difference, widened for bursts.
        confidence: of that interval; it allows for the number of cells looked at.
        outcome: "users-worse" and "probes-worse" are discrepancies; "agree" says that the difference lies within the
            margin with 95 % confidence.
        more: where it cannot tell, how many times as much data of both sources would do; None when nobody would
            wait so long, and for other outcomes.
        bursts: numbers of the blocks that alone carry the difference; () where it is spread or none.
        doubt: whether events of unknown outcome could turn the difference around.
    """

    cell: Cell
    users: Tally
    probes: Tally
    difference: Fraction
    low: float
    high: float
    confidence: float
    outcome: Outcome
    more: float | None = None
    bursts: tuple[int, ...] = ()
    doubt: bool = False


@dataclass(frozen=True, slots=True)
class Noise:
    """How bursty both sources are: correlation within blocks, for each length of block.

    Attributes:
        users, probes: of each source over all its blocks.
        calm_users, calm_probes: without the blocks in which the sources differ by much: those may be what is sought.
    """

    users: tuple[Pool, ...]
    probes: tuple[Pool, ...]
    calm_users: tuple[Pool, ...]
    calm_probes: tuple[Pool, ...]


@dataclass(frozen=True, slots=True)
class _Pair:
    """A cell with what stands behind both ratios.

    Both hold the bad shares of probes and users: `calm` with sizes as those blocks show in which the sources
    differ little, `own` with sizes as all blocks show, and this cell's among them.
    """

    cell: Cell
    users: Tally
    probes: Tally
    calm: tuple[Share, Share]
    own: tuple[Share, Share]

    @property
    def difference(self) -> Fraction:
        return self.users.ratio - self.probes.ratio

    @property
    def timed(self) -> bool:
        """Whether both sources tell the same blocks of time, and enough of them."""
        return len(self.users.blocks) == len(self.probes.blocks) >= LEAST_BLOCKS


def noise_of(users: Mapping[Cell, Tally], probes: Mapping[Cell, Tally]) -> Noise:
    """Return how bursty both sources are, from the blocks of all their cells."""
    calm_users: list[Tally] = []
    calm_probes: list[Tally] = []
    for cell in sorted(users):
        if cell in probes and len(users[cell].blocks) == len(probes[cell].blocks):
            apart = set(_far_apart(users[cell], probes[cell]).tolist())
            for calm, tally in ((calm_users, users[cell]), (calm_probes, probes[cell])):
                calm.append(replace(tally, blocks=tuple(b for i, b in enumerate(tally.blocks) if i not in apart)))
    return Noise(pools(users.values()), pools(probes.values()), pools(calm_users), pools(calm_probes))


def _far_apart(users: Tally, probes: Tally) -> Ints:
    """Return the numbers of the blocks in which the ratios differ by more than `_LEAST_GAP`."""
    (users_bad, users_known), (probes_bad, probes_known) = users.arrays(), probes.arrays()
    heard = np.flatnonzero((users_known > 0) & (probes_known > 0))
    gap = probes_bad[heard] / probes_known[heard] - users_bad[heard] / users_known[heard]
    return heard[np.abs(gap) > _LEAST_GAP]


def compare(
    users: Mapping[Cell, Tally], probes: Mapping[Cell, Tally], noise: Noise, *, margin: Fraction, alpha: float
) -> tuple[CellComparison, ...]:
    """Compare the cells that both sources counted in.

    Args:
        users: counts of users by cell.
        probes: counts of probes by cell.
        noise: how bursty both are.
        margin: difference that matters, > 0.
        alpha: chance of any false discrepancy among all cells where there is none, 0 < alpha < 1.

    Returns:
        One per cell with known events on both sides, in the order of the cells.

    Source:
        Holm, Scandinavian Journal of Statistics 6, 1979, 65-70, for the number of cells.
    """
    cells = [c for c in sorted(users) if c in probes and users[c].total and probes[c].total]
    pairs = [_paired(c, users[c], probes[c], noise) for c in cells]
    tests = [p_value(*p.own) for p in pairs]
    block_alpha = alpha / max(sum(len(p.users.blocks) for p in pairs), 1)
    return tuple(
        _judged(pair, p <= level, level, margin, _bursts(pair, noise, block_alpha))
        for pair, p, level in zip(pairs, tests, holm_levels(tests, alpha), strict=True)
    )


def holm_levels(tests: Sequence[float], alpha: float) -> list[float]:
    """Return the level at which each p-value is held, so that any false finding has at most the chance alpha.

    Args:
        tests: p-values, 0..1.
        alpha: chance over all of them.

    Source:
        Holm, 1979: the i-th least is held at alpha / (m - i + 1), until one fails.

    Example:
        >>> holm_levels([0.001, 0.5, 0.02], 0.06)
        [0.02, 0.06, 0.03]
    """
    levels, left, holding = [0.0] * len(tests), len(tests), True
    for i in sorted(range(len(tests)), key=lambda i: tests[i]):
        levels[i] = alpha / left
        holding = holding and tests[i] <= levels[i]
        left -= holding and left > 1
    return levels


def _paired(cell: Cell, users: Tally, probes: Tally, noise: Noise) -> _Pair:
    calm = _sized(probes, noise.calm_probes), _sized(users, noise.calm_users)
    own = _sized(probes, noise.probes), _sized(users, noise.users)
    blocks = (
        variance_by_blocks(residuals(probes) - residuals(users)) if len(users.blocks) == len(probes.blocks) else 0.0
    )
    wider = _wider(blocks, own)
    return _Pair(cell, users, probes, calm, (_of_size(own[0], wider), _of_size(own[1], wider)))


def effective(tally: Tally, found: tuple[Pool, ...]) -> Share:
    """Return a cell's bad share with the number of independent events behind it.

    Args:
        tally: its counts, with known events.
        found: what its source's cells show together.
    """
    share = _sized(tally, found)
    return _of_size(share, _wider(variance_by_blocks(residuals(tally)), (share,)))


def _wider(variance: float, shares: Sequence[Share]) -> float:
    """Return how many times wider blocks show a variance to be than these shares' sizes say, >= 1."""
    told = sum(s.ratio * (1 - s.ratio) / s.size for s in shares)
    return max(variance / told, 1.0) if told else 1.0


def _sized(tally: Tally, found: tuple[Pool, ...]) -> Share:
    return Share(tally.bad / tally.total, tally.total / design_effect(tally, found))


def _of_size(share: Share, divisor: float) -> Share:
    return Share(share.ratio, share.size / divisor)


def _judged(pair: _Pair, proved: bool, level: float, margin: Fraction, bursts: tuple[Ints, Ints]) -> CellComparison:  # noqa: FBT001
    difference, z = pair.difference, two_sided(level)
    direction: Outcome = "users-worse" if difference < 0 else "probes-worse"
    interval, carrying = newcombe(*pair.own, z), bursts[0 if difference < 0 else 1]
    sudden = abs(_carried(pair, carrying)) > margin and newcombe(*pair.calm, z).excludes_zero
    if sudden and not proved:
        interval = newcombe(*pair.calm, z)
    told = CellComparison(pair.cell, pair.users, pair.probes, difference, *interval, 1 - level, direction)
    if abs(difference) > margin and (proved or sudden):
        numbers = tuple(carrying.tolist()) if sudden else ()
        if _could_turn(pair):
            return replace(told, outcome="cannot-tell", bursts=numbers, doubt=True)
        return replace(told, bursts=numbers)
    narrow = newcombe(*pair.own, two_sided(_AGREEING))
    if -margin <= narrow.low and narrow.high <= margin:
        return replace(told, outcome="agree")
    return replace(told, outcome="cannot-tell", more=_more(pair, float(margin), level))


def _more(pair: _Pair, margin: float, level: float) -> float | None:
    """Return how many times as much data would decide, if the ratios stayed what they are."""
    wide = abs(float(pair.difference)) > margin

    def undecided(times: float) -> bool:
        first, second = (_of_size(s, 1 / times) for s in pair.own)
        if wide:
            return not newcombe(first, second, two_sided(level)).excludes_zero
        narrow = newcombe(first, second, two_sided(_AGREEING))
        return max(-narrow.low, narrow.high) > margin

    return times_needed(undecided)


def times_needed(undecided: Callable[[float], bool]) -> float | None:
    """Return how many times as much data decides, >= 1, or None beyond a million times.

    Args:
        undecided: whether so many times as much data would still not do.
    """
    if undecided(_MOST):
        return None
    return max(greatest(lambda times: undecided(max(times, 1.0)), _MOST), 1.0)


def _could_turn(pair: _Pair) -> bool:
    """Return whether the sign of the difference hangs on events that could not be judged."""
    users, probes = pair.users, pair.probes
    all_users, all_probes = users.total + users.unknown, probes.total + probes.unknown
    low = Fraction(users.good, all_users) - Fraction(probes.good + probes.unknown, all_probes)
    high = Fraction(users.good + users.unknown, all_users) - Fraction(probes.good, all_probes)
    return low <= 0 <= high


def _bursts(pair: _Pair, noise: Noise, alpha: float) -> tuple[Ints, Ints]:
    """Return the blocks in which users, and those in which probes, are worse beyond what one block can do by chance."""
    none = np.zeros(0, dtype=np.int64)
    if not pair.timed:
        return none, none
    (users_bad, users_known), (probes_bad, probes_known) = pair.users.arrays(), pair.probes.arrays()
    found: tuple[list[int], list[int]] = [], []
    for i in _far_apart(pair.users, pair.probes).tolist():
        probes = _block_share(probes_bad[i], probes_known[i], pair.probes.spread, noise.calm_probes)
        users = _block_share(users_bad[i], users_known[i], pair.users.spread, noise.calm_users)
        if p_value(probes, users) <= alpha:
            found[0 if probes.ratio < users.ratio else 1].append(i)
    return np.array(found[0], dtype=np.int64), np.array(found[1], dtype=np.int64)


def _block_share(bad: float, known: float, spread: float, found: tuple[Pool, ...]) -> Share:
    rho = found[0].rho if found else 0.0
    return Share(bad / known, known / (spread + max(known - spread, 0.0) * rho))


def _carried(pair: _Pair, blocks: Ints) -> Fraction:
    """Return the part of the difference that these blocks make, exactly."""
    part = Fraction(0)
    for i in blocks.tolist():
        users, probes = pair.users.blocks[i], pair.probes.blocks[i]
        part += Fraction(probes.bad, pair.probes.total) - Fraction(users.bad, pair.users.total)
    return part
