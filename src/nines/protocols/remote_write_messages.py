"""The protobuf messages of Prometheus remote write 1.0 and 2.0 (2.0-rc.4), built in code, as a receiver reads them.

What a field holds inside is left as bytes wherever it is read only sometimes: labels, samples, histograms, exemplars.
Bytes of labels are the key by which a series is known again, and bytes of samples are read a thousand at a time.

Source: prompb/remote.proto, prompb/types.proto and prompb/io/prometheus/write/v2/types.proto of prometheus/prometheus.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import (  # type: ignore[import-untyped, unused-ignore]
    descriptor_pb2,
    descriptor_pool,
    message_factory,
)
from google.protobuf.message import DecodeError  # type: ignore[import-untyped, unused-ignore]

Spec = dict[str, dict[str, tuple[int, str]]]

_TYPES = descriptor_pb2.FieldDescriptorProto


def built(package: str, spec: Spec) -> dict[str, Any]:
    r"""Return message classes by name.

    Args:
        package: package of the messages.
        spec: message -> field -> number and type; a type is a scalar of protobuf or a message of the spec, after
            `repeated` where it repeats, or after `oneof` and a group of which one field is set.

    Example:
        >>> built("p", {"One": {"n": (1, "int64")}})["One"](n=5).SerializeToString()
        b'\x08\x05'
    """
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for name, fields in spec.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            *how, single = kind.split()
            told = message.field.add(name=field, number=number)
            told.label = _TYPES.LABEL_REPEATED if how == ["repeated"] else _TYPES.LABEL_OPTIONAL
            if how and how[0] == "oneof":
                groups = [group.name for group in message.oneof_decl]
                if how[1] not in groups:
                    groups.append(message.oneof_decl.add(name=how[1]).name)
                told.oneof_index = groups.index(how[1])
            if single in spec:
                told.type, told.type_name = _TYPES.TYPE_MESSAGE, f".{package}.{single}"
            else:
                told.type = getattr(_TYPES, f"TYPE_{single.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}")) for name in spec}


# A fixed64 has the wire form of a double and keeps every bit of it. Fields of the other version are declared too,
# so that a body under the wrong header is told from an empty one.
_FIRST: Spec = {
    "Request": {
        "timeseries": (1, "repeated bytes"),
        "symbols": (4, "repeated bytes"),
        "foreign": (5, "repeated bytes"),
    },
    "TimeSeries": {
        "labels": (1, "repeated bytes"),
        "samples": (2, "repeated bytes"),
        "exemplars": (3, "repeated bytes"),
        "histograms": (4, "repeated bytes"),
    },
    "Label": {"name": (1, "bytes"), "value": (2, "bytes")},
    "Sample": {"bits": (1, "fixed64"), "timestamp": (2, "int64")},
}
_SECOND: Spec = {
    "Request": {
        "foreign": (1, "repeated bytes"),
        "symbols": (4, "repeated bytes"),
        "timeseries": (5, "repeated bytes"),
    },
    "Symbols": {"symbols": (4, "repeated bytes")},
    "TimeSeries": {
        "labels_refs": (1, "repeated uint32"),
        "samples": (2, "repeated bytes"),
        "histograms": (3, "repeated bytes"),
        "exemplars": (4, "repeated bytes"),
    },
    "Sample": {"bits": (1, "fixed64"), "timestamp": (2, "int64"), "start_timestamp": (3, "int64")},
}
#: Both versions have one histogram; only 2.0 knows its start.
HISTOGRAM: Spec = {
    "Span": {"offset": (1, "sint32"), "length": (2, "uint32")},
    "Histogram": {
        "count_int": (1, "oneof count uint64"),
        "count_float": (2, "oneof count double"),
        "sum_bits": (3, "fixed64"),
        "schema": (4, "sint32"),
        "zero_count_int": (6, "oneof zero_count uint64"),
        "zero_count_float": (7, "oneof zero_count double"),
        "negative_spans": (8, "repeated Span"),
        "negative_deltas": (9, "repeated sint64"),
        "negative_counts": (10, "repeated double"),
        "positive_spans": (11, "repeated Span"),
        "positive_deltas": (12, "repeated sint64"),
        "positive_counts": (13, "repeated double"),
        "reset_hint": (14, "int32"),
        "timestamp": (15, "int64"),
        "custom_values": (16, "repeated double"),
        "start_timestamp": (17, "int64"),
    },
}

FIRST = built("nines.remote_write.first", _FIRST | HISTOGRAM)
SECOND = built("nines.remote_write.second", _SECOND | HISTOGRAM)

__all__ = ["FIRST", "HISTOGRAM", "SECOND", "DecodeError", "Spec", "built"]
