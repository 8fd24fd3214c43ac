"""HTTP journeys against a shop on loopback: what they take along, what they time, and what they refuse."""

import json
import time
from datetime import timedelta

import pytest

from nines.errors import InputError
from nines.telemetry.journey import Expect, Extract, HttpCall, Step
from probes.loopback import AT, PASSWORD, Server, certificate, only, run, serving, tls_context

SECRETS = {"SHOP": PASSWORD}


def buying(shop):
    """Return login, search and pay as three steps."""
    return (
        Step(
            name="login",
            call=HttpCall(
                url=f"{shop.url}/login", method="POST", form=(("user", "probe"), ("password", "${secret:SHOP}"))
            ),
            expect=Expect(status=((200, 200),), contains=("Welcome",), header=(("content-type", "^text/html"),)),
            extract=(Extract("session", "cookie", "sid"),),
            share=timedelta(seconds=2),
        ),
        Step(
            name="search",
            call=HttpCall(url=f"{shop.url}/api_search?q=lamp"),
            expect=Expect(json=(("$.hits[0].name", "lamp"), ("$.hits[0].open", True)), header=(("x-request", "r-"),)),
            extract=(
                Extract("token", "regex", r'"token": "([a-z]+-\d+)"', secret=True),
                Extract("first", "json", "$.hits[0].id"),
                Extract("request", "header", "X-Request"),
            ),
        ),
        Step(
            name="pay",
            call=HttpCall(url=f"{shop.url}/pay", method="POST", json={"token": "${token}", "item": "${first}"}),
            expect=Expect(matches=("order [0-9]+",)),
        ),
    )


def test_a_journey_takes_cookies_and_values_from_step_to_step(shop):
    result = run(*buying(shop), secrets=SECRETS)
    assert (result.state, [s.state for s in result.first.steps], result.not_run) == ("up", ["up"] * 3, ())
    pays = [sent for command, path, _, sent in shop.seen if path == "/pay"]
    assert pays == [{"token": "tk-99", "item": "7"}]


def test_own_traffic_is_marked_on_every_request_and_after_redirects(shop):
    run(*buying(shop), secrets=SECRETS)
    assert len(shop.seen) == 4
    for _, _, headers, _ in shop.seen:
        assert headers["nines-probe"] == "p"
        assert headers["User-Agent"].endswith("nines-probe/9.9")


def test_a_stated_user_agent_keeps_its_mark(shop):
    run(HttpCall(url=f"{shop.url}/echo", headers=(("User-Agent", "Mozilla/5.0"),)))
    assert shop.seen[0][2]["User-Agent"] == "Mozilla/5.0 nines-probe/9.9"


def test_a_fault_in_the_third_step_is_booked_on_it_and_nothing_is_run_after_it(shop):
    shop.fault = "/pay"
    after = Step(name="thanks", call=HttpCall(url=f"{shop.url}/paid"))
    result = run(*buying(shop), after, secrets=SECRETS)
    assert [(s.name, s.state) for s in result.first.steps] == [("login", "up"), ("search", "up"), ("pay", "down")]
    assert (result.state, result.not_run, result.first.steps[2].code) == ("down", ("thanks",), "step-status")
    assert "/paid" not in [path for _, path, _, _ in shop.seen]


def test_phases_are_those_of_the_way_and_a_kept_connection_costs_nothing_twice(shop):
    first, second = run(*[HttpCall(url=f"{shop.url.replace('127.0.0.1', 'localhost')}/")] * 2).first.steps
    assert set(first.phases) == {"dns_ms", "connect_ms", "first_byte_ms", "transfer_ms"}
    assert set(second.phases) == {"first_byte_ms", "transfer_ms"}
    assert 0 < sum(first.phases.values()) <= first.duration_ms


def test_the_wait_for_a_slow_server_is_booked_on_the_first_byte(shop):
    step = only(run(HttpCall(url=f"{shop.url}/slow?s=0.2")))
    assert step.phases["first_byte_ms"] > 190
    assert step.phases["transfer_ms"] < step.phases["first_byte_ms"] / 2


def test_a_step_over_its_time_is_down_and_over_its_share_is_only_told(shop):
    call = HttpCall(url=f"{shop.url}/slow?s=0.1")
    late = only(run(Step(name="a", call=call, expect=Expect(max_ms=50))))
    assert (late.state, late.code) == ("down", "too-slow")
    heavy = only(run(Step(name="a", call=call, share=timedelta(milliseconds=40))))
    assert heavy.state == "up"
    assert heavy.over_share_ms == pytest.approx(heavy.duration_ms - 40)


