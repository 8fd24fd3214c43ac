"""What the API takes in: events once and durably, definitions, exclusions, notes, tokens; and the journal that tells of it."""

import gzip
import json

import pytest

from nines.operations import ingesting
from pages.house_of_shop import DEFINITIONS, NOW

V1 = "/api/nines/v1"
EVENT = {"time": "2026-11-23T14:30:00Z", "service": "checkout", "http_status": 200, "duration_ms": 12.5}


def event(**changes):
    return {**EVENT, **changes}


@pytest.fixture
def ready(own):
    assert (
        own.post(
            f"{V1}/definitions/apply", json={"text": DEFINITIONS, "effective_from": "2026-10-01T00:00:00Z"}
        ).status_code
        == 200
    )
    return own


def rows_held(client):
    found = {s["name"]: s for s in client.get(f"{V1}/sources").json()["sources"]}["shop"]
    return found["rows"] + found["pending"]


class TestEvents:
    @pytest.mark.parametrize(
        ("body", "headers"),
        [
            (json.dumps([event(), event(http_status=500)]).encode(), {"Content-Type": "application/json"}),
            (b"\n".join(json.dumps(e).encode() for e in (event(), event())) + b"\n", {"Content-Type": "application/x-ndjson"}),
            (gzip.compress(json.dumps([event(), event()]).encode()), {"Content-Encoding": "gzip"}),
            (gzip.compress(json.dumps(event()).encode() + b"\n") + gzip.compress(json.dumps(event()).encode()), {"Content-Encoding": "gzip", "Content-Type": "application/x-ndjson"}),
        ],
        ids=["array", "lines", "gzip", "two gzip members"],
    )  # fmt: skip
    def test_a_batch_is_acknowledged_with_a_receipt(self, ready, body, headers):
        answer = ready.post(f"{V1}/events/shop", content=body, headers=headers)
        assert answer.status_code == 202
        assert answer.json()["rows"] == 2
        assert rows_held(ready) == 2

    def test_the_same_key_counts_once(self, ready):
        answers = [
            ready.post(f"{V1}/events/shop", json=[event()], headers={"Idempotency-Key": "k1"}).json() for _ in range(3)
        ]
        assert [a["duplicate"] for a in answers] == [False, True, True]
        assert len({a["receipt"] for a in answers}) == 1
        assert rows_held(ready) == 1

    def test_a_row_that_cannot_be_read_refuses_the_batch_and_names_its_row(self, ready):
        for body in ([event(), event(time="noon")], [event(), 7], [event(), event(http_status="many")]):
            answer = ready.post(f"{V1}/events/shop", json=body)
            assert answer.status_code == 400
            assert "row" in answer.json()["problems"][0]["where"]
            assert "2" in answer.json()["problems"][0]["where"]
        assert rows_held(ready) == 0

    def test_nan_is_no_json(self, ready):
        answer = ready.post(f"{V1}/events/shop", content=b'{"time": "2026-11-23T14:30:00Z", "duration_ms": NaN}')
        assert answer.status_code == 400

    def test_an_unknown_source_is_not_found(self, ready):
        answer = ready.post(f"{V1}/events/nowhere", json=[event()])
        assert (answer.status_code, answer.json()["problems"][0]["code"]) == (404, "unknown-datasource")

    def test_what_was_sent_is_in_the_standing_after_the_flush(self, ready):
        ready.post(f"{V1}/events/shop", json=[event(), event(http_status=500)])
        ingesting.flush(ready.app.state.context.house, now=NOW)
        standing = ready.get(f"{V1}/standings/checkout@30d").json()
        assert (standing["counts"]["good"], standing["counts"]["bad"]) == (1, 1)


class TestDefinitions:
    def test_check_plan_and_apply_tell_before_they_do(self, own):
        body = {"text": DEFINITIONS, "name": "shop.yaml"}
        assert own.post(f"{V1}/definitions/check", json=body).json()["ok"] is True
        plan = own.post(f"{V1}/definitions/plan", json=body).json()
        assert len(plan["changes"]) == 11
        assert own.get(f"{V1}/definitions").json()["definitions"] == []
        assert len(own.post(f"{V1}/definitions/apply", json=body).json()["changes"]) == 11
        assert own.post(f"{V1}/definitions/plan", json=body).json()["empty"] is True


class TestRecords:
    def test_an_exclusion_is_recorded_listed_and_withdrawn(self, ready):
        body = {
            "name": "move",
            "start": "2026-11-20T00:00:00Z",
            "end": "2026-11-20T01:00:00Z",
            "class": "excluded",
            "objectives": ["checkout"],
        }
        assert ready.post(f"{V1}/exclusions", json=body).status_code == 201
        assert [(e["name"], e["late"]) for e in ready.get(f"{V1}/exclusions").json()["exclusions"]] == [("move", True)]
        assert ready("DELETE", f"{V1}/exclusions/move").status_code == 200
        assert ready.get(f"{V1}/exclusions").json() == {"exclusions": []}
        assert ready("DELETE", f"{V1}/exclusions/move").status_code == 404

    def test_a_wrong_exclusion_names_every_mistake(self, ready):
        body = {
            "name": "x",
            "start": "2026-11-20T01:00:00Z",
            "end": "2026-11-20T00:00:00Z",
            "mode": "forget",
            "services": ["none"],
        }
        answer = ready.post(f"{V1}/exclusions", json=body)
        assert answer.status_code == 400
        assert {p["code"] for p in answer.json()["problems"]} == {"exclusion-time", "bad-choice", "unknown-name"}

    def test_notes_are_kept_by_subject(self, ready):
        assert ready.post(f"{V1}/annotations", json={"subject": "checkout", "text": "v418"}).status_code == 201
        assert [n["text"] for n in ready.get(f"{V1}/annotations?subject=checkout").json()["annotations"]] == ["v418"]
        assert ready.post(f"{V1}/annotations", json={"subject": "none", "text": "v418"}).status_code == 404

    def test_a_tokens_secret_is_told_once(self, ready):
        made = ready.post(f"{V1}/tokens", json={"name": "agent", "scopes": ["ingest"], "days": 1})
        secret = made.json()["secret"]
        assert made.headers["cache-control"] == "no-store"
        assert secret not in ready.get(f"{V1}/tokens").text
        headers = {"Authorization": f"Bearer {secret}"}
        assert ready.post(f"{V1}/events/shop", json=[event()], headers=headers).status_code == 202
        assert ready("DELETE", f"{V1}/tokens/agent").status_code == 200
        assert ready.post(f"{V1}/events/shop", json=[event()], headers=headers).status_code == 401
        assert ready.post(f"{V1}/tokens", json={"name": "b", "scopes": ["fly"]}).status_code == 400

    def test_the_journal_tells_what_was_done_and_verifies(self, ready):
        ready.post(f"{V1}/annotations", json={"subject": "checkout", "text": "v418"})
        facts = ready.get(f"{V1}/journal?newest=1").json()["facts"]
        assert [f["kind"] for f in facts] == ["annotation.added"]
        assert ready.get(f"{V1}/journal/verify").json()["ok"] is True

    def test_a_rolling_window_is_never_closed(self, ready):
        assert ready.post(f"{V1}/statements", json={"objective": "search-speed"}).status_code == 400
