"""The rules of OpenSLO, one table each: what is within them, and what is just outside."""

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
import yaml

from nines.definitions.load import Definitions, load_texts
from nines.objectives.indicator import CounterIndicator, QueryIndicator, SampleIndicator
from nines.objectives.method import Occurrences, RatioTimeslices, Timeslices
from nines.objectives.window import CalendarWindow, RollingWindow

QUERY = {"metricSource": {"type": "Prometheus", "spec": {"query": "a"}}}
RATIO = {"ratioMetric": {"counter": True, "good": QUERY, "total": QUERY}}
THRESHOLD = {"thresholdMetric": QUERY}
ROLLING = {"duration": "4w", "isRolling": True}


def without_none(value: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in value.items() if v is not None}


def slo(*, version: str = "openslo/v1", objective: Any = None, metadata: Any = None, **spec: Any) -> Definitions:
    """Read an SLO with some fields in place of, or beside, the usual ones; None leaves one out. Strictly."""
    usual = {
        "service": "web", "indicator": {"metadata": {"name": "sli"}, "spec": RATIO}, "timeWindow": [ROLLING],
        "budgetingMethod": "Occurrences",
    }  # fmt: skip
    promised = without_none({"target": 0.99} | (objective or {}))
    return read("SLO", without_none(usual | {"objectives": [promised]} | spec), version, metadata)


def read(
    kind: str, spec: Any, version: str = "openslo/v1", metadata: Any = None, *, strict: bool = True
) -> Definitions:
    document = {"apiVersion": version, "kind": kind, "metadata": {"name": "a"} | (metadata or {}), "spec": spec}
    return load_texts([("a.yaml", yaml.safe_dump(document, sort_keys=False))], strict=strict)


def codes(found: Definitions) -> list[str]:
    return [p.code for p in found.errors]


@pytest.mark.parametrize("target", [0, 0.5, 0.999999])
def test_a_target_from_zero_to_below_one_is_taken(target):
    found = slo(objective={"target": target})
    assert codes(found) == []
    assert found.objectives[0].terms[0].target == Fraction(str(target))


@pytest.mark.parametrize("target", [1, 1.0, -0.01, 99.9])
def test_a_target_outside_that_is_refused(target):
    assert codes(slo(objective={"target": target})) == ["out-of-range"]


@pytest.mark.parametrize("target", ["high", True, "99%"])
def test_a_target_that_is_no_number_is_refused(target):
    assert codes(slo(objective={"target": target})) == ["bad-value"]


@pytest.mark.parametrize("percent", [0, 50, 99.99])
def test_a_percentage_from_zero_to_below_a_hundred_is_taken(percent):
    found = slo(objective={"target": None, "targetPercent": percent})
    assert codes(found) == []
    assert found.objectives[0].terms[0].target == Fraction(str(percent)) / 100


@pytest.mark.parametrize("percent", [100, 100.5, -1])
def test_a_percentage_outside_that_is_refused(percent):
    assert codes(slo(objective={"target": None, "targetPercent": percent})) == ["out-of-range"]


@pytest.mark.parametrize("objective", [{"target": None}, {"target": 0.9, "targetPercent": 90}])
def test_exactly_one_of_target_and_percentage_is_needed(objective):
    assert len(codes(slo(objective=objective))) == 1


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.01, []), (1, []), (0, ["out-of-range"]), (1.01, ["out-of-range"]), (None, ["missing-field"])],
)
def test_a_slice_target_is_above_zero_and_at_most_one(share, expected):
    found = slo(budgetingMethod="Timeslices", objective={"timeSliceTarget": share, "timeSliceWindow": "5m"})
    assert codes(found) == expected


@pytest.mark.parametrize(("weight", "expected"), [(0.001, []), (3, []), (0, ["out-of-range"]), (-1, ["out-of-range"])])
def test_a_composite_weight_is_above_zero(weight, expected):
    assert codes(slo(objective={"compositeWeight": weight})) == expected


@pytest.mark.parametrize(
    ("method", "read_as"),
    [
        ("Occurrences", Occurrences()),
        ("Timeslices", Timeslices(Fraction(9, 10), 5)),
        ("RatioTimeslices", RatioTimeslices(5)),
    ],
)
def test_a_budgeting_method_is_read(method, read_as):
    sliced = {} if method == "Occurrences" else {"timeSliceWindow": "5m"}
    aimed = {"timeSliceTarget": 0.9} if method == "Timeslices" else {}
    found = slo(budgetingMethod=method, objective=sliced | aimed)
    assert codes(found) == []
    assert found.objectives[0].terms[0].method == read_as


