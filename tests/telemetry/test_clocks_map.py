"""The offset map of spans: callers first, cut instants, violations, and what a duration across hosts may be believed."""

from datetime import timedelta

import numpy as np

from nines.telemetry.clocks import Interval
from nines.telemetry.clocks_graph import TRUE_TIME
from nines.telemetry.clocks_map import Compared, Seen, joined, offset_map, untrusted
from nines.telemetry.clocks_spans import Spans

MS = 1_000_000


def call(theta_ms, *, up=1, work=10, down=1, hosts=("shop", "cart"), name="c", at=1000):
    """One call: the server's clock is theta ahead; delays in milliseconds."""
    sent, got = at * MS, (at + up + work + down) * MS
    began, ended = (at + up + theta_ms) * MS, (at + up + work + theta_ms) * MS
    instants = np.array([sent, began]), np.array([got, ended])
    return Seen(Spans([f"{name}1", f"{name}2"], [None, f"{name}1"], list(hosts), ["client", "server"], *instants))


def test_the_host_that_calls_stands_first_and_bounds_enclose_the_offset():
    (pair,) = offset_map(call(-5)).pairs
    assert (pair.first, pair.second) == ("shop", "cart")
    assert pair.course.whole == Interval(-6 * MS, -4 * MS, 1)


def test_instants_cut_to_microseconds_widen_both_bounds_by_what_was_cut():
    seen = call(-5)
    (pair,) = offset_map(Seen(seen.spans, blur=2_000)).pairs
    assert pair.course.whole == Interval(-6 * MS - 2_000, -4 * MS + 2_000, 1)


def test_a_span_before_its_cause_is_named_with_its_cause_and_by_how_much():
    found = offset_map(call(-3))
    (one,) = found.violations
    assert (one.span, one.host, one.cause, one.cause_host, one.early) == ("c2", "cart", "c1", "shop", 2 * MS)
    assert found.pairs[0].violations == 1
    assert {p.code for p in found.problems} == {"span-before-its-cause", "clock-skew"}


def test_bounds_that_contain_zero_claim_nothing():
    assert offset_map(call(0)).problems == ()


def test_a_time_server_bounds_hosts_through_those_they_call():
    found = offset_map(call(-5), references={(TRUE_TIME, "shop"): Interval(-MS, MS)}, at=1012 * MS)
    cart = found.between(TRUE_TIME, "cart")
    assert (cart.low, cart.high) == (-7 * MS, -3 * MS + 1_200)  # the call's start is 12 ms old: 2 x 50 ppm of it


def test_a_time_server_that_contradicts_the_calls_is_told():
    wrong = {(TRUE_TIME, "shop"): Interval(-MS, MS), (TRUE_TIME, "cart"): Interval(-MS, MS)}
    (problem,) = [p for p in offset_map(call(-50), references=wrong).problems if p.code == "clocks-contradict"]
    assert "contradict by 46.999 ms" in problem.what


def test_a_duration_across_hosts_is_trusted_when_the_half_width_is_5_percent_of_the_threshold():
    found, hosts = offset_map(call(-5), at=1012 * MS), ("shop", "cart")  # 1 ms, and what 12 ms may have cost
    assert untrusted(found, Compared(hosts, timedelta(milliseconds=21)), "speed") is None
    problem = untrusted(found, Compared(hosts, timedelta(milliseconds=20)), "speed")
    assert problem.code == "untrusted"
    assert "bounded to +/- 1.001 ms, wider than 5 % of 20 ms" in problem.what


def test_hosts_that_never_called_one_another_are_untrusted():
    problem = untrusted(offset_map(call(5)), Compared(("shop", "search"), timedelta(seconds=1)), "speed")
    assert "nothing bounds the clocks of shop and search" in problem.what


def test_spans_of_several_places_are_one_map_as_coarse_as_the_coarsest():
    other = call(1, hosts=("cart", "db"), name="d")
    both = joined([call(5), Seen(other.spans, blur=2_000, left_out=3)])
    assert (both.blur, both.left_out) == (2_000, 3)
    assert {(p.first, p.second) for p in offset_map(both).pairs} == {("shop", "cart"), ("cart", "db")}
    assert offset_map(joined([])).pairs == ()
