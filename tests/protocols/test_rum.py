import json
from fractions import Fraction

import pyarrow as pa
import pytest

from nines.errors import InputError
from nines.objectives.event import COLUMNS
from nines.protocols.refusal import Refused
from nines.protocols.rum import MOST_BYTES, VITALS, Routes, Sender, decode, decode_many
from nines.protocols.rum_sender import device, place, synthetic

NOW = 1_772_323_200_000_000
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile/15E148 Safari/604.1"
PIXEL = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/142.0.0.0 Mobile Safari/537.36"
TAB = "Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36"
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


def metric(**more):
    return {
        "name": "LCP", "value": 2512.4, "delta": 2512.4, "rating": "needs-improvement", "entries": [{"startTime": 1}],
        "id": "v6-1772323199000-4444444444444", "navigationType": "navigate", "navigationId": 1,
        "navigationURL": "https://shop.example/product/17?utm=x#top",
    } | more  # fmt: skip


def read(body, sender=None):
    events, beacon = decode(json.dumps(body).encode(), sender or Sender(CHROME), now_us=NOW)
    rows = [row | {"attributes": dict(row["attributes"])} for row in events.to_pylist()]
    return rows, beacon


def test_one_metric_becomes_a_row_at_the_time_it_came():
    (row,), beacon = read(metric())
    assert (beacon.form, beacon.taken, beacon.refused, beacon.status) == ("page", 1, 0, 204)
    assert row["time"].timestamp() * 1e6 == NOW
    assert (row["value"], row["duration_ms"], row["operation"]) == (2512.4, 2512.4, "/product/17")
    assert row["id"] == "v6-1772323199000-4444444444444"
    assert row["attributes"] == {
        "rum": "vital", "metric": "LCP", "rating": "needs-improvement", "navigation_type": "navigate",
        "page": "https://shop.example/product/17", "path": "/product/17", "device": "desktop",
        "client_time": "1772323199000", "replaces": "true",
    }  # fmt: skip
    assert (row["weight"], row["weight_num"], row["weight_den"]) == (None, None, None)


def test_columns_have_the_names_and_types_of_the_event_table():
    types = {"timestamp": pa.timestamp("us", tz="UTC"), "text": pa.string(), "integer": pa.int64(),
             "number": pa.float64(), "map": pa.map_(pa.string(), pa.string())}  # fmt: skip
    events, _ = decode(b"[]", Sender(), now_us=NOW)
    known = {c.name: types[c.type] for c in COLUMNS}
    assert {f.name: f.type for f in events.schema}.items() <= known.items()


def test_a_layout_shift_score_is_no_duration():
    (row,), _ = read(metric(name="CLS", value=0.25))
    assert (row["value"], row["duration_ms"], row["attributes"]["rating"]) == (0.25, None, "needs-improvement")


@pytest.mark.parametrize(("name", "good", "poor"), [
    ("CLS", 0.1, 0.25), ("FCP", 1800, 3000), ("INP", 200, 500), ("LCP", 2500, 4000), ("TTFB", 800, 1800),
])  # fmt: skip
def test_bounds_are_those_of_web_vitals_and_belong_to_the_better_side(name, good, poor):
    vital = VITALS[name]
    assert (vital.good, vital.poor) == (good, poor)
    ratings = [vital.rating(v) for v in (good, good * 1.0001, poor, poor * 1.0001)]
    assert ratings == ["good", "needs-improvement", "needs-improvement", "poor"]
    assert set(VITALS) == {"CLS", "FCP", "INP", "LCP", "TTFB"}


def test_a_sender_cannot_rate_a_vital_better_than_it_was():
    (row,), _ = read(metric(value=9000, rating="good"))
    assert row["attributes"]["rating"] == "poor"


def test_of_several_reports_of_one_metric_the_last_stands():
    rows, beacon = read([metric(name="CLS", value=v, id="v6-1-1") for v in (0.1, 0.3, 0.2)] + [metric()])
    assert [row["value"] for row in rows] == [0.2, 2512.4]
    assert beacon.taken == 4


def test_reports_of_one_metric_replace_one_another_across_beacons_that_came_together():
    bodies = [(json.dumps(metric(value=v)).encode(), Sender()) for v in (10, 30, 20)]
    events, beacons = decode_many(bodies, now_us=NOW)
    assert events["value"].to_pylist() == [20.0]
    assert [b.taken for b in beacons] == [1, 1, 1]


def test_the_ttfb_of_a_soft_navigation_is_left_out_with_a_note_and_a_real_zero_is_kept():
    soft = metric(name="TTFB", value=0, id="a", navigationType="soft-navigation")
    restored = metric(name="TTFB", value=0, id="b", navigationType="back-forward-cache")
    rows, beacon = read([soft, restored])
    assert [row["id"] for row in rows] == ["b"]
    assert (beacon.left_out, beacon.refused) == (1, 0)
    assert beacon.notes == ["the TTFB of a soft navigation is 0 by definition: left out"]


