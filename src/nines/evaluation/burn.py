"""Burn rates: how many times faster than allowed the budget goes, over each lookback."""

from __future__ import annotations

from fractions import Fraction

from nines.evaluation.judge import Judged
from nines.evaluation.standing import Burn
from nines.evaluation.tally import Sums, add_up
from nines.objectives.objective import BURN_WINDOWS, Objective
from nines.reading import duration
from nines.spans import MINUTE


def burn_rates(objective: Objective, judged: Judged, end: int) -> dict[str, Burn]:
    """Return the burn rate over every standard lookback ending at a grid minute.

    Args:
        objective: gives method, policies and terms.
        judged: slices reaching back as far as the longest lookback.
        end: grid minute after the last elapsed one.

    Returns:
        Lookback name -> burn. A lookback shorter than a slice takes the last whole slice.

    Source:
        Google SRE Workbook, "Alerting on SLOs": burn rate = error rate / budget.
    """
    length = objective.terms[0].method.slice_minutes
    return {
        name: burn_of(add_up(objective, judged, end - max(duration(name) // MINUTE, length), end))
        for name in BURN_WINDOWS
    }


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
