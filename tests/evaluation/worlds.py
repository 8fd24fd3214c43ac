"""Small worlds for the second opinion: a strategy that makes them, and their roll-up as evidence.

Everything is drawn as bytes, three an event, which is quick and shrinks well: zeros are the simplest world.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from evaluation.oracle import MINUTE, ORDER, Event, World
from nines.evaluation.evidence import CoveredEvents, Evidence
from nines.objectives.exclusion import Allowance, Exclusion
from nines.objectives.method import Occurrences, RatioTimeslices, Timeslices
from nines.objectives.objective import Estimator, Objective, ServiceHours, Term
from nines.objectives.window import CalendarWindow, RollingWindow
from nines.spans import Span, minute_of
from nines.telemetry.heartbeat import alive_minutes
from nines.telemetry.series import MinuteSeries, MinuteState

DAY = datetime.fromisoformat("2026-03-01T00:00:00+00:00")
MINUTES = 60
SECOND = timedelta(seconds=1)
TARGETS = [Fraction(t) for t in ("0.5", "0.9", "0.95", "0.99", "2/3", "1")]
OUTCOMES = ("good", "good", "good", "good", "good", "bad", "bad", "unknown")
TAGS = ("", "a", "b")


def events_from(data: bytes, origin: datetime) -> tuple[Event, ...]:
    """Three bytes an event: when (fifteenths of the hour's seconds), how it went and its tag, how late it was told."""
    found = []
    for i in range(0, len(data) - 2, 3):
        when, how, late = data[i : i + 3]
        at = origin + when * SECOND * (MINUTES * 60 // 256) + (how >> 5) * SECOND
        delay = timedelta(minutes=late - 200) if late > 200 else timedelta()
        found.append(Event(at, at + delay, OUTCOMES[how % 8], TAGS[(how >> 3) % 3]))
    return tuple(found)


class Genes:
    """Choices read from bytes, one byte each; when they run out, the first option is taken."""

    def __init__(self, data: bytes):
        self.rest = iter(data)

    def number(self, low, high):
        return low + next(self.rest, 0) % (high - low + 1)

    def pick(self, *options):
        return options[next(self.rest, 0) % len(options)]

    def numbers(self, most, low, high):
        return [self.number(low, high) for _ in range(self.number(0, most))]


def exclusions(genes, origin):
    found = []
    for number in range(genes.pick(0, 0, 1, 2, 3)):
        scope, step = genes.pick(None, None, "a", "b"), genes.pick(MINUTE, MINUTE, 15 * SECOND)
        first = origin + genes.number(0, MINUTES) * MINUTE + genes.pick(0, 0, 1) * step
        second = first + genes.number(1, 40) * step
        third = second + genes.number(0, 20) * step
        spans = (Span(first, second), Span(third, third + genes.number(1, 20) * step))
        limited = scope is None and step == MINUTE and genes.pick(False, True)
        found.append(
            Exclusion(
                name=f"x{number}",
                spans=spans[: genes.pick(1, 2)],
                mode=genes.pick(*ORDER),
                where=scope,
                clause=genes.pick("", "4.2"),
                allowance=Allowance(timedelta(minutes=genes.number(1, 20)), "day") if limited else None,
                recorded_at=genes.pick(None, None, origin + 30 * MINUTE),
                withdrawn_at=genes.pick(None, None, origin + 50 * MINUTE),
            )
        )
    return tuple(found)


def terms(genes, method, origin):
    found = []
    for number, begin in enumerate([None, *sorted(set(genes.numbers(2, -10, MINUTES * 4)))]):
        kind = method
        if method.name == "Timeslices" and number:
            kind = Timeslices(genes.pick(*TARGETS), method.slice_minutes)
        since = None if begin is None else origin + begin * 15 * SECOND
        found.append(Term(genes.pick(*TARGETS), kind, since, number + 1))
    return tuple(found)


def objective(genes, origin):
    length = genes.pick(1, 1, 1, 2, 5)
    aim = genes.pick(Fraction("0.95"), Fraction(1, 2))
    method = genes.pick(Occurrences(), Timeslices(aim, length), RatioTimeslices(length))
    cuts = sorted(set(genes.numbers(4, 0, 8)))
    hours = tuple(
        Span(origin + a * 450 * SECOND, origin + b * 450 * SECOND) for a, b in zip(cuts[::2], cuts[1::2], strict=False)
    )
    return Objective(
        name="checkout",
        service="shop",
        indicator="checkout",
        terms=terms(genes, method, origin),
        window=genes.pick(*(RollingWindow(m * MINUTE) for m in (10, 20, 30, 60)), CalendarWindow("day")),
        missing=genes.pick("unknown", "ignore", "good", "bad", "last"),
        no_traffic=genes.pick("skip", "good", "bad"),
        estimator=Estimator(genes.pick("window-mean", "window-mean", "stated", "none"), Fraction(3, 2)),
        settle=genes.pick(0, 0, 90, 120) * SECOND,
        hours=ServiceHours("office", hours) if hours else None,
    )


def question(data: bytes, events: bytes):
    """Return an objective, a world and its beginning, an instant asked about, and an instant of knowledge."""
    genes = Genes(data)
    origin = DAY + genes.pick(0, 0, 1395) * MINUTE
    pulses = []
    steady = genes.pick(1, 1, 4, 0)
    if steady:
        quiet = genes.number(0, MINUTES), genes.number(0, 20)
        kept = (m for m in range(0, MINUTES, steady) if not quiet[0] <= m < sum(quiet))
        pulses += [(origin + m * MINUTE,) * 2 for m in kept]
    beats = genes.numbers(6, 0, MINUTES)
    pulses += [(origin + b * MINUTE, origin + (b + genes.pick(0, 0, 20)) * MINUTE) for b in beats]
    world = World(
        events_from(events, origin),
        tuple(pulses),
        genes.number(1, 6) * MINUTE,
        exclusions(genes, origin),
        frozenset(origin + m * MINUTE for m in genes.numbers(1, 0, MINUTES)),
        frozenset(origin + m * MINUTE for m in genes.numbers(1, 0, MINUTES)),
        genes.pick(None, origin - 60 * MINUTE),
    )
    at = (
        origin
        + (MINUTES + 5 - genes.number(0, MINUTES + 4) * genes.pick(0, 1)) * MINUTE
        + genes.pick(0, 0, 29) * SECOND
    )
    return objective(genes, origin), world, origin, at, at + genes.pick(0, 10, 60) * MINUTE


def questions():
    """Questions about small worlds: some as hypothesis likes bytes (it shrinks them to zeros), most evenly spread."""
    plain = st.builds(question, st.binary(max_size=80), st.binary(max_size=150))
    spread = st.integers(0, 2**48).map(
        lambda n: question(random.Random(n).randbytes(80), random.Random(~n).randbytes(90))
    )
    return st.integers(0, 4).flatmap(lambda n: spread if n else plain)


def evidence_of(world: World, origin: datetime, known_at: datetime) -> Evidence:
    """Roll a world up into the series and covered events that were known at an instant."""
    start, size = minute_of(origin), 2 * MINUTES
    events = [e for e in world.events if e.arrived <= known_at]
    counts = {name: np.zeros(size, dtype=np.int64) for name in ("good", "bad", "unknown")}
    for event in events:
        counts[event.outcome][minute_of(event.at) - start] += 1
    heard = [minute_of(p) for p, told in world.pulses if told <= known_at] + [minute_of(e.at) for e in events]
    alive = alive_minutes(np.array(heard, dtype=np.int64), world.gap // MINUTE, start, start + size)
    state = alive.astype(np.uint8)
    for minute in world.bridged:
        state[minute_of(minute) - start] = MinuteState.BRIDGED
    broken = np.array([minute_of(m) - start for m in world.broken], dtype=np.int64)
    state[broken] = MinuteState.BROKEN
    known = tuple(e for e in world.exclusions if e.known_at(known_at))
    rolled = frozenset(e.name for e in known if e.where is not None or any((s.start - DAY) % MINUTE or (s.end - DAY) % MINUTE for s in e.spans))  # fmt: skip
    covered = {mode: {name: np.zeros(size, dtype=np.int64) for name in counts} for mode in ORDER}
    for event in events:
        modes = {
            e.mode
            for e in known
            if e.name in rolled and e.where in (None, event.tag) and any(event.at in s for s in e.spans)
        }
        mode = next((m for m in ORDER if m in modes), None)
        if mode:
            covered[mode][event.outcome][minute_of(event.at) - start] += 1
    for column in [*counts.values(), *(c for mode in covered.values() for c in mode.values())]:
        column[broken] = 0
    first = min([*heard, *([minute_of(world.first)] if world.first else [])], default=None)
    return Evidence(
        MinuteSeries(start, counts["good"], counts["bad"], counts["unknown"], state, first),
        known,
        tuple(CoveredEvents(mode, **columns) for mode, columns in covered.items()),
        rolled,
    )
