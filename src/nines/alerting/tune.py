"""Tuning: policies searched over a past's early weeks, and the chosen one held against the weeks kept back.

One rule: what is shown was not chosen on what it is shown by. The search sees early weeks only; the figures of the
weeks held out stand beside those it was tuned on, and the reader sees both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction

from nines.alerting.backtest import tested
from nines.alerting.past import Looks, Past
from nines.alerting.policy import BurnPolicy, BurnRule, LowTraffic, policy_problems
from nines.alerting.scoring import Incident, Rules, Score, score
from nines.alerting.sides import Judge

_WEEK = 7 * 24 * 60
_HOUR = timedelta(hours=1)
#: A burn this share of the way to a page is a near miss.
NEAR = Fraction(4, 5)
_SHARES = tuple(Fraction(n, 200) for n in (1, 2, 3, 4, 6, 10, 16))
_LONGS = (_HOUR / 2, _HOUR, 2 * _HOUR)
_SLOWS = (3 * _HOUR, 6 * _HOUR, 12 * _HOUR)
_SHORTS = (6, 12)
_LOWS = (LowTraffic(), LowTraffic(least_bad=5), LowTraffic(least_bad=3, false_pages=Fraction(1)))


@dataclass(frozen=True, slots=True)
class Candidate:
    """One policy of the search.

    Attributes:
        policy: the policy.
        score: on the early weeks.
    """

    policy: BurnPolicy
    score: Score


@dataclass(frozen=True, slots=True)
class Tuning:
    """What a search came to.

    Attributes:
        searched: policies tried.
        front: those that no other beats in both pages a week and budget lost, fewest pages first.
        chosen: the one of them that loses least within the limit, or None when none keeps it.
        tuned: its score on the early weeks.
        held: its score on the weeks held out.
        before: scores of the present policy on both.
        parted: instant that parts the weeks.
        most: limit of pages a week.
    """

    searched: int
    front: tuple[Candidate, ...]
    chosen: BurnPolicy | None
    tuned: Score | None
    held: Score | None
    before: tuple[Score, Score]
    parted: datetime
    most: Fraction


def touchier(policy: BurnPolicy) -> BurnPolicy:
    """Return a policy that fires at four fifths of each factor: what it alone tells was a near miss."""
    rules = tuple(
        replace(
            r, share=None if r.share is None else r.share * NEAR, stated=None if r.stated is None else r.stated * NEAR
        )
        for r in policy.rules
    )
    return replace(policy, rules=rules, acknowledge_slow=True)


def candidates(policy: BurnPolicy, budget: Fraction, window: timedelta, name: str) -> Iterator[BurnPolicy]:
    """Return every policy of the search that can fire on an objective.

    Args:
        policy: the present one; its tickets, counts, comparison, coverage and patience stay.
        budget: 1 - target, 0 < budget <= 1.
        window: nominal length of the objective's own window.
        name: that they get.
    """
    tickets = tuple(r for r in policy.rules if r.severity == "ticket")
    for low in dict.fromkeys((policy.low_traffic, *_LOWS)):
        for part in _SHORTS:
            for fast in (_rule(share, long, part) for share in _SHARES for long in _LONGS):
                for slow in (_rule(share, long, part) for share in _SHARES for long in _SLOWS):
                    made = replace(
                        policy, name=name, rules=(fast, slow, *tickets), low_traffic=low, source="nines tune"
                    )
                    if (fast.share or 0) < (slow.share or 0) and _can(made, budget, window):
                        yield made


def _rule(share: Fraction, long: timedelta, part: int) -> BurnRule:
    return BurnRule("page", share, long, long / part)


def _can(policy: BurnPolicy, budget: Fraction, window: timedelta) -> bool:
    wrong = policy_problems(replace(policy, acknowledge_slow=True), budget, window, "")
    paging = [r for r in policy.rules if r.severity == "page"]
    return all(r.factor(window) > 1 for r in paging) and not any(p.severity == "error" for p in wrong)


def parted(past: Past, early: Fraction = Fraction(2, 3)) -> tuple[Past, Past]:
    """Return a past in two: the early weeks, and those held out.

    Args:
        past: at least two weeks.
        early: share of the whole weeks that are early; both parts get at least one.

    Raises:
        ValueError: it holds less than two weeks.
    """
    weeks = past.ticks // _WEEK
    if weeks < 2:  # noqa: PLR2004 - one to tune on and one to hold out
        msg = f"{past.ticks} minutes hold no two weeks"
        raise ValueError(msg)
    edge = past.first + _WEEK * min(max(int(weeks * early), 1), weeks - 1)
    kept = edge - 1 - past.start
    known = past.late.known < edge
    late = replace(
        past.late, known=past.late.known[known], minute=past.late.minute[known], facts=past.late.facts[:, known]
    )
    return replace(past, facts=past.facts[:, :kept], late=late), replace(past, first=edge)


def scores(past: Past, policies: Sequence[BurnPolicy], incidents: Sequence[Incident], rules: Rules) -> list[Score]:
    """Return what policies would have been worth over a past, near misses included.

    Args:
        past: the minutes.
        policies: any.
        incidents: what did harm.
        rules: how pages are held against them.
    """
    judge = Judge(Looks(past))
    near = [touchier(p) for p in policies]
    judge.prepare([*policies, *near])
    return [
        score(tested(judge, p), judge.looks, incidents, rules, tested(judge, n))
        for p, n in zip(policies, near, strict=True)
    ]


def tune(
    past: Past,
    policy: BurnPolicy,
    incidents: Sequence[Incident],
    rules: Rules,
    most: Fraction,
    *,
    name: str,
    progress: Callable[[float], None] = lambda _share: None,
) -> Tuning:
    """Search for a policy that loses less budget before it pages, within a limit of pages.

    Args:
        past: at least two weeks.
        policy: the present one.
        incidents: what did harm.
        rules: how pages are held against them.
        most: limit of pages a week, > 0.
        name: of the policy that is proposed.
        progress: told the share of the search that is done.

    Raises:
        ValueError: the past holds less than two weeks.
    """
    early, later = parted(past)
    objective = past.objective
    judge, window = Judge(Looks(early)), objective.window.nominal
    every = list(candidates(policy, objective.term_at(past.at(past.end)).budget, window, name))
    judge.prepare(every)
    tried = []
    for number, one in enumerate(every):
        tried.append(Candidate(one, score(tested(judge, one), judge.looks, incidents, rules)))
        if not number % 50:
            progress(number / len(every))
    front = pareto(tried)
    within = [c for c in front if c.score.pages_per_week <= most]
    chosen = min(within, key=_worth).policy if within else None
    asked = [policy, *([chosen] if chosen else [])]
    on_early, on_held = scores(early, asked, incidents, rules), scores(later, asked, incidents, rules)
    return Tuning(
        len(every), front, chosen, on_early[-1] if chosen else None, on_held[-1] if chosen else None,
        (on_early[0], on_held[0]), later.at(later.first), most,
    )  # fmt: skip


def _worth(candidate: Candidate) -> tuple[Fraction, int, int]:
    """Order candidates: least lost, then fewest pages, then most of them right."""
    return candidate.score.lost, len(candidate.score.pages), -candidate.score.right


def pareto(tried: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Return the candidates that no other beats in both pages a week and budget lost, fewest pages first."""
    front: list[Candidate] = []
    for one in sorted(tried, key=lambda c: (len(c.score.pages), c.score.lost)):
        if not front or one.score.lost < front[-1].score.lost:
            front.append(one)
    return tuple(front)
