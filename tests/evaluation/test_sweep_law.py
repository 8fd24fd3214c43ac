"""The sweep and evaluate agree on every input: sums, burn rates, budgets, and decisions about alerts."""

from datetime import datetime, timedelta
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nines.evaluation.answers import Burning
from nines.evaluation.burn import burn_of
from nines.evaluation.columns import facts_of, why_not
from nines.evaluation.evaluate import evaluate
from nines.evaluation.evidence import Evidence
from nines.evaluation.exclusions import take_out
from nines.evaluation.sweep import OWN, Sweep, minutes_needed
from nines.objectives.exclusion import Exclusion
from nines.objectives.method import Occurrences, RatioTimeslices, Timeslices
from nines.objectives.objective import Bound, Estimator, Objective, ServiceHours, Term
from nines.objectives.period import period
from nines.objectives.window import CalendarWindow, RollingWindow
from nines.spans import Span, instant_of, minute_of
from nines.telemetry.series import MinuteSeries, MinuteState

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
WINDOWS = ("5m", "30m", "2h")
#: Around these, clocks change or periods turn.
EDGES = [
    datetime.fromisoformat(t)
    for t in ("2026-03-02T00:00Z", "2026-03-29T01:00Z", "2026-03-28T23:00Z", "2026-11-01T06:00Z", "2026-04-04T15:00Z")
]
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
TARGETS = [Fraction(t) for t in ("0.5", "0.9", "0.99", "2/3", "1")]
AIMS = [Fraction(1, 2), Fraction("0.95"), Fraction(1, 3) + Fraction(1, 10**17), Fraction(3, 4) - Fraction(1, 10**18)]
settled = settings(max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))  # fmt: skip


