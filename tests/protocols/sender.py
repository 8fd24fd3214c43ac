"""A sender of remote write 1.0 and 2.0 that keeps to the specifications, with messages of its own.

It shares no message with the receiver: what both agree on is what stands on the wire.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cramjam

from nines.protocols.remote_write_messages import built

LABEL = {"name": (1, "string"), "value": (2, "string")}
SPAN = {"offset": (1, "sint32"), "length": (2, "uint32")}
HISTOGRAM = {
    "count_int": (1, "oneof count uint64"), "count_float": (2, "oneof count double"), "sum": (3, "double"),
    "schema": (4, "sint32"), "zero_threshold": (5, "double"), "zero_count_int": (6, "oneof zero uint64"),
    "zero_count_float": (7, "oneof zero double"), "negative_spans": (8, "repeated Span"),
    "negative_deltas": (9, "repeated sint64"), "negative_counts": (10, "repeated double"),
    "positive_spans": (11, "repeated Span"), "positive_deltas": (12, "repeated sint64"),
    "positive_counts": (13, "repeated double"), "reset_hint": (14, "int32"), "timestamp": (15, "int64"),
    "custom_values": (16, "repeated double"), "start_timestamp": (17, "int64"),
}  # fmt: skip
V1 = built(
    "test.first",
    {
        "Request": {"timeseries": (1, "repeated TimeSeries"), "metadata": (3, "repeated Metadata")},
        "TimeSeries": {
            "labels": (1, "repeated Label"), "samples": (2, "repeated Sample"),
            "exemplars": (3, "repeated Exemplar"), "histograms": (4, "repeated Histogram"),
        },
        "Label": LABEL,
        "Sample": {"value": (1, "double"), "timestamp": (2, "int64")},
        "Exemplar": {"labels": (1, "repeated Label"), "value": (2, "double"), "timestamp": (3, "int64")},
        "Metadata": {"type": (1, "int32"), "name": (2, "string"), "help": (4, "string"), "unit": (5, "string")},
        "Span": SPAN,
        "Histogram": HISTOGRAM,
    },
)  # fmt: skip
V2 = built(
    "test.second",
    {
        "Request": {"symbols": (4, "repeated string"), "timeseries": (5, "repeated TimeSeries")},
        "TimeSeries": {
            "labels_refs": (1, "repeated uint32"), "samples": (2, "repeated Sample"),
            "histograms": (3, "repeated Histogram"), "exemplars": (4, "repeated Exemplar"), "metadata": (5, "Metadata"),
        },
        "Sample": {"value": (1, "double"), "timestamp": (2, "int64"), "start_timestamp": (3, "int64")},
        "Exemplar": {"labels_refs": (1, "repeated uint32"), "value": (2, "double"), "timestamp": (3, "int64")},
        "Metadata": {"type": (1, "int32"), "help_ref": (3, "uint32"), "unit_ref": (4, "uint32")},
        "Span": SPAN,
        "Histogram": HISTOGRAM,
    },
)  # fmt: skip


@dataclass(frozen=True)
class Sent:
    """One series to send.

    Attributes:
        labels: name to value, in the order they are sent: sort them to keep to the specification.
        samples: value, instant in milliseconds, and start in milliseconds or 0 (2.0 only).
        histograms: fields of native histograms.
        exemplars: labels, value, instant.
        metadata: type, help, unit, or None.
    """

    labels: Sequence[tuple[str, str]]
    samples: Sequence[tuple[float, int, int]] = ()
    histograms: Sequence[Mapping] = ()
    exemplars: Sequence[tuple[Mapping[str, str], float, int]] = ()
    metadata: tuple[int, str, str] | None = None


@dataclass
class Symbols:
    """The table of symbols of one 2.0 request; the first is empty."""

    texts: list[str] = field(default_factory=lambda: [""])
    places: dict[str, int] = field(default_factory=lambda: {"": 0})

    def ref(self, text: str) -> int:
        if text not in self.places:
            self.places[text] = len(self.texts)
            self.texts.append(text)
        return self.places[text]

    def refs(self, pairs) -> list[int]:
        return [self.ref(text) for pair in pairs for text in pair]


def series(name: str, value: float = 1.0, time: int = 1_772_323_200_000, start: int = 0, **labels: str) -> Sent:
    """Return a series of one sample, its labels sorted."""
    return Sent(sorted([("__name__", name), *labels.items()]), [(value, time, start)])


def first(sent: Sequence[Sent], metadata: Sequence[tuple[str, int, str]] = ()) -> bytes:
    """Return a message of 1.0."""
    request = V1["Request"]()
    for one in sent:
        told = request.timeseries.add()
        for name, value in one.labels:
            told.labels.add(name=name, value=value)
        for value, time, _ in one.samples:
            told.samples.add(value=value, timestamp=time)
        for each in one.histograms:
            told.histograms.append(_histogram(V1, each))
        for labels, value, time in one.exemplars:
            exemplar = told.exemplars.add(value=value, timestamp=time)
            for name, text in sorted(labels.items()):
                exemplar.labels.add(name=name, value=text)
    for name, kind, text in metadata:
        request.metadata.add(name=name, type=kind, help=text)
    return request.SerializeToString()


def second(sent: Sequence[Sent]) -> bytes:
    """Return a message of 2.0."""
    symbols, request = Symbols(), V2["Request"]()
    for one in sent:
        told = request.timeseries.add(labels_refs=symbols.refs(one.labels))
        for value, time, start in one.samples:
            told.samples.add(value=value, timestamp=time, start_timestamp=start)
        for each in one.histograms:
            told.histograms.append(_histogram(V2, each))
        for labels, value, time in one.exemplars:
            told.exemplars.add(labels_refs=symbols.refs(sorted(labels.items())), value=value, timestamp=time)
        if one.metadata:
            kind, text, unit = one.metadata
            told.metadata.type, told.metadata.help_ref = kind, symbols.ref(text)
            told.metadata.unit_ref = symbols.ref(unit)
    request.symbols.extend(symbols.texts)
    return request.SerializeToString()


def sealed(message: bytes, version: str, compression: str = "snappy") -> tuple[bytes, dict[str, str]]:
    """Return a message compressed, and the headers its version wants."""
    body = cramjam.snappy.compress_raw(message) if compression == "snappy" else cramjam.zstd.compress(message)
    kind = "application/x-protobuf" + (";proto=io.prometheus.write.v2.Request" if version == "2.0" else "")
    return bytes(body), {
        "content-encoding": compression,
        "content-type": kind,
        "user-agent": "nines-test/0",
        "x-prometheus-remote-write-version": "2.0.0" if version == "2.0" else "0.1.0",
    }


def request(sent: Sequence[Sent], version: str = "1.0", compression: str = "snappy") -> tuple[bytes, dict[str, str]]:
    """Return body and headers of a request."""
    return sealed(second(sent) if version == "2.0" else first(sent), version, compression)


def _histogram(messages: dict, fields: Mapping):
    spans = {
        side: [messages["Span"](offset=o, length=n) for o, n in fields[side]]
        for side in ("positive_spans", "negative_spans")
        if side in fields
    }
    return messages["Histogram"](**{**fields, **spans})
