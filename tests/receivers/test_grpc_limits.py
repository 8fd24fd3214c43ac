"""What gRPC may hold: messages of a size, few at a time, and together with HTTP no more than there is room for."""

import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from nines.receivers.grpc_server import MOST_BYTES, WORKERS
from receivers.serving import served, until
from receivers.test_otlp import DEFINITIONS, SLOS

SPANS = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
METRICS = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with served(tmp_path_factory.mktemp("house"), DEFINITIONS + SLOS, grpc="127.0.0.1:0") as found:
        yield found


@pytest.fixture
def send(house):
    """Return what sends a message and tells the code of the answer; all of a test over one connection."""
    host, port = house.running.ports.open["grpc"].address
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(f"{host}:{port}", options=options) as channel:

        def call(message, method=SPANS, compression=grpc.Compression.NoCompression):
            sent = [("authorization", f"Bearer {house.token}")]
            try:
                channel.unary_unary(method)(message, metadata=sent, compression=compression, timeout=60)
            except grpc.RpcError as error:
                return error.code()
            return grpc.StatusCode.OK

        yield call


def desk_of(house):
    return house.running.server.config.app._receivers.state.desk


def padded(size):
    """Return a request of no spans that has nearly so many bytes: one text that says nothing."""
    made = ExportTraceServiceRequest()
    made.resource_spans.add(schema_url=" " * size)
    return made.SerializeToString()


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_a_message_over_the_limit_is_refused_packed_or_not_and_the_next_is_taken(send, compression):
    assert send(padded(MOST_BYTES), compression=compression) == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert send(padded(100), compression=compression) == grpc.StatusCode.OK


def test_a_packed_message_of_too_many_spans_is_refused_before_it_is_parsed(send):
    empty = ExportTraceServiceRequest()
    scope = empty.resource_spans.add().scope_spans.add()
    scope.spans.extend([type(scope).DESCRIPTOR.fields_by_name["spans"].message_type._concrete_class()] * 300_000)
    told = send(empty.SerializeToString(), compression=grpc.Compression.Gzip)
    assert told == grpc.StatusCode.INVALID_ARGUMENT


def test_a_message_that_finds_no_room_is_told_to_come_back_and_nothing_stays_held(house, send):
    room = desk_of(house).room
    with room.holding(room.most - 1000):
        assert send(padded(2000)) == grpc.StatusCode.UNAVAILABLE
        assert send(padded(100)) == grpc.StatusCode.OK
    assert send(padded(2000)) == grpc.StatusCode.OK
    assert room.held == 0


def test_no_more_messages_are_held_than_are_worked_on(house, send):
    made = ExportMetricsServiceRequest()
    made.resource_metrics.add(schema_url=" " * 100_000)
    body, desk = made.SerializeToString(), desk_of(house)
    most, over = [], threading.Event()
    with ThreadPoolExecutor(3 * WORKERS) as senders:
        with desk.intake.lock("default"):  # the metrics of a tenant are looked at one request at a time
            sent = [senders.submit(send, body, METRICS) for _ in range(3 * WORKERS)]
            until(lambda: desk.room.held == WORKERS * len(body), 30)
            over.wait(0.3)
            most.append(desk.room.held)
        assert {one.result(60) for one in sent} == {grpc.StatusCode.OK}
    assert most == [WORKERS * len(body)]
    assert desk.room.held == 0