@pytest.mark.parametrize("method", [None, "occurrences", "Events"])
def test_another_budgeting_method_is_refused(method):
    assert codes(slo(budgetingMethod=method)) == ["bad-choice"]


@pytest.mark.parametrize("windows", [None, [], [ROLLING, {"duration": "1w", "isRolling": True}]])
def test_there_is_exactly_one_time_window(windows):
    assert "one-window" in codes(slo(timeWindow=windows))


@pytest.mark.parametrize(
    ("duration", "days"), [("1440m", 1), ("24h", 1), ("7d", 7), ("4w", 28), ("1M", 30), ("1Q", 90), ("1Y", 365)]
)
def test_a_rolling_window_takes_every_unit(duration, days):
    found = slo(timeWindow=[{"duration": duration, "isRolling": True}])
    assert codes(found) == []
    assert found.objectives[0].window == RollingWindow(timedelta(days=days))


@pytest.mark.parametrize("duration", ["30s", "0d", "01d", "1.5h", "-1d", "d", "4 w", "1h30m", 28, "1y", "1D"])
def test_what_is_no_duration_is_refused(duration):
    assert codes(slo(timeWindow=[{"duration": duration, "isRolling": True}])) == ["bad-duration"]


@pytest.mark.parametrize("duration", ["1M", "1Q", "1Y"])
def test_the_second_version_has_no_rolling_months(duration):
    window = [{"duration": duration, "isRolling": True}]
    sli = {"metadata": {"name": "sli"}, "spec": RATIO}
    assert codes(slo(version="openslo.com/v2alpha", indicator=None, sli=sli, timeWindow=window)) == ["bad-duration"]


@pytest.mark.parametrize(
    ("duration", "unit"), [("1d", "day"), ("2w", "week"), ("1M", "month"), ("1Q", "quarter"), ("1Y", "year")]
)
def test_a_calendar_window_keeps_its_start_and_zone(duration, unit):
    calendar = {"startTime": "2022-01-01 12:00:00", "timeZone": "America/New_York"}
    found = slo(timeWindow=[{"duration": duration, "isRolling": False, "calendar": calendar}])
    assert codes(found) == []
    window = found.objectives[0].window
    assert isinstance(window, CalendarWindow)
    assert (window.unit, window.count, window.zone) == (unit, int(duration[0]), "America/New_York")
    assert window.anchor == datetime(2022, 1, 1, 12)  # noqa: DTZ001 - wall clock


@pytest.mark.parametrize(
    ("calendar", "field"),
    [
        ({"startTime": "2022-01-01", "timeZone": "UTC"}, "startTime"),
        ({"startTime": "2022-01-01T12:00:00Z", "timeZone": "UTC"}, "startTime"),
        ({"startTime": "2022-02-30 12:00:00", "timeZone": "UTC"}, "startTime"),
        ({"timeZone": "UTC"}, "startTime"),
        ({"startTime": "2022-01-01 12:00:00", "timeZone": "New York"}, "New York"),
        ({"startTime": "2022-01-01 12:00:00"}, "time zone"),
    ],
)
def test_a_calendar_start_and_zone_are_checked(calendar, field):
    found = slo(timeWindow=[{"duration": "1M", "isRolling": False, "calendar": calendar}])
    assert codes(found) == ["bad-value"]
    assert field in found.errors[0].what


@pytest.mark.parametrize(
    ("window", "code"),
    [
        (ROLLING | {"calendar": {"startTime": "2022-01-01 12:00:00", "timeZone": "UTC"}}, "rolling-calendar"),
        ({"duration": "4w", "isRolling": False}, "missing-field"),
    ],
)
def test_a_window_either_rolls_or_has_a_calendar(window, code):
    assert codes(slo(timeWindow=[window])) == [code]


def test_op_has_no_meaning_beside_a_ratio_metric():
    assert codes(slo(objective={"op": "lte"})) == ["op-beside-ratio"]


