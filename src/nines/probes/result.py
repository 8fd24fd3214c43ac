"""What a journey showed: the first try, which is what counts, and the tries after it, which only gate alerts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from nines.errors import Problem
from nines.telemetry.journey import State


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What one step showed.

    Attributes:
        name: of the step.
        state: up or down.
        ended: wall clock at its end.
        duration_ms: how long it took.
        phases: milliseconds by phase, as far as there were any.
        status: HTTP status, or None.
        error: what went wrong, secrets hidden, or "".
        code: stable name of that, or "".
        share_ms: the part of the journey's time that was its own, or None.
    """

    name: str
    state: State
    ended: datetime
    duration_ms: float
    phases: Mapping[str, float]
    status: int | None = None
    error: str = ""
    code: str = ""
    share_ms: float | None = None

    @property
    def over_share_ms(self) -> float:
        """How much longer it took than was its own; 0 when it kept to it, or has no share."""
        return 0.0 if self.share_ms is None else max(0.0, self.duration_ms - self.share_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One try of a journey.

    Attributes:
        number: from 1.
        state: down when a step is, unknown when the prober could not look.
        ended: wall clock at its end.
        duration_ms: how long its steps took together.
        steps: those that were run; what comes after a failed one is not.
        finding: why nothing is known, or "".
    """

    number: int
    state: State
    ended: datetime
    duration_ms: float
    steps: tuple[StepResult, ...]
    finding: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneyResult:
    """One run of a journey at one location.

    Attributes:
        probe: name of the journey.
        location: where it was run.
        scheduled: instant by which it is known.
        state: what the first try showed; unknown when the location itself is not connected.
        confirmed: whether every try showed it down; only then an alert may follow.
        tries: in order; none when the location was found cut off before the first.
        not_run: steps that the first try did not come to.
        findings: why the state is unknown, and what else is odd.
        artifacts: files kept of failed tries.
    """

    probe: str
    location: str
    scheduled: datetime
    state: State
    confirmed: bool
    tries: tuple[Try, ...]
    not_run: tuple[str, ...] = ()
    findings: tuple[Problem, ...] = ()
    artifacts: tuple[Path, ...] = field(default=())

    @property
    def first(self) -> Try | None:
        """The first try, which is what counts."""
        return self.tries[0] if self.tries else None


def share_ms(share: timedelta | None) -> float | None:
    """Return a share in milliseconds, or None."""
    return None if share is None else share / timedelta(milliseconds=1)
