"""Drift, steps and wrong links: each told from the others, and none told without proof."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from nines.telemetry.clocks import MINUTE_NS, Bounds, Exchanges, bounds_of
from nines.telemetry.clocks_course import course_of, course_problems, impossible_problems
from nines.telemetry.clocks_drift import MOST_PPM, line_of
from nines.telemetry.clocks_spans import Spans, exchanges_of
from nines.telemetry.clocks_steps import breaks_of

MS, SECOND = 1_000_000, 1_000_000_000
T0 = 1_700_000_040 * SECOND  # a full minute


def bounds(lows, highs):
    """Lower and upper bounds as (instant, offset), nanoseconds."""
    sides = []
    for side in (sorted(lows), sorted(highs)):
        at, value = (np.array([p[n] for p in side], dtype=np.int64) for n in (0, 1))
        sides += [at, value, np.arange(len(side))]
    return Bounds("a", "b", *sides, np.sort(sides[0]))


def world(offset, *, seconds=600, seed=1, number=600, delay=2 * MS, spoilt=()):
    """Calls from a to b; `offset` gives b's clock minus a's at a second, `spoilt` rows get servers from elsewhere."""
    rng = np.random.default_rng(seed)
    c1 = np.sort(rng.integers(0, seconds * SECOND, number))
    there, work, back = (rng.integers(delay // 2, 10 * delay, number) for _ in range(3))
    theta = np.array([int(offset(t / SECOND)) for t in c1], dtype=np.int64)
    s2 = T0 + c1 + there + theta
    for row in spoilt:
        s2[row] += 40 * MS
    c4 = T0 + c1 + there + work + back
    zeros, names = np.zeros(number, dtype=np.int64), np.array([f"s{n}" for n in range(number)], dtype=object)
    return Exchanges(("a", "b"), zeros, zeros + 1, T0 + c1, c4, s2, s2 + work, names, names, zeros == 0)


def course(exchanges):
    return course_of(bounds_of(exchanges, "a", "b"))


points = st.lists(st.tuples(st.integers(0, 10**6), st.integers(-1000, 1000)), min_size=1, max_size=12)


@settings(max_examples=300)
@given(lows=points, highs=points)
def test_the_line_is_the_one_a_linear_programme_finds(lows, highs):
    got = line_of(bounds(lows, highs))
    start = min(t for t, _ in lows + highs)
    rows = [[1, (t - start) / 1e6, 1] for t, _ in highs] + [[-1, -(t - start) / 1e6, 1] for t, _ in lows]
    right = [v for _, v in highs] + [-v for _, v in lows]
    most = MOST_PPM  # over a million nanoseconds, as the instants here are scaled
    best = linprog([0, 0, -1], A_ub=rows, b_ub=right, bounds=[(None, None), (-most, most), (None, None)])
    assert best.success
    if got is None:
        assert best.x[2] < 1e-6
        return
    assert float(got.margin) == pytest.approx(best.x[2], abs=1e-6)
    assert all(got.at(t) - got.margin >= v for t, v in lows)
    assert all(got.at(t) + got.margin <= v for t, v in highs)
    for wanted, rate in ((1, got.slowest), (-1, got.fastest)):
        edge = linprog([0, wanted], A_ub=[r[:2] for r in rows], b_ub=right, bounds=[(None, None), (-most, most)])
        assert float(rate) * 1e6 == pytest.approx(edge.x[1], abs=1e-6)


def test_the_line_of_many_bounds_is_that_of_their_hulls():
    rng = np.random.default_rng(3)
    at = np.sort(rng.integers(0, 3600 * SECOND, 20_000))
    value = 5 * MS + at // 20_000  # 50 ppm
    low, high = value - rng.integers(MS, 9 * MS, len(at)), value + rng.integers(MS, 9 * MS, len(at))
    rows = np.arange(len(at))
    got = line_of(Bounds("a", "b", at, low, rows, at, high, rows, at))
    best = linprog(
        [0, 0, -1],
        A_ub=np.vstack(
            [
                np.c_[np.ones(len(at)), at / 3.6e12, np.ones(len(at))],
                np.c_[-np.ones(len(at)), -at / 3.6e12, np.ones(len(at))],
            ]
        ),
        b_ub=np.concatenate([high, -low]) / MS,
        bounds=[(None, None)] * 3,
    )
    assert float(got.margin) / MS == pytest.approx(best.x[2], abs=1e-6)
    assert got.slowest < Fraction(50, 10**6) < got.fastest
    assert float(got.rate) == pytest.approx(50e-6, abs=1e-7)


def test_one_offset_is_steady():
    got = course(world(lambda _: 37 * MS))
    assert got.kind == "steady"
    assert got.whole.contains(37 * MS)
    assert (got.steps, got.odd.tolist(), got.line) == ((), [], None)


def test_a_straight_drift_is_a_line_with_its_rate():
    got = course(world(lambda s: 5 * MS + 80_000 * s))
    assert got.kind == "drift"
    assert got.line.slowest <= Fraction(80, 10**6) <= got.line.fastest
    assert got.steps == ()


def test_a_drift_faster_than_any_good_clock_is_a_line_and_no_stairs():
    got = course(world(lambda s: -300_000 * s))
    assert got.kind == "drift"
    assert got.line.slowest <= Fraction(-300, 10**6) <= got.line.fastest


def test_a_rate_that_changes_is_drift_without_a_line():
    got = course(world(lambda s: 90_000 * min(s, 600 - s)))
    assert got.kind == "drift"
    assert got.line is None
    assert got.steps == ()


@pytest.mark.parametrize("size", [5, -5, 40, -500])
def test_a_step_is_told_with_its_minute_and_its_size(size):
    got = course(world(lambda s: 10 * MS + (size * MS if s >= 333 else 0), number=3000))
    assert got.kind == "step"
    assert [s.minute - T0 // MINUTE_NS for s in got.steps] == [5]
    assert got.steps[0].after < T0 + 333 * SECOND + 50 * MS
    assert got.steps[0].before > T0 + 333 * SECOND - 50 * MS
    assert got.steps[0].change.contains(size * MS)
    assert got.odd.tolist() == []


def test_a_step_there_and_back_is_two_steps():
    got = course(world(lambda s: 50 * MS if 200 <= s < 400 else 0, number=3000))
    assert [s.minute - T0 // MINUTE_NS for s in got.steps] == [3, 6]
    assert got.steps[0].change.contains(50 * MS)
    assert got.steps[1].change.contains(-50 * MS)


def test_single_wrong_links_are_named_and_are_no_step():
    got = course(world(lambda _: 3 * MS, spoilt=(100, 350, 351)))
    assert got.kind == "link"
    assert got.odd.tolist() == [100, 350, 351]
    assert got.steps == ()


def test_a_wrong_link_at_the_very_beginning_is_named_too():
    got = course(world(lambda _: 3 * MS, spoilt=(0,)))
    assert (got.kind, got.odd.tolist()) == ("link", [0])


def test_wrong_links_beside_a_step_are_told_apart():
    got = course(world(lambda s: -60 * MS if s >= 333 else 0, number=3000, spoilt=(200, 2500)))
    assert [s.minute - T0 // MINUTE_NS for s in got.steps] == [5]
    assert got.odd.tolist() == [200, 2500]


def test_a_clock_that_drifts_within_its_error_makes_no_step():
    assert breaks_of(bounds_of(world(lambda s: 100_000 * s), "a", "b")).steps == ()


def test_one_sided_evidence_is_unbounded():
    rows = world(lambda _: 0)
    oneway = Exchanges(*(getattr(rows, n) for n in Exchanges.__slots__[:-1]), rows.backward & False)
    got = course(oneway)
    assert got.kind == "unbounded"
    assert got.whole.low is None


def test_courses_are_told_in_words_and_quiet_ones_are_not():
    quiet, ahead = world(lambda _: 0), world(lambda _: 90 * MS)
    assert course_problems([course(quiet)], quiet) == ()
    told = course_problems([course(ahead)], ahead)
    assert [p.code for p in told] == ["clock-skew"]
    assert "clock of b is ahead by" in told[0].what
    drift = world(lambda s: 80_000 * s)
    assert [p.code for p in course_problems([course(drift)], drift)] == ["clock-drift"]
    step = world(lambda s: 500 * MS if s >= 333 else 0)
    (problem,) = course_problems([course(step)], step)
    assert problem.code == "clock-step"
    assert "2023-11-14T22:19Z" in problem.what
    spoilt = world(lambda _: 0, spoilt=(1, 100, 200))
    told = course_problems([course(spoilt)], spoilt, most=2)
    assert [p.code for p in told] == ["clock-wrong-parent"] * 3
    assert "s1 on a -> s1 on b" in told[0].what


def test_impossible_children_are_told_by_name():
    rows = Spans(["p", "s"], [None, "p"], ["a", "b"], None, T0 + np.array([0, -5]), T0 + np.array([100, 50]))
    (problem,) = impossible_problems(exchanges_of(rows), ["p", "s"])
    assert problem.what == "1 spans start before the span on another host that caused them: s"
    assert impossible_problems(exchanges_of(Spans([], [], [], None, rows.starts[:0], rows.ends[:0])), []) == ()
