"""Counters: increments per series first, sums afterwards, and nothing counted that is not certain."""

import math
import struct
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nines.telemetry.counters import NOT_SAID, Samples, Scrapes, increments
from nines.telemetry.series import MinuteState

M = 60_000
STALE = struct.unpack(">d", (0x7FF0000000000002).to_bytes(8, "big"))[0]
SILENT, ALIVE, BRIDGED, BROKEN = MinuteState


def samples(*series, created=None):
    """Each series is a list of (time in minutes, value); created is per series, in minutes."""
    rows = [(s, round(t * M), v) for s, readings in enumerate(series) for t, v in readings]
    born = None if created is None else [NOT_SAID if c is None else round(c * M) for c in created]
    return Samples(
        np.array([r[0] for r in rows], dtype=np.int64),
        np.array([r[1] for r in rows], dtype=np.int64),
        np.array([r[2] for r in rows], dtype=np.float64),
        tuple(f"c{s}" for s in range(len(series))),
        None if born is None else np.array([born[r[0]] for r in rows], dtype=np.int64),
    )


def counted(given, *, start=0, end=6, interval=M, since=None, scrapes=None):
    return increments(given, interval_ms=interval, start=start, end=end, since_ms=since, scrapes=scrapes)


def scraped(*minutes, restarts=()):
    return Scrapes(
        np.zeros(9, dtype=np.int64),
        (np.array(minutes) * M,),
        (np.array([round(r * M) for r in restarts], dtype=np.int64),),
    )


def kinds(got):
    return {f.kind: f.number for f in got.findings}


def test_the_difference_of_two_readings_belongs_to_the_minute_they_close():
    assert counted(samples([(1, 5), (2, 9), (3, 9)]), end=4).counts.tolist() == [0, 4, 0, 0]


def test_readings_inside_a_minute_add_up_there():
    got = counted(samples([(1, 10), (1.25, 11), (1.5, 14), (2, 20), (2.25, 21)]), end=3, interval=15_000)
    assert got.counts.tolist() == [0, 10, 1]


def test_a_drop_is_a_reset_and_its_new_value_counts_whole():
    got = counted(samples([(1, 100), (2, 3), (3, 5)]), end=4)
    assert got.counts.tolist() == [0, 3, 2, 0]
    assert kinds(got) == {"reset": 1}


def test_each_series_is_differenced_before_any_sum():
    # Sums of both read 100 + 50 = 150, then 10 + 60 = 70: a difference of sums would see one reset and count 70.
    got = counted(samples([(1, 100), (2, 10)], [(1, 50), (2, 60)]), end=2)
    assert got.counts.tolist() == [0, 20]


def test_a_reset_that_climbs_past_the_old_value_is_seen_by_its_creation():
    given = samples([(1, 5), (2, 9)])
    given = Samples(given.series, given.times, given.values, given.names, np.array([0, 90_000]))
    assert counted(given, end=2).counts.tolist() == [0, 9]


def test_the_first_reading_of_the_range_is_only_a_starting_point():
    got = counted(samples([(1, 1_000_000), (2, 1_000_001)]), end=2)
    assert got.counts.tolist() == [0, 1]
    assert got.doubt.tolist() == [0, 0]
    assert got.findings == ()


def test_a_series_born_at_seven_after_a_scrape_without_it_counts_seven():
    got = counted(samples([(4, 7), (5, 7)]), since=M, scrapes=scraped(1, 2, 3, 4, 5))
    assert got.counts.tolist() == [0, 0, 0, 7, 0, 0]
    assert got.doubt.sum() == 0


def test_a_series_born_at_seven_after_a_restart_is_doubt():
    got = counted(samples([(4, 7), (5, 7)]), since=M, scrapes=scraped(1, 2, 3, 4, 5, restarts=[3.5]))
    assert got.counts.sum() == 0
    assert got.doubt.tolist() == [0, 0, 0, 7, 0, 0]
    assert kinds(got) == {"born-at-n": 7}


def test_a_series_born_at_seven_with_its_creation_said_counts_seven():
    got = counted(samples([(4, 7), (5, 7)], created=[3.5]), since=M)
    assert got.counts.tolist() == [0, 0, 0, 7, 0, 0]


def test_a_series_created_before_anyone_looked_is_doubt():
    got = counted(samples([(4, 7)], created=[0.5]), since=M)
    assert (got.counts.sum(), got.doubt.sum()) == (0, 7)


def test_a_series_born_at_seven_of_which_nothing_is_said_is_doubt_and_reported():
    got = counted(samples([(4, 7), (5, 8)], [(1, 0), (2, 0), (3, 0), (4, 0), (5, 0)]))
    assert got.counts.tolist() == [0, 0, 0, 0, 1, 0]
    assert got.doubt.tolist() == [0, 0, 0, 7, 0, 0]


def test_a_series_born_at_zero_leaves_no_doubt():
    got = counted(samples([(4, 0), (5, 8)]), since=M)
    assert (got.counts.sum(), got.doubt.sum(), got.findings) == (8, 0, ())


def test_a_new_target_is_not_taken_for_a_newborn_series():
    got = counted(samples([(4, 7)]), since=M, scrapes=scraped(4, 5))
    assert (got.counts.sum(), got.doubt.sum()) == (0, 7)


def test_an_increment_across_a_gap_counts_and_its_minutes_are_bridged():
    got = counted(samples([(1, 0), (2, 5), (5, 11), (6, 12)]))
    assert got.counts.tolist() == [0, 5, 0, 0, 6, 1]
    assert got.state.tolist() == [ALIVE, ALIVE, BRIDGED, BRIDGED, BRIDGED, ALIVE]
    assert kinds(got) == {"gap": 2}


