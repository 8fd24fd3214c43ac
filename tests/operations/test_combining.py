"""Indicators made of others, end to end: rows through the lake and from files, with the rule beside the number."""

import json
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from nines.definitions.load import load_texts
from nines.evaluation.explain import explain
from nines.evaluation.standing_json import standing_json
from nines.evaluation.sweep_all import answer_all
from nines.operations import defining, ingesting, standings
from nines.operations.evaluating import evaluate_files, event_files
from nines.operations.house import local_principal, open_house

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BEGIN = NOON - timedelta(days=3)
HOUR = timedelta(hours=1)
DEFINITIONS = """
apiVersion: nines/v1
kind: DataSource
metadata: {name: rum}
spec: {type: events, heartbeat: {gap: 1m}}
---
apiVersion: nines/v1
kind: DataSource
metadata: {name: tries}
spec: {type: events, heartbeat: {gap: 1m}}
---
apiVersion: nines/v1
kind: Service
metadata: {name: shop}
spec: {}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: had}
spec: {source: rum, good: http_status < 500}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: tried}
spec: {source: tries, good: state = 'up'}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: reached}
spec: {quorum: {of: tried, locations: [eu, us, asia], needed: 2}}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: works}
spec: {combine: {rule: users-with-probe-fallback, users: had, probes: tried}}
---
apiVersion: nines/v1
kind: SLO
metadata: {name: reached}
spec: {service: shop, indicator: reached, target: 90%, window: 1h}
---
apiVersion: nines/v1
kind: SLO
metadata: {name: works}
spec: {service: shop, indicator: works, target: 90%, window: 1h}
---
apiVersion: nines/v1
kind: SLO
metadata: {name: works-by-minute}
spec: {service: shop, indicator: works, target: 90%, window: 1h, budgetingMethod: Timeslices, timeSliceTarget: 99%}
"""


def tries(site, states, *, start=NOON):
    """Return a try in each minute: u up, d down, a dash for none."""
    words = {"u": "up", "d": "down"}
    return [
        {
            "time": (start + timedelta(minutes=n, seconds=20)).isoformat(),
            "site": site,
            "state": words[s],
            "id": f"{site}{n}",
        }
        for n, s in enumerate(states)
        if s != "-"
    ]


def page_views(minutes, *, bad=0):
    return [
        {"time": (NOON + timedelta(minutes=m, seconds=n)).isoformat(), "http_status": 500 if n < bad else 200}
        for m in minutes
        for n in range(10)
    ]


@pytest.fixture
def shop(tmp_path):
    house, who = open_house(tmp_path, now=BEGIN), local_principal("default")
    defining.apply_definitions(house, who, load_texts([("slo.yaml", DEFINITIONS)]), now=BEGIN, effective_from=BEGIN)

    def standing(name, rows, *, users=()):
        for source, given in (("tries", rows), ("rum", list(users))):
            for part in (given[::2], given[1::2]):
                if part:
                    ingesting.ingest_rows(house, who, source, part, now=NOON + HOUR, key=None)
                    ingesting.flush(house, now=NOON + HOUR)
        return standings.standing(house, who, name, at=NOON + HOUR)

    standing.house, standing.who = house, who
    yield standing
    house.lake.inbox.close()


def test_a_fault_of_one_location_of_three_is_not_an_outage(shop):
    found = shop("reached", tries("eu", "u" * 60) + tries("us", "u" * 60) + tries("asia", "d" * 60))
    assert (found.outcome.sli, found.verdict) == (1, "met")
    assert found.rule.startswith(
        "quorum of asia, eu, us over tried: an outage is a minute that 2 of 3 locations call bad"
    )
    assert "asia failed alone in 60 minutes" in found.rule


def test_two_bad_locations_of_three_are_an_outage(shop):
    found = shop("reached", tries("eu", "u" * 60) + tries("us", "d" * 6 + "u" * 54) + tries("asia", "d" * 6 + "u" * 54))
    assert (found.outcome.sli, found.outcome.counts.bad) == (Fraction(9, 10), 6)
    assert "6 minutes" in found.rule


def test_a_silent_site_leaves_its_share_unknown_and_the_sli_bounded(shop):
    found = shop("reached", tries("eu", "u" * 60) + tries("us", "u" * 60) + tries("asia", "u" * 30 + "-" * 30))
    assert found.outcome.counts.unknown == 10  # a third of each of thirty minutes
    assert (found.outcome.bounds.low, found.outcome.bounds.high) == (Fraction(5, 6), 1)
    assert "asia was silent in 30 minutes, its share unknown" in found.rule


