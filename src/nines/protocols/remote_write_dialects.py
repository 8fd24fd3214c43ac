"""The two versions of remote write, each read into series of bytes.

Most series are a set of labels and one sample. Their key is cut out of the body without parsing them; a series that
looks so but is not is never found under its key and is then parsed by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol

import numpy as np

from nines.protocols.refusal import BAD_REQUEST, Refused
from nines.protocols.remote_write_labels import Pairs, all_bounded, bounded
from nines.protocols.remote_write_messages import FIRST, SECOND, DecodeError
from nines.protocols.remote_write_parts import parts
from nines.protocols.remote_write_samples import SHAPES, Bytes
from nines.telemetry.series import Ints

#: Symbols of one request at most.
MOST_SYMBOLS = 1_000_000
_LABEL, _SAMPLE, _METADATA, _ONE_BYTE = 0x0A, 0x12, 0x2A, 0x80
#: Symbols that are numbered before numbering begins anew.
_MOST_NUMBERED = 500_000
_NUMBER = np.dtype(">i8")


class _Numbers:
    """Numbers of symbols, never given twice, so that a 2.0 key is a few numbers whatever table they came in.

    A number is eight bytes whose first is 0, with which no key of 1.0, no hash of one and no ending of either begins.
    """

    def __init__(self) -> None:
        self._next = count(1)
        self._known: dict[bytes, int] = {}

    def of(self, symbols: list[bytes]) -> list[int]:
        """Return the number of each symbol; one that was forgotten meanwhile gets a new one."""
        if len(self._known) > _MOST_NUMBERED:
            self._known = {}
        known = self._known
        numbers = list(map(known.get, symbols))
        for place in [place for place, number in enumerate(numbers) if number is None] if None in numbers else ():
            numbers[place] = known.setdefault(symbols[place], next(self._next))
        return numbers  # type: ignore[return-value]  # none is None now


_NUMBERS = _Numbers()


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One series of a request.

    Attributes:
        key: bytes that always mean its labels.
        pairs: returns its labels; a ValueError tells why it has none.
        samples: the bytes of each sample.
        histograms: the bytes of each native histogram.
        exemplars: how many come with it.
    """

    key: bytes
    pairs: Callable[[], Pairs]
    samples: list[bytes]
    histograms: list[bytes]
    exemplars: int


@dataclass(frozen=True, slots=True, eq=False)
class Usual:
    """What series are if each is labels and one sample.

    Attributes:
        keys: key of each, b"" for a series that is something else.
        begins: where its sample stands in the body.
        lengths: bytes of its sample, 0 for something else.
    """

    keys: list[bytes]
    begins: Ints
    lengths: Ints


class Dialect(Protocol):
    """One version of the protocol.

    Attributes:
        sample: class of a sample's message.
        histogram: class of a native histogram's message.
        starts: whether a sample can say when its counting began.
    """

    sample: Any
    histogram: Any
    starts: bool

    def requests(self, data: bytes) -> Iterator[list[bytes]]:
        """Return the series of a message, some at a time, as bytes."""

    def usual(self, raws: list[bytes], body: Bytes, begins: Ints, lengths: Ints) -> Usual:
        """Return what series are if each is usual; they stand one after the other in the body."""

    def one(self, raw: bytes) -> Series:
        """Return one series, parsed; a ValueError tells why it is none."""


class First:
    """Remote write 1.0: every label in full."""

    sample: Any = FIRST["Sample"]
    histogram: Any = FIRST["Histogram"]
    starts = False

    def requests(self, data: bytes) -> Iterator[list[bytes]]:
        """Return the series of a message, some at a time, as bytes."""
        for part in parts(data):
            request = _parsed(FIRST["Request"], part)
            if request.symbols or request.foreign:
                raise Refused(BAD_REQUEST, "the body is of remote write 2.0, its Content-Type is of 1.0")
            yield list(request.timeseries)

    def usual(self, raws: list[bytes], body: Bytes, begins: Ints, lengths: Ints) -> Usual:
        """Return what series are if each is labels and one sample: the sample is its last bytes."""
        ends = begins + lengths
        size = np.zeros(len(raws), dtype=np.int64)
        for shape in (7, 16):
            rows = np.flatnonzero(lengths > shape + 2)
            tags = ends[rows] - shape - 2
            size[rows[(body[tags] == _SAMPLE) & (body[tags + 1] == shape)]] = shape
        cuts = np.where(size > 0, lengths - size - 2, 0).tolist()
        return Usual(all_bounded([raw[:cut] for raw, cut in zip(raws, cuts, strict=True)]), ends - size, size)

    def one(self, raw: bytes) -> Series:
        """Return one series, parsed."""
        series = _series(FIRST["TimeSeries"], raw)
        labels = list(series.labels)

        def pairs() -> Pairs:
            found = [_series(FIRST["Label"], label) for label in labels]
            return [(label.name, label.value) for label in found]

        key = b"".join([b"\n" + _varint(len(label)) + label for label in labels])
        return Series(bounded(key), pairs, list(series.samples), list(series.histograms), len(series.exemplars))


