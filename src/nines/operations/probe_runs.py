"""What probes showed: their runs as they were stored, the state of each location, and the quorum."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from nines.lake.recent import recent_rows
from nines.operations import keeping
from nines.operations.house import House
from nines.operations.probing import probe_in_force
from nines.operations.promises import in_force
from nines.people.rights import Principal, require
from nines.probes.quorum import agreed
from nines.spans import EPOCH, MINUTE, minute_of
from nines.telemetry.journey import Journey, State
from nines.telemetry.quorum import Quorum, quorum
from nines.telemetry.series import MinuteSeries, MinuteState

#: The parts of a step's time, in their order.
PHASES = ("dns_ms", "connect_ms", "tls_ms", "first_byte_ms", "transfer_ms")
#: Most runs that are shown at once, and how far back they are looked for.
MOST, REACH = 200, timedelta(days=7)
#: Locations are held against each other over this long.
WITNESSED = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRun:
    """What one step of one try showed.

    Attributes:
        name: of the step.
        state: up or down.
        after_ms: how long after the beginning of its try it began.
        ms: how long it took.
        phases: milliseconds by phase, as far as known.
        status: HTTP status, or None.
        share_ms: the part of the journey's time that is its own, or None.
        error: what went wrong, or "".
        code: stable name of that, or "".
    """

    name: str
    state: State
    after_ms: float
    ms: float
    phases: Mapping[str, float]
    status: int | None = None
    share_ms: float | None = None
    error: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TryRun:
    """One try of a run: the first is what counts, the others tell whether it was confirmed."""

    attempt: int
    state: State
    ms: float
    steps: tuple[StepRun, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a probe at one location.

    Attributes:
        probe: its name.
        location: where it ran.
        scheduled: instant of the grid by which it is known.
        state: what the first try showed.
        confirmed: whether every try showed it down.
        ended: when the first try ended.
        tries: in order, the first first.
        not_run: how many steps the first try did not come to.
        failed_step: name of the step that failed, or "".
        error: what went wrong there, or "".
    """

    probe: str
    location: str
    scheduled: datetime
    state: State
    confirmed: bool
    ended: datetime
    tries: tuple[TryRun, ...]
    not_run: int = 0
    failed_step: str = ""
    error: str = ""

    @property
    def ms(self) -> float:
        """How long the first try took."""
        return self.tries[0].ms

    @property
    def key(self) -> str:
        """Location and instant, by which a link names it."""
        return f"{self.location}@{self.scheduled:%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A probe as one location sees it now.

    Attributes:
        location: its name.
        state: what its last run showed, unknown when that is too old or showed nothing.
        last: its last run that showed something, or None.
        why: why nothing is known, or "".
        fix: what to do about it, or "".
    """

    location: str
    state: State
    last: Run | None
    why: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeReport:
    """A probe as it is now.

    Attributes:
        journey: its definition.
        title: name for people.
        state: what its locations agree on.
        places: what each of them sees.
        next: instant of the next run; each location begins up to the jitter later.
    """

    journey: Journey
    title: str
    state: State
    places: tuple[Place, ...]
    next: datetime

    @property
    def last(self) -> Run | None:
        """The newest run of any location."""
        return max((p.last for p in self.places if p.last), key=lambda r: r.ended, default=None)


def probes(house: House, who: Principal, *, at: datetime) -> list[ProbeReport]:
    """Return every probe in force, sorted by name, with its state by location.

    Args:
        house: where they are.
        who: who asks.
        at: present instant.
    """
    require(who, "see")
    found = in_force(house, who.tenant, at=at)
    journeys = [found.probes[name] for name in sorted(found.probes)]
    held = _newest(house, who, journeys, at)
    titles = {
        n: d.value.get("metadata", {}).get("displayName", "") for (k, n), d in found.documents.items() if k == "Probe"
    }
    return [_report(house, who, j, titles.get(j.name) or "", held, at) for j in journeys]


def probe(house: House, who: Principal, name: str, *, at: datetime) -> ProbeReport:
    """Return one probe with its state by location.

    Raises:
        NotFoundError: there is none of that name in force.
    """
    journey = probe_in_force(house, who, name, now=at)
    return next(one for one in probes(house, who, at=at) if one.journey.name == journey.name)


def _newest(house: House, who: Principal, journeys: Sequence[Journey], at: datetime) -> dict[tuple[str, str], Run]:
    """Return the newest run of each probe and location; one question for each source."""
    found: dict[tuple[str, str], Run] = {}
    for source in sorted({j.source for j in journeys}):
        own = [j for j in journeys if j.source == source]
        reach = max(_patience(j) for j in own) + timedelta(hours=1)
        for run in _runs(house, who.tenant, source, [j.name for j in own], at - reach, at):
            found[run.probe, run.location] = run
    return found


def _patience(journey: Journey) -> timedelta:
    """Return how old a result may be and still tell the present state: one that is late, and one that is missed."""
    return 2 * journey.every + journey.jitter + journey.timeout + timedelta(seconds=30)


def _report(
    house: House, who: Principal, journey: Journey, title: str, held: Mapping[tuple[str, str], Run], at: datetime
) -> ProbeReport:
    places = tuple(_place(house, who, journey, one, held.get((journey.name, one)), at) for one in journey.locations)
    state = agreed({p.location: p.state for p in places}, journey.locations, journey.quorum)
    following = EPOCH + ((at - EPOCH) // journey.every + 1) * journey.every
    return ProbeReport(journey=journey, title=title, state=state, places=places, next=following)


def _place(house: House, who: Principal, journey: Journey, location: str, last: Run | None, at: datetime) -> Place:
    blind = keeping.blind(house, who.tenant, journey.name, location)
    recent = at - _patience(journey)
    if blind is not None and blind.scheduled >= recent and (last is None or last.scheduled < blind.scheduled):
        return Place(location=location, state="unknown", last=last, why=blind.why, fix=blind.fix)
    if last is None:
        fix = "run it there: `nines serve` with NINES_LOCATION, or an agent"
        return Place(location=location, state="unknown", last=None, why="nothing was heard from there lately", fix=fix)
    if last.scheduled < recent:
        fix = "look after whoever runs it there"
        return Place(location=location, state="unknown", last=last, why="its last result is too old", fix=fix)
    return Place(location=location, state=last.state, last=last)


def runs(house: House, who: Principal, name: str, *, at: datetime, most: int = 50, location: str = "") -> list[Run]:
    """Return the last runs of a probe, newest first.

    Args:
        house: where they are.
        who: who asks.
        name: of the probe.
        at: present instant.
        most: how many, 1..MOST.
        location: only those of this one, unless "".

    Raises:
        NotFoundError: there is no such probe in force.
    """
    journey = probe_in_force(house, who, name, now=at)
    reach = min(REACH, _patience(journey) + journey.every * min(most, MOST))
    found = _runs(house, who.tenant, journey.source, [name], at - reach, at)
    chosen = [run for run in reversed(found) if location in {"", run.location}]
    return chosen[: min(most, MOST)]


def _runs(house: House, tenant: str, source: str, names: Sequence[str], since: datetime, until: datetime) -> list[Run]:
    """Return the runs of some probes of one source, sorted by scheduled instant and location."""
    rows = recent_rows(house.lake, tenant, source, names, since, until).to_pylist()
    parts: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        words = str(row["id"]).split("/")
        if len(words) == 4:  # noqa: PLR2004 - probe, location, instant and step
            parts.setdefault(tuple(words[:3]), []).append(row)
    found = [_run(key, held) for key, held in parts.items()]
    return sorted((r for r in found if r is not None), key=lambda r: (r.scheduled, r.location))


def _run(key: tuple[str, ...], rows: Sequence[dict[str, Any]]) -> Run | None:
    """Return a run from its rows, or nothing while that of the whole is missing."""
    probe, location, instant = key
    whole = next((r for r in rows if r["operation"] == probe), None)
    if whole is None:
        return None
    about = dict(whole["attributes"] or ())
    steps = tuple(_step(row, whole) for row in rows if row is not whole)
    first = TryRun(attempt=1, state=whole["state"], ms=whole["duration_ms"], steps=steps)
    retries = tuple(_retry(one) for one in json.loads(about.get("retries", "[]")))
    return Run(
        probe=probe, location=location, scheduled=datetime.fromisoformat(instant), state=whole["state"],
        confirmed=about.get("confirmed") == "true", ended=whole["time"], tries=(first, *retries),
        not_run=int(about.get("not_run", "0")), failed_step=about.get("failed_step", ""), error=about.get("error", ""),
    )  # fmt: skip


def _step(row: dict[str, Any], whole: dict[str, Any]) -> StepRun:
    about = dict(row["attributes"] or ())
    after = (row["start"] - whole["start"]) / timedelta(milliseconds=1)
    return StepRun(
        name=about.get("step", ""), state=row["state"], after_ms=max(0.0, after), ms=row["duration_ms"],
        phases={name: float(about[name]) for name in PHASES if name in about}, status=row["http_status"],
        share_ms=float(about["share_ms"]) if "share_ms" in about else None,
        error=about.get("error", ""), code=about.get("code", ""),
    )  # fmt: skip


def _retry(told: Mapping[str, Any]) -> TryRun:
    steps, after = [], 0.0
    for one in told["steps"]:
        phases = {name: one[name] for name in PHASES if name in one}
        steps.append(
            StepRun(
                name=one["step"], state=one["state"], after_ms=after, ms=one["ms"], phases=phases, error=one["error"]
            )
        )
        after += one["ms"]
    return TryRun(attempt=told["attempt"], state=told["state"], ms=told["ms"], steps=tuple(steps))


def witnessed(house: House, who: Principal, name: str, *, at: datetime) -> Quorum | None:
    """Return a probe's locations held against each other over a day; None while nothing was heard.

    Minutes are those of the schedule, by which locations share an instant. A location that should have spoken and did
    not leaves its share unknown.

    Args:
        house: where its runs are.
        who: who asks.
        name: of the probe.
        at: present instant.

    Raises:
        NotFoundError: there is no such probe in force.
    """
    journey = probe_in_force(house, who, name, now=at)
    found = _runs(house, who.tenant, journey.source, [name], at - WITNESSED, at)
    if not found:
        return None
    hold = max(1, -(-journey.every // MINUTE))
    start = minute_of(found[0].scheduled)
    patience = journey.jitter + journey.timeout
    end = max(start, minute_of(at - patience), minute_of(found[-1].scheduled) + 1)
    series = {one: _series([r for r in found if r.location == one], start, end, hold) for one in journey.locations}
    return quorum(series, k=journey.quorum, hold=hold)


def _series(runs: Sequence[Run], start: int, end: int, hold: int) -> MinuteSeries:
    """Return one location's tries by minute of the schedule; silent where it is longer than `hold` minutes ago."""
    good, bad = np.zeros(end - start, np.int64), np.zeros(end - start, np.int64)
    for run in runs:
        (good if run.state == "up" else bad)[minute_of(run.scheduled) - start] += 1
    said = (good + bad) > 0
    heard = np.zeros(end - start, np.bool_)
    for late in range(hold):
        heard[late:] |= said[: len(said) - late]
    state = np.where(heard, MinuteState.ALIVE, MinuteState.SILENT).astype(np.uint8)
    return MinuteSeries(start, good, bad, np.zeros(end - start, np.int64), state, start)
