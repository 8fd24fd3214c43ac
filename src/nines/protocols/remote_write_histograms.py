"""Native histograms as the counters they are made of: a count, a sum, and buckets where their bounds are stated.

Buckets of stated bounds (schema -53) become the `_bucket` series of a classic histogram, cumulative, with `le` written
as Prometheus 3 writes it. Exponential buckets are not kept: a threshold is hardly ever one of their bounds.

Source of the rules: https://prometheus.io/docs/specs/native_histograms/ and `Histogram.Validate` in its source.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate, pairwise
from typing import Any, Literal

from nines.telemetry.counters import NOT_SAID
from nines.telemetry.readings import NAME, Labels

_CUSTOM = -53
_SCHEMAS = range(-9, 53)
_GAUGE = 3
_STALE = 0x7FF0000000000002
#: Go writes shortest floats plainly when their decimal exponent lies in this range.
_PLAIN = range(-4, 6)

Kind = Literal["custom", "exponential", "gauge"]


@dataclass(frozen=True, slots=True)
class Part:
    """One series of a histogram.

    Attributes:
        suffix: what follows the metric's name: `_count`, `_sum` or `_bucket`.
        le: upper bound of a bucket as text, or "".
        bits: the value, bits of a double.
    """

    suffix: str
    le: str
    bits: int

    def labels(self, base: Labels) -> list[tuple[bytes, bytes]]:
        """Return the labels of this series, given those of the histogram."""
        named = [(n, v + self.suffix if n == NAME else v) for n, v in base] + ([("le", self.le)] if self.le else [])
        return [(name.encode(), value.encode()) for name, value in named]


@dataclass(frozen=True, slots=True)
class Histogram:
    """A histogram at one instant.

    Attributes:
        time: instant, UTC milliseconds.
        start: instant its counting began, UTC milliseconds, or `NOT_SAID`.
        kind: how its buckets are made; "gauge" for one that does not only grow and so has nothing to count.
        parts: its series; none of a gauge.
    """

    time: int
    start: int
    kind: Kind
    parts: tuple[Part, ...]


def histogram(message: Any) -> Histogram:  # noqa: ANN401 - a class made by protobuf
    """Return the series of a native histogram.

    Args:
        message: as parsed.

    Raises:
        ValueError: the reason why it is no histogram.
    """
    start = message.start_timestamp or NOT_SAID
    if message.reset_hint == _GAUGE:
        return Histogram(message.timestamp, start, "gauge", ())
    kind: Kind = "custom" if message.schema == _CUSTOM else "exponential"
    stale = message.sum_bits == _STALE
    reason = _custom_fault(message) if stale else _fault(message)
    if reason:
        raise ValueError(reason)
    floats = message.WhichOneof("count") == "count_float"
    count = _STALE if stale else _bits(message.count_float if floats else message.count_int)
    parts = [Part("_count", "", count), Part("_sum", "", message.sum_bits)]
    if kind == "custom":
        parts += _stale_buckets(message) if stale else _buckets(message, count)
    return Histogram(message.timestamp, start, kind, tuple(parts))


def le(bound: float) -> str:
    """Return the upper bound of a bucket as Prometheus 3 writes it, whatever wrote the histogram.

    Example:
        >>> [le(b) for b in (0.25, 1, 10, 1e6, 1.5e-7, math.inf)]
        ['0.25', '1.0', '10.0', '1e+06', '1.5e-07', '+Inf']
    """
    if math.isinf(bound):
        return "+Inf" if bound > 0 else "-Inf"
    if bound == 0:
        return "0.0"
    exact = Decimal(repr(bound)).normalize()
    exponent = exact.adjusted()
    if exponent in _PLAIN:
        text = format(exact, "f")
        return text if "." in text else text + ".0"
    digits = "".join(map(str, exact.as_tuple().digits))
    mantissa = digits[0] + ("." + digits[1:] if digits[1:] else "")
    return f"{'-' if bound < 0 else ''}{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _fault(message: Any) -> str:  # noqa: ANN401
    """Return why the message is no histogram, or ""."""
    if message.schema != _CUSTOM and message.schema not in _SCHEMAS:
        return f"there is no bucket schema {message.schema}"
    return _custom_fault(message) or _spans_fault(message) or _counts_fault(message)


def _spans_fault(message: Any) -> str:  # noqa: ANN401
    for side in ("positive", "negative"):
        spans = getattr(message, f"{side}_spans")
        if sum(s.length for s in spans) != len(_counts(message, side)):
            return f"its {side} spans do not have as many buckets as it counts"
        if any(s.offset < 0 for s in spans[1:]):
            return f"its {side} spans overlap"
    return ""


def _counts_fault(message: Any) -> str:  # noqa: ANN401
    counts = [*_counts(message, "positive"), *_counts(message, "negative")]
    floats = message.WhichOneof("count") == "count_float"
    if not all(c >= 0 for c in counts) or (floats and not message.count_float >= 0):
        return "it counts less than nothing"
    held = sum(counts) + message.zero_count_int
    # Observations that are not a number are in the count and make the sum one, but lie in no bucket.
    few = held < message.count_int and not math.isnan(_double(message.sum_bits))
    if not floats and (held > message.count_int or few):
        return f"its buckets hold {held:,} observations, its count says {message.count_int:,}"
    return ""


def _custom_fault(message: Any) -> str:  # noqa: ANN401
    """Return what is wrong with stated bounds, or ""; there are none to look at in other schemas."""
    bounds = list(message.custom_values)
    if not all(map(math.isfinite, bounds)) or any(a >= b for a, b in pairwise(bounds)):
        return "its bucket bounds do not ascend"
    if message.schema != _CUSTOM:
        return "it states bounds in a schema that has its own" if bounds else ""
    if message.negative_spans or message.zero_count_int or message.zero_count_float:
        return "it has stated bounds and yet a zero or negative bucket"
    spans = message.positive_spans
    if any(s.offset < 0 for s in spans) or sum(s.offset + s.length for s in spans) > len(bounds) + 1:
        return "its spans lie outside its bounds"
    return ""


def _counts(message: Any, side: str) -> list[float]:  # noqa: ANN401
    """Return the observations of the filled buckets of one side."""
    if message.WhichOneof("count") == "count_float":
        return list(getattr(message, f"{side}_counts"))
    return list(accumulate(getattr(message, f"{side}_deltas")))


def _buckets(message: Any, count: int) -> Iterable[Part]:  # noqa: ANN401
    """Return the cumulative buckets of stated bounds, the last of which holds everything."""
    bounds = list(message.custom_values)
    filled = iter(_counts(message, "positive"))
    sizes: list[float] = [0] * (len(bounds) + 1)
    at = 0
    for span in message.positive_spans:
        at += span.offset
        for place in range(at, at + span.length):
            sizes[place] = next(filled)
        at += span.length
    running = accumulate(sizes[:-1])
    parts = [Part("_bucket", le(bound), _bits(held)) for bound, held in zip(bounds, running, strict=True)]
    return [*parts, Part("_bucket", le(math.inf), count)]


def _stale_buckets(message: Any) -> Iterable[Part]:  # noqa: ANN401
    """Return the ends of as many bucket series as the marker names bounds."""
    return [Part("_bucket", le(bound), _STALE) for bound in (*message.custom_values, math.inf)]


def _bits(value: float) -> int:
    return int(struct.unpack("<Q", struct.pack("<d", value))[0])


def _double(bits: int) -> float:
    return float(struct.unpack("<d", struct.pack("<Q", bits))[0])
