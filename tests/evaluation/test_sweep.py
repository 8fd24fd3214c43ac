"""The sweep: sums that roll, decisions about alerts, what it refuses. Its agreement with evaluate: test_sweep_law."""

import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import numpy as np
import pytest

from nines.errors import InputError
from nines.evaluation.answers import Burning
from nines.evaluation.columns import Mark, Unit
from nines.evaluation.sweep import OWN, Sweep, minutes_needed
from nines.objectives.method import Occurrences, RatioTimeslices, Timeslices
from nines.objectives.objective import Bound, Objective, Term
from nines.objectives.window import CalendarWindow, RollingWindow
from nines.telemetry.series import MinuteState

MINUTE = timedelta(minutes=1)
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
WINDOWS = ("5m", "30m", "1h")
ALIVE = MinuteState.ALIVE | Mark.COUNTED


def promise(method=None, target="0.9", window=None, **changes):
    return Objective(**{
        "name": "checkout", "service": "shop", "indicator": "checkout",
        "terms": (Term(Fraction(target), method or Occurrences()),), "window": window or RollingWindow(60 * MINUTE), **changes,
    })  # fmt: skip


def swept(objectives, minutes, *, begin=0, windows=WINDOWS, size=0):
    """Feed minutes, each a list of (good, bad, unknown, marks) per objective."""
    ring = np.zeros((size or minutes_needed(objectives, windows), 4, len(objectives)), dtype=np.int32)
    sweep = Sweep(objectives, ring, begin, windows)
    for minute, row in enumerate(minutes, begin):
        sweep.advance(minute, np.array(row, dtype=np.int64).T)
    return sweep


def test_the_sums_of_a_window_roll_on():
    sweep = swept([promise()], [[(10, 1, 0, ALIVE)]] * 7)
    assert sweep.answer().units(Unit.GOOD)[:, 0].tolist() == [50, 70, 70, 70]
    assert sweep.answer().units(Unit.BAD)[:, 0].tolist() == [5, 7, 7, 7]


def test_a_burn_rate_exactly_on_the_factor_has_reached_it():
    answer = swept([promise(target="0.9995")], [[(9_995, 5, 0, ALIVE)]]).answer()
    assert answer.burning("5m", Fraction(1)).tolist() == [Burning.OVER]
    assert answer.burning("5m", Fraction(1), strict=True).tolist() == [Burning.UNDER]


def test_two_windows_must_both_burn():
    minutes = [[(0, 10, 0, ALIVE)]] * 5 + [[(10, 0, 0, ALIVE)]] * 5
    answer = swept([promise()], minutes).answer()
    assert answer.burning("30m", Fraction(5)).tolist() == [Burning.OVER]
    assert answer.burning("5m", Fraction(5)).tolist() == [Burning.UNDER]
    assert answer.burning_both("30m", "5m", Fraction(5)).tolist() == [Burning.UNDER]


def test_silence_is_neither_burning_nor_calm():
    answer = swept([promise()], [[(0, 0, 0, MinuteState.SILENT | Mark.COUNTED)]] * 5).answer()
    assert answer.burning("5m", Fraction(1)).tolist() == [Burning.UNKNOWN]
    assert answer.coverage()[0].tolist() == [0.0]
    assert answer.units(Unit.SILENT)[0].tolist() == [5]


def test_partial_silence_holds_back_a_decision_it_could_change():
    silent = [(0, 0, 0, MinuteState.SILENT | Mark.COUNTED)]
    answer = swept([promise()], [[(8, 2, 0, ALIVE)]] + [silent] * 4).answer()
    assert answer.burning("5m", Fraction(1)).tolist() == [Burning.UNKNOWN]
    assert answer.burning("5m", Fraction(9)).tolist() == [Burning.UNDER]
    assert answer.burning("5m", Fraction("0.4")).tolist() == [Burning.OVER]


