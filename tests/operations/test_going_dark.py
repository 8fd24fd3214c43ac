"""A front door that is shut pages suspected loss within six minutes; a collector that dies pages blind."""

from datetime import timedelta

import pytest

from nines.definitions.load import load_texts
from nines.operations import defining, ingesting
from nines.operations.alerting import Alarms
from nines.operations.house import open_house
from nines.spans import MINUTE
from operations.test_alerting import DEFINITIONS, NOON, WHO

WEEK = timedelta(days=7)
DOOR = DEFINITIONS.replace("good: http_status < 500", "where: service = 'door', good: http_status < 500")


def traffic(house, begin, minutes, **each):
    """So many good events a minute of each service named."""
    rows = [
        {"time": (begin + n * MINUTE + timedelta(seconds=1 + k % 58)).isoformat(), "http_status": 200, "service": name}
        for n in range(minutes)
        for name, number in each.items()
        for k in range(number)
    ]
    now = begin + minutes * MINUTE
    ingesting.ingest_rows(house, WHO, "shop", rows, now=now, key=None)
    ingesting.flush(house, now=now)


@pytest.fixture
def alarms(tmp_path):
    """Three weeks of season about noon, and some hours of the same until noon, all judged."""
    house, begins = open_house(tmp_path, now=NOON), NOON - timedelta(days=31)
    texts = load_texts([("slo.yaml", DOOR.replace("URL", "http://127.0.0.1:9"))])
    defining.apply_definitions(house, WHO, texts, now=begins, effective_from=begins)
    for week in (3, 2, 1):
        traffic(house, NOON - week * WEEK - 30 * MINUTE, 60, door=10, search=1)
    traffic(house, NOON - 400 * MINUTE, 400, door=10, search=1)
    found = Alarms(house, "default")
    found.tick(NOON)
    assert [a for a in found.alerts.values() if a.state == "firing"] == []
    yield found
    house.lake.inbox.close()


def first_page(alarms, rule, minutes, **each):
    """Return the minute after noon at which a rule fires, ticking once a minute; None when it does not."""
    for n in range(1, minutes + 1):
        if each:
            traffic(alarms.house, NOON + (n - 1) * MINUTE, 1, **each)
        alarms.tick(NOON + n * MINUTE)
        held = alarms.alerts.get(f"checkout@30d/{rule}")
        if held is not None and held.state == "firing":
            return n
    return None


def test_a_front_door_that_is_shut_pages_suspected_loss_within_six_minutes(alarms):
    assert first_page(alarms, "suspected-loss", 8, search=1) <= 6
    assert alarms.alerts["checkout@30d/suspected-loss"].figures["seen"] == 0
    assert "checkout@30d/blind" not in alarms.alerts


def test_a_door_that_stays_open_pages_nothing(alarms):
    assert first_page(alarms, "suspected-loss", 8, door=10, search=1) is None


def test_a_collector_that_dies_pages_blind_and_no_loss(alarms):
    minute = first_page(alarms, "blind", 20)
    assert 10 <= minute <= 15  # ten minutes of silence, after the source's gap
    assert "checkout@30d/suspected-loss" not in alarms.alerts
