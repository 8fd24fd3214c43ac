"""Budgets running out: notices told once each, and what an ErrorBudgetPolicy makes of them.

One rule: a share is crossed when even the best case has spent it, and left when even the worst case is five points
below. Between the two nothing changes, so a budget that hovers on a line tells it once. Shares are of the `period`
budget: ten bad minutes on the first day of thirty have spent 23 % of it, not seven times all of it.

Both states are folds: what was told is all they hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Literal

from nines.alerting.policy import BudgetException, BudgetStep, ErrorBudgetPolicy
from nines.evaluation.standing import Exhaustion, Standing

#: Shares of the period's budget that are told.
SHARES = tuple(Fraction(n, 100) for n in (50, 75, 90, 100))
#: How far a budget must recover before a share is told again.
REARM = Fraction(5, 100)
#: A forecast is told when the budget would be gone within the first, and told again after it lasted the second.
NEAR, FAR = timedelta(hours=72), timedelta(hours=96)

NoticeKind = Literal["crossed", "recovered", "exhausting", "lasting"]


@dataclass(frozen=True, slots=True)
class Spent:
    """How much of a budget is gone.

    Attributes:
        low: share in the best case of what is unknown, >= 0; None when nobody can say.
        high: share in the worst case, or None.
        period: what tells this period from the next: its first instant, or "" for a rolling window.
    """

    low: Fraction | None
    high: Fraction | None
    period: str = ""

    @classmethod
    def of(cls, standing: Standing) -> Spent:
        """Return what a standing says about its period's budget."""
        held, left = standing.outcome.period, standing.outcome.remaining_range
        period = "" if standing.window_kind == "rolling" else standing.window.start.isoformat()
        return cls(held.spent_ratio if held else None, 1 - left.low if left else None, period)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell about a budget, and to put on record.

    Attributes:
        kind: crossed, recovered, exhausting or lasting.
        at: minute of the decision.
        period: as in `Spent`.
        share: the share crossed or left; None for a forecast.
        spent: share spent then, in the best case.
        until: when it would be gone, for a forecast.
    """

    kind: NoticeKind
    at: datetime
    period: str
    share: Fraction | None = None
    spent: Fraction | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Depletion:
    """What has been told about one objective's budget.

    Attributes:
        period: the period it was told about.
        told: shares crossed and not left since, in order.
        exhausting: whether a forecast of exhaustion was told and not taken back.
    """

    period: str = ""
    told: tuple[Fraction, ...] = ()
    exhausting: bool = False


def deplete(
    before: Depletion,
    spent: Spent,
    at: datetime,
    ahead: Exhaustion | None = None,
    shares: tuple[Fraction, ...] = SHARES,
) -> tuple[Depletion, tuple[Notice, ...]]:
    """Return what is to be told about a budget now: each share once, in order.

    Args:
        before: what has been told.
        spent: the period's budget now.
        at: minute of the decision.
        ahead: forecast of its exhaustion, or None when there is none.
        shares: shares to tell, ascending.

    Returns:
        The state after, and notices: shares left (highest first), shares crossed (lowest first), then the forecast. A
        new period arms everything and says nothing of what it left.

    Example:
        >>> noon = datetime.fromisoformat("2026-01-01T12:00:00+00:00")
        >>> state, notices = deplete(Depletion(), Spent(Fraction(8, 10), Fraction(8, 10)), noon)
        >>> [str(n.share) for n in notices], [str(s) for s in state.told]
        (['1/2', '3/4'], ['1/2', '3/4'])
    """
    state = before if before.period == spent.period else Depletion(spent.period)
    notices = [
        Notice("recovered", at, spent.period, share, spent.low)
        for share in reversed(state.told)
        if spent.high is not None and spent.high <= share - REARM
    ]
    notices += [
        Notice("crossed", at, spent.period, share, spent.low)
        for share in shares
        if share not in state.told and spent.low is not None and spent.low >= share
    ]
    notices += _forecast(state, spent, at, ahead)
    return _noted(state, notices), tuple(notices)


def _forecast(state: Depletion, spent: Spent, at: datetime, ahead: Exhaustion | None) -> list[Notice]:
    """Return a notice when every lookback sees the end near, or the middle one no longer sees it."""
    if ahead is None:
        return []
    gone = spent.low is not None and spent.low >= 1
    near = ahead.high is not None and ahead.high <= at + NEAR
    far = ahead.at is None or ahead.at >= at + FAR
    if near and not state.exhausting and not gone:
        return [Notice("exhausting", at, spent.period, spent=spent.low, until=ahead.at)]
    if far and state.exhausting:
        return [Notice("lasting", at, spent.period, spent=spent.low, until=ahead.at)]
    return []


def _noted(state: Depletion, notices: Iterable[Notice]) -> Depletion:
    for notice in notices:
        if notice.period != state.period:
            state = Depletion(notice.period)
        if notice.share is None:
            state = replace(state, exhausting=notice.kind == "exhausting")
        else:
            told = {*state.told} - {notice.share} | ({notice.share} if notice.kind == "crossed" else set())
            state = replace(state, told=tuple(sorted(told)))
    return state


def told(notices: Iterable[Notice]) -> Depletion:
    """Return what has been told, from the facts alone: the fold that a restart begins with.

    Args:
        notices: of one objective, in the order they were told.
    """
    return _noted(Depletion(), notices)


PolicyMove = Literal["entered", "left"]


@dataclass(frozen=True, slots=True)
class StepChange:
    """A step of an ErrorBudgetPolicy that begins or ends to hold for an objective.

    Attributes:
        kind: entered or left.
        at: minute of the decision.
        policy: its name.
        objective: the objective's key.
        step: the step.
        period: as in `Spent`.
        spent: share spent then, in the best case.
    """

    kind: PolicyMove
    at: datetime
    policy: str
    objective: str
    step: BudgetStep
    period: str
    spent: Fraction | None


@dataclass(frozen=True, slots=True)
class BudgetState:
    """Which steps of a policy hold for one objective.

    Attributes:
        period: the period they were entered in.
        steps: those entered and not left, by share.
    """

    period: str = ""
    steps: tuple[BudgetStep, ...] = ()


def enforce(
    before: BudgetState, policy: ErrorBudgetPolicy, objective: str, spent: Spent, at: datetime
) -> tuple[BudgetState, tuple[StepChange, ...]]:
    """Return which steps of a policy hold for an objective now, and which began or ended to.

    Args:
        before: the steps that held.
        policy: the policy.
        objective: the objective's key.
        spent: its period's budget now.
        at: minute of the decision.

    Returns:
        The state after, and its changes: steps left (highest first; in a new period all), then steps entered.
    """
    renewed = before.period != spent.period

    def over(step: BudgetStep) -> bool:
        if renewed or step not in policy.steps:
            return True
        return spent.high is not None and spent.high <= step.spent - REARM

    def change(kind: PolicyMove, step: BudgetStep) -> StepChange:
        return StepChange(kind, at, policy.name, objective, step, spent.period, spent.low)

    left = [s for s in reversed(before.steps) if over(s)]
    held = [s for s in before.steps if s not in left]
    entered = [s for s in policy.steps if s not in held and spent.low is not None and spent.low >= s.spent]
    changes = tuple([change("left", s) for s in left] + [change("entered", s) for s in entered])
    return in_force(changes, before), changes


def in_force(changes: Iterable[StepChange], state: BudgetState = BudgetState()) -> BudgetState:
    """Return which steps hold, from the facts alone.

    Args:
        changes: of one policy and objective, in the order they happened.
        state: where to begin.
    """
    for change in changes:
        steps = {*state.steps} - {change.step} | ({change.step} if change.kind == "entered" else set())
        state = BudgetState(change.period, tuple(sorted(steps, key=lambda s: s.spent)))
    return state


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a policy asks of an objective at an instant: what gates read.

    Attributes:
        consequence: the gravest step in force that no exception lifts: freeze, review or notify; "" when none is.
        step: that step, or None.
        lifted: exceptions that lift a graver one, each with who approved it.
    """

    consequence: str
    step: BudgetStep | None
    lifted: tuple[BudgetException, ...] = ()

    @property
    def frozen(self) -> bool:
        """Whether changes are stopped."""
        return self.consequence == "freeze"


_GRAVITY = {"notify": 1, "review": 2, "freeze": 3}


def ruling(state: BudgetState, objective: str, at: datetime, exceptions: Iterable[BudgetException] = ()) -> Ruling:
    """Return what holds for an objective at an instant, exceptions considered.

    Args:
        state: the steps in force.
        objective: its name.
        at: the instant; an exception holds from its start until before its end.
        exceptions: the policy's, dated.

    Example:
        >>> spent_up = BudgetState("", (BudgetStep(Fraction(1), "freeze"),))
        >>> ruling(spent_up, "checkout", datetime.fromisoformat("2026-01-01T12:00:00+00:00")).frozen
        True
    """
    holding = [e for e in exceptions if e.covers(objective, at)]
    lifted: list[BudgetException] = []
    for step in sorted(state.steps, key=lambda s: (_GRAVITY[s.consequence], s.spent), reverse=True):
        excused = [e for e in holding if e.consequence == step.consequence]
        if not excused:
            return Ruling(step.consequence, step, tuple(dict.fromkeys(lifted)))
        lifted += excused
    return Ruling("", None, tuple(dict.fromkeys(lifted)))
