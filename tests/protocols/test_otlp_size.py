"""A small body of OTLP never becomes much memory: too many items, fields or levels are refused before they are parsed."""

import subprocess
import sys

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from nines.protocols.otlp import JSON, PROTOBUF, request_of
from nines.protocols.otlp_size import MOST_ITEMS, check_size
from nines.protocols.refusal import Refused

REQUESTS = {
    "traces": ExportTraceServiceRequest, "logs": ExportLogsServiceRequest, "metrics": ExportMetricsServiceRequest,
}  # fmt: skip
MEBIBYTE = 1 << 20


def field(number, inner):
    """Return a length-delimited field."""
    length, size = len(inner), b""
    while length > 127:
        size, length = size + bytes([length & 127 | 128]), length >> 7
    return bytes([number << 3 | 2]) + size + bytes([length]) + inner


def nothing(number, size):
    """Return so many bytes of empty fields."""
    return bytes([number << 3 | 2, 0]) * (size // 2)


def hostile(name, size):
    """Return a request that is nearly all empty messages, at some depth."""
    value = field(2, field(5, nothing(1, size)))
    return {
        "groups": nothing(1, size),
        "scopes": field(1, nothing(2, size)),
        "items": field(1, field(2, nothing(2, size))),
        "attributes": field(1, field(2, field(2, nothing(9, size)))),
        "attributes of the resource": field(1, field(1, nothing(1, size))),
        "values": field(1, field(1, field(1, b"\x0a\x01k" + value))),
        "points": field(1, field(2, field(2, field(5, nothing(1, size))))),
    }[name]


@pytest.mark.parametrize("signal", REQUESTS)
@pytest.mark.parametrize("name", ["groups", "scopes", "items"])
def test_a_request_of_too_many_items_is_refused(signal, name):
    with pytest.raises(Refused, match="at most 200,000 items"):
        check_size(signal, hostile(name, MEBIBYTE))


@pytest.mark.parametrize(
    ("signal", "name"),
    [("traces", "attributes"), ("metrics", "points"), ("logs", "attributes of the resource"), ("traces", "values")],
)
def test_a_request_of_too_many_fields_is_refused(signal, name):
    with pytest.raises(Refused, match="at most 2,000,000 fields"):
        check_size(signal, hostile(name, 5 * MEBIBYTE))


def test_nesting_is_bounded_as_protobufs_own_reader_bounds_it():
    value = b"x" * (5 * MEBIBYTE)
    for _ in range(60):
        value = field(5, field(1, value))
    body = field(1, field(1, field(1, field(2, value))))
    with pytest.raises(Refused, match="100 deep"):
        check_size("logs", body)


@pytest.mark.parametrize("signal", REQUESTS)
def test_a_large_honest_request_is_taken(signal):
    made = REQUESTS[signal]()
    group = getattr(made, {"traces": "resource_spans", "logs": "resource_logs", "metrics": "resource_metrics"}[signal])
    scope = getattr(group.add(), {"traces": "scope_spans", "logs": "scope_logs", "metrics": "scope_metrics"}[signal])
    items = getattr(scope.add(), {"traces": "spans", "logs": "log_records", "metrics": "metrics"}[signal])
    for _ in range(20_000):
        item = items.add() if signal != "metrics" else items.add(name="m").sum.data_points.add()
        for number in range(5):
            item.attributes.add(key=f"key-{number}").value.string_value = "v" * 40
    body = made.SerializeToString()
    assert len(body) > 5 * MEBIBYTE
    assert request_of(signal, body, PROTOBUF) == made


def test_a_body_cut_anywhere_is_the_parsers_to_refuse():
    body = hostile("items", MEBIBYTE // 4 * 3)
    for end in (1, 2, 3, 7, 400_001):
        check_size("traces", body[:end])
    assert len(body) // 2 > MOST_ITEMS


def test_json_of_too_many_values_is_refused_before_it_is_read():
    body = b'{"resourceSpans":[' + b"{}," * 1_100_000 + b"{}]}"
    with pytest.raises(Refused, match="more than 2,000,000 values"):
        request_of("traces", body, JSON)


def test_a_name_with_half_a_surrogate_pair_is_refused():
    with pytest.raises(Refused):
        request_of("logs", b'{"resourceLogs": [{"\\ud800": 1}]}', JSON)


def test_a_number_beyond_all_numbers_is_refused():
    record = b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"severityNumber": 1e999}]}]}]}'
    with pytest.raises(Refused):
        request_of("logs", record, JSON)


MEMORY = """
import resource, sys
sys.path.insert(0, "tests")
from protocols.test_otlp_size import hostile
from nines.protocols.otlp import PROTOBUF, request_of
from nines.protocols.otlp_spans import spans
from nines.protocols.refusal import Refused
signal, name = sys.argv[1:]
body = hostile(name, 63 << 20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    spans(body) if signal == "traces" else request_of(signal, body, PROTOBUF)
except Refused:
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("signal", "name"), [("traces", "items"), ("traces", "attributes"), ("metrics", "points")])
def test_63_mebibytes_of_nothing_take_no_memory(signal, name):
    run = subprocess.run([sys.executable, "-c", MEMORY, signal, name], capture_output=True, text=True, check=True)
    assert int(run.stdout) < 64