@pytest.mark.parametrize("path", ["/slow?s=5", "/drip"])
def test_a_server_that_keeps_us_waiting_is_cut_off_at_the_timeout(shop, path):
    begun = time.perf_counter()
    result = run(HttpCall(url=f"{shop.url}{path}"), timeout=timedelta(milliseconds=400))
    assert (only(result).state, only(result).code) == ("down", "timeout")
    assert time.perf_counter() - begun < 4


def test_an_answer_without_end_is_cut_off(shop):
    assert only(run(HttpCall(url=f"{shop.url}/flood"))).code == "answer-too-large"


def test_a_closed_port_is_down_with_its_reason():
    with serving(Server()) as gone:
        url = gone.url
    step = only(run(HttpCall(url=url)))
    assert (step.state, step.code) == ("down", "no-answer")
    assert "refused" in step.error.lower()


def test_a_name_that_is_not_there_is_down_as_a_name():
    assert only(run(HttpCall(url="http://no-such-host.invalid/"))).code == "no-name"


UNMET = [
    (Expect(status=((404, 404),)), "step-status"),
    (Expect(contains=("sofa",)), "step-body"),
    (Expect(matches=("^sofa",)), "step-body"),
    (Expect(header=(("x-request", "^q"),)), "step-header"),
    (Expect(header=(("x-none", ""),)), "step-header"),
    (Expect(json=(("$.hits[0].open", 1),)), "step-json"),
    (Expect(json=(("$.hits[1].id", 7),)), "step-json"),
]


@pytest.mark.parametrize(("expect", "code"), UNMET, ids=range(len(UNMET)))
def test_each_expectation_can_fail_on_its_own(shop, expect, code):
    step = only(run(Step(name="a", call=HttpCall(url=f"{shop.url}/api_search"), expect=expect)))
    assert (step.state, step.code) == ("down", code)


MISSING = [
    Extract("x", "json", "$.none"),
    Extract("x", "json", "$.hits"),
    Extract("x", "regex", "sofa=(.)"),
    Extract("x", "header", "X-None"),
    Extract("x", "cookie", "none"),
]


@pytest.mark.parametrize("extract", MISSING, ids=lambda e: f"{e.kind} {e.key}")
def test_a_value_that_cannot_be_taken_is_down(shop, extract):
    step = only(run(Step(name="a", call=HttpCall(url=f"{shop.url}/api_search"), extract=(extract,))))
    assert (step.state, step.code) == ("down", "step-extract")


def test_a_pattern_that_would_take_for_ever_elsewhere_takes_no_time(shop):
    expect = Expect(matches=("(a+)+$",), status=((200, 200),))
    begun = time.perf_counter()
    step = only(
        run(Step(name="a", call=HttpCall(url=f"{shop.url}/echo", method="POST", json={"a": "a" * 5000}), expect=expect))
    )
    assert (step.code, time.perf_counter() - begun < 4) == ("step-body", True)


def test_values_are_encoded_in_addresses_and_cannot_break_out(shop):
    take = Step(
        name="a",
        call=HttpCall(url=f"{shop.url}/api_search?q=x%26admin%3D1"),
        extract=(Extract("q", "json", "$.query"),),
    )
    run(take, HttpCall(url=f"{shop.url}/echo?q=${{q}}"))
    assert shop.seen[1][1] == "/echo?q=x%26admin%3D1"


def test_a_value_with_a_line_break_is_no_second_header(shop):
    take = Step(
        name="a",
        call=HttpCall(url=f"{shop.url}/api_search?q=x%0d%0aX-Evil:1"),
        extract=(Extract("q", "json", "$.query"),),
    )
    result = run(take, HttpCall(url=f"{shop.url}/echo", headers=(("X-Q", "${q}"),)))
    assert result.first.steps[1].state == "down"
    assert len(shop.seen) == 1


