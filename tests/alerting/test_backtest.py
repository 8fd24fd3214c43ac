"""The back-test says what the tick would have said, minute by minute, as known then."""

from datetime import timedelta
from fractions import Fraction
from random import Random

import numpy as np
import pytest

from nines.alerting.backtest import backtest
from nines.alerting.life import Alert
from nines.alerting.minute import Plan, Senses, judge, lookbacks
from nines.alerting.past import Late, Past
from nines.alerting.past_exact import known_at
from nines.alerting.policy import BurnPolicy, BurnRule, CountRule, LowTraffic
from nines.evaluation.columns import Mark
from nines.evaluation.evidence import Evidence
from nines.evaluation.sweep import Sweep, minutes_needed
from nines.evaluation.sweep_all import AllAnswers
from nines.objectives.method import Occurrences, RatioTimeslices, Timeslices
from nines.objectives.objective import Objective, Term
from nines.objectives.window import CalendarWindow, RollingWindow
from nines.spans import instant_of
from nines.telemetry.series import MinuteSeries

BEGIN = 29_000_160
MINUTES = 400
CLEAN = int(Mark.COUNTED) | 1


def minutes(*lengths):
    return tuple(timedelta(minutes=n) for n in lengths)


def seen(past, edge):
    """Return what `evaluate` would be given at the tick of an edge."""
    good, bad, unknown, marks = known_at(past, edge)
    states = (marks & 3).astype(np.uint8)
    return Evidence(MinuteSeries(past.start, good, bad, unknown, states, past.start))


def told_live(past, policy):
    """Feed a sweep minute by minute, and keep what the alerts tell: (rule, kind, instant)."""
    plan = Plan(0, past.objective, policy)
    names = lookbacks([plan])
    ring = np.zeros((minutes_needed([past.objective], names) + past.facts.shape[1], 4, 1), dtype=np.int64)
    sweep, alerts, told = Sweep([past.objective], ring, past.start, names, timedelta(minutes=past.lag)), {}, []
    late = list(zip(past.late.known.tolist(), past.late.minute.tolist(), past.late.facts.T, strict=True))
    for edge in range(past.start + 1, past.end + 1):
        sweep.advance(edge - 1, past.facts[:, edge - 1 - past.start, None])
        while late and late[0][0] <= edge:
            _, minute, row = late.pop(0)
            change = row[:3, None] - sweep.facts[minute % len(ring), :3]
            assert sweep.late(minute, np.array([0]), change, row[3:])
        if edge < past.first:
            continue
        at = past.at(edge)
        answers = AllAnswers(
            (past.objective,), at, lambda _, edge=edge: seen(past, edge), None, ((sweep.answer(), np.array([0])),)
        )
        found = judge(answers, [plan], alerts, Senses(None, None, None), at)
        assert not found.failed
        for key, alert in found.changed.items():
            alerts[key] = alert if alert is not None else Alert(key)
        told += [(c.alert.key.partition("/")[2], c.kind, c.at) for _, c in found.changes]
    return told


def told_tested(past, policy):
    """Return the same of the back-test."""
    told = []
    (found,) = backtest(past, [policy])
    for episode in found.episodes:
        for number, stretch in enumerate(episode.told):
            told.append((episode.rule, "refired" if number else "fired", stretch.start))
            told += [(episode.rule, "resolved", stretch.end)] if stretch.end else []
    return told


def random_rule(random, severity):
    long = random.choice([20, 60, 120])
    share, stated = (Fraction(random.randint(1, 40), 200), None) if random.random() < 0.7 else (None, Fraction(3))
    lasts = timedelta(minutes=random.choice([0, 0, 2, 7]))
    return BurnRule(severity, share, *minutes(long, random.choice([1, 5, 10])), lasts, stated)


def random_policy(random):
    low = random.choice(
        [
            LowTraffic(),
            LowTraffic(least_bad=3),
            LowTraffic(false_pages=Fraction(2)),
            LowTraffic(sequential=Fraction(1, 100)),
        ]
    )
    counts = (CountRule("ticket", random.randint(1, 30), timedelta(minutes=90), timedelta(minutes=3)),)
    return BurnPolicy(
        "p", (random_rule(random, "page"), random_rule(random, "ticket")), random.choice(["gte", "gt"]), low_traffic=low,
        counts=counts, least_coverage=random.choice([Fraction(0), Fraction(4, 5)]),
        clear=timedelta(minutes=random.choice([0, 0, 1, 6])),
    )  # fmt: skip


def random_objective(random, missing):
    turn = instant_of(BEGIN + 233)
    method = random.choice(
        [Occurrences(), Occurrences(), Timeslices(Fraction(9, 10)), Timeslices(Fraction(4, 5), 5), RatioTimeslices()]
    )
    terms = (Term(Fraction(99, 100), method),)
    if random.random() < 0.3:
        terms = (*terms, Term(Fraction(9, 10), method, turn))
    window = random.choice([CalendarWindow("day", zone="Europe/Berlin"), RollingWindow(timedelta(days=1))])
    return Objective(
        name="checkout", service="shop", indicator="i", terms=terms, window=window, settle=timedelta(minutes=2),
        missing=missing, policy="p",
    )  # fmt: skip


def random_facts(random):
    seeded = np.random.default_rng(random.randint(0, 10**9))
    facts = np.zeros((4, MINUTES), dtype=np.int64)
    faulty = np.zeros(MINUTES)
    for _ in range(2):
        at = random.randint(0, MINUTES - 60)
        faulty[at : at + random.randint(1, 60)] = random.choice([0.02, 0.2, 1.0])
    busy = random.choice([0.4, 5, 60])
    total = seeded.poisson(busy, MINUTES)
    facts[1] = seeded.binomial(total, np.minimum(faulty + 0.002, 1))
    facts[0], facts[2] = total - facts[1], seeded.random(MINUTES) < 0.02
    facts[3] = CLEAN
    gone = seeded.random(MINUTES) < random.choice([0, 0.03])
    at = random.randint(0, MINUTES - 40)
    gone[at : at + 30] |= random.random() < 0.5
    facts[:3, gone], facts[3, gone] = 0, int(Mark.COUNTED)
    return facts


def random_late(random, facts):
    """Some minutes lacked a part of their events, or were silent, when they were first seen."""
    true, rows = facts.copy(), []
    for place in sorted(random.sample(range(MINUTES), 50)):
        known = BEGIN + place + random.choice([2, 3, 10, 200])
        rows.append((known, BEGIN + place, true[:, place]))
        facts[:2, place] //= 2
        if random.random() < 0.3:
            facts[:3, place], facts[3, place] = 0, int(Mark.COUNTED)
    rows.sort(key=lambda row: row[:2])
    known, minute, held = zip(*rows, strict=True)
    return Late(np.array(known), np.array(minute), np.array(held).T)


@pytest.mark.parametrize("missing", ["unknown", "bad", "good", "ignore", "last"])
@pytest.mark.parametrize("seed", range(3))
def test_episodes_are_what_the_tick_would_have_told_minute_by_minute(missing, seed):
    random = Random(f"{missing}{seed}")
    facts = random_facts(random)
    late = random_late(random, facts) if random.random() < 0.7 else Late.none()
    past = Past.of(random_objective(random, missing), BEGIN, facts, late, first=BEGIN + 125)
    for _ in range(2):
        policy = random_policy(random)
        assert sorted(told_tested(past, policy)) == sorted(told_live(past, policy))
