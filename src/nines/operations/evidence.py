"""Fetching evidence: from definitions and a place where rows lie to what an evaluation is given.

The same code serves the lake and plain files; both answer the same four questions (`Measurements`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from nines.definitions.load import Definitions
from nines.errors import CannotTellError, InputError, NotFoundError, Problem
from nines.evaluation.combining import agreed, combined, told
from nines.evaluation.composite import Member, composite_series, members_in_order
from nines.evaluation.evaluate import evaluate
from nines.evaluation.evidence import CoveredEvents, Evidence
from nines.evaluation.exclusions import needs_rows, within_allowance
from nines.evaluation.frame import frame, horizon
from nines.evaluation.scopes import ScopeFigure, in_scope, side_by_side
from nines.evaluation.standing import Standing
from nines.evaluation.threshold import evaluate_bound
from nines.objectives.exclusion import Exclusion
from nines.objectives.indicator import (
    CombinedIndicator,
    CompositeIndicator,
    EventIndicator,
    Indicator,
    QuorumIndicator,
    StateIndicator,
    ValueIndicator,
    members,
)
from nines.objectives.objective import Objective
from nines.operations.finding import chosen, session_gap, settle_of
from nines.showing import percent
from nines.spans import EPOCH, Span, minute_after, minute_of
from nines.telemetry.clocks_map import OffsetMap, Seen, offset_map, untrusted
from nines.telemetry.datasource import DataSource
from nines.telemetry.series import MinuteSeries, empty_series
from nines.telemetry.settling import NEWEST, Learnt, Newest, newest, waited
from nines.telemetry.sketch import Sketch

#: How long before an instant calls are looked at to tell how well clocks are known.
CLOCKS_REACH = timedelta(hours=1)


class Measurements(Protocol):
    """Where counts come from: the lake as known at a sequence, or files read for one question."""

    @property
    def data_version(self) -> int | None:
        """Last flush sequence seen, or None for files."""

    def series(self, indicator: Indicator, source: DataSource, start: int, end: int) -> MinuteSeries:
        """Return the counts of an indicator for the minutes [start, end)."""

    def series_many(self, wanted: Sequence[tuple[Indicator, DataSource]], start: int, end: int) -> list[MinuteSeries]:
        """Return the counts of several indicators for the minutes [start, end)."""

    def by_site(
        self, indicator: EventIndicator, source: DataSource, sites: Sequence[str], start: int, end: int
    ) -> dict[str, MinuteSeries]:
        """Return the counts of an indicator at each of some sites for the minutes [start, end)."""

    def covered(
        self, indicator: Indicator, source: DataSource, exclusions: tuple[Exclusion, ...], start: int, end: int
    ) -> tuple[CoveredEvents, ...] | None:
        """Return the events that exclusions cover, or None where raw rows are gone."""

    def sketch(self, indicator: ValueIndicator, source: DataSource, start: int, end: int) -> Sketch:
        """Return the values of an indicator for the minutes [start, end)."""

    def measured(self, indicator: EventIndicator, source: DataSource, start: int, end: int) -> MinuteSeries:
        """Return the counts of an indicator that nobody defined, for the minutes [start, end)."""

    def learnt(self, source: DataSource) -> Learnt | None:
        """Return how late a source's rows come, as known at the instant asked about; None where that is not known."""

    def problems(self, source: str) -> tuple[Problem, ...]:
        """Return what went wrong while a source was read."""

    def spans(self, start: datetime, end: datetime) -> Seen:
        """Return the spans that ended within [start, end), of every source."""