@pytest.mark.parametrize(
    ("op", "expected"),
    [("lt", []), ("lte", []), ("gt", []), ("gte", []), ("eq", ["bad-choice"]), (None, ["missing-field"])],
)
def test_a_threshold_metric_needs_an_operator(op, expected):
    found = slo(indicator={"metadata": {"name": "sli"}, "spec": THRESHOLD}, objective={"op": op, "value": 300})
    assert codes(found) == expected
    if not expected:
        assert found.indicators["sli"] == SampleIndicator(
            name="sli", source="prometheus", value="a", op=op, bound=Fraction(300)
        )


def test_a_threshold_metric_needs_a_value():
    assert codes(slo(indicator={"metadata": {"name": "sli"}, "spec": THRESHOLD}, objective={"op": "lt"})) == [
        "missing-field"
    ]


def test_one_threshold_metric_is_held_against_each_objectives_own_value():
    base = "apiVersion: openslo/v1\nkind: {0}\nmetadata: {{name: {1}}}\nspec: {2}\n---\n"
    two = "[{op: lt, value: 300, target: 0.9}, {op: lt, value: 900, target: 0.99}]"
    text = base.format("SLI", "speed", yaml.safe_dump(THRESHOLD, default_flow_style=True).strip()) + base.format(
        "SLO",
        "fast",
        f"{{service: web, indicatorRef: speed, budgetingMethod: Occurrences, timeWindow: [{{duration: 4w, isRolling: true}}], objectives: {two}}}",
    )
    found = load_texts([("a.yaml", text)], strict=True)
    assert codes(found) == []
    assert [o.name for o in found.objectives] == ["fast-1", "fast-2"]
    bounds = [found.indicators[o.indicator] for o in found.objectives]
    assert [b.bound for b in bounds if isinstance(b, SampleIndicator)] == [300, 900]


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ({"good": QUERY, "total": QUERY}, []),
        ({"bad": QUERY, "total": QUERY}, []),
        ({"good": QUERY, "bad": QUERY, "total": QUERY}, ["openslo-rule"]),
        ({"total": QUERY}, ["openslo-unclear"]),
        ({"good": QUERY}, ["openslo-unclear"]),
        ({"raw": QUERY, "rawType": "success"}, []),
        ({"raw": QUERY, "rawType": "failure"}, []),
        ({"raw": QUERY}, ["bad-choice"]),
        ({"raw": QUERY, "rawType": "ratio"}, ["bad-choice"]),
        ({"raw": QUERY, "rawType": "success", "total": QUERY}, ["openslo-rule", "openslo-unclear"]),
    ],
)
def test_a_ratio_metric_says_in_one_way_what_is_good(metric, expected):
    found = read("SLI", {"ratioMetric": {"counter": True} | metric})
    assert codes(found) == expected
    if not expected:
        made = found.indicators["a"]
        assert isinstance(made, QueryIndicator if "raw" in metric else CounterIndicator)


@pytest.mark.parametrize(("spec", "count"), [(RATIO, 0), (THRESHOLD, 0), (RATIO | THRESHOLD, 1), ({}, 1)])
def test_an_indicator_is_a_ratio_or_a_threshold(spec, count):
    assert len(codes(read("SLI", spec))) == count


def test_a_reference_to_a_threshold_metric_needs_operator_and_value_as_well():
    sli = {"apiVersion": "openslo/v1", "kind": "SLI", "metadata": {"name": "speed"}, "spec": THRESHOLD}
    spec = {"service": "web", "indicatorRef": "speed", "budgetingMethod": "Occurrences", "timeWindow": [ROLLING]}
    promise = {"apiVersion": "openslo/v1", "kind": "SLO", "metadata": {"name": "fast"}}
    objectives = [{"target": 0.9, "op": "lt"}, {"target": 0.9, "value": 300}, {"target": 0.9, "op": "lt", "value": "x"}]
    for objective, expected in zip(objectives, ("missing-field", "missing-field", "bad-value"), strict=True):
        text = yaml.safe_dump_all([sli, promise | {"spec": spec | {"objectives": [objective]}}])
        assert codes(load_texts([("a.yaml", text)])) == [expected]