def test_a_location_never_heard_is_silent_and_never_good(shop):
    found = shop("reached", tries("eu", "u" * 60) + tries("us", "u" * 60))
    assert found.outcome.bounds.low == Fraction(2, 3)


def test_a_site_heard_before_the_window_is_silent_within_it(shop):
    early = tries("asia", "u", start=NOON - 5 * HOUR)
    found = shop("reached", tries("eu", "u" * 60) + tries("us", "u" * 60) + early)
    assert found.outcome.counts.unknown == 20


def test_probes_speak_in_minutes_without_users_and_the_number_says_so(shop):
    found = shop("works", tries("eu", "u" * 30 + "d" * 30), users=page_views(range(50)))
    counts = found.outcome.counts
    assert (counts.good, counts.bad) == (500, 10)
    assert found.rule.startswith("users-with-probe-fallback of users had and probes tried: users, and probes in ")
    assert standing_json(found)["rule"] == found.rule
    assert "rule" in [step.title for step in explain(found)]


def test_columns_and_evaluate_say_the_same_of_a_combination(shop):
    rows, users = tries("eu", "u" * 40 + "d" * 20) + tries("us", "u" * 60), page_views(range(20, 40), bad=1)
    found = {name: shop(name, rows if name == "works" else [], users=users if name == "works" else ())
             for name in ("works", "works-by-minute", "reached")}  # fmt: skip
    work = standings.bench(shop.house, shop.who, at=NOON + HOUR, known_at=None)
    asked = [work.objective(name) for name in found]
    answers = answer_all(asked, lambda o: work.evidence(o, NOON + HOUR), NOON + HOUR, windows=("1h",))
    for place, (name, standing) in enumerate(found.items()):
        assert answers.burn(place, "1h").rate == standing.burn_rates["1h"].rate, name
        assert answers.standing(place).fingerprint == standing.fingerprint


def test_files_give_what_the_lake_gives(shop, tmp_path):
    rows = tries("eu", "u" * 60) + tries("us", "d" * 9 + "u" * 51) + tries("asia", "d" * 3 + "u" * 20 + "-" * 37)
    users = page_views(range(50), bad=1)
    stored = [shop("reached", rows, users=users), shop("works", [])]
    (tmp_path / "slo.yaml").write_text(DEFINITIONS.replace("type: events", "type: ndjson"))
    for name, given in (("tries", rows), ("rum", users)):
        (tmp_path / f"{name}.ndjson").write_text("".join(json.dumps(row) + "\n" for row in given))
    events = event_files([f"{n}={tmp_path}/{n}.ndjson" for n in ("tries", "rum")])
    found = evaluate_files([tmp_path / "slo.yaml"], events, at=NOON + HOUR, known_at=None)
    by_name = {s.objective: s for s in found.standings}
    for one in stored:
        assert (by_name[one.objective].outcome, by_name[one.objective].rule) == (one.outcome, one.rule)


def test_rows_that_come_late_change_the_number_and_not_what_was_known(shop):
    shop("reached", tries("eu", "u" * 60) + tries("us", "u" * 60))
    before = shop("reached", []).data_version
    after = shop("reached", tries("asia", "u" * 60))
    then = standings.standing(shop.house, shop.who, "reached", at=NOON + HOUR, known_at=NOON)
    assert after.outcome.bounds.low == 1
    assert after.data_version > before
    assert then.outcome.sli is None


def test_sampled_events_are_not_weighed_and_the_standing_says_why(tmp_path):
    house, who = open_house(tmp_path, now=BEGIN), local_principal("default")
    texts = DEFINITIONS.replace("rule: users-with-probe-fallback", "rule: weighted")
    defining.apply_definitions(house, who, load_texts([("slo.yaml", texts)]), now=BEGIN, effective_from=BEGIN)
    users = [row | {"weight": 2} for row in page_views(range(50))]
    ingesting.ingest_rows(house, who, "rum", users, now=NOON + HOUR, key=None)
    ingesting.flush(house, now=NOON + HOUR)
    found = standings.standing(house, who, "works", at=NOON + HOUR)
    house.lake.inbox.close()
    assert (found.outcome.sli, found.verdict) == (None, "unknown")
    assert "weighted-sample" in {p.code for p in found.problems}
