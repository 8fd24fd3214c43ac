"""How fresh every source is, how late its rows come, what of them was not kept, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from nines.errors import Problem
from nines.lake.hearing import Freshness, freshness, unkept
from nines.operations.house import House
from nines.operations.promises import in_force
from nines.operations.settling import lateness
from nines.people.rights import Principal, require
from nines.showing import count, length
from nines.telemetry.datasource import DataSource
from nines.telemetry.settling import Learnt, Settling, enough_wait, settling

#: Gaps between deltas are counted over so long.
GAPS_OVER = timedelta(days=1)
#: Longest wait that is advised.
_MOST_ADVISED = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Unkept:
    """What came of a source and is not among its rows, or should have come and did not.

    Attributes:
        repeated: rows of batches whose key had been acknowledged before.
        identical: rows left out because their source had sent the same event or reading before.
        refused: rows and lines that could not be read.
        unnamed: readings of series that no indicator names.
        lost: rows that whoever collected them had to drop; they count as unknown.
        gaps: deltas of the last day that begin after the one before them ended.
    """

    repeated: int = 0
    identical: int = 0
    refused: int = 0
    unnamed: int = 0
    lost: int = 0
    gaps: int = 0


@dataclass(frozen=True, slots=True)
class SourceReport:
    """One source as it is now.

    Attributes:
        source: its definition, or None when rows came for one that is no longer in force.
        name: its name.
        freshness: what the lake holds of it.
        age: time since its last event, or None without any.
        silent: whether it has been silent for longer than its heartbeat allows.
        settling: how long it is waited for and how late its rows come; None when it is not in force.
        unkept: what came and was not kept.
        problems: what a person should look at.
    """

    source: DataSource | None
    name: str
    freshness: Freshness
    age: timedelta | None
    silent: bool
    settling: Settling | None
    unkept: Unkept
    problems: tuple[Problem, ...]


def sources(house: House, who: Principal, *, at: datetime) -> list[SourceReport]:
    """Return every source in force or with rows, sorted by name.

    Args:
        house: where to look.
        who: who is asking.
        at: present instant.
    """
    require(who, "see")
    definitions = in_force(house, who.tenant, at=at)
    defined = definitions.sources
    pending = {s: n for (t, s), n in house.lake.inbox.pending().items() if t == who.tenant}
    held = {f.source: f for f in freshness(house.lake.tables, who.tenant, pending)}
    left = _unkept(house, who.tenant, at)
    found = []
    for name in sorted({*defined, *held, *left}):
        source = defined.get(name)
        learnt = lateness(house, who.tenant, definitions, source, at) if source is not None else None
        fresh = held.get(name, Freshness(name, 0, None, None, None, 0))
        found.append(_report(source, fresh, learnt, left.get(name, Unkept()), at))
    return found


def _unkept(house: House, tenant: str, at: datetime) -> dict[str, Unkept]:
    """Return what was not kept of each source, from the inbox and from the tables."""
    found = unkept(house.lake.tables, tenant, at - GAPS_OVER)
    for (source, what), tally in house.lake.inbox.tallies(tenant).items():
        found.setdefault(source, {})[what] = tally.number
    return {source: Unkept(**numbers) for source, numbers in found.items()}


def _report(
    source: DataSource | None, fresh: Freshness, learnt: Learnt | None, left: Unkept, at: datetime
) -> SourceReport:
    age = at - fresh.last if fresh.last is not None else None
    wait = settling(source, learnt) if source is not None else None
    allowed = source.heartbeat.gap + (wait.settle if wait else timedelta()) if source else timedelta(minutes=5)
    silent = age is None or age > allowed
    problems = [*_silence(fresh, age if silent else None), *_losses(fresh.source, left)]
    if source is None:
        what = "rows came for it, but it is not in force"
        problems.append(Problem(fresh.source, what, "apply its definition", "warning", "not-in-force"))
    elif wait is not None:
        problems += _waits(source, wait)
    return SourceReport(source, fresh.source, fresh, age, silent, wait, left, tuple(problems))


def _silence(fresh: Freshness, age: timedelta | None) -> list[Problem]:
    if fresh.rows == 0 and not fresh.pending:
        what = "nothing has ever come from it"
        return [Problem(fresh.source, what, "`nines ingest`, or send it events", "note", "never-heard")]
    if age is not None:
        what = f"it has been silent for {length(age)}"
        return [Problem(fresh.source, what, "what it hides counts as unknown", "warning", "silent")]
    return []


def _losses(name: str, left: Unkept) -> list[Problem]:
    """Return what of a source is lost, or may be."""
    found = []
    if left.lost:
        what = f"{count(left.lost)} rows were dropped before they came; they count as unknown"
        found.append(Problem(name, what, "give whoever collects them more disk", "warning", "rows-lost"))
    if left.refused:
        what = f"{count(left.refused)} rows could not be read, and count nowhere"
        found.append(Problem(name, what, "mend the sender, or the columns of the source", "warning", "rows-refused"))
    if left.gaps:
        what = f"{count(left.gaps)} deltas of the last day begin after the one before them ended"
        found.append(
            Problem(name, what, "what lies between was lost on the way; look at the sender", "warning", "gaps")
        )
    return found


def _waits(source: DataSource, wait: Settling) -> list[Problem]:
    """Return whether a source is waited for long enough, and whether a loss of it would be seen."""
    found = []
    learnt = wait.learnt
    needed = enough_wait(learnt.lateness, _MOST_ADVISED) if learnt is not None else None
    if wait.basis == "capped" and wait.cap is not None:
        what = f"99 % of its events take longer than {length(wait.cap)}, the longest wait allowed"
        found.append(
            Problem(source.name, what, "its newest minutes are biased; raise settleCap", "note", "settle-capped")
        )
    elif learnt is not None and wait.basis == "stated" and (needed is None or needed > wait.settle):
        over = length(_MOST_ADVISED) if needed is None else length(needed)
        what = f"it is waited for {length(wait.settle)}, but 99 % of its events take {over}"
        found.append(Problem(source.name, what, "write settle: auto, or a longer one", "note", "settle-short"))
    if source.lossy:
        what = "its protocol carries no identity: a repeat counts twice, a loss goes unseen"
        found.append(Problem(source.name, what, "prefer spans, samples or events with an id", "note", "lossy"))
    return found


__all__ = ["SourceReport", "Unkept", "sources"]