class Second:
    """Remote write 2.0: labels are places in a table of symbols that comes with each request."""

    sample: Any = SECOND["Sample"]
    histogram: Any = SECOND["Histogram"]
    starts = True

    def __init__(self) -> None:
        """Begin without symbols."""
        self._symbols: list[bytes] = []
        self._numbers: Ints = np.zeros(0, dtype=_NUMBER)

    def requests(self, data: bytes) -> Iterator[list[bytes]]:
        """Return the series of a message, some at a time, as bytes."""
        found = list(parts(data))
        for part in found if len(found) > 1 else ():  # series may stand before the symbols they name
            self._take(_parsed(SECOND["Symbols"], part).symbols)
        for part in found:
            request = _parsed(SECOND["Request"], part)
            if request.foreign:
                raise Refused(BAD_REQUEST, "the body is of remote write 1.0, its Content-Type is of 2.0")
            if len(found) == 1:
                self._take(request.symbols)
            if request.timeseries:
                self._check()
                yield list(request.timeseries)

    def usual(self, raws: list[bytes], body: Bytes, begins: Ints, lengths: Ints) -> Usual:
        """Return what series are if each is one run of references, one sample and perhaps metadata."""
        last = len(body) - 1
        ends = begins + lengths

        def at(places: Ints) -> Ints:
            return body[np.clip(places, 0, last)].astype(np.int64)

        refs = at(begins + 1)
        sample = begins + refs + 2
        size = at(sample + 1)
        after = sample + 2 + size
        metadata = (at(after) == _METADATA) & (at(after + 1) < _ONE_BYTE) & (after + 2 + at(after + 1) == ends)
        fits = (at(begins) == _LABEL) & (refs > 0) & (refs < _ONE_BYTE) & (at(sample - 1) < _ONE_BYTE)
        fits &= (at(sample) == _SAMPLE) & np.isin(size, list(SHAPES)) & ((after == ends) | (metadata & (after < ends)))
        rows = np.flatnonzero(fits)
        keys = [b""] * len(raws)
        packed = [raws[i][2 : 2 + n] for i, n in zip(rows.tolist(), refs[rows].tolist(), strict=True)]
        for i, key in zip(rows.tolist(), self._keys(packed, refs[rows]), strict=True):
            keys[i] = key
        return Usual(keys, sample + 2, np.where(fits, size, 0))

    def one(self, raw: bytes) -> Series:
        """Return one series, parsed."""
        series = _series(SECOND["TimeSeries"], raw)
        refs = list(series.labels_refs)
        if len(refs) % 2 or max(refs, default=0) >= len(self._symbols):
            msg = "its labels are no pairs of symbols of this request"
            raise ValueError(msg)
        if series.samples and series.histograms:
            msg = "it has samples and histograms"
            raise ValueError(msg)

        def pairs() -> Pairs:
            texts = [self._symbols[ref] for ref in refs]
            return list(zip(texts[::2], texts[1::2], strict=True))

        key = self._numbers[refs].tobytes() if refs else b""
        return Series(bounded(key), pairs, list(series.samples), list(series.histograms), len(series.exemplars))

    def _keys(self, packed: list[bytes], sizes: Ints) -> list[bytes]:
        """Return the key of each run of packed references, found for all runs at once."""
        if not packed:
            return []
        refs, ends = _varints(np.frombuffer(b"".join(packed), dtype=np.uint8))
        numbers = self._numbers[np.minimum(refs, len(self._symbols))].tobytes()
        cuts = ((np.searchsorted(ends, np.cumsum(sizes)) + 1) * _NUMBER.itemsize).tolist()
        return all_bounded([numbers[a:b] for a, b in zip([0, *cuts[:-1]], cuts, strict=True)])

    def _take(self, symbols: Any) -> None:  # noqa: ANN401 - a field made by protobuf
        self._symbols += symbols
        if len(self._symbols) > MOST_SYMBOLS:
            raise Refused(BAD_REQUEST, f"the request has more than {MOST_SYMBOLS:,} symbols; send smaller batches")

    def _check(self) -> None:
        """Refuse a table that does not begin with the empty symbol, and number its symbols; 0 is outside of it."""
        if not self._symbols or self._symbols[0]:
            raise Refused(BAD_REQUEST, "the first symbol of the request is not empty")
        if len(self._numbers) != len(self._symbols) + 1:
            self._numbers = np.array([*_NUMBERS.of(self._symbols), 0], dtype=_NUMBER)


def _parsed(message: Any, part: bytes) -> Any:  # noqa: ANN401 - classes made by protobuf
    try:
        return message.FromString(part)
    except DecodeError as error:
        raise Refused(BAD_REQUEST, "the body is no write request: its protobuf cannot be read") from error


def _series(message: Any, raw: bytes) -> Any:  # noqa: ANN401
    try:
        return message.FromString(raw)
    except DecodeError as error:
        msg = "its protobuf cannot be read"
        raise ValueError(msg) from error


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= _ONE_BYTE:
        out.append(value & 0x7F | _ONE_BYTE)
        value >>= 7
    out.append(value)
    return bytes(out)


def _varints(packed: Bytes) -> tuple[Ints, Ints]:
    """Return numbers of at most five bytes each, a huge one for longer, and the place after each."""
    ends: Ints = np.flatnonzero(packed < _ONE_BYTE) + 1
    begins = np.append(0, ends[:-1])
    sizes = ends - begins
    numbers = (packed[begins] & 0x7F).astype(np.int64)
    for k in range(1, min(int(sizes.max()), 5)):
        rows = np.flatnonzero(sizes > k)
        numbers[rows] |= (packed[begins[rows] + k] & 0x7F).astype(np.int64) << (7 * k)
    numbers[sizes > 5] = np.iinfo(np.int64).max  # noqa: PLR2004 - bytes of 32 bits
    return numbers, ends
