"""Remote write into whole processes: ours, Debian's Prometheus and VictoriaMetrics get the same requests in turn.

Each begins empty, gets the first round (every series new) and then all others, over one connection. CPU is that of the
receiving process from the first request until six seconds after the last, so that what it puts off counts too. Ours
stands there twice: until a batch is acknowledged, and until it is counted for every indicator.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from tests.protocols.sender import Sent, request

from bench.measuring import Figure, holds
from bench.receivers_at_work import Receiver, ours, prometheus, victoria
from bench.receivers_at_work import Sent as Request

NAME, PATH = "receiving-metrics", "/api/v1/write"
LINGER_S = 6
#: Goal of remote write: CPU seconds a million samples, which is 300,000 a second of one core.
GOAL = 1e6 / 300e3
METRICS = 40
DEFINITIONS = """apiVersion: nines/v1
kind: DataSource
metadata: {name: metrics}
spec: {type: remote-write}
""" + "".join(
    "---\napiVersion: nines/v1\nkind: SLI\n"
    f"metadata: {{name: requests-{n}}}\n"
    f"spec: {{source: metrics, bad: 'http_server_requests_{n}_total{{label_0=~\"value-label_0-1.*\"}}', "
    f"total: http_server_requests_{n}_total}}\n"
    for n in range(METRICS)
)


@dataclass
class Stream:
    """Requests of both versions, and what they hold.

    Attributes:
        samples: sent.
        rows: sent, without those that come twice in one request.
        distinct: without any that comes twice.
        first: requests of the first round.
    """

    requests: dict[str, list[Request]] = field(default_factory=lambda: {"1.0": [], "2.0": []})
    samples: int = 0
    rows: int = 0
    distinct: int = 0
    first: int = 0

    @classmethod
    def of(cls, batches: Iterator[list[Sent]], series: int) -> Stream:
        made, before = cls(), list[Sent]()
        for batch in batches:
            for version, requests in made.requests.items():
                requests.append(request(batch, version))
            seen = {id(one) for one in batch}
            made.samples, made.rows = made.samples + len(batch), made.rows + len(seen)
            made.first += made.distinct < series
            made.distinct += len(seen - {id(one) for one in before})
            before = batch
        return made


def run(stream: Callable[[int], Iterator[list[Sent]]], turns: int, series: int) -> list[Figure]:
    """Measure all of them.

    Args:
        stream: gives the batches of a stream that begins at an instant, UTC milliseconds.
        turns: rounds of all series in it, 15 s apart.
        series: how many there are.
    """
    sent = Stream.of(stream(int(time.time() * 1000) - turns * 15_000 - 60_000), series)
    figures, costs = [], {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for what, version, begun, check in _contestants(folder, sent, series):
            with begun as receiver:
                requests = sent.requests[version]
                cold, _ = receiver.cost(requests[: sent.first], lambda: None)
                stored = "counted" in what
                wait = receiver.until_stored if stored else (lambda: None)
                cpu, wall = receiver.cost(requests[sent.first :], lambda wait=wait: (time.sleep(LINGER_S), wait()))
                check(receiver)
            each = sent.samples / len(requests) / 1e6
            million = each * (len(requests) - sent.first)
            costs[what] = cpu / million
            note = f"{million:.2f} M samples; {million / wall * 1e3:,.0f} k samples/s over one connection"
            note += f"; with every series new {cold / (each * sent.first):.0f} CPU s/M"
            goal = GOAL if "acknowledged" in what else None
            figures.append(Figure(NAME, what, costs[what], "CPU s/M", goal, "<=", note))
    return [*figures, *_ratios(costs)]


def _contestants(folder: Path, sent: Stream, series: int):
    def held(receiver: Receiver) -> None:
        found = receiver.waiting("samples")
        holds(found == sent.rows, f"the inbox holds {found:,} readings, not {sent.rows:,}")

    def answered(receiver: Receiver) -> None:
        every = '{__name__=~"http_server_requests_.+"}'
        found = (
            receiver.query(f"sum(count_over_time({every}[1d]))"),
            receiver.query(f"count(count_over_time({every}[1d]))"),
        )
        fine = sent.distinct <= found[0] <= sent.samples and found[1] == series
        holds(fine, f"{receiver.name} has {found[0]:,.0f} samples of {found[1]:,.0f} series")

    def counted(receiver: Receiver) -> None:
        holds(not receiver.waiting(), "something was not counted")

    def house(name: str, what: str, faces: str) -> AbstractContextManager[Receiver]:
        return ours(folder / name, what, DEFINITIONS, faces, PATH)

    return [
        ("nines, remote write 1.0 until acknowledged", "1.0", house("a", "nines", "receivers"), held),
        ("nines, remote write 2.0 until acknowledged", "2.0", house("b", "nines", "receivers"), held),
        ("nines, remote write 1.0 until counted", "1.0", house("c", "nines", "receivers,worker"), counted),
        ("Prometheus, remote write 1.0", "1.0", prometheus(folder / "p"), answered),
        ("VictoriaMetrics, remote write 1.0", "1.0", victoria(folder / "v"), answered),
    ]


def _ratios(costs: dict[str, float]) -> list[Figure]:
    mine = {what: cost for what, cost in costs.items() if what.startswith("nines") and "1.0" in what}
    found = []
    for peer, theirs in costs.items():
        if not peer.startswith("nines"):
            name = peer.partition(",")[0]
            found += [
                Figure(NAME, f"CPU, {what.partition(' until ')[2]}: ours / {name}'s", cost / theirs, "x", note="1.0")
                for what, cost in mine.items()
            ]
    return found
