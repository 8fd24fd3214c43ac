"""Spans paired to exchanges: kinds, shared ids, absent clients, duplicates, and ends nobody waited for."""

import numpy as np
import pytest

from nines.telemetry.clocks import Interval, bounds_of
from nines.telemetry.clocks_spans import Spans, exchanges_of

T0 = 1_700_000_000_000_000_000


def spans(*rows, traces=None):
    """Each row is (id, parent, host, kind, start, end), instants in nanoseconds after T0."""
    columns = [list(c) for c in zip(*rows, strict=True)] if rows else [[]] * 6
    starts, ends = (T0 + np.array(c, dtype=np.int64) for c in columns[4:])
    return Spans(*columns[:4], starts, ends, traces)


def whole(pairing, first="a", second="b"):
    return bounds_of(pairing.exchanges, first, second).within()


def test_client_and_server_on_two_hosts_are_an_exchange():
    got = exchanges_of(spans(("c", None, "a", "CLIENT", 0, 100), ("s", "c", "b", "SERVER", 40, 90)))
    assert whole(got) == Interval(-10, 40, 1)
    assert got.exchanges.client_span.tolist() == ["c"]
    assert got.exchanges.server_span.tolist() == ["s"]


@pytest.mark.parametrize(
    "kinds", [("client", "server"), ("SPAN_KIND_CLIENT", "SPAN_KIND_SERVER"), ("Client", "Server")]
)
def test_kinds_are_read_in_any_case(kinds):
    got = exchanges_of(spans(("c", "", "a", kinds[0], 0, 100), ("s", "c", "b", kinds[1], 120, 170)))
    assert whole(got) == Interval(70, 120, 1)


def test_one_host_is_no_exchange_whatever_its_spans_say():
    got = exchanges_of(spans(("c", None, "a", "client", 50, 100), ("s", "c", "a", "server", 40, 90)))
    assert len(got.exchanges) == 0
    assert got.impossible.tolist() == []


def test_unknown_hosts_are_not_compared():
    got = exchanges_of(
        spans(("c", None, None, "client", 0, 100), ("s", "c", "b", "server", 40, 90), ("t", "s", None, None, 0, 1))
    )
    assert len(got.exchanges) == 0
    assert "None" not in {got.exchanges.hosts[i] for i in got.exchanges.client}


def test_zipkin_halves_that_share_an_id_are_paired():
    got = exchanges_of(
        spans(("r", None, "a", "SERVER", 0, 200), ("x", "r", "b", "SERVER", 40, 90), ("x", "r", "a", "CLIENT", 10, 110))
    )
    assert whole(got) == Interval(-20, 30, 1)


def test_children_of_shared_halves_hang_on_the_server_and_servers_on_the_client():
    got = exchanges_of(
        spans(
            ("x", None, "a", "CLIENT", 0, 100),
            ("x", None, "b", "SERVER", 40, 90),
            ("local", "x", "b", None, 50, 60),
            ("other", "x", "c", "SERVER", 45, 80),
        )
    )
    names = {got.exchanges.name(row) for row in range(len(got.exchanges))}
    assert names == {"x on a -> x on b", "x on a -> other on c"}


def test_where_the_client_span_is_absent_its_parent_stands_for_it():
    for kind, child in ((None, None), ("SERVER", "SERVER"), ("INTERNAL", "SERVER")):
        got = exchanges_of(spans(("p", "root", "a", kind, 0, 100), ("s", "p", "b", child, 40, 90)))
        assert whole(got) == Interval(-10, 40, 1)


def test_messages_bound_one_side_only():
    got = exchanges_of(spans(("p", None, "a", "PRODUCER", 0, 1), ("m", "p", "b", "CONSUMER", 40, 90)))
    assert whole(got) == Interval(None, 40, 1)
    assert got.not_awaited.tolist() == []  # nobody expected a producer to wait
    assert got.impossible.tolist() == []


def test_a_child_longer_than_its_parent_bounds_one_side_and_is_no_skew():
    got = exchanges_of(spans(("c", None, "a", "CLIENT", 0, 100), ("s", "c", "b", "SERVER", 40, 190)))
    assert whole(got) == Interval(None, 40, 1)
    assert not whole(got).skewed
    assert got.not_awaited.tolist() == [1]


@pytest.mark.parametrize("kinds", [(None, None), ("CLIENT", "SERVER")])
def test_a_child_that_outlasts_its_parent_bounds_one_side_and_is_no_skew(kinds):
    got = exchanges_of(spans(("c", None, "a", kinds[0], 0, 100), ("s", "c", "b", kinds[1], 40, 130)))
    assert whole(got) == Interval(None, 40, 1)
    assert got.not_awaited.tolist() == [1]


def test_without_kinds_a_child_after_its_parents_end_is_asynchronous():
    got = exchanges_of(spans(("c", None, "a", None, 0, 100), ("s", "c", "b", None, 140, 190)))
    assert whole(got) == Interval(None, 140, 1)


