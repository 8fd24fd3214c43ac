"""A closed month stays as it was closed; a later exclusion by predicate puts a correction beside it."""

from datetime import UTC, datetime

import pytest

from nines.definitions.load import load_texts
from nines.errors import ConflictError, InputError
from nines.operations import auditing, defining, excluding, ingesting, standings, statements
from nines.operations.house import local_principal, open_house

NOW = datetime(2026, 4, 10, tzinfo=UTC)
DEFINITIONS = """
apiVersion: nines/v1
kind: DataSource
metadata: {name: shop}
spec: {type: events, heartbeat: {gap: 50000m}}
---
apiVersion: nines/v1
kind: Service
metadata: {name: shop}
spec: {}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: works}
spec: {source: shop, good: http_status < 500}
---
apiVersion: nines/v1
kind: SLO
metadata: {name: works}
spec: {service: shop, indicator: works, target: 90%, window: {calendar: month}}
"""


def event(day, status, region="eu", month=3):
    return {"time": datetime(2026, month, day, 12, tzinfo=UTC).isoformat(), "http_status": status, "region": region}


@pytest.fixture
def shop(tmp_path):
    house, who = open_house(tmp_path, now=NOW), local_principal("default")
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    defining.apply_definitions(house, who, load_texts([("slo.yaml", DEFINITIONS)]), now=NOW, effective_from=begins)
    rows = [
        event(1, 200, month=2),
        *(event(day, 200) for day in range(1, 9)),
        event(10, 500, "us"),
        event(20, 500),
        event(1, 200, month=4),
    ]
    ingesting.ingest_rows(house, who, "shop", rows, now=NOW, key="march")
    ingesting.flush(house, now=NOW)
    return house, who


def test_a_late_exclusion_by_predicate_makes_a_correction_and_not_a_new_past(shop):
    house, who = shop
    statements.close(house, who, "works@month", within=datetime(2026, 3, 15, tzinfo=UTC), now=NOW)
    asked = excluding.Wanted(
        name="us-outage",
        start=datetime(2026, 3, 9, tzinfo=UTC),
        end=datetime(2026, 3, 11, tzinfo=UTC),
        where="region = 'us'",
    )
    done = excluding.exclude(house, who, asked, now=NOW)
    (statement,) = statements.on_record(house, who)
    assert (statement.standing["exact"], statement.standing["counts"]["bad"]) == ("4/5", 2)
    assert [c["standing"]["exact"] for c in statement.corrections] == ["8/9"]
    assert (done.corrections, [p.code for p in done.problems]) == (("works@month",), ["late-exclusion"])
    assert auditing.verify(house, who).problems == ()


def test_as_known_before_the_exclusion_the_old_figure_is_given(shop):
    house, who = shop
    later = datetime(2026, 4, 11, tzinfo=UTC)
    asked = excluding.Wanted(name="e", start=datetime(2026, 4, 1, tzinfo=UTC), end=datetime(2026, 4, 2, tzinfo=UTC))
    excluding.exclude(house, who, asked, now=later)
    before = standings.standing(house, who, "works", at=NOW, known_at=NOW)
    after = standings.standing(house, who, "works", at=NOW)
    assert (before.outcome.counts.good, after.outcome.counts.good) == (1, 0)


def test_a_period_is_closed_once(shop):
    house, who = shop
    statements.close(house, who, "works@month", within=None, now=NOW)
    with pytest.raises(ConflictError, match="closed already"):
        statements.close(house, who, "works@month", within=None, now=NOW)


def test_a_period_that_is_not_over_cannot_be_closed(shop):
    house, who = shop
    with pytest.raises(InputError, match="not settled"):
        statements.close(house, who, "works@month", within=NOW, now=NOW)
