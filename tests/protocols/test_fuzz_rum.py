"""Whatever bytes come, a beacon gives rows that can be stored or is refused; and what is sent well is what is read."""

import io
import json
import math
from fractions import Fraction
from urllib.parse import quote, urlencode

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nines.protocols import push
from nines.protocols.refusal import Refused
from nines.protocols.rum import MOST_BYTES, VITALS, Routes, Sender, decode, decode_many

NOW = 1_772_323_200_000_000
FUZZ = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
SENDER = Sender("Mozilla/5.0 (iPhone) Mobile", routes=Routes.of("/a/{id}"))
KEYS = st.sampled_from([
    "name", "value", "id", "navigationType", "navigationURL", "rating", "rate", "kind", "state", "status", "metrics",
    "page", "url", "route", "session", "app", "version", "sent", "webdriver", "meta", "measurements", "events",
    "exceptions", "logs", "traces", "type", "values", "context", "lcp", "cls", "timestamp", "trace", "trace_id", "k6",
    "isK6Browser", "resourceSpans", "scopeSpans", "spans", "traceId", "spanId", "startTimeUnixNano", "endTimeUnixNano",
    "attributes", "key", "intValue", "message", "stacktrace", "frames", "lineno", "code", "browser", "userAgent",
])  # fmt: skip
WORDS = st.sampled_from([
    "LCP", "CLS", "TTFB", "load", "error", "fetch", "ok", "soft-navigation", "web-vitals", "v6-1772323199000-1",
    "https://a.example/a/1?x", "https://[", "/a/1", "true", "2031-01-01T00:00:00Z", "17", "",
])  # fmt: skip
LEAF = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), WORDS, st.text(max_size=20),
    st.text(st.characters(categories=["Cs", "Cc", "Lo"]), max_size=5),
)  # fmt: skip
ANY = st.recursive(
    LEAF, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=7)), max_leaves=25
)
VALUE = st.one_of(st.floats(0, 86_400_000), st.integers(0, 86_400_000))
METRIC = st.fixed_dictionaries(
    {"name": st.sampled_from(sorted(VITALS)), "value": VALUE, "id": st.sampled_from(["a", "b", "c", "d", "e"])},
    optional={"navigationType": st.sampled_from(["navigate", "reload"]), "delta": ANY, "entries": ANY,
              "rate": st.sampled_from([1, 0.5, 0.3, 0.001])},
)  # fmt: skip


def tried(call, *args, **more):
    """Return what a call gives, or its refusal; anything else that is raised fails."""
    try:
        return call(*args, **more), None
    except Refused as refused:
        return None, refused


def check(body, sender=SENDER):
    """Decode, and hold the outcome to what must be so of any."""
    found, refused = tried(decode, body, sender, now_us=NOW)
    if refused is not None:
        assert refused.status == 400
        assert refused.message.isprintable()
        return None
    events, beacon = found
    events.validate(full=True)
    pq.write_table(events, io.BytesIO())
    assert beacon.status in {202, 204, 400}
    assert len(events) <= beacon.taken
    assert len(beacon.problems) == min(beacon.refused, 6)
    assert all(len(p) < 300 for p in [*beacon.problems, *beacon.notes])
    ids = [i for i in events["id"].to_pylist() if i is not None]
    assert len(ids) == len(set(ids))
    for row in events.to_pylist():
        assert row["time"].timestamp() * 1e6 == NOW
        assert all(v is None or math.isfinite(v) for v in (row["value"], row["duration_ms"], row["weight"]))
        assert row["duration_ms"] is None or 0 <= row["duration_ms"] <= 86_400_000
        assert row["weight"] is None or row["weight_num"] >= row["weight_den"] > 0
        attributes = dict(row["attributes"])
        assert len(attributes) == len(row["attributes"])
        assert all(attributes.values())
        assert (row["id"] is not None) == (attributes.get("replaces") == "true")
    return events, beacon


@given(st.binary(max_size=300))
@FUZZ
def test_any_bytes_give_rows_or_a_refusal(body):
    check(body)


@given(ANY)
@FUZZ
def test_any_json_gives_rows_or_a_refusal(value):
    check(json.dumps(value).encode())


@given(st.lists(ANY, max_size=6), st.dictionaries(KEYS, ANY, max_size=4))
@FUZZ
def test_any_envelope_gives_rows_or_a_refusal(entries, more):
    check(json.dumps(more | {"metrics": entries}).encode())


@given(
    ANY, st.dictionaries(st.sampled_from(["measurements", "events", "exceptions", "logs", "traces"]), ANY),
    st.lists(st.dictionaries(KEYS, ANY, max_size=6), max_size=3),
)  # fmt: skip
@FUZZ
def test_any_body_like_faros_gives_rows_or_a_refusal(meta, parts, spans):
    traces = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
    check(json.dumps({"meta": meta, "traces": traces, **parts}).encode())


