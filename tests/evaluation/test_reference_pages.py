"""The reference pages tell the truth: examples run, every name and code is listed, and none that does not exist."""

import doctest
import re
from pathlib import Path

import pytest

from evaluation.cases import ask, minutes, promise
from nines.evaluation.standing_json import standing_json
from nines.objectives.exclusion import PRECEDENCE
from nines.objectives.method import Occurrences, RatioTimeslices, Timeslices

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"


@pytest.mark.parametrize("page", ["semantics.md", "exclusions.md", "standing.md", "windows.md"])
def test_examples_on_the_page_run(page):
    found = doctest.testfile(str(REFERENCE / page), module_relative=False)
    assert found.attempted > 0
    assert found.failed == 0


def first_cells(page, heading=""):
    text = (REFERENCE / page).read_text().split(f"## {heading}\n")[-1 if heading else 0]
    return [row.split("|")[1] for row in text.split("\n## ")[0].splitlines() if row.startswith("| `")]


def test_the_page_lists_exactly_the_names_of_a_standing():
    listed = {name for cell in first_cells("standing.md") for name in re.findall(r"`(\w+)`", cell)}
    assert listed == set(standing_json(ask(promise(), minutes([1] * 10))))


def test_the_page_lists_exactly_the_codes_that_evaluation_can_add():
    listed = {c.strip(" `") for c in first_cells("standing.md", "Problems an evaluation may add")}
    rooms = (ROOT / "src/nines/evaluation").glob("*.py")
    raised = {c for f in rooms if f.name != "sweep.py" for c in re.findall(r'code="([\w-]+)"', f.read_text())}
    assert listed == raised - {"cycle", "not-calendar", "not-swept"}


def test_the_table_of_modes_has_every_mode_and_method():
    page = (REFERENCE / "exclusions.md").read_text()
    assert [c.split("`")[1] for c in first_cells("exclusions.md", "Mode and method")[:3]] == [
        "drop-events", "shrink-denominator", "count-as-good",
    ]  # fmt: skip
    assert all(mode in page for mode in PRECEDENCE)
    assert all(method.name in page for method in (Occurrences, Timeslices, RatioTimeslices))
