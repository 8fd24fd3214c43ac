"""What the API refuses, and how: always problem+json, with every mistake, and before it costs anything."""

import gzip
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from nines.api.app import build
from nines.api.body import MOST_UNPACKED
from nines.api.guard import MOST_SENT
from nines.api.problems import answer_error
from nines.cli.main import exit_code
from nines.errors import NinesError, Problem
from nines.operations import people
from nines.operations.house import local_principal
from nines.pages import app as pages
from nines.pages.failing import failure
from pages.caller import Caller
from pages.house_of_shop import NOW

V1 = "/api/nines/v1"
PASSWORD = "four small words here"


def refused(answer, status, code=None):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["detail"] or body["problems"]
    if code is not None:
        assert code in {p["code"] for p in body["problems"]}, body
    return body


class TestShapesOfErrors:
    @pytest.mark.parametrize("kind", NinesError.__subclasses__())
    def test_api_pages_and_command_line_tell_an_error_as_its_class_says(self, kind):
        assert {"exit_code", "status", "title"} <= set(vars(kind))
        error = kind(Problem("here", "it is odd", "mend it"))
        told, page = answer_error(error), failure(error)
        assert told.status_code == page.status_code == kind.status
        assert json.loads(told.body)["title"] == kind.title
        assert kind.title in page.body.decode()
        assert exit_code(error) == kind.exit_code

    @pytest.mark.parametrize("path", ["/api", "/api/nines/v1/nothing", "/api/nines/v2/standings", "/nothing"])
    def test_unknown_paths_are_problems_too(self, client, path):
        refused(client.get(path), 404)

    def test_a_wrong_method_says_which_are_right(self, client):
        answer = client.post(f"{V1}/standings")
        refused(answer, 405)
        assert answer.headers["allow"] == "GET"

    def test_under_api_nothing_but_json_is_said_with_pages_beside_it(self, shop):
        app = build(shop, lambda: NOW, hosts=frozenset())
        app.mount("/", pages.build(shop, lambda: NOW, hosts=frozenset()))
        both = Caller(app)
        refused(both.get("/api/nothing"), 404)
        refused(both.post(f"{V1}/standings"), 405)
        assert both.get("/").headers["content-type"].startswith("text/html")
        assert both.get("/nothing").headers["content-type"].startswith("text/html")

    def test_every_wrong_parameter_is_named_at_once(self, client):
        body = refused(client.get(f"{V1}/standings?limit=0&offset=-1"), 400, "bad-request")
        assert {p["where"] for p in body["problems"]} == {"query.limit", "query.offset"}

    @pytest.mark.parametrize("at", ["yesterday", "2026-01-01T00:00:00", "9999-12-31T23:59:59-14:00"])
    def test_an_instant_that_is_none_is_refused(self, client, at):
        refused(client.get(f"{V1}/standings", params={"at": at}), 400, "bad-instant")

    def test_an_unknown_field_of_a_body_is_refused(self, client):
        refused(
            client.post(f"{V1}/annotations", json={"subject": "checkout", "text": "x", "colour": "red"}),
            400,
            "bad-request",
        )

    def test_a_defect_tells_nothing_of_itself(self, shop):
        answer = Caller(build(shop, lambda: 1 / 0, hosts=frozenset())).get(f"{V1}/standings")
        body = refused(answer, 500)
        assert "division" not in str(body)
        assert "default-src 'none'" in answer.headers["content-security-policy"]

    def test_wrong_definitions_come_back_with_place_and_fix_and_nothing_is_stored(self, own):
        text = "apiVersion: nines/v1\nkind: SLO\nmetadata: {name: a}\nspec: {service: none, indicator: none, target: 99.9, window: 30d}\n"
        body = refused(own.post(f"{V1}/definitions/apply", json={"text": text, "name": "a.yaml"}), 400)
        assert all(p["where"].startswith("a.yaml:") for p in body["problems"])
        assert len(body["problems"]) >= 2
        assert own.get(f"{V1}/definitions").json() == {"definitions": []}


