"""One rule on one instant: is it over, under, or does it depend on what nobody knows?

One rule: everything is compared as exact fractions, in the best and in the worst case of what is unknown. `over` means
over even in the best case, `under` means under even in the worst; all else is `open`, and whoever asked holds still.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from typing import Literal, Protocol

from nines.alerting.lowtraffic import sequential_over, tail_below
from nines.alerting.policy import BurnPolicy, BurnRule, CountRule, LowTraffic, Severity
from nines.evaluation.burn import burn_of
from nines.evaluation.standing import Burn
from nines.evaluation.tally import Sums

Side = Literal["over", "under", "open"]

#: Why a decision fell as it did: code and what it says.
WHYS: dict[str, str] = {
    "burning": "both lookbacks burn at the factor or faster, even in the best case",
    "long-under": "the long lookback burns slower, even in the worst case",
    "short-under": "the short lookback burns slower, even in the worst case",
    "few-bad": "the long lookback holds fewer bad units than the policy asks for",
    "chance": "so few bad units happen to a healthy service as well",
    "unknown": "it depends on what is unknown",
    "no-estimate": "there is silence, and no estimate of what it hid",
    "coverage": "too little of a lookback is known",
    "idle": "a lookback holds no events at all",
    "count": "the span holds so many bad units",
    "count-under": "the span holds fewer bad units, even in the worst case",
    "loss": "traffic is far below its season, and hardly by chance",
    "traffic": "traffic is within its season",
    "no-season": "there are too few past weeks to expect anything",
    "few-expected": "too few events are expected to miss any",
    "blind": "a page rule cannot be decided, because something is unknown",
    "seeing": "every page rule can be decided",
}

#: Reasons for which a decision is open that are lack of knowledge, and not lack of traffic.
BLINDING = frozenset({"unknown", "no-estimate", "coverage"})


class Rule(Protocol):
    """What every rule has: burn rules, count rules, suspected loss and blindness."""

    @property
    def severity(self) -> Severity:
        """How urgent it is."""

    @property
    def lasts(self) -> timedelta:
        """How long it must be over before it fires."""

    @property
    def name(self) -> str:
        """What tells it from the other rules on its objective."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one lookback shows.

    Attributes:
        burn: its burn rate, with best and worst case.
        bad: known bad units, >= 0.
        events: known units, >= bad.
        coverage: known share of its counted minutes, 0..1.
        doubt: units not known, >= 0; None when nobody can say how many.
    """

    burn: Burn
    bad: Fraction
    events: Fraction
    coverage: Fraction = Fraction(1)
    doubt: Fraction | None = Fraction(0)

    @classmethod
    def of(cls, sums: Sums) -> Reading:
        """Return the reading of a lookback's sums."""
        return cls(burn_of(sums), sums.bad, sums.units, sums.coverage, sums.doubt)


@dataclass(frozen=True, slots=True)
class Decision:
    """What one rule comes to at one instant.

    Attributes:
        rule: the rule.
        side: "over", "under" or "open".
        long: the long lookback, or None for rules without one.
        short: the short lookback likewise.
        why: the deciding fact, a key of `WHYS`.
        figures: exact figures it rests on, by name.
    """

    rule: Rule
    side: Side
    long: Reading | None
    short: Reading | None
    why: str
    figures: dict[str, Fraction | None] = field(default_factory=dict)


def decide(
    rule: BurnRule, policy: BurnPolicy, window: timedelta, budget: Fraction, long: Reading, short: Reading
) -> Decision:
    """Decide a burn rule.

    Args:
        rule: one of the policy's.
        policy: gives comparison, low-traffic rule and least coverage.
        window: nominal length of the objective's own window.
        budget: 1 - target, 0 < budget <= 1.
        long: reading of the long lookback.
        short: reading of the short one.

    Returns:
        Over when both lookbacks burn and the burn is no chance, even in the best case; under when either does not,
        even in the worst; else open.

    Source:
        Google SRE Workbook, "Alerting on SLOs", multiwindow, multi-burn-rate alerts.

    Example:
        >>> rule = BurnRule("page", Fraction(2, 100), timedelta(hours=1), timedelta(minutes=5))
        >>> hot = Reading(Burn(Fraction(20), Fraction(20), Fraction(20)), Fraction(20), Fraction(1000))
        >>> decide(rule, BurnPolicy("p", (rule,)), timedelta(days=30), Fraction(1, 1000), hot, hot).side
        'over'
    """
    factor = rule.factor(window)
    found = (
        _burning(long, factor, policy, "long-under"),
        _burning(short, factor, policy, "short-under"),
        _meant(rule, policy.low_traffic, window, budget, long),
    )
    side, why = _all(found)
    figures: dict[str, Fraction | None] = {
        "factor": factor, "share": rule.share_on(window), "burn_long": long.burn.rate, "burn_short": short.burn.rate,
        "bad": long.bad, "events": long.events, "coverage": min(long.coverage, short.coverage),
    }  # fmt: skip
    return Decision(rule, side, long, short, why, figures)


