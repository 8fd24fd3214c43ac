"""Evidence: everything one evaluation is given, so that the same evidence always gives the same standing."""

from __future__ import annotations

from dataclasses import dataclass

from nines.errors import Problem
from nines.objectives.exclusion import Exclusion, ExclusionMode
from nines.telemetry.series import Ints, MinuteSeries


@dataclass(frozen=True, slots=True, eq=False)
class CoveredEvents:
    """Events of the series that exclusions with a scope, or with edges inside a minute, cover.

    They are rolled up from raw rows, each event under the first mode of `PRECEDENCE` that covers it, so the
    arrays of several modes are disjoint. Arrays align with the series' minutes and never exceed its counts.

    Attributes:
        mode: what becomes of these events.
        good: int64 per minute.
        bad: int64 per minute.
        unknown: int64 per minute.
        scale: how many of the counts' units make one event, >= 1, as in the series.
    """

    mode: ExclusionMode
    good: Ints
    bad: Ints
    unknown: Ints
    scale: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What was known about an objective's indicator and its exclusions when the question was asked.

    Attributes:
        series: counts as known at `known_at`; it should reach back a window and as far as the burn windows.
        exclusions: exclusions on record at `known_at` that hold for the objective.
        covered: rolled-up events of exclusions that whole minutes cannot express.
        rolled: names of the exclusions that `covered` accounts for; one that needs it and is not named
            is reported as review-required and not applied.
        data_version: last flush sequence seen, or None when read straight from files.
        problems: found on the way here; passed on to the standing.
        every_bad_kept: whether a sampler keeps every bad event, so that a stratum without any proves there was none.
        rule: what made the counts, where they are made of others' counts, and what it did in the window; else "".
    """

    series: MinuteSeries
    exclusions: tuple[Exclusion, ...] = ()
    covered: tuple[CoveredEvents, ...] = ()
    rolled: frozenset[str] = frozenset()
    data_version: int | None = None
    problems: tuple[Problem, ...] = ()
    every_bad_kept: bool = False
    rule: str = ""