def test_a_close_call_in_fixed_point_is_left_to_evaluate():
    third = [[(2, 1, 0, ALIVE)]] * 3  # three shares of one third are one, which binary fractions miss by a hair
    answer = swept([promise(RatioTimeslices(), "2/3")], third).answer()
    assert answer.burning("5m", Fraction(1)).tolist() == [Burning.CLOSE]
    assert answer.burning("5m", Fraction("1.000001")).tolist() == [Burning.UNDER]
    assert answer.burning("5m", Fraction("0.999999")).tolist() == [Burning.OVER]


def test_a_slice_is_judged_when_it_is_complete():
    five = promise(Timeslices(Fraction("0.9"), 5))
    minutes = [[(9, 1, 0, ALIVE)]] * 4 + [[(0, 1, 0, ALIVE)]]
    assert swept([five], minutes[:4]).answer().units(Unit.COUNTED)[1].tolist() == [0]
    assert swept([five], minutes).answer().units(Unit.BAD)[1].tolist() == [1]


def test_late_events_change_the_windows_that_hold_their_minute():
    sweep = swept([promise(), promise(Timeslices(Fraction("0.9")))], [[(10, 0, 0, ALIVE)] * 2] * 10)
    assert sweep.late(2, np.array([0, 1]), np.array([[0, 0], [5, 5], [0, 0]]))
    bad = sweep.answer().units(Unit.BAD)
    assert bad.tolist() == [[0, 0], [5, 1], [5, 1], [5, 1]]
    assert sweep.answer().units(Unit.GOOD).tolist() == [[50, 5], [100, 9], [100, 9], [100, 9]]


def test_what_arrives_after_its_minute_left_the_ring_is_refused_quietly():
    sweep = swept([promise(window=RollingWindow(5 * MINUTE))], [[(1, 0, 0, ALIVE)]] * 20, windows=("5m",))
    before = sweep.sums.copy()
    assert not sweep.late(3, np.array([0]), np.array([[1], [0], [0]]))
    assert (sweep.sums == before).all()


def test_minutes_come_in_order_and_none_is_left_out():
    with pytest.raises(InputError, match="minute 3 is not the next one; feed 2"):
        swept([promise()], [[(1, 0, 0, ALIVE)]] * 2).advance(3, np.zeros((4, 1), np.int64))


def test_a_count_the_ring_cannot_hold_is_refused_and_not_wrapped():
    with pytest.raises(InputError, match="wider type"):
        swept([promise()], [[(2**31, 0, 0, ALIVE)]])


def test_a_ring_too_short_is_refused_with_the_length_it_needs():
    with pytest.raises(InputError, match="61 or more"):
        swept([promise()], [], size=60)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"bound": Bound("p95", "lte", Fraction(300))}, "aggregate"),
        ({"bound": Bound("uptime", "gte", Fraction(1, 2)), "method": Timeslices(Fraction(1, 2))}, "uptime in slices"),
        (
            {"window": CalendarWindow("day", anchor=datetime(2026, 1, 1, 0, 0, 30)), "method": RatioTimeslices(5)},  # noqa: DTZ001
            "inside a minute",
        ),
    ],
)
def test_what_a_column_cannot_hold_is_named_with_its_reason(changes, why):
    with pytest.raises(InputError, match=why):
        swept([promise(**changes)], [])


def test_silence_repeats_the_last_slice_that_was_decided():
    last = promise(Timeslices(Fraction("0.9")), missing="last", window=RollingWindow(4 * MINUTE))
    silent = [(0, 0, 0, MinuteState.SILENT | Mark.COUNTED)]
    minutes = [silent, [(1, 9, 0, ALIVE)], silent, silent, [(10, 0, 0, ALIVE)], silent]
    sweep = swept([last], minutes)
    answer = sweep.answer()
    assert [answer.units(u)[1, 0] for u in (Unit.GOOD, Unit.BAD, Unit.UNKNOWN)] == [2, 3, 1]
    # In its own window of four minutes nothing was decided before the first two, so nobody knows what they were.
    assert [answer.units(u)[-1, 0] for u in (Unit.GOOD, Unit.BAD, Unit.UNKNOWN)] == [2, 0, 2]
    assert sweep.late(2, np.array([0]), np.array([[5], [0], [0]]), np.array([ALIVE]))
    assert [sweep.answer().units(u)[-1, 0] for u in (Unit.GOOD, Unit.BAD, Unit.UNKNOWN)] == [4, 0, 0]


