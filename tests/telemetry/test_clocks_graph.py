"""The clocks of a fleet: tightest bounds along any path, anchors, and cycles that name who contradicts."""

import random

import pytest

from nines.errors import InputError
from nines.telemetry.clocks import Interval
from nines.telemetry.clocks_graph import TRUE_TIME, Anchor, fleet_of, fleet_problems

MS = 1_000_000


def around(theta, half=100):
    return Interval(theta - half, theta + half)


def test_bounds_add_up_along_a_path_in_both_directions():
    fleet = fleet_of({("a", "b"): Interval(10, 12), ("c", "b"): Interval(-3, 4)})
    assert fleet.between("a", "c") == Interval(6, 15)
    assert fleet.between("c", "a") == Interval(-15, -6)
    assert fleet.between("a", "a") == Interval(0, 0)


def test_the_tightest_of_several_paths_holds():
    fleet = fleet_of({("a", "b"): Interval(0, 1), ("b", "c"): Interval(0, 1), ("a", "c"): Interval(-9, 9)})
    assert fleet.between("a", "c") == Interval(0, 2)


def test_one_sided_bounds_stay_one_sided():
    fleet = fleet_of({("a", "b"): Interval(None, 5), ("b", "c"): Interval(-2, 3), ("d", "e"): Interval(1, 2)})
    assert fleet.between("a", "c") == Interval(None, 8)
    assert fleet.between("c", "a") == Interval(-8, None)
    assert fleet.between("a", "d") == Interval(None, None)


def test_a_host_nobody_knows_is_refused():
    with pytest.raises(InputError, match="x: no exchange"):
        fleet_of({("a", "b"): Interval(0, 1)}).between("a", "x")


def test_anchors_bound_a_clock_against_true_time():
    anchor = Anchor("a", -2 * MS, 3 * MS + 1, 500_000)
    assert anchor.interval == Interval(-(4 * MS + 1), 4 * MS + 1)
    fleet = fleet_of({("a", "b"): Interval(10 * MS, 11 * MS)}, [anchor])
    assert fleet.between(TRUE_TIME, "b") == Interval(6 * MS - 1, 15 * MS + 1)


def test_two_anchors_bound_hosts_that_never_call_each_other():
    fleet = fleet_of({}, [Anchor("a", 0, 2, 0), Anchor("b", 0, 4, 1)])
    assert fleet.between("a", "b") == Interval(-4, 4)


def test_a_negative_cycle_names_its_hosts_and_by_how_much():
    fleet = fleet_of({("a", "b"): around(0), ("b", "c"): around(0), ("a", "c"): around(1000), ("c", "d"): around(5)})
    (contradiction,) = fleet.contradictions
    assert sorted(contradiction.hosts) == ["a", "b", "c"]
    assert contradiction.excess == 700
    assert fleet.between("c", "d") == around(5)
    assert fleet.between("a", "b") == Interval(None, None)
    (problem,) = fleet_problems(fleet)
    assert problem.code == "clocks-contradict"
    assert problem.where.count("->") == 3


def test_an_empty_pair_is_a_contradiction_of_two():
    fleet = fleet_of({("a", "b"): Interval(5, -5), ("b", "c"): Interval(0, 1)})
    assert [sorted(c.hosts) for c in fleet.contradictions] == [["a", "b"]]
    assert fleet.contradictions[0].excess == 10


def test_the_host_in_every_contradiction_is_the_suspect():
    pairs = {(p, q): around(0) for p in "abcd" for q in "abcd" if p < q}
    pairs |= {(p, "liar"): around(1000 if p in "ab" else -1000) for p in "abcd"}
    fleet = fleet_of(pairs)
    assert len(fleet.contradictions) > 1
    assert fleet.suspects() == ("liar",)


def test_an_anchor_that_lies_is_named_with_true_time():
    fleet = fleet_of({("a", "b"): around(50 * MS)}, [Anchor("a", 0, 2 * MS, 0), Anchor("b", 0, 2 * MS, 0)])
    (contradiction,) = fleet.contradictions
    assert sorted(contradiction.hosts) == [TRUE_TIME, "a", "b"]
    assert fleet.suspects() == ("a", "b")


def test_clocks_decades_apart_are_set_aside_and_told():
    year = 365 * 86_400 * 1_000_000_000
    fleet = fleet_of({("a", "b"): around(50 * year), ("a", "c"): around(3)})
    assert fleet.too_far == (("a", "b"),)
    assert fleet.between("a", "c") == around(3)
    assert fleet.between("a", "b") == Interval(None, None)
    assert [p.code for p in fleet_problems(fleet)] == ["clocks-too-far"]


def test_no_bounds_make_an_empty_fleet():
    assert fleet_of({}).hosts == ()
    assert fleet_of({}).suspects() == ()


@pytest.mark.parametrize("seed", range(40))
def test_true_offsets_lie_within_all_bounds_and_the_bounds_are_the_shortest_paths(seed):
    dice = random.Random(seed)
    hosts = [f"h{n:02}" for n in range(dice.randint(2, 14))]
    true = {h: dice.randint(-(10**9), 10**9) for h in hosts}
    pairs = {}
    for _ in range(3 * len(hosts)):
        a, b = dice.sample(hosts, 2)
        theta = true[b] - true[a]
        pairs[a, b] = Interval(
            None if dice.random() < 0.2 else theta - dice.randint(0, 10**6),
            None if dice.random() < 0.2 else theta + dice.randint(0, 10**6),
        )
    fleet = fleet_of(pairs)
    assert fleet.contradictions == ()
    far = 10**15
    best = {(a, b): 0 if a == b else far for a in fleet.hosts for b in fleet.hosts}
    for (a, b), offset in pairs.items():
        best[a, b] = min(best[a, b], far if offset.high is None else offset.high)
        best[b, a] = min(best[b, a], far if offset.low is None else -offset.low)
    for k in fleet.hosts:
        for a in fleet.hosts:
            for b in fleet.hosts:
                best[a, b] = min(best[a, b], best[a, k] + best[k, b])
    for a in fleet.hosts:
        for b in fleet.hosts:
            got = fleet.between(a, b)
            assert got.contains(true[b] - true[a])
            assert got.high == (best[a, b] if best[a, b] < far // 2 else None)


@pytest.mark.parametrize("seed", range(40))
def test_every_cycle_named_is_a_contradiction_and_the_rest_is_consistent(seed):
    dice = random.Random(100 + seed)
    hosts = [f"h{n:02}" for n in range(dice.randint(3, 12))]
    pairs = {
        tuple(dice.sample(hosts, 2)): around(dice.randint(-2000, 2000), dice.randint(1, 3000))
        for _ in range(4 * len(hosts))
    }
    fleet = fleet_of(pairs)
    edges = {}
    for (a, b), offset in pairs.items():
        edges[a, b] = min(edges.get((a, b), offset.high), offset.high)
        edges[b, a] = min(edges.get((b, a), -offset.low), -offset.low)
    for c in fleet.contradictions:
        around_it = list(zip(c.hosts, [*c.hosts[1:], c.hosts[0]], strict=True))
        assert len(set(c.hosts)) == len(c.hosts)
        assert sum(edges[e] for e in around_it) == -c.excess < 0
    for a in fleet.hosts:
        for b in fleet.hosts:
            assert not fleet.between(a, b).empty
