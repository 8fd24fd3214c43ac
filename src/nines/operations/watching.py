"""Watching: the window sums of a tenant's objectives, kept warm from minute to minute.

One rule: what is kept is only a faster way to what `evaluate` would say; each look brings it to the lake's last flush,
late rows included, and whatever cannot be brought there in small steps is read anew. Objectives that columns cannot
hold (sampled counts, aggregates of values) are asked of `evaluate` each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np

from nines.alerting.loss import Bools, LossRule, perhaps_lost
from nines.evaluation.answers import Answers
from nines.evaluation.columns import LARGEST_COUNT, Mark, why_not
from nines.evaluation.exclusions import edge_at
from nines.evaluation.frame import frame
from nines.evaluation.sweep import Sweep, minutes_needed
from nines.evaluation.sweep_all import AllAnswers, EvidenceOf, facts_between
from nines.evaluation.sweep_fill import Stored
from nines.lake.changes import Changes, changes
from nines.objectives.exclusion import Exclusion
from nines.objectives.indicator import CompositeIndicator, Indicator, StateIndicator, ValueIndicator
from nines.objectives.objective import BURN_WINDOWS, Objective
from nines.operations.evidence import Bench
from nines.operations.house import House
from nines.operations.standings import FETCHED_TOGETHER, LakeMeasurements
from nines.operations.standings import bench as bench_of
from nines.people.rights import Principal
from nines.spans import MINUTE, Span, instant_of, minute_of
from nines.telemetry.datasource import DataSource
from nines.telemetry.series import Ints, MinuteState
from nines.telemetry.sketch import Sketch

#: Counts of a minute in a ring, unless they are larger.
_NARROW = np.iinfo(np.int32)
#: Changed minutes up to this old are read for all objectives at once; older ones only for those they touch.
RECENT = 120


@dataclass
class Group:
    """Objectives that settle alike and reach about as far back, under one sweep.

    Attributes:
        places: of its objectives among all that are watched.
        objectives: in the sweep's order.
        sweep: their sums.
        born: minute in which each was first heard, or None; before that its silence is not missing.
        ready: minutes that lie ready to be fed, int64 [minutes, 4, objectives].
        begin: grid minute of the first of them.
    """

    places: Ints
    objectives: tuple[Objective, ...]
    sweep: Sweep
    born: list[int | None]
    ready: Ints
    begin: int

    def back(self, start: int, end: int, columns: Ints) -> tuple[Ints, Bools]:
        """Return the events of the minutes so many back of some columns, and whether all of them are known."""
        facts, last = self.sweep.facts, self.sweep.end
        if last - start < max(self.sweep.begin, last - len(facts)):
            return np.zeros(len(columns), dtype=np.int64), np.zeros(len(columns), dtype=bool)
        rows = np.asarray(facts)[np.arange(last - start, last - end) % len(facts)]
        rows = rows if len(columns) == rows.shape[2] else rows[:, :, columns]
        marks = rows[:, 3]
        known = (marks & (3 | int(Mark.UNBORN)) == MinuteState.ALIVE).all(axis=0)
        return rows[:, :3].sum(axis=(0, 1), dtype=np.int64), known


class Again(Exception):  # noqa: N818 - no failure: what is kept cannot be brought up to date in steps
    """Everything has to be read anew."""


def _ring(folder: Path, shape: tuple[int, int, int], *, wide: bool) -> Stored:
    """Return a zeroed ring in a file that vanishes with it, so that months of minutes need no memory."""
    kind = np.int64 if wide else np.int32
    with TemporaryFile(dir=folder) as file:
        file.truncate(int(np.prod(shape)) * kind().itemsize)
        return np.memmap(file, dtype=kind, mode="r+", shape=shape)


def _is_plain(objective: Objective, work: Bench, near: Sequence[Exclusion]) -> bool:
    """Return whether a block of counts tells all about an objective's minutes: no rule takes any of them out."""
    indicator = work.indicator(objective)
    if isinstance(indicator, CompositeIndicator | StateIndicator) or objective.hours is not None:
        return False
    if work.definitions.sources[indicator.source].sites:
        return False
    return not any(e.holds_for(objective.service, objective.name) for e in near)


