"""A hundred worlds with planted clocks and heavy-tailed, asymmetric delays: the truth never leaves the bounds."""

import math
import statistics
from itertools import product

import numpy as np
import pytest

from nines.telemetry.clocks import MINUTE_NS, bounds_of, by_minute, midpoint
from nines.telemetry.clocks_course import course_of
from nines.telemetry.clocks_graph import fleet_of
from nines.telemetry.clocks_spans import Spans, exchanges_of

MS, SECOND = 1_000_000, 1_000_000_000
T0 = 1_700_000_040 * SECOND  # a full minute
MINUTES, PER_MINUTE, WORLDS = 10, 100, 100


def heavy(rng, number, least):
    """Delays of at least `least` milliseconds whose tail is Pareto with an infinite variance."""
    return ((least + rng.pareto(1.5, number) * 2 * least) * MS).astype(np.int64)


def spans_of(rng, offset, clients=("a", "b")):
    """CLIENT and SERVER spans of calls spread over the world; `offset` gives theta for instants since its beginning."""
    number = MINUTES * PER_MINUTE
    c1 = np.sort(rng.integers(0, MINUTES * MINUTE_NS, number))
    there, back = heavy(rng, number, 0.2), heavy(rng, number, 0.6)
    work = rng.integers(1 * MS, 60 * MS, number)
    received = c1 + there
    s2 = received + offset(received)
    s3 = received + work + offset(received + work)
    c4 = received + work + back
    names = [f"{clients[0]}{n}" for n in range(number)]
    return Spans(
        [*names, *(f"s-{n}" for n in names)],
        [None] * number + names,
        [clients[0]] * number + [clients[1]] * number,
        ["CLIENT"] * number + ["SERVER"] * number,
        T0 + np.concatenate([c1, s2]),
        T0 + np.concatenate([c4, s3]),
    )


def bounds_in(rng, offset):
    return bounds_of(exchanges_of(spans_of(rng, offset)).exchanges, "a", "b")


def planted(rng):
    """An offset of 5 to 500 ms, of either sign, the smaller ones as likely as the greater."""
    size = math.exp(rng.uniform(math.log(5), math.log(500)))
    return int(size * MS) * (1 if rng.random() < 0.5 else -1)


def test_a_constant_offset_lies_within_the_bounds_of_every_minute_in_every_world():
    widths, errors, singles = [], [], []
    for seed in range(WORLDS):
        rng = np.random.default_rng(seed)
        theta = planted(rng)
        exchanges = exchanges_of(spans_of(rng, lambda t, theta=theta: theta + 0 * t)).exchanges
        bounds = bounds_of(exchanges, "a", "b")
        minutes = by_minute(bounds)
        assert ((minutes.low <= theta) & (theta <= minutes.high)).all(), seed
        course = course_of(bounds)
        assert course.kind == "steady", seed
        assert course.whole.contains(theta), seed
        assert course.whole.skewed, seed
        assert abs(course.whole.centre - theta) <= course.whole.half_width, seed
        minute = bounds.within(T0 + 5 * MINUTE_NS, T0 + 6 * MINUTE_NS)
        widths.append(float(minute.half_width) / MS)
        errors.append(abs(float(minute.centre) - theta) / MS)
        one = (int(a[0]) for a in (exchanges.c1, exchanges.c4, exchanges.s2, exchanges.s3))
        singles.append(abs(float(midpoint(*one)[0]) - theta) / MS)
    # A minute of 100 calls bounds far better than the midpoint of one call guesses.
    assert statistics.median(widths) < 0.6
    assert max(errors) < 2
    assert statistics.median(errors) < statistics.median(singles) / 2


def test_a_drifting_offset_lies_within_the_bounds_of_every_instant_in_every_world():
    for seed in range(WORLDS):
        rng = np.random.default_rng(1000 + seed)
        theta, ppm = planted(rng), int(rng.integers(5, 100)) * (1 if rng.random() < 0.5 else -1)

        def offset(t, theta=theta, ppm=ppm):
            return theta + t * ppm // 1_000_000

        bounds = bounds_in(rng, offset)
        for instant in range(0, MINUTES * MINUTE_NS, MINUTE_NS // 4):
            assert bounds.at(T0 + instant).contains(offset(instant)), (seed, instant)
        course = course_of(bounds)
        assert course.kind in {"drift", "steady"}, seed
        if course.kind == "drift":
            assert course.line.slowest * 10**6 <= ppm <= course.line.fastest * 10**6, seed
            # Whole nanoseconds are cut off above, so the line may miss by one.
            assert abs(course.line.at(T0 + 5 * MINUTE_NS) - offset(5 * MINUTE_NS)) < 2 * MS, seed
        assert course.kind == "drift" or abs(ppm) < 10, seed


def step_world(seed, at):
    rng = np.random.default_rng(2000 + seed)
    theta, size = planted(rng), planted(rng)
    return theta, size, bounds_in(rng, lambda t: theta + np.where(t >= at(rng), size, 0))


def test_a_step_is_found_in_its_minute_in_every_world():
    for seed in range(WORLDS):
        minute = 2 + seed % 6
        place = minute * MINUTE_NS + (10 + 4 * seed % 40) * SECOND
        theta, size, bounds = step_world(seed, lambda _, place=place: place)
        course = course_of(bounds)
        assert course.kind == "step", seed
        assert [s.minute - T0 // MINUTE_NS for s in course.steps] == [minute], seed
        (step,) = course.steps
        assert step.change.contains(size), seed
        minutes = by_minute(bounds)
        number = minutes.minutes - T0 // MINUTE_NS
        true = theta + np.where(number > minute, size, 0)
        steady = (number != minute) & (number < MINUTES)
        assert ((minutes.low <= true) & (true <= minutes.high))[steady].all(), seed


def test_a_step_anywhere_lies_between_the_instants_that_are_told():
    widths = []
    for seed in range(WORLDS):
        place = int(np.random.default_rng(3000 + seed).integers(MINUTE_NS, (MINUTES - 1) * MINUTE_NS))
        _, size, bounds = step_world(5000 + seed, lambda _, place=place: place)
        (step,) = course_of(bounds).steps
        # The bounds stand at c1 and c4; a call under way at the step may touch it by its delay.
        assert step.after <= T0 + place + 100 * MS, seed
        assert T0 + place <= step.before, seed
        widths.append((step.before - step.after) / SECOND)
        assert step.change.contains(size), seed

    # With a call every 0.6 s, of which few are fast both ways.
    assert statistics.median(widths) < 6
    assert max(widths) < 20


@pytest.mark.parametrize("seed", range(20))
def test_a_fleet_bounds_hosts_that_never_call_one_another(seed):
    rng = np.random.default_rng(7000 + seed)
    clocks = {"a": 0, "b": planted(rng), "c": planted(rng), "d": planted(rng)}
    pairs = {}
    for first, second in (("a", "b"), ("b", "c"), ("c", "d")):
        theta = clocks[second] - clocks[first]
        exchanges = exchanges_of(spans_of(rng, lambda t, theta=theta: theta + 0 * t, (first, second))).exchanges
        pairs[first, second] = bounds_of(exchanges, first, second).within()
    fleet = fleet_of(pairs)
    for (first, one), (second, other) in product(clocks.items(), repeat=2):
        assert fleet.between(first, second).contains(other - one)
    assert fleet.between("a", "d").half_width == sum(i.half_width for i in pairs.values())
