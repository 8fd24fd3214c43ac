import json
from fractions import Fraction
from urllib.parse import urlencode

import pytest

from nines.protocols import push
from nines.protocols.refusal import Refused

NOW = 1_772_323_200_000_000


def only(table):
    (row,) = table.to_pylist()
    assert row["time"].timestamp() * 1e6 == NOW
    return row["operation"], row["state"], row["duration_ms"], dict(row["attributes"])


def refusal(call, *args, **more):
    with pytest.raises(Refused) as refused:
        call(*args, **more)
    return refused.value.status, refused.value.message


def test_a_success_pushed_as_to_gatus_is_up_and_tells_no_error():
    row = push.gatus("core_ext-ep-test", "success=true&error=old&duration=12ms", now_us=NOW)
    assert only(row) == ("core_ext-ep-test", "up", 12.0, {})


def test_a_failure_tells_the_errors_of_query_and_body():
    row = push.gatus("g_n", "success=false&error=disk%20full", b'{"error": "no space"}', now_us=NOW)
    assert only(row) == ("g_n", "down", None, {"error": "disk full; no space"})


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'{"error": 5}', b"[" * 100_000, b"\xff"])
def test_a_body_that_tells_no_error_is_passed_over(body):
    assert only(push.gatus("g_n", "success=false", body, now_us=NOW))[3] == {}


@pytest.mark.parametrize("query", ["", "success=", "success=1", "success=TRUE", "error=x", "success=yes&error=x"])
def test_gatus_wants_to_know_whether_it_went_well(query):
    assert refusal(push.gatus, "g_n", query, now_us=NOW) == (400, "missing or invalid success query parameter")


# What time.ParseDuration gives, from its documentation and its tests (src/time/time_test.go).
@pytest.mark.parametrize(("text", "nanoseconds"), [
    ("0", 0), ("5s", 5 * 10**9), ("30s", 30 * 10**9), ("1478s", 1478 * 10**9), ("-0", 0), ("+5s", 5 * 10**9),
    ("5.0s", 5 * 10**9), ("5.6s", 5_600_000_000), ("5.s", 5 * 10**9), (".5s", 500_000_000), ("1.0s", 10**9),
    ("1.004s", 1_004_000_000), ("100.00100s", 100_001_000_000), ("10ns", 10), ("11us", 11_000), ("12µs", 12_000),
    ("12μs", 12_000), ("13ms", 13_000_000), ("14s", 14 * 10**9), ("15m", 900 * 10**9), ("16h", 57_600 * 10**9),
    ("3h30m", 12_600 * 10**9), ("10.5s4m", 250_500_000_000), ("1h2m3s4ms5us6ns", 3_723_004_005_006),
    ("0.100000000000000000h", 360 * 10**9), ("0.3333333333333333333h", Fraction("0.3333333333333333333") * 3600 * 10**9),
])  # fmt: skip
def test_durations_are_read_as_go_writes_them(text, nanoseconds):
    assert push.go_duration(text) == nanoseconds


@pytest.mark.parametrize(("text", "why"), [
    ("3", 'time: missing unit in duration "3"'), ("-", 'time: invalid duration "-"'), ("s", 'time: invalid duration "s"'),
    (".", 'time: invalid duration "."'), ("-.", 'time: invalid duration "-."'), (".s", 'time: invalid duration ".s"'),
    ("+.s", 'time: invalid duration "+.s"'), ("1d", 'time: unknown unit "d" in duration "1d"'),
    ("1.5 s", 'time: unknown unit " s" in duration "1.5 s"'), ("12msx", 'time: unknown unit "msx" in duration "12msx"'),
    ("\uff11s", 'time: invalid duration "\uff11s"'), ("1s" * 60, 'time: invalid duration "' + "1s" * 30 + '"'),
    ("-5s", 'duration "-5s" is below zero or longer than a day'), ("25h", 'duration "25h" is below zero or longer than a day'),
])  # fmt: skip
def test_durations_go_would_not_read_are_refused_in_its_words(text, why):
    query = urlencode({"success": "true", "duration": text})
    assert refusal(push.gatus, "g_n", query, now_us=NOW) == (400, f"invalid duration: {why}")


def test_gatus_clients_hear_why_they_may_not_push():
    assert push.bearer("Bearer  abc ") == "abc"
    assert refusal(push.bearer, None) == (401, "invalid Authorization header")
    assert refusal(push.bearer, "Basic abc") == (401, "invalid Authorization header")
    assert refusal(push.bearer, "Bearer  ") == (401, "bearer token must not be empty")
    assert (push.unknown_endpoint().status, push.unknown_endpoint().message) == (404, "not found")
    assert (push.wrong_token().status, push.wrong_token().message) == (401, "invalid token")


@pytest.mark.parametrize(("query", "expected"), [
    ("", ("up", None, {"msg": "OK"})), ("status=up&msg=OK&ping=", ("up", None, {"msg": "OK"})),
    ("status=up&msg=fine&ping=12.5", ("up", 12.5, {"msg": "fine"})), ("status=&ping=0", ("up", 0.0, {"msg": "OK"})),
    ("status=down&msg=no+disk&ping=1e3", ("down", 1000.0, {"msg": "no disk"})), ("status=UP", ("down", None, {"msg": "OK"})),
])  # fmt: skip
def test_pushes_as_to_uptime_kuma_are_read_as_it_reads_them(query, expected):
    assert only(push.kuma("nightly", query, now_us=NOW)) == ("nightly", *expected)


@pytest.mark.parametrize("ping", ["abc", "-1", "86400001", "nan", "inf", "0x10", "1e99"])
def test_a_ping_that_cannot_be_is_answered_as_uptime_kuma_does(ping):
    with pytest.raises(Refused) as refused:
        push.kuma("nightly", f"ping={ping}", now_us=NOW)
    status, body = push.kuma_answer(refused.value)
    answer = json.loads(body)
    assert (status, answer["ok"]) == (400, False)
    assert answer["msg"].startswith(("Invalid ping value: ", "Ping value "))


def test_uptime_kuma_clients_hear_ok_or_that_there_is_no_such_monitor():
    assert push.kuma_answer() == (200, b'{"ok":true}')
    status, body = push.kuma_answer(push.unknown_monitor())
    assert (status, json.loads(body)) == (404, {"ok": False, "msg": "Monitor not found or not active."})


def test_messages_are_cut_and_mended_so_that_they_can_be_stored():
    row = push.kuma("m", "msg=" + "%00" + "x" * 5000, now_us=NOW)
    message = dict(row.to_pylist()[0]["attributes"])["msg"]
    assert (message[0], len(message)) == ("�", 1000)


def test_a_query_of_endless_fields_is_refused():
    assert refusal(push.kuma, "m", "a=1&" * 500, now_us=NOW)[0] == 400


def test_a_query_of_too_many_fields_is_refused_and_long_texts_are_cut():
    many = "success=true" + "&a=1" * push.MOST_FIELDS
    assert refusal(push.gatus, "core", many, now_us=NOW)[0] == 400
    row = push.gatus("k" * 5_000, "success=false&error=" + "e" * 60_000, now_us=NOW)
    assert max(map(len, (only(row)[0], *only(row)[3].values()))) == push.LONGEST


def test_a_body_nested_without_end_tells_no_error():
    row = push.gatus("core", "success=false", b'{"error":' + b"[" * 60_000, now_us=NOW)
    assert only(row)[1] == "down"
