"""Burn policies others have published, by name, each with where it comes from.

One rule: a policy here does what its source says, comparison and waits included, even where ours would differ; what it
says only for some windows is refused on others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from fractions import Fraction

from nines.alerting.policy import BurnPolicy, BurnRule, LowTraffic, Severity, default_policy
from nines.errors import Problem
from nines.objectives.objective import Objective
from nines.reading import duration_text

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
#: What a default is cut back to: half of all events bad.
_HALF = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class Published:
    """A policy that somebody published.

    Attributes:
        source: book, manual or program it comes from.
        made: gives its rules for a window of a nominal length.
        windows: the windows it is published for; empty for any.
        shortest: the shortest window it works on.
    """

    source: str
    made: Callable[[timedelta], BurnPolicy]
    windows: tuple[timedelta, ...] = ()
    shortest: timedelta = timedelta()


def _shares(*rules: tuple[Severity, int, timedelta]) -> tuple[BurnRule, ...]:
    return tuple(BurnRule(severity, Fraction(percent, 100), long, long / 12) for severity, percent, long in rules)


_WORKBOOK = _shares(("page", 2, _HOUR), ("page", 5, 6 * _HOUR), ("ticket", 10, _DAY), ("ticket", 10, 3 * _DAY))


def _sloth(_window: timedelta) -> BurnPolicy:
    return BurnPolicy("sloth", _WORKBOOK, comparison="gt", acknowledge_slow=True)


def _elastic(_window: timedelta) -> BurnPolicy:
    return BurnPolicy("elastic", _WORKBOOK, acknowledge_slow=True)


def _datadog(window: timedelta) -> BurnPolicy:
    share = {7: (10, 20, 40), 30: (2, 5, 10), 90: (1, 3, 5)}[window.days]
    rules = _shares(("page", share[0], _HOUR), ("page", share[1], 6 * _HOUR), ("ticket", share[2], _DAY))
    return BurnPolicy("datadog", rules)


def _newrelic(_window: timedelta) -> BurnPolicy:
    rules = (
        BurnRule("page", Fraction(2, 100), _HOUR, _HOUR),
        BurnRule("ticket", Fraction(5, 100), 6 * _HOUR, 6 * _HOUR),
    )
    return BurnPolicy("newrelic", rules, comparison="gt", acknowledge_slow=True)


def _slo_generator(_window: timedelta) -> BurnPolicy:
    steps: tuple[tuple[Severity, str, timedelta], ...] = (
        ("page", "9", _HOUR),
        ("page", "3", 12 * _HOUR),
        ("ticket", "3/2", 7 * _DAY),
        ("ticket", "1", 28 * _DAY),
    )
    rules = tuple(BurnRule(severity, None, long, long, stated=Fraction(f)) for severity, f, long in steps)
    return BurnPolicy("slo-generator", rules, comparison="gt")


#: Pyrra at 28 days: severity, factor, and how many of its parts the window has for long, short and wait.
_PYRRA: tuple[tuple[Severity, int, int, int, int], ...] = (
    ("page", 14, 28 * 24, 28 * 24 * 12, 28 * 24 * 30),
    ("page", 7, 28 * 4, 28 * 24 * 2, 28 * 24 * 4),
    ("ticket", 2, 28, 28 * 12, 28 * 24),
    ("ticket", 1, 7, 28 * 4, 28 * 8),
)


def _pyrra(window: timedelta) -> BurnPolicy:
    rules = tuple(
        BurnRule(severity, None, _part(window, long), _part(window, short), _part(window, wait), Fraction(factor))
        for severity, factor, long, short, wait in _PYRRA
    )
    return BurnPolicy("pyrra", rules, comparison="gt")


def _part(window: timedelta, parts: int) -> timedelta:
    """Return a part of a window to the nearest minute, halves up, as Pyrra's program rounds."""
    return (window // timedelta(seconds=1) * 2 + 60 * parts) // (120 * parts) * _MINUTE


def _low_traffic(window: timedelta) -> BurnPolicy:
    tested = LowTraffic(least_bad=2, false_pages=Fraction(1))
    return replace(default_policy(window), name="workbook-low-traffic", low_traffic=tested, clear=5 * _MINUTE)


#: Name -> policy. Adding one is a function and a row; its figures are held to the source in tests.
PUBLISHED: dict[str, Published] = {
    "google-workbook": Published(
        "Google SRE Workbook, Alerting on SLOs; Datadog's tables for 7 and 90 days", default_policy
    ),
    "workbook-low-traffic": Published(
        "Google SRE Workbook, with a binomial test: at most one false page per rule and window at half the budget",
        _low_traffic,
    ),
    "sloth": Published("Sloth, windows google-30d and google-28d", _sloth, (28 * _DAY, 30 * _DAY)),
    "pyrra": Published("Pyrra, slo/rules.go: factors 14, 7, 2, 1 on windows scaled from 28 days", _pyrra, (), 3 * _DAY),
    "datadog": Published(
        "Datadog, burn rate alerts, tables for 7, 30 and 90 days", _datadog, (7 * _DAY, 30 * _DAY, 90 * _DAY)
    ),
    "elastic": Published("Elastic Observability, SLO burn rate rule, four windows", _elastic),
    "newrelic": Published(
        "New Relic, alerting on service levels: fast burn 2 % in 1 h, slow burn 5 % in 6 h", _newrelic
    ),
    "slo-generator": Published("google/slo-generator, sample error budget policy", _slo_generator),
}


def published(name: str, window: timedelta, budget: Fraction | None = None) -> BurnPolicy:
    """Return a published policy for a window.

    Args:
        name: a key of `PUBLISHED`.
        window: nominal length of the objective's window.
        budget: 1 - target, 0..1; the defaults for windows beyond 45 days are cut back so that half of all events bad
            is enough. None: they are not.

    Raises:
        KeyError: there is no such policy, or it is not published for this window (see `unpublished`).

    Example:
        >>> [float(r.factor(timedelta(days=28))) for r in published("sloth", timedelta(days=28)).rules[:3]]
        [13.44, 5.6, 2.8]
        >>> [duration_text(r.long) for r in published("pyrra", timedelta(days=28)).rules]
        ['1h', '6h', '1d', '4d']
    """
    entry = PUBLISHED[name]
    policy = replace(entry.made(window), name=name)
    policy = policy if policy.source else replace(policy, source=entry.source)
    beyond = name in {"google-workbook", "workbook-low-traffic"} and window > 45 * _DAY
    return cut_back(policy, window, budget) if beyond and budget else policy


def policy_for(objective: Objective, policies: Mapping[str, BurnPolicy]) -> BurnPolicy | None:
    """Return the burn policy that watches an objective, or None when none does.

    Args:
        objective: names its policy.
        policies: those defined, by name; a defined one takes the place of a published one of its name.
    """
    name, budget = objective.policy, objective.terms[-1].budget
    if not name or objective.bound is not None or not budget:
        return None
    if name in policies:
        return policies[name]
    window = objective.window.nominal
    if name not in PUBLISHED or unpublished(name, window, "") is not None:
        return None
    return published(name, window, budget)


def cut_back(policy: BurnPolicy, window: timedelta, budget: Fraction) -> BurnPolicy:
    """Return a policy whose factors are at most 1 / (2 b), so that half of all events bad is enough for every rule.

    Args:
        policy: rules with shares.
        window: nominal length of the objective's window.
        budget: 1 - target, > 0.

    Example:
        >>> year = timedelta(days=365)
        >>> [str(r.factor(year)) for r in cut_back(default_policy(year), year, Fraction(1, 100)).rules]
        ['50', '219/5', '73/4']
    """
    most = _HALF / budget
    rules = tuple(
        replace(rule, share=rule.share * most / rule.factor(window))
        if rule.share is not None and rule.factor(window) > most
        else rule
        for rule in policy.rules
    )
    return replace(policy, rules=rules)


def unpublished(name: str, window: timedelta, where: str) -> Problem | None:
    """Return why a published policy does not fit a window, or None when it does.

    Args:
        name: a key of `PUBLISHED`.
        window: nominal length of the objective's window.
        where: place for the problem.
    """
    entry = PUBLISHED[name]
    if entry.windows and window not in entry.windows:
        known = ", ".join(duration_text(w) for w in entry.windows)
        what = f"{name} is published for windows of {known}, not of {duration_text(window)}"
        return Problem(where, what, "use google-workbook, or write a BurnPolicy", code="unpublished-window")
    if window < entry.shortest:
        what = f"{name} scales its lookbacks to nothing on a window of {duration_text(window)}"
        fix = f"use a window of {duration_text(entry.shortest)} or more, or write a BurnPolicy"
        return Problem(where, what, fix, code="unpublished-window")
    return None
