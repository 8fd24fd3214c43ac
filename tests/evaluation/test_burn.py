"""Burn rates: exact, never 0 for silence, with the range that silence leaves."""

from fractions import Fraction

import numpy as np
import pytest

from evaluation.cases import ALIVE, NOON, SILENT, ask, instant, minutes, promise, slices
from nines.objectives.method import Occurrences, RatioTimeslices
from nines.objectives.objective import BURN_WINDOWS


def test_a_burn_rate_is_bad_share_over_budget():
    series = minutes([99_856] + [0] * 59, [144] + [0] * 59)
    assert ask(promise("0.9999", window=60), series).burn_rates["1h"].rate == Fraction(72, 5)


def test_every_lookback_looks_back_its_own_length():
    bad = np.zeros(4320, dtype=np.int64)
    bad[-100] = 1
    rates = {n: b.rate for n, b in ask(promise("0.9", window=60), minutes(1 - bad, bad)).burn_rates.items()}
    lengths = {"5m": 5, "30m": 30, "1h": 60, "2h": 120, "6h": 360, "1d": 1440, "3d": 4320}
    assert rates == {n: Fraction(10, m) if m >= 100 else 0 for n, m in lengths.items()}
    assert tuple(rates) == BURN_WINDOWS


@pytest.mark.parametrize("method", [Occurrences(), slices(), RatioTimeslices()])
def test_silence_burns_an_unknown_rate_and_never_nought(method):
    series = minutes([1] * 60 + [0] * 5, state=[ALIVE] * 60 + [SILENT] * 5)
    rates = ask(promise("0.9", method, window=60), series).burn_rates
    assert (rates["5m"].rate, rates["5m"].coverage) == (None, 0)
    assert (rates["30m"].rate, rates["30m"].coverage) == (0, Fraction(25, 30))
    assert (rates["30m"].low, rates["30m"].high) == (0, Fraction(5, 3))


def test_a_wholly_silent_lookback_of_slices_lies_between_nought_and_everything():
    series = minutes([1] * 60 + [0] * 5, state=[ALIVE] * 60 + [SILENT] * 5)
    burn = ask(promise("0.9", slices(), window=60), series).burn_rates["5m"]
    assert (burn.low, burn.high) == (0, 10)


def test_ignored_silence_still_shows_in_the_coverage():
    series = minutes([1] * 30 + [0] * 30, state=[ALIVE] * 30 + [SILENT] * 30)
    burn = ask(promise("0.9", missing="ignore", window=60), series).burn_rates["1h"]
    assert (burn.rate, burn.high, burn.coverage) == (0, 0, Fraction(1, 2))


def test_a_lookback_across_a_new_target_allows_each_part_its_own():
    objective = promise("0.9", window=60, since=[(instant("2026-03-31T11:55"), "0.99")])
    series = minutes([9] * 10, [1] * 10)
    assert ask(objective, series).burn_rates["30m"].rate == Fraction(10) / (5 + Fraction(1, 2))


def test_a_lookback_shorter_than_a_slice_takes_the_last_whole_slice():
    series = minutes([1] * 10 + [0] * 10, [0] * 10 + [1] * 10)
    burn = ask(promise("0.5", slices("1", 10), window=20), series, at=NOON).burn_rates
    assert burn["5m"].rate == 2
