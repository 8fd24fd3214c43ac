"""The pages about probes: their examples load, and every field and code of a failed step is named."""

import re
from pathlib import Path

import pytest

from definitions.texts import doc, join
from nines.definitions import journey_shapes as js
from nines.definitions.load import load, load_texts

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/reference/probes.md").read_text()
GUIDE = (ROOT / "docs/how-to/probe.md").read_text()
SHAPES = [js.HttpShape, js.TcpShape, js.DnsShape, js.TlsShape, js.IcmpShape, js.FillShape, js.BrowserActShape,
          js.ExpectShape, js.ExtractShape]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: s.__name__)
def test_every_field_of_a_step_stands_in_the_reference(shape):
    named = set(re.findall(r"[A-Za-z]+", " ".join(re.findall(r"`([^`]+)`", PAGE))))
    assert {f.alias or n for n, f in shape.model_fields.items()} - named == set()


def test_every_code_of_a_failed_step_stands_in_the_reference():
    source = "".join(path.read_text() for path in (ROOT / "src/nines/probes").glob("*.py"))
    codes = set(re.findall(r"StepError\([^)]*?code=\"([a-z-]+)\"", source, re.DOTALL))
    assert len(codes) > 12
    assert {code for code in codes if f"`{code}`" not in PAGE} == set()


def test_the_guides_examples_load():
    whole = [
        text
        for text in re.findall(r"^```yaml\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
        if text.startswith("apiVersion")
    ]
    found = load_texts([("guide", join(*whole))])
    assert found.problems == ()
    assert set(found.indicators) == {"buying-works", "paying-in-time", "buying-from-oslo", "buying-reached"}


def test_the_guides_browser_step_and_its_filter_load():
    where, step = (
        text
        for text in re.findall(r"^```yaml\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
        if "apiVersion" not in text
    )
    probe = f"apiVersion: nines/v1\nkind: Probe\nmetadata: {{name: a}}\nspec:\n  source: s\n  steps:\n{step}"
    sli = doc("SLI", "i", f"{{source: s, good: http_status < 500, {where.strip()}}}")
    assert load_texts([("guide", join(doc("DataSource", "s", "{type: events}"), probe, sli))]).problems == ()


def test_the_shops_probes_load():
    found = load([ROOT / "examples/shop/probes.yaml"])
    assert found.problems == ()
    assert set(found.probes) == {"buying-api", "buying-page", "shop-foundations"}
