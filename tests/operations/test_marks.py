"""The mark by which a caller sees that an answer still holds moves whenever the answer does, and not before."""

from datetime import UTC, datetime, timedelta

import pytest

from nines.definitions.load import load_texts
from nines.operations import defining, excluding
from nines.operations.house import local_principal, open_house
from nines.operations.listing import mark
from nines.operations.standings import standing

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
WHO = local_principal("default")
TEXT = """
apiVersion: nines/v1
kind: DataSource
metadata: {name: log}
spec: {type: events}
---
apiVersion: nines/v1
kind: Service
metadata: {name: shop}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: ok}
spec: {source: log, good: http_status < 500}
---
apiVersion: nines/v1
kind: SLO
metadata: {name: checkout}
spec: {service: shop, indicator: ok, target: 99%, window: 1h, settle: SETTLE}
"""


@pytest.fixture
def house(tmp_path):
    return open_house(tmp_path, now=NOON)


def promise(house, settle="0s", **when):
    found = load_texts([("a.yaml", TEXT.replace("SETTLE", settle))])
    defining.apply_definitions(house, WHO, found, now=NOON - timedelta(days=1), **when)


def moved(house, one, other):
    """Whether mark and standing move between two instants, seconds after noon."""
    ends = [standing(house, WHO, "checkout", at=NOON + s * SECOND).window.end for s in (one, other)]
    marks = [mark(house, WHO, at=NOON + s * SECOND) for s in (one, other)]
    return marks[0] != marks[1], ends[0] != ends[1]


def test_within_a_minute_neither_mark_nor_standing_moves(house):
    promise(house)
    assert moved(house, 0, 59) == (False, False)
    assert moved(house, 59, 60) == (True, True)


def test_an_edge_that_settles_half_way_through_a_minute_moves_both(house):
    promise(house, settle="90s")
    assert moved(house, 29, 30) == (True, True)
    assert moved(house, 31, 59) == (False, False)


def test_a_definition_that_begins_within_a_minute_moves_the_mark(house):
    promise(house)
    promise(house, settle="1m", effective_from=NOON + 20 * SECOND)
    assert mark(house, WHO, at=NOON + 19 * SECOND) != mark(house, WHO, at=NOON + 20 * SECOND)


def test_an_exclusion_counts_from_the_moment_it_is_recorded_and_no_longer_once_withdrawn(house):
    promise(house)
    before = mark(house, WHO, at=NOON)
    assert standing(house, WHO, "checkout", at=NOON).exclusions == ()
    asked = excluding.Wanted(name="move", start=NOON - timedelta(minutes=9), end=NOON)
    excluding.exclude(house, WHO, asked, now=NOON)
    assert standing(house, WHO, "checkout", at=NOON).exclusions == ("move",)
    between = mark(house, WHO, at=NOON)
    excluding.withdraw(house, WHO, "move", now=NOON)
    assert standing(house, WHO, "checkout", at=NOON).exclusions == ()
    assert len({before, between, mark(house, WHO, at=NOON)}) == 3


def test_two_houses_with_the_same_definitions_never_share_an_answer(tmp_path):
    one, other = (open_house(tmp_path / name, now=NOON) for name in ("one", "other"))
    promise(one)
    promise(other, settle="2m")
    assert standing(one, WHO, "checkout", at=NOON).window.end - standing(other, WHO, "checkout", at=NOON).window.end == timedelta(minutes=2)  # fmt: skip
