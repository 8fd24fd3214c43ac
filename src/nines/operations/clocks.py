"""The clocks of hosts: what spans at rest or in files, and time servers, prove about them."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa

from nines.definitions.load import Definitions
from nines.errors import InputError, Problem
from nines.lake.spans import MOST_SPANS, span_rows
from nines.operations.house import House
from nines.people.rights import Principal, require
from nines.protocols.span_texts import NotSpansError, json_spans
from nines.sources.lines import opened
from nines.sources.ntp import TimeServer, Told, ask, time_servers
from nines.sources.span_columns import span_file, spans_of
from nines.spans import EPOCH
from nines.telemetry.clocks import Interval
from nines.telemetry.clocks_graph import TRUE_TIME
from nines.telemetry.clocks_map import BLUR_NS, OffsetMap, Seen, joined, offset_map

__all__ = ["ClockView", "clocks", "clocks_of_files", "references", "seen_of", "stored_spans", "time_servers"]

#: How much time is looked at unless it is said, and how much at most.
USUAL, LONGEST = timedelta(hours=1), timedelta(days=31)
#: Largest file of spans that is read as JSON, bytes.
LARGEST = 1 << 30
#: How long an answer of time servers serves everybody who asks.
KEPT = timedelta(minutes=1)
_SERVERS_AT_ONCE = 16
_kept: dict[tuple[TimeServer, ...], tuple[datetime, tuple[Told | Problem, ...]]] = {}


@dataclass(frozen=True, slots=True, eq=False)
class ClockView:
    """The clocks of some hosts, as asked.

    Attributes:
        start: first instant looked at, or None for all of a file.
        end: instant after the last, or None.
        found: what they prove.
        told: what time servers answered.
        problems: of map and time servers together.
    """

    start: datetime | None
    end: datetime | None
    found: OffsetMap
    told: tuple[Told, ...]
    problems: tuple[Problem, ...]

    @property
    def bounded(self) -> bool:
        """Whether the clocks of any two hosts are bounded from both sides, or shown to differ in time."""
        return any(p.course.kind != "unbounded" for p in self.found.pairs) or any(t.root for t in self.told)


def clocks(
    house: House,
    who: Principal,
    *,
    start: datetime | None,
    end: datetime | None,
    now: datetime,
    servers: Sequence[TimeServer] = (),
    allow: Sequence[str] = (),
) -> ClockView:
    """Return what the spans of some time, and time servers, prove about clocks.

    Args:
        house: where the spans lie.
        who: who is asking.
        start: earliest end of a span; an hour before `end` unless given.
        end: instant after the latest one; now unless given.
        now: present instant.
        servers: to be asked, each for the clock of a host; they are asked again after a minute.
        allow: addresses and networks that are asked although they would be refused.

    Raises:
        InputError: the time is none, or longer than 31 days.
    """
    require(who, "see")
    until = end or now
    since = start or until - USUAL
    if not timedelta() < until - since <= LONGEST:
        what = f"from {since.isoformat()} to {until.isoformat()} is no time, or more than {LONGEST.days} days"
        raise InputError(Problem("from", what, "ask about a shorter time that ends after it begins", code="bad-span"))
    answers = _answers(tuple(servers), tuple(allow), now)
    told = tuple(a for a in answers if isinstance(a, Told))
    at = _ns(until)
    found = offset_map(stored_spans(house, who.tenant, since, until), at=at, references=references(told, at))
    return ClockView(since, until, found, told, (*found.problems, *(a for a in answers if isinstance(a, Problem))))


def clocks_of_files(files: Sequence[tuple[str, Path]], definitions: Definitions | None = None) -> ClockView:
    """Return what spans in files prove about clocks; nothing is stored.

    Args:
        files: source, or "", and path of each. Without a source a file is JSON: OTLP or Zipkin's, whole or by line.
        definitions: where the sources are defined, or None.

    Raises:
        InputError: a file cannot be used, or names no source; with every problem found.
    """
    parts: list[Seen] = []
    wrong: list[Problem] = []
    for name, path in files:
        try:
            parts.append(_read(name, path, definitions))
        except InputError as error:
            wrong += error.problems
    if wrong:
        raise InputError(*wrong)
    found = offset_map(joined(parts))
    return ClockView(None, None, found, (), found.problems)


def stored_spans(house: House, tenant: str, start: datetime, end: datetime, seq: int | None = None) -> Seen:
    """Return the spans at rest that ended within [start, end).

    Args:
        house: where they lie.
        tenant: owner.
        start: earliest end.
        end: instant after the latest one.
        seq: last sequence to see, or None for all.
    """
    return seen_of(span_rows(house.lake, tenant, start, end, seq))


def seen_of(table: pa.Table) -> Seen:
    """Return rows of the lake's shape as spans; they are cut to microseconds.

    Args:
        table: as `span_rows` gives it.
    """
    return spans_of(table.slice(0, MOST_SPANS), BLUR_NS, cut=table.num_rows > MOST_SPANS)


def references(told: Sequence[Told], at: int) -> dict[tuple[str, str], Interval]:
    """Return what time servers prove at an instant: each against this machine, and against true time.

    Args:
        told: their answers.
        at: instant, nanoseconds UTC; bounds of another time are widened.
    """
    here = socket.gethostname()
    found: dict[tuple[str, str], Interval] = {}
    for one in told:
        age = abs(at - one.at)
        if one.server.host != here:
            found[here, one.server.host] = one.offset.widened(age)
        if one.root is not None:
            found[TRUE_TIME, one.server.host] = one.root.widened(age)
    return found


def _answers(servers: tuple[TimeServer, ...], allow: tuple[str, ...], now: datetime) -> tuple[Told | Problem, ...]:
    """Return what time servers said within the last minute, asking them together when that is over."""
    if not servers:
        return ()
    held = _kept.get(servers)
    if held is not None and abs(now - held[0]) < KEPT and not allow:
        return held[1]
    with ThreadPoolExecutor(min(len(servers), _SERVERS_AT_ONCE)) as pool:
        found = tuple(pool.map(lambda one: ask(one, allow=allow), servers))
    _kept.clear()
    _kept[servers] = now, found
    return found


def _read(name: str, path: Path, definitions: Definitions | None) -> Seen:
    if name:
        source = definitions.sources.get(name) if definitions is not None else None
        if source is None:
            fix = "name the file that defines it with --definitions"
            raise InputError(Problem(name, "there is no such DataSource", fix, code="unknown-datasource"))
        return span_file(path, source)
    with opened(path) as file:
        text = file.read(LARGEST + 1)
    if len(text) > LARGEST:
        raise InputError(Problem(str(path), "the file is larger than 1 GiB", "split it by time", code="too-large"))
    try:
        return json_spans(text)
    except NotSpansError as error:
        fix = "give OTLP or Zipkin JSON, or SOURCE=FILE with --definitions for other formats"
        raise InputError(Problem(str(path), str(error), fix, code="no-spans")) from error


def _ns(at: datetime) -> int:
    return (at - EPOCH) // EPOCH.resolution * 1000
