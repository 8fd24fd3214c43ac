"""What every collector gives: tables for a source, and label sets before the readings that need them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
import pyarrow as pa

from nines.operations.queueing import Kind
from nines.protocols.arrow_batch import MOST_ROWS, SCHEMAS
from nines.telemetry.readings import NAME, NOT_SAID, Labels, series_identity

#: Series that one collector remembers; beyond them it forgets all and sends label sets again.
MOST_SERIES = 1_000_000

#: Labels, value, instant and creation (or `NOT_SAID`), both UTC milliseconds.
Reading = tuple[Labels, float, int, int]


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is collected now.

    Attributes:
        one_in: of so many events one is kept, with its weight.
        stretch: intervals are so many times as long.
        collects: whether anything is collected beside the agent's own figures.
    """

    one_in: int = 1
    stretch: int = 1
    collects: bool = True


@dataclass(frozen=True, slots=True)
class Gathered:
    """Something for the queue.

    Attributes:
        source: DataSource it belongs to.
        kind: what its rows are.
        table: rows; none just moves the mark.
        mark: how far was read, or None.
    """

    source: str
    kind: Kind
    table: pa.Table
    mark: str | None = None


class Collector(Protocol):
    """Something that is looked at again and again.

    Attributes:
        name: what tells it from all others of this agent, also after a restart.
        interval_s: time between two looks, seconds.
        first_s: time until the first, seconds.
    """

    name: str
    interval_s: float
    first_s: float

    def collect(self, at: datetime, effort: Effort) -> Iterator[Gathered]:
        """Yield what there is; each is on disk when the next is asked for.

        Args:
            at: present instant.
            effort: how much to collect.

        Raises:
            NinesError: it cannot be looked at now.
        """


def labels_of(name: str, /, **labels: str) -> Labels:
    """Return the labels of a series, sorted; empty ones are left out.

    Example:
        >>> labels_of("up", job="shop", site="")
        (('__name__', 'up'), ('job', 'shop'))
    """
    return tuple(sorted({NAME: name, **{k: v for k, v in labels.items() if v}}.items()))


class SeriesWriter:
    """Turns readings into batches for one source."""

    def __init__(self, source: str, known: set[int]) -> None:
        """Begin.

        Args:
            source: DataSource of readings.
            known: series whose label sets wait in the queue already.
        """
        self._source, self._known = source, known
        self._numbers: dict[Labels, int] = {}

    def write(self, readings: Iterable[Reading]) -> Iterator[Gathered]:
        """Yield label sets that are new, then the readings."""
        rows = [(self._number(labels), value, time, created) for labels, value, time, created in readings]
        fresh = {number: labels for labels, number in self._numbers.items() if number not in self._known}
        if fresh:
            sets = pa.array([list(labels) for labels in fresh.values()], SCHEMAS["series"].field("labels").type)
            yield Gathered(
                self._source, "series", pa.table([pa.array(fresh, pa.int64()), sets], SCHEMAS["series"].names)
            )
            self._known |= fresh.keys()
        for at in range(0, len(rows), MOST_ROWS):
            yield Gathered(self._source, "samples", _table(rows[at : at + MOST_ROWS]))

    def _number(self, labels: Labels) -> int:
        number = self._numbers.get(labels)
        if number is None:
            if len(self._numbers) >= MOST_SERIES:
                self._numbers.clear()
                self._known.clear()
            number = self._numbers[labels] = series_identity(labels)
        return number


def _table(rows: list[tuple[int, float, int, int]]) -> pa.Table:
    series, values, times, created = zip(*rows, strict=True)
    return pa.table(
        [
            pa.array(series, pa.int64()), pa.array(times, pa.int64()), pa.array(np.array(values, dtype=np.float64)),
            pa.array(created, pa.int64()), pa.array(np.zeros(len(rows), dtype=np.bool_)),
        ],
        schema=SCHEMAS["samples"],
    )  # fmt: skip


__all__ = ["NOT_SAID", "Collector", "Effort", "Gathered", "Reading", "SeriesWriter", "labels_of"]
