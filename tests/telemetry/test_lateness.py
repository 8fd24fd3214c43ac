"""Lateness of good and bad events: what has arrived, how long to wait, and what a fresh ratio should say."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from nines.telemetry.lateness import (
    MINUTE_US,
    SURE,
    Delays,
    Heard,
    Lateness,
    delays_of,
    group_watermark,
    usual_edges,
)

SECOND = 1_000_000
HOUR = 3600 * SECOND
EDGES = usual_edges(300 * SECOND)


def world(seed, *, hours, per_second=50, share=0.01):
    """Events as in the table: failures end at +30 s, successes at +0.2 s, then delivery takes exp(5 s)."""
    rng = np.random.default_rng(seed)
    number = hours * 3600 * per_second
    event = np.sort(rng.integers(0, hours * HOUR, number))
    bad = rng.random(number) < share
    ended = event + np.where(bad, 30 * SECOND, 200_000)
    return event, ended + (rng.exponential(5 * SECOND, number)).astype(np.int64), bad


def learnt(seed, hours=6, **options):
    event, arrival, bad = world(seed, hours=hours, **options)
    both = (delays_of(event[kind], arrival[kind], EDGES, known_at=hours * HOUR) for kind in (~bad, bad))
    return Lateness(*both)


@pytest.fixture(scope="module")
def known():
    return learnt(1)


def arrived_by_theory(age, ended):
    """Share of a minute's events that has arrived: the mean of 1 - exp(-(d - ended) / 5) over d in [age, age + 60]."""
    low, high = max(age - ended, 0.0), max(age + 60 - ended, 0.0)
    return (high - low - 5 * (math.exp(-low / 5) - math.exp(-high / 5))) / 60


