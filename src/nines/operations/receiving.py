"""From a decoded batch to the inbox: the only way by which what senders push becomes durable.

The walk: ask the right, find the sources the batch belongs to, append, and only then return, so that a receiver never
answers for what is not on disk. A request that is sent again has the same key, and counts once.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa

from nines.definitions.load import Definitions
from nines.errors import NotFoundError, NotSignedInError, Problem
from nines.lake.inbox import Unkept
from nines.lake.tables import LABELS_SCHEMA
from nines.objectives.indicator import CounterIndicator, SampleIndicator, ValueIndicator
from nines.operations.house import House
from nines.operations.promises import counter_sides, in_force
from nines.people.rights import Principal, require
from nines.telemetry.datasource import DataSource, SourceType
from nines.telemetry.readings import Readings, SeriesBook
from nines.telemetry.selecting import Interest

#: Decisions about series that one tenant's book remembers.
MOST_SERIES = 1_000_000


@dataclass(slots=True)
class Taken:
    """What became of a batch.

    Attributes:
        rows: rows or readings stored now.
        sources: names of the sources they belong to; () when nobody defined one.
        duplicate: whether the whole batch had been stored before.
    """

    rows: int = 0
    sources: tuple[str, ...] = ()
    duplicate: bool = False


@dataclass(slots=True)
class _Tenant:
    """What is remembered of one tenant between requests."""

    definitions: Definitions
    book: SeriesBook
    stored: dict[str, set[int]] = field(default_factory=dict)


class Intake:
    """The way in of one house: what tenants want of what arrives, remembered between requests.

    Safe for several threads: a tenant's series are looked up under a lock of its own.
    """

    def __init__(self, house: House) -> None:
        """Begin with nothing remembered.

        Args:
            house: where data goes.
        """
        self.house = house
        self._tenants: dict[str, _Tenant] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def lock(self, tenant: str) -> threading.Lock:
        """Return the lock under which a tenant's book is used."""
        with self._guard:
            return self._locks.setdefault(tenant, threading.Lock())

    def book(self, who: Principal, *, now: datetime) -> SeriesBook:
        """Return which series a tenant's indicators need, as defined now; it is used under `lock`.

        Args:
            who: who sends.
            now: present instant.
        """
        require(who, "ingest")
        return self._known(who.tenant, now).book

    def _known(self, tenant: str, now: datetime) -> _Tenant:
        definitions = in_force(self.house, tenant, at=now)
        held = self._tenants.get(tenant)
        if held is None or held.definitions is not definitions:
            stored = held.stored if held is not None else {}
            held = self._tenants[tenant] = _Tenant(definitions, _book(definitions), stored)
        return held

    def events(
        self,
        who: Principal,
        table: pa.Table,
        *,
        kind: SourceType,
        signal: str = "",
        now: datetime,
        key: str | None,
        refused: int = 0,
    ) -> Taken:
        """Store event rows in every source they belong to.

        Args:
            who: who sends.
            table: event columns.
            kind: type of the sources.
            signal: for otlp, the signal they take.
            now: present instant; it becomes the rows' arrival.
            key: idempotency key, or None.
            refused: rows that came with them and could not be read.

        Raises:
            OverloadedError: too much is waiting, or the disk takes no more; nothing is acknowledged.
        """
        require(who, "ingest")
        taken = Taken()
        for source in self.sources(who, kind, signal, now=now) if table.num_rows or refused else ():
            if not table.num_rows:
                self.house.lake.inbox.tally(who.tenant, source.name, {"refused": refused}, arrival=now)
                continue
            unkept: dict[Unkept, int] = {"refused": refused}
            receipt = self.house.lake.append(who.tenant, source.name, table, arrival=now, key=key, unkept=unkept)
            taken.rows += 0 if receipt.duplicate else receipt.rows
            taken.sources = (*taken.sources, source.name)
            taken.duplicate = receipt.duplicate
        return taken

    def into(
        self, who: Principal, source: DataSource, table: pa.Table, *, now: datetime, key: str | None, refused: int = 0
    ) -> Taken:
        """Store event rows in one source.

        Args:
            who: who sends.
            source: in force.
            table: event columns.
            now: present instant.
            key: idempotency key, or None.
            refused: rows that came with them and could not be read.
        """
        require(who, "ingest")
        unkept: dict[Unkept, int] = {"refused": refused}
        if not table.num_rows:
            self.house.lake.inbox.tally(who.tenant, source.name, unkept, arrival=now)
            return Taken(0, (source.name,))
        receipt = self.house.lake.append(who.tenant, source.name, table, arrival=now, key=key, unkept=unkept)
        return Taken(0 if receipt.duplicate else receipt.rows, (source.name,), receipt.duplicate)

    def readings(
        self,
        who: Principal,
        found: Readings,
        *,
        kind: SourceType,
        now: datetime,
        key: str | None,
        book: SeriesBook | None = None,
        unnamed: int = 0,
        refused: int = 0,
    ) -> Taken:
        """Store readings of series in every metric source of a type; label sets first, once per series.

        Args:
            who: who sends.
            found: what a receiver kept of a request.
            kind: type of the sources.
            now: present instant.
            key: idempotency key, or None.
            book: by which they were gathered just now, so that what is in force is asked for once.
            unnamed: readings that came with them, of series that no indicator names.
            refused: readings that came with them and could not be used.
        """
        require(who, "ingest")
        unkept: dict[Unkept, int] = {"unnamed": unnamed, "refused": refused}
        signal = "metrics" if kind == "otlp" else ""
        taken, rows = Taken(), _reading_rows(found)
        held = self._tenants.get(who.tenant)
        if held is None or held.book is not book:
            held = self._known(who.tenant, now)
        for source in _taking(held.definitions, kind, signal) if len(found) or unnamed or refused else ():
            if not len(found):
                self.house.lake.inbox.tally(who.tenant, source.name, unkept, arrival=now)
                continue
            self._label_sets(held, who.tenant, source.name, found, now)
            receipt = self.house.lake.append(
                who.tenant, source.name, rows, arrival=now, kind="samples", key=key, unkept=unkept
            )
            taken.rows += 0 if receipt.duplicate else receipt.rows
            taken.sources = (*taken.sources, source.name)
            taken.duplicate = receipt.duplicate
        return taken

    def _label_sets(self, known: _Tenant, tenant: str, source: str, found: Readings, now: datetime) -> None:
        stored = known.stored
        if source not in stored:
            stored[source] = self.house.lake.known_series(tenant, source)
        held = stored[source]
        fresh = sorted(found.labels.keys() - held)
        if fresh:
            labels = pa.array([list(found.labels[i]) for i in fresh], LABELS_SCHEMA.field("labels").type)
            table = pa.table([pa.array(fresh, pa.int64()), labels], schema=LABELS_SCHEMA)
            self.house.lake.append(tenant, source, table, arrival=now, kind="series")
            held.update(fresh)

    def sources(self, who: Principal, kind: SourceType, signal: str = "", *, now: datetime) -> list[DataSource]:
        """Return the tenant's sources in force of a type, and for otlp of a signal."""
        return _taking(self._known(who.tenant, now).definitions, kind, signal)

    def public_source(self, key: str, origin: str, *, now: datetime) -> tuple[Principal, DataSource]:
        """Return whose rum source has a public key, and who sends to it.

        Args:
            key: the key pages send; it is no secret.
            origin: scheme and host of the page, or "" where the sender is no browser.
            now: present instant.

        Raises:
            NotFoundError: no source has the key.
            NotSignedInError: the source does not take beacons from such a page.
        """
        for tenant in self.house.store.revisions.tenants():
            for source in in_force(self.house, tenant, at=now).sources.values():
                if source.type == "rum" and source.option("key") == key:
                    allowed = source.option("origins").split()
                    if origin and "*" not in allowed and origin not in allowed:
                        fix = f"add {origin} to the origins of DataSource {source.name}"
                        raise NotSignedInError(Problem("origin", "this page may not send here", fix, code="bad-origin"))
                    return Principal.sender(tenant, source.name), source
        raise NotFoundError(Problem("key", "no rum source has this key", "check the page's key", code="no-rum-key"))


def _taking(definitions: Definitions, kind: SourceType, signal: str) -> list[DataSource]:
    return [s for s in definitions.sources.values() if s.type == kind and s.signal == signal]


def _book(definitions: Definitions) -> SeriesBook:
    """Return the book of a tenant's indicators: counters by their selectors; indicators of values see every series."""
    metric = {name for name, source in definitions.sources.items() if source.metric}
    mine = [i for i in definitions.indicators.values() if i.source in metric]
    sides = counter_sides({i.identity: i for i in mine if isinstance(i, CounterIndicator)})
    terms = tuple(term for one in sides.values() for term in one.terms)
    everything = any(isinstance(i, SampleIndicator | ValueIndicator) for i in mine)
    return SeriesBook(Interest(terms, everything=everything).keeps, most=MOST_SERIES)


def _reading_rows(found: Readings) -> pa.Table:
    columns: Mapping[str, pa.Array] = {
        "series": pa.array(found.series, pa.int64()),
        "time": pa.array(found.times, pa.int64()),
        "value": pa.array(found.values, pa.float64()),
        "created": pa.array(found.created, pa.int64()),
        "delta": pa.array(found.delta, pa.bool_()),
    }
    return pa.table(dict(columns))
