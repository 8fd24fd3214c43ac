"""Several locations, one verdict: an outage needs several witnesses, silence is none."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nines.errors import InputError
from nines.telemetry.quorum import quorum
from nines.telemetry.series import MinuteSeries, MinuteState


def location(words, start=0, first=0):
    """Return a location's minutes: + good, - bad, . silent, space nothing due, ~ not to be judged."""
    good, bad, unknown = (np.array([c == sign for c in words], dtype=np.int64) for sign in "+-~")
    state = np.array([0 if c == "." else 1 for c in words], dtype=np.uint8)
    return MinuteSeries(start, good, bad, unknown, state, first)


def ask(*words, **how):
    return quorum({f"site-{i}": location(w) for i, w in enumerate(words)}, **how)


def shares(found):
    return [
        tuple(x)
        for x in zip(*(v.tolist() for v in (found.series.good, found.series.bad, found.series.unknown)), strict=True)
    ]


def test_the_fault_of_one_location_is_no_outage():
    found = ask("+-++", "++++", "++++")
    assert found.outages == ()
    assert found.bounds == (1, 1)
    assert [(p.name, p.faults, p.fault_minutes) for p in found.locations if p.faults] == [("site-0", ((1, 2),), 1)]
    assert "site-0 failed alone in 1 minutes" in found.statement


def test_two_of_three_are_an_outage_for_all_heard():
    found = ask("+--+", "+--+", "+++-")
    assert found.outages == ((1, 3),)
    assert shares(found) == [(3, 0, 0), (0, 3, 0), (0, 3, 0), (3, 0, 0)]
    assert [p.missed for p in found.locations] == [0, 0, 2]
    assert [p.faults for p in found.locations] == [(), (), ((3, 4),)]


def test_a_silent_location_leaves_its_share_unknown_and_the_indicator_bounded():
    found = ask("++++", "++++", "+...")
    assert shares(found) == [(3, 0, 0), (2, 0, 1), (2, 0, 1), (2, 0, 1)]
    assert found.series.scale == 3
    assert found.bounds == (Fraction(9, 12), 1)
    assert found.locations[2].silent == 3


def test_a_silent_location_in_an_outage_is_unknown_too():
    assert shares(ask("-", "-", ".")) == [(0, 2, 1)]


def test_a_silent_witness_who_could_have_confirmed_leaves_the_minute_open():
    found = ask("-", "+", ".")
    assert shares(found) == [(0, 0, 3)]
    assert (found.outages, found.undecided, found.locations[0].faults) == ((), 1, ())


def test_a_silent_witness_who_could_not_have_changed_it_does_not():
    assert shares(ask("-", "+", "+", "+", ".")) == [(4, 0, 1)]


def test_one_of_several_heard_alone_proves_no_outage_and_no_fault():
    assert shares(ask("-", ".", ".")) == [(0, 0, 3)]
    assert shares(ask("-", " ", " ")) == [(0, 0, 1)]
    assert shares(ask("+", ".", ".")) == [(1, 0, 2)]


def test_a_single_location_speaks_for_itself():
    found = ask("+-.")
    assert shares(found) == [(1, 0, 0), (0, 1, 0), (0, 0, 0)]
    assert found.dependence == ()


def test_a_tie_is_no_majority():
    found = ask("-", "+")
    assert shares(found) == [(2, 0, 0)]
    assert found.locations[0].faults == ((0, 1),)


@pytest.mark.parametrize(("k", "expected"), [(1, (0, 3, 0)), (2, (3, 0, 0)), (3, (3, 0, 0))])
def test_so_many_must_be_bad_as_the_rule_says(k, expected):
    assert shares(ask("-", "+", "+", k=k)) == [expected]


def test_a_minute_nobody_was_heard_in_is_silent():
    found = ask("+.+", "+.+", "+.+")
    assert found.series.state.tolist() == [MinuteState.ALIVE, MinuteState.SILENT, MinuteState.ALIVE]
    assert shares(found)[1] == (0, 0, 0)


def test_a_try_that_could_not_be_judged_is_unknown():
    assert shares(ask("~", "+", "+")) == [(2, 0, 1)]


def test_a_location_not_yet_born_has_nothing_to_miss():
    late = MinuteSeries(0, np.array([0, 1]), np.zeros(2, int), np.zeros(2, int), np.array([0, 1], np.uint8), 1)
    found = quorum({"a": location("++"), "b": location("++"), "late": late})
    assert shares(found) == [(2, 0, 0), (3, 0, 0)]


def test_a_try_speaks_until_the_next_is_due_and_no_longer():
    found = ask("-  +  ", " -  + ", "  +  +", hold=3)
    assert found.outages == ((1, 3),)
    silent = ask("+  ...", " +  + ", "  +  +", hold=3)
    assert silent.locations[0].silent == 3


