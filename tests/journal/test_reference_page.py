"""The reference page of the journal says what the program knows."""

import ast
import re
from pathlib import Path

from nines.journal.facts import KINDS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/journal.md").read_text()


def rows(heading):
    part = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \| (.+) \|$", part, re.MULTILINE)


def test_it_lists_every_kind_of_fact_in_its_words():
    assert rows("Kinds") == list(KINDS.items())


def test_it_lists_every_finding_of_verification():
    sources = [ROOT / "src/nines/journal/verifying.py", ROOT / "src/nines/store/proof.py"]
    texts = {n.value for s in sources for n in ast.walk(ast.parse(s.read_text())) if isinstance(n, ast.Constant)}
    codes = {t for t in texts if isinstance(t, str) and re.fullmatch(r"(journal|payload|record)-[a-z]+", t)}
    assert {code for code, _ in rows("Verification")} == codes
