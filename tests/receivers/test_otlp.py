"""The OpenTelemetry SDK for Python as sender, over HTTP and gRPC: what was sent is what is counted."""

import gzip
import json
import random
import time
from fractions import Fraction

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

from receivers.serving import served, until

DEFINITIONS = """
apiVersion: nines/v1
kind: DataSource
metadata: {name: spans}
spec: {type: otlp}
---
apiVersion: nines/v1
kind: DataSource
metadata: {name: metrics}
spec: {type: otlp, options: {signal: metrics}}
---
apiVersion: nines/v1
kind: DataSource
metadata: {name: logs}
spec: {type: otlp, options: {signal: logs}}
---
apiVersion: nines/v1
kind: Service
metadata: {name: shop}
spec: {}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: pays}
spec: {source: spans, where: "service = 'shop' and kind = 'server' and operation = '/pay'", good: state != 'error'}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: orders}
spec: {source: metrics, bad: 'shop_orders_total{outcome="failed"}', total: shop_orders_total}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: fast}
spec: {source: metrics, good: 'pay_duration_milliseconds_bucket{le="100"}', total: pay_duration_milliseconds_count}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: quiet}
spec: {source: logs, good: "attributes['severity'] != 'ERROR'"}
"""
SLOS = "".join(
    f"---\napiVersion: nines/v1\nkind: SLO\nmetadata: {{name: {n}}}\n"
    f"spec: {{service: shop, indicator: {n}, target: 99%, window: 1h}}\n"
    for n in ("pays", "orders", "fast", "quiet")
)
RESOURCE = Resource.create({"service.name": "shop", "service.version": "7", "host.name": "node-1"})


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with served(tmp_path_factory.mktemp("house"), DEFINITIONS + SLOS, grpc="127.0.0.1:0") as found:
        yield found


def grown(house, indicator, before):
    return tuple(b - a for a, b in zip(before, house.total(indicator), strict=True))


def exporters(house):
    host, port = house.running.ports.open["grpc"].address
    metadata = (("authorization", f"Bearer {house.token}"),)
    return {
        "http": (
            HttpSpans(f"{house.url}/v1/traces", headers=house.headers, compression=Compression.Gzip),
            lambda **more: HttpMetrics(f"{house.url}/v1/metrics", headers=house.headers, **more),
        ),
        "grpc": (
            GrpcSpans(f"http://{host}:{port}", headers=metadata, insecure=True),
            lambda **more: GrpcMetrics(f"http://{host}:{port}", headers=metadata, insecure=True, **more),
        ),
    }


@pytest.mark.parametrize("way", ["http", "grpc"])
def test_every_span_of_the_sdk_is_counted_once(house, way):
    before = house.total("pays")
    provider = TracerProvider(resource=RESOURCE)
    provider.add_span_processor(BatchSpanProcessor(exporters(house)[way][0], max_export_batch_size=64))
    tracer = provider.get_tracer("test")
    for number in range(300):
        with tracer.start_as_current_span("POST", kind=SpanKind.SERVER, attributes={"http.route": "/pay"}) as span:
            with tracer.start_as_current_span("db", kind=SpanKind.CLIENT):
                pass
            if number % 10 == 0:
                span.set_status(Status(StatusCode.ERROR, "no"))
    provider.shutdown()
    assert grown(house, "pays", before) == (270, 30, 0)
    rows = house.house.lake._ask(
        f"SELECT host, version, parent, trace, id FROM {house.house.lake.tables.events.relation()} "
        "WHERE source = 'spans' AND kind = 'client'"
    ).to_pylist()
    assert {(r["host"], r["version"]) for r in rows} == {("node-1", "7")}
    assert all(r["parent"][:32] == r["trace"] == r["id"][:32] for r in rows)


@pytest.mark.parametrize("way", ["http", "grpc"])
@pytest.mark.parametrize("temporality", [AggregationTemporality.CUMULATIVE, AggregationTemporality.DELTA])
def test_counters_and_histograms_of_the_sdk_count_what_was_added(house, way, temporality):
    before = {name: house.total(name) for name in ("orders", "fast")}
    preferred = {Counter: temporality, Histogram: temporality}
    exporter = exporters(house)[way][1](preferred_temporality=preferred)
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    instance = {"service.instance.id": f"{way}-{temporality.name}"}
    provider = MeterProvider([reader], resource=RESOURCE.merge(Resource(instance)))
    meter = provider.get_meter("test")
    orders = meter.create_counter("shop.orders", unit="{order}")
    durations = meter.create_histogram("pay.duration", unit="ms")
    for turn in range(3):
        orders.add(40, {"outcome": "ok"})
        orders.add(2 + turn, {"outcome": "failed"})
        for value in (20, 80, 100, 250):
            durations.record(value)
        provider.force_flush()
        time.sleep(0.05)
    provider.shutdown()
    assert grown(house, "orders", before["orders"]) == (120, 9, 0)
    assert grown(house, "fast", before["fast"]) == (9, 3, 0)