@dataclass
class Watch:
    """The warm sums of one tenant.

    Attributes:
        house: where counts come from.
        who: who asks; the tenant is theirs.
        windows: lookbacks to keep beside each objective's own window.
        memory: minutes to keep at least, whatever the windows: what a season is learned from.
        touched: place -> earliest minute fed before that the last flushes changed.
    """

    house: House
    who: Principal
    windows: tuple[str, ...] = BURN_WINDOWS
    memory: int = 0
    objectives: tuple[Objective, ...] = ()
    seq: int = 0
    rebuilt: int = 0
    _bench: Bench | None = None
    _groups: list[Group] = field(default_factory=list)
    _built_of: tuple[object, ...] = ()
    _wide: bool = False
    _held: dict[int, tuple[Group, int]] = field(default_factory=dict)
    touched: dict[int, int] = field(default_factory=dict)

    def answers(self, minutes: Iterable[int]) -> Iterator[AllAnswers]:
        """Return how every objective stands at the beginning of some minutes, as known now.

        Args:
            minutes: grid minutes, ascending; the first no earlier than the last one asked about before.

        Yields:
            Answers about each; they are valid until the next is asked for.
        """
        wanted = sorted(minutes)
        if not wanted:
            return
        self.touched = {}
        self._renew(wanted[0], wanted[-1])
        for minute in wanted:
            at = instant_of(minute)
            for group in self._groups:
                self._advance(group, edge_at(at, group.objectives[0].settle))
            yield self._answer(at)

    def answer(self, at: datetime) -> AllAnswers:
        """Return how every objective stands at the last whole minute at or before an instant, as known now."""
        return next(self.answers([minute_of(at)]))

    def state(self, place: int) -> int | None:
        """Return the `MinuteState` of an objective's last settled minute; None before it was ever heard.

        Args:
            place: of the objective in the answers.
        """
        group, n = self._held[place]
        if group.sweep.end == group.sweep.begin:
            return None
        mark = int(group.sweep.facts[(group.sweep.end - 1) % len(group.sweep.facts), 3, n])
        return None if mark & int(Mark.UNBORN) else mark & 3

    def counted(self, place: int, start: int, end: int) -> int | None:
        """Return the events of the minutes [start, end) of an objective; None when any of them is not known.

        Args:
            place: of the objective in the answers.
            start: first grid minute.
            end: grid minute after the last.
        """
        group, n = self._held[place]
        facts, oldest = group.sweep.facts, max(group.sweep.begin, group.sweep.end - len(group.sweep.facts))
        if start < oldest or end > group.sweep.end:
            return None
        rows = facts[np.arange(start, end) % len(facts), :, n]
        known = (rows[:, 3] & 3 == MinuteState.ALIVE) & (rows[:, 3] & int(Mark.UNBORN) == 0)
        return int(rows[:, :3].sum()) if known.all() else None

    def perhaps_lost(self, rule: LossRule) -> set[int]:
        """Return the places whose traffic may have gone missing; see `loss.perhaps_lost`."""
        found: set[int] = set()
        for group in self._groups:
            lost = perhaps_lost(rule, group.back, len(group.objectives))
            found.update(group.places[lost].tolist())
        return found

    def end(self, place: int) -> int:
        """Return the grid minute after the last settled one of an objective."""
        return self._held[place][0].sweep.end

    def holds(self, place: int) -> bool:
        """Return whether an objective's minutes are kept; others are asked of `evaluate` each time."""
        return place in self._held

    def evidence_at(self, at: datetime) -> EvidenceOf:
        """Return what gives an objective's evidence about an earlier instant, as known now."""
        assert self._bench is not None
        work = self._bench
        return lambda objective: work.evidence(objective, at)

    # ---- bringing what is kept to the last flush

    def _renew(self, first: int, last: int) -> None:
        """Bring everything to the last flush, and lay the minutes to `last` ready; nothing is fed beyond `first`."""
        at = instant_of(last)
        work = bench_of(self.house, self.who, at=at, known_at=None)
        objectives = tuple(work.settled(o) for o in work.definitions.objectives)
        measured = work.measurements
        assert isinstance(measured, LakeMeasurements)
        built_of = (objectives, work.exclusions, self.windows)
        found = changes(self.house.lake.tables, self.who.tenant, self.seq, measured.seq)
        self._bench, self.objectives = work, objectives
        if built_of != self._built_of or not self._all_take_in(found, first, last):
            nothing = Changes({}, {}, frozenset())
            self._build(instant_of(first))
            if not self._all_take_in(nothing, first, last):  # counts are larger than was thought
                self._build(instant_of(first))
                self._all_take_in(nothing, first, last)
        self._built_of, self.seq = built_of, measured.seq

    def _all_take_in(self, found: Changes, first: int, last: int) -> bool:
        """Return whether every group could be brought up to date in steps."""
        try:
            for group in self._groups:
                self._take_in(group, found, instant_of(first), instant_of(last))
        except Again:
            return False
        return True

    def _build(self, at: datetime) -> None:
        """Read everything anew, up to an instant."""
        self.rebuilt += 1
        self._groups = []
        by_shape: dict[tuple[object, int], list[int]] = {}
        for place, objective in enumerate(self.objectives):
            if not why_not(objective) and frame(objective, at).end <= edge_at(at, objective.settle):
                size = 1 << (minutes_needed([objective], self.windows) - 1).bit_length()
                by_shape.setdefault((objective.settle, size), []).append(place)
        for places in by_shape.values():
            self._groups += self._loaded(places, at)
        self._held = {int(p): (g, n) for g in self._groups for n, p in enumerate(g.places)}

    def _loaded(self, places: Sequence[int], at: datetime) -> list[Group]:
        """Return the objectives at some places as a group, without those whose counts columns cannot hold."""
        objectives = [self.objectives[p] for p in places]
        edge, size = edge_at(at, objectives[0].settle), max(self.memory, minutes_needed(objectives, self.windows))
        begin = min(edge - size, *(frame(o, at).reach for o in objectives))
        ring = _ring(self.house.folder, (edge - begin, 4, len(objectives)), wide=self._wide)
        kept: list[int] = []
        assert self._bench is not None
        for number in range(0, len(objectives), FETCHED_TOGETHER):
            self._bench.fetch(objectives[number : number + FETCHED_TOGETHER], at)
            for n in range(number, min(number + FETCHED_TOGETHER, len(objectives))):
                facts = self._facts(objectives[n], begin, edge, at)
                if facts is not None:
                    ring = ring if self._fitting(facts) else ring.astype(np.int64)
                    ring[np.arange(begin, edge) % len(ring), :, len(kept)] = facts.T
                    kept.append(n)
        if not kept:
            return []
        held = tuple(objectives[n] for n in kept)
        ring = ring[:, :, : len(kept)] if len(kept) < len(objectives) else ring
        sweep = Sweep(held, ring, begin, self.windows, at - instant_of(edge))
        sweep.resume(edge)
        order = np.arange(begin, edge) % len(ring)
        heard = ring[order, 3] & int(Mark.UNBORN) == 0
        born = [begin + int(np.argmax(h)) if h.any() else None for h in heard.T]
        ready = np.zeros((0, 4, len(kept)), dtype=np.int64)
        return [Group(np.array([places[n] for n in kept]), held, sweep, born, ready, edge)]

    def _facts(self, objective: Objective, start: int, end: int, at: datetime) -> Ints | None:
        """Return an objective's minutes, read from the lake."""
        assert self._bench is not None
        span = Span(instant_of(start), instant_of(end))
        return facts_between(objective, self._bench.evidence(objective, at, span), start, end)

    def _take_in(self, group: Group, found: Changes, first: datetime, last: datetime) -> None:
        """Take late rows into a group's sums, and lay its next minutes ready."""
        sweep, edge = group.sweep, edge_at(last, group.objectives[0].settle)
        if edge_at(first, group.objectives[0].settle) < sweep.end:
            raise Again
        lows = [self._low(o, found, sweep.end) for o in group.objectives]
        self.touched.update((int(p), low) for p, low in zip(group.places, lows, strict=True) if low < sweep.end)
        recent = max(sweep.end - RECENT, sweep.begin)
        start = max(min([*lows, sweep.end]), recent)
        rows = np.zeros((edge - start, 4, len(group.objectives)), dtype=np.int64)
        plain = self._plain(group, lows, start, edge)
        if len(plain):
            rows[:, :, plain] = self._block(group, plain, start, edge)
        for n in sorted(set(range(len(group.objectives))) - set(plain.tolist())):
            rows[:, :, n] = self._slow(group, n, start, edge, last)
        if not self._fitting(rows):
            raise Again
        self._compare(group, start, rows[: sweep.end - start], np.arange(len(group.objectives)))
        for n in [n for n, low in enumerate(lows) if low < start]:
            old = max(lows[n], sweep.begin, sweep.end - len(sweep.facts))
            if old < start:
                self._compare(group, old, self._slow(group, n, old, start, last)[:, :, None], np.array([n]))
        group.ready, group.begin = rows[sweep.end - start :], sweep.end

    def _fitting(self, rows: Ints) -> bool:
        """Return whether counts fit into the rings; the next ones are wide where they do not."""
        fits = self._wide or bool(rows.max(initial=0) <= _NARROW.max)
        self._wide = self._wide or not fits
        return fits

    def _slow(self, group: Group, n: int, start: int, end: int, at: datetime) -> Ints:
        """Return one objective's minutes [start, end) in full: int64 [minutes, 4]."""
        facts = self._facts(group.objectives[n], start, end, at)
        if facts is None:
            raise Again  # its counts are sampled from now on
        heard = np.flatnonzero(facts[3] & int(Mark.UNBORN) == 0)
        if len(heard):  # a part of its past may not know that it was heard before
            here, known = start + int(heard[0]), group.born[n]
            group.born[n] = here if known is None else min(here, known)
        before = np.arange(start, end) < (group.born[n] or end)
        facts[3] = np.where(before, facts[3] | int(Mark.UNBORN), facts[3] & ~int(Mark.UNBORN))
        return facts.T

    def _low(self, objective: Objective, found: Changes, end: int) -> int:
        """Return the earliest minute of an objective that some flushes may have changed, or `end`."""
        assert self._bench is not None
        lows = [end]
        for indicator in self._measured(self._bench.indicator(objective)):
            source = self._bench.definitions.sources.get(indicator.source)
            gap = source.heartbeat.gap // MINUTE if source is not None else 0
            lows += [
                found.indicators.get(indicator.identity, end),
                found.sources.get(indicator.source, end + gap) - gap,
            ]
            if indicator.identity in found.weighted and not why_not(objective):
                raise Again
        return min(lows)

    def _measured(self, indicator: Indicator) -> list[Indicator]:
        """Return the indicators that are measured for one: itself, or what a composite is made of."""
        assert self._bench is not None
        if not isinstance(indicator, CompositeIndicator):
            return [indicator]
        members = [self._bench.indicator(self._bench.objective(name)) for name in indicator.members]
        return [m for member in members for m in self._measured(member)]

    def _plain(self, group: Group, lows: Sequence[int], start: int, end: int) -> Ints:
        """Return which objectives of a group a block of counts tells all about; when it was born is none of it."""
        assert self._bench is not None
        span, work = Span(instant_of(start), instant_of(end)), self._bench
        near = [e for e in work.exclusions if any(s.overlap(span) for s in e.spans)]
        known = (b is not None and b < min(start, low) for b, low in zip(group.born, lows, strict=True))
        found = [
            n for n, (o, k) in enumerate(zip(group.objectives, known, strict=True)) if k and _is_plain(o, work, near)
        ]
        return np.array(found, dtype=np.int64)

    def _block(self, group: Group, plain: Ints, start: int, end: int) -> Ints:
        """Return the minutes [start, end) of some objectives at once: int64 [minutes, 4, objectives]."""
        assert self._bench is not None
        pairs: list[tuple[Indicator, DataSource]] = []
        for n in plain.tolist():
            indicator = self._bench.indicator(group.objectives[n])
            pairs.append((indicator, self._bench.definitions.sources[indicator.source]))
        counts, state = self.house.lake.block(self.who.tenant, pairs, start, end)
        if counts.max(initial=0) > LARGEST_COUNT:
            raise Again
        marks = state.astype(np.int64) | int(Mark.COUNTED)
        return np.concatenate([counts, marks[None]]).transpose(2, 0, 1)

    def _compare(self, group: Group, start: int, rows: Ints, columns: Ints) -> None:
        """Take in what differs from what was fed: int64 [minutes, 4, columns]."""
        sweep = group.sweep
        for offset in range(len(rows)):
            minute = start + offset
            if minute < sweep.end - len(sweep.facts):
                continue
            fed = sweep.facts[minute % len(sweep.facts)][:, columns].astype(np.int64)
            differs = np.flatnonzero((fed != rows[offset]).any(axis=0))
            if len(differs):
                change = rows[offset][:3, differs] - fed[:3, differs]
                if not sweep.late(minute, columns[differs], change, rows[offset][3, differs]):
                    raise Again

    def _advance(self, group: Group, edge: int) -> None:
        """Bring a group's sums to an edge, from the minutes that lie ready."""
        for minute in range(group.sweep.end, edge):
            group.sweep.advance(minute, group.ready[minute - group.begin])

    def _answer(self, at: datetime) -> AllAnswers:
        assert self._bench is not None
        work = self._bench
        swept: list[tuple[Answers, Ints]] = [(g.sweep.answer(), g.places) for g in self._groups]

        def sketch_of(objective: Objective, span: Span) -> Sketch:
            indicator = work.indicator(objective)
            source = work.definitions.sources[indicator.source]
            assert isinstance(indicator, ValueIndicator)
            return work.measurements.sketch(indicator, source, minute_of(span.start), minute_of(span.end))

        return AllAnswers(self.objectives, at, lambda o: work.evidence(o, at), sketch_of, tuple(swept))
