"""Twenty traps that tools for service levels have fallen into; each test is named after what went wrong there."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import numpy as np
import pytest

from evaluation.cases import ALIVE, BROKEN, MINUTE, NOON, SILENT, ask, excluded, instant, minutes, promise, slices
from nines.alerting.policy import BurnPolicy, BurnRule, default_policy, policy_problems
from nines.definitions.promql import selectors
from nines.evaluation.composite import Member, composite_series
from nines.evaluation.evidence import Evidence
from nines.objectives.indicator import CompositeIndicator
from nines.objectives.method import RatioTimeslices
from nines.objectives.window import CalendarWindow
from nines.spans import minute_of
from nines.telemetry.counters import Samples, Scrapes, increments
from nines.telemetry.pairing import paired

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def counter(*series, since=None, scrapes=None):
    """Increments of counters read once a minute, from minute 1 on; None is a failed reading."""
    rows = [(s, (m + 1) * 60_000, v) for s, shown in enumerate(series) for m, v in enumerate(shown) if v is not None]
    numbers, times, values = (np.array(c) for c in zip(*rows, strict=True)) if rows else (np.zeros(0),) * 3
    samples = Samples(numbers.astype(np.int64), times.astype(np.int64), values.astype(float), tuple(map(str, range(len(series)))))  # fmt: skip
    size = max((len(s) for s in series), default=3)
    return increments(samples, interval_ms=60_000, start=1, end=size, since_ms=since, scrapes=scrapes)


def test_01_the_mean_of_ratios_is_not_the_ratio_of_sums():
    """Five quiet hours and a busy one with a tenth failing: 9.95 % failed, not 1.7 %."""
    good = np.repeat([10, 9_000], [300, 60])
    bad = np.repeat([0, 1_000], [300, 60])
    events, mean = (
        ask(promise(method=m, window=360), minutes(good, bad)).outcome.sli for m in (None, RatioTimeslices())
    )
    assert 1 - events == Fraction(60_000, 603_000)
    assert 1 - mean == Fraction(1, 60)


@pytest.mark.parametrize("method", [None, slices("0.9"), RatioTimeslices()])
def test_02_an_hour_without_traffic_does_not_poison_the_period(method):
    good = np.repeat([10, 0, 10], [60, 60, 60])
    standing = ask(promise(method=method, window=180), minutes(good))
    assert (standing.outcome.sli, standing.outcome.coverage, standing.verdict) == (1, 1, "met")


def test_03_an_absent_error_series_is_no_errors_while_the_total_is_read_and_unknown_otherwise():
    series, _ = paired("shop", bad=counter(), total=counter([0, 10, 20]))
    standing = ask(promise(window=2), series, at=instant("1970-01-01T00:03"))
    assert (standing.outcome.sli, standing.burn_rates["5m"].rate) == (1, 0)
    neither, _ = paired("shop", bad=counter(), total=counter())
    assert ask(promise(window=2), neither, at=instant("1970-01-01T00:03")).outcome.sli is None


def test_04_errors_of_a_series_born_at_seven_do_not_vanish():
    seen = Scrapes(np.zeros(1, dtype=np.int64), (np.arange(1, 6) * 60_000,), (np.zeros(0, dtype=np.int64),))
    assert counter([None, None, None, 7, 7], since=60_000, scrapes=seen).counts.sum() == 7
    nobody_says = counter([None, None, None, 7, 7], [0, 0, 0, 0, 0])
    assert (nobody_says.counts.sum(), nobody_says.doubt.sum()) == (0, 7)
    assert [f.kind for f in nobody_says.findings] == ["born-at-n"]


def test_05_increments_are_whole_events_and_never_extrapolated():
    """Five readings a minute apart show the events between the first and the last, no fraction and none beyond."""
    found = counter([100, 103, 103, 104, 110])
    assert (found.counts.tolist(), found.counts.dtype) == ([3, 0, 1, 6], np.int64)


def test_06_a_reset_of_one_replica_is_handled_before_the_sum():
    assert counter([100, 110, 5], [200, 210, 220]).counts.tolist() == [20, 15]  # the sums, 300, 320, 225, would lose it


def test_07_a_cold_start_shows_how_little_it_knows():
    series = minutes([9] * 100, [1] * 100)
    burn = ask(promise("0.999", slices(), window=43_200), series).burn_rates
    assert (burn["1h"].coverage, burn["1d"].coverage, burn["3d"].coverage) == (
        1,
        Fraction(100, 1440),
        Fraction(100, 4320),
    )
    period = ask(promise("0.9", window=43_200), series).outcome.period
    assert period.basis.startswith("forecast")


def test_08_a_threshold_no_error_ratio_can_reach_is_refused_with_the_largest_that_can():
    fast = BurnPolicy("fast", (BurnRule("page", Fraction(2, 100), HOUR, HOUR / 12),))
    found = policy_problems(fast, Fraction(7, 100), timedelta(days=30), "slo.yaml:3")
    assert [p.code for p in found] == ["never-fires"]
    assert "14.28" in found[0].fix
    assert "never-fires" not in {p.code for p in policy_problems(fast, Fraction(6, 100), timedelta(days=30), "")}


def test_09_factors_follow_from_the_share_and_the_window():
    week, month = (default_policy(timedelta(days=d)).rules[0] for d in (7, 30))
    assert (week.factor(7 * DAY), month.factor(30 * DAY)) == (Fraction("16.8"), Fraction("14.4"))
    assert month.factor(7 * DAY) / Fraction("14.4") == Fraction(7, 30)  # 14.4 on a week would mean 8.57 %


def test_10_nothing_is_rounded_before_it_is_compared():
    """With floats 1 - 0.9995 is a little less than 5 in 10,000, and the promise would be broken."""
    on_the_line = ask(promise("0.9995", window=1), minutes([9_995], [5]))
    assert on_the_line.burn_rates["5m"].rate == 1
    assert on_the_line.verdict != "missed"
    assert ask(promise("0.999", window=1), minutes([990_951], [9_049])).burn_rates["5m"].rate == Fraction("9.049")


def test_11_more_good_than_total_is_unknown_and_reported_never_above_100_percent():
    series, findings = paired("shop", good=counter([0, 12, 22]), total=counter([0, 10, 20]))
    assert series.state.tolist() == [BROKEN, ALIVE]
    assert [f.kind for f in findings] == ["more-than-total"]
    standing = ask(promise(window=2), series, at=instant("1970-01-01T00:03"))
    assert (standing.outcome.sli, standing.outcome.bounds.low) == (1, Fraction(1, 2))
    assert "broken-minutes" in {p.code for p in standing.problems}


def test_12_a_target_of_100_percent_divides_nothing_by_nought():
    broken, kept = (ask(promise("1"), minutes([9] * 10, bad)) for bad in ([0] * 9 + [1], [0] * 10))
    assert (broken.verdict, broken.outcome.period.spent, broken.outcome.period.spent_ratio) == ("missed", 1, None)
    assert (kept.verdict, kept.outcome.period.spent_ratio) == ("met", 0)
    assert {b.rate for b in broken.burn_rates.values()} == {None}
    assert [p.code for p in policy_problems(default_policy(30 * DAY), Fraction(0), 30 * DAY, "")] == ["no-budget"]


def test_13_missing_data_means_what_the_objective_says_and_each_meaning_differs():
    series = minutes([3, 3, 2, 0], [0, 0, 1, 0], state=[ALIVE] * 3 + [SILENT])
    found = {
        missing: ask(promise(method=RatioTimeslices(), missing=missing, window=4), series).outcome
        for missing in ("unknown", "ignore", "good", "bad", "last")
    }
    assert {m: (o.sli, o.bounds.low, o.bounds.high) for m, o in found.items()} == {
        "unknown": (Fraction(8, 9), Fraction(8, 12), Fraction(11, 12)),
        "ignore": (Fraction(8, 9),) * 3,
        "good": (Fraction(11, 12),) * 3,
        "bad": (Fraction(8, 12),) * 3,
        "last": (Fraction(10, 12),) * 3,
    }


def test_14_an_excluded_day_drops_shrinks_or_counts_as_good_and_each_gives_another_number():
    bad = np.zeros(10_080, dtype=np.int64)
    bad[:60] = 1
    shares = {}
    for mode in ("shrink-denominator", "drop-events", "count-as-good"):
        day_off = excluded(8_640, 10_080, mode, size=10_080)
        outcome = ask(promise("0.99", slices(), window=10_080), minutes(1 - bad, bad), exclusions=(day_off,)).outcome
        shares[mode] = (1 - outcome.sli, outcome.period.spent_ratio / 100)
    shrunk, whole = Fraction(60, 8_640), Fraction(60, 10_080)
    assert shares == {
        "shrink-denominator": (shrunk, shrunk), "drop-events": (shrunk, whole), "count-as-good": (whole, whole),
    }  # fmt: skip
    assert (f"{float(shrunk):.3%}", f"{float(whole):.3%}") == ("0.694%", "0.595%")


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_15_a_calendar_day_has_as_many_minutes_as_its_clock(day, hours):
    noon = instant(f"{day}T10:00")
    standing = ask(promise(method=slices(), window=CalendarWindow("day", zone="Europe/Berlin")), minutes([1], end=noon), at=noon)  # fmt: skip
    assert standing.outcome.period.expected_units == hours * 60


def test_16_a_running_month_of_events_forecasts_its_total_with_a_range_and_says_so():
    day = instant("2026-04-02")
    series = minutes(np.repeat([10, 30], 720), [1] + [0] * 1439, end=day)
    period = ask(promise("0.999", window=CalendarWindow("month")), series, at=day).outcome.period
    assert period.basis == "forecast of the period's events"
    assert period.units_range.low < period.expected_units < period.units_range.high
    assert period.expected_units == 30 * (720 * 40 + 1)


def test_17_windows_end_where_data_has_settled_and_late_data_changes_what_is_known_not_what_was():
    series = minutes([10] * 10 + [0] * 5, state=[ALIVE] * 10 + [SILENT] * 5, end=NOON + 5 * MINUTE)
    settled = ask(promise(settle=5 * MINUTE), series, at=NOON + 5 * MINUTE)
    assert (settled.window.end, settled.outcome.coverage) == (NOON, 1)
    late = replace(series, bad=series.bad + (np.arange(15) == 9))
    assert ask(promise(settle=5 * MINUTE), late, at=NOON + 5 * MINUTE).fingerprint != settled.fingerprint
    assert ask(promise(settle=5 * MINUTE), series, at=NOON + 5 * MINUTE).fingerprint == settled.fingerprint


def test_18_label_matchers_survive_regular_expressions_and_negations_among_them():
    ((_, kept),) = selectors('sum by (job) (requests_total{job=~"api|web",code!~"5..",zone!="x"})')
    assert all(m in kept for m in ('job=~"api|web"', 'code!~"5.."', 'zone!="x"'))


def test_19_a_new_target_does_not_rewrite_the_past():
    change = NOON - 5 * MINUTE
    half = np.repeat([1, 0], 5)
    before = ask(promise("0.5", slices()), minutes(1 - half, half)).outcome.period
    after = ask(promise("0.5", slices(), since=[(change, "0.9")]), minutes(1 - half, half)).outcome.period
    assert (before.allowed, after.allowed) == (5, Fraction(5, 2) + Fraction(1, 2))
    month = promise("0.5", slices(), window=CalendarWindow("month"), since=[(change, "0.9")])
    assert ask(month, minutes(1 - half, half)).target == Fraction("0.5")


def test_20_one_outage_of_two_members_is_counted_once():
    down = np.array([0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
    member = Member(promise(method=slices()), Evidence(minutes(1 - down, down)))
    indicator = CompositeIndicator(name="both", members=("a", "b"))
    series = composite_series(indicator, (member, member), minute_of(NOON) - 10, minute_of(NOON))
    outcome = ask(promise(method=slices()), series).outcome
    assert outcome.units_bad == 1  # summed shortfalls would say 2, the product of averages 1.9
    assert outcome.sli == Fraction(9, 10)
