"""A learned wait through the house: learned from closed hours, in the standing, and the same when asked again."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from nines.definitions.load import load_texts
from nines.evaluation.standing_json import standing_json
from nines.operations import defining, ingesting, standings, statements, upkeep
from nines.operations.house import local_principal, open_house

BEGAN = datetime(2026, 3, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WHO = local_principal("default")
TEXT = """
apiVersion: nines/v1
kind: Service
metadata: {name: shop}
spec: {}
---
apiVersion: nines/v1
kind: DataSource
metadata: {name: web}
spec: {type: events, settle: SETTLE}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: ok}
spec: {source: web, good: http_status < 500}
---
apiVersion: nines/v1
kind: SLO
metadata: {name: ok}
spec: {service: shop, indicator: ok, target: 99%, windows: [1d, {calendar: day}]}
"""


def furnished(folder, settle):
    house = open_house(folder, now=BEGAN)
    found = load_texts([("shop.yaml", TEXT.replace("SETTLE", settle))])
    assert not found.errors
    defining.apply_definitions(house, WHO, found, now=BEGAN, effective_from=BEGAN)
    return house


def send(house, times, status, arrival):
    rows = {"time": pa.array(times, pa.timestamp("us", tz="UTC")), "http_status": [status] * len(times)}
    house.lake.append("default", "web", pa.table(rows), arrival=arrival)


def run(house, hours=5):
    """Of every minute nine good events that come with their whole hour, and a bad one that comes after three minutes."""
    for hour in range(hours):
        times = [BEGAN + timedelta(hours=hour) + n * MINUTE + timedelta(seconds=30) for n in range(60)]
        send(house, times * 9, 200, max(times))
        for at in times:
            send(house, [at], 503, at + 3 * MINUTE)
        ingesting.flush(house, now=BEGAN + timedelta(hours=hour + 1, minutes=4))


@pytest.fixture(scope="module")
def auto(tmp_path_factory):
    house = furnished(tmp_path_factory.mktemp("auto"), "auto")
    run(house)
    return house


def asked(house, at, known_at=None):
    return standings.standing(house, WHO, "ok@1d", at=at, known_at=known_at)


def test_an_automatic_wait_is_learned_from_the_later_of_good_and_bad(auto):
    found = asked(auto, BEGAN + timedelta(hours=5))
    # The good ones came up to an hour late, so nothing shorter than the cap will do.
    assert found.settling.basis == "capped"
    assert found.window.end == BEGAN + timedelta(hours=5) - 15 * MINUTE
    assert found.settling.learnt.lateness.bad.total == 180


def test_before_an_hour_has_closed_nothing_is_waited_for(auto):
    found = asked(auto, BEGAN + timedelta(hours=2))
    assert (found.settling.basis, found.window.end) == ("not learned yet", BEGAN + timedelta(hours=2))


def test_a_standing_asked_again_later_waits_as_long_and_has_the_same_fingerprint(auto):
    at = BEGAN + timedelta(hours=3, minutes=5)
    before = asked(auto, at, at)
    send(auto, [at], 503, at + 40 * MINUTE)
    ingesting.flush(auto, now=BEGAN + timedelta(hours=9))
    assert upkeep.learn(auto, now=BEGAN + timedelta(hours=9)) > 0
    standings._given.clear()
    after = asked(auto, at, at)
    assert (after.fingerprint, after.settling) == (before.fingerprint, before.settling)


def test_the_json_names_the_wait_its_method_and_its_cap(auto):
    told = standing_json(asked(auto, BEGAN + timedelta(hours=5)))["settling"]
    assert (told["settle_s"], told["basis"], told["cap_s"]) == (900.0, "capped", 900.0)
    assert told["bad"] == {"seen": 180, "p50_s": 180.0, "p99_s": 180.0}
    assert told["learned_from"] == "2026-03-02T00:00:00Z"


def test_explain_says_why_it_was_waited(auto):
    steps = standings.explain(auto, WHO, "ok@1d", at=BEGAN + timedelta(hours=5))
    (step,) = [s for s in steps if s.title == "waited for"]
    assert step.figure == "15 min"
    assert "no longer wait is allowed" in step.how


def test_a_stated_wait_that_is_too_short_is_said_in_the_standing(tmp_path):
    house = furnished(tmp_path, "0s")
    for n in range(60):
        at = BEGAN + n * MINUTE + timedelta(seconds=30)
        send(house, [at] * 9, 200, at + timedelta(seconds=1))
        send(house, [at], 503, at + 3 * MINUTE)
    ingesting.flush(house, now=BEGAN + timedelta(hours=1, minutes=4))
    found = asked(house, BEGAN + timedelta(hours=2, minutes=6))
    assert found.settling.basis == "stated"
    (told,) = [p for p in found.problems if p.code == "fresh-biased"]
    assert "of the bad" in told.what
    # Of five minutes the bad events of two are here when the window is first asked for.
    assert 0.39 < found.newest.figure.bad_complete < 0.45
    assert found.newest.figure.good_complete > 0.99


def test_a_correction_waits_as_long_as_the_statement_did(auto):
    statements.close(auto, WHO, "ok@day", within=BEGAN, now=BEGAN + timedelta(days=2))
    (statement,) = statements.on_record(auto, WHO)
    assert statement.standing["counts"]["total"] > 0
    much_later = BEGAN + timedelta(days=30)
    assert statements.correct(auto, WHO, [statement.period], "nothing new", now=much_later) == ()
