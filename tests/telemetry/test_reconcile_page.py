"""The page about two sources tells the truth: its examples run, and every finding and rule stands on it."""

import doctest
from pathlib import Path
from typing import get_args

from nines.telemetry.reconcile_combine import RuleName
from nines.telemetry.reconcile_findings import Kind

PAGE = Path(__file__).parents[2] / "docs/reference/reconcile.md"


def test_examples_on_the_page_run():
    found = doctest.testfile(str(PAGE), module_relative=False)
    assert found.attempted > 0
    assert found.failed == 0


def test_every_finding_and_every_rule_stands_on_the_page():
    text = PAGE.read_text()
    assert [name for name in (*get_args(Kind), *get_args(RuleName)) if f"| `{name}` |" not in text] == []
