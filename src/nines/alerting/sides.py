"""What a rule comes to at every tick of a past: over, under or open, as `decide` would say of each.

One rule: floats decide only where they cannot be wrong; what lies near a line is decided by `decide` itself. Only ticks
at which the slowest of the policies asked about is not surely under are looked at one policy after the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction

import numpy as np

from nines.alerting.decide import Reading, Side, chance, decide, decide_count
from nines.alerting.past import Floats, Look, Looks, budget_at, shared
from nines.alerting.past_exact import added_up
from nines.alerting.policy import BurnPolicy, BurnRule, CountRule, LowTraffic
from nines.spans import MINUTE
from nines.telemetry.series import Flags, Ints, States

UNDER, OVER, OPEN = range(3)
_CODES: dict[Side, int] = {"under": UNDER, "over": OVER, "open": OPEN}
#: What every policy asks for at the least; `_Hot` has it built in.
_PLAIN = LowTraffic()
#: Floats closer than this share are decided exactly; they err by less than 1e-14.
_MARGIN = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """What a rule comes to, tick by tick: `UNDER` at every tick that is not named.

    Attributes:
        ticks: indices of the ticks that are not under, ascending.
        sides: uint8 of each, `OVER` or `OPEN`.
        count: ticks altogether.
    """

    ticks: Ints
    sides: States
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class _Hot:
    """Ticks at which a pair of lookbacks may burn at some factor or faster.

    Attributes:
        least: the factor.
        ticks: their indices.
        low: lesser burn rate of the two in the best case, -inf where either cannot be told or nothing is surely bad.
        high: lesser one in the worst case, infinite where it cannot be told and does not matter.
        bad: whole bad units of the long lookback.
        most: whole ones if all doubt turned out bad.
        idle: whether the long lookback holds nothing at all.
        broken: whether the bad units may be off because units are broken.
        any_broken: whether any is.
    """

    least: float
    ticks: Ints
    low: Floats
    high: Floats
    bad: Floats
    most: Floats
    idle: Flags
    broken: Flags
    any_broken: bool


@dataclass(eq=False)
class Judge:
    """Decides rules over one past.

    Attributes:
        looks: its lookbacks.
    """

    looks: Looks
    _hot: dict[tuple[timedelta, timedelta, Fraction], _Hot] = field(default_factory=dict)
    _chances: dict[tuple[object, ...], bool] = field(default_factory=dict)
    _afresh: dict[tuple[timedelta, int], Reading] = field(default_factory=dict)

    @property
    def window(self) -> timedelta:
        """Nominal length of the objective's own window."""
        return self.looks.past.objective.window.nominal

    def prepare(self, policies: list[BurnPolicy]) -> None:
        """Add up what some policies look at, and find where the slowest of their rules may burn.

        Args:
            policies: that will be asked about.
        """
        pairs: dict[tuple[timedelta, timedelta, Fraction], Fraction] = {}
        lengths = {rule.long for policy in policies for rule in policy.counts}
        for policy in policies:
            for rule in policy.rules:
                key, factor = (rule.long, rule.short, policy.least_coverage), rule.factor(self.window)
                pairs[key] = min(factor, pairs.get(key, factor))
                lengths |= {rule.long, rule.short}
        self.looks.prepare(lengths)
        for key, factor in pairs.items():
            self._found(key, float(factor))

    def burn(self, rule: BurnRule, policy: BurnPolicy) -> Sides:
        """Decide a burn rule at every tick.

        Args:
            rule: one of the policy's.
            policy: as for `decide.decide`.
        """
        factor = rule.factor(self.window)
        hot = self._found((rule.long, rule.short, policy.least_coverage), float(factor))
        count, below, above = self.looks.past.ticks, float(factor) * (1 - _MARGIN), float(factor) * (1 + _MARGIN)
        kept = np.flatnonzero(hot.high >= below)
        ticks, low = hot.ticks[kept], hot.low[kept]
        over = low > above
        sides = np.where(over, np.uint8(OVER), np.uint8(OPEN))
        near = ~over & ((low >= below) | (hot.high[kept] <= above))
        if hot.any_broken:
            near |= hot.broken[kept]
        if policy.low_traffic != _PLAIN:
            self._meant(sides, hot, kept, rule, policy, near)
        for place in np.flatnonzero(near).tolist():
            sides[place] = self._exactly(rule, policy, int(ticks[place]))
        left = sides != UNDER
        return Sides(ticks[left], sides[left], count)

    def count(self, rule: CountRule, policy: BurnPolicy) -> Sides:
        """Decide a rule on an absolute count at every tick.

        Args:
            rule: one of the policy's.
            policy: as for `decide.decide_count`.
        """
        look = self.looks.of(rule.long)
        over = look.bad >= rule.bad
        lacking = _lacking(look, policy.least_coverage)
        sides = np.where(over, np.uint8(OVER), np.where(lacking | (look.most >= rule.bad), OPEN, UNDER))
        sides = sides.astype(np.uint8)
        line = _MARGIN * rule.bad
        near = (np.abs(look.bad - rule.bad) <= line) | (np.abs(look.most - rule.bad) <= line)
        for tick in np.flatnonzero(near & ~look.exact).tolist():
            reading = self._reading(rule.long, tick)
            sides[tick] = _CODES[decide_count(rule, policy, reading).side]
        ticks = np.flatnonzero(sides != UNDER)
        return Sides(ticks, sides[ticks], len(sides))

    def _meant(self, sides: States, hot: _Hot, kept: Ints, rule: BurnRule, policy: BurnPolicy, near: Flags) -> None:
        """Take away what is no more than chance: from over in the best case, and to under in the worst."""
        low, bad, most = policy.low_traffic, hot.bad[kept], hot.most[kept]
        sides[(bad < low.least_bad) & (sides == OVER)] = OPEN
        sides[(most < low.least_bad) & ~hot.idle[kept]] = UNDER
        if low.false_pages is None and low.sequential is None:
            return
        exact = self.looks.of(rule.long).exact[hot.ticks[kept]]
        for place in np.flatnonzero((sides != UNDER) & ~near).tolist():
            if not exact[place] or np.isinf(most[place]) or bad[place] != most[place]:
                near[place] = True  # what is unknown has to be weighed both ways
            elif not hot.idle[kept[place]]:
                tick = int(hot.ticks[kept[place]])
                means = self._means(rule, low, tick, int(bad[place]))
                sides[place] = sides[place] if means else UNDER

    def _means(self, rule: BurnRule, low: LowTraffic, tick: int, bad: int) -> bool:
        """Return whether so many bad units are more than chance, where all units are known."""
        events = int(self.looks.of(rule.long).sums[:2, :, tick].sum())
        budget = budget_at(self.looks.past, int(self.looks.past.first + tick))
        key = (rule.long, rule.factor(self.window) if low.sequential is not None else None, low, budget, bad, events)
        if key not in self._chances:
            self._chances[key] = chance(rule, low, self.window, budget, bad, events) == ""
        return self._chances[key]

    def _exactly(self, rule: BurnRule, policy: BurnPolicy, tick: int) -> int:
        long, short = (self._reading(length, tick) for length in (rule.long, rule.short))
        budget = budget_at(self.looks.past, int(self.looks.past.first + tick))
        return _CODES[decide(rule, policy, self.window, budget, long, short).side]

    def _reading(self, length: timedelta, tick: int) -> Reading:
        past = self.looks.past
        if not shared(past.objective):
            return Reading.of(self.looks.sums(length, tick))
        key = (length, tick)
        if key not in self._afresh:
            self._afresh[key] = Reading.of(added_up(past, past.first + tick, length // MINUTE))
        return self._afresh[key]

    def _found(self, key: tuple[timedelta, timedelta, Fraction], least: float) -> _Hot:
        held = self._hot.get(key)
        if held is None or held.least > least:
            held = self._hot[key] = self._pair(*key, least)
        return held

    def _pair(self, long: timedelta, short: timedelta, coverage: Fraction, least: float) -> _Hot:
        first, second = self.looks.of(long), self.looks.of(short)
        low, high = np.full(len(first.low), np.inf), np.full(len(first.low), np.inf)
        for look in (first, second):
            blank = np.isnan(look.low) | _lacking(look, coverage)
            low = np.where(blank, -np.inf, np.minimum(low, look.low))
            high = np.where(blank, high, np.minimum(high, look.high))
        low = np.where(first.bad < 1 - _MARGIN, -np.inf, low)
        high = np.where((first.most < 1 - _MARGIN) & ~first.idle, -np.inf, high)  # nothing bad is under
        ticks = np.flatnonzero(high >= least * (1 - _MARGIN))
        bad, most = first.bad[ticks], first.most[ticks]
        broken = np.zeros(len(ticks), dtype=np.bool_)
        for part in (bad, np.where(np.isfinite(most), most, 0.5)):
            broken |= ~first.exact[ticks] & (np.abs(part - np.round(part)) <= _MARGIN * (1 + part))
        whole = np.floor(bad + _MARGIN), np.ceil(most - _MARGIN)
        return _Hot(least, ticks, low[ticks], high[ticks], *whole, first.idle[ticks], broken, bool(broken.any()))


def _lacking(look: Look, least: Fraction) -> Flags:
    """Return where less than a share of the counted minutes is known; never where none count."""
    if not least:
        return np.zeros(len(look.known), dtype=np.bool_)
    short: Flags = look.known * least.denominator < least.numerator * look.counted
    return short & (look.counted > 0)
