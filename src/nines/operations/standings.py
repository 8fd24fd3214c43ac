"""How we stand: standings of what is in force, their history, and where each number comes from."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

from nines.definitions.load import Definitions
from nines.errors import Problem
from nines.evaluation.evidence import CoveredEvents
from nines.evaluation.explain import Step
from nines.evaluation.explain import explain as explain_standing
from nines.evaluation.history import History, history
from nines.evaluation.scopes import ScopeFigure
from nines.evaluation.standing import Standing
from nines.journal.folds import Annotation, notes
from nines.lake.lake import Lake
from nines.lake.sites import series_by_site
from nines.objectives.exclusion import Exclusion
from nines.objectives.indicator import EventIndicator, Indicator, StateIndicator, ValueIndicator
from nines.objectives.objective import Objective
from nines.operations.clocks import stored_spans
from nines.operations.evidence import Bench, scopes_of
from nines.operations.finding import chosen, edge_of, rests_of
from nines.operations.house import House
from nines.operations.promises import exclusions, in_force
from nines.operations.settling import lateness, with_waits
from nines.people.rights import Principal, require
from nines.spans import MINUTE
from nines.telemetry.clocks_map import Seen
from nines.telemetry.datasource import DataSource
from nines.telemetry.series import MinuteSeries
from nines.telemetry.settling import Learnt
from nines.telemetry.sketch import Sketch

_KEPT = 2048
#: Objectives whose counts are fetched in one question; more would hold too many minutes at once.
FETCHED_TOGETHER = 64
#: Standings given lately. The key holds all they depend on, so a hit is the same answer to the bit.
_given: WeakKeyDictionary[Lake, OrderedDict[tuple[object, ...], Standing]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class LakeMeasurements:
    """Measurements of one tenant in the lake, as known at a flush; see `Measurements`.

    Attributes:
        house: where they lie.
        tenant: owner.
        seq: last flush to see.
        definitions: in force.
        bound: the instant asked about, or what it is known at, whichever is earlier; lateness is learned before it.
    """

    house: House
    tenant: str
    seq: int
    definitions: Definitions
    bound: datetime

    @property
    def data_version(self) -> int | None:
        """The last flush seen."""
        return self.seq

    def series(self, indicator: Indicator, source: DataSource, start: int, end: int) -> MinuteSeries:
        """Return the counts of an indicator for the minutes [start, end)."""
        return self.house.lake.series(self.tenant, indicator, source, start, end, self.seq)

    def series_many(self, wanted: Sequence[tuple[Indicator, DataSource]], start: int, end: int) -> list[MinuteSeries]:
        """Return the counts of several indicators for the minutes [start, end), in one query where that is possible."""
        together = [w for w in wanted if not isinstance(w[0], StateIndicator)]
        found = dict(
            zip(together, self.house.lake.series_many(self.tenant, together, start, end, self.seq), strict=True)
        )
        return [found[w] if w in found else self.series(*w, start, end) for w in wanted]

    def by_site(
        self, indicator: EventIndicator, source: DataSource, sites: Sequence[str], start: int, end: int
    ) -> dict[str, MinuteSeries]:
        """Return the counts of an indicator at each of some sites for the minutes [start, end)."""
        return series_by_site(self.house.lake, self.tenant, indicator, source, sites, start, end, self.seq)

    def covered(
        self, indicator: Indicator, source: DataSource, exclusions: tuple[Exclusion, ...], start: int, end: int
    ) -> tuple[CoveredEvents, ...] | None:
        """Return the events that exclusions cover, or None for indicators that have none."""
        return self.house.lake.covered(self.tenant, indicator, source, exclusions, start, end, self.seq)

    def sketch(self, indicator: ValueIndicator, source: DataSource, start: int, end: int) -> Sketch:
        """Return the values of an indicator for the minutes [start, end)."""
        return self.house.lake.sketch(self.tenant, indicator, source, start, end, self.seq)

    def measured(self, indicator: EventIndicator, source: DataSource, start: int, end: int) -> MinuteSeries:
        """Return the counts of an indicator that nobody defined, from the stored rows."""
        return self.house.lake.measure(self.tenant, indicator, source, start, end, self.seq)

    def learnt(self, source: DataSource) -> Learnt | None:
        """Return how late a source's rows come, as known at the instant asked about."""
        return lateness(self.house, self.tenant, self.definitions, source, self.bound)

    def problems(self, source: str) -> tuple[Problem, ...]:  # noqa: ARG002 - the lake holds only what could be read
        """Return nothing: what could not be read was refused when it came."""
        return ()

    def spans(self, start: datetime, end: datetime) -> Seen:
        """Return the spans that ended within [start, end), of every source."""
        return stored_spans(self.house, self.tenant, start, end, self.seq)


@dataclass(frozen=True, slots=True)
class ObjectiveView:
    """What an objective's page shows.

    Attributes:
        objective: the promise with its terms.
        standing: how it stands.
        days: history by day (or hour, for windows up to three days).
        minutes: history of the last three hours by minute.
        exclusions: those that touch the window.
        annotations: notes on the objective and its service.
        steps: where the number comes from.
    """

    objective: Objective
    standing: Standing
    days: History
    minutes: History
    exclusions: tuple[Exclusion, ...]
    annotations: tuple[Annotation, ...]
    steps: tuple[Step, ...]