def test_two_and_a_half_intervals_are_no_gap_yet():
    got = counted(samples([(1, 0), (3.5, 5)]), end=4)
    assert got.state.tolist() == [ALIVE] * 4


def test_before_the_first_and_after_the_last_reading_it_is_silent():
    got = counted(samples([(2, 0), (3, 1)]), end=5)
    assert got.state.tolist() == [SILENT, ALIVE, ALIVE, SILENT, SILENT]


def test_a_gap_in_one_series_makes_the_sum_uncertain_there():
    got = counted(samples([(1, 0), (5, 4)], [(m, m) for m in (1, 2, 3, 4, 5)]), end=5)
    assert got.counts.tolist() == [0, 1, 1, 1, 5]
    assert got.state.tolist() == [ALIVE, BRIDGED, BRIDGED, BRIDGED, BRIDGED]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (math.nan, "not-a-number"),
        (math.inf, "not-a-number"),
        (-1, "negative"),
        (7.5, "not-whole"),
        (2.0**53, "too-large"),
    ],
)
def test_a_reading_that_cannot_be_true_breaks_its_minute_and_is_bridged(value, kind):
    got = counted(samples([(1, 5), (2, value), (3, 9), (4, 10)]), end=4)
    assert got.counts.tolist() == [0, 0, 4, 1]
    assert got.state.tolist() == [ALIVE, BROKEN, BRIDGED, ALIVE]
    assert kinds(got) == {kind: 1}


def test_a_series_that_begins_with_nonsense_counts_from_its_first_true_reading():
    got = counted(samples([(1, math.nan), (2, 5), (3, 7)]), end=3)
    assert got.counts.tolist() == [0, 0, 2]
    assert got.state.tolist() == [BROKEN, ALIVE, ALIVE]


def test_a_stale_marker_ends_a_series_and_breaks_nothing():
    got = counted(samples([(1, 5), (2, 6), (3, STALE)]), end=4)
    assert got.counts.tolist() == [0, 1, 0, 0]
    assert got.state.tolist() == [ALIVE, ALIVE, SILENT, SILENT]
    assert got.findings == ()


def test_a_repeated_reading_counts_once():
    got = counted(samples([(1, 5), (2, 6), (2, 6), (3, 7)]), end=3)
    assert got.counts.tolist() == [0, 1, 1]
    assert kinds(got) == {"duplicate": 1}


def test_readings_of_one_instant_that_contradict_each_other_break_the_minute():
    got = counted(samples([(1, 5), (2, 6), (2, 8), (3, 9)]), end=3)
    assert got.state.tolist() == [ALIVE, BROKEN, BRIDGED]
    assert got.counts.tolist() == [0, 0, 4]
    assert kinds(got) == {"conflict": 1}


def test_no_readings_are_silence():
    got = counted(samples(), end=3)
    assert (got.counts.tolist(), got.state.tolist(), got.first) == ([0, 0, 0], [SILENT] * 3, None)


def test_a_million_readings_of_a_hundred_series_are_counted_exactly():
    times = np.tile(np.arange(1, 10_001) * 15_000, 100)
    values = np.tile(np.arange(10_000) * 3.0, 100)
    given = Samples(np.repeat(np.arange(100), 10_000), times, values, tuple(map(str, range(100))))
    assert increments(given, interval_ms=15_000, start=0, end=2501).counts.sum() == 9_999 * 3 * 100


@st.composite
def histories(draw):
    """Events at each second of ten minutes for up to three series, read at irregular seconds, with restarts."""
    series, truth = [], []
    for _ in range(draw(st.integers(1, 3))):
        events = draw(st.lists(st.integers(0, 3), min_size=20, max_size=20)) * 30
        reads = sorted(draw(st.sets(st.integers(1, 599), min_size=1, max_size=12)))
        restart = draw(st.none() | st.sampled_from(reads))
        shown = [sum(events[(restart if restart is not None and r > restart else 0) : r]) for r in reads]
        series.append([(r / 60, v) for r, v in zip(reads, shown, strict=True)])
        truth.append((reads, events, restart))
    return series, truth


@given(histories())
@settings(deadline=None, max_examples=60)
def test_what_is_counted_is_what_happened_between_the_first_and_the_last_reading(history):
    series, truth = history
    happened = sum(sum(events[reads[0] : reads[-1]]) for reads, events, _ in truth)
    # A restart right after a reading loses nothing, unless the new value has climbed past the old one unseen.
    unseen = any(
        restart is not None and any(b[1] >= a[1] > 0 and round(a[0] * 60) == restart for a, b in pairwise(s))
        for s, (_, _, restart) in zip(series, truth, strict=True)
    )
    got = counted(samples(*series), end=11).counts.sum()
    assert (got == happened) or (unseen and got < happened)


@given(histories(), st.integers(1, 9), st.booleans())
@settings(deadline=None, max_examples=60)
def test_counting_in_two_chunks_counts_the_same(history, cut, spoil):
    whole = samples(*history[0])
    if spoil:
        whole.values[::4] = math.nan
    early = whole.times <= cut * M

    def chosen(kept):
        return Samples(whole.series[kept], whole.times[kept], whole.values[kept], whole.names)

    last = chosen(early).latest()
    late = chosen(~early)
    joined = Samples(*(np.concatenate([getattr(last, f), getattr(late, f)]) for f in ("series", "times", "values")), whole.names)  # fmt: skip
    since = 0
    one = counted(whole, end=11, since=since)
    first = counted(chosen(early), end=cut, since=since)
    second = counted(joined, start=cut, end=11, since=since)
    assert one.counts.tolist() == first.counts.tolist() + second.counts.tolist()
    assert one.doubt.tolist() == first.doubt.tolist() + second.doubt.tolist()
    assert one.state[cut:].tolist() == second.state.tolist()
