"""How far locations fail together: a quorum of locations that share a fault is worth less than their number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

import numpy as np

from nines.telemetry.reconcile_intervals import greatest, two_sided
from nines.telemetry.reconcile_noise import variance_by_blocks
from nines.telemetry.series import Flags, Ints

#: Minutes of a block: failures of one block may be one failure.
_BLOCK = 60
_ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Dependence:
    """How far two locations, or all pairs together, fail in the same minutes.

    Attributes:
        locations: the two names, or () for all pairs together.
        minutes: minutes in which both were heard, summed over pairs.
        both: of these, minutes in which both were bad.
        one: of these, minutes in which just one was bad.
        kappa: agreement beyond chance, -1..1: 1 when they always fail together, 0 when independent; exact, None when
            neither ever failed.
        low, high: 95 % interval of it, allowing for failures that last; None with kappa.
    """

    locations: tuple[str, ...]
    minutes: int
    both: int
    one: int
    kappa: Fraction | None
    low: float | None
    high: float | None


def dependences(names: Sequence[str], bad: Flags, heard: Flags) -> tuple[Dependence, ...]:
    """Return how far locations fail together: first over all pairs, then for each.

    Args:
        names: locations.
        bad: locations x minutes, who said bad.
        heard: locations x minutes, who said anything.

    Returns:
        () for a single location.

    Source:
        Intraclass kappa (Scott, 1955; for two locations of equal rates it is their phi coefficient), with the
        goodness-of-fit interval of Donner and Eliasziw, Statistics in Medicine 11, 1992, 1511-1519.
    """
    pairs = list(combinations(range(len(names)), 2))
    if not pairs:
        return ()
    together = [heard[i] & heard[j] for i, j in pairs]
    sums = [(bad[i].astype(np.int64) + bad[j]) * t for (i, j), t in zip(pairs, together, strict=True)]
    minutes = [int(t.sum()) for t in together]
    each = [
        _dependence((names[i], names[j]), n, np.stack([s == 2, s == 1]).astype(np.int64), 1)  # noqa: PLR2004
        for (i, j), n, s in zip(pairs, minutes, sums, strict=True)
    ]
    counts = np.stack([np.sum([s == two for s in sums], axis=0) for two in (2, 1)])
    # Pairs that share a location say the same again: of n (n - 1) / 2 of them at most n - 1 are counted.
    return (_dependence((), sum(minutes), counts, len(pairs) / (len(names) - 1)), *each)


def _dependence(names: tuple[str, ...], minutes: int, counts: Ints, repeated: float) -> Dependence:
    both, one = (int(c.sum()) for c in counts)
    failed = 2 * both + one
    if not failed or failed == 2 * minutes:
        return Dependence(names, minutes, both, one, None, None, None)
    p = Fraction(failed, 2 * minutes)
    kappa = 1 - Fraction(one, minutes) / (2 * p * (1 - p))
    low, high = _interval(both, one, minutes, minutes / max(_lasting(counts, minutes), repeated))
    return Dependence(names, minutes, both, one, kappa, low, high)


def _lasting(counts: Ints, minutes: int) -> float:
    """Return how many minutes of failure make one independent failure, >= 1."""
    worst, edges = 1.0, np.arange(0, counts.shape[1], _BLOCK)
    for seen in (*counts, counts.sum(axis=0)):
        share = float(seen.sum()) / minutes
        if 0 < share < 1:
            blocks = np.add.reduceat(seen, edges)
            size = np.diff(np.append(edges, counts.shape[1])) * (minutes / counts.shape[1])
            variance = variance_by_blocks((blocks - share * size) / minutes)
            worst = max(worst, variance * minutes / (share * (1 - share)))
    return worst


def _interval(both: int, one: int, minutes: int, size: float) -> tuple[float, float]:
    """Return the kappas at which the three counts fit, scaled to so many independent minutes."""
    p = (2 * both + one) / (2 * minutes)
    q, z = 1 - p, two_sided(_ALPHA)
    seen = np.array([both, one, minutes - both - one]) * (size / minutes)
    found = 1 - one / (2 * minutes * p * q)
    least = max(-p / q, -q / p)

    def fits(kappa: float) -> bool:
        expected = size * np.array([p * p + p * q * kappa, 2 * p * q * (1 - kappa), q * q + p * q * kappa])
        off = np.square(seen - expected)
        return bool((off[expected > 0] / expected[expected > 0]).sum() <= z * z and not off[expected <= 0].any())

    low = found - greatest(lambda step: fits(found - step), max(found - least, 0.0))
    high = found + greatest(lambda step: fits(found + step), max(1 - found, 0.0))
    return low, high
