"""How long a source is waited for: learned in whole minutes, up to a cap, and what is told about the newest minutes."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from nines.spans import Span
from nines.telemetry.datasource import DataSource
from nines.telemetry.lateness import Delays, Lateness
from nines.telemetry.settling import (
    EDGES,
    Learnt,
    closes_at,
    enough_wait,
    last_closed_hour,
    newest,
    settling,
    waited,
    waiting,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
AUTO = DataSource(name="web", type="events", settle_cap=timedelta(minutes=15))


def all_at(seconds, number=1000):
    """Delays of events that all came so late, to the bucket."""
    place = next(k for k, edge in enumerate(EDGES) if edge >= seconds * 1_000_000)
    return Delays(EDGES, tuple(number if k == place else 0 for k in range(len(EDGES) + 1)))


NONE = Delays(EDGES, (0,) * (len(EDGES) + 1))


def taught(good, bad):
    return Learnt(Lateness(good, bad), apart=True, span=Span(NOON, NOON + timedelta(hours=1)))


@pytest.mark.parametrize(
    ("good", "bad", "minutes"),
    [(0.25, 0.25, 0), (0.25, 60, 1), (60, 0.25, 1), (0.25, 600, 10), (0.25, 900, 15)],
)
def test_the_wait_is_the_later_of_good_and_bad_in_whole_minutes(good, bad, minutes):
    assert enough_wait(Lateness(all_at(good), all_at(bad)), timedelta(minutes=15)) == timedelta(minutes=minutes)


def test_an_outcome_never_seen_asks_for_no_wait():
    assert enough_wait(Lateness(all_at(60), NONE), timedelta(minutes=15)) == timedelta(minutes=1)


def test_a_longer_wait_than_the_cap_is_cut_and_said_so():
    found = settling(AUTO, taught(all_at(1), all_at(1800)))
    assert (found.settle, found.basis) == (timedelta(minutes=15), "capped")
    assert waiting(AUTO, taught(all_at(1), all_at(1800))).settle == timedelta(minutes=15)


def test_before_anything_is_learned_nothing_is_waited_for_and_that_is_said():
    assert (settling(AUTO, None).settle, settling(AUTO, None).basis) == (timedelta(), "not learned yet")


def test_a_stated_wait_stays_whatever_is_learned():
    stated = DataSource(name="web", type="events", settle=timedelta(minutes=2))
    learnt = taught(all_at(1), all_at(600))
    assert waiting(stated, learnt) is stated
    assert settling(stated, learnt).basis == "stated"


def test_an_objective_that_waits_longer_than_was_learned_has_stated_it():
    source = waiting(AUTO, taught(all_at(1), all_at(60)))
    learnt = taught(all_at(1), all_at(60))
    assert waited(source, learnt, timedelta(minutes=1)).basis == "learned"
    assert waited(source, learnt, timedelta(minutes=5)).basis == "stated"


def test_the_newest_minutes_are_biased_until_their_bad_events_are_here():
    learnt = taught(all_at(0), all_at(60))
    early, settled = newest(learnt, 990, 8, timedelta()), newest(learnt, 990, 10, timedelta(minutes=1))
    assert (early.biased, settled.biased) == (True, False)
    # Bad events come evenly between 50 and 60 s after they happened: of five minutes 245 / 300 are here.
    assert early.figure.bad_complete == Fraction(245, 300)
    assert early.figure.ratio == Fraction(8 * 300, 245) / (Fraction(8 * 300, 245) + 990)


def test_an_hour_may_be_used_five_minutes_after_it_closed():
    hour = last_closed_hour(NOON + timedelta(minutes=5))
    assert closes_at(hour) == NOON
    assert last_closed_hour(NOON + timedelta(minutes=4, seconds=59)) == hour - 1


def test_edges_are_whole_quarter_seconds_and_ascend():
    assert all(edge % 250_000 == 0 for edge in EDGES)
    assert list(EDGES) == sorted(set(EDGES))
    assert EDGES[-1] == 3_600_000_000
