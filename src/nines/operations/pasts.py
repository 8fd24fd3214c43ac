"""The past of an objective for a back-test: from the lake as it was known then, or from files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import numpy as np

from nines.alerting.past import Late, Past
from nines.alerting.policy import BurnPolicy
from nines.definitions.load import Definitions, load
from nines.errors import CannotTellError, InputError, Problem
from nines.evaluation.columns import Mark, why_not
from nines.evaluation.sweep_all import facts_between
from nines.lake.arrivals import Arrivals, arrivals
from nines.objectives.indicator import CompositeIndicator, CounterIndicator, EventIndicator
from nines.objectives.objective import Objective
from nines.operations.evaluating import FileMeasurements, after_last, file_rows
from nines.operations.evidence import Bench
from nines.operations.house import House
from nines.operations.standings import bench
from nines.people.rights import Principal, require
from nines.spans import MINUTE, Span, instant_of, minute_of
from nines.telemetry.series import Ints, MinuteState

Known = Literal["then", "now"]
#: How far back a back-test looks unless it is told.
DAYS = 90
#: Longest past that is taken, so that one question stays bounded.
MOST = timedelta(days=400)
#: What is known so much later than it happened came as a backfill, minutes.
_BACKFILLED = 1440
_APART = int(Mark.DROPPED | Mark.SHRUNK | Mark.FORCED | Mark.TAKEN)


@dataclass(frozen=True, slots=True)
class Case:
    """One objective's past, ready to be judged.

    Attributes:
        work: the question's workplace.
        past: its minutes.
        policy: that watches it, or None.
        known: whether the minutes are as known then, or as known now.
        notes: what whoever reads a report should know.
    """

    work: Bench
    past: Past
    policy: BurnPolicy | None
    known: Known
    notes: tuple[str, ...] = ()

    @property
    def definitions(self) -> Definitions:
        """The definitions in force."""
        return self.work.definitions

    @property
    def objective(self) -> Objective:
        """The promise."""
        return self.past.objective


def stored_case(
    house: House,
    who: Principal,
    name: str,
    *,
    start: datetime | None,
    end: datetime,
    known: Known = "then",
    reach: timedelta = timedelta(days=7),
) -> Case:
    """Return an objective's past from the lake.

    Args:
        house: where to look.
        who: who is asking.
        name: of the objective.
        start: first instant judged; 90 days before the end, or the first minute heard, unless given.
        end: last instant judged.
        known: whether late data count from when they came ("then") or as if in time ("now").
        reach: longest lookback; so much is read before the start.

    Raises:
        CannotTellError: its counts are sampled, or it holds an aggregate against a bound.
        InputError: the past is empty or too long.
    """
    require(who, "see")
    work = bench(house, who, at=end, known_at=None)
    case = _case(work, name, start, end, reach)
    if known == "now":
        return case
    indicator = work.indicator(case.objective)
    simple = (
        isinstance(indicator, EventIndicator | CounterIndicator)
        and not work.definitions.sources[indicator.source].sites
    )
    if not simple:
        return _noted(case, "as known now: when the minutes of such an indicator became known is not kept")
    assert not isinstance(indicator, CompositeIndicator)
    source = work.definitions.sources[indicator.source]
    came = arrivals(house.lake, who.tenant, indicator.identity, source.name, case.past.start, case.past.end)
    past = as_known_then(case.past, came, source.heartbeat.gap // MINUTE)
    whole = max(int((case.past.facts[3] & 3 == MinuteState.ALIVE).sum()), 1)
    late = len(np.unique(past.late.minute[past.late.known - past.late.minute > _BACKFILLED]))
    if 2 * late > whole:
        return _noted(case, f"as known now: {late} of {whole} minutes came over a day late, as a backfill does")
    noted = (f"{len(np.unique(past.late.minute))} minutes were corrected late",) if len(past.late) else ()
    return Case(work, past, case.policy, "then", noted)


def file_case(
    paths: Sequence[Path],
    events: Sequence[tuple[str, Path]],
    name: str,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    reach: timedelta = timedelta(days=7),
) -> Case:
    """Return an objective's past from files alone; they say nothing of arrival, so it is as known now.

    Args:
        paths: definitions.
        events: source and file of measurements.
        name: of the objective.
        start: first instant judged, or None.
        end: last one; the end of the rows unless given.
        reach: longest lookback.

    Raises:
        InputError: definitions or files are wrong, or the past is empty.
    """
    definitions = load(paths)
    if definitions.errors:
        raise InputError(*definitions.problems)
    rows, problems = file_rows(definitions, events, known_at=None)
    work = Bench(definitions, definitions.exclusions, FileMeasurements(rows, problems))
    return _case(work, name, start, end or after_last(rows, problems), reach)


def _noted(case: Case, note: str) -> Case:
    return Case(case.work, case.past, case.policy, "now", (*case.notes, note))


def _case(work: Bench, name: str, start: datetime | None, end: datetime, reach: timedelta) -> Case:
    objective = work.settled(work.objective(name))
    if why := why_not(objective) or ("it holds a bound" if objective.bound is not None else ""):
        raise CannotTellError(Problem(objective.key, f"no burn policy can be tried on it: {why}", code="not-swept"))
    settle = objective.settle
    begin, last = start or end - timedelta(days=DAYS), minute_of(end - settle)
    if not timedelta() < end - begin <= MOST:
        fix = f"choose up to {MOST.days} days that end after they begin"
        raise InputError(Problem("--from", "the past is empty or too long", fix, code="bad-span"))
    first = minute_of(begin - reach)
    facts = facts_between(
        objective, work.evidence(objective, end, Span(instant_of(first), instant_of(last))), first, last
    )
    if facts is None:
        raise CannotTellError(Problem(objective.key, "its counts are sampled", "try one that is not", code="sampled"))
    heard = np.flatnonzero(facts[3] & int(Mark.UNBORN) == 0)
    if not len(heard):
        raise CannotTellError(Problem(objective.key, "there is no data in this past", "choose another", code="no-data"))
    edge = max(minute_of(begin - settle) + 1, first + int(heard[0]) + 1)
    policy = work.definitions.policy_of(objective)
    return Case(work, Past.of(objective, first, facts, first=edge), policy, "now")


def as_known_then(past: Past, came: Arrivals, gap: int) -> Past:
    """Return a past with each minute as the tick that first saw it knew it, and what came later as late.

    Minutes that an exclusion touches stay as they are known now: what is on record of exclusions counts throughout.

    Args:
        past: as known now.
        came: when counts and heartbeats became known.
        gap: minutes between heartbeats that prove the time between.
    """
    facts, start, lag = past.facts.copy(), past.start, past.lag
    free = facts[3] & _APART == 0
    alive = _heard(past, came, gap) - lag  # edge by which a minute is known to be alive
    events = list(_events(past, came, alive, free))
    now = facts[3] & 3 == MinuteState.ALIVE
    silent = free & now & (alive > np.arange(start, past.end) + 1)
    facts[:3, free] = 0
    facts[3, silent] &= ~3
    late: list[tuple[int, int, Ints]] = []
    for known, minute, row in events:
        if known <= minute + 1:
            facts[:3, minute - start] = row
        else:
            state = int(MinuteState.ALIVE) if alive[minute - start] <= known else 0
            marks = (past.facts[3, minute - start] & ~3) | (
                state if now[minute - start] else past.facts[3, minute - start] & 3
            )
            late.append((known, minute, np.array([*row, marks])))
    late.sort(key=lambda one: one[:2])
    if not late:
        return Past.of(past.objective, start, facts, first=past.first)
    when, about, rows = zip(*late, strict=True)
    return Past.of(
        past.objective, start, facts, Late(np.array(when), np.array(about), np.array(rows).T), first=past.first
    )


def _events(past: Past, came: Arrivals, alive: Ints, free: np.ndarray) -> Iterator[tuple[int, int, Ints]]:
    """Return (known, minute, counts then) whenever a minute's counts or its state changed, in order."""
    held = np.zeros((3, past.facts.shape[1]), dtype=np.int64)
    places = np.arange(past.start, past.end)
    woken = free & (past.facts[3] & 3 == MinuteState.ALIVE) & (alive > places + 1)
    rows = [(int(k) - past.lag, int(m), np.array(c)) for m, k, *c in came.counts.T]
    rows += [(int(alive[m - past.start]), int(m), np.zeros(3, dtype=np.int64)) for m in places[woken]]
    for known, minute, counts in sorted(rows, key=lambda one: one[:2]):
        place = minute - past.start
        if free[place]:
            held[:, place] += counts
            yield max(known, minute + 1), minute, held[:, place].copy()


def _heard(past: Past, came: Arrivals, gap: int) -> Ints:
    """Return for each minute the grid minute by which it was known to be alive."""
    never = np.iinfo(np.int64).max // 2
    found = np.full(past.facts.shape[1], never)
    minute, known = came.pulses
    found[minute - past.start] = known
    counted, by = came.counts[0], came.counts[1]
    np.minimum.at(found, counted - past.start, by)
    for n in np.flatnonzero((np.diff(minute) > 1) & (np.diff(minute) <= gap)).tolist():
        between = slice(int(minute[n]) + 1 - past.start, int(minute[n + 1]) - past.start)
        found[between] = np.minimum(found[between], max(int(known[n]), int(known[n + 1])))
    return found
