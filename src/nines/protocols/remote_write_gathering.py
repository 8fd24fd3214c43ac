"""Series of a request gathered into columns: known ones by their key, new and odd ones one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import numpy as np

from nines.protocols.refusal import BAD_REQUEST, Refused
from nines.protocols.remote_write_dialects import Dialect, Series
from nines.protocols.remote_write_histograms import Part, histogram
from nines.protocols.remote_write_labels import Pairs, checked, shown
from nines.protocols.remote_write_messages import DecodeError
from nines.protocols.remote_write_samples import samples_at, samples_of
from nines.telemetry.counters import NOT_SAID, Floats
from nines.telemetry.readings import DROPPED, Labels, Readings, SeriesBook
from nines.telemetry.series import Flags, Ints

#: Series of one request, and readings made of them, at most.
MOST_SERIES, MOST_READINGS = 250_000, 1_000_000
#: How far ahead of our clock a sample may be, milliseconds: as Prometheus has it when it receives.
AHEAD_MS = 600_000
#: Problems told in full.
TOLD = 10


@dataclass(slots=True)
class Counted:
    """What became of a request.

    Attributes:
        samples: taken.
        histograms: taken.
        exemplars: that came with a series that was taken; none is kept.
        dropped: samples and histograms taken that nobody needs.
        refused: series, samples and histograms refused.
        problems: why, the first few.
        undated: samples whose start is after them, so that it was left out.
        not_kept: histograms taken without their exponential buckets, and gauge histograms taken without anything.
    """

    samples: int = 0
    histograms: int = 0
    exemplars: int = 0
    dropped: int = 0
    refused: int = 0
    problems: list[str] = field(default_factory=list)
    undated: int = 0
    not_kept: dict[str, int] = field(default_factory=dict)

    def refuse(self, where: str, why: str) -> None:
        """Note one thing refused."""
        self.refused += 1
        if len(self.problems) < TOLD:
            self.problems.append(f"{where}: {why}")


@dataclass(slots=True)
class _Odd:
    """Readings of series that were looked at one by one: samples still to be read, and parts of histograms."""

    places: list[int] = field(default_factory=list)
    series: list[int] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)
    parts: list[tuple[int, int, int, int, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class _Columns:
    series: Ints
    times: Ints
    values: Floats
    starts: Ints

    def at(self, rows: Ints | Flags) -> _Columns:
        return _Columns(self.series[rows], self.times[rows], self.values[rows], self.starts[rows])


class Gathering:
    """One request on its way into columns."""

    def __init__(self, dialect: Dialect, book: SeriesBook, now_ms: int) -> None:
        """Begin with nothing.

        Args:
            dialect: version of the request, new for each.
            book: which series are kept.
            now_ms: our clock, UTC milliseconds.
        """
        self.counted = Counted()
        self._dialect, self._book, self._latest = dialect, book, now_ms + AHEAD_MS
        self._columns: list[_Columns] = []
        self._labels: dict[int, Labels] = {}
        self._before = self._seen = self._made = 0

    def take(self, raws: list[bytes]) -> None:
        """Take some series of the request, as bytes.

        Raises:
            Refused: the request is too large.
        """
        self._before, self._seen = self._seen, self._seen + len(raws)
        _bound("series", self._seen, MOST_SERIES)
        if not raws:
            return
        lengths = np.fromiter(map(len, raws), dtype=np.int64, count=len(raws))
        body = np.frombuffer(b"".join(raws) + b"\0", dtype=np.uint8)
        usual = self._dialect.usual(raws, body, np.cumsum(lengths) - lengths, lengths)
        found = samples_at(body, usual.begins, usual.lengths)
        series, known = self._look_up(usual.keys)
        known &= found.read
        odd = _Odd()
        for place in np.flatnonzero(~known).tolist():
            self._one(place, raws[place], odd)
        places = np.flatnonzero(known)
        read = _Columns(series, found.times, found.values, found.starts).at(places)
        more_places, more = self._read(odd)
        places, read = np.append(places, more_places), _joined([read, more])
        good = self._checked(raws, places, read)
        self._keep(places[good], read.at(good), odd)

    def readings(self) -> Readings:
        """Return what was gathered, exact repetitions left out."""
        if not self._columns:
            return Readings.empty()
        found = _joined(self._columns)
        identities = set(found.series.tolist())
        if len(identities) < len(found.series):
            found = found.at(_without_repetitions(found))
        deltas = np.zeros(len(found.series), dtype=np.bool_)
        labels = self._labels
        if len(labels) > len(identities):
            labels = {identity: labels[identity] for identity in identities}
        return Readings(found.series, found.times, found.values, found.starts, deltas, labels)

    def _look_up(self, keys: list[bytes]) -> tuple[Ints, Flags]:
        """Return the identity of each key, and whether the book knows it and its labels."""
        identities = self._book.all_known(keys)
        labels = self._book.all_labels(identities)
        if None not in labels:  # all are known and kept, as of a sender that has been here for a while
            self._labels.update(zip(identities, labels, strict=True))  # type: ignore[arg-type]
            return np.array(identities, dtype=np.int64), np.ones(len(keys), dtype=np.bool_)
        for place, (identity, found) in enumerate(zip(identities, labels, strict=True)):
            if found is not None and identity:
                self._labels[identity] = found
            elif identity:
                identities[place] = None  # its labels were forgotten
        known = np.array([identity is not None for identity in identities], dtype=np.bool_)
        return np.array([identity or DROPPED for identity in identities], dtype=np.int64), known

    def _identity(self, key: bytes, pairs: Callable[[], Pairs]) -> int:
        """Return the identity of one series, decided now where the book does not know it."""
        identity = self._book.known(key)
        if identity is None or (identity and identity not in self._labels):
            labels = None if identity is None else self._book.labels(identity)
            if labels is None:
                labels = checked(pairs())
                identity = self._book.decide(key, labels)
            if identity:
                self._labels[identity] = labels
        return identity or DROPPED

    def _one(self, place: int, raw: bytes, odd: _Odd) -> None:
        """Take one series that is new, has not exactly one sample, or is wrong."""
        where = f"series {self._seen_at(place)}"
        try:
            one = self._dialect.one(raw)
            if one.samples:
                identity = self._identity(one.key, one.pairs)
                odd.places += [place] * len(one.samples)
                odd.series += [identity] * len(one.samples)
                odd.pieces += one.samples
            else:
                checked(one.pairs())
        except ValueError as reason:
            self.counted.refuse(where, str(reason))
            return
        self.counted.exemplars += one.exemplars
        for piece in one.histograms:
            try:
                self._histogram(place, one, piece, odd)
            except ValueError as reason:
                self.counted.refuse(f"{where}, a histogram", str(reason))
        _bound("samples", len(odd.pieces) + self._made, MOST_READINGS)

    def _histogram(self, place: int, one: Series, piece: bytes, odd: _Odd) -> None:
        try:
            message = self._dialect.histogram.FromString(piece)
        except DecodeError as error:
            msg = "its protobuf cannot be read"
            raise ValueError(msg) from error
        found = histogram(message)
        reason = self._off(found.time)
        if reason:
            raise ValueError(reason)
        start = found.start if NOT_SAID < found.start <= found.time and found.start > 0 else NOT_SAID
        self.counted.undated += start != found.start
        self._made += len(found.parts)
        _bound("buckets", self._made, MOST_READINGS)

        @cache
        def base() -> Labels:
            return checked(one.pairs())

        rows = []
        for part in found.parts:
            key = one.key + b"\xff" + (part.suffix + part.le).encode()
            identity = self._identity(key, partial(_part_pairs, part, base))
            if identity:
                rows.append((place, identity, found.time, part.bits, start))
        odd.parts += rows
        self.counted.histograms += 1
        self.counted.dropped += not rows
        if found.kind != "custom":
            self.counted.not_kept[found.kind] = self.counted.not_kept.get(found.kind, 0) + 1

    def _read(self, odd: _Odd) -> tuple[Ints, _Columns]:
        """Return the samples of series looked at one by one, with the place of each."""
        found = samples_of(odd.pieces, self._dialect.sample)
        places, series = np.array(odd.places, dtype=np.int64), np.array(odd.series, dtype=np.int64)
        for place in places[~found.read].tolist():
            self.counted.refuse(f"series {self._seen_at(place)}", "the protobuf of a sample cannot be read")
        if not self._dialect.starts:
            found.starts[:] = NOT_SAID
        read = _Columns(series, found.times, found.values, found.starts).at(found.read)
        return places[found.read], read

    def _checked(self, raws: list[bytes], places: Ints, read: _Columns) -> Flags:
        """Return which samples have an instant that can be, telling of the others; leave out starts after them."""
        good: Flags = (read.times > 0) & (read.times <= self._latest)
        for row in np.flatnonzero(~good).tolist():
            name = ""
            if len(self.counted.problems) < TOLD:
                name = f" {shown(checked(self._dialect.one(raws[places[row]]).pairs()))}"
            where = f"series {self._seen_at(int(places[row]))}{name}"
            self.counted.refuse(where, self._off(int(read.times[row])))
        wrong = (read.starts != NOT_SAID) & ((read.starts <= 0) | (read.starts > read.times))
        read.starts[wrong] = NOT_SAID
        self.counted.undated += int(np.count_nonzero(wrong & good))
        self.counted.samples += int(np.count_nonzero(good))
        self.counted.dropped += int(np.count_nonzero(good & (read.series == DROPPED)))
        return good

    def _keep(self, places: Ints, read: _Columns, odd: _Odd) -> None:
        """Keep readings that somebody needs, in the order their series came."""
        needed = read.series != DROPPED
        places, read = places[needed], read.at(needed)
        if odd.parts:
            parts = np.array(odd.parts, dtype=object)
            bits = parts[:, 3].astype(np.uint64).view(np.float64)
            whole = parts[:, [1, 2, 4]].astype(np.int64)
            read = _joined([read, _Columns(whole[:, 0], whole[:, 1], bits, whole[:, 2])])
            places = np.append(places, parts[:, 0].astype(np.int64))
        if len(places):
            self._columns.append(read.at(np.argsort(places, kind="stable")))
        self._made += len(places) - len(odd.parts)
        _bound("samples", self._made, MOST_READINGS)

    def _off(self, time: int) -> str:
        """Return what is wrong with an instant, or ""."""
        if time <= 0:
            return f"its instant {time} is not after 1970"
        return "" if time <= self._latest else f"its instant {time} is more than 10 minutes ahead of this clock"

    def _seen_at(self, place: int) -> str:
        return f"{self._before + place + 1:,}"


def _bound(what: str, number: int, most: int) -> None:
    if number > most:
        raise Refused(BAD_REQUEST, f"the request has more than {most:,} {what}; send smaller batches")


def _part_pairs(part: Part, base: Callable[[], Labels]) -> Pairs:
    return part.labels(base())


def _without_repetitions(columns: _Columns) -> Ints:
    """Return the rows of readings, those that repeat an earlier one of the same bits left out."""
    by_series = np.argsort(columns.series, kind="stable")
    same = np.diff(columns.series[by_series]) == 0
    doubtful = np.zeros(len(by_series), dtype=np.bool_)
    doubtful[1:] |= same
    doubtful[:-1] |= same
    rows = by_series[doubtful]
    bits = columns.values.view(np.int64)
    rows = rows[np.lexsort((rows, bits[rows], columns.times[rows], columns.series[rows]))]
    keys = np.stack([columns.series[rows], columns.times[rows], bits[rows]])
    again = rows[1:][(np.diff(keys, axis=1) == 0).all(axis=0)]
    return np.delete(np.arange(len(by_series)), again)


def _joined(columns: list[_Columns]) -> _Columns:
    def column(name: str) -> Any:  # noqa: ANN401 - of either type
        return np.concatenate([getattr(c, name) for c in columns])

    return _Columns(column("series"), column("times"), column("values"), column("starts"))