class TestRedirects:
    def test_a_circle_ends_at_the_bound(self, shop):
        step = only(run(HttpCall(url=f"{shop.url}/round", follow=3)))
        assert (step.code, len(shop.seen)) == ("too-many-redirects", 4)

    def test_none_is_followed_when_none_is_wanted(self, shop):
        expect = Expect(status=((303, 303),))
        assert only(run(Step(name="a", call=HttpCall(url=f"{shop.url}/round", follow=0), expect=expect))).state == "up"
        assert len(shop.seen) == 1

    def test_secrets_in_headers_stay_with_the_host_they_were_meant_for(self, shop):
        with serving(Server()) as other:
            shop.elsewhere = f"{other.url}/echo"
            headers = (("X-Key", "${secret:SHOP}"), ("X-Plain", "1"))
            assert run(HttpCall(url=f"{shop.url}/away", headers=headers), secrets={"SHOP": "k1"}).state == "up"
        kept, (_, _, away, _) = shop.seen[0][2], other.seen[0]
        assert (kept["X-Key"], "X-Key" in away, away["X-Plain"]) == ("k1", False, "1")

    def test_a_body_with_a_secret_is_not_sent_on_to_somebody_else(self, shop):
        with serving(Server()) as other:
            shop.elsewhere = f"{other.url}/echo"
            call = HttpCall(url=f"{shop.url}/away?status=307", method="POST", json={"p": "${secret:SHOP}"})
            assert only(run(call, secrets=SECRETS)).code == "redirect-secret"
        assert other.seen == []

    def test_a_clouds_secrets_are_not_reached_over_a_redirect(self, shop):
        shop.elsewhere = "http://169.254.169.254/latest/meta-data/"
        assert only(run(HttpCall(url=f"{shop.url}/away"))).code == "redirect-refused"


REFUSED = ["169.254.169.254", "[::ffff:169.254.169.254]", "[fe80::1]", "0.0.0.0", "[fd00:ec2::254]", "2852039166"]


@pytest.mark.parametrize("host", REFUSED)
def test_an_address_of_a_clouds_secrets_is_wrong_input_in_every_notation(host):
    with pytest.raises(InputError) as refused:
        run(HttpCall(url=f"http://{host}/"))
    assert refused.value.problems[0].code == "refused-address"


def test_whoever_runs_probes_can_allow_an_address():
    step = only(run(HttpCall(url="http://0.0.0.0:1/"), allow=("0.0.0.0/32",)))
    assert step.code == "no-answer"


def test_missing_secrets_are_told_all_at_once_before_anything_is_asked(shop):
    with pytest.raises(InputError) as refused:
        run(HttpCall(url=f"{shop.url}/?a=${{secret:A}}&b=${{secret:B}}", method="POST"), secrets={"A": ""})
    assert [p.what for p in refused.value.problems] == ["there is no secret A", "there is no secret B"]
    assert shop.seen == []


class TestTls:
    @pytest.fixture(scope="class")
    def pair(self, tmp_path_factory):
        return certificate(tmp_path_factory.mktemp("tls"), days=30)

    def test_a_certificate_that_nobody_vouches_for_is_down(self, pair):
        with serving(Server(tls_context(*pair))) as shop:
            step = only(run(HttpCall(url=f"https://localhost:{shop.server_port}/")))
        assert (step.state, step.code) == ("down", "bad-certificate")

    def test_with_its_own_authority_it_holds_and_its_time_is_told(self, pair):
        with serving(Server(tls_context(*pair))) as shop:
            step = only(run(HttpCall(url=f"https://localhost:{shop.server_port}/", ca_file=str(pair[0]))))
        assert (step.state, step.phases["tls_ms"] > 0) == ("up", True)

    def test_the_name_is_checked_although_the_address_is_connected_to(self, tmp_path):
        cert, key = certificate(tmp_path, days=30, names="DNS:other.example")
        with serving(Server(tls_context(cert, key))) as shop:
            step = only(run(HttpCall(url=f"https://localhost:{shop.server_port}/", ca_file=str(cert))))
        assert step.code == "bad-certificate"

    def test_it_can_be_left_unverified(self, pair):
        with serving(Server(tls_context(*pair))) as shop:
            assert run(HttpCall(url=f"https://localhost:{shop.server_port}/", verify=False)).state == "up"

    def test_an_authority_that_cannot_be_read_is_wrong_input(self, tmp_path):
        with pytest.raises(InputError):
            run(HttpCall(url="https://localhost:1/", ca_file=str(tmp_path / "none.pem")))


