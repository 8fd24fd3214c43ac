"""Too much at once, a full disk, a read-only one: senders are asked to come back, and what was acknowledged is counted."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import httpx
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from nines.receivers.calling import RETRY_AFTER_S
from nines.worker.loop import Worker
from parts import require
from receivers.serving import served, until
from receivers.test_otlp import DEFINITIONS, SLOS, span, traces

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
NOBODY = 65534


def body(number, rows=1, padding=0):
    """Return a request of spans that were never sent before."""
    made = [span(number * 1000 + n) | {"name": "x" * padding} for n in range(rows)]
    return json.dumps(traces(*made)).encode()


def post(house, content):
    headers = house.headers | {"Content-Type": "application/json"}
    return httpx.post(f"{house.url}/v1/traces", content=content, headers=headers, timeout=60)


def call(house, number):
    """Send a span over gRPC; return the failure, or None."""
    host, port = house.running.ports.open["grpc"].address
    request = ExportTraceServiceRequest()
    one = request.resource_spans.add().scope_spans.add().spans.add(name="x", kind=2)
    one.trace_id, one.span_id = number.to_bytes(16, "big"), number.to_bytes(8, "big")
    one.end_time_unix_nano = one.start_time_unix_nano = time.time_ns()
    with grpc.insecure_channel(f"{host}:{port}") as channel:
        try:
            channel.unary_unary(EXPORT)(
                request.SerializeToString(), metadata=[("authorization", f"Bearer {house.token}")], timeout=60
            )
        except grpc.RpcError as error:
            return error
    return None


def told_to_come_back(house, number):
    """Say whether both ways in refuse for now and say when to try again."""
    answer, failure = post(house, body(number)), call(house, 10**9 + number)
    assert (answer.status_code, answer.headers.get("retry-after")) == (503, str(RETRY_AFTER_S))
    assert failure.code() == grpc.StatusCode.UNAVAILABLE
    details = dict(failure.trailing_metadata())["grpc-status-details-bin"]
    wait = RetryInfo()
    Status.FromString(details).details[0].Unpack(wait)
    assert wait.retry_delay.seconds == RETRY_AFTER_S


@contextmanager
def small_disk(megabytes):
    """Give a folder on a disk of its own, or skip."""
    with tempfile.TemporaryDirectory() as folder:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", folder]
        made = os.geteuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0
        require("a disk of our own", made, "mounting takes root")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


def stored_spans(house):
    house.total("pays")  # a flush
    relation = house.house.lake.tables.events.relation()
    return house.house.lake._ask(f"SELECT count(*) AS n FROM {relation} WHERE source = 'spans'").to_pylist()[0]["n"]


@pytest.mark.slow
def test_a_full_disk_is_told_nothing_is_half_written_and_it_recovers_alone():
    with small_disk(24) as disk, served(disk / "house", DEFINITIONS + SLOS, grpc="127.0.0.1:0") as house:
        acknowledged = 0
        for number in range(1, 4):
            acknowledged += post(house, body(number, rows=20)).status_code == 200
        fill = disk / "fill"
        with fill.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                pass
        told = next(n for n in range(10, 400) if post(house, body(n, rows=50, padding=200)).status_code == 503)
        held = {b.id for b in house.house.lake.inbox.waiting(0)}
        told_to_come_back(house, 5000)
        assert {b.id for b in house.house.lake.inbox.waiting(0)} == held
        fill.unlink()
        assert post(house, body(told, rows=50, padding=200)).status_code == 200
        assert call(house, 7) is None
        assert stored_spans(house) == acknowledged * 20 + (told - 10 + 1) * 50 + 1


def test_a_read_only_disk_is_told_and_it_recovers_alone():
    require("root", os.geteuid() == 0, "only root can become somebody with fewer rights and return")
    with tempfile.TemporaryDirectory() as folder, served(Path(folder), DEFINITIONS + SLOS, grpc="127.0.0.1:0") as house:
        for path in (Path(folder), *Path(folder).rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        assert post(house, json.dumps({}).encode()).status_code == 200  # nothing to store
        os.seteuid(NOBODY)
        try:
            told_to_come_back(house, 1)
        finally:
            os.seteuid(0)
        assert post(house, body(2)).status_code == 200
        assert call(house, 3) is None
        assert stored_spans(house) == 2


def test_bodies_that_all_requests_hold_are_bounded_and_given_back(tmp_path):
    with served(tmp_path, DEFINITIONS + SLOS) as house:
        desk = house.running.server.config.app._receivers.state.desk
        desk.room.most = 300_000
        began, end = threading.Event(), threading.Event()

        def slowly():
            yield b'{"x": "'
            yield b"a" * 200_000
            began.set()
            end.wait(30)
            yield b'"}'

        answers = []
        slow = threading.Thread(target=lambda: answers.append(post(house, slowly())))
        slow.start()
        assert began.wait(30)
        until(lambda: desk.room.held > 200_000, 30)
        refused = post(house, body(1, rows=400, padding=200))
        assert (refused.status_code, refused.headers["retry-after"]) == (503, str(RETRY_AFTER_S))
        assert refused.json()["code"] == 14
        assert post(house, body(2)).status_code == 200  # a small one still finds room
        end.set()
        slow.join(30)
        assert answers[0].status_code == 200
        until(lambda: desk.room.held == 0, 30)
        assert post(house, body(1, rows=400, padding=200)).status_code == 200


SENDER = """
import http.client, json, sys, time
host, token, file = sys.argv[1:]
headers = {"Authorization": "Bearer " + token, "Content-Type": "application/json"}
bodies, taken = open(file).read().splitlines(), 0
client, end = http.client.HTTPConnection(host, timeout=60), time.monotonic() + 6
while time.monotonic() < end:
    client.request("POST", "/v1/traces", bodies[taken % 20] + " " * (taken // 20), headers)
    answer = client.getresponse()
    answer.read()
    taken += answer.status == 200
print(taken)
"""


class Watched(Worker):
    """A worker that writes down how late each flush begins and how many it did."""

    def duties(self):
        found = super().duties()
        self.begun = []
        flush, deed = found[0], found[0].deed

        def timed(now):
            self.begun.append((datetime.now(UTC), flush.due))
            return deed(now)

        flush.deed = timed
        return found


@pytest.mark.slow
def test_the_workers_duty_keeps_its_deadline_while_senders_push_flat_out(tmp_path):
    with served(tmp_path, DEFINITIONS + SLOS) as house:
        worker = Watched(house.house)
        worker.start()
        words, senders = [sys.executable, "-S", "-c", SENDER, house.url.partition("//")[2], house.token], []
        for n in range(3):
            file = tmp_path / f"bodies-{n}"
            file.write_bytes(b"\n".join(body(1000 * n + k + 1, rows=100) for k in range(20)))
            senders.append(subprocess.Popen([*words, file], stdout=subprocess.PIPE, text=True))
        told = [process.communicate(timeout=120)[0] for process in senders]
        worker.stop()
        late = [begun - due for begun, due in worker.begun if due is not None]
    assert all(int(taken) for taken in told)
    assert late
    assert max(late) < timedelta(seconds=5), f"{[round(x.total_seconds(), 2) for x in late]}, {told}"
