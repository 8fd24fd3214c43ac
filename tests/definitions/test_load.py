"""Definitions load as written, and every mistake is told with its place and its remedy."""

import time
from datetime import timedelta
from fractions import Fraction

import pytest

from definitions.texts import CONTRACT, doc, join, only, read, slo, told
from nines.definitions.load import load, load_texts
from nines.objectives.indicator import CompositeIndicator, CounterIndicator, EventIndicator
from nines.objectives.method import Occurrences
from nines.objectives.window import CalendarWindow, RollingWindow


def test_the_contract_example_loads_as_it_stands():
    found = load_texts([("contract.yaml", CONTRACT)])
    assert found.problems == ()
    rolling, month = found.objectives
    assert (rolling.key, month.key) == ("checkout@30d", "checkout@month")
    assert rolling.window == RollingWindow(timedelta(days=30))
    assert month.window == CalendarWindow("month", zone="Europe/Berlin")
    assert rolling.terms[0].target == Fraction(999, 1000)
    assert rolling.terms[0].method == Occurrences()
    assert (rolling.missing, rolling.policy, rolling.labels) == ("unknown", "google-workbook", (("team", "shop"),))
    success = found.indicators["checkout-success"]
    assert isinstance(success, EventIndicator)
    assert (success.where, success.scope) == ("service = 'checkout'", "event")
    assert rolling.indicator_id == success.identity
    api = found.indicators["api-success"]
    assert isinstance(api, CounterIndicator)
    assert (api.good, api.total) == ("", 'sum(http_requests_total{job="api"})')
    assert dict(found.sources["access-log"].columns)["duration_ms"] == "ms"
    assert found.sources["prom"].options == (("url", "http://127.0.0.1:9090"),)


def test_the_contract_example_loads_from_a_folder(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "contract.yml").write_text(CONTRACT)
    (tmp_path / ".hidden.yaml").write_text("not: [this")
    (tmp_path / "notes.txt").write_text("nor this")
    found = load([tmp_path])
    assert found.problems == ()
    assert len(found.objectives) == 2


def test_a_bare_target_above_one_is_refused_with_its_fix():
    problem = only(load_texts([("contract.yaml", CONTRACT.replace("target: 99.9%", "target: 99.9"))]))
    assert (problem.where, problem.code) == ("contract.yaml:38", "bad-value")
    assert '"99.9%"' in problem.fix


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ('"99.9%"', "0.999"),
        ("0.999", "0.999"),
        ("99.95%", "0.9995"),
        ("1", "1"),
        ("100%", "1"),
        ("0", "0"),
        ("50 %", "0.5"),
    ],
)
def test_a_target_is_read_exactly_as_written(written, read_as):
    found = read(slo(target=written))
    assert found.errors == ()
    assert found.objectives[0].terms[0].target == Fraction(read_as)


def test_target_percent_is_the_target_in_per_cent():
    assert read(slo(target="", targetPercent="99.95")).objectives[0].terms[0].target == Fraction("0.9995")


def test_every_kind_loads():
    found = read(
        slo("a"),
        slo("b"),
        doc("Composite", "both", "{service: shop, members: [a, b], target: 99%, window: 30d}"),
        doc("Exclusion", "night", "{start: 2026-01-04T03:00:00Z, duration: 30m}"),
        doc("Calendar", "office", "{hours: [{days: [mon], open: '08:00', close: '18:00'}]}"),
        doc("BurnPolicy", "mine", "{rules: [{share: 2%, window: 1h}]}"),
        doc(
            "ErrorBudgetPolicy",
            "freeze",
            "{objectives: [a], steps: [{spent: 120%, consequence: freeze}, {spent: 75%, consequence: notify}]}",
        ),
    )
    assert found.problems == ()
    assert {kind for kind, _ in found.documents} == {
        "DataSource", "SLI", "SLO", "Composite", "Service", "Exclusion", "Calendar", "BurnPolicy", "ErrorBudgetPolicy",
    }  # fmt: skip
    assert isinstance(found.indicators["both"], CompositeIndicator)
    assert found.members == {"both": ("a", "b")}
    assert found.policies["mine"].rules[0].short == timedelta(minutes=5)
    assert [s.spent for s in found.budget_policies["freeze"].steps] == [Fraction(3, 4), Fraction(6, 5)]


def test_all_mistakes_of_several_documents_are_told_at_once():
    text = join(
        "apiVersion: nines/v1\nkind: SLO\nmetadata: {name: a}\nspec:\n  servce: shop\n  indicator: goood\n  target: 99.9\n  window: 1x\n",
        slo("b", indicator="goood", target="99.9", window="1x"),
        doc("Sla", "c", "{}"),
        "apiVersion: nines/v2\nkind: SLO\n",
        doc("Service", "Shop_2", "{}"),
    )
    assert told(read(text)) == [
        ("f0.yaml:4", "missing-field"),
        ("f0.yaml:5", "unknown-field"),
        ("f0.yaml:13", "bad-value"),
        ("f0.yaml:13", "bad-value"),
        ("f0.yaml:13", "unknown-sli"),
        ("f0.yaml:16", "no-kind"),
        ("f0.yaml:20", "no-version"),
        ("f0.yaml:25", "bad-name"),
    ]


