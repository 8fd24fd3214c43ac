"""Rules in the exact form: promtool finds what whole numbers say, and a rule that counts wrongly is caught."""

import json
import shutil
import subprocess
from datetime import timedelta
from fractions import Fraction

import promql_parser
import pytest
import yaml

from nines.alerting.policy import BurnPolicy, BurnRule, CountRule, LowTraffic
from nines.alerting.rules import Exported, span_text
from nines.alerting.rules_exact import exact_groups, exact_problems
from nines.alerting.rules_scenarios import scenarios
from nines.alerting.rules_tests import Trial, unit_tests
from nines.definitions.load import load_texts
from nines.definitions.promql import sides
from nines.errors import InputError
from nines.objectives.indicator import CounterIndicator, EventIndicator
from nines.objectives.objective import Objective, Term
from nines.objectives.window import RollingWindow
from nines.operations.exporting import Wanted, grafana, load_checked, rules
from parts import require

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
API = CounterIndicator(name="api", source="prom", bad='a_total{code=~"5.."}', total="a_total")
SPEED = CounterIndicator(name="speed", source="prom", good='b_bucket{le="0.5"}', total="b_count")
LOG = EventIndicator(name="log", source="log", good="http_status < 500")
PAGE = BurnRule("page", Fraction(2, 100), HOUR, 5 * MINUTE)
POLICY = BurnPolicy("p", (PAGE, BurnRule("ticket", Fraction(1, 10), 6 * HOUR, 30 * MINUTE)))


def exported(indicator=API, target="0.999", policy=POLICY, **changes):
    promised = Objective(**{
        "name": "shop", "service": "shop", "indicator": indicator.name, "terms": (Term(Fraction(target)),),
        "window": RollingWindow(timedelta(days=30)), **changes,
    })  # fmt: skip
    return Exported(promised, indicator, policy)


def promtool(folder, one, *, broken=("", "")):
    """Run promtool over an objective's rules and tests; `broken` replaces a text in the rules."""
    program = shutil.which("promtool")
    require("promtool", program, "install the Debian package prometheus")
    groups = tuple(exact_groups(one))
    counters = sides(one.indicator.good, one.indicator.bad, one.indicator.total) if one.indicator is not LOG else None
    text = yaml.safe_dump({"groups": [g.document() for g in groups]}, sort_keys=False, width=10_000)
    (folder / "rules.yml").write_text(text.replace(*broken) if broken[0] else text)
    document = unit_tests([Trial(one, "exact", groups, counters)], "rules.yml")
    (folder / "tests.yml").write_text(yaml.safe_dump(document))
    run = subprocess.run([program, "test", "rules", folder / "tests.yml"], capture_output=True, text=True, check=False)
    return document, run


@pytest.mark.slow
@pytest.mark.parametrize(
    "one",
    [
        exported(),
        exported(SPEED, "0.99"),
        exported(LOG),
        exported(policy=BurnPolicy("p", (PAGE,), "gt", low_traffic=LowTraffic(3), least_coverage=Fraction(1, 2))),
        exported(policy=BurnPolicy("p", (BurnRule("page", None, HOUR, 5 * MINUTE, 20 * MINUTE, Fraction(10)),), counts=(CountRule("ticket", 5, 2 * HOUR),))),
    ],
    ids=["bad counters", "good counters", "minute gauges", "low traffic and coverage", "lasting and counts"],
)  # fmt: skip
def test_promtool_finds_what_whole_numbers_say(one, tmp_path):
    document, run = promtool(tmp_path, one)
    assert run.returncode == 0, run.stdout
    named = {t["name"].split(": ")[1] for t in document["tests"]}
    counters = {"newborn series", "cold start", "counter reset"} if one.indicator is not LOG else set()
    assert named == {"steady burn", "spike", "idle", "low traffic"} | counters


@pytest.mark.slow
@pytest.mark.parametrize(
    "broken",
    [("[3599s]", "[3539s]"), ("offset 1m == 1", "offset 1m == 2"), ("* 625 >=", "* 6 >=")],
    ids=["a minute short", "newborn forgotten", "the page's line"],
)
def test_a_rule_that_counts_wrongly_is_caught(broken, tmp_path):
    assert promtool(tmp_path, exported(), broken=broken)[1].returncode == 1


