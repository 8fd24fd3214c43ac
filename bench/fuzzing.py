"""Every decoder fed with damaged and made-up bytes for a while: it decodes or refuses, and memory stays bounded.

Bodies begin as ones that senders really send; bytes are changed, taken out, repeated and cut, and lengths are blown up.
Ten minutes at full scale, shared by all decoders. Whatever is raised but a refusal is a finding, told with its seed.
"""

from __future__ import annotations

import gzip
import json
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime

import cramjam
import pyarrow as pa
from tests.protocols.sender import first, second, series

from bench.measuring import Figure, anonymous_bytes
from nines.lake.inbox import packed
from nines.protocols import arrow_batch, exposition, otlp, rum, statsd
from nines.protocols import push as pushed
from nines.protocols.compression import decompressed
from nines.protocols.otlp_logs import records
from nines.protocols.otlp_metrics import readings_of
from nines.protocols.otlp_spans import spans
from nines.protocols.refusal import Refused
from nines.protocols.remote_write import FIRST_MESSAGE, SECOND_MESSAGE, decode
from nines.protocols.rum_sender import Sender
from nines.telemetry.readings import SeriesBook

NOW_MS = 1_772_323_200_000
NOW_US = NOW_MS * 1000
#: Anonymous memory that no decoder may leave this process with.
MOST_MEMORY = 1.5
JSON_SPANS = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{
    "traceId": "0" * 31 + "1", "spanId": "0" * 15 + "2", "name": "GET", "kind": 2, "traceState": "ot=th:8",
    "startTimeUnixNano": str(NOW_MS * 10**6), "endTimeUnixNano": str(NOW_MS * 10**6 + 5),
    "attributes": [{"key": "http.route", "value": {"stringValue": "/pay"}}],
}]}]}]}).encode()  # fmt: skip
JSON_LOGS = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [
    {"timeUnixNano": str(NOW_MS * 10**6), "body": {"kvlistValue": {"values": [{"key": "a", "value": {"intValue": 1}}]}}}
]}]}]}).encode()  # fmt: skip
JSON_METRICS = json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
    {"name": "a", "sum": {"aggregationTemporality": 2, "isMonotonic": True, "dataPoints": [
        {"timeUnixNano": str(NOW_MS * 10**6), "asInt": "5"}]}},
    {"name": "b", "histogram": {"aggregationTemporality": 1, "dataPoints": [
        {"timeUnixNano": str(NOW_MS * 10**6), "count": "3", "sum": 2.5, "bucketCounts": ["1", "2"],
         "explicitBounds": [1.0]}]}},
]}]}]}).encode()  # fmt: skip
VITAL = json.dumps([{"name": "LCP", "value": 1200, "id": "v6-1772323199000-1", "navigationType": "navigate"}]).encode()
INSTANTS = pa.array([datetime.now(UTC)] * 3, pa.timestamp("us", tz="UTC"))
BATCH = packed(pa.table({"time": INSTANTS, "http_status": [1, 2, 3]}))
SERIES = [series("up", 1.0, NOW_MS, job="a"), series("up", 0.0, NOW_MS, job="b")]


def book() -> SeriesBook:
    return SeriesBook(lambda _: True)


def written(message: str) -> Callable[[bytes], object]:
    """Return what takes a message of remote write, packed once it is damaged."""
    headers = {"content-type": f"application/x-protobuf;proto={message}"}
    return lambda body: decode(bytes(cramjam.snappy.compress_raw(body)), headers, book(), now_ms=NOW_MS)


def query(body: bytes) -> str:
    """Return bytes as a server hands out a query."""
    return body.decode("latin-1")


PACKINGS: dict[str, Callable[[bytes], object]] = {
    "gzip": gzip.compress, "zstd": cramjam.zstd.compress, "snappy": cramjam.snappy.compress_raw,
}  # fmt: skip


def told(signal: otlp.Signal, kind: str) -> Callable[[bytes], object]:
    """Return what takes a request of OTLP."""

    def take(body: bytes) -> object:
        if signal == "traces":
            return spans(otlp.as_protobuf(signal, body, kind))
        message = otlp.request_of(signal, body, kind)
        return records(message, 1) if signal == "logs" else readings_of(message, book(), now_ms=NOW_MS)

    return take