@pytest.mark.parametrize(
    ("document", "where", "code", "fix"),
    [
        ("apiVersion: nines/v1\nkind: Service\nmetadata:\n  name: a\n  name: b\n", 5, "yaml-duplicate-key", "keep one"),
        (slo(budgetingmethod="Occurrences"), 4, "unknown-field", "did you mean budgetingMethod?"),
        (slo(indicator="goood"), 4, "unknown-sli", "did you mean good?"),
        (slo(service="shopp"), 4, "unknown-service", "did you mean shop?"),
        (doc("SLI", "x", "{source: lag, good: http_status < 500}"), 4, "unknown-datasource", "did you mean log?"),
        (slo(hours="office"), 4, "unknown-calendar", "define a Calendar"),
        (slo(alerting="{policy: google-workbok}"), 4, "unknown-burnpolicy", "did you mean google-workbook?"),
        (doc("ErrorBudgetPolicy", "x", "{objectives: [nothing], steps: [{spent: 1%, consequence: notify}]}"), 4, "unknown-slo", "define a SLO"),
        (slo(window="", target="99%"), 4, "no-window", "window: 30d"),
        (slo(target=""), 4, "no-target", "target"),
        (slo(targetPercent="99"), 4, "target-twice", "keep"),
        (slo(windows="[7d]"), 4, "window-twice", "keep one"),
        (slo(window="", windows="[30d, 720h]"), 4, "window-twice", "keep one"),
        (slo(window="", windows="[{calendar: month}, {calendar: month}]"), 4, "window-twice", "keep one"),
        (slo(window="90s"), 4, "off-grid", "one minute"),
        (slo(window="{calendar: month, timezone: Europe/Berlim}"), 4, "bad-value", "Europe/Berlin"),
        (slo(window="{calendar: year, anchor: '2026-04-01T00:00:00Z'}"), 4, "anchor-zone", "drop"),
        (slo(budgetingMethod="Timeslices"), 4, "no-slice-target", "timeSliceTarget"),
        (slo(budgetingMethod="Timeslices", timeSliceTarget="0"), 4, "slice-target", "above 0"),
        (slo(budgetingMethod="Sometimes"), 4, "bad-choice", "Occurrences"),
        (slo(target="100%", alerting="{policy: google-workbook}"), 4, "no-budget", "drop the burn policy"),
        (slo(target="90%", alerting="{policy: google-workbook}"), 4, "never-fires", "10"),
        (doc("SLI", "x", "{source: log}"), 4, "sli-ways", "give one of"),
        (doc("SLI", "x", "{source: log, good: http_status < 500, query: up}"), 4, "sli-ways", "give one of"),
        (doc("SLI", "x", "{source: log, good: http_status < 500, scope: session}"), 4, "session-scope", "add session:"),
        (doc("DataSource", "x", "{type: csv}"), 4, "no-time", "time:"),
        (doc("DataSource", "x", "{type: prometheus}"), 4, "no-url", "url"),
        (doc("Exclusion", "x", "{start: 2026-01-04T03:00:00Z}"), 4, "exclusion-length", "how long"),
        (doc("Exclusion", "x", "{start: 2026-01-04T03:00:00, duration: 1h, timezone: Mars/Olympus}"), 4, "exclusion-time", "instants"),
        (doc("Exclusion", "x", "{start: 2026-01-04T03:00:00, duration: 1h, recurrence: FREQ=SOMETIMES}"), 4, "exclusion-time", "FREQ=WEEKLY"),
        (doc("Calendar", "x", "{hours: [{days: [mon], open: '18:00', close: '08:00'}]}"), 4, "calendar-time", "08:00"),
        (doc("BurnPolicy", "x", "{rules: [{share: 2%, window: 1h, short: 1h}]}"), 4, "short-window", "twelfth"),
        (doc("Composite", "x", "{service: shop, members: [a, a], target: 99%, window: 30d}") + "---\n" + slo("a"), 4, "member-twice", "once"),
        ("- just\n- a list\n", 1, "no-version", "nines/v1"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_file_line_and_remedy(document, where, code, fix):
    problems = [p for p in read(document).errors if p.code == code]
    assert problems, read(document).errors
    assert problems[0].where == f"f0.yaml:{where}"
    assert fix in problems[0].fix


def test_what_follows_from_a_mistake_is_not_told_again():
    """A flawed Service, SLI, source, policy and member are each told once; whoever refers to them is not."""
    found = read(
        doc("DataSource", "log2", "{type: cvs}"),
        doc("Service", "shop2", "{ownr: ann}"),
        doc("SLI", "good2", "{source: log2, good: 'http_status <'}"),
        doc("SLI", "good3", "{source: log2}"),
        doc("BurnPolicy", "mine", "{rules: [{share: 99.9, window: 1h}]}"),
        slo("a", service="shop2", indicator="good2", alerting="{policy: mine}"),
        slo("b", indicator="good3", windw="30d"),
        doc("Composite", "both", "{service: shop2, members: [a, b], target: 99%, window: 30d}"),
    )
    assert [p.where.split(":")[0] for p in found.errors] == [f"f{n}.yaml" for n in (0, 1, 2, 3, 4, 6)]


def test_a_name_defined_twice_is_told_with_its_first_place():
    problem = only(read(doc("Service", "shop", "{}")))
    assert (problem.where, problem.code) == ("f0.yaml:3", "defined-twice")
    assert "base.yaml:8" in problem.what


def test_a_cyclic_composite_is_told_with_its_path():
    members = [("a", "b"), ("b", "c"), ("c", "a")]
    found = read(
        slo("x"),
        *(doc("Composite", n, f"{{service: shop, members: [{m}, x], target: 99%, window: 30d}}") for n, m in members),
    )
    cycles = [p for p in found.errors if "cycle" in p.code or "->" in p.what]
    assert cycles
    assert any("a -> b -> c -> a" in p.what for p in cycles), cycles
    assert cycles[0].where == "f1.yaml:4"


@pytest.mark.parametrize(
    "predicate",
    [
        "http_status < (select 500)",
        "http_status in (select code from codes)",
        "read_text('secrets') = ''",
        "getenv('HOME') = ''",
        "http_status <",
        "http_statuss < 500",
        "http_status < 500; drop table events",
    ],
)
def test_a_predicate_that_is_more_than_a_predicate_is_refused(predicate):
    text = f'apiVersion: nines/v1\nkind: SLI\nmetadata: {{name: x}}\nspec:\n  source: log\n  good: "{predicate}"\n'
    problem = read(text).errors[0]
    assert problem.where.startswith("f0.yaml:6")
    assert problem.what


@pytest.mark.parametrize(
    "query",
    [
        "rate(http_requests_total[5m])",
        "sum(rate(a[5m]))",
        "a * 2",
        "max(a)",
        "a / b",
        "a offset 5m",
        "sum(a",
        "histogram_quantile(0.9, a)",
    ],
)
def test_promql_richer_than_sums_of_selectors_is_refused(query):
    text = f'apiVersion: nines/v1\nkind: SLI\nmetadata: {{name: x}}\nspec:\n  source: log\n  good: good_total\n  total: "{query}"\n'
    problem = only(read(text))
    assert (problem.where, problem.code) == ("f0.yaml:7", "bad-selector")
    assert "query:" in problem.fix


@pytest.mark.parametrize("query", ["a", 'a{x=~"5.."}', "sum(a)", "sum by (job) (a)", "sum(a) + sum(b) - c", "(a + b)"])
def test_promql_that_sums_selectors_is_taken(query):
    assert read(doc("SLI", "x", f"{{source: log, good: good_total, total: '{query}'}}")).errors == ()


def test_a_rule_below_one_is_refused_until_it_is_acknowledged():
    rules = "rules: [{severity: ticket, share: 1%, window: 3d}]"
    used = slo(alerting="{policy: slow}")
    assert only(read(used, doc("BurnPolicy", "slow", f"{{{rules}}}"))).code == "fires-below-one"
    assert read(used, doc("BurnPolicy", "slow", f"{{{rules}, acknowledgeSlow: true}}")).errors == ()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [1, 2\nb: 3\n", 2),
        ("a: b: c\n", 1),
        ("a:\n\t- b\n", 2),
        ('a: "open\n', 2),
        ("%YAML 9\n", None),
        ("a: *nobody\n", 1),
        ("{\x00}", None),
    ],
)
def test_what_is_not_yaml_is_told_and_the_rest_is_read(text, line):
    found = read(text, slo())
    assert [p.code for p in found.errors] == ["yaml"]
    assert found.errors[0].where.startswith("f0.yaml" if line is None else f"f0.yaml:{line}:")
    assert len(found.objectives) == 1


def test_an_alias_bomb_is_refused_at_once():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    began = time.perf_counter()
    problem = only(read("\n".join(lines) + "\n"))
    assert time.perf_counter() - began < 20
    assert problem.code == "yaml"
    assert "too" in problem.what


def test_an_alias_to_itself_is_refused():
    assert only(read("a: &a [*a]\n")).code == "yaml"


@pytest.mark.parametrize("depth", [41, 500, 20_000])
def test_deep_nesting_is_refused(depth):
    problem = only(read("a: " + "[" * depth + "]" * depth + "\n"))
    assert problem.code == "yaml"


def test_words_that_older_yaml_turns_into_something_else_stay_words():
    found = read(
        doc("Service", "no", "{description: off}"), doc("Service", "x", "{description: 12:30:00, owner: 2026-01-04}")
    )
    assert found.errors == ()
    assert found.documents["Service", "x"].value["spec"] == {"description": "12:30:00", "owner": "2026-01-04"}


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9\n")
    found = load([tmp_path / "latin.yaml", tmp_path / "absent.yaml"])
    assert [p.code for p in found.errors] == ["no-file", "no-file"]
