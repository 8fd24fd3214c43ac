"""Samples of remote write, read all at once.

Nearly every sample on the wire has one of four shapes: with or without a value (0 is left out), with or without a
start; an instant in milliseconds between 1971 and 2109 has six bytes. Those are cut out of the body by column; any
other is parsed by itself. A double is copied bit for bit, so a stale marker stays one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nines.protocols.remote_write_messages import DecodeError
from nines.telemetry.counters import NOT_SAID, Floats
from nines.telemetry.series import Flags, Ints

Bytes = npt.NDArray[np.uint8]

_VALUE, _TIME, _START = 0x09, 0x10, 0x18
#: Bytes of a shape -> where its value, its time and its start stand after their tags, or -1.
SHAPES: dict[int, tuple[int, int, int]] = {16: (1, 10, -1), 7: (-1, 1, -1), 23: (1, 10, 17), 14: (-1, 1, 8)}
_STAMP = 6


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Samples in the order they stood.

    Attributes:
        times: instants, UTC milliseconds.
        values: float64, bit for bit.
        starts: instants their counting began, UTC milliseconds, or `NOT_SAID`.
        read: whether each was read; of others nothing is known.
    """

    times: Ints
    values: Floats
    starts: Ints
    read: Flags


def samples_at(body: Bytes, begins: Ints, lengths: Ints) -> Samples:
    """Return the samples at some places of a body, as far as they have one of the usual shapes.

    Args:
        body: uint8 bytes.
        begins: where each sample begins; all of it lies inside the body.
        lengths: how many bytes it has.
    """
    count = len(begins)
    times, starts = np.zeros(count, dtype=np.int64), np.full(count, NOT_SAID)
    values, read = np.zeros(count), np.zeros(count, dtype=np.bool_)
    for length, (value_at, time_at, start_at) in SHAPES.items():
        rows = np.flatnonzero(lengths == length)
        if not len(rows):
            continue
        cut = body[begins[rows, None] + np.arange(length)]
        times[rows], good = _stamp(cut, time_at, _TIME)
        if value_at >= 0:
            good &= cut[:, value_at - 1] == _VALUE
            values[rows] = np.ascontiguousarray(cut[:, value_at : value_at + 8]).view("<f8")[:, 0]
        if start_at >= 0:
            starts[rows], started = _stamp(cut, start_at, _START)
            good &= started
        read[rows] = good
    return Samples(times, values, starts, read)


def samples_of(pieces: Sequence[bytes], message: Any) -> Samples:  # noqa: ANN401 - a class made by protobuf
    """Return samples given one by one, parsing by themselves those of an unusual shape.

    Args:
        pieces: the bytes of each.
        message: class of the sample's message.
    """
    lengths = np.fromiter(map(len, pieces), dtype=np.int64, count=len(pieces))
    body = np.frombuffer(b"".join(pieces), dtype=np.uint8)
    found = samples_at(body, np.cumsum(lengths) - lengths, lengths)
    bits = found.values.view(np.uint64)
    for i in np.flatnonzero(~found.read).tolist():
        try:
            sample = message.FromString(pieces[i])
        except DecodeError:
            continue  # it stays marked as not read
        found.times[i], bits[i] = sample.timestamp, sample.bits
        found.starts[i] = getattr(sample, "start_timestamp", 0) or NOT_SAID
        found.read[i] = True
    return found


def _stamp(cut: Bytes, at: int, tag: int) -> tuple[Ints, Flags]:
    """Return instants of six varint bytes, and whether they are that and stand after their tag."""
    digits = cut[:, at : at + _STAMP]
    good = (cut[:, at - 1] == tag) & (digits[:, :-1] >= 0x80).all(axis=1) & (digits[:, -1] < 0x80)  # noqa: PLR2004
    weights = np.int64(1) << (7 * np.arange(_STAMP, dtype=np.int64))
    stamps: Ints = (digits & 0x7F).astype(np.int64) @ weights
    return stamps, good
