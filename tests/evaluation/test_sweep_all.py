"""All objectives asked at once: every kind is answered as evaluate answers it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.test_sweep_law import EDGES, Dice, evidence_from, objective_from, settled, wanted
from nines.errors import InputError
from nines.evaluation import sweep_all
from nines.evaluation.answers import Burning, Factors
from nines.evaluation.columns import why_not
from nines.evaluation.evaluate import evaluate
from nines.evaluation.evidence import Evidence
from nines.evaluation.sweep_all import answer_all
from nines.evaluation.threshold import evaluate_bound
from nines.objectives.exclusion import Allowance, Exclusion
from nines.objectives.method import Occurrences, RatioTimeslices, Timeslices
from nines.objectives.objective import Bound, Objective, Term
from nines.objectives.window import CalendarWindow, RollingWindow
from nines.spans import Span, instant_of, minute_of
from nines.telemetry.series import MinuteSeries
from nines.telemetry.sketch import Sketch

MINUTE = timedelta(minutes=1)
WINDOWS = ("5m", "1h", "3d")
AT = datetime(2026, 3, 2, 12, tzinfo=UTC)


def any_objective(dice, middle):
    """An objective of any kind at all, those no column can hold included."""
    made = objective_from(dice, middle)
    kind = dice.number(0, 5)
    if kind == 0:
        return replace(made, bound=Bound("p95", "lte", Fraction(300)))
    if kind == 1:
        return replace(made, bound=Bound("uptime", "gte", Fraction(9, 10)))
    if kind == 2:
        zone = dice.pick("UTC", "Europe/Berlin")
        return replace(made, window=CalendarWindow("day", zone=zone, anchor=datetime(2026, 1, 1, 3, 0, 30)))  # noqa: DTZ001
    return made


def any_evidence(dice, start, size):
    """Evidence of any kind: sampled, in units of a fraction of an event, beyond 64 bits, with limited exclusions."""
    found = evidence_from(dice, start, size)
    kind, series = dice.number(0, 5), found.series
    if kind == 0:
        return replace(found, series=replace(series, scale=3))
    if kind == 1:
        counts = (c.astype(object) * 2**70 for c in (series.good, series.bad, series.unknown))
        return replace(found, series=MinuteSeries(start, *counts, series.state, series.first))
    if kind == 2:
        begin = instant_of(start + dice.number(size // 2, size))
        spans = (Span(begin, begin + 45 * MINUTE),)
        limited = Exclusion(name="limited", spans=spans, mode="drop-events", allowance=Allowance(20 * MINUTE, "day"))
        return replace(found, exclusions=(*found.exclusions, limited))
    return found


@pytest.mark.slow
@given(st.integers(0, 2**48))
@settled
def test_every_objective_is_answered_as_evaluate_answers_it(seed):
    dice = Dice(seed)
    middle = dice.pick(*EDGES) + dice.number(-200, 200) * MINUTE + dice.number(0, 59) * timedelta(seconds=1)
    objectives = [any_objective(dice, middle) for _ in range(4)]
    evidence = [any_evidence(dice, minute_of(middle) - 300, 330) for _ in range(4)]
    pairs = list(zip(objectives, evidence, strict=True))
    sketch = Sketch.of([float(dice.number(1, 600)) for _ in range(20)])
    known = {id(o): e for o, e in pairs}
    answers = answer_all(objectives, lambda o: known[id(o)], middle, windows=WINDOWS, sketch_of=lambda *_: sketch)
    burning = {}
    for place, (objective, given_) in enumerate(pairs):
        standing = evaluate(objective, given_, middle)
        outcome, sums = standing.outcome, answers.sums_of(place, "window")
        figures = (sums.good, sums.bad, sums.coverage, sums.bounds)
        assert figures == (outcome.units_good, outcome.units_bad, outcome.coverage, outcome.bounds)
        for name in WINDOWS:
            burn = answers.burn(place, name)
            assert burn == (None if objective.bound else replace(standing.burn_rates[name], interval=None))
            for factor in {Fraction(1), (burn and burn.rate) or Fraction(2), (burn and burn.low) or Fraction(3)}:
                key = name, factor
                burning[key] = burning[key] if key in burning else answers.burning(name, factor)
                want = wanted(burn, factor) if burn else Burning.UNKNOWN
                assert burning[key][place] == want, (objective, key)
        if objective.bound:
            assert answers.standing(place) == evaluate_bound(objective, given_, sketch, middle)


def promise(**changes):
    term = Term(Fraction(9, 10), changes.pop("method", Occurrences()))
    return Objective(**{
        "name": "checkout", "service": "shop", "indicator": "checkout", "terms": (term,),
        "window": RollingWindow(60 * MINUTE), **changes,
    })  # fmt: skip


def steady(good, bad, minutes=300):
    start = minute_of(AT) - minutes
    counts = (np.full(minutes, n) for n in (good, bad, 0))
    return Evidence(MinuteSeries(start, *counts, np.ones(minutes, dtype=np.uint8), start))


def test_small_batches_answer_like_one(monkeypatch):
    objectives = [promise(window=RollingWindow(n * 10 * MINUTE)) for n in range(1, 8)]
    whole = answer_all(objectives, lambda _: steady(9, 1), AT)
    monkeypatch.setattr(sweep_all, "_CELLS", 40_000)
    cut = answer_all(objectives, lambda _: steady(9, 1), AT)
    assert (len(whole.swept), len(cut.swept)) == (1, 4)
    assert [cut.sums_of(n, "window") for n in range(7)] == [whole.sums_of(n, "window") for n in range(7)]
    factors = Factors.of([Fraction(n, 4) for n in range(1, 8)])
    assert cut.burning("1h", factors).tolist() == whole.burning("1h", factors).tolist() == [1, 1, 1, 1, 0, 0, 0]


def test_a_close_call_is_decided_exactly():
    answers = answer_all([promise(method=RatioTimeslices())], lambda _: steady(9, 1), AT)
    assert answers.swept[0][0].burning("5m", Fraction(1)).tolist() == [Burning.CLOSE]
    assert answers.burning("5m", Fraction(1)).tolist() == [Burning.OVER]
    assert answers.burning_both("1h", "5m", Fraction(1)).tolist() == [Burning.OVER]
    assert answers.burning("5m", Fraction(1), strict=True).tolist() == [Burning.UNDER]


def test_uptime_stands_in_columns_and_other_bounds_are_asked_of_values():
    uptime, p95 = (
        promise(bound=Bound("uptime", "gte", Fraction(9, 10))),
        promise(bound=Bound("p95", "lte", Fraction(9))),
    )
    assert (why_not(uptime), bool(why_not(p95))) == ("", True)
    answers = answer_all([uptime, p95], lambda _: steady(9, 1), AT)
    assert answers.sums_of(0, "window").sli == Fraction(9, 10)
    assert answers.standing(0).verdict == "met"
    assert answers.burning("1h", Fraction(1)).tolist() == [Burning.UNKNOWN] * 2
    with pytest.raises(InputError, match="p95 needs values"):
        answers.standing(1)


def test_a_slice_target_of_any_precision_is_held_exactly():
    aims = [Fraction(9, 10) + n * Fraction(1, 10**40) for n in (-1, 0, 1)]
    answers = answer_all([promise(method=Timeslices(a)) for a in aims], lambda _: steady(9 * 10**9, 10**9), AT)
    assert [int(answers.sums_of(n, "1h").bad) for n in range(3)] == [0, 0, 60]
    assert [o.outcome.units_bad for o in map(answers.standing, range(3))] == [0, 0, 60]


def test_a_lookback_longer_than_evaluate_judges_is_refused_where_it_must_be_asked():
    answers = answer_all([promise(method=RatioTimeslices())], lambda _: steady(9, 1), AT)
    with pytest.raises(InputError, match="use 3d at most"):
        answers.burn(0, "7d")
