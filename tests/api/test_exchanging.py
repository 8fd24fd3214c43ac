"""The API reads other tools' definitions, writes what is in force for them, and sets their numbers beside ours."""

import yaml

V1 = "/api/nines/v1"
SLOTH = """\
version: prometheus/v1
service: shop
slos:
- name: pay
  objective: 99.9
  sli: {events: {error_query: 'sum(rate(a{b="c"}[{{.window}}]))', total_query: 'sum(rate(a[{{.window}}]))'}}
  alerting: {name: Pay}
"""


def test_foreign_definitions_come_back_as_ours_and_nothing_is_stored(client):
    before = client.get(f"{V1}/definitions").json()
    told = client.post(f"{V1}/definitions/import", json={"format": "sloth", "text": SLOTH}).json()
    assert [d["kind"] for d in yaml.safe_load_all(told["text"])] == [
        "DataSource",
        "Service",
        "SLI",
        "BurnPolicy",
        "SLO",
    ]
    assert told["problems"] == []
    assert client.get(f"{V1}/definitions").json() == before


def test_what_is_refused_is_a_problem_with_its_line(client):
    answer = client.post(f"{V1}/definitions/import", json={"format": "sloth", "text": SLOTH.replace("99.9", "101")})
    assert answer.status_code == 400
    assert answer.json()["problems"][0]["where"] == "request:5"


def test_what_is_in_force_is_written_as_rules_tests_and_a_dashboard(client):
    given = yaml.safe_load(client.get(f"{V1}/exports/prometheus?skip_refused=true").text)
    names = {r["record"] for g in given["groups"] for r in g["rules"] if "record" in r}
    assert "nines:sli_window:bad" in names
    tests = yaml.safe_load(client.get(f"{V1}/exports/prometheus-tests?skip_refused=true").text)
    assert tests["rule_files"] == ["rules.yml"]
    assert client.get(f"{V1}/exports/grafana").json()["title"] == "Service levels"
    assert client.get(f"{V1}/exports/openslo").status_code == 200


def test_other_tools_stand_beside_ours(client):
    told = client.get(f"{V1}/standings/checkout@30d/compat").json()["comparisons"]
    assert {c["tool"] for c in told} >= {"sloth", "pyrra", "slo-generator", "datadog", "elastic"}
    assert all(c["parts"] for c in told)
    assert client.get(f"{V1}/standings/checkout@30d/compat?tool=excel").status_code == 400


def test_somebody_who_is_not_known_is_shown_no_export(stranger):
    assert stranger.get(f"{V1}/exports/prometheus").status_code == 401
    assert "nines_sli_minute" not in stranger.get("/metrics").text


def test_the_page_of_metrics_shows_counts_to_those_who_may_see_them(client):
    assert 'nines_sli_minute_good{sli="checkout-success", tenant="default"}' in client.get("/metrics").text
