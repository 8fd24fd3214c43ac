"""Users and probes as one indicator, by a stated rule (row 1.5)."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nines.errors import InputError
from nines.telemetry.reconcile_combine import Rule, combination, combine
from nines.telemetry.series import COUNTED, MinuteSeries, MinuteState, Stratum, series_of_strata

STATES = {".": MinuteState.SILENT, "b": MinuteState.BRIDGED, "x": MinuteState.BROKEN}


def series(good, bad, states="", unknown=None, start=0, first=0):
    """Return a series; `states` marks silent (.), bridged (b) and broken (x) minutes, all others are alive."""
    n = len(good)
    state = [STATES.get(c, MinuteState.ALIVE) for c in states.ljust(n, "#")]
    counts = [np.array(v, dtype=np.int64) for v in (good, bad, unknown or [0] * n)]
    return MinuteSeries(start, *counts, np.array(state, dtype=np.uint8), first)


def counts(found):
    return found.good.tolist(), found.bad.tolist(), found.unknown.tolist()


def said(found):
    """Return each minute as good, bad, unknown or nothing."""
    return "".join("+" if g else "-" if b else "?" if u else " " for g, b, u in zip(*counts(found), strict=True))


UP, DOWN = series([1] * 4, [0] * 4), series([0] * 4, [1] * 4)


def test_one_source_alone_is_left_as_it_is():
    assert combine("users", UP, DOWN) is UP
    assert combine("probes", UP, DOWN) is DOWN
    assert "probes are not counted" in combination("users", UP, DOWN).statement


class TestWorst:
    @pytest.mark.parametrize(
        ("users", "probes", "both"),
        [("+", "+", "+"), ("+", "-", "-"), ("-", "+", "-"), ("-", "-", "-"), ("+", "?", "?"), ("?", "+", "?"),
         ("-", "?", "-"), ("?", "-", "-"), ("?", "?", "?"), ("+", " ", "+"), (" ", "-", "-"), ("?", " ", "?"), (" ", " ", " ")],
    )  # fmt: skip
    def test_it_is_kleenes_and_where_no_traffic_has_no_say(self, users, probes, both):
        def one(sign):
            return series([int(sign == "+")], [int(sign == "-")], "." if sign == "?" else "", first=-1)

        assert said(combine("worst", one(users), one(probes))) == both

    def test_each_minute_is_one_unit_however_many_users_came(self):
        found = combine("worst", series([990, 989], [10, 11]), series([1, 1], [0, 0]))
        assert counts(found) == ([1, 0], [0, 1], [0, 0])

    def test_the_minutes_target_is_stated_and_compared_exactly(self):
        users = series([949, 95], [51, 5])
        rule = Rule("worst", minute_target=Fraction(95, 100))
        found = combination(rule, users, series([1, 1], [0, 0]))
        assert said(found.series) == "-+"
        assert "bad if either is under 95 %" in found.statement

    def test_unknown_events_that_could_decide_leave_the_minute_open(self):
        users = series([99, 99, 90], [0, 0, 10], unknown=[1, 2, 5])
        assert said(combine("worst", users, series([1] * 3, [0] * 3))) == "+?-"

    def test_events_told_later_are_unknown_by_the_minute(self):
        assert said(combine("worst", series([100, 100], [0, 0], "b"), series([1, 1], [0, 0]))) == "?+"

    def test_before_either_source_was_heard_there_is_nothing(self):
        users = series([0, 0, 9], [0, 0, 0], "..", first=2)
        probes = series([0, 1, 1], [0, 0, 0], ".", first=1)
        found = combine("worst", users, probes)
        assert (said(found), found.first) == (" ?+", 1)


class TestFallback:
    def test_probes_speak_where_no_user_came(self):
        users = series([50, 0, 0, 40], [1, 0, 0, 0])
        found = combination("users-with-probe-fallback", users, series([1, 1, 0, 0], [0, 0, 1, 1]))
        assert counts(found.series) == ([50, 1, 0, 40], [1, 0, 1, 0], [0, 0, 0, 0])
        assert (found.from_users, found.from_probes) == (2, 2)
        assert "probes in 2 minutes without users (0 of them because" in found.statement
        assert "a try counts as one event, 2 of 93" in found.statement

    def test_probes_speak_where_the_users_source_was_silent(self):
        users = series([50, 0], [1, 0], "#.")
        found = combination("users-with-probe-fallback", users, series([1, 0], [0, 1]))
        assert counts(found.series) == ([50, 0], [1, 1], [0, 0])
        assert "(1 of them because the users' source was not heard)" in found.statement

    def test_silence_stays_unknown_where_the_rule_says_so(self):
        users = series([50, 0, 0], [1, 0, 0], "##.")
        found = combination(Rule("users-with-probe-fallback", fill_silent=False), users, series([1] * 3, [0] * 3))
        assert counts(found.series) == ([50, 1, 0], [1, 0, 0], [0, 0, 0])
        assert found.series.state.tolist() == [1, 1, 0]
        assert "1 silent minutes stay unknown" in found.statement

    def test_silence_of_both_stays_silent(self):
        found = combine("users-with-probe-fallback", series([0], [0], "."), series([0], [0], "."))
        assert found.state.tolist() == [MinuteState.SILENT]

    def test_figures_that_cannot_be_true_are_not_papered_over(self):
        found = combine("users-with-probe-fallback", series([0], [0], "x"), series([1], [0]))
        assert (counts(found), found.state.tolist()) == (([0], [0], [0]), [MinuteState.BROKEN])

    def test_users_of_unknown_outcome_are_users(self):
        assert counts(combine("users-with-probe-fallback", series([0], [0], unknown=[7]), UP.window(0, 1))) == (
            [0], [0], [7],
        )  # fmt: skip

    def test_different_spans_are_put_together(self):
        found = combine("users-with-probe-fallback", series([9], [0], start=2, first=2), series([1, 1], [0, 0]))
        assert (found.start, said(found), found.good.tolist()) == (0, "+++", [1, 1, 9])

    def test_sampled_users_keep_their_weights_and_probes_count_once(self):
        none = np.zeros(2, dtype=np.int64)
        kept = np.array([4, 0])
        one = Stratum(Fraction(5, 2), **dict.fromkeys(COUNTED, none) | {"good": kept, "units": kept, "nn": kept})
        users = series_of_strata(0, [one], np.ones(2, np.uint8), 0)
        found = combine("users-with-probe-fallback", users, series([1, 1], [0, 0]))
        assert [Fraction(g, found.scale) for g in found.good.tolist()] == [10, 1]
        assert found.strata[0].good.tolist() == [4, 0]


class TestWeighted:
    def test_counts_are_added_and_ratios_are_not_averaged(self):
        users, probes = series([900], [100]), series([1], [0])
        found = combination("weighted", users, probes)
        assert counts(found.series) == ([901], [100], [0])
        assert "no ratio is averaged" in found.statement

    def test_weights_are_exact(self):
        rule = Rule("weighted", Fraction(1, 3), Fraction(5, 2))
        found = combine(rule, series([900], [100]), series([1], [1]))
        good, bad = (Fraction(int(v[0]), found.scale) for v in (found.good, found.bad))
        assert (good, bad) == (Fraction(900, 3) + Fraction(5, 2), Fraction(100, 3) + Fraction(5, 2))

    def test_a_minute_in_which_one_was_not_heard_is_silent(self):
        found = combine("weighted", series([9, 9, 9], [0] * 3, "#.b"), series([1] * 3, [0] * 3))
        assert found.state.tolist() == [MinuteState.ALIVE, MinuteState.SILENT, MinuteState.BRIDGED]

    def test_great_weights_do_not_overflow(self):
        found = combine(Rule("weighted", Fraction(10**12), Fraction(1, 10**12)), series([10**6], [1]), series([1], [0]))
        assert Fraction(int(found.good[0]), found.scale) == 10**18 + Fraction(1, 10**12)

    def test_events_that_are_sampled_already_are_refused(self):
        none = np.zeros(1, dtype=np.int64)
        one = Stratum(Fraction(2), **dict.fromkeys(COUNTED, none))
        sampled = series_of_strata(0, [one], np.ones(1, np.uint8), 0)
        with pytest.raises(InputError, match="already have weights"):
            combine("weighted", sampled, UP)


@pytest.mark.parametrize(
    "rule",
    [
        lambda: Rule("average"),
        lambda: Rule("weighted", Fraction(0)),
        lambda: Rule("weighted", probes_weight=Fraction(-1)),
        lambda: Rule("worst", minute_target=Fraction(0)),
        lambda: Rule("worst", minute_target=Fraction(11, 10)),
    ],
)
def test_a_rule_that_means_nothing_is_refused(rule):
    with pytest.raises(InputError):
        rule()


MINUTES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from("#.")), min_size=1, max_size=12)


@given(MINUTES, MINUTES)
def test_the_worst_of_two_is_never_better_than_either(users, probes):
    n = min(len(users), len(probes))
    one, other = (
        series(
            [g * (s == "#") for g, _, s in m[:n]], [b * (s == "#") for _, b, s in m[:n]], "".join(s for *_, s in m[:n])
        )
        for m in (users, probes)
    )
    alone = [said(combine("worst", s, series([0] * n, [0] * n))) for s in (one, other)]
    both = said(combine("worst", one, other))
    order = {"-": 0, "?": 1, "+": 2, " ": 3}
    assert all(order[b] == min(order[x], order[y]) for b, x, y in zip(both, *alone, strict=True))
