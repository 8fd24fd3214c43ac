"""Counting many indicators at once is counting them one by one."""

from functools import reduce

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nines.telemetry.bulk import Membership, count_sides, pair_sides, read_apart
from nines.telemetry.counters import NOT_SAID, Samples, Scrapes, increments
from nines.telemetry.deltas import delta_increments
from nines.telemetry.pairing import combined, paired, with_pulses

START, END = 2, 12
#: Sides of the indicators tried: which series stand on them, with their signs.
INDICATORS = [
    {"bad": [(0, 1)], "total": [(0, 1), (1, 1)]},
    {"good": [(1, 1)], "total": [(1, 1), (2, 1)]},
    {"good": [(2, 1), (3, -1)], "bad": [(3, 1)]},
    {"bad": [(3, 1)], "total": [(0, 1), (1, 1), (2, 1), (3, 1)]},
]
NAMES = ("good", "bad", "total")

reading = st.tuples(
    st.integers(0, 3),  # series
    st.integers(0, 52),  # instant, quarters of a minute
    st.sampled_from([0.0, 1, 2, 3, 5, 8, 13, 21, 2.5, float("nan"), -1.0]),
    st.sampled_from([NOT_SAID, NOT_SAID, 30_000, 200_000]),
    st.sampled_from([False, False, False, True]),
)


def samples(rows, delta):
    rows = [r for r in rows if r[4] == delta]
    columns = list(zip(*rows, strict=True)) or [[], [], [], [], []]
    return Samples(
        np.array(columns[0], dtype=np.int64), np.array(columns[1], dtype=np.int64) * 15_000,
        np.array(columns[2], dtype=np.float64), tuple("abcd"), np.array(columns[3], dtype=np.int64),
    )  # fmt: skip


def of_series(all_of, series):
    at = all_of.series == series
    return Samples(np.zeros(int(at.sum()), np.int64), all_of.times[at], all_of.values[at], ("x",), all_of.created[at])


def one_by_one(running, deltas, indicator, alive, scrapes):
    made = {}
    for name, series in indicator.items():
        parts = []
        for number, sign in series:
            mine = Scrapes(np.zeros(1, np.int64), (scrapes.successes[0],), (scrapes.restarts[0],))
            counted = increments(
                of_series(running, number), interval_ms=15_000, start=START, end=END, since_ms=0,
                scrapes=mine if scrapes.target[number] >= 0 else None, young_ms=40_000,
            )  # fmt: skip
            parts.append((sign, combined(counted, delta_increments(of_series(deltas, number), start=START, end=END))))
        first = parts[0][1]
        whole = reduce(lambda left, right: combined(left, right[1], right[0]), parts[1:], first)
        made[name] = with_pulses(whole, alive)
    return paired("x", **made)[0]


@settings(max_examples=300, deadline=None)
@given(
    rows=st.lists(reading, max_size=40, unique_by=lambda r: r[:2]),
    alive=st.lists(st.booleans(), min_size=10, max_size=10),
)
def test_every_indicator_counts_what_it_counts_alone(rows, alive):
    running, deltas = samples(rows, delta=False), samples(rows, delta=True)
    alive = np.array(alive)
    looks = np.arange(0, 54, 2, dtype=np.int64) * 15_000
    scrapes = Scrapes(np.array([0, 0, -1, 0]), (looks,), (np.array([300_000]),))
    pairs = sorted(
        (series, 3 * n + NAMES.index(name), sign)
        for n, indicator in enumerate(INDICATORS)
        for name, on in indicator.items()
        for series, sign in on
    )
    series, side, sign = np.array(pairs, dtype=np.int64).T
    belongs = Membership(3 * len(INDICATORS), series, side, sign)
    used = np.array([[name in indicator for name in NAMES] for indicator in INDICATORS])
    found = count_sides(
        running, deltas, belongs, scrapes, interval_ms=15_000, start=START, end=END, since_ms=0, young_ms=40_000
    )
    every = Samples(
        *(np.concatenate([getattr(running, n), getattr(deltas, n)]) for n in ("series", "times", "values")),
        tuple("abcd"),
    )
    whole = pair_sides(found, used, alive, read_apart(every, belongs, used, START, END))
    for n, indicator in enumerate(INDICATORS):
        alone = one_by_one(running, deltas, indicator, alive, scrapes)
        seen = [getattr(whole, name)[n].tolist() for name in ("good", "bad", "unknown", "state")]
        assert seen == [getattr(alone, name).tolist() for name in ("good", "bad", "unknown", "state")]
