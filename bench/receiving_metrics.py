"""Metrics received: a compressed write request to deduplicated columns, beside plain decoding of the same bytes.

Requests are cut from one stream of series as Prometheus cuts them: 2,000 samples each, at other places in every round,
so that no table of symbols comes twice. One sample in a hundred comes twice. The peer parses whole messages and gathers
label tuples, as a receiver does that was written from the specification; the readings have to be equal.
"""

from __future__ import annotations

import gc
import struct
import time
from collections.abc import Callable, Iterator

import cramjam
from tests.protocols.sender import V1, V2, Sent, request

from bench import received_metrics as received
from bench.measuring import Figure, holds, median
from nines.protocols import statsd
from nines.protocols.remote_write import decode
from nines.telemetry.readings import Labels, Readings, SeriesBook

NOW = 1_772_323_200_000
DAY_MS = 86_400_000
BATCH, SERIES, LABELS = 2_000, 11_000, 10
GOAL = 300.0


def stream(rounds: int, begin: int = NOW) -> Iterator[list[Sent]]:
    """Give requests: rounds of all series, one sample each every 15 s from an instant on, a hundredth of them twice."""
    names = [f"label_{k}" for k in range(LABELS - 2)]
    labels = [
        sorted(
            [
                ("__name__", f"http_server_requests_{n % 40}_total"),
                ("instance", f"10.0.{n % 250}.{n // 250}:9090"),
                *((name, f"value-{name}-{(n * 7 + k) % 97}") for k, name in enumerate(names)),
            ]
        )
        for n in range(SERIES)
    ]
    waiting: list[Sent] = []
    for turn in range(rounds):
        for n, one in enumerate(labels):
            sample = Sent(one, [(float(turn * (n % 13)), begin + turn * 15_000 + n % 900, begin - DAY_MS)])
            waiting += [sample] * (2 if n % 100 == 0 else 1)
            while len(waiting) >= BATCH:
                yield waiting[:BATCH]
                waiting = waiting[BATCH:]


def plain_first(body: bytes) -> dict[tuple[Labels, int], bytes]:
    found = V1["Request"].FromString(bytes(cramjam.snappy.decompress_raw(body)))
    kept = {}
    for one in found.timeseries:
        labels = tuple((label.name, label.value) for label in one.labels)
        for sample in one.samples:
            kept[labels, sample.timestamp] = struct.pack("<d", sample.value)
    return kept


def plain_second(body: bytes) -> dict[tuple[Labels, int], bytes]:
    found = V2["Request"].FromString(bytes(cramjam.snappy.decompress_raw(body)))
    symbols = list(found.symbols)
    kept = {}
    for one in found.timeseries:
        refs = one.labels_refs
        labels = tuple((symbols[refs[i]], symbols[refs[i + 1]]) for i in range(0, len(refs), 2))
        for sample in one.samples:
            kept[labels, sample.timestamp] = struct.pack("<d", sample.value)
    return kept


def as_plain(found: Readings) -> dict[tuple[Labels, int], bytes]:
    columns = zip(found.series.tolist(), found.times.tolist(), found.values, strict=True)
    return {(found.labels[s], t): struct.pack("<d", v) for s, t, v in columns}


def rate(calls: Callable[[bytes], object], bodies: list[bytes], rounds: int) -> float:
    """Return thousands of samples per second of one core's time, the median over rounds of all bodies."""
    taken = []
    for number in range(rounds + 1):
        gc.collect()
        began = time.process_time()
        for body in bodies:
            calls(body)
        if number:
            taken.append(time.process_time() - began)
    return len(bodies) * BATCH / median(taken) / 1e3


def remote_write(version: str, rounds: int, turns: int) -> list[Figure]:
    made = [request(sent, version) for sent in stream(turns)]
    bodies, headers = [body for body, _ in made], made[0][1]
    plain = plain_first if version == "1.0" else plain_second
    book = SeriesBook(lambda _: True)

    def ours(body: bytes) -> Readings:
        return decode(body, headers, book, now_ms=NOW + turns * 15_000).readings

    began = time.process_time()
    found = [ours(body) for body in bodies[: SERIES // BATCH]]
    cold = SERIES // BATCH * BATCH / (time.process_time() - began) / 1e3
    for body, readings in zip(bodies, found, strict=False):
        holds(as_plain(readings) == plain(body), f"remote write {version} and plain decoding read something else")
    fast, slow = rate(ours, bodies, rounds), rate(plain, bodies, rounds)
    note = f"{len(bodies)} requests of {BATCH:,} samples, {LABELS} labels, {len(bodies[0]) / BATCH:.0f} B a sample"
    name = "receiving-metrics"
    return [
        Figure(name, f"remote write {version}, known series", fast, "k samples/s a core", GOAL, ">=", note),
        Figure(name, f"remote write {version}, plain decoding", slow, "k samples/s a core", note="same bytes"),
        Figure(name, f"remote write {version}, new series", cold, "k samples/s a core", note="every label set decided"),
    ]


def lines(rounds: int) -> Figure:
    datagrams = [
        "\n".join(
            f"shop.checkout.{n % 40}:{n}|ms|@0.5|#env:prod,host:h{n % 9},n:{n}" for n in range(at, at + 20)
        ).encode()
        for at in range(0, 20_000, 20)
    ]
    taken = []
    for _ in range(rounds):
        began = time.process_time()
        found = [statsd.decode(datagram, now_us=NOW * 1000) for datagram in datagrams]
        taken.append(time.process_time() - began)
    holds(sum(f.events.num_rows for f in found) == 20_000, "lines are missing")
    note = "20 lines a datagram, 3 tags"
    return Figure("receiving-metrics", "DogStatsD", 20_000 / median(taken) / 1e3, "k lines/s a core", note=note)


def run(*, quick: bool) -> list[Figure]:
    rounds, turns = (3, 2) if quick else (9, 8)
    decoded = [*remote_write("1.0", rounds, turns), *remote_write("2.0", rounds, turns), lines(rounds)]
    return [*decoded, *received.run(lambda begin: stream(10 if quick else 100, begin), 10 if quick else 100, SERIES)]
