import json

from nines.protocols.rum import Sender, decode

NOW = 1_772_323_200_000_000
META = {
    "sdk": {"name": "faro-core", "version": "2.12.1"}, "app": {"name": "shop", "version": "4.2.0"},
    "session": {"id": "iKk1oQ8rYt", "attributes": {}}, "page": {"url": "https://shop.example/cart?secret=1"},
    "browser": {"name": "Chrome", "mobile": False},
}  # fmt: skip
STAMP = "2031-01-01T00:00:00.000Z"


def read(body, sender=None):
    events, beacon = decode(json.dumps(body).encode(), sender or Sender(), now_us=NOW)
    return [row | {"attributes": dict(row["attributes"])} for row in events.to_pylist()], beacon


def lcp(**context):
    values = {"lcp": 1234.5, "delta": 1234.5, "element_render_delay": 12.5, "time_to_first_byte": 300}
    context = {"id": "v6-1772323199000-1", "rating": "good", "navigation_type": "reload"} | context
    trace = {"trace_id": "a" * 32, "span_id": "b" * 16}
    return {"type": "web-vitals", "values": values, "context": context, "timestamp": STAMP, "trace": trace}


def test_every_value_of_a_measurement_is_named_except_what_repeats_it():
    rows, beacon = read({"meta": META, "measurements": [lcp()]})
    assert (beacon.form, beacon.status, beacon.taken) == ("faro", 202, 3)
    assert [(r["attributes"]["rum"], r["attributes"]["metric"], r["value"]) for r in rows] == [
        ("vital", "LCP", 1234.5), ("measure", "element_render_delay", 12.5), ("measure", "time_to_first_byte", 300.0),
    ]  # fmt: skip
    assert [r["id"] for r in rows] == [
        "v6-1772323199000-1", "v6-1772323199000-1/element_render_delay", "v6-1772323199000-1/time_to_first_byte",
    ]  # fmt: skip
    assert rows[0]["attributes"]["navigation_type"] == "reload"


def test_meta_says_who_and_where_and_the_browsers_clock_says_nothing():
    (row, *_), _ = read({"meta": META, "measurements": [lcp()]})
    assert (row["session"], row["service"], row["version"]) == ("iKk1oQ8rYt", "shop", "4.2.0")
    assert (row["operation"], row["attributes"]["page"]) == ("/cart", "https://shop.example/cart")
    assert row["time"].timestamp() * 1e6 == NOW
    assert row["attributes"]["client_time"] == STAMP
    assert (row["weight_num"], row["trace"]) == (None, "a" * 32)


def test_browsers_driven_by_k6_are_marked():
    for said, expected in ((True, "true"), (False, None), ("true", "true"), ([], None)):
        (row, *_), _ = read({"meta": META | {"k6": {"isK6Browser": said}}, "measurements": [lcp()]})
        assert row["attributes"].get("synthetic") == expected


def test_exceptions_are_errors_and_events_and_logs_are_rows():
    frames = [{"filename": "https://shop.example/app.js", "function": "pay", "lineno": 7, "colno": 3}]
    rows, beacon = read({
        "meta": META,
        "exceptions": [{"type": "TypeError", "value": "x is undefined", "timestamp": STAMP, "context": {"cart": "9"},
                        "stacktrace": {"frames": frames}}],
        "events": [{"name": "checkout", "domain": "browser", "attributes": {"step": "2"}, "timestamp": STAMP}],
        "logs": [{"message": "slow", "level": "warn", "timestamp": STAMP, "context": {}},
                 {"message": "broken", "level": "error", "timestamp": STAMP}],
    })  # fmt: skip
    assert beacon.problems == []
    found = {r["attributes"].get("message") or r["attributes"]["event"]: r for r in rows}
    error = found["x is undefined"]
    assert (error["state"], error["attributes"]["type"], error["attributes"]["cart"]) == ("error", "TypeError", "9")
    assert error["attributes"]["source"] == "https://shop.example/app.js:7"
    assert (found["checkout"]["state"], found["checkout"]["attributes"]["step"]) == (None, "2")
    assert (found["slow"]["state"], found["broken"]["state"]) == (None, "error")
    assert [r["id"] for r in rows] == [None] * 4


def test_spans_give_durations_though_their_clock_is_wrong():
    span = {
        "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "parentSpanId": "c" * 16, "kind": 3,
        "name": "HTTP GET", "startTimeUnixNano": "4102444800000000000", "endTimeUnixNano": "4102444800250500000",
        "status": {"code": 2}, "attributes": [{"key": "http.status_code", "value": {"intValue": 503}}],
    }  # fmt: skip
    (row,), beacon = read({"meta": META, "traces": {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}})
    assert beacon.problems == []
    assert (row["duration_ms"], row["http_status"], row["state"], row["kind"]) == (250.5, 503, "error", "client")
    assert (row["trace"], row["parent"]) == (span["traceId"], "c" * 16)
    assert row["id"] == f"{span['traceId']}/{span['spanId']}"
    assert row["time"].timestamp() * 1e6 == NOW


def test_custom_measurements_name_each_value():
    rows, _ = read({"meta": META, "measurements": [{"type": "cart", "values": {"items": 3, "total": 12.5}}]})
    assert [(r["attributes"]["type"], r["attributes"]["metric"], r["value"]) for r in rows] == [
        ("cart", "items", 3.0), ("cart", "total", 12.5),
    ]  # fmt: skip


def test_malformed_entries_are_refused_alone_and_named_by_their_part():
    end = {"startTimeUnixNano": "5", "endTimeUnixNano": "4", "traceId": "a", "spanId": "b"}
    spans = {"resourceSpans": [{"scopeSpans": [{"spans": [end]}]}]}
    rows, beacon = read({
        "meta": META, "measurements": [lcp(), {"type": "web-vitals", "values": {"lcp": 1}}, {"values": {}}],
        "exceptions": [{}], "events": {"name": "x"}, "traces": spans,
    })  # fmt: skip
    assert len(rows) == 4
    assert beacon.problems == [
        "measurements 2: it has no id of up to 128 characters", "measurements 3: it has no type or no values",
        "exceptions 5: it is no object", "traces 6: its duration -1e-06 cannot be",
    ]  # fmt: skip


def test_meta_of_the_wrong_shape_loses_only_what_it_would_have_said():
    for meta in (None, [], 7, {"session": [], "app": "x", "page": None, "k6": 1, "browser": {"userAgent": 9}}):
        rows, beacon = read({"meta": meta, "measurements": [lcp()]})
        assert (len(rows), beacon.refused, rows[0]["session"]) == (3, 0, None)


def test_the_user_agent_in_meta_stands_in_for_a_missing_header():
    meta = META | {"browser": {"userAgent": "Mozilla/5.0 (iPhone) Mobile/15E148"}}
    (row, *_), _ = read({"meta": meta, "measurements": [lcp()]})
    assert row["attributes"]["device"] == "mobile"
