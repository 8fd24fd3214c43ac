"""The reference names every field of every kind, and its examples load."""

import re
from pathlib import Path
from typing import get_args

import pytest

from definitions.texts import doc, join, slo
from nines.definitions.load import load_texts
from nines.definitions.shapes import SPECS, CalendarWindowShape, Metadata, Shape

PAGES = Path(__file__).resolve().parents[2] / "docs" / "reference"
PAGE = (PAGES / "definitions.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in re.split(r"^## ", PAGE, flags=re.MULTILINE)}

#: What examples of the page refer to and another section, or nobody, defines.
AROUND = {
    "DataSource": {"access-log": "{type: events}", "prom": "{type: events}", "monitor": "{type: events}"},
    "Service": {"shop": "{}"},
    "SLI": {
        "checkout-success": "{source: access-log, good: http_status < 500}",
        "checkout-duration": "{source: access-log, values: {value: duration_ms}}",
    },
    "Calendar": {"office": "{hours: [{days: [mon], open: '08:00', close: '18:00'}]}"},
    "SLO": dict.fromkeys(("cart", "payments", "checkout"), ""),
}


def inner_shapes(shape: type[Shape]) -> list[tuple[str, type[Shape]]]:
    """Return the shapes that stand within another, with the name of their field."""
    found = []
    for name, field in shape.model_fields.items():
        waiting = [field.annotation]
        while waiting:
            kind = waiting.pop()
            if isinstance(kind, type) and issubclass(kind, Shape):
                found.append((field.alias or name, kind))
            waiting.extend(get_args(kind))
    return found


def fields(kind: str) -> list[str]:
    shape = SPECS[kind]
    own = [field.alias or name for name, field in shape.model_fields.items()]
    within = (
        []
        if kind == "Composite"
        else [(at, inner) for at, inner in inner_shapes(shape) if inner is not CalendarWindowShape]
    )
    return own + [f"{at}.{field.alias or name}" for at, inner in within for name, field in inner.model_fields.items()]


@pytest.mark.parametrize(("kind", "field"), [(kind, field) for kind in SPECS for field in fields(kind)])
def test_a_field_stands_in_the_table_of_its_kind(kind, field):
    section = SECTIONS[kind]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    named = {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}
    assert field in named or any(name.startswith(f"{field}.") for name in named)


@pytest.mark.parametrize("field", [f.alias or n for n, f in CalendarWindowShape.model_fields.items()])
def test_a_field_of_a_calendar_window_stands_beside_the_slo(field):
    assert f"| `{field}` |" in SECTIONS["SLO"]


@pytest.mark.parametrize("field", [f.alias or n for n, f in Metadata.model_fields.items()])
def test_a_field_of_metadata_stands_on_the_page(field):
    assert f"| `metadata.{field}` |" in PAGE


@pytest.mark.parametrize("kind", SPECS)
def test_a_kind_has_a_worked_example_of_itself(kind):
    assert f"kind: {kind}\n" in "".join(examples(SECTIONS[kind]))


def examples(text: str) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def around(text: str) -> str:
    """Return a small definition for every name in `AROUND` that the text does not define itself."""
    defined = set(re.findall(r"kind: (\w+)\nmetadata: ?\{?\s*name: ([a-z0-9-]+)", text))
    missing = [(k, n, s) for k, held in AROUND.items() for n, s in held.items() if (k, n) not in defined]
    return join(*(slo(n, indicator="checkout-success") if k == "SLO" else doc(k, n, s) for k, n, s in missing))


@pytest.mark.parametrize("title", [t for t, part in SECTIONS.items() if examples(part)])
def test_the_examples_of_a_section_load_without_a_word(title):
    text = join(*examples(SECTIONS[title]))
    found = load_texts([("page", text), ("around", around(text))])
    assert found.problems == ()


def test_the_example_of_openslo_loads_strictly():
    text = join(*examples((PAGES / "openslo.md").read_text(encoding="utf-8")))
    found = load_texts([("page", text)], strict=True)
    assert found.errors == ()
    assert [o.key for o in found.objectives] == ["web-availability@28d"]
