"""Every colour of text stands out from what it is written on, in light and in dark."""

import re

import pytest

from nines.pages.render import files
from nines.pages.tokens import STATIC, colours, contrast

TEXT = ("ink", "ink-2", "ink-3", "accent", "met", "risk", "missed", "unknown")
GROUNDS = ("bg", "surface", "raised")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("ink", TEXT)
def test_text_has_a_contrast_of_at_least_4_5_on_every_ground(scheme, ink):
    found = colours(scheme)
    grounds = [*GROUNDS, *([f"{ink}-soft"] if f"{ink}-soft" in found else [])]
    assert min(contrast(found[ink], found[ground]) for ground in grounds) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_edges_of_fields_have_a_contrast_of_at_least_3(scheme):
    found = colours(scheme)
    assert min(contrast(found["edge"], found[ground]) for ground in ("bg", "surface")) >= 3


def test_contrast_does_not_depend_on_the_order_and_is_1_for_equal_colours():
    assert contrast("#1f5fbf", "#ffffff") == contrast("#ffffff", "#1f5fbf")
    assert contrast("#1f5fbf", "#1f5fbf") == 1


def test_every_token_that_is_used_is_defined():
    style = (STATIC / "nines.css").read_text()
    used, defined = set(re.findall(r"var\(--([a-z0-9-]+)", style)), set(re.findall(r"--([a-z0-9-]+):", style))
    assert used <= defined


def test_no_colour_is_written_outside_the_tokens():
    style = (STATIC / "nines.css").read_text()
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b", style.partition("}")[2]) == []


def test_static_files_are_styles_scripts_and_drawings_only():
    assert {name.rpartition(".")[2] for name in files()} == {"css", "js", "svg"}
