"""The back-test: 90 days of minutes as known then, 1,000 four-rule policies over 16 pairs of windows, one objective."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import numpy as np

from bench.measuring import Figure, holds, seconds
from bench.sweep import BEGIN, MARKS
from nines.alerting.backtest import backtest
from nines.alerting.past import Late, Past
from nines.alerting.policy import BurnPolicy, BurnRule
from nines.objectives.objective import Objective, Term
from nines.objectives.window import RollingWindow

WINDOWS = (30, 60, 120, 180, 360, 720, 1440, 4320)


def past(days: int, *, late: int) -> Past:
    """Return minutes with two faults a week, some of which came late."""
    random = np.random.default_rng(5)
    count = days * 1440
    rate = np.full(count, 0.0005)
    for start in random.integers(0, count, days * 2 // 7):
        rate[start : start + random.integers(5, 90)] = random.choice([0.01, 0.1, 1.0])
    facts = np.zeros((4, count), dtype=np.int64)
    total = random.poisson(200, count)
    facts[1] = random.binomial(total, rate)
    facts[0], facts[3] = total - facts[1], MARKS
    minute = np.sort(random.choice(count, late, replace=False))
    after = facts[:, minute].copy()
    facts[1, minute] //= 2
    known = BEGIN + minute + random.integers(2, 120, late)
    order = np.argsort(known, kind="stable")
    objective = Objective(
        name="o",
        service="s",
        indicator="i",
        terms=(Term(Fraction(999, 1000)),),
        window=RollingWindow(timedelta(days=30)),
    )
    return Past.of(objective, BEGIN, facts, Late(known[order], BEGIN + minute[order], after[:, order]))


def policies(count: int) -> list[BurnPolicy]:
    """Return policies of four rules each, over 16 pairs of windows."""
    random = np.random.default_rng(7)
    made = []
    for n in range(count):
        longs = sorted(random.choice(WINDOWS, 4, replace=False).tolist())
        rules = tuple(
            BurnRule(
                "page" if place < 2 else "ticket",
                Fraction(int(random.integers(10, 200)), 1000),
                timedelta(minutes=long),
                timedelta(minutes=long // int(random.choice([6, 15]))),
            )
            for place, long in enumerate(longs)
        )
        made.append(BurnPolicy(f"p{n}", rules, acknowledge_slow=True))
    return made


def run(*, quick: bool) -> list[Figure]:
    days, count = (14, 100) if quick else (90, 1000)
    asked = policies(count)
    figures = []
    for late in (0, 1000):
        one = past(days, late=late)
        found = []
        taken = min(seconds(lambda: found.append(backtest(one, asked))) for _ in range(1 if quick else 3))  # noqa: B023 - asked at once
        episodes = sum(len(lived.began) for f in found[0] for _, lived in f.lived)
        holds(episodes > count, "hardly any policy pages")
        note = f"{days} days, {count:,} policies of 4 rules, {episodes:,} episodes"
        figures.append(Figure("backtest", f"all policies, {late:,} minutes corrected late", taken, "s", 1, "<", note))
    return figures