class Dice:
    """Choices drawn from one seed."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)

    def pick(self, *options):
        return options[int(self.random.integers(len(options)))]

    def number(self, low, high):
        return int(self.random.integers(low, high + 1))


def window_from(dice):
    if dice.pick(True, False):
        return RollingWindow(dice.pick(1, 10, 30, 60, 61, 150) * MINUTE)
    anchor = dice.pick(None, None, datetime(2026, 1, 1, 0, 7), datetime(2026, 1, 1, 1, 30, 30), datetime(2026, 1, 1, 2, 30))  # noqa: DTZ001  # fmt: skip
    unit = dice.pick("day", "day", "day", "week", "month")
    return CalendarWindow(unit, dice.pick(1, 1, 2) if unit == "day" else 1, dice.pick(*ZONES), anchor)


def objective_from(dice, middle, *, missing=None, slices=False):
    """An objective of any kind that a column can hold."""
    length = dice.pick(1, 1, 1, 2, 5, 7, 45)
    kinds = (Occurrences(), Timeslices(dice.pick(*AIMS), length), RatioTimeslices(length))
    method = dice.pick(*kinds[slices:])
    begins = sorted({dice.number(-400, 400) for _ in range(dice.pick(0, 0, 1, 2, 3))})
    terms = [Term(dice.pick(*TARGETS), method)]
    for number, begin in enumerate(begins):
        kind = Timeslices(dice.pick(*AIMS), length) if isinstance(method, Timeslices) else method
        terms.append(Term(dice.pick(*TARGETS), kind, middle + begin * 30 * SECOND, number + 2))
    cuts = sorted({dice.number(-200, 200) for _ in range(dice.pick(0, 0, 0, 2, 4))})
    spans = tuple(Span(middle + a * MINUTE, middle + b * MINUTE) for a, b in zip(cuts[::2], cuts[1::2], strict=False))
    uptime = isinstance(method, Occurrences) and dice.pick(True, False, False, False)
    made = Objective(
        name="checkout", service="shop", indicator="checkout", terms=tuple(terms), window=window_from(dice),
        missing=missing or dice.pick("unknown", "ignore", "good", "bad", "last", "last"),
        no_traffic=dice.pick("skip", "good", "bad"),
        estimator=Estimator(dice.pick("window-mean", "window-mean", "stated", "none"), Fraction(3, 2)),
        settle=dice.pick(0, 0, 90, 600) * SECOND, hours=ServiceHours("office", spans) if spans else None,
        bound=Bound("uptime", "gte", Fraction(99, 100)) if uptime else None,
    )  # fmt: skip
    return made if not why_not(made) else objective_from(dice, middle, missing=missing, slices=slices)


def evidence_from(dice, start, size):
    """Minutes of a source with quiet, silent, bridged and broken ones, single and in long runs."""
    random, most = dice.random, dice.pick(1, 1, 1, 2**36)
    counts = np.stack([random.choice(c, size) for c in ((0, 1, 3, 9), (0, 0, 0, 1, 4), (0, 0, 0, 0, 0, 2))]) * most
    state = random.choice([1] * 12 + [0, 2, 3], size).astype(np.uint8)
    for _ in range(dice.pick(0, 1, 3)):
        begin = dice.number(0, size)
        state[begin : begin + dice.number(1, 120)] = MinuteState.SILENT
    born = dice.pick(-9000, -9000, -9000, size - 20, size // 2)
    state[: max(born, 0)] = MinuteState.SILENT
    good, bad, unknown = counts * np.isin(state, [1, 2])
    exclusions = tuple(exclusion_from(dice, start, size) for _ in range(dice.pick(0, 0, 1, 3)))
    return Evidence(MinuteSeries(start, good, bad, unknown, state, start + born), exclusions)


def exclusion_from(dice, start, size):
    begin = start + dice.number(0, size)
    span = Span(instant_of(begin), instant_of(begin + dice.number(1, 40)))
    return Exclusion(name=f"x{begin}", spans=(span,), mode=dice.pick("drop-events", "shrink-denominator", "count-as-good"))  # fmt: skip


def facts(objective, evidence, start, end):
    minutes, _ = take_out(evidence.series.window(start, end), evidence, objective.hours)
    return facts_of(minutes)


def shared(objective):
    """Whether the sweep adds up shares in fixed point."""
    ratio, events = (isinstance(objective.terms[0].method, m) for m in (RatioTimeslices, Occurrences))
    return ratio or (events and objective.missing == "last")


def check_sums(objective, standing, sums):
    slack = Fraction(3000, 2**40) * 2**40 if standing.outcome.units_bad > 2**36 else Fraction(3000 * 9, 2**40)
    outcome = standing.outcome
    assert outcome.coverage == sums.coverage
    assert outcome.units_good + outcome.units_bad == sums.units
    if shared(objective):
        assert 0 <= outcome.units_bad - sums.bad <= slack
        assert (outcome.bounds is None) == (sums.bounds is None)
        return
    assert (outcome.units_good, outcome.units_bad, outcome.bounds) == (sums.good, sums.bad, sums.bounds)
    if objective.bound is None:
        rate = burn_of(sums).rate if sums.allowed or sums.bad or not sums.units else 0
        assert outcome.to_date_ratio == rate


def check_burn(objective, burn, sums):
    mine = burn_of(sums)
    if shared(objective):
        assert mine.coverage == burn.coverage
        assert (mine.rate is None, mine.low is None) == (burn.rate is None, burn.low is None)
    else:
        assert mine == burn


def wanted(burn, factor):
    if burn.low is None:
        return Burning.UNKNOWN
    return Burning.OVER if burn.low >= factor else Burning.UNDER if burn.high < factor else Burning.UNKNOWN


def ahead_of_its_minutes(objective, end):
    """Whether a period has begun of which no minute has settled: evaluate's lookbacks then end in its first minute."""
    if not isinstance(objective.window, CalendarWindow):
        return False
    return end < minute_of(period(objective.window, instant_of(end) + objective.settle).start)


