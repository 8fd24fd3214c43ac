"""Readings of metric series as they arrive: columns of one length, and the label sets they belong to.

A series is known by a number made from its labels alone, so that every process and every restart gives it the same.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from nines.telemetry.counters import NOT_SAID, Floats
from nines.telemetry.series import Flags, Ints

#: Label that holds the name of the metric.
NAME = "__name__"
#: The number of a series that nobody needs.
DROPPED = 0

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """Readings of metric series, in the order they came.

    Attributes:
        series: int64 identity of the series of each reading (`series_identity`), never `DROPPED`.
        times: instants, UTC milliseconds.
        values: what was read, bit for bit: a stale marker is a NaN with bits of its own.
        created: instant from which the value counts, UTC milliseconds, or `NOT_SAID`. For deltas the start.
        delta: whether the value is the increase since `created` instead of a running total.
        labels: identity -> label set, sorted by name, of every series among the readings.
    """

    series: Ints
    times: Ints
    values: Floats
    created: Ints
    delta: Flags
    labels: Mapping[int, Labels]

    def __len__(self) -> int:
        """Return the number of readings."""
        return len(self.series)

    @classmethod
    def empty(cls) -> Readings:
        """Return no readings."""
        none = np.zeros(0, dtype=np.int64)
        return cls(none, none, np.zeros(0), none, np.zeros(0, dtype=np.bool_), {})


def series_identity(labels: Labels) -> int:
    """Return the number of a series: the first eight bytes of SHA-256 over its labels, never `DROPPED`.

    Args:
        labels: name and value, sorted by name, the metric's name among them as `NAME`.

    Example:
        >>> one = series_identity((("__name__", "up"), ("job", "api")))
        >>> one == series_identity((("__name__", "up"), ("job", "web")))
        False
    """
    digest = hashlib.sha256()
    for name, value in labels:
        for part in (name.encode(), value.encode()):
            digest.update(len(part).to_bytes(4, "big"))
            digest.update(part)
    return int.from_bytes(digest.digest()[:8], "big", signed=True) or 1


class SeriesBook:
    """Which series are kept, decided once per label set and remembered by the sender's own bytes.

    A decision is forgotten when the book is full, oldest first, and simply taken again; memory is bounded.
    """

    def __init__(self, keep: Callable[[Mapping[str, str]], bool], *, most: int = 1_000_000) -> None:
        """Begin an empty book.

        Args:
            keep: whether any indicator needs a series with these labels.
            most: decisions remembered at most.
        """
        self._keep, self._most = keep, most
        self._by_bytes: OrderedDict[bytes, int] = OrderedDict()
        self._labels: dict[int, Labels] = {}

    def known(self, key: bytes) -> int | None:
        """Return the identity decided for a sender's bytes (`DROPPED` when nobody needs it), or None when new."""
        return self._by_bytes.get(key)

    def all_known(self, keys: Iterable[bytes]) -> list[int | None]:
        """Return what `known` says of each of many keys."""
        return list(map(self._by_bytes.get, keys))

    def decide(self, key: bytes, labels: Labels) -> int:
        """Decide about a series, remember it by the sender's bytes, and return its identity or `DROPPED`.

        Args:
            key: bytes that always mean these labels.
            labels: name and value, sorted by name.
        """
        identity = series_identity(labels) if self._keep(dict(labels)) else DROPPED
        self._by_bytes[key] = identity
        if identity != DROPPED:
            self._labels[identity] = labels
        if len(self._by_bytes) > self._most:
            _, oldest = self._by_bytes.popitem(last=False)
            self._labels.pop(oldest, None)
        return identity

    def labels(self, identity: int) -> Labels | None:
        """Return the label set of a kept series, or None when it was forgotten: decide again then."""
        return self._labels.get(identity)

    def all_labels(self, identities: Iterable[int | None]) -> list[Labels | None]:
        """Return what `labels` says of each of many series; None of what is no kept one."""
        return list(map(self._labels.get, identities))  # type: ignore[arg-type]  # None is no key


__all__ = ["DROPPED", "NAME", "NOT_SAID", "Labels", "Readings", "SeriesBook", "series_identity"]
