"""Statements: the standing of a finished period, closed once and never computed over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from nines.errors import ConflictError, InputError, Problem
from nines.evaluation.evaluate import evaluate
from nines.evaluation.standing_json import standing_json
from nines.journal.folds import Statement, statements
from nines.objectives.objective import Objective
from nines.objectives.period import period as period_of
from nines.objectives.window import CalendarWindow
from nines.operations.evidence import Bench
from nines.operations.house import House
from nines.operations.settling import with_waits
from nines.operations.standings import bench
from nines.people.rights import Principal, require
from nines.showing import percent
from nines.spans import Span

_KINDS = ("statement.closed", "statement.corrected")


@dataclass(frozen=True, slots=True)
class Closed:
    """What closing came to."""

    summary: str
    standing: dict[str, object]

    def row(self) -> dict[str, object]:
        """Return what was closed, as one row of a table."""
        window = self.standing["window"]
        assert isinstance(window, dict)
        told = {name: self.standing[name] for name in ("objective", "tenant", "verdict", "exact", "fingerprint")}
        return {**told, "window": window["label"], "start": window["start"], "end": window["end"]}


def on_record(house: House, who: Principal) -> tuple[Statement, ...]:
    """Return closed statements with their corrections."""
    require(who, "see")
    return statements(house.store.told(who.tenant, kinds=_KINDS))


def _period(objective: Objective, within: datetime | None, now: datetime) -> Span:
    """Return the period to close: the one that holds an instant, or the last finished one."""
    if not isinstance(objective.window, CalendarWindow):
        what = f"its window {objective.window.label} rolls, and never closes"
        raise InputError(Problem(objective.key, what, "name an objective with a calendar window", code="not-calendar"))
    present = period_of(objective.window, now)
    found = period_of(objective.window, within or present.start - timedelta.resolution)
    if found.end + objective.settle > now:
        what = f"its period ends at {found.end:%Y-%m-%d %H:%M} UTC and is not settled"
        raise InputError(Problem(objective.key, what, "wait until it is over", code="not-finished"))
    return found


def close(house: House, who: Principal, name: str, *, within: datetime | None, now: datetime) -> Closed:
    """Close a finished period: its standing is put on record as it is known now.

    Args:
        house: where to.
        who: who does it.
        name: objective with a calendar window, by name@window where it has several.
        within: any instant inside the period, or None for the last finished one.
        now: present instant.

    Raises:
        InputError: the window rolls, or the period is not over.
        ConflictError: the period is closed already.
    """
    require(who, "close")
    work = bench(house, who, at=now, known_at=None)
    found = [o for o in work.definitions.objectives if name in {o.name, o.key}]
    calendars = [o for o in found if isinstance(o.window, CalendarWindow)]
    objective = work.settled((calendars or found or [work.objective(name)])[0])
    period = _period(objective, within, now)
    work, objective = _as_at_its_end(house, who, work, objective.key, period)
    if any(s.objective == objective.key and s.period == period for s in on_record(house, who)):
        raise ConflictError(
            Problem(objective.key, f"the period from {period.start:%Y-%m-%d} is closed already", code="closed-already")
        )
    standing = _standing(work, objective, period)
    with house.store.deed(who.tenant, who.name, now) as deed:
        payload = {
            "objective": objective.key,
            "period": [period.start.isoformat(), period.end.isoformat()],
            "standing": standing,
        }
        deed.tell("statement.closed", f"objective {objective.key}", payload)
    return Closed(
        f"closed {objective.key} from {period.start:%Y-%m-%d} to {period.end:%Y-%m-%d}: {standing['verdict']}", standing
    )


def _as_at_its_end(house: House, who: Principal, work: Bench, name: str, period: Span) -> tuple[Bench, Objective]:
    """Return a workplace whose sources are waited for as was learned by the end of a period, and its objective.

    A correction years later then waits as long as the statement did.
    """
    then = replace(work, definitions=with_waits(house, who.tenant, work.definitions, period.end))
    return then, then.settled(then.objective(name))


def _standing(work: Bench, objective: Objective, period: Span) -> dict[str, object]:
    """Return the standing of a whole finished period, as it is known now."""
    at, within = period.end + objective.settle, period.start
    return standing_json(evaluate(objective, work.evidence(objective, at, within=within), at, within=within))


def correct(house: House, who: Principal, spans: Sequence[Span], reason: str, *, now: datetime) -> tuple[str, ...]:
    """Put a correction beside every closed statement that some spans touch and whose figures they change.

    Args:
        house: where to.
        who: who does it.
        spans: what a new fact is about.
        reason: the fact, in words.
        now: present instant.

    Returns:
        Keys of the objectives whose statements were given a correction.
    """
    touched = [s for s in on_record(house, who) if any(span.overlap(s.period) for span in spans)]
    if not touched:
        return ()
    work = bench(house, who, at=now, known_at=None)
    corrected = []
    for statement in touched:
        then, objective = _as_at_its_end(house, who, work, statement.objective, statement.period)
        standing = _standing(then, objective, statement.period)
        latest = statement.corrections[-1]["standing"] if statement.corrections else statement.standing
        if standing["fingerprint"] == latest["fingerprint"]:
            continue
        with house.store.deed(who.tenant, who.name, now) as deed:
            payload = {"corrects": statement.number, "reason": reason, "standing": standing}
            deed.tell("statement.corrected", f"objective {statement.objective}", payload)
        corrected.append(statement.objective)
    return tuple(corrected)


def statement_rows(house: House, who: Principal) -> list[dict[str, object]]:
    """Return closed statements as rows of a table."""
    from fractions import Fraction

    def shown(standing: object) -> str:
        assert isinstance(standing, dict)
        exact = standing.get("exact")
        return percent(Fraction(exact)) if exact else str(standing.get("sli"))

    return [
        {
            "objective": s.objective,
            "period": f"{s.period.start:%Y-%m-%d} to {s.period.end:%Y-%m-%d}",
            "sli": shown(s.standing),
            "verdict": s.standing["verdict"],
            "closed": f"{s.closed_at:%Y-%m-%d %H:%M}",
            "corrections": "; ".join(
                f"{c['reason']}: {shown(c['standing'])} {c['standing']['verdict']}" for c in s.corrections
            ),
        }
        for s in on_record(house, who)
    ]
