"""Whatever is written, loading ends soon and tells what is wrong: it never fails by itself."""

import time

import pytest

from definitions.texts import doc, only, read, slo, told

OPENSLO = "apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: a, labels: {a: 3, b: null}}\nspec: "
THRESHOLD = "indicator: {thresholdMetric: {metricSource: {type: x, spec: {query: a}}}}"
WINDOW = "timeWindow: [{duration: 4w, isRolling: true}]"


@pytest.mark.parametrize(
    "document",
    [
        "a: !!int abc\n",
        "a: !!float x\n",
        "a: " + "9" * 5000 + "\n",
        "a: !!python/object:os.system x\n",
        "apiVersion: [a]\n",
        "apiVersion: nines/v1\nkind: [a]\n",
        "apiVersion: openslo/v1\nkind: [a]\n",
        slo(window="99999999999999d"),
        slo(settle="9" * 400 + "d"),
        slo(target="1e999999999"),
        slo(target="'0.9e-999999999'"),
        slo(target="", targetPercent="'1e999999999'"),
        slo(window="{calendar: year, timezone: '../../etc/passwd'}"),
        slo(estimator="{name: stated, perMinute: -3}"),
        doc("SLI", "x", "{source: log, values: {value: duration_ms, relativeError: 0}}"),
        doc("SLI", "x", "{source: log, bad: a, total: '" + "(" * 2000 + "a" + ")" * 2000 + "'}"),
        doc("SLI", "x", "{source: log, good: '" + "(" * 1900 + "1 = 1" + ")" * 1900 + "'}"),
        doc("Exclusion", "x", "{start: 9999-12-31T23:00:00Z, duration: 30d}"),
        doc("Exclusion", "x", "{start: 2026-01-01T00:00:00Z, duration: 99999999999d}"),
        doc("Exclusion", "x", "{start: 0001-01-01T00:00:00, duration: 1h, timezone: Europe/Berlin}"),
        doc(
            "Exclusion",
            "x",
            "{start: 2026-01-01T00:00:00, duration: 1h, recurrence: FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=31}",
        ),
        OPENSLO + "{objectives: [3], timeWindow: [4], budgetingMethod: [x]}\n",
        OPENSLO
        + "{service: [w], budgetingMethod: {a: b}, timeWindow: {a: b}, objectives: {a: 3}, alertPolicies: [x]}\n",
        OPENSLO
        + f"{{service: w, budgetingMethod: Occurrences, {WINDOW}, {THRESHOLD}, objectives: [{{target: 0.9, op: [lt], value: 1e999}}]}}\n",
        OPENSLO
        + "{service: w, timeWindow: [{duration: 999999999999Y, isRolling: true}], objectives: [{target: 0.9}]}\n",
        OPENSLO
        + f"{{service: w, budgetingMethod: RatioTimeslices, {WINDOW}, {THRESHOLD}, objectives: [{{target: 0.9, op: lt, value: 1, timeSliceWindow: 0}}]}}\n",
        "apiVersion: openslo/v1\nkind: SLI\nmetadata: {name: a}\nspec: {ratioMetric: {raw: {metricSource: {type: [x]}}, rawType: [x]}}\n",
        "apiVersion: openslo/v1alpha\nkind: SLO\nmetadata: {name: a}\nspec: {timeWindows: [{unit: [Day], count: 99999999999}]}\n",
    ],
)
def test_nonsense_is_told_and_nothing_breaks(document):
    began = time.perf_counter()
    found = read(document, slo("sound"))
    assert time.perf_counter() - began < 30
    assert all(where.startswith("f0.yaml") for where, _ in told(found))
    assert found.errors
    assert "sound" in {o.name for o in found.objectives}


@pytest.mark.parametrize("kind", ["SLO", "SLI"])
def test_a_composite_cannot_take_the_name_of_an_slo_or_an_sli(kind):
    composite = doc("Composite", "x", "{service: shop, members: [a, b], target: 99%, window: 30d}")
    other = slo("x") if kind == "SLO" else doc("SLI", "x", "{source: log, good: http_status < 500}")
    problem = only(read(other, composite, slo("a"), slo("b")))
    assert (problem.where, problem.code) == ("f1.yaml:3", "defined-twice")
    assert "f0.yaml:3" in problem.what


def test_an_end_of_recurrence_in_utc_is_understood():
    """RFC 5545 writes UNTIL in UTC: 5 April 02:00Z is 04:00 in Berlin, so the third Sunday is the last."""
    rule = "FREQ=WEEKLY;UNTIL=20260405T020000Z"
    spec = f"{{start: 2026-03-22T04:00:00, timezone: Europe/Berlin, duration: 30m, recurrence: {rule}}}"
    assert [s.start.day for s in read(doc("Exclusion", "x", spec)).exclusions[0].spans] == [22, 29, 5]
