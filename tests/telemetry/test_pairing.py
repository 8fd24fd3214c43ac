"""Counters put together: what cannot all be true is never mended."""

import numpy as np
import pytest

from nines.telemetry.counters import Samples, increments
from nines.telemetry.pairing import combined, paired, with_pulses
from nines.telemetry.series import MinuteState

M = 60_000
SILENT, ALIVE, BRIDGED, BROKEN = MinuteState


def counter(*values, shift_ms=0, since=None):
    """One series read at minutes 1, 2, ...; None is a failed reading."""
    times = [(m + 1) * M + shift_ms for m, v in enumerate(values) if v is not None]
    shown = [float(v) for v in values if v is not None]
    given = Samples(np.zeros(len(times), np.int64), np.array(times, np.int64), np.array(shown), ("c",))
    return increments(given, interval_ms=M, start=1, end=len(values), since_ms=since)


def pair(**sides):
    series, findings = paired("shop", **sides)
    return series, {f.kind for f in findings}


def columns(series):
    return series.good.tolist(), series.bad.tolist(), series.unknown.tolist()


def test_bad_and_total_give_good():
    series, _ = pair(bad=counter(0, 1, 3), total=counter(0, 10, 20))
    assert columns(series) == ([9, 8], [1, 2], [0, 0])


def test_good_and_total_give_bad():
    series, _ = pair(good=counter(0, 9, 17), total=counter(0, 10, 20))
    assert columns(series) == ([9, 8], [1, 2], [0, 0])


def test_good_and_bad_stand_as_they_are():
    series, _ = pair(good=counter(0, 9, 17), bad=counter(0, 1, 3))
    assert columns(series) == ([9, 8], [1, 2], [0, 0])


@pytest.mark.parametrize("sides", [("good",), ("good", "bad", "total")])
def test_two_of_three_are_needed(sides):
    with pytest.raises(ValueError, match="two of"):
        paired("shop", **{side: counter(0, 1) for side in sides})


def test_an_absent_error_series_means_no_errors_while_the_total_is_read():
    nothing = increments(Samples(*[np.zeros(0, np.int64)] * 2, np.zeros(0), ()), interval_ms=M, start=1, end=3)
    series, kinds = pair(bad=nothing, total=counter(0, 10, 20))
    assert columns(series) == ([10, 10], [0, 0], [0, 0])
    assert series.state.tolist() == [ALIVE, ALIVE]
    assert kinds == set()


def test_more_bad_events_than_events_break_the_minute():
    series, kinds = pair(bad=counter(0, 11, 12), total=counter(0, 10, 20))
    assert columns(series) == ([0, 9], [0, 1], [0, 0])
    assert series.state.tolist() == [BROKEN, ALIVE]
    assert kinds == {"more-than-total"}


def test_counts_read_at_different_instants_break_the_minute():
    series, kinds = pair(bad=counter(0, 1, 2, shift_ms=-5_000), total=counter(0, 10, 20))
    assert series.state.tolist() == [BROKEN, BROKEN]
    assert kinds == {"different-instants"}


def test_bad_events_without_a_total_break_the_minute():
    series, _ = pair(bad=counter(0, 1, 2), total=counter(0, None, None))
    assert series.state.tolist() == [BROKEN, BROKEN]


def test_doubt_of_a_late_born_error_counter_is_taken_from_the_good():
    series, kinds = pair(bad=counter(None, None, None, 4, 5, since=M), total=counter(0, 10, 20, 30, 40, since=M))
    assert columns(series) == ([10, 10, 6, 9], [0, 0, 0, 1], [0, 0, 4, 0])
    assert kinds == {"born-at-n"}


def test_doubt_of_a_late_born_total_is_events_nobody_knows():
    series, _ = pair(good=counter(0, 0, 0, 0, 0), bad=counter(None, None, None, 4, 5, since=M))
    assert columns(series) == ([0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 4, 0])


def test_terms_are_added_and_subtracted_minute_by_minute():
    both = combined(counter(0, 10, 20), counter(0, 1, 3), -1)
    assert both.counts.tolist() == [9, 8]
    assert combined(both, counter(0, 1, 3)).counts.tolist() == [10, 10]


def test_a_difference_below_zero_breaks_the_minute():
    series, kinds = pair(bad=combined(counter(0, 1, 3), counter(0, 2, 3), -1), total=counter(0, 10, 20))
    assert series.state.tolist() == [BROKEN, ALIVE]
    assert kinds == {"negative"}


def test_a_gap_on_either_side_is_bridged():
    series, _ = pair(bad=counter(0, 1, None, None, 2), total=counter(0, 10, 20, 30, 40))
    assert series.state.tolist() == [ALIVE, BRIDGED, BRIDGED, BRIDGED]


def test_a_heartbeat_tells_a_quiet_counter_from_a_silent_one():
    quiet = with_pulses(counter(0, 1, None, None, None), np.array([True, True, True, False]))
    assert quiet.state.tolist() == [ALIVE, ALIVE, ALIVE, SILENT]