class TestArtifacts:
    def test_a_failed_try_keeps_what_was_said_and_hides_every_secret(self, shop, tmp_path):
        shop.fault = "/pay"
        result = run(*buying(shop), secrets=SECRETS, artifacts=tmp_path / "kept")
        folder = tmp_path / "kept" / "p-here-20260301T120000000000Z-1"
        assert set(result.artifacts) == {folder / "journey.json", folder / "http.har"}
        log = json.loads((folder / "http.har").read_text())["log"]
        assert [e["response"]["status"] for e in log["entries"]] == [303, 200, 200, 500]
        assert "Out of order" in log["entries"][3]["response"]["content"]["text"]
        text = (folder / "http.har").read_text() + (folder / "journey.json").read_text()
        for secret in ("wörd", "w%C3%B6rd", "w\\u00f6rd", "tk-99", "s-4711"):
            assert secret not in text

    def test_only_their_owner_may_look_at_them(self, shop, tmp_path):
        shop.fault = "/pay"
        for path in run(*buying(shop), secrets=SECRETS, artifacts=tmp_path / "kept").artifacts:
            assert (path.stat().st_mode & 0o077, path.parent.stat().st_mode & 0o077) == (0, 0)

    def test_a_good_run_keeps_nothing(self, shop, tmp_path):
        assert run(*buying(shop), secrets=SECRETS, artifacts=tmp_path / "kept").artifacts == ()
        assert not (tmp_path / "kept").exists()

    def test_a_server_that_repeats_a_secret_gives_it_away_nowhere(self, shop, tmp_path):
        call = HttpCall(url=f"{shop.url}/login", method="POST", form=(("password", "${secret:SHOP}"),))
        result = run(call, secrets={"SHOP": "wrong & loud"}, artifacts=tmp_path)
        assert only(result).state == "down"
        kept = "".join(path.read_text() for path in result.artifacts)
        assert "Wrong password" in kept
        assert "loud" not in kept


class TestRetries:
    def test_the_first_try_counts_and_a_good_retry_only_leaves_it_unconfirmed(self, shop):
        def mend(_seconds):
            shop.fault = ""

        shop.fault = "/"
        result = run(HttpCall(url=f"{shop.url}/"), retries=2, pause=mend)
        assert (result.state, result.confirmed, [t.state for t in result.tries]) == ("down", False, ["down", "up"])

    def test_a_failure_that_every_retry_shows_is_confirmed(self, shop):
        shop.fault = "/"
        pauses = []
        result = run(HttpCall(url=f"{shop.url}/"), retries=2, retry_after=timedelta(seconds=3), pause=pauses.append)
        assert (result.state, result.confirmed, len(result.tries), pauses) == ("down", True, 3, [3.0, 3.0])

    def test_a_good_first_try_is_not_tried_again(self, shop):
        assert len(run(HttpCall(url=f"{shop.url}/"), retries=3).tries) == 1


class TestConnectivity:
    GONE = "127.0.0.1:9"

    def test_a_location_that_is_cut_off_knows_nothing_and_asks_nobody(self, shop):
        result = run(HttpCall(url=f"{shop.url}/"), connectivity=(self.GONE,))
        assert (result.state, result.tries, shop.seen) == ("unknown", (), [])
        assert result.findings[0].code == "probe-unknown"

    def test_one_address_that_answers_is_enough_for_a_failure_to_count(self, shop):
        shop.fault = "/find"
        with serving(Server()) as other:
            targets = (self.GONE, f"127.0.0.1:{other.server_port}")
            assert run(HttpCall(url=f"{shop.url}/find"), connectivity=targets).state == "down"

    def test_an_http_address_has_to_answer_but_anything(self, shop):
        shop.fault = "/health"
        assert run(HttpCall(url=f"{shop.url}/"), connectivity=(f"{shop.url}/health",)).state == "up"

    def test_a_connection_lost_on_the_way_is_unknown_and_never_down(self, shop):
        with serving(Server()) as other:

            def cut():
                other.shutdown()
                other.server_close()

            shop.before, shop.fault = cut, "/"
            target = f"127.0.0.1:{other.server_port}"
            result = run(HttpCall(url=f"{shop.url}/"), connectivity=(target,), retries=1)
        assert (result.state, len(result.tries), result.tries[0].state) == ("unknown", 1, "down")


def test_the_clock_of_a_run_is_the_one_it_was_given(shop):
    result = run(HttpCall(url=f"{shop.url}/"))
    assert AT < result.first.ended < AT + timedelta(seconds=5)
