"""The life of an alert: the table is walked cell by cell, and held to laws over any run of minutes."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nines.alerting.decide import Decision
from nines.alerting.life import FOLLOWS, SIGNS, STATES, TABLE, Alert, advance, diagram, memory, replayed, resize
from nines.alerting.policy import BurnRule

NOON, MINUTE = datetime(2026, 1, 1, 12, tzinfo=UTC), timedelta(minutes=1)
SIDES = {"o": "over", "u": "under", "?": "open"}


def rule(lasts=0):
    return BurnRule("page", Fraction(2, 100), timedelta(hours=1), timedelta(minutes=5), lasts=lasts * MINUTE)


def decision(letter, lasts=0, **figures):
    return Decision(rule(lasts), SIDES[letter], None, None, "burning", figures)


def walk(letters, lasts=0, clear=0, alert=None, start=0):
    """Walk minutes written as letters; return the alert, the states after each minute, and what was told when."""
    alert, states, told = alert or Alert("shop"), [], []
    for n, letter in enumerate(letters, start):
        alert, changes = advance(alert, decision(letter, lasts), NOON + n * MINUTE, clear * MINUTE)
        states.append(alert.state)
        told += [(n, c.kind) for c in changes]
    return alert, states, told


@pytest.mark.parametrize(
    ("letters", "lasts", "clear", "state", "told"),
    [
        ("u", 0, 0, "ok", []),
        ("o", 0, 0, "firing", [(0, "fired")]),
        ("?", 0, 0, "unknown", []),
        ("oo", 2, 0, "pending", []),
        ("ooo", 2, 0, "firing", [(2, "fired")]),
        ("o?o", 2, 0, "firing", [(2, "fired")]),  # a failed scrape is no recovery
        ("ouoo", 2, 0, "pending", []),  # a recovery is
        ("o??", 2, 0, "pending", []),  # open minutes do not fire either
        ("ou", 0, 0, "resolved", [(0, "fired"), (1, "resolved")]),
        ("ouu", 0, 2, "firing", [(0, "fired")]),
        ("ouuu", 0, 2, "resolved", [(0, "fired"), (3, "resolved")]),
        ("ouu?uu", 0, 2, "firing", [(0, "fired")]),  # sure means without a break
        ("ouo", 0, 0, "firing", [(0, "fired"), (1, "resolved"), (2, "refired")]),
        ("ouo", 1, 0, "pending", []),
        ("oouo", 1, 0, "resolved", [(1, "fired"), (2, "resolved")]),  # a new burn has to last again
        ("oou?o", 1, 0, "resolved", [(1, "fired"), (2, "resolved")]),
        ("oouoo", 1, 0, "firing", [(1, "fired"), (2, "resolved"), (4, "refired")]),
        ("?o", 0, 0, "firing", [(1, "fired")]),
        ("?u", 0, 0, "ok", []),
        ("o" + "?" * 100, 0, 0, "firing", [(0, "fired")]),  # silence never resolves
    ],
)
def test_minutes_lead_where_they_should(letters, lasts, clear, state, told):
    alert, _, heard = walk(letters, lasts, clear)
    assert (alert.state, heard) == (state, told)


def test_a_burn_within_the_hour_is_the_same_episode_and_after_it_a_new_one():
    soon, _, _ = walk("ou" + "u" * 59 + "o")
    late, _, told = walk("ou" + "u" * 60 + "o")
    assert (soon.episode, late.episode) == (1, 2)
    assert told[-1] == (62, "fired")


def test_an_episode_remembers_when_its_burn_began_not_when_it_fired():
    alert, _, _ = walk("uuoooo", lasts=2)
    assert (alert.began, alert.since) == (NOON + 2 * MINUTE, NOON + 4 * MINUTE)


def test_a_firing_alert_without_data_is_shown_as_unknown_and_stays_firing():
    alert, _, _ = walk("o" + "?" * 30)
    assert (alert.state, alert.shown) == ("firing", "unknown")


def test_a_minute_is_judged_once():
    alert, _, _ = walk("oo")
    with pytest.raises(ValueError, match="comes too late"):
        advance(alert, decision("u"), NOON + MINUTE)


def test_every_state_answers_every_sign():
    assert {s: tuple(TABLE[s]) for s in TABLE} == dict.fromkeys(STATES, SIGNS)


FORBIDDEN = [
    ("ok", "resolved"), ("pending", "resolved"), ("unknown", "resolved"), ("firing", "ok"), ("firing", "pending"),
    ("firing", "unknown"), ("resolved", "pending"), ("resolved", "unknown"), ("pending", "unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("start", "end"), FORBIDDEN)
def test_forbidden_moves_are_in_no_cell(start, end):
    assert end not in {move.to for move in TABLE[start].values()}


def test_only_ways_into_and_out_of_firing_are_told():
    for state, row in TABLE.items():
        for move in row.values():
            assert bool(move.tells) == ((state == "firing") != (move.to == "firing"))


def test_open_never_tells():
    assert {row["open"].tells for row in TABLE.values()} == {""}


def test_the_diagram_has_an_arrow_for_every_change_of_state():
    arrows = {(s, m.to) for s, row in TABLE.items() for m in row.values() if m.to != s}
    drawn = [line.strip().split(":")[0].split(" --> ") for line in diagram().splitlines()[2:]]
    assert sorted(map(tuple, drawn)) == sorted(arrows)


RUNS = st.text("oou?", max_size=160)
WAITS = st.integers(0, 4)


@settings(deadline=None)
@given(RUNS, WAITS, WAITS)
def test_the_same_minutes_give_the_same_alert(letters, lasts, clear):
    assert walk(letters, lasts, clear) == walk(letters, lasts, clear)


@settings(deadline=None)
@given(RUNS, WAITS, WAITS)
def test_fired_and_resolved_alternate(letters, lasts, clear):
    _, _, told = walk(letters, lasts, clear)
    kinds = ["", *(k for _, k in told)]
    assert all(after in FOLLOWS[before] for before, after in pairwise(kinds))


@settings(deadline=None)
@given(RUNS, WAITS, WAITS)
def test_resolved_needs_a_minute_that_is_surely_under_and_fired_one_that_is_surely_over(letters, lasts, clear):
    _, _, told = walk(letters, lasts, clear)
    for n, kind in told:
        wanted = "u" * (clear + 1) if kind == "resolved" else "o"
        assert letters[: n + 1].endswith(wanted)


@settings(deadline=None)
@given(RUNS, WAITS, WAITS, st.integers(0, 160))
def test_a_restart_from_facts_alone_tells_nothing_twice_and_ends_in_the_same_place(letters, lasts, clear, at):
    """All tables are lost at a minute: the last fact and the last minutes give the same alert again."""
    assume("?" * 60 not in letters)  # a burn that waits through an hour of silence begins anew
    whole, _, told = walk(letters, lasts, clear)
    before, changes = Alert("shop"), []
    for n, letter in enumerate(letters[:at]):
        before, some = advance(before, decision(letter, lasts), NOON + n * MINUTE, clear * MINUTE)
        changes += some
    known = replayed(changes).get("shop", Alert("shop"))
    first = 0 if known.at is None else (known.at - NOON) // MINUTE + 1
    first = max(first, min(at, len(letters)) - memory(lasts * MINUTE, clear * MINUTE) // MINUTE - 1)
    again, _, heard = walk(letters[first:], lasts, clear, known, first)
    assert (again.state, again.episode, again.told) == (whole.state, whole.episode, whole.told)
    assert [h for h in heard if h[0] < at] == []
    assert [h for h in heard if h[0] >= at] == [t for t in told if t[0] >= at]


def test_late_data_resizes_and_what_was_told_stays_told():
    alert, (fired,) = advance(Alert("shop"), decision("o", bad=Fraction(20)), NOON)
    same, nothing = resize(alert, decision("o", bad=Fraction(20)), NOON + 9 * MINUTE)
    more, (change,) = resize(alert, decision("o", bad=Fraction(31)), NOON + 9 * MINUTE)
    assert (same, nothing) == (alert, ())
    assert (change.kind, change.figures) == ("resized", {"bad": Fraction(31)})
    assert (more.state, more.since, more.told) == (alert.state, NOON, "fired")
    assert fired.figures == {"bad": Fraction(20)}


def test_an_alert_that_never_fired_is_not_resized():
    assert resize(Alert("shop"), decision("o", bad=Fraction(1)), NOON) == (Alert("shop"), ())


def test_facts_that_cannot_follow_each_other_are_refused():
    alert, fired = advance(Alert("shop"), decision("o"), NOON)
    _, resolved = advance(alert, decision("u"), NOON + MINUTE)
    assert replayed([*fired, *resolved])["shop"].state == "resolved"
    with pytest.raises(ValueError, match="resolved cannot follow nothing"):
        replayed(resolved)