@pytest.mark.parametrize(
    ("age", "seen", "good", "bad"), [(0, 0.44, 91, 40), (10, 0.59, 99, 58), (30, 0.93, 100, 92), (60, 1.00, 100, 100)]
)
def test_the_table_of_fresh_ratios_is_reproduced_and_corrected_to_the_truth(known, age, seen, good, bad):
    event, arrival, failed = world(2, hours=6)
    minutes = np.arange(5, 355) * MINUTE_US
    here = arrival <= (event // MINUTE_US + 1) * MINUTE_US + age * SECOND
    inside = (event >= minutes[0]) & (event < minutes[-1] + MINUTE_US)
    goods, bads = int((here & inside & ~failed).sum()), int((here & inside & failed).sum())
    got = known.provisional(goods, bads, age * SECOND)
    # The table is of one simulation, rounded; 40 % there is 41.7 % by theory.
    assert float(got.seen) * 100 == pytest.approx(seen, abs=0.04)
    assert float(got.good_complete) * 100 == pytest.approx(good, abs=0.6)
    assert float(got.bad_complete) * 100 == pytest.approx(bad, abs=2)
    assert float(got.good_complete) == pytest.approx(arrived_by_theory(age, 0.2), abs=0.002)
    assert float(got.bad_complete) == pytest.approx(arrived_by_theory(age, 30), abs=0.004)
    true = Fraction(int((inside & failed).sum()), int(inside.sum()))
    assert float(got.ratio) == pytest.approx(float(true), rel=0.03)
    assert float(got.ratio) == pytest.approx(0.01, rel=0.05)


def test_the_learnt_offset_is_that_of_the_bad_events(known):
    offset = known.offset()
    assert known.bad.total > 10_000
    assert offset.delay == pytest.approx((30 + 5 * math.log(100)) * SECOND, abs=1 * SECOND)
    assert offset.arrived >= Fraction(99, 100)
    assert offset.seen == known.bad.total
    swapped = Lateness(known.bad, known.good).offset()
    assert swapped.delay == pytest.approx((0.2 + 5 * math.log(100)) * SECOND, abs=1 * SECOND)


def test_a_cautious_offset_covers_the_truth_in_most_worlds():
    # 20 minutes: some 600 failures. The true 99 % point lies at 53.03 s.
    true = (30 + 5 * math.log(100)) * SECOND
    taken = [learnt(100 + seed, hours=1, per_second=20).offset(sure=SURE) for seed in range(40)]
    assert sum(o is not None and o.delay >= true for o in taken) >= 36
    assert all(o is None or o.confidence >= SURE for o in taken)


def test_few_bad_events_give_an_offset_with_little_confidence_and_no_sure_one():
    few = Lateness(Delays((0, 10), (0, 5, 0)), Delays((0, 10, 20), (0, 19, 1, 0)))
    offset = few.offset()
    assert (offset.delay, offset.arrived, offset.seen) == (20, 1, 20)
    assert offset.confidence == pytest.approx(1 - 0.99**20)
    assert few.offset(sure=SURE) is None


def test_two_hundred_and_ninety_nine_bad_events_are_enough_to_be_sure():
    def of(number):
        return Lateness(Delays((0, 10), (0, 1, 0)), Delays((0, 10), (0, number, 0))).offset(sure=SURE)

    assert of(298) is None
    assert of(299).confidence == pytest.approx(1 - 0.99**299)


@pytest.mark.parametrize(("seen", "late"), [(20, 0), (500, 3), (10_000, 100), (10_000, 60), (1_000_000, 9_800)])
def test_confidence_is_that_of_the_binomial(seen, late):
    bad = Delays((0, 10), (0, seen - late, late))
    offset = Lateness(bad, bad).offset()
    assert offset.confidence == pytest.approx(binom.cdf(seen - late - 1, seen, 0.99), abs=1e-6)


def test_no_bad_events_or_too_many_too_late_give_no_offset():
    good = Delays((0, 10), (0, 5, 0))
    assert Lateness(good, Delays((0, 10), (0, 0, 0))).offset() is None
    assert Lateness(good, Delays((0, 10), (0, 90, 10))).offset() is None


def test_a_fresh_ratio_nobody_learnt_about_is_unknown():
    good, none = Delays((0, 10), (0, 5, 0)), Delays((0, 10), (0, 0, 0))
    got = Lateness(good, none).provisional(99, 1, 5)
    assert (got.ratio, got.seen, got.bad_complete) == (None, Fraction(1, 100), None)
    later = Delays((0, 10, 1000), (0, 0, 5, 0))
    assert Lateness(good, later).provisional(99, 0, 0, 10).ratio is None  # no bad one can be here yet
    assert Lateness(good, good).provisional(0, 0, 5).seen is None


def test_the_correction_is_exact():
    good, bad = Delays((0, 10), (0, 4, 0)), Delays((0, 10, 20), (0, 1, 3, 0))
    got = Lateness(good, bad).provisional(99, 1, 10, 0)
    assert (got.good_complete, got.bad_complete) == (1, Fraction(1, 4))
    assert got.ratio == Fraction(4, 103)


def test_complete_is_the_mean_share_over_the_span():
    delays = Delays((0, 10, 20), (1, 2, 0, 1))
    assert delays.arrived(0) == Fraction(1, 4)
    assert delays.arrived(5) == Fraction(1, 2)
    assert delays.arrived(10) == delays.arrived(20) == delays.arrived(10**9) == Fraction(3, 4)
    assert delays.complete(0, 10) == Fraction(1, 2)
    assert delays.complete(5, 10) == (Fraction(5, 8) + Fraction(3, 4)) / 2
    assert delays.complete(30, 60) == Fraction(3, 4)


@given(
    counts=st.lists(st.integers(0, 50), min_size=5, max_size=5).filter(any),
    age=st.integers(0, 60),
    length=st.integers(1, 60),
)
def test_completeness_is_the_integral_of_the_share_and_grows_with_age(counts, age, length):
    delays = Delays((0, 7, 20, 41), tuple(counts))
    got = delays.complete(age, length)
    # The share is straight between whole microseconds here, so the trapezium over them is exact.
    shares = [delays.arrived(d) for d in range(age, age + length + 1)]
    assert got == (sum(shares) - (shares[0] + shares[-1]) / 2) / length
    assert shares == sorted(shares)
    assert got <= delays.complete(age + 1, length)
    assert 0 <= got <= 1


def test_only_events_old_enough_for_their_late_rows_are_learnt_from():
    event = np.array([0, 0, 50, 95])
    arrival = np.array([1, 60, 51, 96])
    assert delays_of(event, arrival, (0, 10, 100), known_at=100).counts == (0, 1, 1, 0)
    assert delays_of(event, arrival, (0, 10, 20), known_at=70).counts == (0, 2, 0, 1)


def test_young_events_would_make_every_delay_look_short():
    event = np.arange(0, 61)
    arrival = event + np.where(event % 2, 30, 1)  # half are slow
    here = arrival <= 60
    learnt_now = delays_of(event[here], arrival[here], (0, 10, 30), known_at=60)
    assert learnt_now.arrived(10) == Fraction(16, 31)
    hurried = delays_of(event[here], arrival[here], (0, 10, 30), known_at=10**6)
    assert hurried.arrived(10) == Fraction(30, 45)


def test_an_arrival_before_its_event_counts_as_at_once():
    assert delays_of(np.array([100, 100]), np.array([40, 101]), (0, 10), known_at=1000).counts == (1, 1, 0)


def test_delays_add_up_only_on_the_same_edges():
    one = Delays((0, 10), (1, 2, 3))
    assert (one + one).counts == (2, 4, 6)
    with pytest.raises(ValueError, match="different edges"):
        _ = one + Delays((0, 11), (1, 2, 3))


def test_the_usual_edges_rise_and_reach_as_far_as_asked():
    edges = usual_edges(HOUR)
    assert list(edges) == sorted(set(edges))
    assert edges[-1] >= HOUR
    assert usual_edges(SECOND) == (0, 250_000, 500_000, 750_000, 1_000_000)


def test_the_watermark_of_a_source_lies_its_lateness_behind():
    assert Heard("a", 100, 110, 30).watermark == 70


def test_a_group_waits_for_its_slowest_live_source():
    sources = [Heard("b", 90, 100, 5), Heard("a", 100, 100, 30)]
    got = group_watermark(sources, at=120, timeout=50)
    assert (got.at, got.live, got.silent) == (70, ("a", "b"), ())


def test_a_silent_source_is_named_and_neither_holds_back_nor_moves_on():
    sources = [Heard("a", 100, 100, 0), Heard("dead", 10, 10, 0)]
    assert group_watermark(sources, at=59, timeout=50).at == 10
    got = group_watermark(sources, at=60, timeout=50)
    assert (got.at, got.live, got.silent) == (100, ("a",), ("dead",))
    assert sources[1].watermark == 10


def test_a_watermark_is_never_taken_back():
    back = [Heard("a", 100, 100, 0), Heard("returned", 20, 99, 0)]
    assert group_watermark(back, at=110, timeout=50, previous=95).at == 95
    assert group_watermark([Heard("a", 1, 1, 0)], at=110, timeout=50, previous=95).at == 95


def test_nobody_alive_says_nothing():
    got = group_watermark([Heard("a", 1, 1, 0)], at=110, timeout=50)
    assert (got.at, got.live, got.silent) == (None, (), ("a",))