def check_agreement(objectives, evidence, sweep):
    answer = sweep.answer()
    for index, (objective, given_) in enumerate(zip(objectives, evidence, strict=True)):
        standing = evaluate(objective, given_, instant_of(sweep.end) + objective.settle)
        check_sums(objective, standing, answer.sums_of(index, OWN))
        if ahead_of_its_minutes(objective, sweep.end):
            continue
        for name in sweep.names[:-1]:
            burn = standing.burn_rates[name]
            check_burn(objective, burn, answer.sums_of(index, name))
            near = (burn.low or Fraction(3)) * Fraction(11, 10)
            for factor in {Fraction(1), Fraction(14), burn.rate or Fraction(2), near}:
                got = Burning(answer.burning(name, factor)[index])
                want = Burning.UNKNOWN if objective.bound else wanted(burn, factor)
                assert got in ({want, Burning.CLOSE} if shared(objective) else {want}), (objective, name, factor)


class World:
    """Objectives with their evidence, and their facts minute by minute."""

    def __init__(self, seed, size, count=4, **kind):
        self.dice = Dice(seed)
        middle = self.dice.pick(*EDGES) + self.dice.number(-100, 60) * MINUTE
        self.start = minute_of(middle) - size // 2 - self.dice.number(0, 100)
        self.end = self.start + size
        self.objectives = [objective_from(self.dice, middle, **kind) for _ in range(count)]
        self.evidence = [evidence_from(self.dice, self.start, size) for _ in range(count)]
        self.rows = self.facts(self.start, self.end)

    def facts(self, start, end):
        pairs = zip(self.objectives, self.evidence, strict=True)
        return np.stack([facts(o, e, start, end) for o, e in pairs], axis=2).transpose(1, 0, 2)

    def sweep(self):
        ring = np.zeros((minutes_needed(self.objectives, WINDOWS), 4, len(self.objectives)), dtype=np.int64)
        return Sweep(self.objectives, ring, self.start, WINDOWS)

    def sweep_of_whole_periods(self):
        """A sweep that has been fed from where the earliest calendar period begins."""
        windows = [o.window for o in self.objectives if isinstance(o.window, CalendarWindow)]
        begin = min([self.start, *(minute_of(period(w, instant_of(self.start)).start) for w in windows)])
        size = max(minutes_needed(self.objectives, WINDOWS), 800)  # so that nothing late has left the ring
        ring = np.zeros((size, 4, len(self.objectives)), dtype=np.int64)
        sweep = Sweep(self.objectives, ring, begin, WINDOWS)
        sweep.load(begin, self.facts(begin, self.start))
        return sweep

    def feed(self, sweep, minutes, pending):
        """Feed minutes; some come in two halves: nothing heard at first, the rest later, put into `pending`."""
        for minute in range(sweep.end, sweep.end + minutes):
            row = self.rows[minute - self.start].copy()
            if pending is not None and self.dice.number(0, 9) == 0:
                some = np.flatnonzero(self.dice.random.random(len(self.objectives)) < 0.6)
                half = row[:3, some] // 2
                pending.append((minute, minute + self.dice.number(1, 40), some, row[:3, some] - half, row[3, some]))
                row[:3, some] = half
                row[3, some] &= ~3
            sweep.advance(minute, row)
            for job in [j for j in pending or () if j[1] <= minute]:
                assert sweep.late(job[0], *job[2:])
                pending.remove(job)


def told(sweep):
    """Everything a sweep holds that decides an answer now or later."""
    answer = sweep.answer()
    return [sweep.sums, sweep.repeats.held, answer.sums, *(answer.burning(n, Fraction(1)) for n in answer.names)]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(told(one), told(other), strict=True))


@pytest.mark.slow
@given(st.integers(0, 2**48))
@settled
def test_the_sweep_and_evaluate_agree(seed):
    world = World(seed, 400)
    sweep, pending = world.sweep_of_whole_periods(), [] if seed % 2 else None
    for minutes in (200, 67, 43, 1, 1, 30):
        world.feed(sweep, minutes, pending)
        for job in pending or ():
            assert sweep.late(job[0], *job[2:])
        if pending:
            pending.clear()
        check_agreement(world.objectives, world.evidence, sweep)


