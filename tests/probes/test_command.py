"""`nines probe run`: what it prints, what it stores, and its exit codes."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from definitions.texts import doc, join
from nines.cli.probing import read_secrets
from nines.errors import InputError
from probes.loopback import PASSWORD

NINES = Path(sys.executable).parent / "nines"


def nines(*words, cwd, **env):
    import os

    kept = {k: v for k, v in os.environ.items() if not k.startswith("NINES_")}
    run = [NINES, "probe", "run", *words]
    return subprocess.run(run, cwd=cwd, capture_output=True, text=True, check=False, timeout=120, env=kept | env)


@pytest.fixture
def desk(tmp_path, shop):
    steps = [
        f"{{name: login, http: {{url: '{shop.url}/login', method: POST, form: {{password: '${{secret:SHOP}}'}}}}, share: 2s}}",
        f"{{name: search, http: {{url: '{shop.url}/api_search?q=lamp'}}, extract: {{t: {{json: $.token}}}}}}",
        f"{{name: pay, http: {{url: '{shop.url}/pay', method: POST, json: {{token: '${{t}}'}}}}}}",
        f"{{name: thanks, http: {{url: '{shop.url}/'}}}}",
    ]
    spec = f"{{source: probes, locations: [oslo], steps: [{', '.join(steps)}]}}"
    (tmp_path / "probe.yaml").write_text(
        join(doc("DataSource", "probes", "{type: events}"), doc("Probe", "buying", spec))
    )
    (tmp_path / "secrets").write_text(f"# of the shop\n\nSHOP={PASSWORD}\n")
    return tmp_path


def test_a_good_journey_is_exit_code_zero_and_shows_the_time_of_every_step(desk):
    run = nines("probe.yaml", "--secrets", "secrets", "--format", "json", cwd=desk)
    rows = json.loads(run.stdout)
    assert (run.returncode, [(r["step"], r["state"]) for r in rows]) == (
        0,
        [("login", "up"), ("search", "up"), ("pay", "up"), ("thanks", "up"), ("", "up")],
    )
    assert {"connect", "first byte", "transfer", "ms", "share"} <= set(rows[0])


def test_a_failed_step_is_exit_code_one_and_keeps_its_record(desk, shop):
    shop.fault = "/pay"
    words = ["probe.yaml", "--secrets", "secrets", "--artifacts", "kept", "--format", "csv"]
    run = nines(*words, cwd=desk)
    rows = list(csv.DictReader(run.stdout.splitlines()))
    assert (run.returncode, [r["state"] for r in rows]) == (1, ["up", "up", "down", "not run", "down"])
    assert rows[2]["error"] == "the status is 500, expected 200-399"
    assert run.stderr.count("kept kept/buying-oslo-") == 2


def test_the_table_names_steps_and_phases(desk):
    run = nines("probe.yaml", cwd=desk, NINES_SECRET_SHOP=PASSWORD)
    assert run.returncode == 0
    for word in ("login", "first byte", "2000 ms"):
        assert word in run.stdout


WRONG = [
    (["none.yaml"], "there is no such file, nor a probe in force"),
    (["probe.yaml"], "there is no secret SHOP"),
    (["probe.yaml", "--location", "rome"], "it has no location 'rome'"),
    (["probe.yaml", "--only", "selling"], "there is no probe 'selling'"),
    (["probe.yaml", "--secrets", "none"], "the secrets cannot be read"),
    (["probe.yaml", "--secrets", "secrets", "--allow", "here"], "--allow"),
    (["probe.yaml", "--secrets", "secrets", "--store"], "there is no such DataSource in force"),
]


@pytest.mark.parametrize(("words", "told"), WRONG, ids=[" ".join(w) for w, _ in WRONG])
def test_wrong_input_is_exit_code_two_and_asks_nobody(desk, shop, words, told):
    run = nines(*words, "--data", "house", cwd=desk)
    assert (run.returncode, told in run.stderr, shop.seen) == (2, True, [])


def test_a_mistake_in_the_file_is_told_with_its_line(desk, shop):
    text = (desk / "probe.yaml").read_text().replace("${t}", "${u}")
    (desk / "probe.yaml").write_text(text)
    run = nines("probe.yaml", cwd=desk)
    assert run.returncode == 2
    assert "probe.yaml:9: no earlier step extracts 'u'" in run.stderr


def test_a_location_that_is_cut_off_is_exit_code_three(desk):
    text = (desk / "probe.yaml").read_text().replace("locations:", "connectivity: ['127.0.0.1:9'], locations:")
    (desk / "probe.yaml").write_text(text)
    run = nines("probe.yaml", "--secrets", "secrets", "--format", "json", cwd=desk)
    assert (run.returncode, json.loads(run.stdout)[-1]["state"]) == (3, "unknown")
    assert "the location is not connected" in run.stderr


def test_a_probe_in_force_is_run_by_name_and_its_result_stored(desk):
    subprocess.run([NINES, "apply", "probe.yaml", "--data", "house"], cwd=desk, check=True, capture_output=True)
    run = nines("buying", "--secrets", "secrets", "--store", "--data", "house", "--format", "json", cwd=desk)
    assert (run.returncode, json.loads(run.stdout)[-1]["state"]) == (0, "up")
    from nines.lake.lake import Lake

    (one,) = Lake.open(desk / "house" / "lake").freshness("default")
    assert one.source == "probes"


class TestSecrets:
    def test_those_of_the_file_win_and_other_variables_are_out_of_reach(self, tmp_path, monkeypatch):
        monkeypatch.setenv("NINES_SECRET_A", "env")
        monkeypatch.setenv("NINES_SECRET_B", "env")
        monkeypatch.setenv("CLOUD_KEY", "env")
        (tmp_path / "s").write_text("A = x=y \n")
        found = read_secrets(tmp_path / "s")
        assert (found["A"], found["B"], "CLOUD_KEY" in found) == ("x=y", "env", False)

    def test_a_line_without_a_name_is_told_by_its_number_alone(self, tmp_path):
        (tmp_path / "s").write_text("A=1\nhunter2\n")
        with pytest.raises(InputError) as refused:
            read_secrets(tmp_path / "s")
        assert str(refused.value.problems[0]).startswith(f"{tmp_path / 's'}:2: ")
        assert "hunter2" not in str(refused.value)
