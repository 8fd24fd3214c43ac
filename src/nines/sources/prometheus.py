"""Prometheus and what speaks its HTTP API: raw samples of series, and queries read as they are.

Counters are read as raw samples and never as `rate` or `increase`, whose extrapolation loses and invents events.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nines.errors import DependencyError, InputError, Problem
from nines.sources.fetching import Client
from nines.telemetry.counters import Samples, Scrapes
from nines.telemetry.datasource import DataSource
from nines.telemetry.series import Ints
from nines.telemetry.targets import Targets

#: Longest stretch of raw samples asked for at once, milliseconds; halved where a server finds it too much.
CHUNK_MS = 6 * 3600 * 1000
SHORTEST_CHUNK_MS = 60 * 1000
#: Most points of one range query, as Prometheus has it.
MOST_POINTS = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Raw samples of a selector with the labels of its series.

    Attributes:
        samples: readings.
        labels: labels of each series.
    """

    samples: Samples
    labels: tuple[dict[str, str], ...]


def client_of(source: DataSource) -> Client:
    """Return a client for a DataSource of type prometheus."""
    return Client(
        source.option("url").rstrip("/"),
        token_file=source.option("token_file"),
        timeout_s=float(source.option("timeout_s", "30")),
    )


def _result(client: Client, path: str, form: dict[str, str], kind: str) -> list[Any]:
    body = client.json(path, form)
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, dict) or data.get("resultType") != kind or not isinstance(data.get("result"), list):
        told = body.get("error", "") if isinstance(body, dict) else ""
        what = f"it gives no {kind}" + (f": {told}" if told else "")
        raise DependencyError(
            Problem(client.url, what[:500], "check the query, and that this is a Prometheus API", code="bad-answer")
        )
    return list(data["result"])


def _chunks(client: Client, selector: str, start_ms: int, end_ms: int) -> Iterator[list[Any]]:
    """Yield raw samples in (start, end], in stretches the server can bear."""
    length, begin = CHUNK_MS, start_ms
    while begin < end_ms:
        stop = min(begin + length, end_ms)
        form = {"query": f"{selector}[{stop - begin}ms]", "time": f"{stop / 1000:.3f}"}
        try:
            yield _result(client, "/api/v1/query", form, "matrix")
        except InputError as error:
            too_much = "too many samples" in str(error) or "exceeds" in str(error)
            if not too_much or length <= SHORTEST_CHUNK_MS:
                raise
            length //= 2
            continue
        begin = stop


def read_samples(client: Client, selector: str, start_ms: int, end_ms: int) -> Found:
    """Return the raw samples of a selector.

    Args:
        client: of the system.
        selector: without a range.
        start_ms: instant before the first sample wanted, UTC milliseconds.
        end_ms: instant of the last.
    """
    numbers: dict[tuple[tuple[str, str], ...], int] = {}
    parts: list[tuple[int, np.ndarray]] = []
    for result in _chunks(client, selector, start_ms, end_ms):
        for series in result:
            key = tuple(sorted(series.get("metric", {}).items()))
            number = numbers.setdefault(key, len(numbers))
            parts.append((number, np.array([[float(t), float(v)] for t, v in series.get("values", [])]).reshape(-1, 2)))
    names = tuple(_name(dict(key)) for key in numbers)
    if not parts:
        empty = np.zeros(0, dtype=np.int64)
        return Found(Samples(empty, empty, np.zeros(0), ()), ())
    series_of = np.concatenate([np.full(len(p), n, dtype=np.int64) for n, p in parts])
    whole = np.concatenate([p for _, p in parts])
    times = np.round(whole[:, 0] * 1000).astype(np.int64)
    return Found(Samples(series_of, times, whole[:, 1], names), tuple(dict(k) for k in numbers))


def _name(labels: dict[str, str]) -> str:
    inner = ",".join(f'{k}="{v}"' for k, v in labels.items() if k != "__name__")
    return f"{labels.get('__name__', '')}{{{inner}}}"


def read_scrapes(
    client: Client, found: Sequence[Found], start_ms: int, end_ms: int
) -> tuple[tuple[Scrapes | None, ...], Ints]:
    """Return when the targets behind some series were scraped and restarted, and every successful scrape.

    Args:
        client: of the system.
        found: series that carry `job` and `instance`.
        start_ms: instant before the first scrape wanted.
        end_ms: instant of the last.

    Returns:
        Scrapes aligned with `found` (None where no target is known), and the instants of successful scrapes.
    """
    jobs = sorted({labels["job"] for f in found for labels in f.labels if "job" in labels})
    if not jobs:
        return tuple(None for _ in found), np.zeros(0, dtype=np.int64)
    matcher = "|".join(_escaped(j) for j in jobs)
    up = read_samples(client, f'up{{job=~"{matcher}"}}', start_ms, end_ms)
    began = read_samples(client, f'process_start_time_seconds{{job=~"{matcher}"}}', start_ms, end_ms)
    seen = Targets(up.samples, up.labels, began.samples, began.labels)
    return tuple(seen.scrapes(f.labels) for f in found), seen.every


def _escaped(value: str) -> str:
    import re

    return re.escape(value).replace("\\", "\\\\").replace('"', '\\"')


def read_values(client: Client, query: str, start_s: int, end_s: int, step_s: int) -> list[tuple[int, float]]:
    """Return a query's values at every step, one series only.

    Args:
        client: of the system.
        query: PromQL, read as it is.
        start_s: first instant, UTC seconds.
        end_s: last instant.
        step_s: distance, seconds.

    Raises:
        InputError: the query gives several series.
    """
    found: list[tuple[int, float]] = []
    for begin in range(start_s, end_s + 1, step_s * MOST_POINTS):
        stop = min(begin + step_s * (MOST_POINTS - 1), end_s)
        form = {"query": query, "start": str(begin), "end": str(stop), "step": str(step_s)}
        result = _result(client, "/api/v1/query_range", form, "matrix")
        if len(result) > 1:
            what = f"the query gives {len(result)} series where one is needed"
            raise InputError(Problem(client.url, what, "aggregate it to one", code="many-series"))
        found += [(round(float(t)), float(v)) for series in result for t, v in series.get("values", [])]
    return found
