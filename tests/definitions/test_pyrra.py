"""Pyrra's examples import, all of them, and come back as the rules Pyrra publishes."""

import pytest

from nines.alerting.rules import span_text
from nines.alerting.rules_pyrra import tiers
from nines.definitions.load import load_texts
from nines.definitions.pyrra import import_pyrra
from nines.operations.exporting import Wanted, rules
from nines.reading import duration
from shared_data import shared

SLO = """\
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {name: monitoring-http-errors, labels: {pyrra.dev/team: shop}}
spec:
  target: "99"
  window: 28d
  indicator:
    %s
"""
RATIO = """ratio:
      errors: {metric: 'http_requests_total{job="receive",code=~"5.."}'}
      total: {metric: 'http_requests_total{job="receive"}'}
"""
LATENCY = """latency:
      success: {metric: 'http_seconds_bucket{job="receive",le="1"}'}
      total: {metric: 'http_seconds_count{job="receive"}'}
"""


def examples():
    folder = shared("slo_definitions/pyrra/examples")
    held = [p for p in sorted(folder.rglob("*.y*ml")) if "setup" not in p.parts]
    return [p for p in held if "\nkind: ServiceLevelObjective\n" in p.read_text()]


def test_every_example_imports_and_every_one_gives_rules_again():
    found = examples()
    assert len(found) >= 50
    for path in found:
        made = import_pyrra([(path.name, path.read_text())])
        assert made.errors == (), path.name
        read = load_texts([("imported.yaml", made.text)])
        assert (read.errors, len(read.objectives)) == ((), path.read_text().count("\nkind: S")), path.name
        assert rules(read, Wanted("pyrra")).groups, path.name


def ruled(indicator, **wanted):
    made = import_pyrra([("slo.yaml", SLO % indicator)])
    assert made.errors == ()
    found = rules(load_texts([("slo.yaml", made.text)]), Wanted("pyrra", **wanted))
    return {g.name: g.rules for g in found.groups}


def test_a_ratio_gives_the_published_rules():
    found = ruled(RATIO)["monitoring-http-errors"]
    assert [r.name for r in found[:7]] == [
        f"http_requests:burnrate{w}" for w in ("5m", "30m", "1h", "2h", "6h", "1d", "4d")
    ]
    part, total = 'http_requests_total{code=~"5..",job="receive"}', 'http_requests_total{job="receive"}'
    assert found[0].expr == f"sum(rate({part}[5m])) / sum(rate({total}[5m]))"
    own = '{job="receive",slo="monitoring-http-errors"}'
    assert found[7].expr == (
        f"http_requests:burnrate5m{own} > (14 * (1-0.99)) and http_requests:burnrate1h{own} > (14 * (1-0.99))"
    )
    assert [(span_text(r.lasts), r.labels["severity"], r.labels["exhaustion"]) for r in found[7:]] == [
        ("2m", "critical", "2d"), ("15m", "critical", "4d"), ("1h", "warning", "2w"), ("3h", "warning", "4w"),
    ]  # fmt: skip


def test_the_increase_over_the_window_is_kept_apart_by_what_tells_errors_from_the_rest():
    found = ruled(RATIO)["monitoring-http-errors-increase"]
    assert found[0].expr == 'sum by (code) (increase(http_requests_total{job="receive"}[4w]))'
    assert (found[1].name, found[1].expr, span_text(found[1].lasts)) == (
        "SLOMetricAbsent", 'absent(http_requests_total{job="receive"}) == 1', "10m",
    )  # fmt: skip


def test_a_latency_is_all_less_those_in_time():
    found = ruled(LATENCY)["monitoring-http-errors"]
    total, fast = (
        'sum(rate(http_seconds_count{job="receive"}[5m]))',
        'sum(rate(http_seconds_bucket{job="receive",le="1"}[5m]))',
    )
    assert found[0].expr == f"({total} - {fast}) / {total}"


def test_labels_of_pyrras_own_go_on_every_rule():
    assert all(r.labels["team"] == "shop" for rules in ruled(RATIO).values() for r in rules)


@pytest.mark.parametrize(
    ("window", "longs"),
    [
        ("28d", ["1h", "6h", "1d", "4d"]),
        ("30d", ["1h4m", "6h26m", "1d1h43m", "4d6h51m"]),
        ("2w", ["30m", "3h", "12h", "2d"]),
    ],
)
def test_lookbacks_scale_with_the_window(window, longs):
    assert [span_text(t.long) for t in tiers(duration(window))] == longs


def test_the_policy_keeps_constant_factors_so_a_rule_means_another_share_on_each_window():
    made = import_pyrra([("slo.yaml", SLO % RATIO)])
    policy = load_texts([("slo.yaml", made.text)]).policies["pyrra-4w"]
    assert [r.factor(duration("28d")) for r in policy.rules] == [14, 7, 2, 1]
    assert str(policy.rules[0].share_on(duration("28d"))) == "1/48"


def test_a_grouping_is_told_as_lost_and_kept_for_the_way_back():
    made = import_pyrra([("slo.yaml", SLO % (RATIO + "      grouping: [handler]\n"))])
    assert ["grouping by handler" in p.what for p in made.lost] == [True]
    found = rules(load_texts([("slo.yaml", made.text)]), Wanted("pyrra"))
    assert "sum by (handler) (rate(" in found.groups[1].rules[0].expr


@pytest.mark.parametrize(
    ("indicator", "code"),
    [
        ("ratio: {}", "sli-ways"),
        ("bool_gauge: {metric: sum(up)}", "bad-selector"),
        ("latencyNative: {latency: x, total: {metric: a}}", "bad-duration"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(indicator, code):
    made = import_pyrra([("slo.yaml", SLO % indicator)])
    assert [e.code for e in made.errors] == [code]
    assert made.errors[0].where.startswith("slo.yaml:")
