"""Spans received: a gzip'd OTLP request to deduplicated event columns, beside the parse alone of the same bytes, and
through a whole process: HTTP, decoding, and the inbox, until the request is acknowledged.

Requests hold 2,000 spans of five attributes each, over a few hundred routes and statuses, as instrumented services send
them. What is decoded has to be what was sent.
"""

from __future__ import annotations

import gzip
import random
import tempfile
import time
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.measuring import Figure, holds, median
from bench.receivers_at_work import ours
from nines.protocols.compression import decompressed
from nines.protocols.otlp_spans import spans

SPANS = 2_000
GOAL = 150.0
DEFINITIONS = "apiVersion: nines/v1\nkind: DataSource\nmetadata: {name: spans}\nspec: {type: otlp}\n"


def request(dice: random.Random) -> bytes:
    made = ExportTraceServiceRequest()
    group = made.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = "shop"
    scope, now = group.scope_spans.add(), time.time_ns()
    for number in range(SPANS):
        span = scope.spans.add(
            trace_id=dice.randbytes(16), span_id=dice.randbytes(8), parent_span_id=dice.randbytes(8), name="GET",
            kind=2, start_time_unix_nano=now - 10**6 * number, end_time_unix_nano=now,
        )  # fmt: skip
        texts = {
            "http.route": f"/product/{dice.randrange(200)}", "http.request.method": "GET", "url.scheme": "https",
            "server.address": "shop.example",
        }  # fmt: skip
        for key, text in texts.items():
            span.attributes.add(key=key).value.string_value = text
        span.attributes.add(key="http.response.status_code").value.int_value = dice.choice((200, 200, 200, 404, 500))
    return made.SerializeToString()


def received(dice: random.Random, requests: int) -> Figure:
    """Send requests to `nines serve` and return its spans a second of one core; the first few are not counted."""
    headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
    sent = [(gzip.compress(request(dice)), headers) for _ in range(requests)]
    early = max(1, requests // 10)
    with (
        tempfile.TemporaryDirectory() as place,
        ours(Path(place) / "house", "nines", DEFINITIONS, "receivers", "/v1/traces") as receiver,
    ):
        receiver.take(sent[:early])
        cpu, wall = receiver.cost(sent[early:], lambda: None)
        found = receiver.waiting("events")
        holds(found == requests * SPANS, f"the inbox holds {found:,} spans, not {requests * SPANS:,}")
    spans_k = (requests - early) * SPANS / 1e3
    note = (
        f"{spans_k:,.0f} k spans, {cpu / spans_k * 1e3:.1f} CPU s/M, {spans_k / wall:.0f} k spans/s over one connection"
    )
    return Figure(
        "receiving-spans", "gzip'd OTLP over HTTP until acknowledged, per core", spans_k / cpu, "k spans/s", note=note
    )


def run(*, quick: bool) -> list[Figure]:
    dice = random.Random(5)
    rounds = 5 if quick else 40
    whole = [request(dice) for _ in range(4)]
    bodies = [gzip.compress(one) for one in whole]
    table, rejected = spans(decompressed(bodies[0], "gzip"))
    sent = ExportTraceServiceRequest.FromString(whole[0]).resource_spans[0].scope_spans[0].spans
    holds(
        table.column("id").to_pylist() == [s.trace_id.hex() + s.span_id.hex() for s in sent] and not rejected.number,
        "what is decoded is not what was sent",
    )
    ours, parse = [], []
    for _ in range(rounds):
        for body in bodies:
            began = time.process_time()
            spans(decompressed(body, "gzip"))
            ours.append(time.process_time() - began)
            began = time.process_time()
            ExportTraceServiceRequest.FromString(gzip.decompress(body))
            parse.append(time.process_time() - began)
    rate = SPANS / median(ours) / 1e3
    note = f"{SPANS:,} spans of 5 attributes a request, {len(bodies[0]) / SPANS:.0f} B a span"
    return [
        Figure(
            "receiving-spans", "gzip'd OTLP request to event columns, per core", rate, "k spans/s", GOAL, ">=", note
        ),
        Figure(
            "receiving-spans", "the same bytes, unpacked and parsed alone", SPANS / median(parse) / 1e3, "k spans/s"
        ),
        received(dice, 10 if quick else 100),
    ]
