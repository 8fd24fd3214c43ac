"""The documentation says what the code does: generated pages are current, and everything a person can use is named."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = "\n".join(p.read_text() for p in (ROOT / "docs").rglob("*.md"))


def test_generated_pages_are_current():
    run = subprocess.run(
        [sys.executable, ROOT / "docs" / "generate.py", "--check"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + "; `make docs` writes them anew"


def test_every_link_between_pages_leads_somewhere():
    pages = [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")]
    links = [(p, t) for p in pages for t in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", p.read_text())]
    broken = [f"{page.relative_to(ROOT)} -> {target}" for page, target in links if not (page.parent / target).exists()]
    assert broken == []


def test_every_api_route_stands_in_the_reference():
    from nines.api import alerting, clocks, events, exchanging, health, probes, proving, reconciling, records, standings

    routes = {
        r.path.replace(":path", "")
        for part in (standings, reconciling, records, exchanging, events, health, clocks, alerting, probes, proving)
        for r in part.router.routes
    }
    assert sorted(path for path in routes if path not in PAGES) == []


@pytest.mark.parametrize(
    "word", ["make demo", "make test", "nines check", "nines evaluate", "nines apply", "nines serve"]
)
def test_the_readme_names_what_a_newcomer_needs(word):
    assert word in (ROOT / "README.md").read_text()


def test_each_room_of_the_house_has_its_decision_or_reference():
    for name in ("0001-the-house", "0002-the-walk", "0005-dependencies"):
        assert (ROOT / "docs" / "decisions" / f"{name}.md").exists()


def test_every_dependency_is_named_with_its_reason():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    page = (ROOT / "docs" / "decisions" / "0005-dependencies.md").read_text()
    names = [re.split(r"[><=\[ ]", d)[0] for d in project["dependencies"]]
    names += [
        re.split(r"[><=\[ ]", d)[0]
        for extra, ds in project["optional-dependencies"].items()
        if extra != "dev"
        for d in ds
    ]
    assert [n for n in names if n not in page] == []
