"""Burn rates: how many times faster than allowed the budget goes, over each lookback."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from nines.evaluation.intervals import Kept, burn_interval, sli_interval
from nines.evaluation.judge import Judged
from nines.evaluation.standing import Burn
from nines.evaluation.tally import Sums, add_up
from nines.objectives.objective import BURN_WINDOWS, Objective
from nines.reading import duration
from nines.spans import MINUTE


def burn_rates(objective: Objective, judged: Judged, end: int, kept: Kept | None = None) -> dict[str, Burn]:
    """Return the burn rate over every standard lookback ending at a grid minute.

    Args:
        objective: gives method, policies and terms.
        judged: slices reaching back as far as the longest lookback.
        end: grid minute after the last elapsed one.
        kept: the kept events where they are sampled, or None.

    Returns:
        Lookback name -> burn. A lookback shorter than a slice takes the last whole slice.

    Source:
        Google SRE Workbook, "Alerting on SLOs": burn rate = error rate / budget.
    """
    length = objective.terms[0].method.slice_minutes
    found = {}
    for name in BURN_WINDOWS:
        start = end - max(duration(name) // MINUTE, length)
        sums = add_up(objective, judged, start, end)
        found[name] = burn_of(sums)
        if kept is not None and kept.sampled:
            limits = sli_interval(objective, kept, judged, start, end, sums.sli)
            found[name] = replace(found[name], interval=burn_interval(limits, sums.allowed, sums.units))
    return found


def burn_of(sums: Sums) -> Burn:
    """Return the burn rate of a window's sums, with its range over what is unknown.

    Args:
        sums: units of the window.

    Returns:
        rate None when nothing is known or nothing is allowed; never 0 for silence.
    """
    rate = sums.bad / sums.allowed if sums.allowed else None
    best, worst = sums.case(worst=False), sums.case(worst=True)
    return Burn(rate, _rate(best), _rate(worst), sums.coverage)


def _rate(case: tuple[Fraction, Fraction] | None) -> Fraction | None:
    return case[0] / case[1] if case is not None and case[1] else None
