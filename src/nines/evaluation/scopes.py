"""The same data by event, by window and by session, side by side, with the reason the figures differ.

None of them is the true one: each answers another question, and the indicator says which is meant.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction

from nines.evaluation.evaluate import evaluate
from nines.evaluation.evidence import Evidence
from nines.objectives.method import Method, Occurrences, Timeslices
from nines.objectives.objective import Objective


@dataclass(frozen=True, slots=True)
class ScopeFigure:
    """One scope's answer.

    Attributes:
        scope: "event", "window" or "session".
        sli: good share, or None where it cannot be given.
        good: good units.
        bad: bad units.
        unit: what is counted.
        reason: why it differs from the others, or why there is none.
    """

    scope: str
    sli: Fraction | None
    good: Fraction
    bad: Fraction
    unit: str
    reason: str


def side_by_side(
    objective: Objective, evidence: Evidence, at: datetime, sessions: Evidence | None = None
) -> tuple[ScopeFigure, ...]:
    """Return the SLI of one data set by event, by window of a minute and by session.

    Args:
        objective: gives window, target and policies; its own method is set aside.
        evidence: events, covering the horizon of `in_scope(objective, "event")`.
        at: instant asked about, aware UTC.
        sessions: sessions of the same events, or None where no rule is stated.

    Returns:
        Always the three scopes, in that order.
    """
    if sessions is None:
        session = ScopeFigure(
            "session", None, Fraction(0), Fraction(0), "sessions",
            "no session rule says which events belong together and what makes them good",
        )  # fmt: skip
    else:
        reason = "every session weighs the same, however many events it had, and is good by its rule alone"
        session = replace(_figure(objective, sessions, at, "event", reason), scope="session", unit="sessions")
    return (
        _figure(objective, evidence, at, "event", "every event weighs the same, so a busy minute weighs more"),
        _figure(objective, evidence, at, "window", "every minute weighs the same, however many events it had"),
        session,
    )


def in_scope(objective: Objective, scope: str) -> Objective:
    """Return the objective asked by event or by window of a minute; both look at the same minutes.

    Args:
        objective: its own method is set aside.
        scope: "event" or "window".
    """

    def method(target: Fraction) -> Method:
        return Occurrences() if scope == "event" else Timeslices(target, 1)

    terms = tuple(replace(t, method=method(t.target)) for t in objective.terms)
    return replace(objective, terms=terms, bound=None)


def _figure(objective: Objective, evidence: Evidence, at: datetime, scope: str, reason: str) -> ScopeFigure:
    found = evaluate(in_scope(objective, scope), evidence, at)
    outcome = found.outcome
    return ScopeFigure(scope, outcome.sli, outcome.units_good, outcome.units_bad, found.unit, reason)
