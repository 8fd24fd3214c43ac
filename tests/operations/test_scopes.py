"""One data set by event, by window and by session, from the lake and from files, with the reason they differ."""

from datetime import UTC, datetime, timedelta

import pytest

from nines.definitions.load import load_texts
from nines.operations import defining, ingesting, standings
from nines.operations.evaluating import evaluate_files, event_files
from nines.operations.house import local_principal, open_house

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
AT = NOON + timedelta(hours=2)
DEFINITIONS = """
apiVersion: nines/v1
kind: DataSource
metadata: {name: shop}
spec: {type: ndjson}
---
apiVersion: nines/v1
kind: Service
metadata: {name: shop}
spec: {}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: requests}
spec: {source: shop, good: http_status < 500}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: visits}
spec:
  source: shop
  good: http_status < 500
  scope: session
  session: {key: session, gap: 10m, good: all}
---
apiVersion: nines/v1
kind: SLO
metadata: {name: requests}
spec: {service: shop, indicator: requests, target: 90%, window: 1d}
---
apiVersion: nines/v1
kind: SLO
metadata: {name: visits}
spec: {service: shop, indicator: visits, target: 90%, window: 1d}
"""
#: Four visits of ten requests in one minute each; one of them has one bad request.
ROWS = [
    {"time": (NOON + timedelta(minutes=visit, seconds=n)).isoformat(), "http_status": 500 if (visit, n) == (1, 0) else 200,
     "session": f"v{visit}"}
    for visit in range(4)
    for n in range(10)
]  # fmt: skip


def figures(found):
    return {f.scope: (f.good, f.bad, f.unit) for f in found}


EXPECTED = {"event": (39, 1, "events"), "window": (4, 0, "slices"), "session": (3, 1, "sessions")}


@pytest.mark.parametrize("objective", ["requests", "visits"])
def test_the_lake_gives_all_three_whichever_is_asked_about(tmp_path, objective):
    house, who = open_house(tmp_path, now=NOON), local_principal("default")
    begins = NOON - timedelta(days=3)
    texts = DEFINITIONS.replace("type: ndjson", "type: events")
    defining.apply_definitions(house, who, load_texts([("slo.yaml", texts)]), now=begins, effective_from=begins)
    for part in (ROWS[:15], ROWS[15:]):  # a visit is parted by a flush
        ingesting.ingest_rows(house, who, "shop", part, now=NOON, key=None)
        ingesting.flush(house, now=NOON)
    assert figures(standings.scopes(house, who, objective, at=AT)) == EXPECTED
    standing = standings.standing(house, who, "visits", at=AT)
    assert (standing.outcome.counts.good, standing.outcome.counts.bad, standing.unit) == (3, 1, "sessions")
    house.lake.inbox.close()


def test_files_give_the_same_three(tmp_path):
    import json

    (tmp_path / "slo.yaml").write_text(DEFINITIONS)
    (tmp_path / "log.ndjson").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    found = evaluate_files([tmp_path / "slo.yaml"], event_files([f"shop={tmp_path}/log.ndjson"]), at=AT, known_at=None)
    assert {key: figures(scopes) for key, scopes in found.scopes.items()} == {
        "requests@1d": EXPECTED,
        "visits@1d": EXPECTED,
    }


def test_a_visit_that_may_go_on_is_not_asked_about_yet(tmp_path):
    house, who = open_house(tmp_path, now=NOON), local_principal("default")
    begins = NOON - timedelta(days=3)
    texts = DEFINITIONS.replace("type: ndjson", "type: events")
    defining.apply_definitions(house, who, load_texts([("slo.yaml", texts)]), now=begins, effective_from=begins)
    ingesting.ingest_rows(house, who, "shop", ROWS, now=NOON, key=None)
    ingesting.flush(house, now=NOON)
    soon = standings.standing(house, who, "visits", at=NOON + timedelta(minutes=12)).outcome.counts
    assert (soon.good, soon.bad) == (1, 1)  # two visits ended more than ten minutes ago
    house.lake.inbox.close()
