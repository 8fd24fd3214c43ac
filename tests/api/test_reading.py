"""What the API tells: standings and what they rest on, a page at a time, not twice to who has it already."""

import pytest

from nines.api.shapes import CheckShape, Failure, ObjectivesShape, StandingShape, StandingsShape

V1 = "/api/nines/v1"
READ = [
    "/objectives", "/standings", "/standings/checkout@30d", "/standings/checkout@30d/explain", "/standings/checkout@30d/history",
    "/definitions", "/definitions/schema", "/exclusions", "/annotations", "/statements", "/sources", "/sites",
]  # fmt: skip


class TestStandings:
    def test_every_objective_has_its_standing_under_the_promised_names(self, client):
        answer = client.get(f"{V1}/standings").json()
        assert StandingsShape.model_validate(answer).total == 4
        by_key = {f"{s['objective']}@{s['window']['label']}": s for s in answer["standings"]}
        assert by_key["edge@30d"]["verdict"] == "unknown"
        assert by_key["edge@30d"]["sli"] is None
        assert by_key["checkout@30d"]["verdict"] == "missed"
        assert by_key["checkout@30d"]["exact"] == "349/355"

    def test_one_standing_is_the_same_as_in_the_list(self, client):
        one = client.get(f"{V1}/standings/search-speed@30d").json()
        StandingShape.model_validate(one)
        assert one in client.get(f"{V1}/standings?service=search").json()["standings"]

    def test_filters_pick_by_service_label_and_words(self, client):
        def names(query):
            return [s["objective"] for s in client.get(f"{V1}/standings?{query}").json()["standings"]]

        assert names("service=edge") == ["edge"]
        assert names("label=team%3Dfind") == ["search-speed"]
        assert names("text=SEARCH") == ["search-speed"]
        assert names("text=nowhere") == []

    def test_pages_follow_one_another_and_hold_everything_once(self, client):
        path, seen = f"{V1}/standings?limit=3", []
        while path:
            page = client.get(path).json()
            seen += [(s["objective"], s["window"]["label"]) for s in page["standings"]]
            path = page["next"]
        assert len(seen) == len(set(seen)) == 4

    def test_objectives_are_listed_without_being_evaluated(self, client):
        found = ObjectivesShape.model_validate(client.get(f"{V1}/objectives").json())
        assert [o.key for o in found.objectives] == ["checkout@30d", "checkout@month", "edge@30d", "search-speed@30d"]

    def test_the_past_is_as_it_was_known_then(self, client):
        at = "2026-11-23T14:00:00Z"
        now = client.get(f"{V1}/standings/checkout@30d", params={"at": at}).json()
        then = client.get(f"{V1}/standings/checkout@30d", params={"at": at, "known_at": at}).json()
        assert now["exclusions"] == ["move-of-db"]
        assert then["exclusions"] == []
        assert then["counts"]["total"] == 0

    def test_explanation_and_history_lead_to_the_same_number(self, client):
        standing = client.get(f"{V1}/standings/checkout@30d").json()
        steps = {s["title"]: s["figure"] for s in client.get(f"{V1}/standings/checkout@30d/explain").json()["steps"]}
        points = client.get(f"{V1}/standings/checkout@30d/history").json()["days"]["points"]
        assert steps["bad"] == str(standing["counts"]["bad"]) == str(sum(p["bad"] for p in points))
        assert points[-1]["remaining_ratio"] == pytest.approx(standing["budget"]["period"]["remaining_ratio"])


class TestCaching:
    @pytest.mark.parametrize("path", READ)
    def test_who_has_an_answer_is_not_sent_it_again(self, client, path):
        first = client.get(V1 + path)
        assert first.status_code == 200
        assert first.headers["etag"].startswith('W/"')
        again = client.get(V1 + path, headers={"If-None-Match": f'"other", {first.headers["etag"]}'})
        assert (again.status_code, again.content) == (304, b"")

    def test_another_question_or_a_new_fact_has_another_tag(self, own):
        first = own.get(f"{V1}/standings")
        assert own.get(f"{V1}/standings?service=x").headers["etag"] != first.headers["etag"]
        text = "apiVersion: nines/v1\nkind: Service\nmetadata: {name: shop}\nspec: {}\n"
        assert own.post(f"{V1}/definitions/apply", json={"text": text}).status_code == 200
        assert own.get(f"{V1}/standings", headers={"If-None-Match": first.headers["etag"]}).status_code == 200

    def test_answers_are_private_and_differ_by_who_asks(self, client):
        headers = client.get(f"{V1}/standings").headers
        assert headers["cache-control"].startswith("private")
        assert headers["vary"] == "Authorization, Cookie, Nines-Tenant"


class TestOpenApi:
    def test_the_document_names_every_route_and_how_failures_look(self, client):
        document = client.get("/api/openapi.json").json()
        for path in (
            *(p.replace("checkout@30d", "{objective}") for p in READ),
            "/events/{source}",
            "/definitions/plan",
            "/tokens",
            "/journal/verify",
        ):
            operations = document["paths"][V1 + path]
            for operation in operations.values():
                assert "application/problem+json" in operation["responses"]["default"]["content"]
                assert operation["summary"]

    def test_a_check_answers_in_its_shape(self, client):
        answer = client.post(f"{V1}/definitions/check", json={"text": "kind: SLO"})
        assert CheckShape.model_validate(answer.json()).ok is False


class TestHealth:
    def test_anybody_may_ask_whether_it_lives_and_can_work(self, stranger):
        assert stranger.get("/healthz").json()["status"] == "alive"
        assert stranger.get("/readyz").json() == {"status": "ready"}

    def test_own_figures_are_in_prometheus_text_format(self, client):
        answer = client.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        values = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
        assert values["nines_flush_sequence"] == "1"
        assert values["nines_inbox_pending_rows"] == "0"


def test_a_failure_is_in_its_shape(client):
    assert Failure.model_validate(client.get(f"{V1}/standings/none").json()).problems[0].code == "no-objective"
