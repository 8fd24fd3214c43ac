"""How sure an estimate is: intervals of the SLI, the spent budget and the burn rates of sampled events.

The limits come from `telemetry.sampling`, on the kept events of the minutes in question. Under slice methods every
slice is judged on an estimate: there the limits are those of the slices' own intervals, taken all bad and all good.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from nines.errors import Problem
from nines.evaluation.judge import Judged
from nines.evaluation.standing import SampleInterval
from nines.objectives.method import Occurrences, Timeslices
from nines.objectives.objective import Objective
from nines.telemetry.sampling import Interval, Moments, interval
from nines.telemetry.series import Flags, MinuteSeries, Stratum

#: Share of samples whose limits hold the true figure.
CONFIDENCE = Fraction(95, 100)
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """The kept events behind a question.

    Attributes:
        series: with its strata, from the frame's reach on.
        counted: minutes that count and that no exclusion covers wholly, aligned with the series.
        every_bad: whether the sampler keeps every bad event.
    """

    series: MinuteSeries
    counted: Flags
    every_bad: bool = False

    @property
    def sampled(self) -> bool:
        """Whether any kept event stands for more than itself."""
        return any(s.weight is not None and s.weight > 1 for s in self.series.strata)

    @property
    def of_unknown_weight(self) -> int:
        """Kept events of which nobody said how many they stand for, in the minutes that count."""
        return sum(int(((s.good + s.bad) * self.counted).sum()) for s in self.series.strata if s.weight is None)

    def moments(self, start: int, end: int) -> list[Moments]:
        """Return the sums over the sampling units of the minutes [start, end)."""
        low, high = (min(max(m - self.series.start, 0), len(self.series)) for m in (start, end))
        used = np.flatnonzero(self.counted[low:high]) + low
        return [_moments(s, used) for s in self.series.strata]


def _moments(stratum: Stratum, used: npt.NDArray[np.int64]) -> Moments:
    def total(name: str) -> int:
        return int(getattr(stratum, name)[used].sum())

    if stratum.weight is None or stratum.weight == 1:
        return Moments(stratum.weight, total("good") + total("bad"), total("bad"))
    return Moments(stratum.weight, *(total(name) for name in ("un", "ub", "nn", "nb", "bb", "units")))


def sli_interval(
    objective: Objective, kept: Kept, judged: Judged, start: int, end: int, sli: Fraction | None
) -> SampleInterval | None:
    """Return the interval of the SLI of the minutes [start, end), or None where it is exact or cannot be told.

    Args:
        objective: gives the method.
        kept: the kept events.
        judged: slices covering the span.
        start: first grid minute.
        end: grid minute after the last.
        sli: the estimate; it lies within the interval.
    """
    if not kept.sampled or sli is None:
        return None
    if isinstance(objective.terms[0].method, Occurrences):
        found = interval(kept.moments(start, end), every_bad_kept=kept.every_bad, confidence=CONFIDENCE)
        return _around(found.good.low, found.good.high, sli) if isinstance(found, Interval) else None
    part = judged.between(start, end)
    starts = judged.starts[part]
    ends = np.append(judged.starts, judged.end)[1:][part]
    ratio, variance = _by_slice(kept, starts, ends)
    if isinstance(objective.terms[0].method, Timeslices):
        return _doubtful_slices(objective, judged, part, ratio, variance, sli)
    counted = judged.total[part] > 0
    if not counted.any():
        return None
    reach = _z() * math.sqrt(float(variance[counted].sum())) / int(counted.sum())
    return _around(float(sli) - reach, float(sli) + reach, sli)


def _around(low: float, high: float, sli: Fraction) -> SampleInterval:
    """Return limits that hold the estimate: a unit that straddles an edge is counted a little differently there."""
    return SampleInterval(max(0.0, min(low, float(sli))), min(1.0, max(high, float(sli))), CONFIDENCE)


def _z() -> float:
    return NormalDist().inv_cdf(0.5 + float(CONFIDENCE) / 2)


def _by_slice(kept: Kept, starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return the bad ratio of each slice and the variance of its estimate."""

    def sums(values: npt.NDArray[np.int64]) -> Floats:
        running = np.concatenate([[0], np.cumsum(values * kept.counted)])
        low, high = starts - kept.series.start, ends - kept.series.start
        return np.asarray(running[high] - running[low], dtype=np.float64)

    bad = events = spread_bb = spread_nb = spread_nn = np.zeros(len(starts))
    for s in kept.series.strata:
        w = float(s.weight if s.weight is not None else 1)
        bad, events = bad + w * sums(s.bad), events + w * sums(s.good + s.bad)
        factor = w * (w - 1)
        spread_bb, spread_nb = spread_bb + factor * sums(s.bb), spread_nb + factor * sums(s.nb)
        spread_nn = spread_nn + factor * sums(s.nn)
    whole = np.maximum(events, 1)
    ratio = bad / whole
    variance = np.maximum(spread_bb - 2 * ratio * spread_nb + ratio**2 * spread_nn, 0) / whole**2
    return ratio, variance


def _doubtful_slices(
    objective: Objective, judged: Judged, part: slice, ratio: Floats, variance: Floats, sli: Fraction
) -> SampleInterval:
    """Return the SLI with every slice whose own Wilson interval holds its target taken as bad, and as good."""
    aims = [t.method.slice_target if isinstance(t.method, Timeslices) else Fraction(0) for t in objective.terms]
    allowed = 1 - np.array([float(a) for a in aims])[judged.term[part]]
    z = _z()
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.where(variance > 0, ratio * (1 - ratio) / variance, np.inf)
        middle = (ratio + z * z / (2 * size)) / (1 + z * z / size)
        reach = z / (1 + z * z / size) * np.sqrt(ratio * (1 - ratio) / size + z * z / (4 * size * size))
    known = (judged.good[part] + judged.bad[part]) > 0
    open_ = known & (variance > 0) & (middle - reach <= allowed) & (allowed <= middle + reach)
    units = int(known.sum())
    good = judged.good[part] > 0
    least, most = int((good & ~open_).sum()), int((good | open_).sum())
    return _around(least / units if units else 0.0, most / units if units else 1.0, sli)


def burn_interval(found: SampleInterval | None, allowed: Fraction, units: Fraction) -> SampleInterval | None:
    """Return the interval of bad units over allowed ones, given that of the SLI.

    Args:
        found: interval of the SLI, or None.
        allowed: bad units that the known units allow.
        units: known units.
    """
    if found is None or not allowed:
        return None
    factor = float(units / allowed)
    return SampleInterval((1 - found.high) * factor, (1 - found.low) * factor, found.confidence)


def sampling_problems(objective: Objective, kept: Kept) -> Sequence[Problem]:
    """Return what has to be said about weights: events of unknown weight may bias every figure."""
    number = kept.of_unknown_weight
    if not number:
        return ()
    return (
        Problem(
            f"objective {objective.name}",
            f"{number} events do not say how many they stand for and count once, so its figures may be biased",
            "have the sampler write its probability, or state `sampling:` in the DataSource",
            severity="warning",
            code="weight-unknown",
        ),
    )
