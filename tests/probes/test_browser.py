"""Journeys in a browser: what a customer would do, booked step by step, and what is kept when it fails."""

import json
import zipfile
from datetime import timedelta

import pytest

from nines.errors import InputError
from nines.telemetry.journey import BrowserAct, BrowserCall, Step
from pages.browser import need_chromium
from probes.loopback import PASSWORD, Server, only, run, serving

SECRETS = {"SHOP": PASSWORD}


@pytest.fixture(autouse=True)
def _chromium():
    need_chromium()


def buying(shop):
    return (
        Step(
            name="login",
            call=BrowserCall(
                (
                    BrowserAct("goto", f"{shop.url}/"),
                    BrowserAct("fill", "#user", "probe"),
                    BrowserAct("fill", "#password", "${secret:SHOP}"),
                    BrowserAct("click", "#enter"),
                    BrowserAct("expect", "body", "Welcome, probe"),
                )
            ),
            share=timedelta(seconds=5),
        ),
        Step(
            name="search",
            call=BrowserCall(
                (
                    BrowserAct("wait", "#q"),
                    BrowserAct("fill", "#q", "lamp"),
                    BrowserAct("click", "#look"),
                    BrowserAct("expect", "body", "lamp: 1 hit"),
                )
            ),
        ),
        Step(name="pay", call=BrowserCall((BrowserAct("click", "#pay"), BrowserAct("expect", "body", "Paid")))),
        Step(name="thanks", call=BrowserCall((BrowserAct("expect", "body", "order 7"),))),
    )


@pytest.mark.slow
class TestACustomer:
    def test_logs_in_searches_and_pays_and_every_step_has_its_time(self, shop, tmp_path):
        result = run(*buying(shop), secrets=SECRETS, timeout=timedelta(seconds=30), artifacts=tmp_path / "kept")
        assert [(s.name, s.state, s.error) for s in result.first.steps] == [
            (name, "up", "") for name in ("login", "search", "pay", "thanks")
        ]
        login = result.first.steps[0]
        assert {"first_byte_ms", "transfer_ms"} <= set(login.phases)
        assert 0 < sum(login.phases.values()) < login.duration_ms
        assert (login.status, result.first.steps[3].phases) == (200, {})
        assert sum(s.duration_ms for s in result.first.steps) <= result.first.duration_ms
        assert not (tmp_path / "kept").exists()

    def test_is_marked_as_ours_on_every_request(self, shop):
        run(*buying(shop)[:2], secrets=SECRETS, timeout=timedelta(seconds=30))
        assert {path for _, path, _, _ in shop.seen} >= {"/", "/login", "/shelf", "/found?q=lamp"}
        for _, path, headers, _ in shop.seen:
            assert headers.get("nines-probe") == "p", path
            assert headers["User-Agent"].endswith(" nines-probe/9.9")
            assert "Mozilla" in headers["User-Agent"]

    def test_who_cannot_pay_is_down_in_the_third_step_and_what_was_seen_is_kept_without_secrets(self, shop, tmp_path):
        shop.fault = "/pay"
        result = run(*buying(shop), secrets=SECRETS, timeout=timedelta(seconds=4), artifacts=tmp_path / "kept")
        assert [(s.name, s.state) for s in result.first.steps] == [("login", "up"), ("search", "up"), ("pay", "down")]
        assert (result.state, result.not_run, result.first.steps[2].code) == ("down", ("thanks",), "browser-step")
        kept = {path.name: path for path in result.artifacts}
        assert set(kept) == {"journey.json", "pay.png", "browser.har", "trace.zip"}
        assert kept["pay.png"].read_bytes()[:4] == b"\x89PNG"
        entries = json.loads(kept["browser.har"].read_text())["log"]["entries"]
        assert ("POST", 500) in {(e["request"]["method"], e["response"]["status"]) for e in entries}
        held = {name: path.read_bytes() for name, path in kept.items() if name != "trace.zip"}
        with zipfile.ZipFile(kept["trace.zip"]) as trace:
            held |= {f"trace/{name}": trace.read(name) for name in trace.namelist()}
        assert any(name.endswith(".trace") and data for name, data in held.items())
        for name, data in held.items():
            for secret in ("wörd", "w%C3%B6rd", "w\\u00f6rd", "s-4711"):
                assert secret.encode() not in data, (name, secret)

    def test_a_wrong_password_is_down_at_the_login(self, shop):
        result = run(*buying(shop), secrets={"SHOP": "guess"}, timeout=timedelta(seconds=3))
        assert [(s.name, s.state) for s in result.first.steps] == [("login", "down")]
        assert "guess" not in result.first.steps[0].error


@pytest.mark.slow
class TestAPage:
    def go(self, *acts, **fields):
        return run(BrowserCall(acts), **({"timeout": timedelta(seconds=5)} | fields))

    def test_that_answers_with_an_error_is_down(self, shop):
        step = only(self.go(BrowserAct("goto", f"{shop.url}/nowhere")))
        assert (step.state, step.code, step.status) == ("down", "step-status", 404)

    def test_that_nobody_serves_is_down(self, shop):
        shop.shutdown()
        shop.server_close()
        step = only(self.go(BrowserAct("goto", f"{shop.url}/")))
        assert (step.state, "ERR_CONNECTION_REFUSED" in step.error) == ("down", True)

    def test_that_never_answers_is_cut_off_at_the_timeout(self, shop):
        result = self.go(BrowserAct("goto", f"{shop.url}/slow?s=8"), timeout=timedelta(seconds=1))
        assert (only(result).code, result.first.duration_ms < 6000) == ("timeout", True)

    def test_of_a_clouds_secrets_is_wrong_input(self):
        with pytest.raises(InputError):
            self.go(BrowserAct("goto", "http://169.254.169.254/"))

    def test_that_redirects_to_a_clouds_secrets_does_not_get_there(self, shop):
        shop.elsewhere = "http://169.254.169.254/latest/"
        step = only(self.go(BrowserAct("goto", f"{shop.url}/away")))
        assert (step.state, "ERR_NAME_NOT_RESOLVED" in step.error) == ("down", True)

    def test_that_leads_to_a_refused_address_is_down_and_nothing_of_it_is_kept(self, shop, monkeypatch, tmp_path):
        monkeypatch.setattr("nines.probes.names.is_refused", lambda address, *_: address == "127.0.0.2")
        with serving(Server(host="127.0.0.2")) as other:
            shop.elsewhere = f"http://127.0.0.2:{other.server_port}/"
            result = self.go(BrowserAct("goto", f"{shop.url}/away"), artifacts=tmp_path)
        assert (only(result).code, [p.name for p in result.artifacts]) == ("redirect-refused", ["journey.json"])

    def test_waits_as_long_as_it_is_told(self, shop):
        step = only(self.go(BrowserAct("goto", f"{shop.url}/"), BrowserAct("wait", "300ms")))
        assert (step.state, step.duration_ms > 300) == ("up", True)


def test_without_a_browser_nobody_can_tell(shop, monkeypatch):
    monkeypatch.setattr("nines.probes.browser.shutil.which", lambda _name: "/no/such/browser")
    result = run(BrowserCall((BrowserAct("goto", f"{shop.url}/"),)))
    assert (result.state, shop.seen) == ("unknown", [])
    assert "Chromium does not start" in result.findings[0].what


def test_without_playwright_it_is_said_what_to_install(shop, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    result = run(BrowserCall((BrowserAct("goto", f"{shop.url}/"),)))
    assert (result.state, "nines[browser]" in result.findings[0].what) == ("unknown", True)
