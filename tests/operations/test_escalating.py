"""A page that nobody takes on is told again and to the next, each step once; taking it on, or its end, stops that."""

from datetime import timedelta

import pytest

from nines.definitions.load import load_texts
from nines.operations import alerts, defining, escalating, notifying
from nines.operations.alerting import Alarms
from nines.operations.house import open_house
from nines.spans import MINUTE
from nines.worker.escalating import OVERDUE, Escalating
from operations.test_alerting import DEFINITIONS, NOON, WHO, traffic

KEY = "checkout@30d/page-1h"
TARGET = """
---
apiVersion: nines/v1
kind: AlertNotificationTarget
metadata: {name: lead}
spec: {target: webhook, url: "http://127.0.0.1:9/lead"}
"""


@pytest.fixture
def house(tmp_path):
    found, begins = open_house(tmp_path, now=NOON), NOON - timedelta(days=31)
    text = DEFINITIONS.replace("URL", "http://127.0.0.1:9").replace(
        "spec: {targets: [ops]}",
        'spec: {match: {objective: "checkout*"}, targets: [ops], remindAfter: 10m, escalateTo: [lead]}',
    )
    texts = load_texts([("slo.yaml", text + TARGET)])
    assert texts.errors == ()
    defining.apply_definitions(found, WHO, texts, now=begins, effective_from=begins)
    traffic(found, NOON - 60 * MINUTE, 60, bad=50)
    Alarms(found, "default").tick(NOON)
    yield found
    found.lake.inbox.close()


def overdue(house, minutes):
    return escalating.tell_overdue(house, "default", now=NOON + minutes * MINUTE)


def of_the_page(house):
    rows = notifying.log(house, WHO, thread=f"{KEY} #1")
    return sorted((r.number, r.body["kind"], r.target) for r in rows)


def test_pages_alone_are_escalated_and_their_instants_are_on_record(house):
    plans = escalating.open_escalations(house, "default")
    assert {p.plan.page.thread for p in plans.values()} == {f"{KEY} #1", "checkout@30d/page-6h #1"}
    due = [s.due for s in next(iter(plans.values())).plan.steps]
    assert due == [NOON + 10 * MINUTE, NOON + 20 * MINUTE]


def test_a_page_is_told_again_and_then_to_the_next_each_once(house):
    assert overdue(house, 9) == 0
    assert overdue(house, 10) == 2
    assert overdue(house, 10) == 0
    assert overdue(house, 20) == 2
    assert overdue(house, 200) == 0
    assert of_the_page(house) == [(1, "fired", "ops"), (2, "reminded", "ops"), (3, "escalated", "lead")]


def test_taking_it_on_stops_it(house):
    overdue(house, 10)
    alerts.acknowledge(house, WHO, KEY, now=NOON + 11 * MINUTE)
    assert overdue(house, 20) == 1  # the other page
    assert [k for _, k, _ in of_the_page(house)] == ["fired", "reminded", "acknowledged"]


def test_its_end_stops_it(house):
    traffic(house, NOON, 10)
    alarms = Alarms(house, "default")
    for n in range(1, 10):
        alarms.tick(NOON + n * MINUTE)
    assert alarms.alerts[KEY].state == "resolved"
    overdue(house, 30)
    assert [k for _, k, _ in of_the_page(house)] == ["fired", "resolved"]


def test_a_step_asked_for_twice_is_told_once_and_none_before_its_turn(house):
    number = min(escalating.open_escalations(house, "default"))
    assert escalating.tell_step(house, "default", number, 0, now=NOON)
    assert escalating.tell_step(house, "default", number, 0, now=NOON)
    with pytest.raises(ValueError, match="cannot come before"):
        escalating.tell_step(house, "default", min(escalating.open_escalations(house, "default")) + 1, 1, now=NOON)
    assert len(of_the_page(house)) == 2


def test_what_no_workflow_told_is_told_by_the_worker_all_the_same(house, monkeypatch):
    held = Escalating(house)
    monkeypatch.setattr(held, "_launched", False)  # as where nines[durable] is not installed
    held.look(NOON + 10 * MINUTE)
    assert len(of_the_page(house)) == 1
    held.look(NOON + 10 * MINUTE + OVERDUE)
    assert [k for _, k, _ in of_the_page(house)] == ["fired", "reminded"]
