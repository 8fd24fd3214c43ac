"""Fetch rows and readings from sources that are asked: pages of metrics, databases, tables in stores, followed files.

Each source is asked at its own interval, and one that fails keeps no other from being asked. What was stored is
known by keys, ids and marks on disk, so that a kill at any instant neither loses a row nor counts one twice.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa

from nines.errors import DependencyError, InputError, NinesError, Problem
from nines.operations.house import House
from nines.operations.promises import in_force
from nines.operations.receiving import Intake
from nines.people.rights import Principal, require
from nines.protocols.exposition import OPENMETRICS, Sample, parse
from nines.reading import duration
from nines.sources import lakefiles, tailing
from nines.sources.scrape import METRICS, Fetched, fetch_page
from nines.sources.sql import read_sql
from nines.sources.tailing_marks import Marks
from nines.telemetry.datasource import DataSource, SourceType
from nines.telemetry.readings import DROPPED, NAME, NOT_SAID, Labels, Readings, SeriesBook

log = logging.getLogger("nines.pulling")

#: Time between two looks at a source that states none.
INTERVAL: Mapping[SourceType, str] = {"scrape": "15s", "sql": "1m", "delta": "1m"}
FOLLOW_INTERVAL = "5s"
#: How far a database's first look reaches back, and how far every look reaches back behind the last row, if not stated.
HISTORY, OVERLAP = "1d", "10m"
#: A source that fails waits longer each time, up to so many intervals; pages of metrics never do: a failure is a fact.
LONGEST_WAIT = 16
#: Targets that are asked at once, and pieces of a followed file that one look stores at most.
AT_ONCE = 16
MOST_PIECES = 64
#: Ids of a database remembered, so that the overlap is not stored again at every look.
MOST_IDS = 200_000
_KEPT = 16


@dataclass(frozen=True, slots=True)
class Around:
    """What a face knows of the world around.

    Attributes:
        secrets: what `${NAME}` in a definition stands for.
        roots: folders below which files may be read, or () for any; an installation's own folder is never one.
    """

    secrets: Mapping[str, str] = field(default_factory=dict)
    roots: tuple[Path, ...] = ()


@dataclass(slots=True)
class Pulled:
    """What looks came to.

    Attributes:
        rows: rows and readings stored now.
        problems: what went wrong or was odd; a source that failed has an error.
    """

    rows: int = 0
    problems: tuple[Problem, ...] = ()


class _OneSource(Intake):
    """The way in for readings that belong to one source, however many there are of its type."""

    only: str = ""

    def sources(self, who: Principal, kind: SourceType, signal: str = "", *, now: datetime) -> list[DataSource]:
        return [s for s in super().sources(who, kind, signal, now=now) if s.name == self.only]


@dataclass(slots=True)
class _Turn:
    """When a source is asked next, and what is remembered of it."""

    due: datetime | None = None
    failures: int = 0
    last: datetime | None = None
    ids: OrderedDict[tuple[str, datetime], None] = field(default_factory=OrderedDict)


class Puller:
    """Asks the fetched sources of one installation when their time has come."""

    def __init__(self, house: House, around: Around | None = None) -> None:
        """Begin with everything due.

        Args:
            house: where to.
            around: secrets and folders, or None for neither.
        """
        self.house, self.around = house, around or Around()
        self._intake = _OneSource(house)
        self._marks = Marks(house.folder / "pulled.sqlite")
        self._turns: dict[tuple[str, str], _Turn] = {}

    def pull(self, who: Principal, *, now: datetime) -> Pulled:
        """Ask every source that is due.

        Args:
            who: who does it.
            now: present instant.
        """
        require(who, "ingest")
        found = Pulled()
        for source in in_force(self.house, who.tenant, at=now).sources.values():
            turn = self._turns.setdefault((who.tenant, source.name), _Turn())
            if not source.fetched or (turn.due is not None and now < turn.due):
                continue
            one = self.ask(who, source, now=now)
            found.rows += one.rows
            found.problems += one.problems
        for problem in found.problems:
            log.warning("%s", problem)
        return found

    def ask(self, who: Principal, source: DataSource, *, now: datetime) -> Pulled:
        """Look at one source now, and decide when it is due next; a failure becomes a problem.

        Args:
            who: who does it.
            source: in force.
            now: present instant.
        """
        turn = self._turns.setdefault((who.tenant, source.name), _Turn())
        try:
            found = self.look(who, source, now=now)
            turn.failures = 0
        except NinesError as error:
            turn.failures += 1
            found = Pulled(0, tuple(_of(source, p) for p in error.problems))
        wait = 1 if source.type == "scrape" else min(2**turn.failures, LONGEST_WAIT)
        turn.due = now + interval_of(source) * wait
        return found

    def look(self, who: Principal, source: DataSource, *, now: datetime) -> Pulled:
        """Fetch what is new of one source, whether it is due or not.

        Args:
            who: who does it.
            source: in force, of a fetched type.
            now: present instant.

        Raises:
            InputError: the source is defined wrongly, or what it gives does not fit its definition.
            DependencyError: it cannot be read; what was stored before that stays, and is not stored again.
            OverloadedError: the inbox takes no more.
        """
        require(who, "ingest")
        self._refuse_own(source)
        turn = self._turns.setdefault((who.tenant, source.name), _Turn())
        deeds: dict[str, Callable[..., Pulled]] = {"scrape": self._scrape, "sql": self._sql, "delta": self._delta}
        return deeds.get(source.type, self._follow)(who, source, turn, now)

    def _refuse_own(self, source: DataSource) -> None:
        """Refuse files of the installation itself, and those outside of the folders that were named."""
        url = source.option("url").partition("?")[0]
        data = [source.option("follow"), source.option("path").removeprefix("file://")]
        data += ["/" + url.partition(":///")[2].lstrip("/")] if url.startswith("sqlite") else []
        secret = [source.option(name) for name in ("password_file", "token_file", "storage_file")]
        roots = [root.resolve() for root in self.around.roots]
        for text in filter(None, data + secret):
            path = Path(text).resolve()
            own = path.is_relative_to(self.house.folder.resolve())
            outside = roots and text in data and not any(path.is_relative_to(root) for root in roots)
            if own or (outside and text.startswith("/")):
                fix = "name one that the server may read"
                raise InputError(Problem(text, "this file is not read", fix, code="refused-path"))

    def _scrape(self, who: Principal, source: DataSource, turn: _Turn, now: datetime) -> Pulled:  # noqa: ARG002 - alike
        """Look at every target once; `up` says of each whether its whole page could be read."""
        urls = source.option("url").split()
        with ThreadPoolExecutor(max_workers=min(AT_ONCE, len(urls))) as pool:
            pages = list(pool.map(lambda url: _page(source, url, now), urls))
        samples, problems = list[Sample](), list[Problem]()
        for page in pages:
            samples += page.samples
            problems += page.problems
        book = self._intake.book(who, now=now)
        with self._intake.lock(who.tenant):
            self._intake.only = source.name
            kept = [(identity, s) for s in samples if (identity := _identity(book, s[0])) != DROPPED]
            key = f"scrape/{now.isoformat()}"
            unnamed = len(samples) - len(kept)
            taken = self._intake.readings(who, _readings(kept), kind="scrape", now=now, key=key, unnamed=unnamed)
        return Pulled(taken.rows, tuple(problems))

    def _sql(self, who: Principal, source: DataSource, turn: _Turn, now: datetime) -> Pulled:
        """Read a database from a little behind the last row on; ids make rows that are read again count once."""
        if turn.last is None:
            held = {f.source: f.last for f in self.house.lake.freshness(who.tenant)}
            turn.last = held.get(source.name)
        overlap = duration(source.option("overlap", OVERLAP))
        history = now - duration(source.option("history", HISTORY))
        since = history if turn.last is None else min(turn.last, now) - overlap
        found = Pulled()
        for part in read_sql(source, since=since, until=now, secrets=self.around.secrets):
            new = _unseen(part.table, turn)
            found.rows += self._store(who, source, new, now, None, part.bad_rows)
            found.problems += part.problems
            times = part.table.column("time").to_pylist()
            turn.last = max((t for t in (turn.last, *times) if t is not None), default=None)
            _remember(turn, new, since - overlap)
        return found

    def _delta(self, who: Principal, source: DataSource, turn: _Turn, now: datetime) -> Pulled:  # noqa: ARG002 - alike
        """Store the new files of a table or folder, one after the other."""
        of = who.tenant, source.name
        look = lakefiles.look(source, self._marks.of(*of), self._marks.items(*of))
        found, unread = Pulled(problems=look.problems), list[Problem]()
        for file in look.files:
            try:
                for part in lakefiles.read_parts(source, look.store, file):
                    found.rows += self._store(who, source, part.table, now, part.key, part.bad_rows)
                    found.problems += part.problems
            except InputError as error:
                unread += error.problems
                continue
            self._marks.add(*of, [(file.name, file.mark)])
        if unread:  # what is whole is stored; the others are tried again
            raise InputError(*found.problems, *unread)
        if look.mark:
            self._marks.put(*of, look.mark)
        return found

    def _follow(self, who: Principal, source: DataSource, turn: _Turn, now: datetime) -> Pulled:  # noqa: ARG002 - alike
        """Store the new whole lines of a file: the plan is kept first, then the rows, then the place."""
        of, found = (who.tenant, source.name), Pulled()
        mark = self._marks.of(*of)
        place = None if mark is None else tailing.Place.of(mark)
        for _ in range(MOST_PIECES):
            step = tailing.next_step(source, place)
            piece = None if step.file is None else tailing.read_piece(source, step)
            if step.place != place:
                self._marks.put(*of, step.place.mark())
            place = step.place
            found.problems += step.problems
            if piece is None:
                if step.again:
                    continue
                break
            found.rows += self._store(who, source, piece.table, now, place.key, piece.bad_rows)
            found.problems += piece.problems
            place = piece.after
            self._marks.put(*of, place.mark())
        return found

    def _store(
        self, who: Principal, source: DataSource, table: pa.Table, now: datetime, key: str | None, bad: int
    ) -> int:
        if not table.num_rows and not bad:
            return 0
        return self._intake.into(who, source, table, now=now, key=key, refused=bad).rows


def _of(source: DataSource, problem: Problem) -> Problem:
    """Return a problem that names its source."""
    named = source.name in problem.where
    return problem if named else replace(problem, where=f"{source.name}: {problem.where}".removesuffix(": "))


def interval_of(source: DataSource) -> timedelta:
    """Return the time between two looks at a source."""
    return duration(source.option("interval", INTERVAL.get(source.type, FOLLOW_INTERVAL)))


@dataclass(frozen=True, slots=True)
class _Seen:
    samples: list[Sample]
    problems: tuple[Problem, ...]


def _page(source: DataSource, url: str, now: datetime) -> _Seen:
    """Return the readings of one target, `up` among them; a target that fails has only that."""
    now_ms = int(now.timestamp() * 1000)
    parts = urlsplit(url)
    instance = parts.netloc if parts.port else f"{parts.hostname}:{443 if parts.scheme == 'https' else 80}"
    target = {"job": source.option("job", source.name), "instance": instance}
    try:
        fetched: Fetched = fetch_page(
            url, accept=METRICS, token_file=source.option("token_file"),
            timeout_s=float(source.option("timeout_s", "10")),
        )  # fmt: skip
        page = parse(fetched.body, now_ms=now_ms, openmetrics=fetched.kind == OPENMETRICS or None)
        samples, problems, whole = page.samples, page.problems, page.whole and not page.bad_lines
    except (DependencyError, InputError) as error:
        samples, problems, whole = [], error.problems, False
    mine = [(_with_target(labels, target), v, t, c) for labels, v, t, c in samples]
    up = tuple(sorted({NAME: "up", **target}.items()))
    told = tuple(replace(p, where=f"{source.name}: {url} {p.where}".replace(f"{url} {url}", url)) for p in problems)
    return _Seen([*mine, (up, float(whole), now_ms, NOT_SAID)], told)


def _with_target(labels: Labels, target: Mapping[str, str]) -> Labels:
    """Return labels with the target's; where a page has such names of its own they are kept as exported_..."""
    own = {f"exported_{name}" if name in target else name: value for name, value in labels}
    return tuple(sorted({**own, **target}.items()))


