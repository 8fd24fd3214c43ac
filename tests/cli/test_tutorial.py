"""The tutorial, through the front door: what its page says is what a newcomer sees."""

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NINES = Path(sys.executable).parent / "nines"


def nines(*words, cwd):
    return subprocess.run([NINES, *words], cwd=cwd, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def desk(tmp_path):
    page = (ROOT / "docs/tutorial/first-objective.md").read_text()
    for kind, name in (("csv", "requests.csv"), ("yaml", "slo.yaml")):
        (tmp_path / name).write_text(textwrap.dedent(re.search(rf"```{kind}\n(.*?)```", page, re.DOTALL)[1]))
    return tmp_path


def test_the_tutorials_figures_come_out_and_the_open_verdict_is_exit_code_three(desk):
    asked = ["--definitions", "slo.yaml", "--events", "requests=requests.csv", "--at", "2026-11-01T10:05:00Z"]
    run = nines("evaluate", *asked, "--format", "json", cwd=desk)
    (standing,) = json.loads(run.stdout)
    assert (run.returncode, standing["exact"], standing["counts"]["unknown"]) == (3, "7/9", 1)
    assert (standing["bounds"], standing["verdict"]) == ({"low": 0.7, "high": 0.8}, "unknown")


def test_what_is_kept_as_the_tutorial_says_gives_the_same_figures_again(desk):
    kept, at = ["--data", "house"], ["--at", "2026-11-01T10:05:00Z"]
    assert nines("apply", "slo.yaml", *kept, "--effective", "2026-11-01T00:00:00Z", cwd=desk).returncode == 0
    assert nines("ingest", "--source", "requests", "requests.csv", *kept, cwd=desk).returncode == 0
    (standing,) = json.loads(nines("status", *kept, *at, "--format", "json", cwd=desk).stdout)
    assert (standing["exact"], standing["bounds"]) == ("7/9", {"low": 0.7, "high": 0.8})
    assert "77.77" in nines("explain", "website", *kept, *at, cwd=desk).stdout


def test_a_bare_eighty_is_refused_with_its_place_and_its_fix(desk):
    text = (desk / "slo.yaml").read_text().replace("80%", "80")
    (desk / "slo.yaml").write_text(text)
    run = nines("check", "slo.yaml", cwd=desk)
    line = 1 + text[: text.index("target: 80")].count("\n")
    assert run.returncode == 2
    assert f"slo.yaml:{line}: 80 is above 1" in run.stderr
    assert '"80%"' in run.stderr


def test_a_file_with_a_malformed_line_is_refused_whole_and_the_line_is_named(desk):
    with (desk / "requests.csv").open("a") as file:
        file.write("yesterday,200,5\n")
    data = ["--data", "house"]
    assert nines("apply", "slo.yaml", *data, "--effective", "2026-10-01", cwd=desk).returncode == 0
    refused = nines("ingest", "requests.csv", *data, "--format", "json", cwd=desk)
    assert (refused.returncode, json.loads(refused.stdout)[0]["stored"]) == (2, 0)
    assert "requests.csv:12: time is 'yesterday'" in refused.stderr
    kept = nines("ingest", "requests.csv", *data, "--keep-going", "--format", "json", cwd=desk)
    assert (kept.returncode, json.loads(kept.stdout)[0]["stored"]) == (0, 10)
    again = nines("ingest", "requests.csv", *data, "--keep-going", "--format", "json", cwd=desk)
    assert json.loads(again.stdout)[0]["stored"] == 0
