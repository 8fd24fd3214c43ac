"""Two pages about what is not there: traffic that stayed away, and knowledge that did.

One rule: silence is never good news. A source that speaks and says "no events" where there should be some raises
`suspected-loss`; a source that does not speak, so that page rules cannot be decided, raises `blind`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from statistics import median

import numpy as np
import numpy.typing as npt

from nines.alerting.decide import BLINDING, Decision, Side
from nines.alerting.lowtraffic import poisson_tail_below
from nines.alerting.policy import Severity
from nines.telemetry.series import Ints

#: Events of the minutes [start, end), or None when any of them is not known.
Counted = Callable[[int, int], int | None]
Bools = npt.NDArray[np.bool_]
WEEK_MINUTES = 7 * 24 * 60
#: Lengths tried in turn, in minutes, until enough events are expected.
SPANS = (5, 6, 8, 10, 12, 15, 18, 22, 27, 33, 40, 50, 60, 75, 90, 120, 150, 180, 240, 300, 360)


@dataclass(frozen=True, slots=True)
class LossRule:
    """When traffic is so far below its season that a front door must be shut.

    Attributes:
        share: share of the expectation below which it counts as lost, 0 < share < 1.
        chance: so few events must be less likely than this by chance, 0 < chance < 1.
        least_expected: events that must be expected before fewer mean anything, >= 1.
        weeks: how many past weeks are looked at, >= 1.
        least_weeks: how many of them must be known, >= 1.
        severity: as for a burn rule.
        lasts: how long beyond the span it must hold.
        name: in alerts' keys.
    """

    share: Fraction = Fraction(1, 10)
    chance: Fraction = Fraction(1, 10**6)
    least_expected: int = 20
    weeks: int = 4
    least_weeks: int = 2
    severity: Severity = "page"
    lasts: timedelta = timedelta()
    name: str = "suspected-loss"


@dataclass(frozen=True, slots=True)
class BlindRule:
    """When not knowing is worth a page of its own.

    Attributes:
        lasts: how long knowledge must be missing.
        severity: as for a burn rule.
        name: in alerts' keys.
    """

    lasts: timedelta = timedelta(minutes=10)
    severity: Severity = "page"
    name: str = "blind"


def seasonal_expectation(counted: Counted, start: int, end: int, weeks: int, least: int) -> Fraction | None:
    """Return the events to be expected in a span: the median of the same minutes in past weeks ("median-of-weeks").

    The median keeps one bad week, or one festive one, from moving it. Weeks are of 7 x 24 hours, so for a week after a
    change to summer time the season is an hour off.

    Args:
        counted: events of past minutes.
        start: first grid minute.
        end: grid minute after the last.
        weeks: how many past weeks are looked at, >= 1.
        least: how many of them must be known, >= 1.

    Returns:
        Events, >= 0, a half at the finest; None when too few weeks are known.

    Example:
        >>> history = {1: 90, 2: 110, 3: 0, 4: None}  # events of the same minutes, by weeks ago
        >>> seasonal_expectation(lambda start, _: history[-start // WEEK_MINUTES], 0, 5, 4, 2)
        Fraction(90, 1)
    """
    lags = (week * WEEK_MINUTES for week in range(1, weeks + 1))
    known = [n for n in (counted(start - lag, end - lag) for lag in lags) if n is not None]
    return median(Fraction(n) for n in known) if len(known) >= least else None


def suspected_loss(rule: LossRule, counted: Counted, end: int) -> Decision:
    """Decide whether traffic has gone missing.

    Args:
        rule: shares and chances.
        counted: events of every known minute of the last weeks and hours.
        end: grid minute after the last settled one.

    Returns:
        Over when the shortest span with enough expected events saw less than the share of them, and so few have less
        than the chance, as a Poisson number; under when it saw more; open where nothing can be expected, or the span is
        not known.

    Source:
        The Poisson tail of the expectation, compared exactly (`lowtraffic.poisson_tail_below`).
    """
    expected, why = None, "no-season"
    for span in SPANS:
        expected = seasonal_expectation(counted, end - span, end, rule.weeks, rule.least_weeks)
        if expected is None:
            continue
        why = "few-expected"
        if expected >= rule.least_expected:
            seen = counted(end - span, end)
            return _lost(rule, seen, expected, span)
    return Decision(rule, "open", None, None, why, {"expected": expected})


#: Of the minutes so many back (from, to) of some columns: events, and whether all of them are known.
Back = Callable[[int, int, Ints], tuple[Ints, Bools]]


def perhaps_lost(rule: LossRule, back: Back, columns: int) -> Ints:
    """Return the columns whose traffic may have gone missing; of all others it surely has not, or nobody can say.

    A longer span holds the shorter ones, so a week that is unknown in a short one is unknown in all; whoever has an
    answer on one span is done with it. Compared in whole numbers, as `suspected_loss` decides.

    Args:
        rule: shares and chances.
        back: minutes counted back from the last settled one.
        columns: how many columns there are.
    """
    left, lost = np.arange(columns), list[Ints]()
    lags = [week * WEEK_MINUTES for week in range(rule.weeks + 1)]
    sums = np.zeros((len(lags), columns), dtype=np.int64)
    known = np.ones((len(lags), columns), dtype=bool)
    for begin, span in zip((0, *SPANS), SPANS, strict=False):
        for n, lag in enumerate(lags):
            events, whole = back(lag + span, lag + begin, left)
            sums[n], known[n] = sums[n] + events, known[n] & whole
        twice = _twice_median(sums[1:], known[1:])
        decided = (twice >= 2 * rule.least_expected) & (known[1:].sum(axis=0) >= rule.least_weeks)
        few = sums[0] * 2 * rule.share.denominator < rule.share.numerator * twice
        lost.append(left[decided & known[0] & few])
        goes_on = ~decided & (known[1:].sum(axis=0) >= rule.least_weeks)
        left, sums, known = left[goes_on], sums[:, goes_on], known[:, goes_on]
        if not len(left):
            break
    return np.sort(np.concatenate(lost))


def _twice_median(sums: Ints, known: Bools) -> Ints:
    """Return twice the median of the known rows of each column; 0 where none is known."""
    ordered = np.sort(np.where(known, sums, np.iinfo(np.int64).max), axis=0)
    number = known.sum(axis=0)
    low, high = np.maximum((number - 1) // 2, 0), number // 2
    high = np.where(number > 0, np.minimum(high, np.maximum(number - 1, 0)), 0)
    place = np.arange(sums.shape[1])
    found: Ints = np.where(number > 0, ordered[low, place] + np.where(number > 0, ordered[high, place], 0), 0)
    return np.where(number > 0, found, 0)


def _lost(rule: LossRule, seen: int | None, expected: Fraction, span: int) -> Decision:
    figures: dict[str, Fraction | None] = {"expected": expected, "span_minutes": Fraction(span)}
    if seen is None:
        return Decision(rule, "open", None, None, "unknown", figures)
    lost = seen < rule.share * expected and poisson_tail_below(seen, expected, rule.chance)
    side: Side = "over" if lost else "under"
    return Decision(rule, side, None, None, "loss" if lost else "traffic", {"seen": Fraction(seen), **figures})


def blind(rule: BlindRule, decisions: Iterable[Decision], *, heard: bool = True) -> Decision:
    """Decide whether an objective is being watched by anybody.

    Args:
        rule: how long is too long; the life of the alert waits for it.
        decisions: this minute's, of every burn and count rule of the objective.
        heard: whether its source was heard in the last settled minute.

    Returns:
        Over when a page rule (any rule, where none pages) is open for lack of knowledge, or nothing was heard; else
        under. A quiet night is no blindness: a lookback without events is known to be empty.

    Example:
        >>> blind(BlindRule(), [], heard=False).side
        'over'
    """
    made = list(decisions)
    paging = [d for d in made if d.rule.severity == "page"] or made
    lacking = not heard or any(d.side == "open" and d.why in BLINDING for d in paging)
    return Decision(rule, "over" if lacking else "under", None, None, "blind" if lacking else "seeing")
