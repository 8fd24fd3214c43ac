"""Bounds on the offset of two clocks: what single exchanges prove, and what many do together."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nines.telemetry.clocks import (
    MINUTE_NS,
    UNBOUNDED,
    Exchanges,
    Interval,
    bounds_by_pair,
    bounds_of,
    by_minute,
    fit_for_alerts,
    latency_band,
    midpoint,
    trusted,
)

MS = 1_000_000
T0 = 1_700_000_040 * 1_000_000_000  # a full minute


def calls(*rows, hosts=("a", "b")):
    """Each row is (client, server, c1, c4, s2, s3[, backward]), instants in milliseconds after T0."""
    numbers = np.array([[hosts.index(r[0]), hosts.index(r[1]), *r[2:6]] for r in rows], dtype=np.int64).reshape(-1, 6)
    names = np.array([f"s{n}" for n in range(len(rows))], dtype=object)
    waits = np.array([r[6] if len(r) > 6 else True for r in rows], dtype=np.bool_)
    instants = (T0 + numbers[:, n] * MS for n in range(2, 6))
    return Exchanges(hosts, numbers[:, 0], numbers[:, 1], *instants, names, names, waits)


def test_one_exchange_bounds_the_offset_from_both_sides():
    whole = bounds_of(calls(("a", "b", 0, 100, 40, 90)), "a", "b").within()
    assert whole == Interval(-10 * MS, 40 * MS, 1)
    assert whole.half_width == 25 * MS
    assert whole.centre == 15 * MS


def test_bounds_of_many_exchanges_intersect():
    both = calls(("a", "b", 0, 100, 40, 90), ("a", "b", 200, 300, 220, 298))
    assert bounds_of(both, "a", "b").within() == Interval(-2 * MS, 20 * MS, 2)


def test_calls_in_the_other_direction_bound_the_same_offset():
    there = bounds_of(calls(("a", "b", 0, 100, 40, 90)), "a", "b").within()
    # b calls a, whose clock shows 20 less: 5 there, 35 of work, 10 back.
    back = calls(("b", "a", 40, 90, 25, 60))
    assert bounds_of(back, "b", "a").within() == Interval(-30 * MS, -15 * MS, 1)
    assert bounds_of(back, "a", "b").within() == Interval(15 * MS, 30 * MS, 1)
    both = calls(("a", "b", 0, 100, 40, 90), ("b", "a", 40, 90, 25, 60))
    assert bounds_of(both, "a", "b").within() == Interval(15 * MS, 30 * MS, 2)
    assert there.contains(20 * MS)


def test_one_way_messages_bound_one_side():
    assert bounds_of(calls(("a", "b", 0, 1, 40, 90, False)), "a", "b").within() == Interval(None, 40 * MS, 1)
    assert bounds_of(calls(("b", "a", 0, 1, 40, 90, False)), "a", "b").within() == Interval(-40 * MS, None, 1)


def test_no_exchange_bounds_nothing():
    none = bounds_of(calls(("a", "b", 0, 100, 40, 90)), "a", "c")
    assert none.within() == Interval(None, None, 0)
    assert bounds_by_pair(calls()) == ()
    assert len(by_minute(none).minutes) == 0


def test_contradicting_bounds_are_empty_and_claim_no_skew():
    empty = bounds_of(calls(("a", "b", 0, 100, 5, 95), ("a", "b", 200, 300, 285, 375)), "a", "b").within()
    assert empty.empty
    assert (empty.low, empty.high) == (75 * MS, 5 * MS)
    assert not empty.skewed
    assert empty.half_width is None
    assert empty.centre is None


@pytest.mark.parametrize(
    ("low", "high", "skewed"),
    [
        (-1, 1, False),
        (0, 5, False),
        (-5, 0, False),
        (1, 5, True),
        (-5, -1, True),
        (None, -1, True),
        (None, 1, False),
        (1, None, True),
    ],
)
def test_no_skew_is_claimed_where_the_bounds_contain_zero(low, high, skewed):
    assert Interval(low, high).skewed is skewed
    assert Interval(low, high).contains(0) is not skewed


def test_minutes_are_bounded_apart_and_every_bound_counts_in_its_own_minute():
    rows = calls(
        ("a", "b", 0, 100, 5, 98),
        ("a", "b", 59_990, 60_010, 59_997, 60_006),
        ("a", "b", 180_000, 180_010, 180_001, 180_008),
    )
    minutes = by_minute(bounds_of(rows, "a", "b"))
    assert (minutes.minutes - T0 // MINUTE_NS).tolist() == [0, 1, 3]
    assert minutes.exchanges.tolist() == [2, 0, 1]
    assert minutes.high.tolist() == [5 * MS, UNBOUNDED, 1 * MS]
    assert minutes.low.tolist() == [-2 * MS, -4 * MS, -2 * MS]
    assert minutes.interval(1) == Interval(-4 * MS, None, 0)
    assert not minutes.empty.any()


def test_a_span_of_time_is_half_open():
    rows = bounds_of(calls(("a", "b", 0, 10, 5, 8), ("a", "b", 20, 30, 21, 29)), "a", "b")
    assert rows.within(T0, T0 + 20 * MS) == Interval(-2 * MS, 5 * MS, 1)
    assert rows.within(T0 + 20 * MS) == Interval(-1 * MS, 1 * MS, 1)


def test_old_bounds_widen_by_twice_the_error_of_a_clock():
    assert Interval(-1, 1, 3).widened(MINUTE_NS) == Interval(-1 - 6 * MS, 1 + 6 * MS, 3)
    assert Interval(None, 1).widened(1, rho_ppm=1) == Interval(None, 2)
    rows = bounds_of(calls(("a", "b", 0, 10, 5, 8), ("a", "b", 60_000, 60_010, 60_001, 60_009)), "a", "b")
    at_start = rows.at(T0)
    assert at_start.high == min(5 * MS, 1 * MS + 6 * MS)
    assert at_start.low == max(-2 * MS - 10 * MS * 100 // 1_000_000, -1 * MS - 60_010 * MS * 100 // 1_000_000)


def test_widening_at_an_instant_rounds_up_and_survives_decades():
    rows = bounds_of(calls(("a", "b", 0, 10, 5, 8)), "a", "b")
    decades = 30 * 365 * 86_400 * 1_000_000_000
    assert rows.at(T0 + decades).high == 5 * MS + decades // 10_000
    assert rows.at(T0 + 1).high == 5 * MS + 1


def test_pairs_are_named_in_order_and_hosts_need_not_be():
    rows = calls(("z", "b", 0, 10, 5, 8), ("b", "z", 0, 10, 3, 9), ("m", "z", 0, 10, 4, 7), hosts=("z", "b", "m"))
    found = {(p.first, p.second): p.within() for p in bounds_by_pair(rows)}
    assert found == {(p, q): bounds_of(rows, p, q).within() for p, q in (("b", "z"), ("m", "z"))}


def test_the_midpoint_of_one_exchange_is_off_by_at_most_half_its_delay():
    theta, half = midpoint(0, 100 * MS, 40 * MS, 90 * MS)
    assert (theta, half) == (15 * MS, 25 * MS)
    assert midpoint(0, 1, 0, 0) == (Fraction(-1, 2), Fraction(1, 2))


@given(
    theta=st.integers(-(10**12), 10**12),
    delays=st.lists(st.tuples(*[st.integers(0, 10**10)] * 4), min_size=1, max_size=20),
)
def test_the_true_offset_is_always_within_the_bounds_and_those_of_the_midpoint(theta, delays):
    starts = T0 + np.cumsum([d[0] for d in delays])
    there, work, back = (np.array([d[n] for d in delays], dtype=np.int64) for n in (1, 2, 3))
    zeros, names = np.zeros(len(delays), dtype=np.int64), np.array(["x"] * len(delays), dtype=object)
    s2 = starts + there + theta
    rows = Exchanges(
        ("a", "b"), zeros, zeros + 1, starts, starts + there + work + back, s2, s2 + work, names, names, zeros == 0
    )
    whole = bounds_of(rows, "a", "b").within()
    assert whole.contains(theta)
    assert whole.high - whole.low == int(there.min()) + int(back.min())
    point, half = midpoint(int(rows.c1[0]), int(rows.c4[0]), int(rows.s2[0]), int(rows.s3[0]))
    assert abs(point - theta) <= half


def test_a_latency_across_hosts_is_trusted_up_to_five_per_cent_of_its_threshold():
    assert trusted(Fraction(5), 100)
    assert not trusted(Fraction(11, 2), 100)
    assert not trusted(None, 100)


def test_an_untrusted_latency_has_its_band():
    assert latency_band(300, Interval(-20, 40)) == (260, 320)
    assert latency_band(300, Interval(None, 40)) == (260, None)
    assert latency_band(300, Interval(5, None)) == (None, 295)


def test_alert_windows_bear_one_per_cent_of_the_shortest():
    five = 5 * MINUTE_NS
    assert fit_for_alerts(Interval(-3_000_000_000, 3_000_000_000), five)
    assert not fit_for_alerts(Interval(-3_000_000_001, 0), five)
    assert not fit_for_alerts(Interval(0, None), five)
    assert not fit_for_alerts(Interval(1, 0), five)


def test_exchanges_are_named_by_spans_and_hosts():
    assert calls(("a", "b", 0, 10, 5, 8)).name(0) == "s0 on a -> s0 on b"
