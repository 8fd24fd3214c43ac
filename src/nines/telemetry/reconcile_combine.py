"""Users and probes as one indicator, by a rule that is data and is shown with the number.

Counts are taken, added or weighed; ratios are never averaged.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

import numpy as np

from nines.errors import InputError, Problem
from nines.showing import percent
from nines.telemetry.series import COUNTED, Flags, Ints, MinuteSeries, MinuteState, States, Stratum

RuleName = Literal["users", "probes", "worst", "users-with-probe-fallback", "weighted"]
#: Products below this stay in 64 bits, with room for sums over a quarter.
_SAFE = 2**44


@dataclass(frozen=True, slots=True)
class Rule:
    """How two sources make one indicator.

    Attributes:
        name: "users" and "probes" take one of them; "worst" asks both, minute by minute; "users-with-probe-fallback"
            lets the probes speak in minutes without users; "weighted" adds counts, each times its weight.
        users_weight, probes_weight: for "weighted", what an event and a try count, > 0.
        minute_target: for "worst", good ratio that makes a minute good, 0 < t <= 1.
        fill_silent: for the fallback, whether probes also speak where the users' source was not heard at all; without,
            such minutes stay unknown, and only minutes heard to have no users are filled.
    """

    name: RuleName
    users_weight: Fraction = Fraction(1)
    probes_weight: Fraction = Fraction(1)
    minute_target: Fraction = Fraction(99, 100)
    fill_silent: bool = True

    def __post_init__(self) -> None:
        """Refuse a rule that means nothing."""
        if self.name not in get_args(RuleName):
            known = ", ".join(get_args(RuleName))
            raise InputError(Problem("rule", f"{self.name} is not known", f"use one of {known}", code="rule"))
        if self.users_weight <= 0 or self.probes_weight <= 0:
            raise InputError(Problem("rule", "a weight is not above zero", "leave the source out instead", code="rule"))
        if not 0 < self.minute_target <= 1:
            raise InputError(Problem("rule", "the minute's target is not above 0 and at most 1", code="rule"))


@dataclass(frozen=True, slots=True, eq=False)
class Combination:
    """One series made of two, and how.

    Attributes:
        rule: the rule followed.
        series: counts by minute.
        statement: what the rule did here, to be shown with the number.
        from_users: minutes in which users' counts were used.
        from_probes: minutes in which probes' counts were used.
    """

    rule: Rule
    series: MinuteSeries
    statement: str
    from_users: int
    from_probes: int


def combine(rule: Rule | RuleName, users: MinuteSeries, probes: MinuteSeries) -> MinuteSeries:
    """Return two sources as one series of counts.

    Args:
        rule: how; a name alone takes the rule's defaults.
        users: counts of users' events by minute.
        probes: counts of tries by minute.

    Raises:
        InputError: the rule is not known, or weighs events that are already sampled.
    """
    return combination(rule, users, probes).series


def combination(rule: Rule | RuleName, users: MinuteSeries, probes: MinuteSeries) -> Combination:
    """Return two sources as one series, with what was done.

    Args:
        rule: how; a name alone takes the rule's defaults.
        users: counts of users' events by minute.
        probes: counts of tries by minute.

    Raises:
        InputError: the rule is not known, or weighs events that are already sampled.

    Example:
        >>> one = np.ones(1, np.int64)
        >>> users = MinuteSeries(0, 9 * one, one, 0 * one, np.ones(1, np.uint8), 0)
        >>> probes = MinuteSeries(0, one, 0 * one, 0 * one, np.ones(1, np.uint8), 0)
        >>> combination("worst", users, probes).statement
        'users and probes, minute by minute: bad if either is under 99 %; 1 minutes, 0 unknown'
    """
    chosen = rule if isinstance(rule, Rule) else Rule(rule)
    if chosen.name == "users":
        return Combination(chosen, users, "users alone; probes are not counted", _heard(users), 0)
    if chosen.name == "probes":
        return Combination(chosen, probes, "probes alone; users are not counted", 0, _heard(probes))
    start, end = min(users.start, probes.start), max(users.end, probes.end)
    both = users.window(start, end), probes.window(start, end)
    by_name = {"worst": _worst, "users-with-probe-fallback": _fallback, "weighted": _weighted}
    return by_name[chosen.name](chosen, *both)


def _worst(rule: Rule, users: MinuteSeries, probes: MinuteSeries) -> Combination:
    """Ask both in every minute; one that has nothing to judge has no say, one that is not heard is unknown.

    Source:
        Kleene, Introduction to Metamathematics, 1952, section 64: the strong "and".
    """
    first = _earliest((users.first, probes.first))
    verdicts = [verdicts_of(s, rule.minute_target) for s in (users, probes)]
    begun = np.arange(users.start, users.end) >= (users.end if first is None else first)
    bad = begun & (verdicts[0].bad | verdicts[1].bad)
    unknown = begun & ~bad & (verdicts[0].unknown | verdicts[1].unknown)
    good = begun & ~bad & ~unknown & (verdicts[0].good | verdicts[1].good)
    state: States = np.where(begun, MinuteState.ALIVE, MinuteState.SILENT).astype(np.uint8)
    units = good.astype(np.int64), bad.astype(np.int64), unknown.astype(np.int64)
    said = f"users and probes, minute by minute: bad if either is under {percent(rule.minute_target)}; "
    said += f"{sum(int(u.sum()) for u in units)} minutes, {int(unknown.sum())} unknown"
    ours, theirs = (int((begun & (v.good | v.bad)).sum()) for v in verdicts)
    return Combination(rule, MinuteSeries(users.start, *units, state, first), said, ours, theirs)


def _fallback(rule: Rule, users: MinuteSeries, probes: MinuteSeries) -> Combination:
    quiet = (users.state == MinuteState.ALIVE) & (users.good + users.bad + users.unknown == 0)
    silent = users.state == MinuteState.SILENT
    has_tries = (probes.state == MinuteState.ALIVE) & (probes.good + probes.bad + probes.unknown > 0)
    filled: Flags = (quiet | (silent & rule.fill_silent)) & has_tries
    scale = math.lcm(users.scale, probes.scale)
    ours, theirs = _times(users, scale // users.scale), _times(probes, scale // probes.scale)
    counts = (
        np.where(filled, theirs[0], ours[0]),
        np.where(filled, theirs[1], ours[1]),
        np.where(filled, theirs[2], ours[2]),
    )
    strata = _only(users.strata, ~filled) + _only(probes.strata, filled)
    firsts = (users.first, probes.first if rule.fill_silent else None)
    state: States = np.where(filled, probes.state, users.state)
    series = MinuteSeries(users.start, *counts, state, _earliest(firsts), scale, strata)
    by_silence = int((filled & silent).sum())
    said = (
        f"users, and probes in {int(filled.sum())} minutes without users ({by_silence} of them because the users' "
        f"source was not heard); a try counts as one event, {_events(series, filled)} of {_events(series)}"
    )
    left = int((silent & ~filled).sum())
    said += f"; {left} silent minutes stay unknown" if left else ""
    return Combination(rule, series, said, _heard(users), int(filled.sum()))


def _weighted(rule: Rule, users: MinuteSeries, probes: MinuteSeries) -> Combination:
    if any(s.weight not in {None, 1} for s in (*users.strata, *probes.strata)):
        fix = "count users or probes alone, or use the fallback"
        raise InputError(Problem("rule", "sampled events already have weights", fix, code="weighted-sample"))
    weights = rule.users_weight / users.scale, rule.probes_weight / probes.scale
    scale = math.lcm(*(w.denominator for w in weights))
    ours, theirs = _times(users, int(weights[0] * scale)), _times(probes, int(weights[1] * scale))
    counts = ours[0] + theirs[0], ours[1] + theirs[1], ours[2] + theirs[2]
    states = np.stack([users.state, probes.state])
    # Where one of the two is not heard its share is hidden: the minute is silent as a whole.
    state = np.where((states == MinuteState.BRIDGED).any(axis=0), MinuteState.BRIDGED, MinuteState.ALIVE)
    state = np.where((states == MinuteState.BROKEN).any(axis=0), MinuteState.BROKEN, state)
    heard: States = np.where((states == MinuteState.SILENT).any(axis=0), MinuteState.SILENT, state).astype(np.uint8)
    firsts = users.first, probes.first
    first = None if firsts[0] is None or firsts[1] is None else max(firsts[0], firsts[1])
    hidden = int(((heard == MinuteState.SILENT) | (heard == MinuteState.BROKEN)).sum())
    said = (
        f"counts added, a user's event as {rule.users_weight} and a try as {rule.probes_weight}; no ratio is averaged; "
        f"{hidden} minutes in which one of the two was not heard"
    )
    return Combination(
        rule, MinuteSeries(users.start, *counts, heard, first, scale), said, _heard(users), _heard(probes)
    )


@dataclass(frozen=True, slots=True, eq=False)
class Verdicts:
    """What each minute of a source comes to; at most one of the three holds, none where there was nothing to judge."""

    good: Flags
    bad: Flags
    unknown: Flags


def verdicts_of(series: MinuteSeries, minute_target: Fraction) -> Verdicts:
    """Return each minute as good, bad or unknown, compared exactly.

    Args:
        series: counts by minute.
        minute_target: good ratio that makes a minute good, 0 < t <= 1.

    Returns:
        Unknown where the source was not heard, where a later reading accounts for the events, and where events of
        unknown outcome could decide.
    """
    good, bad, unknown = (v.astype(object) for v in (series.good, series.bad, series.unknown))
    total = good + bad + unknown
    by, of = minute_target.numerator, minute_target.denominator
    heard = series.state == MinuteState.ALIVE
    judged = heard & (total > 0).astype(np.bool_)
    surely = judged & (good * of >= total * by).astype(np.bool_)
    never = judged & ((good + unknown) * of < total * by).astype(np.bool_)
    return Verdicts(surely, never, ~heard | (judged & ~surely & ~never))


def _times(series: MinuteSeries, factor: int) -> tuple[Ints, Ints, Ints]:
    most = max(int(c.max(initial=0)) for c in (series.good, series.bad, series.unknown))
    kind: type = np.int64 if most * factor < _SAFE else object

    def scaled(counts: Ints) -> Ints:
        return np.asarray(counts.astype(kind) * factor)

    return scaled(series.good), scaled(series.bad), scaled(series.unknown)


def _only(strata: Iterable[Stratum], where: Flags) -> tuple[Stratum, ...]:
    return tuple(Stratum(s.weight, *(np.where(where, getattr(s, n), 0) for n in COUNTED)) for s in strata)


def _heard(series: MinuteSeries) -> int:
    return int(((series.state == MinuteState.ALIVE) & (series.good + series.bad + series.unknown > 0)).sum())


def _events(series: MinuteSeries, where: Flags | None = None) -> str:
    chosen = slice(None) if where is None else where
    return f"{Fraction(sum(int(v[chosen].sum()) for v in (series.good, series.bad, series.unknown)), series.scale)}"


def _earliest(firsts: Iterable[int | None]) -> int | None:
    return min((f for f in firsts if f is not None), default=None)
