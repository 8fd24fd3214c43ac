"""Objectives: a target on an indicator over one window, with everything that decides its number.

What changes over time is held as effective-dated terms, so that the past keeps its target.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Literal

from nines.objectives.indicator import Comparison
from nines.objectives.method import Method, Occurrences
from nines.objectives.window import RollingWindow, Window
from nines.spans import Span

MissingPolicy = Literal["unknown", "ignore", "good", "bad", "last"]
NoTrafficPolicy = Literal["skip", "good", "bad"]
EstimatorName = Literal["window-mean", "stated", "none"]
Aggregate = Literal["p50", "p75", "p90", "p95", "p99", "p999", "mean", "min", "max", "sum", "count", "uptime"]

#: The burn-rate windows a standing always shows.
BURN_WINDOWS: tuple[str, ...] = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")


@dataclass(frozen=True, slots=True)
class Estimator:
    """How many events a silent minute is taken to have hidden.

    Attributes:
        name: "window-mean" (the mean of the window's measured minutes), "stated", or "none" (no bounds).
        per_minute: events per minute, >= 0, for "stated".
    """

    name: EstimatorName = "window-mean"
    per_minute: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class Bound:
    """A threshold objective: an aggregate of values held against a bound.

    Attributes:
        aggregate: which figure of the window's values.
        op: comparison that is kept when the objective is met.
        value: the bound, exact, in the unit of the values (a ratio 0..1 for uptime).
    """

    aggregate: Aggregate
    op: Comparison
    value: Fraction


@dataclass(frozen=True, slots=True)
class Term:
    """What an objective asks from an instant on.

    Attributes:
        target: promised good share, 0 <= target <= 1.
        method: budgeting method with its slice length and slice target.
        effective_from: first instant it holds; None holds from the beginning.
        revision: number of the definition's revision, >= 1.
    """

    target: Fraction
    method: Method = field(default_factory=Occurrences)
    effective_from: datetime | None = None
    revision: int = 1

    @property
    def budget(self) -> Fraction:
        """Allowed bad share, 1 - target, exactly."""
        return 1 - self.target


@dataclass(frozen=True, slots=True)
class ServiceHours:
    """A business calendar written out: only time inside these spans counts.

    Attributes:
        name: the Calendar's name.
        spans: sorted, disjoint, covering the time asked about.
    """

    name: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Watching:
    """What is told of a promise beside its burn rules.

    Attributes:
        depletion: shares of the period's budget that are told once each, ascending.
        forecast: whether a budget that would be gone soon is told.
        suspected_loss: whether traffic far below its season pages.
        blind: whether not knowing for ten minutes pages.
    """

    depletion: tuple[Fraction, ...] = (Fraction(1, 2), Fraction(3, 4), Fraction(9, 10), Fraction(1))
    forecast: bool = True
    suspected_loss: bool = True
    blind: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """One promise, over one window, in force through its terms.

    Attributes:
        name: name within a tenant.
        service: service it belongs to.
        indicator: name of the indicator.
        indicator_id: identity (hash of meaning) of the indicator its counts are read from.
        terms: at least one, sorted by `effective_from`, the first from the beginning. All of one
            objective share the class of method and the slice length.
        window: rolling or calendar.
        missing: what silence counts as.
        no_traffic: what a minute with a live source and no events counts as.
        estimator: how many events silence is taken to have hidden.
        settle: how long after an edge data is still waited for, >= 0.
        hours: service hours, or None when all time counts.
        bound: for threshold objectives; then `terms` carry target 0 and no budget is kept.
        unit: unit of the indicator's counts.
        tenant: owner.
        labels: name to value.
        display_name: for people, or "".
        policy: name of its burn policy, or "".
        watching: what else is told of it, or None when nothing is.
        description: for people, or "".
    """

    name: str
    service: str
    indicator: str
    terms: tuple[Term, ...]
    window: Window = RollingWindow(timedelta(days=30))
    indicator_id: str = ""
    missing: MissingPolicy = "unknown"
    no_traffic: NoTrafficPolicy = "skip"
    estimator: Estimator = Estimator()
    settle: timedelta = timedelta()
    hours: ServiceHours | None = None
    bound: Bound | None = None
    unit: str = "events"
    tenant: str = "default"
    labels: tuple[tuple[str, str], ...] = ()
    display_name: str = ""
    policy: str = ""
    watching: Watching | None = None
    description: str = ""

    def term_at(self, at: datetime) -> Term:
        """Return the term in force at an instant."""
        holding = [t for t in self.terms if t.effective_from is None or t.effective_from <= at]
        return holding[-1] if holding else self.terms[0]

    @property
    def key(self) -> str:
        """Name and window, which together are unique within a tenant, as "checkout@30d"."""
        return f"{self.name}@{self.window.label}"