def bench(house: House, who: Principal, *, at: datetime, known_at: datetime | None) -> Bench:
    """Return the workplace of a question: what was in force, on record and measured, as known then."""
    definitions = in_force(house, who.tenant, at=at, known_at=known_at)
    seq = house.lake.last_sequence() if known_at is None else house.lake.sequence_at(known_at)
    on_record = exclusions(house, who.tenant, definitions, known_at)
    bound = at if known_at is None else min(at, known_at)
    measurements = LakeMeasurements(house, who.tenant, seq, definitions, bound)
    return Bench(with_waits(house, who.tenant, definitions, bound), on_record, measurements)


def standings(
    house: House,
    who: Principal,
    *,
    at: datetime,
    known_at: datetime | None = None,
    names: tuple[str, ...] = (),
    service: str = "",
    label: str = "",
    text: str = "",
) -> list[Standing]:
    """Return how objectives stand.

    Args:
        house: where to look.
        who: who is asking.
        at: instant asked about.
        known_at: as known then, or None for now.
        names: names or keys (name@window); all when empty.
        service: only this service, or "".
        label: only objectives with it, as "team=shop" or "team", or "".
        text: only objectives whose words hold it, or "".

    Raises:
        NotFoundError: a name picks no objective.
    """
    require(who, "see")
    work = bench(house, who, at=at, known_at=known_at)
    found = chosen(work.definitions, names, service, label, text)
    parts = (found[i : i + FETCHED_TOGETHER] for i in range(0, len(found), FETCHED_TOGETHER))
    return [s for part in parts for s in _together(house, who, work, part, at, known_at)]


def _together(
    house: House, who: Principal, work: Bench, objectives: list[Objective], at: datetime, known_at: datetime | None
) -> list[Standing]:
    """Return standings, fetching the counts of those that are not on the shelf in one question."""
    shelf = _given.setdefault(house.lake, OrderedDict())
    missing = [o for o in objectives if _key(who, work, o, at, known_at) not in shelf]
    if len(missing) > 1:
        work.fetch(missing, at)
    return [_standing(house, who, work, o, at, known_at) for o in objectives]


def _key(
    who: Principal, work: Bench, objective: Objective, at: datetime, known_at: datetime | None
) -> tuple[object, ...]:
    """Return all that a standing depends on; instants between two edges of the grid have the same standing."""
    held = tuple(e for e in work.exclusions if e.holds_for(objective.service, objective.name))
    edge = edge_of(at, rests_of(work.definitions, objective))
    clocks = tuple(c for i in work.indicators_of(objective) if (c := work.definitions.clocks.get(i)) is not None)
    minute = at.replace(second=0, microsecond=0) if clocks else None
    return who.tenant, objective, edge, known_at, work.measurements.data_version, held, clocks, minute


def _standing(
    house: House, who: Principal, work: Bench, objective: Objective, at: datetime, known_at: datetime | None
) -> Standing:
    """Return a standing, from the shelf when nothing it depends on has changed since the last grid edge."""
    key, shelf = _key(who, work, objective, at, known_at), _given.setdefault(house.lake, OrderedDict())
    found = shelf.get(key)
    if found is None:
        found = shelf[key] = work.standing(objective, at, known_at)
        while len(shelf) > _KEPT:
            shelf.popitem(last=False)
    return replace(found, at=at)


def standing(house: House, who: Principal, name: str, *, at: datetime, known_at: datetime | None = None) -> Standing:
    """Return how one objective stands; see `standings`."""
    return standings(house, who, at=at, known_at=known_at, names=(name,))[0]


def view(house: House, who: Principal, name: str, *, at: datetime, known_at: datetime | None = None) -> ObjectiveView:
    """Return everything an objective's page shows.

    Raises:
        NotFoundError: there is no such objective.
    """
    require(who, "see")
    work = bench(house, who, at=at, known_at=known_at)
    objective = work.settled(work.objective(name))
    found = _standing(house, who, work, objective, at, known_at)
    evidence = work.evidence(objective, at)
    length = found.period_end - found.window.start
    step = timedelta(hours=1) if length <= timedelta(days=3) else timedelta(days=1)
    touching = tuple(e for e in evidence.exclusions if any(s.overlap(found.window) for s in e.spans))
    told = house.store.told(who.tenant, kinds=("annotation.added",), until=known_at)
    about = {objective.name, objective.key, objective.service}
    return ObjectiveView(
        objective,
        found,
        history(objective, evidence, at, step),
        history(objective, evidence, at, MINUTE, last=180),
        touching,
        tuple(n for n in notes(told) if n.subject in about),
        explain_standing(found),
    )


def scopes(
    house: House, who: Principal, name: str, *, at: datetime, known_at: datetime | None = None
) -> tuple[ScopeFigure, ...]:
    """Return one objective's figures by event, by window and by session, with the reason they differ."""
    require(who, "see")
    work = bench(house, who, at=at, known_at=known_at)
    return scopes_of(work, work.settled(work.objective(name)), at)


def explain(
    house: House, who: Principal, name: str, *, at: datetime, known_at: datetime | None = None
) -> tuple[Step, ...]:
    """Return the steps from counts to verdict of one objective."""
    return explain_standing(standing(house, who, name, at=at, known_at=known_at))
