"""Metrics of OTLP as readings of series, named and labelled as Prometheus translates them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from nines.protocols.otlp_names import label_name, metric_name
from nines.protocols.otlp_values import Rejected, attributes_of
from nines.telemetry.readings import DROPPED, NAME, NOT_SAID, Labels, Readings, SeriesBook

#: Resource attributes that every series carries, by label.
_PROMOTED = {
    "service.name": "service_name", "service.version": "service_version", "host.name": "host_name",
    "cloud.region": "cloud_region", "site": "site",
}  # fmt: skip
_CUMULATIVE, _DELTA = 2, 1
_NO_VALUE = 1
_STALE = np.array([0x7FF0000000000002], dtype=np.uint64).view(np.float64)[0]
_EXACT = 2**53
_MS = 1_000_000
#: Buckets of an exponential histogram that are written out.
_MOST_BUCKETS = 400


class _Gathering:
    """Readings, while they are gathered."""

    def __init__(self, book: SeriesBook, now_ms: int) -> None:
        self.book, self.now_ms, self.rejected, self.dropped, self.taken = book, now_ms, Rejected(), 0, 0
        self.series: list[int] = []
        self.times: list[int] = []
        self.values: list[float] = []
        self.created: list[int] = []
        self.delta: list[bool] = []
        self.labels: dict[int, Labels] = {}

    def add(self, labels: dict[str, str], name: str, value: float, point: Any, delta: bool) -> None:  # noqa: ANN401, FBT001
        """Take one reading, unless nobody needs its series."""
        whole: Labels = tuple(sorted({**labels, NAME: name}.items()))
        key = repr(whole).encode()
        identity = self.book.known(key)
        kept = None if identity in {None, DROPPED} else self.book.labels(identity or 0)
        if identity is None or (identity != DROPPED and kept is None):
            identity = self.book.decide(key, whole)
        if identity == DROPPED:
            self.dropped += 1
            return
        began, at = point.start_time_unix_nano, point.time_unix_nano
        self.labels[identity] = whole
        self.series.append(identity)
        self.times.append(at // _MS)
        self.values.append(value)
        self.created.append(began // _MS if 0 < began < at else NOT_SAID)
        self.delta.append(delta)

    def readings(self) -> Readings:
        """Return everything taken."""
        series, times, created = (np.array(v, dtype=np.int64) for v in (self.series, self.times, self.created))
        values, delta = np.array(self.values, dtype=np.float64), np.array(self.delta, dtype=np.bool_)
        return Readings(series, times, values, created, delta, self.labels)


def readings_of(request: Any, book: SeriesBook, *, now_ms: int) -> tuple[Readings, Rejected, int]:  # noqa: ANN401
    """Return the points of a request as readings, what was refused, and how many readings nobody needs.

    Args:
        request: an ExportMetricsServiceRequest.
        book: which series are kept.
        now_ms: this clock, UTC milliseconds; points more than 10 minutes ahead of it are refused.
    """
    gathering = _Gathering(book, now_ms)
    for group in request.resource_metrics:
        shared = _resource(attributes_of(group.resource.attributes))
        for scope in group.scope_metrics:
            for metric in scope.metrics:
                _metric(metric, shared, gathering)
    return gathering.readings(), gathering.rejected, gathering.dropped


def _resource(held: dict[str, str]) -> dict[str, str]:
    labels = {label: held[name] for name, label in _PROMOTED.items() if held.get(name)}
    service, space = held.get("service.name", ""), held.get("service.namespace", "")
    job = f"{space}/{service}" if space and service else service
    instance = held.get("service.instance.id", "")
    return labels | ({"job": job} if job else {}) | ({"instance": instance} if instance else {})


def _metric(metric: Any, shared: dict[str, str], into: _Gathering) -> None:  # noqa: ANN401 - a Metric
    kind = metric.WhichOneof("data")
    if kind is None:
        return
    data = getattr(metric, kind)
    if kind in {"sum", "histogram", "exponential_histogram"} and data.aggregation_temporality not in {
        _CUMULATIVE,
        _DELTA,
    }:
        into.rejected.refuse(f"metric {metric.name[:80]!r} has no temporality", len(data.data_points))
        return
    delta = kind in {"sum", "histogram", "exponential_histogram"} and data.aggregation_temporality == _DELTA
    counter = kind == "sum" and data.is_monotonic
    name = metric_name(metric.name, metric.unit, counter=counter, gauge=kind == "gauge")
    if not name:
        into.rejected.refuse("a metric has no name", len(data.data_points))
        return
    for point in data.data_points:
        if not point.time_unix_nano or point.time_unix_nano // _MS > into.now_ms + 600_000:
            into.rejected.refuse(f"a point of {metric.name[:80]!r} has no instant, or one far ahead")
            continue
        if delta and kind == "sum" and not data.is_monotonic:
            into.rejected.note("deltas of sums that also fall, which count no events")
            continue
        if delta and not point.start_time_unix_nano:
            into.rejected.refuse(f"a delta of {metric.name[:80]!r} does not say where it begins")
            continue
        labels = shared | _labels(point, into)
        for suffix, extra, value in _values(kind, point, into):
            into.add(labels | extra, name + suffix, value, point, delta)


def _labels(point: Any, into: _Gathering) -> dict[str, str]:  # noqa: ANN401 - a data point
    held = attributes_of(point.attributes)
    if held.get("otel.metric.overflow") == "true":
        into.rejected.note("points of series beyond the sender's limit, joined into one")
    return {label_name(name): value for name, value in held.items() if value}


def _values(kind: str, point: Any, into: _Gathering) -> Iterator[tuple[str, dict[str, str], float]]:  # noqa: ANN401
    """Yield suffix, further labels and value of everything a point says."""
    if point.flags & _NO_VALUE:
        for suffix in ("_count", "_sum") if kind in {"histogram", "exponential_histogram", "summary"} else ("",):
            yield suffix, {}, float(_STALE)
        return
    if kind in {"sum", "gauge"}:
        whole = point.WhichOneof("value") == "as_int"
        if whole and abs(point.as_int) >= _EXACT:
            into.rejected.note("whole numbers beyond 2^53, which are not exact")
        yield "", {}, float(point.as_int) if whole else point.as_double
        return
    yield "_count", {}, float(point.count)
    if kind == "summary" or point.HasField("sum"):
        yield "_sum", {}, point.sum
    if kind == "summary":
        for one in point.quantile_values:
            yield "", {"quantile": repr(one.quantile)}, one.value
    elif kind == "histogram":
        yield from _buckets(zip((*point.explicit_bounds, math.inf), point.bucket_counts, strict=False))
    else:
        yield from _exponential(point, into)


def _buckets(pairs: Any) -> Iterator[tuple[str, dict[str, str], float]]:  # noqa: ANN401 - an iterable of pairs
    below = 0
    for bound, count in pairs:
        below += count
        yield "_bucket", {"le": "+Inf" if math.isinf(bound) else repr(float(bound)).removesuffix(".0")}, float(below)


def _exponential(point: Any, into: _Gathering) -> Iterator[tuple[str, dict[str, str], float]]:  # noqa: ANN401
    """Yield buckets at their exact upper bounds; negative values lie below the first of them."""
    counts, base = point.positive.bucket_counts, 2.0 ** (2.0**-point.scale)
    if len(counts) > _MOST_BUCKETS:
        into.rejected.note("exponential histograms with too many buckets: count and sum are kept")
        return
    below = sum(point.negative.bucket_counts) + point.zero_count
    pairs = [(point.zero_threshold, below)]
    try:
        pairs += [(base ** (point.positive.offset + n + 1), count) for n, count in enumerate(counts)]
    except OverflowError:
        into.rejected.note("exponential histograms with bounds beyond numbers: count and sum are kept")
        return
    pairs.append((math.inf, 0))
    yield from _buckets(pairs)
