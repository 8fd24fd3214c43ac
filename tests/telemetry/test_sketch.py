"""Sketches: few integers, a known error, one answer in any order and on any engine."""

import math
from fractions import Fraction

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nines.telemetry.sketch import (
    LARGEST,
    Sketch,
    bucket_numbers,
    bucket_sql,
    merged,
    micros_sql,
    parts_for,
    usable_sql,
)

P95 = Fraction(95, 100)
VALUES = st.lists(
    st.floats(-1e12, 1e12) | st.integers(-1000, 1000).map(float) | st.just(math.nan), min_size=0, max_size=40
)


def test_the_median_of_three_is_found_within_its_bucket():
    figure = Sketch.of([10.0, 100.0, 1000.0]).quantile(Fraction(1, 2))
    assert figure.low <= 100 <= figure.high
    assert abs(figure.value - 100) <= 1


def test_a_single_value_is_known_exactly_because_least_and_greatest_are():
    figure = Sketch.of([0.3]).quantile(P95)
    assert figure.low == figure.high == figure.value == Fraction(0.3)


def test_zero_and_negative_values_are_ordered_below_positive_ones():
    sketch = Sketch.of([-5.0, 0.0, 5.0, 7.0])
    assert sketch.quantile(Fraction(0)).low == -5
    assert sketch.quantile(Fraction(1, 2)).value == 0
    assert sketch.quantile(Fraction(1)).high == 7


def test_no_values_give_no_figure_and_never_zero():
    assert Sketch.of([]).quantile(P95) is None
    assert Sketch.of([math.nan]).figure("mean") is None


def test_values_that_are_no_measurement_are_counted_as_unknown():
    sketch = Sketch.of([1.0, math.nan, math.inf, -math.inf, LARGEST])
    assert (sketch.count, sketch.unknown) == (1, 4)


def test_tenths_are_summed_exactly_where_floats_are_not():
    assert sum([0.1] * 10) != 1.0
    assert Sketch.of([0.1] * 10).figure("sum").value == 1
    assert Sketch.of([0.1, 0.2]).figure("mean").value == Fraction(3, 20)


def test_minus_zero_is_zero():
    assert Sketch.of([-0.0]) == Sketch.of([0.0])
    assert Sketch.of([-0.0]).plain() == Sketch.of([0.0]).plain()


def test_a_value_on_an_edge_belongs_to_the_bucket_above_it():
    below = np.nextafter(1.0, 0.0)
    assert np.diff(bucket_numbers(np.array([below, 1.0, 1.015625]), 64)).tolist() == [1, 1]


def test_the_smallest_double_has_a_bucket_of_its_own():
    assert bucket_numbers(np.array([5e-324]), 64)[0] > 0


@pytest.mark.parametrize(("error", "parts"), [("0.34", 1), ("0.2", 2), ("0.01", 64), ("0.001", 512)])
def test_the_error_sets_the_number_of_slices(error, parts):
    assert parts_for(Fraction(error)) == parts


def test_uptime_is_not_an_aggregate_of_values():
    with pytest.raises(KeyError):
        Sketch.of([1.0]).figure("uptime")


def near_edges(parts):
    edges = [2.0**k * (1 + j / parts) for k in range(-40, 60) for j in range(parts)]
    array = np.array(edges)
    return np.concatenate([array, np.nextafter(array, 0), np.nextafter(array, np.inf)])


@pytest.mark.parametrize("parts", [1, 64])
def test_duckdb_puts_every_value_into_the_bucket_that_numpy_does(parts):
    random = np.random.default_rng(7)
    values = np.concatenate([
        near_edges(parts),
        random.lognormal(0, 12, 100_000),
        random.uniform(-1e6, 1e6, 100_000),
        np.array([0.0, -0.0, 5e-324, -5e-324, 2.2250738585072014e-308, 9.9e23, -9.9e23]),
    ])  # fmt: skip
    values = values[np.abs(values) < LARGEST]
    connection = duckdb.connect()
    connection.register("given", {"x": values})
    got = connection.sql(f"SELECT {bucket_sql('x', parts)} AS n, {micros_sql('x')} AS m FROM given").fetchnumpy()
    assert (got["n"] == bucket_numbers(values, parts)).all()
    total = connection.sql(f"SELECT CAST(sum({micros_sql('x')}) AS VARCHAR) FROM given WHERE abs(x) < 1e12").fetchall()[
        0
    ][0]
    assert int(total) == Sketch.of(values[np.abs(values) < 1e12]).sum_micros


def test_duckdb_agrees_on_what_is_no_measurement():
    rows = "(VALUES (1.0::DOUBLE), (NULL), ('NaN'::DOUBLE), ('Infinity'::DOUBLE), (-1e24::DOUBLE)) t(x)"
    got = duckdb.sql(f"SELECT {usable_sql('x')} FROM {rows}").fetchall()
    assert [g[0] for g in got] == [True, False, False, False, False]


@given(st.lists(VALUES, min_size=1, max_size=5), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_sketches_merged_in_any_order_are_the_sketch_of_everything(groups, random):
    sketches = [Sketch.of(g) for g in groups]
    random.shuffle(sketches)
    one = sketches[0]
    for other in sketches[1:]:
        one = other + one
    assert one == merged(sketches) == Sketch.of([v for g in groups for v in g])


@given(VALUES, st.fractions(0, 1))
@settings(deadline=None)
def test_a_quantile_lies_between_its_bounds_and_within_the_error(values, q):
    known = sorted(v for v in values if not math.isnan(v))
    figure = Sketch.of(values).quantile(q)
    if not known:
        assert figure is None
        return
    truth = Fraction(known[max(1, math.ceil(q * len(known))) - 1])
    assert figure.low <= truth <= figure.high
    assert figure.low <= figure.value <= figure.high
    assert abs(figure.value - truth) <= abs(truth) / 100


@given(VALUES)
@settings(deadline=None)
def test_the_true_mean_lies_between_its_bounds(values):
    known = [Fraction(v) for v in values if not math.isnan(v)]
    figure = Sketch.of(values).figure("mean")
    if known:
        assert figure.low <= sum(known) / len(known) <= figure.high


@given(VALUES)
@settings(deadline=None)
def test_plain_integers_hold_everything(values):
    sketch = Sketch.of(values)
    assert Sketch.from_plain(sketch.plain()) == sketch


@given(VALUES)
@settings(deadline=None)
def test_a_finer_sketch_merged_into_a_coarser_is_the_coarser(values):
    fine, coarse = Fraction(1, 1000), Fraction(1, 20)
    assert Sketch.of(values, fine) + Sketch.of([], coarse) == Sketch.of(values, coarse)