def many(server_clock, late, kinds=("CLIENT", "SERVER"), number=60):
    """Calls of 100 with 10 there, 70 work, 20 back; every `late`-th server works 15 beyond its client's end."""
    rows = []
    for n in range(number):
        begin = n * 1000
        rows.append((f"c{n}", None, "a", kinds[0], begin, begin + 100))
        end = begin + 115 if late and n % late == 0 else begin + 80
        rows.append((f"s{n}", f"c{n}", "b", kinds[1], begin + 30 + server_clock, end + server_clock))
    return exchanges_of(spans(*rows))


def test_a_few_servers_that_outlast_their_clients_do_not_pass_for_a_clock():
    assert whole(many(0, late=3)) == Interval(-20, 30, 60)


def test_a_server_clock_that_is_ahead_is_found_although_its_spans_end_late():
    assert whole(many(25, late=0)) == Interval(5, 55, 60)
    assert whole(many(25, late=0)).skewed


def test_late_ends_that_differ_from_all_others_do_not_spoil_a_clock_that_is_ahead():
    wild = [("c", None, "a", "CLIENT", 500, 1000), ("s", "c", "b", "SERVER", 900, 1400)]
    rows = wild + [
        r
        for n in range(30)
        for r in (
            (f"c{n}", None, "a", "CLIENT", n * 1000, n * 1000 + 100),
            (f"s{n}", f"c{n}", "b", "SERVER", n * 1000 + 55, n * 1000 + 105),
        )
    ]
    assert whole(exchanges_of(spans(*rows))) == Interval(5, 55, 31)


def test_without_kinds_a_late_end_is_never_a_clock():
    assert whole(many(25, late=0, kinds=(None, None))) == Interval(None, 55, 60)


def test_servers_that_work_on_for_a_long_time_are_no_clock():
    rng = np.random.default_rng(5)
    rows = []
    for n in range(200):
        rows.append((f"c{n}", None, "a", "CLIENT", n * 1000, n * 1000 + 600))
        rows.append(
            (
                f"s{n}",
                f"c{n}",
                "b",
                "SERVER",
                n * 1000 + 50 + int(rng.integers(3)),
                n * 1000 + 601 + int(rng.integers(600)),
            )
        )
    got = exchanges_of(spans(*rows))
    assert whole(got).low is None
    assert not whole(got).skewed


def test_impossible_children_are_named_and_still_bound_the_clock():
    got = exchanges_of(
        spans(("s", "p", "b", None, -5, 90), ("p", "root", "a", None, 0, 100), ("q", "p", "b", None, 1, 2))
    )
    assert got.impossible.tolist() == [0]
    assert whole(got) == Interval(-10, -5, 2)


def test_spans_recorded_twice_count_once():
    twice = ("s", "p", "b", None, -5, 90)
    got = exchanges_of(spans(("p", "root", "a", None, 0, 100), twice, twice, ("p", "root", "a", None, 0, 100)))
    assert len(got.exchanges) == 1
    assert got.duplicates.tolist() == [2, 3]
    assert got.impossible.tolist() == [1]


def test_spans_that_contradict_themselves_are_not_used():
    got = exchanges_of(
        spans(("p", "root", "a", None, 0, 100), ("s", "p", "b", None, 5, 90), ("s", "p", "b", None, 6, 90))
    )
    assert len(got.exchanges) == 0
    assert got.conflicting.tolist() == [1, 2]


def test_spans_that_end_before_they_start_are_not_used():
    got = exchanges_of(spans(("p", "root", "a", None, 0, 100), ("s", "p", "b", None, 50, 40)))
    assert len(got.exchanges) == 0
    assert got.reversed.tolist() == [1]


def test_ids_are_those_of_their_trace():
    rows = [
        ("p", "", "a", None, 0, 100),
        ("s", "p", "b", None, 40, 90),
        ("p", "", "c", None, 0, 100),
        ("s", "p", "d", None, 30, 80),
    ]
    got = exchanges_of(spans(*rows, traces=["1", "1", "2", "2"]))
    assert whole(got) == Interval(-10, 40, 1)
    assert whole(got, "c", "d") == Interval(-20, 30, 1)
    assert len(exchanges_of(spans(*rows)).exchanges) == 0


def test_no_spans_and_orphans_and_own_parents_give_nothing():
    assert len(exchanges_of(spans()).exchanges) == 0
    assert len(exchanges_of(spans(("a", "gone", "x", None, 0, 1), ("b", "b", "y", None, 0, 1))).exchanges) == 0


def test_columns_may_be_arrays_of_numbers():
    given = Spans(
        np.array([1, 2]),
        np.array([0, 1]),
        ["a", "b"],
        None,
        T0 + np.array([0, 40]),
        T0 + np.array([100, 90]),
        np.array([7, 7]),
    )
    assert whole(exchanges_of(given)) == Interval(-10, 40, 1)