def test_all_tries_of_a_minute_count_by_its_target():
    many = MinuteSeries(0, np.array([5]), np.array([1]), np.array([0]), np.ones(1, np.uint8), 0)
    assert quorum({"a": many, "b": many}).outages == ((0, 1),)
    assert quorum({"a": many, "b": many}, minute_target=Fraction(1, 2)).outages == ()


def test_spans_of_different_length_are_put_together():
    found = quorum({"a": location("++++"), "b": location("++", start=2, first=2), "c": location("++")})
    assert (found.series.start, len(found.series)) == (0, 4)
    assert shares(found) == [(2, 0, 0), (2, 0, 0), (2, 0, 1), (2, 0, 1)]


@pytest.mark.parametrize(
    ("sites", "how"), [((), {}), (("+", "+"), {"k": 3}), (("+",), {"k": 0}), (("+",), {"hold": 0})]
)
def test_a_rule_that_cannot_be_is_refused(sites, how):
    with pytest.raises(InputError):
        ask(*sites, **how)


WORDS = st.lists(st.text("+-. ~", min_size=5, max_size=5), min_size=1, max_size=5)


@given(WORDS, st.integers(0, 4), st.integers(0, 4))
def test_a_good_witness_who_falls_silent_never_makes_it_better(words, site, minute):
    site %= len(words)
    words[site] = words[site][:minute] + "+" + words[site][minute + 1 :]
    before = ask(*words)
    words[site] = words[site][:minute] + "." + words[site][minute + 1 :]
    after = ask(*words)
    assert after.series.good[minute] < before.series.good[minute] or before.series.good[minute] == 0
    assert after.series.unknown[minute] > 0 or after.series.state[minute] == MinuteState.SILENT


@given(WORDS)
def test_every_location_due_has_one_share_and_no_silent_one_a_good_share(words):
    for minute, (share, state) in enumerate(
        zip(shares(found := ask(*words)), found.series.state.tolist(), strict=True)
    ):
        signs = [w[minute] for w in words]
        unheard = sum(s in ".~" for s in signs)
        due = len(words) - signs.count(" ")
        if state == MinuteState.SILENT:
            assert (share, unheard) == ((0, 0, 0), due)
        else:
            assert sum(share) == due
            assert share[2] >= unheard


class TestDependence:
    def test_locations_that_always_fail_together_are_one_witness(self):
        found = ask("+-+-+++++-", "+-+-+++++-")
        assert found.dependence[1].kappa == 1
        assert found.dependence[1].low < 1 == found.dependence[1].high

    def test_kappa_is_exact(self):
        found = ask("--++++++++", "-+-+++++++").dependence[1]
        assert (found.minutes, found.both, found.one) == (10, 1, 2)
        assert found.kappa == 1 - Fraction(2, 10) / (2 * Fraction(4, 20) * Fraction(16, 20))

    def test_minutes_in_which_one_is_silent_do_not_count(self):
        assert ask("--..++", "-+--++").dependence[1].minutes == 4

    def test_without_a_failure_nothing_is_known(self):
        assert ask("++++", "++++").dependence[0].kappa is None

    def test_independent_locations_have_about_none(self):
        rng = np.random.default_rng(4)
        found = quorum({n: random_location(rng.random(20_000) < 0.02) for n in "abc"})
        assert found.dependence[0].low < 0 < found.dependence[0].high
        assert len(found.dependence) == 4

    @pytest.mark.slow
    @pytest.mark.parametrize(("kappa", "p"), [(0.0, 0.02), (0.3, 0.02), (0.6, 0.01), (0.8, 0.05)])
    def test_the_interval_holds_the_truth_as_often_as_it_says(self, kappa, p):
        rng, held, worlds, n = np.random.default_rng(6), 0, 300, 10_000
        for _ in range(worlds):
            shared = rng.random(n) < kappa
            one, other, both = (rng.random(n) < p for _ in range(3))
            found = quorum(
                {"a": random_location(np.where(shared, both, one)), "b": random_location(np.where(shared, both, other))}
            )
            held += found.dependence[1].low <= kappa <= found.dependence[1].high
        assert held / worlds >= 0.92

    @pytest.mark.slow
    def test_failures_that_last_do_not_feign_precision(self):
        rng, held, worlds, n = np.random.default_rng(7), 0, 300, 20_160
        for _ in range(worlds):
            bad = {"a": np.zeros(n, bool), "b": np.zeros(n, bool)}
            for names in (("a",), ("b",), ("a", "b")):
                for at in rng.integers(0, n - 40, rng.poisson(30)).tolist():
                    for name in names:
                        bad[name][at : at + 15] = True
            found = quorum({k: random_location(v) for k, v in bad.items()}).dependence[1]
            held += found.low <= 0.493 <= found.high  # the mean over 400 worlds; spells overlap a little
        assert held / worlds >= 0.92


def random_location(bad):
    return MinuteSeries(
        0, (~bad).astype(np.int64), bad.astype(np.int64), np.zeros(len(bad), np.int64), np.ones(len(bad), np.uint8), 0
    )