@pytest.mark.parametrize(("bad", "why"), [
    ({"name": None}, "it has no name"), ({"name": "../x"}, "it has no name"),
    ({"value": None}, "its value is no number"), ({"value": "12"}, "its value is no number"),
    ({"value": True}, "its value is no number"), ({"value": float("nan")}, "its value is no number"),
    ({"value": -1}, "its value -1 cannot be"), ({"value": 86_400_001}, "its value 8.64e+07 cannot be"),
    ({"value": 10**400}, "its value is no finite number"),
    ({"id": ""}, "it has no id of up to 128 characters"), ({"id": 7}, "it has no id of up to 128 characters"),
    ({"id": "x" * 129}, "it has no id of up to 128 characters"),
    ({"rate": 0}, "its rate 0 is not above 0 and up to 1"), ({"rate": 1.5}, "its rate 1.5 is not above 0 and up to 1"),
    ({"rate": 1e-300}, "its rate 1e-300 is not above 0 and up to 1"),
    ({"kind": "coup"}, "it is of no kind known here"), ({"kind": ["load"]}, "it is of no kind known here"),
    ({"kind": "load"}, "its state is none of ok, error, abandoned and aborted"),
    ({"kind": "load", "state": ["ok"]}, "its state is none of ok, error, abandoned and aborted"),
])  # fmt: skip
def test_a_malformed_metric_is_refused_alone(bad, why):
    rows, beacon = read([metric(id="a"), metric(**bad), metric(id="c")])
    assert [row["id"] for row in rows] == ["a", "c"]
    assert (beacon.refused, beacon.problems, beacon.status) == (1, [f"entry 2: {why}"], 204)


def test_only_the_first_few_reasons_are_told_and_all_are_counted():
    _, beacon = read([17] * 9 + [metric()])
    assert (beacon.refused, len(beacon.problems), beacon.problems[-1]) == (9, 6, "and 4 more")


def test_a_beacon_of_which_nothing_could_be_used_is_answered_as_wrong():
    rows, beacon = read([metric(name="")])
    assert (rows, beacon.status) == ([], 400)


@pytest.mark.parametrize("body", [
    b"", b"hello", b"17", b"{}", b'{"metrics": 3}', b"[1", b"\xff\xfe{", b"[" * 60_000, b'{"a":' * 10_000,
    b"[" + b"1" * 60_000 + b"]", b'{"metrics":[],"rate":7}', b"x" * (MOST_BYTES + 1), b"a&" * 1000 + b"u=/",
])  # fmt: skip
def test_what_is_no_beacon_is_refused_whole(body):
    with pytest.raises(Refused) as refused:
        decode(body, Sender(), now_us=NOW)
    assert (refused.value.status, refused.value.retryable) == (400, False)
    assert len(refused.value.message) < 200


def test_an_unreadable_beacon_among_many_takes_no_other_with_it():
    events, found = decode_many([(json.dumps(metric()).encode(), Sender()), (b"?", Sender())], now_us=NOW)
    assert (len(events), found[0].taken, found[1].status) == (1, 1, 400)


def test_an_envelope_says_session_version_service_and_rate():
    page = {"url": "https://shop.example/cart?id=9", "route": "/cart"}
    body = {"page": page, "session": "s-1", "app": "shop", "version": "4.2", "sent": 1772323200123, "rate": 0.3,
            "metrics": [metric(navigationURL=None)]}  # fmt: skip
    (row,), _ = read(body)
    assert (row["session"], row["service"], row["version"]) == ("s-1", "shop", "4.2")
    assert (row["operation"], row["attributes"]["path"]) == ("/cart", "/cart")
    assert (row["weight_num"], row["weight_den"]) == (10, 3)
    assert row["weight"] == pytest.approx(10 / 3)
    assert row["trace"] == "s-1"


def test_sessions_that_are_all_kept_are_no_sampling_unit():
    (row,), _ = read({"session": "s-1", "rate": 1, "metrics": [metric()]})
    assert (row["weight_num"], row["weight_den"], row["trace"]) == (1, 1, None)


def test_a_rate_that_only_the_receiver_knows_weighs_beacons_that_say_none():
    sender = Sender(CHROME, rate=Fraction(1, 20))
    (row,), _ = read({"session": "s", "metrics": [metric()]}, sender)
    assert (row["weight_num"], row["weight_den"], row["trace"]) == (20, 1, "s")
    (row,), _ = read({"rate": 0.5, "metrics": [metric(rate=0.25)]}, sender)
    assert (row["weight_num"], row["weight_den"]) == (4, 1)


def test_the_address_keeps_neither_query_nor_fragment_nor_password():
    assert place("https://ann:pw@shop.example:8443/a/b;c?token=x#y") == ("https://shop.example:8443/a/b;c", "/a/b;c")
    assert place("/only/path?x=1") == ("/only/path", "/only/path")
    assert place("https://shop.example") == ("https://shop.example/", "/")
    for nothing in ("", "about:blank", "data:text/html,x", "file:///etc/passwd", "https://[", "javascript:alert(1)"):
        assert place(nothing) == ("", "")


