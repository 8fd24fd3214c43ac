"""Formatting changes the layout and nothing else."""

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from definitions.texts import CONTRACT
from nines.definitions.fmt import TOP, formatted
from nines.definitions.positions import documents

WORDS = st.text("abcxyz 059-_.#:'é", min_size=1, max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99) | WORDS | st.just("two\nlines  \n\n\nhere\n"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=5,
)
GAPS = st.sampled_from(["", "\n", "\n\n\n", "# a remark\n", "\n# a remark   \n\n", "   \n"])


def block(key: str, value, *, flow: bool) -> str:
    """Return a key with its value, on one line or on many."""
    return (
        f"{key}: {json.dumps(value)}\n"
        if flow
        else yaml.safe_dump({key: value}, default_flow_style=False, allow_unicode=True)
    )


@st.composite
def texts(draw):
    """Return a file of one to three documents: keys in any order, remarks and blanks between them."""
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        keys = draw(st.lists(st.sampled_from([*TOP, "other"]), min_size=1, unique=True))
        dumped = [block(k, draw(VALUES), flow=draw(st.booleans())) for k in keys]
        parts.append("".join(draw(GAPS) + one for one in dumped) + draw(GAPS))
    ends = draw(st.sampled_from(["\n", "\r\n"]))
    return draw(st.sampled_from(["", "---\n", "# first\n"])) + draw(st.sampled_from(["---\n", "---  \n"])).join(
        parts
    ).replace("\n", ends)


def meaning(text: str) -> list:
    found, problems = documents(text, "")
    assert not problems
    return [d.value for d in found]


def remarks(text: str) -> list[str]:
    return sorted(line.strip() for line in text.splitlines() if line.startswith("#"))


@settings(deadline=None)
@given(texts())
def test_formatting_keeps_the_meaning_and_every_remark(text):
    done, problems = formatted(text, "a.yaml")
    if problems:
        assert done == text
        return
    assert meaning(done) == meaning(text)
    assert remarks(done) == remarks(text)


@settings(deadline=None)
@given(texts())
def test_formatting_twice_is_formatting_once(text):
    once, problems = formatted(text, "a.yaml")
    assert problems or formatted(once, "a.yaml") == (once, [])


def test_the_canonical_form_by_example():
    text = "\n\n# The shop.\nspec:   \n  service: shop # ours\n\n\n\n  target: 99%\n# Who it is.\nmetadata: {name: a}\nkind: SLO\napiVersion: nines/v1\n\n---   \n\nkind: Service\napiVersion: nines/v1\n"
    assert formatted(text, "a.yaml") == (
        "# The shop.\napiVersion: nines/v1\nkind: SLO\n# Who it is.\nmetadata: {name: a}\nspec:\n  service: shop # ours\n\n  target: 99%\n---\napiVersion: nines/v1\nkind: Service\n",
        [],
    )


def test_the_contract_example_is_in_the_canonical_form():
    assert formatted(CONTRACT, "a.yaml") == (CONTRACT, [])


@pytest.mark.parametrize("text", ["a: |\n  kept   \n", "a: |\n  one\n\n\n  two\n", 'a: "one\n\n\n  two"\n'])
def test_blanks_that_mean_something_are_left_alone(text):
    assert formatted(text, "a.yaml") == (text, [])


def test_what_is_not_yaml_is_left_alone_and_told():
    text = "b: 1  \na: [\n"
    done, problems = formatted(text, "a.yaml")
    assert done == text
    assert [p.code for p in problems] == ["yaml"]