class TestWhoAsks:
    def test_a_stranger_is_told_to_sign_in_whatever_the_route(self, stranger):
        document = stranger.get("/api/openapi.json").json()
        open_to_all = {f"{V1}/definitions/schema", "/healthz", "/readyz", "/metrics"}
        bodies = {"/definitions/import": {"text": "", "format": "sloth"}, "/definitions": {"text": ""}, "/exclusions": {"name": "a", "start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"},
                  "/annotations": {"subject": "a", "text": "b"}, "/tokens": {"name": "a", "scopes": ["see"]}, "/statements": {"objective": "a"}, "/alerts": {}, "/backtests": {"objective": "a"}, "/tunings": {"objective": "a"}, "/silences": {"name": "a", "matches": {}, "end": "2026-01-02T00:00:00Z", "reason": "b"},
                  "/budget-policies/{policy}/exceptions": {"end": "2026-01-02T00:00:00Z", "approver": "a", "reason": "b"}, "/budget-policies/{policy}/approvals": {"change": "a", "reason": "b"}}  # fmt: skip
        for path, operations in document["paths"].items():
            for method in operations:
                if path in open_to_all:
                    continue
                body = next((b for p, b in bodies.items() if path.startswith(V1 + p)), None)
                answer = stranger(
                    method.upper(),
                    path.replace("{number}", "7").replace("{", "").replace("}", ""),
                    json=body if method == "post" else None,
                )
                refused(answer, 401, "not-signed-in")
                assert answer.headers["www-authenticate"].startswith("Bearer")

    def token(self, house, *scopes, days=1):
        return people.make_token(
            house, local_principal("default"), "-".join(scopes), scopes=scopes, days=days, now=NOW
        ).secret

    def test_a_token_does_what_its_scopes_say_and_no_more(self, stranger, closed_house):
        headers = {"Authorization": f"Bearer {self.token(closed_house, 'see')}"}
        assert stranger.get(f"{V1}/standings", headers=headers).status_code == 200
        refused(stranger.get(f"{V1}/journal", headers=headers), 403, "forbidden")
        refused(stranger.post(f"{V1}/events/shop", content=b"{}", headers=headers), 403, "forbidden")

    def test_a_wrong_an_expired_and_a_revoked_token_are_told_alike(self, closed_house):
        secret = self.token(closed_house, "see")
        later = Caller(build(closed_house, lambda: NOW + timedelta(days=2), hosts=frozenset()))
        now = Caller(build(closed_house, lambda: NOW, hosts=frozenset()))
        expired = refused(later.get(f"{V1}/standings", headers={"Authorization": f"Bearer {secret}"}), 401, "bad-token")
        people.revoke_token(closed_house, local_principal("default"), "see", now=NOW)
        revoked = refused(now.get(f"{V1}/standings", headers={"Authorization": f"Bearer {secret}"}), 401, "bad-token")
        wrong = refused(now.get(f"{V1}/standings", headers={"Authorization": "Bearer nines_x"}), 401, "bad-token")
        assert expired == revoked == wrong

    def test_an_unknown_tenant_is_not_told_from_a_foreign_one(self, client):
        refused(client.get(f"{V1}/standings?tenant=other"), 404, "no-tenant")

    def test_another_name_for_this_machine_gets_no_local_rights(self, shop):
        refused(
            Caller(build(shop, lambda: NOW, hosts=frozenset()), base="http://evil.example").get(f"{V1}/standings"), 401
        )
        refused(Caller(build(shop, lambda: NOW, hosts=frozenset()), peer="192.0.2.1").get(f"{V1}/standings"), 401)

    @pytest.mark.parametrize(
        "headers", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}]
    )
    def test_another_sites_page_changes_nothing(self, client, headers):
        refused(
            client.post(f"{V1}/annotations", json={"subject": "checkout", "text": "x"}, headers=headers),
            403,
            "cross-site",
        )

    def test_a_session_reads_and_records_from_its_own_site(self, stranger, closed_house):
        people.add_person(closed_house, local_principal("default"), "ann", PASSWORD, role="engineer", now=NOW)
        stranger.cookies.set("nines_session", people.sign_in(closed_house, "ann", PASSWORD, now=NOW))
        assert stranger.get(f"{V1}/standings").status_code == 200
        body, mine = {"name": "agent", "scopes": ["ingest"]}, {"Origin": "http://127.0.0.1:8321"}
        assert stranger.post(f"{V1}/tokens", json=body, headers=mine).status_code == 201
        refused(stranger.post(f"{V1}/tokens", json=body, headers={"Origin": "http://evil.example"}), 403)
        refused(
            stranger.post(f"{V1}/tokens", json={**body, "name": "b", "scopes": ["manage-people"]}, headers=mine), 403
        )


class TestTooMuch:
    def test_a_body_that_says_it_is_too_long_is_refused_unread(self, client):
        refused(client.post(f"{V1}/events/shop", content=b"x" * (MOST_SENT + 1)), 413)

    def test_a_body_that_grows_too_long_without_saying_so_is_refused(self, client):
        async def endless():
            for _ in range(MOST_SENT // 65536 + 2):
                yield b" " * 65536

        refused(client.post(f"{V1}/events/shop", content=endless()), 413)
        refused(
            client.post(f"{V1}/definitions/check", content=endless(), headers={"Content-Type": "application/json"}), 413
        )

    def test_a_bomb_is_refused_before_it_is_unpacked_whole(self, client):
        bomb = gzip.compress(b" " * (MOST_UNPACKED + 1), 9)
        assert len(bomb) < MOST_SENT / 100
        refused(client.post(f"{V1}/events/shop", content=bomb, headers={"Content-Encoding": "gzip"}), 413)

    @pytest.mark.parametrize(
        "damage", [lambda b: b[:-9], lambda b: b"\x00" + b[1:], lambda b: b[:12] + b"\xff\xff" + b[14:]]
    )
    def test_a_damaged_gzip_body_is_refused(self, client, damage):
        body = damage(gzip.compress(b'{"time": "2026-11-23T14:00:00Z"}' * 50))
        refused(client.post(f"{V1}/events/shop", content=body, headers={"Content-Encoding": "gzip"}), 400, "gzip")

    def test_an_unknown_packing_is_refused(self, client):
        refused(client.post(f"{V1}/events/shop", content=b"x", headers={"Content-Encoding": "br"}), 415)

    def test_a_deep_document_is_refused(self, client):
        deep = b"[" * 100_000
        refused(client.post(f"{V1}/events/shop", content=deep), 400)
        refused(client.post(f"{V1}/definitions/check", content=deep, headers={"Content-Type": "application/json"}), 400)


def test_a_house_that_is_not_ready_says_so_and_when_to_come_back(shop):
    class Broken:
        def __getattr__(self, name):
            raise OSError(name)

    answer = Caller(build(replace(shop, lake=Broken()), lambda: NOW, hosts=frozenset())).get("/readyz")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