def test_routes_of_the_site_come_before_what_the_page_says():
    routes = Routes.of("/product/new", "/product/{id}", "/user/:name/orders", "/shop.v1/*", "/docs/**")
    tried = {
        "/product/new": "/product/new", "/product/17": "/product/{id}", "/product/17/": "/product/{id}",
        "/product/17/more": None, "/user/ann/orders": "/user/:name/orders", "/shop.v1/a": "/shop.v1/*",
        "/shopXv1/a": None, "/docs/a/b": "/docs/**", "/doc": None,
    }  # fmt: skip
    assert {path: routes.route(path) for path in tried} == tried
    (row,), _ = read({"page": {"route": "said"}, "metrics": [metric()]}, Sender(CHROME, routes=routes))
    assert (row["operation"], row["attributes"]["path"]) == ("/product/{id}", "/product/17")


@pytest.mark.parametrize("route", ["product", "", "/" + "x" * 512])
def test_a_route_that_can_fit_no_path_is_an_error_of_the_definition(route):
    with pytest.raises(InputError, match="does not begin with"):
        Routes.of(route)


def test_a_path_without_a_route_is_its_own_operation():
    (row,), _ = read(metric(navigationURL="https://a.example/x/y/"), Sender(routes=Routes.of("/z")))
    assert row["operation"] == "/x/y/"


@pytest.mark.parametrize(("agent", "kind", "machine"), [
    (CHROME, "desktop", False), (IPHONE, "mobile", False), (PIXEL, "mobile", False), (TAB, "tablet", False),
    ("Mozilla/5.0 (iPad; CPU OS 12_2 like Mac OS X) Mobile/15E148", "tablet", False),
    ("Mozilla/5.0 (Linux; Android 9; CUBOT_X18_Plus) Mobile", "mobile", False),
    (CHROME.replace("Chrome", "HeadlessChrome"), "desktop", True), (GOOGLEBOT, "desktop", True),
    ("Mozilla/5.0 nines/1.2 nines-probe/1.2", "desktop", True), (CHROME + " Chrome-Lighthouse", "desktop", True),
    ("Mozilla/5.0 PTST/240101", "desktop", True), ("facebookexternalhit Twitterbot", "desktop", True), ("", "", False),
])  # fmt: skip
def test_browsers_are_told_apart_coarsely(agent, kind, machine):
    assert (device(agent), synthetic(agent)) == (kind, machine)


@pytest.mark.parametrize(("sender", "more"), [
    (Sender(CHROME, marked=True), {}), (Sender(CHROME.replace("Chrome", "HeadlessChrome")), {}),
    (Sender(CHROME), {"webdriver": True}),
])  # fmt: skip
def test_traffic_of_machines_is_marked_and_not_dropped(sender, more):
    (row,), _ = read({"metrics": [metric()], **more}, sender)
    assert row["attributes"]["synthetic"] == "true"


def test_people_bear_no_mark():
    (row,), _ = read({"metrics": [metric()], "webdriver": False})
    assert "synthetic" not in row["attributes"]


def test_loads_errors_and_fetches_of_our_module_say_how_they_went():
    shared = {"navigationURL": "https://a.example/x", "rate": 1}
    rows, beacon = read({"metrics": [
        {"kind": "load", "id": "1", "state": "abandoned", "value": 800.5, "navigationType": "reload", **shared},
        {"kind": "error", "id": "2", "message": "x is undefined", "source": "https://a.example/app.js", **shared},
        {"kind": "fetch", "id": "3", "method": "GET", "target": "/api/cart?u=1", "state": "error", "status": 503,
         "value": 12, **shared},
        {"kind": "fetch", "id": "4", "state": "error", "status": 0, "value": None, **shared},
    ]})  # fmt: skip
    assert beacon.problems == []
    load, error, fetch, failed = rows
    assert (load["state"], load["duration_ms"], load["attributes"]["navigation_type"]) == ("abandoned", 800.5, "reload")
    assert (error["state"], error["duration_ms"], error["attributes"]["message"]) == ("error", None, "x is undefined")
    assert (fetch["http_status"], fetch["duration_ms"], fetch["attributes"]["target"]) == (503, 12.0, "/api/cart")
    assert (failed["http_status"], failed["state"]) == (None, "error")
    assert [row["attributes"]["rum"] for row in rows] == ["load", "error", "fetch", "fetch"]


def test_texts_that_cannot_be_stored_are_mended_and_long_ones_cut():
    body = b'{"kind":"error","id":"e\\ud800","name":"","message":"a\\u0000b\\udfff\\ud83d\\ude00' + b"x" * 900 + b'"}'
    events, beacon = decode(b'{"metrics":[' + body + b"]}", Sender(), now_us=NOW)
    assert beacon.problems == []
    message = dict(events["attributes"].to_pylist()[0])["message"]
    assert message.startswith("a�b�\U0001f600x")
    assert len(message) <= 512
    assert events["id"].to_pylist() == ["e�"]


def test_rows_of_one_beacon_are_bounded():
    body = json.dumps({"measurements": [{"type": "t", "values": {f"{i}": 1 for i in range(32)}}] * 90}).encode()
    assert len(body) <= MOST_BYTES
    events, beacon = decode(body, Sender(), now_us=NOW)
    assert len(events) <= 2032
    assert beacon.problems[0].endswith("there are more than 2,000 in one beacon")
