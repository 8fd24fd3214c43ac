"""Recorded versions become objectives whose past keeps its targets."""

from datetime import UTC, datetime
from fractions import Fraction

import pytest

from definitions.texts import doc, slo
from nines.definitions.load import Definitions, load_texts
from nines.definitions.revisions import Version, digest, in_force, read_history

JAN, FEB, MAR, APR = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3, 4))

STANDING = [
    Version("DataSource", "log", 1, JAN, doc("DataSource", "log", "{type: events}")),
    Version("Service", "shop", 1, JAN, doc("Service", "shop", "{}")),
    Version("SLI", "good", 1, JAN, doc("SLI", "good", "{source: log, good: http_status < 500}")),
    Version("SLI", "fast", 1, JAN, doc("SLI", "fast", "{source: log, good: duration_ms < 300}")),
]


def promised(number: int, since: datetime, **fields: str) -> Version:
    return Version("SLO", "a", number, since, slo("a", **fields))


def retired(number: int, since: datetime) -> Version:
    return Version("SLO", "a", number, since, None)


def history(at: datetime, *versions: Version) -> Definitions:
    found = read_history([*STANDING, *versions], at)
    assert found.errors == ()
    return found


def terms(at: datetime, *versions: Version) -> list[tuple[Fraction, datetime | None, int]]:
    (objective,) = history(at, *versions).objectives
    return [(t.target, t.effective_from, t.revision) for t in objective.terms]


def test_one_version_holds_from_the_beginning():
    assert terms(FEB, promised(1, JAN)) == [(Fraction(99, 100), None, 1)]


def test_a_changed_target_keeps_the_past():
    versions = promised(1, JAN, target="99%"), promised(2, MAR, target="99.9%")
    assert terms(APR, *versions) == [(Fraction(99, 100), None, 1), (Fraction(999, 1000), MAR, 2)]
    (objective,) = history(APR, *versions).objectives
    assert objective.term_at(FEB).target == Fraction(99, 100)
    assert objective.term_at(MAR).target == Fraction(999, 1000)


def test_a_target_that_is_yet_to_come_is_known_and_does_not_hold():
    versions = promised(1, JAN, target="99%"), promised(2, MAR, target="99.9%")
    (objective,) = history(FEB, *versions).objectives
    assert [t.revision for t in objective.terms] == [1, 2]
    assert objective.term_at(FEB).revision == 1


def test_a_retired_promise_is_gone_and_its_past_is_not():
    versions = promised(1, JAN), retired(2, MAR)
    assert history(MAR, *versions).objectives == ()
    assert [o.name for o in history(FEB, *versions).objectives] == ["a"]


def test_a_promise_that_returns_begins_anew():
    versions = promised(1, JAN, target="99%"), retired(2, FEB), promised(3, MAR, target="98%")
    assert terms(APR, *versions) == [(Fraction(98, 100), None, 3)]


@pytest.mark.parametrize("change", [{"indicator": "fast"}, {"budgetingMethod": "Timeslices", "timeSliceTarget": "95%"}])
def test_another_indicator_or_method_begins_anew(change):
    assert [t[2] for t in terms(APR, promised(1, JAN), promised(2, MAR, **change))] == [2]


def test_a_window_that_came_later_has_only_its_own_terms():
    versions = promised(1, JAN, target="99%"), promised(2, MAR, target="98%", window="", windows="[30d, 7d]")
    found = {o.window.label: [t.revision for t in o.terms] for o in history(APR, *versions).objectives}
    assert found == {"30d": [1, 2], "7d": [2]}


def test_nothing_holds_before_its_first_instant():
    assert in_force([promised(1, FEB)], JAN) == []


def test_of_two_versions_of_one_instant_the_later_record_holds():
    assert [v.number for v in in_force([promised(1, JAN), promised(2, JAN)], FEB)] == [2]


def test_a_correction_that_reaches_back_holds_where_it_begins():
    """Recorded last, but in force from February: in April the version of March still holds."""
    versions = [promised(1, JAN), promised(2, MAR), promised(3, FEB)]
    assert [v.number for v in in_force(versions, APR)] == [2]
    assert terms(APR, *versions) == [
        (Fraction(99, 100), None, 1),
        (Fraction(99, 100), FEB, 3),
        (Fraction(99, 100), MAR, 2),
    ]


def test_a_digest_is_of_what_is_said_and_not_of_how():
    plain, other = (
        load_texts([("", t)]).documents["Service", "a"]
        for t in (
            doc("Service", "a", "{description: x, owner: y}"),
            "# a remark\n" + doc("Service", "a", "{owner: y,   description: 'x'}"),
        )
    )
    changed = load_texts([("", doc("Service", "a", "{description: x}"))]).documents["Service", "a"]
    assert digest(plain) == digest(other) != digest(changed)
    assert len(digest(plain)) == 64
