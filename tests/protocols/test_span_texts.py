"""Spans in files of JSON: OTLP with its nanoseconds, Zipkin's lists, one or many to a file."""

import json

import pytest

from nines.protocols.span_texts import NotSpansError, json_spans


def otlp(*spans, host="shop-1"):
    resource = {"attributes": [{"key": "host.name", "value": {"stringValue": host}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(spans)}]}]}


def span(own, parent="", kind=3, **more):
    times = {"startTimeUnixNano": "1700000000000000001", "endTimeUnixNano": "1700000000000000009"}
    return {"traceId": "AB", "spanId": own, "parentSpanId": parent, "kind": kind, **times, **more}


def read(value):
    return json_spans(json.dumps(value).encode())


def test_otlp_keeps_whole_nanoseconds_kinds_and_the_resources_host():
    found = read(otlp(span("0a"), span("0b", "0A", "SPAN_KIND_SERVER")))
    assert (found.spans.ids, found.spans.parents) == (["0a", "0b"], [None, "0a"])
    assert found.spans.kinds == ["client", "server"]
    assert found.spans.hosts == ["shop-1", "shop-1"]
    assert (found.spans.starts[0], found.spans.ends[0]) == (1_700_000_000_000_000_001, 1_700_000_000_000_000_009)
    assert found.blur == 0


def test_a_line_each_is_read_as_one_file():
    lines = "\n".join(json.dumps(otlp(span(own))) for own in ("0a", "0b"))
    assert json_spans(lines.encode()).spans.ids == ["0a", "0b"]


def test_zipkins_hosts_are_service_and_address_and_its_instants_are_cut():
    place = {"serviceName": "cart", "ipv4": "10.0.0.1"}
    found = read([{"traceId": "1", "id": "2", "timestamp": 5, "duration": 3, "kind": "SERVER", "localEndpoint": place}])
    assert found.spans.hosts == ["cart@10.0.0.1"]
    assert (found.spans.starts[0], found.spans.ends[0], found.blur) == (5_000, 8_000, 2_000)


@pytest.mark.parametrize(
    "wrong", [span("0a", startTimeUnixNano="soon"), span("0a", endTimeUnixNano=-1), {"kind": 3}, 7, {"kind": [1]}]
)
def test_a_span_that_cannot_be_used_is_counted_and_its_neighbours_stay(wrong):
    found = read(otlp(wrong, span("0b")))
    assert (found.spans.ids, found.left_out) == (["0b"], 1)


def test_spans_without_a_host_are_left_out():
    assert read({"resourceSpans": [{"scopeSpans": [{"spans": [span("0a")]}]}]}).left_out == 1
    assert read([{"traceId": "1", "id": "2", "timestamp": 5, "duration": 3}]).left_out == 1


@pytest.mark.parametrize("text", [b"", b"no json", b"\xff\xfe", b'{"a": 1}\nnot this'])
def test_what_is_no_json_is_refused(text):
    with pytest.raises(NotSpansError):
        json_spans(text)