def span(number, *, trace=None, state="", status=1, seconds=0):
    now = time.time_ns() - seconds * 10**9
    return {
        "traceId": trace or f"{number:032x}", "spanId": f"{number + 1:016X}", "name": "x", "kind": 2,
        "startTimeUnixNano": str(now - 10**6), "endTimeUnixNano": str(now), "traceState": state,
        "attributes": [{"key": "http.route", "value": {"stringValue": "/pay"}}], "status": {"code": status},
        "unknownField": {"a": 1},
    }  # fmt: skip


def traces(*spans):
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(spans)}]}]}


def post(house, body, path="traces", **headers):
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    whole = house.headers | {"Content-Type": "application/json"} | headers
    return httpx.post(f"{house.url}/v1/{path}", content=text, headers=whole)


def test_json_is_read_as_protobuf_is_and_a_retry_counts_once(house):
    before = house.total("pays")
    body = json.dumps(traces(span(10_001), span(10_002, status=2))).encode()
    for _ in range(3):
        answer = post(house, gzip.compress(body), **{"Content-Encoding": "gzip"})
        assert (answer.status_code, answer.json()) == (200, {})
    assert post(house, traces(span(10_002, status=2), span(10_003))).status_code == 200
    assert grown(house, "pays", before) == (2, 1, 0) or grown(house, "pays", before) == (2, 2, 0)


def test_what_cannot_be_used_is_refused_alone(house):
    before = house.total("pays")
    bad = span(10_011) | {"spanId": "ab"}
    late = span(10_012) | {"endTimeUnixNano": "1", "startTimeUnixNano": "2"}
    answer = post(house, traces(bad, span(10_013), late)).json()
    assert answer["partialSuccess"]["rejectedSpans"] == "2"
    assert "identities" in answer["partialSuccess"]["errorMessage"]
    assert grown(house, "pays", before) == (1, 0, 0)


def test_the_threshold_in_the_tracestate_is_the_weight(house):
    before = house.series("pays")
    high = "f" * 32  # randomness beyond any threshold
    kept = [span(20_000 + n, trace=high, state="ot=th:c") | {"spanId": f"{n + 1:016x}"} for n in range(5)]
    wrong = span(20_100, trace="1" * 18 + "0" * 14, state="ot=th:c")
    told = post(house, traces(*kept, wrong)).json()["partialSuccess"]["errorMessage"]
    assert "sampling cannot be believed" in told
    series = house.series("pays")
    weights = {s.weight: int(s.good.sum()) for s in series.strata}
    assert weights[Fraction(4)] == 5  # T = 0xc0..0: one in four is kept
    assert None in weights  # nobody said
    assert series.scale == before.scale == 1


def test_logs_are_events_without_identity(house):
    before = house.total("quiet")
    record = {"timeUnixNano": str(time.time_ns()), "severityText": "ERROR", "body": {"stringValue": "lost"}}
    body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record, record | {"severityText": "INFO"}]}]}]}
    assert post(house, body, "logs").status_code == 200
    assert grown(house, "quiet", before) == (1, 1, 0)


def test_failures_are_told_in_the_senders_own_encoding(house):
    assert post(house, b"{").json()["code"] == 3
    assert post(house, b"{}", **{"Content-Type": "text/html"}).status_code == 415
    nobody = httpx.post(f"{house.url}/v1/traces", content=b"", headers={"Content-Type": "application/x-protobuf"})
    assert nobody.status_code == 401
    empty = httpx.post(
        f"{house.url}/v1/traces", content=b"", headers=house.headers | {"Content-Type": "application/x-protobuf"}
    )
    assert (empty.status_code, ExportTraceServiceResponse.FromString(empty.content)) == (
        200,
        ExportTraceServiceResponse(),
    )


@pytest.mark.parametrize("path", ["traces", "metrics", "logs"])
def test_bytes_of_any_kind_are_answered_and_never_crash(house, path):
    dice = random.Random(7)
    valid = ExportTraceServiceRequest() if path == "traces" else ExportLogsServiceRequest()
    for _ in range(150):
        body = bytes(dice.randrange(256) for _ in range(dice.randrange(200))) or valid.SerializeToString()
        kind = dice.choice(["application/json", "application/x-protobuf"])
        assert post(house, body, path, **{"Content-Type": kind}).status_code in {200, 400}
    deep = b'{"resourceSpans":' + b"[" * 5000 + b"]" * 5000 + b"}"
    assert post(house, deep, path).status_code == 400
    until(lambda: httpx.get(f"{house.url}/readyz").status_code == 200, 10)