def test_low_traffic_of_one_bad_event_pages_by_rate_and_not_where_three_are_asked():
    alerts = [t for t in scenarios(Fraction(1, 1000)) if t.name == "low traffic"]
    assert alerts[0].sums(120, 60) == (5, 1)  # one of six: far over the line of 14.4 x 0.1 %
    some = exported(policy=BurnPolicy("p", (PAGE,), low_traffic=LowTraffic(3)))
    assert "bad" in exact_groups(some)[0].rules[-2].expr
    assert ">= 3)" in exact_groups(some)[0].rules[-2].expr


def test_the_line_is_compared_in_whole_numbers():
    alert = next(r for r in exact_groups(exported())[0].rules if r.labels.get("rule") == "page-1h")
    assert " * 625 >= 9 * (" in alert.expr  # 14.4 x 0.001 = 9/625
    assert span_text(HOUR) == alert.expr.split('window="')[1].split('"')[0]


def test_every_expression_is_promql():
    for one in (exported(), exported(SPEED), exported(LOG)):
        for rule in exact_groups(one)[0].rules:
            promql_parser.parse(rule.expr)


@pytest.mark.parametrize(
    ("changes", "what"),
    [({"missing": "bad"}, "imputes"), ({"terms": (Term(Fraction(1, 2)), Term(Fraction(2, 3)))}, "newest target")],
)
def test_what_a_rule_cannot_say_is_told(changes, what):
    assert what in exact_problems(exported(**changes))[0].what


DEFINITIONS = """\
apiVersion: nines/v1
kind: DataSource
metadata: {name: prom}
spec: {type: prometheus, options: {url: "http://127.0.0.1:9090"}}
---
apiVersion: nines/v1
kind: Service
metadata: {name: shop}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: api}
spec: {source: prom, bad: 'sum(a_total{code=~"5.."})', total: 'sum(a_total)'}
---
apiVersion: nines/v1
kind: SLO
metadata: {name: api}
spec: {service: shop, indicator: api, target: 99.9%, windows: [30d, 7d], alerting: {policy: google-workbook}}
"""


@pytest.mark.slow
@pytest.mark.parametrize("form", ["sloth", "pyrra"])
def test_the_tests_of_the_other_forms_pass_and_windows_of_one_promise_are_kept_apart(form, tmp_path):
    program = shutil.which("promtool")
    require("promtool", program, "install the Debian package prometheus")
    made = rules(load_texts([("d.yaml", DEFINITIONS)]), Wanted(form))
    (tmp_path / "rules.yml").write_text(made.text)
    (tmp_path / "tests.yml").write_text(made.tests("rules.yml"))
    run = subprocess.run(
        [program, "test", "rules", tmp_path / "tests.yml"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout
    assert len({g.name for g in made.groups}) == len(made.groups)


def test_a_promise_that_no_rule_can_keep_refuses_the_export_unless_it_may_be_left_out(tmp_path):
    more = "---\napiVersion: nines/v1\nkind: SLO\nmetadata: {name: late}\nspec: {service: shop, indicator: api, target: 90%, window: 30d, missing: bad}\n"
    (tmp_path / "d.yaml").write_text(DEFINITIONS + more)
    found = load_checked([tmp_path])
    with pytest.raises(InputError, match="imputes"):
        rules(found, Wanted())
    kept = rules(found, Wanted(skip_refused=True))
    assert [g.name for g in kept.groups] == ["nines-api@30d", "nines-api@7d"]


def test_the_dashboard_chooses_its_prometheus_and_asks_only_what_the_rules_record():
    found = load_texts([("d.yaml", DEFINITIONS)])
    board = grafana(found)
    assert board["templating"]["list"][0]["type"] == "datasource"
    recorded = {r.name for g in rules(found, Wanted()).groups for r in g.rules} | {"ALERTS"}
    for panel in board["panels"]:
        assert panel["datasource"]["uid"] == "${datasource}"
        for target in panel["targets"]:
            expr = target["expr"].replace("$service", "x").replace("$objective", "x")
            assert promql_parser.parse(expr).name in recorded
    assert len({p["id"] for p in board["panels"]}) == len(board["panels"])
    json.dumps(board)
