"""OpenSLO is read as published: what strict refuses, what lenient lets pass, and where."""

from datetime import datetime
from fractions import Fraction
from pathlib import Path

import pytest

from nines.definitions.load import load
from nines.objectives.method import Timeslices
from nines.objectives.window import CalendarWindow
from shared_data import shared

INPUTS, EXAMPLES = "openslo-oslo/test/inputs", "openslo-spec/examples"
NAME, OP = "no name", "op has no meaning"

#: File -> broken rules as (line, word of the message), and of them those that refuse even a lenient reading.
FILES: dict[str, tuple[list[tuple[int, str]], list[tuple[int, str]]]] = {
    f"{INPUTS}/fmt/service.yaml": ([], []),
    f"{INPUTS}/validate/invalid-apiversion.yaml": ([(1, "'foo'")], [(1, "'foo'")]),
    f"{INPUTS}/validate/mix/1.yaml": ([(4, NAME)], []),
    f"{INPUTS}/validate/mix/2.yaml": ([(4, NAME)], []),
    f"{INPUTS}/validate/mix/3.yaml": ([(4, NAME)], []),
    f"{INPUTS}/validate/recursive/1.yaml": ([(4, NAME)], []),
    f"{INPUTS}/validate/recursive/nested/2.yaml": ([(4, NAME)], []),
    f"{INPUTS}/validate/recursive/nested/nested2/nested3/3.yaml": ([(4, NAME)], []),
    f"{INPUTS}/validate/unknown-field.yaml": ([(4, NAME), (6, "'markdown'")], []),
    f"{INPUTS}/validate/v1.yaml": ([(40, OP), (59, NAME)], []),
    f"{INPUTS}/validate/v1alpha.yaml": ([(4, NAME), (22, "timeSliceWindow"), (22, "timeSliceTarget")], []),
    f"{INPUTS}/validate/v2alpha.yaml": ([(34, OP), (50, NAME)], []),
    f"{EXAMPLES}/budgeting-method/occurences-slo.yaml": ([], []),
    f"{EXAMPLES}/budgeting-method/ratio-timeslices.yaml": ([(32, OP)], []),
    f"{EXAMPLES}/budgeting-method/timeslices-slo.yaml": ([(27, "too short"), (35, OP)], [(27, "too short")]),
    f"{EXAMPLES}/treat-low-traffic-as-equally-important/timeslices-slo.yaml": ([(33, OP)], []),
}


def same(problems, expected) -> bool:
    told = [(int(p.where.rpartition(":")[2]), p.what) for p in problems]
    return len(told) == len(expected) and all(
        line == at and word in what for (line, what), (at, word) in zip(told, expected, strict=True)
    )


@pytest.mark.parametrize("name", FILES)
def test_a_published_file_is_refused_by_strict_as_the_table_says(name):
    found = load([shared("slo_definitions") / name], strict=True)
    assert same(found.errors, FILES[name][0]), found.errors


@pytest.mark.parametrize("name", FILES)
def test_a_published_file_is_let_pass_by_lenient_as_the_table_says(name):
    broken, refused = FILES[name]
    found = load([shared("slo_definitions") / name])
    assert same(found.errors, refused), found.errors
    warnings = [p for p in found.problems if p.severity == "warning"]
    assert same(warnings, [b for b in broken if b not in refused]), warnings


def test_the_table_names_every_published_file():
    root = shared("slo_definitions")
    there = {p.relative_to(root) for folder in root.glob("openslo-*") for p in folder.rglob("*.yaml")}
    assert {p for p in there if "outputs" not in p.parts} == {Path(name) for name in FILES}


def test_a_published_example_says_what_it_promises():
    found = load([shared("slo_definitions") / f"{INPUTS}/validate/v1.yaml"])
    (promise,) = found.objectives
    assert (promise.name, promise.service, promise.indicator) == (
        "web-availability",
        "web",
        "web-successful-requests-ratio",
    )
    assert promise.terms[0].target == Fraction("0.995")
    assert promise.terms[0].method == Timeslices(Fraction("0.95"), 1)
    assert promise.window == CalendarWindow("week", 1, "America/New_York", datetime(2022, 1, 1, 12))  # noqa: DTZ001 - wall clock
    assert dict(promise.labels) == {"env": "prod", "team": "team-a,team-b"}
