"""The verdict: met, missed, at risk, or unknown; decided on exact figures, with the worst and best case beside them."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

from nines.errors import Problem
from nines.evaluation.frame import Frame
from nines.evaluation.standing import Exhaustion, Outcome, Verdict
from nines.evaluation.tally import Sums
from nines.objectives.objective import Objective

#: Met, but at risk: less than this share of the budget is left ...
RISK_SHARE = Fraction(1, 4)
#: ... or it runs out within this time.
RISK_AHEAD = timedelta(hours=72)


def verdict(
    objective: Objective, frame: Frame, outcome: Outcome, sums: Sums, ahead: Exhaustion | None, *, complete: bool
) -> tuple[Verdict, tuple[Problem, ...]]:
    """Return the verdict and what has to be said beside it.

    Args:
        objective: what is promised.
        frame: the question's minutes.
        outcome: figures with exclusions applied.
        sums: the units behind them.
        ahead: forecast of exhaustion, or None.
        complete: whether the window has elapsed whole and its source was heard before it began. Then what is known
            decides; else the budget of the whole period does.

    Returns:
        "missed" when even the best case misses, "met" when even the worst meets, otherwise "unknown";
        a met objective that runs low is "at-risk".
    """
    if outcome.sli is None:
        return "unknown", ()
    if not sums.units:
        return ("met" if outcome.sli >= objective.term_at(frame.window.end).target else "missed"), ()
    best, worst = _cases(outcome, sums, complete=complete)
    if best is None or worst is None:
        return "unknown", ()
    if best[0] > best[1]:
        return "missed", _nothing_allowed(objective, outcome)
    if worst[0] > worst[1]:
        return ("at-risk" if _only_the_forecast_doubts(outcome, sums) else "unknown"), ()
    return ("at-risk" if _runs_low(frame, outcome, ahead) else "met"), ()


Case = tuple[Fraction, Fraction] | None


def _cases(outcome: Outcome, sums: Sums, *, complete: bool) -> tuple[Case, Case]:
    """Return (bad, allowed) of the best and the worst case, over the whole window where it is not all measured."""
    best, worst = sums.case(worst=False), sums.case(worst=True)
    period = outcome.period
    if complete or period is None or best is None or worst is None:
        return best, worst
    if period.basis == "slices of the window":
        return (best[0], period.allowed), (worst[0], period.allowed)
    if period.allowed_range is not None:
        high, low = period.allowed_range.high - sums.allowed, period.allowed_range.low - sums.allowed
        return (best[0], best[1] + high), (worst[0], worst[1] + low)
    return best, worst


def _only_the_forecast_doubts(outcome: Outcome, sums: Sums) -> bool:
    period = outcome.period
    return (
        sums.doubt == 0 and period is not None and period.allowed_range is not None and period.spent <= period.allowed
    )


def _runs_low(frame: Frame, outcome: Outcome, ahead: Exhaustion | None) -> bool:
    period = outcome.period
    if period is None or not period.allowed:
        return False
    soon = ahead is not None and ahead.at is not None and ahead.at <= frame.window.end + RISK_AHEAD
    left = period.remaining_ratio
    return soon or (left is not None and left < RISK_SHARE)


def _nothing_allowed(objective: Objective, outcome: Outcome) -> tuple[Problem, ...]:
    if outcome.period is None or outcome.period.allowed:
        return ()
    return (
        Problem(
            f"objective {objective.name}", "its target of 100 % allows nothing, so what was spent has no ratio",
            "read the bad units themselves", severity="note", code="nothing-allowed",
        ),
    )  # fmt: skip
