"""One question to all objectives: columns answer what they can hold, `evaluate` the rest and every close call.

One rule: where the answer comes from shows in nothing but the time it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction

import numpy as np

from nines.errors import InputError, Problem
from nines.evaluation.answers import Answers, Burning, Factors, decided
from nines.evaluation.burn import burn_of
from nines.evaluation.columns import LARGEST_COUNT, facts_of, why_not
from nines.evaluation.evaluate import Weighed, evaluate, weigh
from nines.evaluation.evidence import Evidence
from nines.evaluation.exclusions import edge_at, take_out, within_allowance
from nines.evaluation.frame import frame
from nines.evaluation.scaling import in_units, one_scale
from nines.evaluation.standing import Burn, Standing
from nines.evaluation.sweep import OWN, Sweep, minutes_needed
from nines.evaluation.tally import Sums
from nines.evaluation.tally import add_up as sums_between
from nines.evaluation.threshold import evaluate_bound
from nines.objectives.method import Occurrences, RatioTimeslices
from nines.objectives.objective import BURN_WINDOWS, Objective
from nines.objectives.window import CalendarWindow
from nines.reading import duration
from nines.spans import MINUTE, Span, instant_of
from nines.telemetry.series import Ints, MinuteSeries, States
from nines.telemetry.sketch import Sketch

EvidenceOf = Callable[[Objective], Evidence]
SketchOf = Callable[[Objective, Span], Sketch]
#: Facts of one batch of objectives, so that what is held at once stays within 130 MB.
_CELLS = 2**24


@dataclass(frozen=True, slots=True, eq=False)
class AllAnswers:
    """How every objective stands at one instant, whatever its kind.

    Attributes:
        objectives: in the order asked.
        at: instant asked about.
        evidence_of: evidence of an objective, fetched only where columns do not answer.
        sketch_of: values of an objective with a bound over a span of time; None when there are none such.
        swept: answers of sweeps, each with the places of its objectives among all.
    """

    objectives: tuple[Objective, ...]
    at: datetime
    evidence_of: EvidenceOf
    sketch_of: SketchOf | None
    swept: tuple[tuple[Answers, Ints], ...]
    _weighed: dict[int, tuple[Objective, Weighed, int]] = field(default_factory=dict)
    _standings: dict[int, Standing] = field(default_factory=dict)
    _held: dict[int, tuple[Answers, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Note which sweep holds each objective."""
        for answers, places in self.swept:
            self._held.update((place, (answers, n)) for n, place in enumerate(places.tolist()))

    def sums_of(self, place: int, window: str) -> Sums:
        """Return one objective's sums over one window, exactly; counts that were sampled in events.

        Args:
            place: of the objective.
            window: name of a lookback, or "window" for its own.
        """
        objective, held = self.objectives[place], self._held.get(place)
        if held is None or window not in held[0].names or _shared(objective):
            return self._sums(place, window)
        return held[0].sums_of(held[1], window)

    def burn(self, place: int, window: str) -> Burn | None:
        """Return one objective's burn rate over one window, or None when it holds a bound instead of a budget.

        Args:
            place: of the objective.
            window: as for `sums_of`.
        """
        return None if self.objectives[place].bound is not None else burn_of(self.sums_of(place, window))

    def burning(self, window: str, factor: Fraction | Factors, *, strict: bool = False) -> States:
        """Decide for every objective whether its burn rate over a window has reached a factor.

        Args:
            window: as for `sums_of`.
            factor: burn rate, > 0: one for all, or one per objective.
            strict: whether the rate must exceed the factor instead of reaching it.

        Returns:
            uint8 `Burning` per objective, never CLOSE; UNKNOWN for bounds, which no budget burns for.
        """
        found = np.full(len(self.objectives), Burning.CLOSE, dtype=np.uint8)
        for answers, places in self.swept:
            if window in answers.names:
                mine = factor if isinstance(factor, Fraction) else factor.only(places)
                found[places] = answers.burning(window, mine, strict=strict)
        for place in np.flatnonzero(found == Burning.CLOSE).tolist():
            exact = factor if isinstance(factor, Fraction) else factor.exact[place]
            bound = self.objectives[place].bound
            found[place] = (
                Burning.UNKNOWN if bound else decided(self._sums(place, window), exact, Fraction(0), strict=strict)
            )
        return found

    def burning_both(self, long: str, short: str, factor: Fraction | Factors, *, strict: bool = False) -> States:
        """Decide a two-window burn rule: over when both windows are, under when either is.

        Args:
            long: name of the long lookback.
            short: name of the short one.
            factor: as for `burning`.
            strict: as for `burning`.
        """
        first, second = self.burning(long, factor, strict=strict), self.burning(short, factor, strict=strict)
        both = np.maximum(first, second)
        both[(first == Burning.UNDER) | (second == Burning.UNDER)] = Burning.UNDER
        return both

    def standing(self, place: int) -> Standing:
        """Return everything about one objective, from `evaluate` or, for a bound, `evaluate_bound`.

        Args:
            place: of the objective.

        Raises:
            InputError: it holds an aggregate of values, and there is no `sketch_of`.
        """
        if place not in self._standings:
            objective = self.objectives[place]
            evidence = self.evidence_of(objective)
            if objective.bound is None:
                self._standings[place] = evaluate(objective, evidence, self.at)
            else:
                self._standings[place] = evaluate_bound(objective, evidence, self._sketch(objective), self.at)
        return self._standings[place]

    def _sketch(self, objective: Objective) -> Sketch:
        assert objective.bound is not None
        if objective.bound.aggregate == "uptime":
            return Sketch.of([])
        if self.sketch_of is None:
            where = f"objective {objective.name}"
            raise InputError(Problem(where, f"{objective.bound.aggregate} needs values", "give sketches of them"))
        return self.sketch_of(objective, frame(objective, self.at).window)

    def _sums(self, place: int, window: str) -> Sums:
        """Return one objective's sums as `evaluate` adds them up."""
        if place not in self._weighed:
            objective = self.objectives[place]
            cut = _cut(self.evidence_of(objective))
            scaled, asked = in_units(objective, cut.series.scale), frame(objective, self.at)
            calendar = isinstance(objective.window, CalendarWindow)
            term = scaled.terms.index(scaled.term_at(asked.window.start)) if calendar else None
            self._weighed[place] = scaled, weigh(scaled, cut, asked, term, excluding=True), cut.series.scale
        scaled, weighed, scale = self._weighed[place]
        sums, asked = weighed.sums, frame(scaled, self.at)
        if window != OWN:
            start = asked.end - max(duration(window) // MINUTE, scaled.terms[0].method.slice_minutes)
            if start < asked.reach:
                what = f"the lookback {window} begins before what is judged"
                raise InputError(Problem(f"objective {scaled.name}", what, f"use {BURN_WINDOWS[-1]} at most"))
            sums = sums_between(scaled, weighed.recent, start, asked.end)
        return _in_events(sums, scale if isinstance(scaled.terms[0].method, Occurrences) else 1)


def answer_all(
    objectives: Sequence[Objective],
    evidence_of: EvidenceOf,
    at: datetime,
    *,
    windows: Sequence[str] = BURN_WINDOWS,
    sketch_of: SketchOf | None = None,
) -> AllAnswers:
    """Return how every objective stands at an instant, as `evaluate` would say of each.

    Args:
        objectives: of any kind and any settle.
        evidence_of: evidence of an objective, covering `horizon(objective, at)`; asked once or twice for each.
        at: instant asked about, aware UTC.
        windows: lookbacks beside each objective's own window, 3 days at most.
        sketch_of: values of an objective over a span, for those that hold an aggregate of values against a bound.

    Returns:
        Answers that fetch evidence again where columns do not hold an objective or leave a decision open.
    """
    swept = []
    for edge, places, minutes in _batches(objectives, at):
        held = [objectives[p] for p in places]
        begin, size = edge - minutes, max(minutes, minutes_needed(held, windows))
        ring = np.zeros((size, 4, len(held)), dtype=np.int64)
        fit = [_put(ring[:, :, n], o, evidence_of(o), begin, edge) for n, o in enumerate(held)]
        if not any(fit):
            continue
        some = np.flatnonzero(fit)
        ring = ring if all(fit) else ring[:, :, some]
        sweep = Sweep([held[n] for n in some], ring, begin, windows, at - instant_of(edge))
        sweep.resume(edge)
        swept.append((sweep.answer(), np.array(places)[some]))
    return AllAnswers(tuple(objectives), at, evidence_of, sketch_of, tuple(swept))


def _batches(objectives: Sequence[Objective], at: datetime) -> Iterator[tuple[int, list[int], int]]:
    """Return objectives that settle to one edge and reach about as far back: edge, places, minutes."""
    needs = []
    for place, objective in enumerate(objectives):
        asked, edge = frame(objective, at), edge_at(at, objective.settle)
        if not why_not(objective) and asked.end <= edge:  # else its period has begun, and no minute of it has settled
            needs.append((edge, edge - asked.reach, place))
    batch: list[tuple[int, int, int]] = []
    for need in sorted(needs):
        if batch and (need[0] != batch[0][0] or need[1] * 4 * (len(batch) + 1) > _CELLS):
            yield batch[0][0], [p for _, _, p in batch], batch[-1][1]
            batch = []
        batch.append(need)
    if batch:
        yield batch[0][0], [p for _, _, p in batch], batch[-1][1]


def _put(ring: Ints, objective: Objective, evidence: Evidence, begin: int, edge: int) -> bool:
    """Put an objective's minutes into its part of a ring, unless its counts are sampled or too large for columns."""
    facts = facts_between(objective, evidence, begin, edge)
    if facts is None:
        return False
    ring[np.arange(begin, edge) % len(ring)] = facts.T
    return True


def facts_between(objective: Objective, evidence: Evidence, start: int, end: int) -> Ints | None:
    """Return an objective's minutes as a sweep takes them in, exclusions and service hours applied.

    Args:
        objective: whose minutes.
        evidence: covers the minutes.
        start: first grid minute.
        end: grid minute after the last.

    Returns:
        int64 [4, minutes], rows as `FACTS`; None where columns cannot hold the counts: sampled, or too large.
    """
    cut = _cut(evidence)
    if cut.series.scale != 1 or cut.series.good.dtype == object:
        return None
    series = cut.series.window(start, end)
    if max(int(c.max(initial=0)) for c in (series.good, series.bad, series.unknown)) > LARGEST_COUNT:
        return None

    def aligned(values: Ints) -> Ints:
        return MinuteSeries(cut.series.start, values, values, values, cut.series.state).window(start, end).good

    covered = (
        replace(c, good=aligned(c.good), bad=aligned(c.bad), unknown=aligned(c.unknown))
        for c in cut.covered
        if len(c.good) == len(cut.series)
    )
    minutes, _ = take_out(series, replace(cut, covered=tuple(covered)), objective.hours)
    return facts_of(minutes)


def _cut(evidence: Evidence) -> Evidence:
    """Return evidence of one scale, its exclusions cut to their allowances."""
    return one_scale(replace(evidence, exclusions=within_allowance(evidence.exclusions)))


def _shared(objective: Objective) -> bool:
    """Return whether columns add up rounded shares, so that only decisions can be taken from them."""
    method = objective.terms[0].method
    return isinstance(method, RatioTimeslices) or (isinstance(method, Occurrences) and objective.missing == "last")


def _in_events(sums: Sums, scale: int) -> Sums:
    if scale == 1:
        return sums
    tallies = (
        replace(
            t,
            good=t.good / scale,
            bad=t.bad / scale,
            unknown=t.unknown / scale,
            hidden=None if t.hidden is None else t.hidden / scale,
        )
        for t in sums.tallies
    )
    return replace(sums, tallies=tuple(tallies))