def test_a_ring_that_outlived_its_process_is_taken_up_again():
    minutes = [[(n % 7, n % 3, 0, ALIVE)] * 2 for n in range(90)]
    both = [promise(), promise(Timeslices(Fraction("0.9"), 5), missing="last")]
    size = minutes_needed(both, WINDOWS)
    before = swept(both, minutes)
    after = Sweep(both, before.facts, 90 - min(size, 90), WINDOWS)
    after.resume(90)
    assert (after.sums == before.sums).all()
    with pytest.raises(InputError, match="resume first"):
        after.resume(91)


def test_a_block_is_refused_when_it_does_not_follow_or_does_not_fit():
    sweep = swept([promise()], [[(1, 0, 0, ALIVE)]] * 2)
    with pytest.raises(InputError, match="minute 3 is not the next one; feed 2"):
        sweep.load(3, np.zeros((5, 4, 1), np.int64))
    with pytest.raises(InputError, match=r"use \[minutes, 4, 1\]"):
        sweep.load(2, np.zeros((5, 4, 2), np.int64))
    with pytest.raises(InputError, match="wider type"):
        sweep.load(2, np.full((5, 4, 1), 2**31))


def test_a_correction_below_zero_is_refused_before_anything_changes():
    sweep = swept([promise()], [[(3, 0, 0, ALIVE)]] * 4)
    before = sweep.sums.copy()
    with pytest.raises(InputError, match="negative"):
        sweep.late(1, np.array([0]), np.array([[-4], [0], [0]]))
    assert (sweep.sums == before).all()


def test_what_silence_repeated_before_the_ring_is_left_to_evaluate():
    day = CalendarWindow("day")
    silent = [(0, 0, 0, MinuteState.SILENT | Mark.COUNTED)]
    sweep = swept([promise(missing="last", window=day)], [[(9, 1, 0, ALIVE)]] + [silent] * 90 + [[(1, 0, 0, ALIVE)]])
    # Minute 50 repeats minute 0, which has left the ring: nobody here knows what it repeats when it is corrected.
    assert not sweep.late(50, np.array([0]), np.array([[0], [1], [0]]))
    assert sweep.answer().sums_of(0, OWN).silent_minutes == 90


def test_many_minutes_are_taken_in_without_much_memory():
    objectives = [promise(Timeslices(Fraction("0.95")) if n % 2 else Occurrences()) for n in range(10_000)]
    ring = np.zeros((minutes_needed(objectives, WINDOWS), 4, 10_000), dtype=np.int16)
    block = np.full((400, 4, 10_000), 5, dtype=np.int16)
    sweep = Sweep(objectives, ring, 0, WINDOWS)
    tracemalloc.start()
    sweep.load(0, block)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sweep.answer().units(Unit.COUNTED)[2].tolist() == [60] * 10_000
    assert peak < 200e6


def test_ten_thousand_objectives_are_answered_within_a_tick():
    objectives = [
        promise(
            Timeslices(Fraction("0.95")) if i % 3 == 0 else Occurrences(), "0.999", RollingWindow(timedelta(days=1))
        )
        for i in range(10_000)
    ]
    ring = np.zeros((1500, 4, 10_000), dtype=np.int32)
    sweep = Sweep(objectives, ring, 0, ("5m", "30m", "1h", "2h", "6h"))
    row = np.tile(np.array([[99], [1], [0], [ALIVE]]), (1, 10_000))
    took = []
    for minute in range(60):
        begun = time.perf_counter()
        sweep.advance(minute, row)
        answer = sweep.answer()
        for long, short, factor in (("1h", "5m", "14.4"), ("6h", "30m", "6")):
            answer.burning_both(long, short, Fraction(factor))
        took.append(time.perf_counter() - begun)
    assert sorted(took)[20] < 0.05
