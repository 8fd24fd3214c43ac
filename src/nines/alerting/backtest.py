"""The back-test: what policies would have told over a past, as it was known then.

One rule: no second opinion. What is told is what the tick would have told minute by minute, worked out for thousands of
policies at once from sums they share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from nines.alerting.episodes import Episode, Lived, lives
from nines.alerting.past import Looks, Past
from nines.alerting.policy import BurnPolicy, BurnRule, CountRule
from nines.alerting.sides import Judge


@dataclass(frozen=True, slots=True)
class Backtest:
    """What one policy would have told.

    Attributes:
        past: what it was held against.
        policy: the policy.
        lived: what the alert of each rule told, burn rules first, in the policy's order.
    """

    past: Past
    policy: BurnPolicy
    lived: tuple[tuple[BurnRule | CountRule, Lived], ...]

    @property
    def start(self) -> datetime:
        """Instant of the first tick."""
        return self.past.at(self.past.first)

    @property
    def end(self) -> datetime:
        """Instant of the last tick."""
        return self.past.at(self.past.end)

    @property
    def episodes(self) -> tuple[Episode, ...]:
        """Episodes of all rules, by the minute they fired."""
        found = [e for rule, lived in self.lived for e in lived.episodes(rule, self._at)]
        return tuple(sorted(found, key=lambda e: (e.fired, e.rule)))

    def _at(self, tick: int) -> datetime:
        return self.past.at(self.past.first + tick)


def backtest(past: Past, policies: Sequence[BurnPolicy]) -> list[Backtest]:
    """Return what policies would have told over a past.

    Args:
        past: minutes of one objective, as known at each tick.
        policies: any; lookbacks they share are added up once.

    Returns:
        One element per policy, in their order; what still fires at the end has no end.
    """
    judge = Judge(Looks(past))
    judge.prepare(list(policies))
    return [tested(judge, policy) for policy in policies]


def tested(judge: Judge, policy: BurnPolicy) -> Backtest:
    """Return what one policy would have told.

    Args:
        judge: of the past.
        policy: any.
    """
    clear = policy.clear
    burns = [(rule, lives(judge.burn(rule, policy), rule.lasts, clear)) for rule in policy.rules]
    counts = [(rule, lives(judge.count(rule, policy), rule.lasts, clear)) for rule in policy.counts]
    return Backtest(judge.looks.past, policy, (*burns, *counts))
