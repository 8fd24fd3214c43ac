"""The arrays leave out only objectives whose traffic has surely not gone missing, and keep every one whose has."""

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nines.alerting.loss import SPANS, WEEK_MINUTES, LossRule, perhaps_lost, suspected_loss

RULE = LossRule(share=Fraction(1, 4), chance=Fraction(1, 100), weeks=3, least_weeks=2)
KEPT = 3 * WEEK_MINUTES + SPANS[-1]


def history(seed, columns=12):
    """Events of the last weeks' minutes, some of them unknown; a rate, and a change of it at the end, by column."""
    chance = np.random.default_rng(seed)
    events = np.zeros((KEPT, columns), dtype=np.int64)
    known = np.ones((KEPT, columns), dtype=bool)
    for lag in range(4):
        rows = slice(KEPT - lag * WEEK_MINUTES - SPANS[-1], KEPT - lag * WEEK_MINUTES)
        rate = chance.choice([0.02, 0.2, 1, 5, 30], columns) * (chance.choice([0, 0.1, 1], columns) if lag == 0 else 1)
        events[rows] = chance.poisson(rate, (SPANS[-1], columns))
        known[rows] = chance.random((SPANS[-1], columns)) > chance.choice([0, 0.001, 0.05], columns)
    return events, known


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31))
def test_whatever_is_over_is_among_them_and_all_others_are_not(seed):
    events, known = history(seed)

    def back(start, end, columns):
        rows = slice(KEPT - start, KEPT - end)
        return events[rows][:, columns].sum(axis=0), known[rows][:, columns].all(axis=0)

    def counted(column):
        return lambda a, b: int(events[a:b, column].sum()) if known[a:b, column].all() else None

    over = {n for n in range(12) if suspected_loss(RULE, counted(n), KEPT).side == "over"}
    assert over <= set(perhaps_lost(RULE, back, 12).tolist())


def test_a_column_that_is_as_busy_as_ever_is_left_out_and_one_that_fell_silent_is_kept():
    def back(start, end, columns):
        busy = np.where((columns == 1) & (end < 360), 0, 10)
        return busy * (start - end), np.ones(len(columns), dtype=bool)

    assert perhaps_lost(LossRule(), back, 3).tolist() == [1]