def decide_count(rule: CountRule, policy: BurnPolicy, reading: Reading) -> Decision:
    """Decide a rule on an absolute count.

    Args:
        rule: one of the policy's.
        policy: gives the least coverage, which matters only while the count is not reached.
        reading: of the rule's span.

    Example:
        >>> rule = CountRule("ticket", 5, timedelta(days=7))
        >>> five = Reading(Burn(None), Fraction(5), Fraction(11))
        >>> decide_count(rule, BurnPolicy("p", (), counts=(rule,)), five).side
        'over'
    """
    side, why = _counted(rule, policy, reading)
    figures: dict[str, Fraction | None] = {
        "bad": reading.bad,
        "events": reading.events,
        "least": Fraction(rule.bad),
        "coverage": reading.coverage,
    }
    return Decision(rule, side, reading, None, why, figures)


def _counted(rule: CountRule, policy: BurnPolicy, reading: Reading) -> tuple[Side, str]:
    if reading.bad >= rule.bad:
        return "over", "count"
    if reading.coverage < policy.least_coverage:
        return "open", "coverage"
    if reading.doubt is None:
        return "open", "no-estimate"
    return ("under", "count-under") if reading.bad + reading.doubt < rule.bad else ("open", "unknown")


def _all(found: tuple[tuple[Side, str], ...]) -> tuple[Side, str]:
    """Join conditions that must all hold: one that surely fails decides, then one that is open."""
    for wanted in ("under", "open"):
        for side, why in found:
            if side == wanted:
                return side, why
    return "over", "burning"


def _burning(reading: Reading, factor: Fraction, policy: BurnPolicy, under: str) -> tuple[Side, str]:
    """Decide whether one lookback burns at the factor."""
    low, high = reading.burn.low, reading.burn.high
    if reading.coverage < policy.least_coverage:
        return "open", "coverage"
    if low is None or high is None:
        return "open", "idle" if reading.doubt == 0 else "no-estimate"
    reached = low > factor if policy.comparison == "gt" else low >= factor
    if reached:
        return "over", "burning"
    surely_under = high <= factor if policy.comparison == "gt" else high < factor
    return ("under", under) if surely_under else ("open", "unknown")


def _meant(rule: BurnRule, low: LowTraffic, window: timedelta, budget: Fraction, long: Reading) -> tuple[Side, str]:
    """Decide whether the bad units of a lookback are more than chance, in the best and in the worst case."""
    if long.events == 0 and long.doubt == 0:
        return "open", "idle"  # no bad events among none: a shut front door is no recovery
    best = _case(rule, low, window, budget, long, worst=False)
    if best == "":
        return "over", "burning"
    worst = _case(rule, low, window, budget, long, worst=True)
    return ("under", worst) if worst else ("open", "unknown" if long.doubt is not None else "no-estimate")


def _case(rule: BurnRule, low: LowTraffic, window: timedelta, budget: Fraction, long: Reading, *, worst: bool) -> str:
    """Return why one case is no reason to page, or "" when it is.

    Broken units (shares of slices, imputed events) are cut so that they speak against the case asked about.
    """
    doubt = long.doubt or Fraction(0)
    if worst and long.doubt is None:
        return ""  # silence may have hidden any number
    whole = long.events + doubt
    bad = math.ceil(long.bad + doubt) if worst else math.floor(long.bad)
    events = max(bad, math.floor(whole) if worst else math.ceil(whole))
    return chance(rule, low, window, budget, bad, events)


def chance(rule: BurnRule, low: LowTraffic, window: timedelta, budget: Fraction, bad: int, events: int) -> str:
    """Return why so many bad units are no reason to page, a key of `WHYS`, or "" when they are one.

    Args:
        rule: whose lookback it is.
        low: what a burn must show besides its rate.
        window: nominal length of the objective's own window.
        budget: 1 - target, 0 < budget <= 1.
        bad: bad units of the long lookback, >= 0.
        events: all of its units, >= bad.
    """
    if bad < low.least_bad:
        return "few-bad"
    if low.sequential is not None:
        return "" if sequential_over(bad, events, budget, rule.factor(window), low.sequential) else "chance"
    if low.false_pages is None:
        return ""
    limit = low.false_pages * Fraction(rule.long // timedelta(seconds=1), window // timedelta(seconds=1))
    return "" if tail_below(bad, events, budget * low.healthy, limit) else "chance"