def _identity(book: SeriesBook, labels: Labels) -> int:
    key = "\x00".join(part for pair in labels for part in pair).encode()
    known = book.known(key)
    return book.decide(key, labels) if known is None or (known and book.labels(known) is None) else known


def _readings(kept: list[tuple[int, Sample]]) -> Readings:
    """Return readings in columns."""
    return Readings(
        series=np.array([i for i, _ in kept], dtype=np.int64),
        times=np.array([s[2] for _, s in kept], dtype=np.int64),
        values=np.array([s[1] for _, s in kept], dtype=np.float64),
        created=np.array([s[3] for _, s in kept], dtype=np.int64),
        delta=np.zeros(len(kept), dtype=np.bool_),
        labels={i: s[0] for i, s in kept},
    )


def _unseen(table: pa.Table, turn: _Turn) -> pa.Table:
    """Return the rows whose id and time were not stored a moment ago."""
    pairs = zip(table.column("id").to_pylist(), table.column("time").to_pylist(), strict=True)
    return table.filter(pa.array([pair not in turn.ids for pair in pairs], pa.bool_()))


def _remember(turn: _Turn, stored: pa.Table, before: datetime) -> None:
    """Remember ids that were stored, and forget those that no look reaches back to."""
    for pair in zip(stored.column("id").to_pylist(), stored.column("time").to_pylist(), strict=True):
        turn.ids[pair] = None
    while turn.ids and (len(turn.ids) > MOST_IDS or next(iter(turn.ids))[1] < before):
        turn.ids.popitem(last=False)


#: Pullers by their installation: what is due and what is remembered outlives a call.
_pullers: OrderedDict[int, Puller] = OrderedDict()


def pull_rows(house: House, who: Principal, *, now: datetime, around: Around | None = None) -> Pulled:
    """Ask every fetched source of a tenant that is due.

    Args:
        house: where to.
        who: who does it.
        now: present instant.
        around: secrets and folders as a face knows them, or None for those of the call before.

    Returns:
        How many rows came, and what went wrong; nothing is raised for a source that fails.
    """
    if not any(source.fetched for source in in_force(house, who.tenant, at=now).sources.values()):
        return Pulled()
    held = _pullers.get(id(house))
    if held is None or held.house is not house:
        held = _pullers[id(house)] = Puller(house, around)
        while len(_pullers) > _KEPT:
            _pullers.popitem(last=False)
    held.around = around or held.around
    return held.pull(who, now=now)


__all__ = ["Around", "Pulled", "Puller", "interval_of", "pull_rows"]