@pytest.mark.slow
@given(st.integers(0, 2**48))
@settled
def test_a_block_of_minutes_does_what_its_minutes_do_one_by_one(seed):
    world = World(seed, 500)
    slow, quick = world.sweep(), world.sweep()
    while slow.end < world.end:
        size = min(world.end - slow.end, world.dice.pick(1, 2, 30, 140, 300))
        world.feed(slow, size, None)
        if world.dice.pick(True, True, False):
            quick.load(quick.end, world.rows[quick.end - world.start :][:size].astype(np.int64))
        else:
            world.feed(quick, size, None)
        assert same(slow, quick)
        assert (slow.facts == quick.facts).all()
        minute, some = slow.end - world.dice.number(1, min(size, 30)), np.array([0, 2])
        rows, marks = np.ones((3, 2), dtype=np.int64), world.dice.pick(None, np.array([5, 4]))
        assert slow.late(minute, some, rows, marks) == quick.late(minute, some, rows, marks)
        assert same(slow, quick)


@pytest.mark.slow
@given(st.integers(0, 2**48))
@settings(settled, max_examples=8)
def test_what_silence_repeats_grows_too_old_after_days(seed):
    world = World(seed, 5200, count=3, missing="last", slices=True)
    quiet = world.dice.number(50, 700)
    for evidence in world.evidence:
        series = evidence.series
        until = quiet + world.dice.number(4000, 4400)
        series.state[quiet:until] = world.dice.random.choice([0, 3], until - quiet)
        for counts in (series.good, series.bad, series.unknown):
            counts[quiet:until] = 0
    world.rows = world.facts(world.start, world.end)
    slow, quick = world.sweep_of_whole_periods(), world.sweep_of_whole_periods()
    slow.load(slow.end, world.rows[: quiet + 4200])
    while slow.end < world.end:
        size = min(world.end - slow.end, 110)
        quick.load(quick.end, world.rows[quick.end - world.start : slow.end + size - world.start])
        world.feed(slow, size, None)
        assert same(slow, quick)
        check_agreement(world.objectives, world.evidence, slow)


@pytest.mark.parametrize("method", [Occurrences(), Timeslices(AIMS[0]), Timeslices(AIMS[2], 7), RatioTimeslices(5)])
@pytest.mark.parametrize("settle", [0, 90, 300])
def test_a_period_turns_when_it_is_asked_about_and_not_when_its_minutes_settle(method, settle):
    world = World(7, 400)
    edge = datetime.fromisoformat("2026-03-29T22:00Z")  # midnight in Berlin, after a day of 23 hours
    begin = minute_of(edge) - 1380
    terms = (Term(TARGETS[1], method), Term(TARGETS[2], method, edge - 60 * MINUTE, 2))
    objectives = [
        Objective(
            name=o.name, service="shop", indicator="checkout", terms=terms, settle=settle * SECOND,
            window=CalendarWindow("day", zone="Europe/Berlin"), missing=missing,
        )
        for o, missing in zip(world.objectives, ("unknown", "bad", "last", "good"), strict=True)
    ]  # fmt: skip
    evidence = [evidence_from(world.dice, begin, 1450) for _ in objectives]
    rows = np.stack([facts(o, e, begin, begin + 1450) for o, e in zip(objectives, evidence, strict=True)], axis=2)
    sweep = Sweep(objectives, np.zeros((minutes_needed(objectives), 4, 4), dtype=np.int64), begin, WINDOWS)
    sweep.load(begin, rows[:, :1365].transpose(1, 0, 2))
    for minute in range(begin + 1365, begin + 1405):
        sweep.advance(minute, rows[:, minute - begin])
        check_agreement(objectives, evidence, sweep)