def decoders() -> dict[str, tuple[bytes, Callable[[bytes], object]]]:
    """Return each decoder with a body it takes."""
    found: dict[str, tuple[bytes, Callable[[bytes], object]]] = {
        "remote write 1.0": (first(SERIES), written(FIRST_MESSAGE)),
        "remote write 2.0": (second(SERIES), written(SECOND_MESSAGE)),
        "StatsD": (
            b"shop.pay:20:30|ms|@0.3|#env:prod\nshop.orders:4|c",
            lambda b: statsd.decode(b, now_us=NOW_US),
        ),
        "beacons": (VITAL, lambda b: rum.decode(b, Sender("Mozilla/5.0"), now_us=NOW_US)),
        "Gatus": (
            b"success=true&duration=12ms&error=x",
            lambda b: pushed.gatus("a_b", query(b), b, now_us=1),
        ),
        "Uptime Kuma": (b"status=up&ping=12&msg=x", lambda b: pushed.kuma("a", query(b), now_us=1)),
        "Arrow": (BATCH, lambda b: arrow_batch.decode(b, "events")),
        "expositions": (b'# TYPE a_total counter\na_total{x="1"} 5\n', lambda b: exposition.parse(b, now_ms=NOW_MS)),
    }
    for name, pack in PACKINGS.items():
        found[name] = (bytes(pack(JSON_SPANS * 3)), lambda b, name=name: decompressed(b, name, limit=1 << 20))
    for signal, text in (("traces", JSON_SPANS), ("logs", JSON_LOGS), ("metrics", JSON_METRICS)):
        found[f"OTLP {signal}, JSON"] = (text, told(signal, otlp.JSON))
        plain = otlp.as_protobuf(signal, text, otlp.JSON)
        found[f"OTLP {signal}, protobuf"] = (plain, told(signal, otlp.PROTOBUF))
    return found


def damaged(body: bytes, dice: random.Random) -> bytes:
    """Return a body with a few things wrong."""
    made = bytearray(body if dice.random() < 0.95 else dice.randbytes(dice.randrange(200)))
    for _ in range(dice.randint(1, 5)):
        at = dice.randrange(len(made) + 1)
        end = min(len(made), at + dice.randint(1, 12))
        deed = dice.randrange(5)
        if deed == 0 and at < len(made):
            made[at] = dice.randrange(256)
        elif deed == 1:
            del made[at:end]
        elif deed == 2:
            made[at:at] = made[at:end] * dice.choice((1, 2, 300))
        elif deed == 3:
            made[at:at] = dice.choice((b"\xff" * 9 + b"\x01", b"\x80", b"\0", b"[" * 300, b"1e999", b"\xed\xa0\x80"))
        else:
            made[at:end] = dice.randbytes(dice.randint(1, 6))
    return bytes(made)


def fuzz(seconds: float, seed: int) -> tuple[dict[str, int], list[str]]:
    """Feed every decoder for its share of a time; return how many bodies each saw, and what was found."""
    seen, findings = {}, []
    found = decoders()
    for name, (body, take) in found.items():
        take(body)  # what is not damaged is taken
        dice, ends, seen[name] = random.Random(seed), time.monotonic() + seconds / len(found), 0
        while time.monotonic() < ends:
            seen[name] += 1
            try:
                take(damaged(body, dice))
            except Refused:
                continue
            except Exception as error:  # noqa: BLE001 - that is what is looked for
                findings.append(f"{name}, seed {seed}, body {seen[name]}: {error!r}")
    return seen, findings


def run(*, quick: bool) -> list[Figure]:
    """Fuzz for ten minutes, or twenty seconds."""
    before, seed = anonymous_bytes(), int(time.time())
    seen, findings = fuzz(20 if quick else 600, seed)
    for finding in findings[:20]:
        print(f"  wrong: {finding}", flush=True)
    note = f"{sum(seen.values()):,} bodies, {len(seen)} decoders, least {min(seen.values()):,} of one"
    grown = (anonymous_bytes() - before) / 1024**3
    return [
        Figure("fuzzing", "neither decoded nor refused", len(findings), "findings", 0, "<=", note),
        Figure("fuzzing", "memory grown by", grown, "GiB", MOST_MEMORY, "<="),
    ]
