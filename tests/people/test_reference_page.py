"""The reference page of people says what the table of rights says, and values keep their secrets."""

import re
from pathlib import Path

from nines.people.rights import DEEDS, ROLES

PAGE = (Path(__file__).parents[2] / "docs/reference/people.md").read_text()


def part(heading):
    return PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def test_it_lists_every_deed_in_its_words():
    assert re.findall(r"^\| `([^`]+)` \| (.+) \|$", part("Deeds"), re.MULTILINE) == list(DEEDS.items())


def test_it_prints_the_table_of_rights():
    head, _, *lines = [line.split("|")[1:-1] for line in part("Roles").splitlines() if line.startswith("|")]
    roles = [cell.strip() for cell in head[1:]]
    printed = {r: {line[0].strip(" `") for line in lines if line[i].strip() == "yes"} for i, r in enumerate(roles, 1)}
    assert printed == {role: set(deeds) for role, deeds in ROLES.items()}
    assert [line[0].strip(" `") for line in lines] == list(DEEDS)