@given(st.dictionaries(
    st.sampled_from(["u", "t_done", "rt.si", "rt.end", "rt.quit", "rt.abld", "early", "http.initiator", "http.errno",
                     "pid", "n", "t_resp", "pt.lcp", "pgu"]),
    st.one_of(WORDS, st.sampled_from(["xhr", "spa", "120", "12.5", "-1"]), st.text(st.characters(codec="utf-8"), max_size=9)),
))  # fmt: skip
@FUZZ
def test_any_form_gives_rows_or_a_refusal(fields):
    check(urlencode(fields).encode())


@given(st.data())
@FUZZ
def test_a_good_beacon_with_bytes_changed_gives_rows_or_a_refusal(data):
    good = bytearray(json.dumps({"metrics": [{"name": "LCP", "value": 1.5, "id": "v6-1-1"}] * 2, "rate": 0.5}).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    check(bytes(good))


@given(st.lists(METRIC, max_size=12), st.lists(st.tuples(st.integers(0, 12), ANY), max_size=3))
@FUZZ
def test_well_formed_metrics_come_through_whatever_stands_between_them(metrics, strangers):
    mixed = list(metrics)
    for at, stranger in strangers:
        if not isinstance(stranger, dict):
            mixed.insert(at, stranger)
    found = check(json.dumps({"metrics": mixed}).encode())
    assert found is not None
    events, beacon = found
    last = {m["id"]: m for m in metrics}
    assert beacon.taken == len(metrics)
    rows = {row["id"]: row for row in events.to_pylist()}
    assert {i: row["value"] for i, row in rows.items()} == {i: m["value"] for i, m in last.items()}
    for name, m in last.items():
        attributes = dict(rows[name]["attributes"])
        assert attributes["rating"] == VITALS[m["name"]].rating(m["value"])
        weight = (rows[name]["weight_num"], rows[name]["weight_den"])
        exact = 1 / Fraction(str(m["rate"])) if "rate" in m else None
        assert weight == ((None, None) if exact is None else (exact.numerator, exact.denominator))


@given(st.lists(st.one_of(METRIC.map(lambda m: json.dumps(m).encode()), st.binary(max_size=40)), max_size=8))
@FUZZ
def test_beacons_read_together_are_what_they_are_one_by_one(bodies):
    together, found = decode_many([(body, SENDER) for body in bodies], now_us=NOW)
    assert len(found) == len(bodies)
    alone = {}
    for body, was in zip(bodies, found, strict=True):
        one, refused = tried(decode, body, SENDER, now_us=NOW)
        if refused is not None:
            assert (type(was), was.message) == (Refused, refused.message)
            continue
        events, beacon = one
        assert was == beacon
        alone |= {row["id"]: row for row in events.to_pylist()}
    assert {row["id"]: row for row in together.to_pylist()} == alone


@pytest.mark.parametrize("body", [
    b'{"measurements":[' + b",".join([b'{"type":"t","values":{' + b",".join(b'"%d":1' % i for i in range(32)) + b"}}"] * 200)
    + b'],"meta":{"page":{"url":"https://a.example/' + b"x" * 2000 + b'"},"session":{"id":"' + b"s" * 500 + b'"}}}',
    b'{"metrics":[' + b",".join(b'{"name":"A","value":1,"id":"%x"}' % i for i in range(1800)) + b'],"session":"'
    + b"s" * 2000 + b'","page":{"url":"https://a.example/' + b"x" * 2000 + b'"}}',
    b'{"logs":[' + b",".join([b'{"message":"m"}'] * 3500) + b'],"meta":{"page":{"url":"https://a.example/' + b"x" * 2000 + b'"}}}',
])  # fmt: skip
def test_a_small_beacon_cannot_become_a_large_table(body):
    assert len(body) <= MOST_BYTES
    found = check(body)
    assert found is not None
    assert found[0].nbytes < 6_000_000


@given(st.text(st.characters(), max_size=60), st.text(st.characters(), max_size=20), st.binary(max_size=60))
@FUZZ
def test_any_push_gives_one_row_or_a_refusal(text, key, body):
    encoded = quote(text.encode("utf-8", "replace"))
    queries = (
        text,
        f"success=true&duration={encoded}",
        f"success=false&error={encoded}",
        f"ping={encoded}",
        f"msg={encoded}",
    )
    for query in queries:
        for call, more in ((push.gatus, {"body": body}), (push.kuma, {})):
            row, refused = tried(call, key, query, now_us=NOW, **more)
            if refused is not None:
                assert refused.status == 400
                assert refused.message.encode()
                assert json.loads(push.kuma_answer(refused)[1])["msg"] == refused.message
                continue
            row.validate(full=True)
            assert len(row) == 1
            assert row["state"].to_pylist()[0] in {"up", "down"}
            took = row["duration_ms"].to_pylist()[0]
            assert took is None or 0 <= took <= 86_400_000
