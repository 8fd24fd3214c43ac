"""Sloth's own inputs, through definitions of ours and back, give the rules Sloth gives; what needs a plugin is refused."""

import re

import promql_parser
import pytest
import yaml

from nines.definitions.load import load_texts
from nines.definitions.sloth import import_sloth
from nines.operations.exporting import Wanted, rules
from nines.reading import duration
from shared_data import shared

TEST = "slo_definitions/sloth/test/integration/prometheus"
#: Input, golden output, and what its run was told.
GOLDEN = [
    ("in-base", "out-base", {}, {}),
    ("in-base", "out-base-28d", {"period": "28d"}, {}),
    ("in-base", "out-base-custom-windows-7d", {"period": "7d", "windows": True}, {}),
    ("in-base", "out-base-extra-labels", {}, {"labels": {"exk1": "exv1", "exk2": "exv2"}}),
    ("in-base", "out-base-no-alerts", {}, {"alerts": False}),
    ("in-base", "out-base-no-recordings", {}, {"recordings": False}),
    ("in-base-k8s", "out-base-k8s", {}, {}),
    ("in-multifile", "out-multifile", {}, {}),
    ("in-multifile-k8s", "out-multifile-k8s", {}, {}),
    ("in-openslo", "out-openslo", {}, {}),
]


def imported(path, period="30d", *, windows=False):
    files = [("7d.yaml", (path.parents[1] / "windows/7d.yaml").read_text())] if windows else []
    return import_sloth([(path.name, path.read_text())], period=duration(period), windows=files)


def golden_groups(path):
    """The groups of a golden file, its own template's marks undone."""
    text = re.sub(r'\{\{"(.*?)"\}\}', r"\1", path.read_text()).replace("{{ .version }}", "dev")
    found = [d for d in yaml.safe_load_all(text) if d]
    return [g for d in found for g in (d["groups"] if "groups" in d else d["spec"]["groups"])]


def bare(node):
    """A syntax tree as nested tuples; brackets say nothing that the tree does not."""
    kind = type(node).__name__
    if kind == "ParenExpr":
        return bare(node.expr)
    if kind == "BinaryExpr":
        return kind, str(node.op), str(node.modifier), bare(node.lhs), bare(node.rhs)
    if kind == "AggregateExpr":
        return kind, str(node.op), str(node.modifier), bare(node.expr)
    if kind == "Call":
        return kind, node.func.name, tuple(bare(a) for a in node.args)
    return kind, node.prettify()


def plain(rule):
    """A rule without its place in the text: its tree, labels and annotations; the version of what made it aside."""
    labels = {k: v for k, v in rule.get("labels", {}).items() if k != "sloth_version"}
    name = rule.get("record") or rule["alert"]
    return name, bare(promql_parser.parse(rule["expr"])), labels, rule.get("annotations", {}), rule.get("for")


def compared(groups):
    return [(g["name"], [plain(r) for r in g["rules"]]) for g in groups]


@pytest.mark.parametrize(("given", "golden", "importing", "exporting"), GOLDEN, ids=[g[1] for g in GOLDEN])
def test_each_input_gives_its_golden_rules_by_way_of_our_definitions(given, golden, importing, exporting):
    folder = shared(TEST) / "testdata"
    made = imported(folder / f"{given}.yaml", **importing)
    found = load_texts([("imported.yaml", made.text)])
    assert [*made.errors, *found.errors] == []
    ours = rules(found, Wanted("sloth", **exporting)).document["groups"]
    assert compared(ours) == compared(golden_groups(folder / f"{golden}.yaml.tpl"))


def test_every_golden_output_is_compared_or_needs_a_plugin():
    outputs = {p.name.removesuffix(".yaml.tpl") for p in (shared(TEST) / "testdata").glob("out-*")}
    assert outputs - {g[1] for g in GOLDEN} == {"out-sli-plugin", "out-slo-plugin", "out-slo-plugin-k8s"}


@pytest.mark.parametrize("name", ["in-sli-plugin", "in-slo-plugin", "in-slo-plugin-k8s"])
def test_an_input_that_needs_a_plugin_is_refused_by_the_plugins_name(name):
    made = imported(shared(TEST) / "testdata" / f"{name}.yaml")
    assert {e.code for e in made.errors} == {"needs-plugin"}
    assert "plugin" in made.errors[0].what
    assert not [k for k in made.documents if k[0] == "SLO"]


@pytest.mark.parametrize("name", ["bad-aa", "bad-ab", "bad-ba", "bad-k8s", "bad-multi", "bad-multi-k8s"])
def test_what_sloth_refuses_is_refused_with_its_line(name):
    made = imported(shared(TEST) / "testdata/validate/bad" / f"{name}.yaml")
    assert made.errors
    assert all(re.match(r".*\.yaml:\d+$", e.where) for e in made.errors)


def test_what_sloth_accepts_is_accepted_and_fields_of_the_wrong_spelling_are_told():
    for path in sorted((shared(TEST) / "testdata/validate/good").iterdir()):
        made = imported(path)
        assert made.errors == (), path.name
        if path.name == "good-aa.yaml":
            assert any("pageAlert" in p.what for p in made.lost)


def test_an_slo_that_is_defined_twice_is_refused():
    made = imported(shared(TEST) / "testdata/validate_with_duplicates/bad-prom-multi-duplicates.yaml")
    assert {e.code for e in made.errors} == {"defined-twice"}


def test_every_example_imports_or_is_refused_for_its_plugin():
    for path in sorted(shared("slo_definitions/sloth/examples").glob("*.y*ml")):
        made = imported(path)
        assert {e.code for e in made.errors} <= {"needs-plugin"}, path.name
        assert load_texts([("imported.yaml", made.text)]).errors == (), path.name


SLO = """\
version: prometheus/v1
service: shop
slos:
- name: pay
  objective: {objective}
  sli:
    events:
      error_query: {error}
      total_query: sum(rate(http_total[{{{{.window}}}}]))
  alerting: {{name: Pay}}
"""


def shop(objective="99.9", error='sum(rate(http_total{code="500"}[{{ .window }}]))'):
    return import_sloth([("shop.yaml", SLO.format(objective=objective, error=error))])


def test_sums_of_rates_become_counters_that_nines_reads_itself():
    made = shop()
    assert made.documents["SLI", "shop-pay"]["spec"]["bad"] == 'sum(http_total{code="500"})'
    assert made.lost == ()


def test_a_richer_query_is_asked_by_the_minute_and_the_loss_is_told():
    made = shop(error="sum(rate(http_total[{{.window}}])) OR on() vector(0)")
    assert "[1m]" in made.documents["SLI", "shop-pay"]["spec"]["query"]
    assert [p.code for p in made.lost] == ["import-lost"]


def test_a_rule_that_can_never_fire_is_left_out_and_told():
    made = shop(objective="90")
    assert [p.what for p in made.lost] == [
        "its page rule over 1h fires from 14.4 times, which 10% of budget can never reach; it was left out"
    ]


def test_a_target_without_a_budget_keeps_no_alerts():
    made = shop(objective="100")
    assert "alerting" not in made.documents["SLO", "shop-pay"]["spec"]
    assert load_texts([("shop.yaml", made.text)]).errors == ()


def test_a_query_without_a_place_for_the_window_is_refused():
    assert [e.code for e in shop(error="sum(rate(http_total[5m]))").errors] == ["no-window"]
