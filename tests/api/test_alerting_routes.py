"""Alerts, silences, messages, targets and budget policies over HTTP."""

import pytest

from nines.api.app import build
from nines.operations.alerting import Alarms
from nines.operations.house import House
from nines.spans import MINUTE
from operations.test_alerting import DEFINITIONS, NOON, WHO, traffic
from operations.test_budget_policies import POLICY
from pages.caller import Caller

V1 = "/api/nines/v1"
KEY = "checkout@30d/page-1h"


@pytest.fixture
def caller(tmp_path):
    from datetime import timedelta

    from nines.definitions.load import load_texts
    from nines.operations import defining
    from nines.operations.house import open_house

    house, begins = open_house(tmp_path, now=NOON), NOON - timedelta(days=31)
    texts = load_texts([("slo.yaml", DEFINITIONS.replace("URL", "http://127.0.0.1:9") + POLICY)])
    defining.apply_definitions(house, WHO, texts, now=begins, effective_from=begins)
    traffic(house, NOON - 60 * MINUTE, 60, bad=50)
    Alarms(house, "default").tick(NOON)
    opened = House(house.folder, house.store, house.lake, open_on_loopback=True)
    yield Caller(build(opened, lambda: NOON, hosts=frozenset()))
    house.lake.inbox.close()


def test_an_alert_is_listed_and_taken_on(caller):
    found = {a["key"]: a for a in caller.get(f"{V1}/alerts").json()["alerts"]}
    assert (found[KEY]["state"], found[KEY]["acknowledged"]) == ("firing", None)
    answer = caller.post(f"{V1}/alerts/{KEY}/acknowledge", json={"note": "looking"})
    assert answer.json()["alerts"][0]["acknowledged"]["note"] == "looking"
    assert caller.get(f"{V1}/alerts?objective=cart").json() == {"alerts": []}
    assert caller.post(f"{V1}/alerts/none@30d/page-1h/acknowledge", json={}).status_code == 404


def test_a_silence_is_made_listed_and_ended(caller):
    body = {"name": "deploy", "matches": {"team": "shop"}, "end": "2026-03-03T13:00:00Z", "reason": "migration"}
    assert caller.post(f"{V1}/silences", json=body).status_code == 201
    assert [s["name"] for s in caller.get(f"{V1}/silences").json()["silences"]] == ["deploy"]
    assert caller("DELETE", f"{V1}/silences/deploy").status_code == 200
    assert caller.post(f"{V1}/silences", json={**body, "end": "2026-03-03T11:00:00Z"}).status_code == 400


def test_messages_are_listed_and_targets_tried(caller):
    made = caller.post(f"{V1}/targets/ops/test")
    assert made.status_code == 202
    found = {m["id"]: m for m in caller.get(f"{V1}/notifications?newest=50").json()["notifications"]}
    assert found[made.json()["id"]]["kind"] == "test"
    assert caller.post(f"{V1}/targets/none/test").status_code == 404
    assert caller.post(f"{V1}/notifications/{made.json()['id']}/ops/retry").status_code == 404


def test_a_gate_asks_and_an_exception_lets_it_pass(caller):
    assert caller.get(f"{V1}/budget-policies").json()["stops"] is True
    body = {"end": "2026-03-03T13:00:00Z", "approver": "ann", "reason": "a fix"}
    number = caller.post(f"{V1}/budget-policies/care/exceptions", json=body).json()["number"]
    caller.post(f"{V1}/budget-policies/care/approvals", json={"change": "pr/7", "reason": "a fix"})
    found = caller.get(f"{V1}/budget-policies?change=pr/7").json()
    assert (found["stops"], found["rulings"][0]["approval"]["by"]) == (False, "local")
    assert [e["number"] for e in found["exceptions"]] == [number]
    assert caller("DELETE", f"{V1}/budget-policies/exceptions/{number}").status_code == 200
    assert caller.get(f"{V1}/budget-policies").json()["stops"] is True
