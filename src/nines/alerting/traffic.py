"""What traffic makes of a policy: rules that can never have enough bad events, and rules that chance fires."""

from __future__ import annotations

import math
from datetime import timedelta
from fractions import Fraction

from nines.alerting.lowtraffic import false_pages, least_bad, sequential_over
from nines.alerting.policy import BurnPolicy, BurnRule
from nines.errors import Problem
from nines.reading import duration_text

_MONTH = timedelta(days=30)
#: Warn from so many false pages in thirty days on.
_TOO_MANY = 1


def bad_needed(rule: BurnRule, policy: BurnPolicy, window: timedelta, budget: Fraction, events: int) -> int | None:
    """Return how many bad events of a long lookback fire a rule; None when not even all of them do.

    Args:
        rule: one of the policy's.
        policy: gives comparison and low-traffic rule.
        window: nominal length of the objective's window.
        budget: 1 - target, 0 < budget <= 1.
        events: events in the long lookback, >= 0.

    Example:
        >>> from nines.alerting.catalogue import published
        >>> month, b = timedelta(days=30), Fraction(1, 1000)
        >>> for name in ("google-workbook", "workbook-low-traffic"):
        ...     policy = published(name, month)
        ...     print(name, [bad_needed(policy.rules[0], policy, month, b, n) for n in (1, 50, 1000)])
        google-workbook [1, 1, 15]
        workbook-low-traffic [None, 2, 15]
    """
    line, low = rule.factor(window) * budget * events, policy.low_traffic
    least = max(math.floor(line) + 1 if policy.comparison == "gt" else math.ceil(line), low.least_bad, 1)
    if low.sequential is not None:
        least = max(least, _sequentially(rule, window, budget, events, low.sequential))
    elif low.false_pages is not None:
        limit = low.false_pages * Fraction(rule.long // timedelta(seconds=1), window // timedelta(seconds=1))
        least = max(least, least_bad(events, budget * low.healthy, limit))
    return least if least <= events else None


def _sequentially(rule: BurnRule, window: timedelta, budget: Fraction, events: int, alpha: Fraction) -> int:
    low, high = 0, events + 1
    while low < high:
        middle = (low + high) // 2
        enough = sequential_over(middle, events, budget, rule.factor(window), alpha)
        low, high = (low, middle) if enough else (middle + 1, high)
    return low


def traffic_problems(
    policy: BurnPolicy, budget: Fraction, window: timedelta, per_hour: Fraction, where: str
) -> tuple[Problem, ...]:
    """Return what so much traffic makes of a policy.

    Args:
        policy: the rules.
        budget: 1 - target, 0 < budget <= 1.
        window: nominal length of the objective's window.
        per_hour: events an hour, >= 0.
        where: place for the problems.

    Returns:
        A warning for each rule that needs more bad events than its long lookback has events, and for each that a
        healthy service (half of its budget) fires more than once in thirty days.
    """
    found = []
    for rule in policy.rules:
        events = int(per_hour * Fraction(rule.long // timedelta(seconds=1), 3600))
        needed = bad_needed(rule, policy, window, budget, events)
        shown = f"the {rule.severity} rule over {duration_text(rule.long)}"
        if needed is None:
            what = f"{shown} sees {events} events, and needs more bad ones than that"
            fix = "lengthen the lookback, lower leastBad, or add a rule on a count"
            found.append(Problem(where, what, fix, "warning", code="too-few-events"))
            continue
        pages = false_pages(events, budget / 2, needed, rule.long, _MONTH) if events <= _EXACT else Fraction(0)
        if pages > _TOO_MANY:
            often = f"a service that spends half its budget does that {float(pages):.1f} times in 30 days"
            what = f"{shown} fires from {needed} bad of {events} events; {often}"
            fix = "use workbook-low-traffic, or set lowTraffic"
            found.append(Problem(where, what, fix, "warning", code="chance-pages"))
    return tuple(found)


#: Beyond so many events in a lookback a healthy service does not reach a factor above one by chance.
_EXACT = 20_000
