"""The reference page tells the truth: what it allows parses, what it refuses is refused, what it names exists."""

import re
from pathlib import Path

import pytest

from nines.errors import InputError
from nines.predicates import column_expression, parse
from nines.predicates.functions import EVERYWHERE, OF_SOURCES

PAGE = (Path(__file__).parents[2] / "docs/reference/predicates.md").read_text()


def cells(heading):
    """Return the code of each table row under a heading, row by row, in the order of its columns."""
    part = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.replace("\\|", "\0").split("|")[1:-1] for line in part.splitlines() if line.startswith("| ")]
    return [[[code.replace("\0", "|") for code in re.findall(r"`([^`]+)`", cell)] for cell in row] for row in rows]


ALLOWED = [code for row in cells("What may be written") if not row[0] for code in row[1]]
REFUSED = [(row[0][0], row[2][0]) for row in cells("What is refused") if row[0]]


@pytest.mark.parametrize("text", ALLOWED)
def test_what_the_page_allows_is_a_predicate(text):
    assert parse(text).sql("spark")


@pytest.mark.parametrize(("refused", "instead"), REFUSED)
def test_what_the_page_refuses_is_refused_and_what_it_offers_is_taken(refused, instead):
    with pytest.raises(InputError):
        parse(refused)
    assert parse(instead).sql("clickhouse")


def test_the_page_names_every_function():
    assert [name for name in {**EVERYWHERE, **OF_SOURCES} if f"`{name}(" not in PAGE] == []


def test_the_page_s_columns_are_expressions():
    block = PAGE.split("columns:\n")[1].split("```")[0]
    for line in block.splitlines():
        assert column_expression(line.split(":", 1)[1].strip()).sql()
