"""What a burn rule will do, before it does: when it sees a fault, when it lets go, and what that costs.

The fault is a step: from one instant on a share e of all events is bad, at even traffic. Times are exact and in
seconds; a real rule adds up to one grid step, the settle time, and what it is told to wait.
"""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

from nines.alerting.policy import BurnRule, Comparison


def _seconds(length: timedelta) -> Fraction:
    return Fraction(length // timedelta(microseconds=1), 10**6)


def detects(rule: BurnRule, window: timedelta, budget: Fraction, error: Fraction, comparison: Comparison) -> bool:
    """Return whether a lasting fault is ever seen: whether e reaches f b.

    Args:
        rule: the rule.
        window: nominal length of the objective's window.
        budget: 1 - target, 0 < budget <= 1.
        error: bad share of events during the fault, 0..1.
        comparison: "gte" sees a fault on the line, "gt" only one above it.
    """
    line = rule.factor(window) * budget
    return error > line if comparison == "gt" else error >= line > 0


def detection_s(
    rule: BurnRule, window: timedelta, budget: Fraction, error: Fraction, comparison: Comparison = "gte"
) -> Fraction | None:
    """Return how long a fault lasts before the rule is over, in seconds; None when it never is.

    A pulse that is shorter than this is never seen.

    Args:
        rule: as for `detects`, like the rest.
        window: nominal length of the objective's window.
        budget: 1 - target.
        error: bad share of events during the fault.
        comparison: of the policy.

    Source:
        Google SRE Workbook, "Alerting on SLOs": (1 - SLO) / error ratio x window x burn rate, t = f b L / e.

    Example:
        >>> rule = BurnRule("page", Fraction(2, 100), timedelta(hours=1), timedelta(minutes=5))
        >>> [float(detection_s(rule, timedelta(days=30), Fraction(1, 1000), Fraction(e, 100))) for e in (100, 10, 2)]
        [51.84, 518.4, 2592.0]
        >>> detection_s(rule, timedelta(days=30), Fraction(1, 1000), Fraction(1, 100)) is None
        True
    """
    if not detects(rule, window, budget, error, comparison):
        return None
    return rule.factor(window) * budget * _seconds(rule.long) / error + _seconds(rule.lasts)


def reset_s(
    rule: BurnRule, window: timedelta, budget: Fraction, error: Fraction, comparison: Comparison = "gte"
) -> Fraction | None:
    """Return how long after the end of a fault the rule is under again, in seconds; None when it was never over.

    Args:
        rule: as for `detects`, like the rest; a rule of one lookback has it as `short` as well.
        window: nominal length of the objective's window.
        budget: 1 - target.
        error: bad share of events during the fault, which lasted at least the long lookback.
        comparison: of the policy.

    Source:
        The short lookback alone burns at e/b until the fault leaves it: S (1 - f b / e).

    Example:
        >>> hour, month = timedelta(hours=1), timedelta(days=30)
        >>> rule = BurnRule("page", Fraction(2, 100), hour, hour / 12)
        >>> [float(reset_s(rule, month, Fraction(1, 1000), Fraction(e, 100))) for e in (100, 10, 2)]
        [295.68, 256.8, 84.0]
        >>> alone = BurnRule("page", Fraction(5, 100), hour, hour)  # 36 times over one hour: the book's 58 minutes
        >>> float(reset_s(alone, month, Fraction(1, 1000), Fraction(1))) / 60
        57.84
    """
    if not detects(rule, window, budget, error, comparison):
        return None
    return _seconds(rule.short) * (1 - rule.factor(window) * budget / error)


def budget_at_detection(rule: BurnRule, window: timedelta) -> Fraction:
    """Return the share of the whole window's budget that is spent when the rule sees a fault, whatever its size.

    Args:
        rule: the rule.
        window: nominal length of the objective's window.

    Source:
        f L / W, from t = f b L / e; what the rule's `share` says.

    Example:
        >>> rule = BurnRule("page", Fraction(2, 100), timedelta(hours=1), timedelta(minutes=5))
        >>> budget_at_detection(rule, timedelta(days=30))
        Fraction(1, 50)
    """
    return rule.share_on(window)


def largest_factor(budget: Fraction) -> Fraction:
    """Return the largest burn rate there is: everything bad.

    Example:
        >>> largest_factor(Fraction(1, 1000))
        Fraction(1000, 1)
    """
    return 1 / budget


def target_below_which_it_never_fires(factor: Fraction) -> Fraction:
    """Return the target below which a factor can never be reached, f (1 - T) > 1.

    Example:
        >>> round(float(target_below_which_it_never_fires(Fraction("14.4"))), 4)
        0.9306
    """
    return 1 - 1 / factor
