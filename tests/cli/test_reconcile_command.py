"""`nines reconcile` from files and from what is stored: findings, cells, exit codes."""

import csv
import io
import json

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from nines.cli.main import app
from operations.test_reconciling import DEFINITIONS, NOW, World, furnished


def run(*words):
    return CliRunner().invoke(app, ["reconcile", *map(str, words)])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Definitions and files of a world in which phones of us fail and no probe sees it."""
    folder, world = tmp_path_factory.mktemp("files"), World()
    world.users[world.at(region="us", device="phone")] += 0.04
    (folder / "slo.yaml").write_text(DEFINITIONS)
    given = ["--definitions", folder / "slo.yaml", "--at", NOW.isoformat()]
    for name, table in world.tables().items():
        pq.write_table(table, folder / f"{name}.parquet")
        given += ["--events", f"{name}={folder / name}.parquet"]
    return given


def test_files_give_the_finding_its_cells_and_exit_1(files):
    answer = run("had", "tried", "--expected", "answered", *files)
    assert answer.exit_code == 1
    assert "blind-spot" in answer.output
    assert "in / / us / phone, /buy / us / phone, by up to" in answer.output
    assert "  - all in device phone: 2 of its 4 cells" in answer.output
    assert "target 99 % of works@30d" in answer.output


def test_csv_has_one_line_for_each_cell_those_that_differ_first(files):
    lines = list(csv.DictReader(io.StringIO(run("had", "tried", *files, "--format", "csv").stdout)))
    assert [row["outcome"] for row in lines] == ["users-worse"] * 2 + ["agree"] * 6
    assert {row["cell"] for row in lines[:2]} == {"/ / us / phone", "/buy / us / phone"}


def test_json_has_exact_differences_and_both_counts(files):
    answer = json.loads(run("works", *files, "--format", "json", "--by", "region").stdout)
    assert (answer["users"], answer["probes"], answer["dimensions"]) == ("had", "tried", ["region"])
    us = next(c for c in answer["cells"] if c["cell"] == ["us"])
    ratios = [us[side]["good"] / (us[side]["good"] + us[side]["bad"]) for side in ("users", "probes")]
    assert us["difference"] == pytest.approx(ratios[0] - ratios[1])


@pytest.mark.parametrize(
    ("show", "head"),
    [("findings", "finding,reason"), ("cells", "cell,outcome"), ("unmatched", "cell,counted by")],
)
def test_each_table_comes_as_csv(files, show, head):
    assert run("had", "tried", *files, "--show", show, "--format", "csv").stdout.startswith(head)


def test_what_is_stored_agrees_with_0_and_nothing_at_all_ends_with_3(tmp_path):
    house, _ = furnished(tmp_path, World().tables())
    house.lake.inbox.close()
    given = ["--data", tmp_path, "--at", NOW.isoformat()]
    assert run("had", "tried", *given).exit_code == 0
    unknown = run("had", "tried", *given, "--known-at", "2026-03-01T00:00:00Z")
    assert unknown.exception.problems[0].code == "no-indicator"
    assert run("had", "tried", *given, "--to", "2026-03-01T06:00:00Z", "--target", "99%").exit_code == 3


def test_definitions_without_files_are_refused(files):
    refused = run("had", "tried", *files[:2])
    assert refused.exception.problems[0].code == "one-side"
