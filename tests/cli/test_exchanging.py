"""`nines import` and `nines export` as a person runs them: one document out, notes aside, exit codes as promised."""

import json

import yaml
from typer.testing import CliRunner

from nines.cli.main import app, exit_code

SLO = """\
version: prometheus/v1
service: shop
slos:
- name: pay
  objective: {}
  sli: {{events: {{error_query: 'sum(rate(a{{b="c"}}[{{{{.window}}}}]))', total_query: 'sum(rate(a[{{{{.window}}}}]))'}}}}
  alerting: {{name: Pay}}
"""


def run(*words):
    found = CliRunner().invoke(app, [str(w) for w in words])
    return found, exit_code(found.exception) if found.exception else 0


def files(folder, objective="99.9"):
    (folder / "shop.yaml").write_text(SLO.format(objective))
    return folder / "shop.yaml"


def test_what_is_imported_can_be_exported_at_once(tmp_path):
    made, code = run("import", "sloth", files(tmp_path), "--out", tmp_path / "nines.yaml")
    assert (code, made.stdout) == (0, "")
    given, code = run("export", "prometheus", tmp_path / "nines.yaml", "--form", "sloth", "--label", "team=shop")
    groups = yaml.safe_load(given.stdout)["groups"]
    assert (code, len(groups), groups[0]["rules"][0]["labels"]["team"]) == (0, 3, "shop")


def test_a_refused_input_ends_with_2(tmp_path):
    assert run("import", "sloth", files(tmp_path, "101"))[1] == 2


def test_json_holds_definitions_and_what_was_lost(tmp_path):
    told = json.loads(run("import", "sloth", files(tmp_path, "90"), "--format", "json")[0].stdout)
    assert [d["kind"] for d in told["definitions"]][:2] == ["DataSource", "Service"]
    assert {p["code"] for p in told["problems"]} == {"import-lost"}


def test_tests_are_written_beside_the_rules_and_name_them(tmp_path):
    run("import", "sloth", files(tmp_path), "--out", tmp_path / "nines.yaml")
    words = ("--out", tmp_path / "rules.yml", "--promtool-tests", tmp_path / "tests.yml")
    assert run("export", "prometheus", tmp_path / "nines.yaml", *words)[1] == 0
    assert yaml.safe_load((tmp_path / "tests.yml").read_text())["rule_files"] == ["rules.yml"]


def test_openslo_goes_out_and_comes_back(tmp_path):
    run("import", "sloth", files(tmp_path), "--out", tmp_path / "nines.yaml")
    given, code = run("export", "openslo", tmp_path / "nines.yaml", "--out", tmp_path / "openslo.yaml")
    assert code == 0
    assert "no field for page-1h: the short lookback of 5m" in given.stderr
    back = json.loads(run("import", "openslo", tmp_path / "openslo.yaml", "--format", "json")[0].stdout)
    sli = next(d for d in back["definitions"] if d["kind"] == "SLI")
    assert sli["spec"]["bad"] == 'sum(a{b="c"})'
    alert = next(d for d in back["definitions"] if d["kind"] == "AlertPolicy")
    assert [float(c["threshold"]) for c in alert["spec"]["conditions"]] == [14.4, 6, 3, 1]


def test_a_dashboard_is_one_document(tmp_path):
    run("import", "sloth", files(tmp_path), "--out", tmp_path / "nines.yaml")
    board = json.loads(run("export", "grafana", tmp_path / "nines.yaml")[0].stdout)
    assert board["title"] == "Service levels"