@pytest.mark.parametrize(
    ("indicator", "reference", "code"),
    [(True, True, "indicator-twice"), (False, False, "missing-field"), (False, True, "unknown-sli")],
)
def test_an_indicator_stands_inline_or_is_referred_to(indicator, reference, code):
    inline = {"metadata": {"name": "sli"}, "spec": RATIO} if indicator else None
    assert code in codes(slo(indicator=inline, indicatorRef="elsewhere" if reference else None))


# --- names, keys and the kinds about alerts -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", "0", "web", "web-1", "1-web", "a--b", "a" * 63])
def test_a_name_of_lower_case_letters_digits_and_hyphens_is_taken(name):
    assert codes(read("Service", {}, metadata={"name": name})) == []


@pytest.mark.parametrize("name", ["Web", "web_1", "-web", "web-", "web shop", "web.shop", "wéb", "a" * 64, "web\n"])
def test_any_other_name_breaks_a_rule_and_passes_when_lenient(name):
    assert codes(read("Service", {}, metadata={"name": name})) == ["bad-name"]
    assert codes(read("Service", {}, metadata={"name": name}, strict=False)) == []


def test_no_name_at_all_is_refused_either_way():
    for strict in (True, False):
        assert codes(read("Service", {}, metadata={"name": ""}, strict=strict)) == ["openslo-unclear"]


@pytest.mark.parametrize("key", ["team", "Team", "my.team_1-x", "0", "a" * 63])
def test_a_label_key_is_taken(key):
    assert codes(read("Service", {}, metadata={"labels": {key: "x"}})) == []


@pytest.mark.parametrize("key", ["-team", "team-", "te am", "team/x", "té", "a" * 64, "team\n"])
def test_what_is_no_label_key_breaks_a_rule(key):
    assert codes(read("Service", {}, metadata={"labels": {key: "x"}})) == ["bad-name"]


@pytest.mark.parametrize(
    ("key", "expected"), [("openslo.com/key", []), ("key", []), ("a/b/c", ["bad-name"]), ("/key", ["bad-name"])]
)
def test_an_annotation_key_may_have_a_domain_before_it(key, expected):
    assert codes(read("Service", {}, metadata={"annotations": {key: "x"}})) == expected


@pytest.mark.parametrize(("length", "expected"), [(1050, []), (1051, ["openslo-rule"])])
def test_a_description_has_a_longest_length(length, expected):
    assert codes(read("Service", {"description": "x" * length})) == expected


CONDITION = {"kind": "burnrate", "op": "lte", "threshold": 2, "lookbackWindow": "1h", "alertAfter": "5m"}
INLINE = {"kind": "AlertCondition", "metadata": {"name": "c"}, "spec": {"severity": "page", "condition": CONDITION}}


@pytest.mark.parametrize(("count", "expected"), [(0, ["one-condition"]), (1, []), (2, ["one-condition"])])
def test_an_alert_policy_has_exactly_one_condition(count, expected):
    assert codes(read("AlertPolicy", {"conditions": [INLINE] * count})) == expected


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("kind", "threshold", "bad-choice"),
        ("op", "eq", "bad-choice"),
        ("op", None, "missing-field"),
        ("threshold", None, "missing-field"),
        ("lookbackWindow", None, "openslo-unclear"),
        ("lookbackWindow", "1s", "bad-duration"),
        ("alertAfter", "soon", "bad-duration"),
    ],
)
def test_an_alert_condition_is_checked(field, value, code):
    condition = without_none(CONDITION | {field: value})
    assert codes(read("AlertCondition", {"severity": "page", "condition": condition})) == [code]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"type": "prom", "connectionDetails": {}}, []),
        ({"type": "prom"}, ["missing-field"]),
        ({}, ["missing-field"] * 2),
    ],
)
def test_a_data_source_needs_its_type_and_its_details(spec, expected):
    assert codes(read("DataSource", spec)) == expected


def test_a_kind_that_openslo_lacks_is_refused():
    assert codes(read("Composite", {})) == ["no-kind"]


def test_a_query_richer_than_sums_is_kept_with_a_note():
    rich = {"metricSource": {"type": "Prometheus", "spec": {"query": "rate(a[5m])"}}}
    found = read("SLI", {"ratioMetric": {"counter": True, "good": rich, "total": QUERY}})
    assert codes(found) == []
    notes = [p for p in found.problems if p.code == "bad-selector"]
    assert [(p.severity, p.where) for p in notes] == [("note", "a.yaml:8")]