@dataclass
class Bench:
    """One question's workplace: definitions, exclusions and measurements, with what was fetched already.

    Attributes:
        definitions: in force.
        exclusions: on record as known then, those of the definitions included.
        measurements: where counts come from.
    """

    definitions: Definitions
    exclusions: tuple[Exclusion, ...]
    measurements: Measurements
    _fetched: dict[str, MinuteSeries] = field(default_factory=dict)
    _clocks: dict[datetime, OffsetMap] = field(default_factory=dict)

    def indicator(self, objective: Objective) -> Indicator:
        """Return an objective's indicator.

        Raises:
            NotFoundError: the definitions lack it.
        """
        found = self.definitions.indicators.get(objective.indicator)
        if found is None:
            raise NotFoundError(
                Problem(objective.name, f"its indicator {objective.indicator!r} is not defined", code="no-indicator")
            )
        return found

    def series(self, indicator: Indicator, span: Span) -> MinuteSeries:
        """Return an indicator's counts over a span, fetched once.

        Raises:
            InputError: its rule cannot be followed on these counts.
        """
        if isinstance(indicator, CombinedIndicator | QuorumIndicator):
            return self._made(indicator, span)[0]
        start, end = minute_of(span.start), minute_after(span.end)
        held = self._fetched.get(indicator.identity)
        if held is None or start < held.start or end > held.end:
            low, high = (start, end) if held is None else (min(start, held.start), max(end, held.end))
            source = self.definitions.sources[indicator.source]
            held = self._fetched[indicator.identity] = self.measurements.series(indicator, source, low, high)
        return held.window(start, end)

    def _made(self, indicator: CombinedIndicator | QuorumIndicator, span: Span) -> tuple[MinuteSeries, str]:
        """Return the counts of an indicator that is made of others, and what its rule did."""
        if isinstance(indicator, CombinedIndicator):
            both = combined(indicator, self.series(indicator.users, span), self.series(indicator.probes, span))
            return both.series, told(indicator, both.statement)
        start, end = minute_of(span.start), minute_after(span.end)
        source, begin = self.definitions.sources[indicator.source], start - indicator.hold + 1
        found = self.measurements.by_site(indicator.of, source, indicator.locations, begin, end)
        one = agreed(indicator, found)
        return one.series.window(start, end), told(indicator, one.statement)

    def _counts(
        self, indicator: Indicator, wide: Span, asked: Span | None
    ) -> tuple[MinuteSeries, str, tuple[Problem, ...]]:
        """Return counts over a span, what a rule did within the span asked about, and why it could not be followed."""
        try:
            series = self.series(indicator, wide)
            made = asked is not None and isinstance(indicator, CombinedIndicator | QuorumIndicator)
            return series, self._made(indicator, asked)[1] if made else "", ()  # type: ignore[arg-type]
        except InputError as error:
            start, end = minute_of(wide.start), minute_after(wide.end)
            return empty_series(start, end - start), "", error.problems

    def fetch(self, objectives: Sequence[Objective], at: datetime) -> None:
        """Fetch the counts of several objectives, and of a composite's members, in one question.

        Args:
            objectives: what will be evaluated.
            at: instant that will be asked about.
        """
        inner = {m for o in objectives for m in self.definitions.members.get(o.indicator, ())}
        every = [*objectives, *(o for o in self.definitions.objectives if o.name in inner)]
        spans = [horizon(self.settled(o), at) for o in every]
        counted = (i for o in every for i in members(self.indicator(o)))
        wanted = {i.identity: (i, self.definitions.sources[i.source]) for i in counted}
        if not wanted:
            return
        start, end = min(minute_of(s.start) for s in spans), max(minute_after(s.end) for s in spans)
        found = self.measurements.series_many(list(wanted.values()), start, end)
        self._fetched.update(zip(wanted, found, strict=True))

    def evidence(
        self, objective: Objective, at: datetime, span: Span | None = None, *, within: datetime | None = None
    ) -> Evidence:
        """Return what an evaluation of an objective at an instant is given.

        Args:
            objective: what will be evaluated.
            at: instant that will be asked about.
            span: minutes to cover instead of the objective's own horizon (members of a composite).
            within: an instant of the finished calendar period that will be asked about, or None.
        """
        indicator = self.indicator(objective)
        wide = span or horizon(objective, at, within)
        held = (_near(e, wide) for e in self.exclusions if e.holds_for(objective.service, objective.name))
        exclusions = within_allowance(e for e in held if e.spans)
        if isinstance(indicator, CompositeIndicator):
            series = self._composite(indicator, objective, wide, frame(objective, at, within).anchor, at)
            return Evidence(series, exclusions, data_version=self.measurements.data_version)
        window = frame(objective, at, within).window if span is None else None
        series, rule, wrong = self._counts(indicator, wide, window)
        sources = [self.definitions.sources[name] for name in dict.fromkeys(i.source for i in members(indicator))]
        problems = (*wrong, *(p for s in sources for p in self.measurements.problems(s.name)))
        asked = tuple(e for e in exclusions if needs_rows(e, wide))
        covered = self.measurements.covered(indicator, sources[0], asked, series.start, series.end) if asked else ()
        rolled = frozenset(e.name for e in asked) if covered is not None else frozenset[str]()
        every_bad = all(s.option("keeps") == "bad" for s in sources)
        version = self.measurements.data_version
        return Evidence(series, exclusions, covered or (), rolled, version, problems, every_bad, rule)

    def _composite(
        self, indicator: CompositeIndicator, objective: Objective, span: Span, anchor: int, at: datetime
    ) -> MinuteSeries:
        members = self.definitions.members
        members_in_order(objective.name, members)
        found = [self.objective(name) for name in indicator.members]
        parts = tuple(Member(o, self.evidence(o, at, span)) for o in found)
        return composite_series(
            indicator, parts, minute_of(span.start), minute_after(span.end),
            slice_minutes=objective.terms[0].method.slice_minutes, anchor=anchor,
        )  # fmt: skip

    def objective(self, name: str) -> Objective:
        """Return an objective by its name or its key (name@window).

        Raises:
            NotFoundError: there is none.
        """
        return chosen(self.definitions, (name,), "", "")[0]

    def standing(self, objective: Objective, at: datetime, known_at: datetime | None) -> Standing:
        """Return how an objective stands."""
        found = self._judged(objective, at, known_at)
        return replace(found, problems=(*found.problems, *self.doubtful_clocks(objective, at)))

    def doubtful_clocks(self, objective: Objective, at: datetime) -> tuple[Problem, ...]:
        """Return why an objective's durations, made from the instants of two hosts, are not to be trusted.

        The calls of the last hour before the minute's edge tell how well the two clocks are known; nothing else is
        asked, so that the same question has the same answer later on.

        Args:
            objective: any; one whose indicator compares no clocks, nor those of its members, has none.
            at: instant asked about.
        """
        asked = [i for i in self.indicators_of(objective) if i in self.definitions.clocks]
        if not asked:
            return ()
        edge = at.replace(second=0, microsecond=0)
        if edge not in self._clocks:
            seen = self.measurements.spans(edge - CLOCKS_REACH, edge)
            self._clocks[edge] = offset_map(seen, at=(edge - EPOCH) // EPOCH.resolution * 1000)
        found = (untrusted(self._clocks[edge], self.definitions.clocks[i], i) for i in asked)
        return tuple(problem for problem in found if problem is not None)

    def indicators_of(self, objective: Objective) -> tuple[str, ...]:
        """Return the names of an objective's indicator and, for a composite, of all below it, each once."""
        found, members = dict.fromkeys([objective.indicator]), self.definitions.members
        waiting = list(members.get(objective.indicator, ()))
        while waiting:
            one = self.objective(waiting.pop()).indicator
            waiting += [] if one in found else members.get(one, ())
            found[one] = None
        return tuple(found)

    def _judged(self, objective: Objective, at: datetime, known_at: datetime | None) -> Standing:
        settled = self.settled(objective)
        evidence = self.evidence(settled, at)
        if objective.bound is None:
            return self._with_wait(evaluate(settled, evidence, at, known_at), settled, evidence)
        indicator = self.indicator(objective)
        sketch = Sketch.of([])
        if isinstance(indicator, ValueIndicator):
            asked = frame(settled, at)
            sketch = self.measurements.sketch(
                indicator, self.definitions.sources[indicator.source], asked.start, asked.end
            )
        elif objective.bound.aggregate != "uptime":
            raise CannotTellError(
                Problem(objective.name, f"{objective.bound.aggregate} needs an indicator of values", code="no-values")
            )
        return self._with_wait(evaluate_bound(settled, evidence, sketch, at, known_at), settled, evidence)

    def _with_wait(self, standing: Standing, objective: Objective, evidence: Evidence) -> Standing:
        """Return a standing with how long its source was waited for, and how complete its last minutes are."""
        indicator = self.indicator(objective)
        source = self.definitions.sources.get(indicator.source)
        if source is None or self.measurements.data_version is None:
            return standing
        learnt = self.measurements.learnt(source)
        found = waited(source, learnt, objective.settle)
        if learnt is None or isinstance(indicator, ValueIndicator | StateIndicator | QuorumIndicator):
            return replace(standing, settling=found)
        end = minute_of(standing.window.end)
        last = evidence.series.window(max(evidence.series.start, end - NEWEST), end)
        gap = session_gap(indicator)
        fresh = newest(learnt, int(last.good.sum()), int(last.bad.sum()), max(objective.settle - gap, timedelta()))
        told = (*standing.problems, *([_biased(objective, fresh)] if fresh.biased else []))
        return replace(standing, settling=found, newest=fresh, problems=told)

    def settled(self, objective: Objective) -> Objective:
        """Return the objective with the settle time of its source, and of its sessions, when its own is shorter."""
        self.indicator(objective)
        return replace(objective, settle=settle_of(self.definitions, objective))


def _biased(objective: Objective, fresh: Newest) -> Problem:
    """Return that the newest minutes lack events, with the figure corrected for them."""
    figure = fresh.figure
    bad, good = (percent(share, decimals=1) for share in (figure.bad_complete, figure.good_complete))
    what = f"of the last {fresh.minutes} minutes {bad} of the bad and {good} of the good events are here"
    if figure.ratio is not None and figure.seen is not None:
        seen, corrected = (percent(share, decimals=2) for share in (figure.seen, figure.ratio))
        what += f"; bad there are {seen}, or {corrected} corrected for those to come"
    fix = "wait longer: give its DataSource a longer settle, or settle: auto"
    return Problem(objective.name, what, fix, "note", "fresh-biased")


def _near(exclusion: Exclusion, span: Span) -> Exclusion:
    """Return an exclusion with the occurrences that can matter to a span, those that used its allowance included."""
    reach = Span(span.start - timedelta(days=366), span.end) if exclusion.allowance else span
    return replace(exclusion, spans=tuple(s for s in exclusion.spans if s.overlap(reach)))


def scopes_of(work: Bench, objective: Objective, at: datetime) -> tuple[ScopeFigure, ...]:
    """Return one objective's figures by event, by window and by session, with the reason they differ.

    The session rule is that of the objective's own indicator, or of another one over the same events.

    Args:
        work: the question's workplace.
        objective: settled.
        at: instant asked about.
    """
    indicator = work.indicator(objective)
    asked = in_scope(objective, "event")
    evidence = work.evidence(asked, at)
    if not isinstance(indicator, EventIndicator):
        return side_by_side(objective, evidence, at)
    source, wide = work.definitions.sources[indicator.source], horizon(asked, at)

    def of(one: EventIndicator) -> Evidence:
        span = minute_of(wide.start), minute_after(wide.end)
        return replace(evidence, series=work.measurements.measured(one, source, *span), covered=(), rolled=frozenset())

    if indicator.session is not None:
        events = of(replace(indicator, scope="event", session=None))
        return side_by_side(replace(objective, unit="events"), events, at, evidence)
    twins = (i for i in work.definitions.indicators.values() if isinstance(i, EventIndicator) and i.session is not None)
    meant = (indicator.source, indicator.where, indicator.good)
    twin = next((i for i in twins if (i.source, i.where, i.good) == meant), None)
    return side_by_side(objective, evidence, at, of(twin) if twin is not None else None)


def by_key(standings: list[Standing]) -> Mapping[str, Standing]:
    """Return standings by name@window."""
    return {f"{s.objective}@{s.window_label}": s for s in standings}
