"""Evaluate from files alone: definitions and measurements in, standings out, nothing stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa

from nines.definitions.load import Definitions, load
from nines.errors import InputError, Problem
from nines.evaluation.evidence import CoveredEvents
from nines.evaluation.scopes import ScopeFigure
from nines.evaluation.standing import Standing
from nines.lake.rows import Rows
from nines.objectives.exclusion import Exclusion
from nines.objectives.indicator import EventIndicator, Indicator, ValueIndicator, members
from nines.operations.clocks import seen_of
from nines.operations.evidence import Bench, scopes_of
from nines.sources.read import read_file
from nines.telemetry.clocks_map import Seen, joined
from nines.telemetry.datasource import DataSource
from nines.telemetry.series import MinuteSeries, empty_series
from nines.telemetry.settling import Learnt
from nines.telemetry.sketch import Sketch


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """What an evaluation from files gives.

    Attributes:
        standings: in the order of the definitions.
        problems: of definitions and files, warnings included.
        scopes: name@window -> figures by event, window and session, for objectives that count events.
    """

    standings: list[Standing]
    problems: tuple[Problem, ...]
    scopes: dict[str, tuple[ScopeFigure, ...]] = field(default_factory=dict)


@dataclass
class FileMeasurements:
    """Measurements read for one question; `Measurements` over rows in memory."""

    rows: dict[str, Rows]
    found: dict[str, tuple[Problem, ...]] = field(default_factory=dict)

    @property
    def data_version(self) -> int | None:
        """None: files have no flushes."""
        return None

    def series(self, indicator: Indicator, source: DataSource, start: int, end: int) -> MinuteSeries:
        """Return the counts of an indicator; silence where its source has no file."""
        rows = self.rows.get(source.name)
        return empty_series(start, end - start) if rows is None else rows.series(indicator, source, start, end)

    def series_many(self, wanted: Sequence[tuple[Indicator, DataSource]], start: int, end: int) -> list[MinuteSeries]:
        """Return the counts of several indicators for the minutes [start, end)."""
        return [self.series(*w, start, end) for w in wanted]

    def by_site(
        self, indicator: EventIndicator, source: DataSource, sites: Sequence[str], start: int, end: int
    ) -> dict[str, MinuteSeries]:
        """Return the counts of an indicator at each site; silence where its source has no file."""
        rows = self.rows.get(source.name)
        if rows is None:
            return {site: empty_series(start, end - start) for site in sites}
        return rows.by_site(indicator, source, sites, start, end)

    def covered(
        self, indicator: Indicator, source: DataSource, exclusions: tuple[Exclusion, ...], start: int, end: int
    ) -> tuple[CoveredEvents, ...] | None:
        """Return the events that exclusions cover, or None where there are no rows to look at."""
        rows = self.rows.get(source.name)
        return None if rows is None else rows.covered(indicator, source, exclusions, start, end)

    def sketch(self, indicator: ValueIndicator, source: DataSource, start: int, end: int) -> Sketch:
        """Return the values of an indicator."""
        rows = self.rows.get(source.name)
        return Sketch.of([], indicator.relative_error) if rows is None else rows.sketch(indicator, start, end)

    def measured(self, indicator: EventIndicator, source: DataSource, start: int, end: int) -> MinuteSeries:
        """Return the counts of an indicator that nobody defined."""
        return self.series(indicator, source, start, end)

    def learnt(self, source: DataSource) -> Learnt | None:  # noqa: ARG002 - rows of files have no arrival
        """Return None: nobody knows when rows of files came."""
        return None

    def problems(self, source: str) -> tuple[Problem, ...]:
        """Return what went wrong while a source's files were read."""
        return self.found.get(source, ())

    def spans(self, start: datetime, end: datetime) -> Seen:
        """Return the spans that ended within [start, end), of every file."""
        return joined([seen_of(rows.spans(start, end)) for rows in self.rows.values()])


def event_files(texts: Sequence[str]) -> list[tuple[str, Path]]:
    """Return source and path of each `[SOURCE=]FILE`; the source is "" where none is named.

    Args:
        texts: as given on the command line. A name before `=` that holds a slash is part of the path.
    """
    found = []
    for text in texts:
        name, sign, path = text.partition("=")
        found.append((name, Path(path)) if sign and "/" not in name else ("", Path(text)))
    return found


def evaluate_files(
    paths: Sequence[Path],
    events: Sequence[tuple[str, Path]],
    *,
    at: datetime | None,
    known_at: datetime | None,
    strict: bool = False,
    tenant: str = "default",
) -> FileAnswer:
    """Give the standing of every objective the definitions hold.

    Args:
        paths: files or folders of definitions.
        events: source (or "" when the definitions have only one) and file of measurements.
        at: instant asked about, or None for just after the last row.
        known_at: leave out rows that arrived later, or None; files say nothing of arrival, so each row counts as
            having arrived when it happened.
        strict: refuse files that have a line which cannot be read.
        tenant: that the standings name.

    Raises:
        InputError: definitions or files are wrong; with every problem found.
    """
    definitions = load(paths)
    if definitions.errors:
        raise InputError(*definitions.problems)
    rows, problems = file_rows(definitions, events, known_at=known_at, strict=strict)
    instant = at or after_last(rows, problems)
    bench = Bench(definitions, definitions.exclusions, FileMeasurements(rows, problems))
    standings = [bench.standing(replace(o, tenant=tenant), instant, known_at) for o in definitions.objectives]
    noted = tuple(p for found in problems.values() for p in found)
    counting = [o for o in definitions.objectives if isinstance(definitions.indicators[o.indicator], EventIndicator)]
    scopes = {o.key: scopes_of(bench, bench.settled(o), instant) for o in counting}
    return FileAnswer(standings, (*definitions.problems, *noted, *_unread(definitions, rows)), scopes)


def file_rows(
    definitions: Definitions, events: Sequence[tuple[str, Path]], *, known_at: datetime | None, strict: bool = False
) -> tuple[dict[str, Rows], dict[str, tuple[Problem, ...]]]:
    """Return the rows of every file, and what could not be read of it, by source.

    Args:
        definitions: of the sources.
        events: source (or "" when there is only one) and file of measurements.
        known_at: leave out later rows, or None.
        strict: refuse files that have a line which cannot be read.

    Raises:
        InputError: a file cannot be used, or names no source; with every problem found.
    """
    tables, problems = read_events(definitions, events, strict=strict)
    rows = {
        name: Rows(pa.concat_tables(parts), until=known_at, replacing=definitions.sources[name].replaces)
        for name, parts in tables.items()
    }
    return rows, problems


def read_events(
    definitions: Definitions, events: Sequence[tuple[str, Path]], *, strict: bool
) -> tuple[dict[str, list[pa.Table]], dict[str, tuple[Problem, ...]]]:
    """Read every file of measurements, by source.

    Raises:
        InputError: a file cannot be used, or names no source; with every problem found.
    """
    tables: dict[str, list[pa.Table]] = {}
    noted: dict[str, tuple[Problem, ...]] = {}
    refused: list[Problem] = []
    for name, path in events:
        try:
            source = source_for(definitions, name, path)
            result = read_file(path, source)
        except InputError as error:
            refused.extend(error.problems)
            continue
        if strict and result.bad_rows:
            refused.extend(result.problems)
        tables.setdefault(source.name, []).append(result.table)
        noted[source.name] = (*noted.get(source.name, ()), *(_as_warning(p) for p in result.problems))
    if refused:
        raise InputError(*refused)
    return tables, noted


def _as_warning(problem: Problem) -> Problem:
    return Problem(problem.where, problem.what, problem.fix, "warning", problem.code)


def source_for(definitions: Definitions, name: str, path: Path) -> DataSource:
    """Return the DataSource a file belongs to: the named one, or the only one.

    Raises:
        InputError: there is none of that name, or there are several and none is named.
    """
    known = ", ".join(sorted(definitions.sources)) or "none"
    if name and name not in definitions.sources:
        raise InputError(
            Problem(str(path), f"there is no DataSource {name!r}", f"defined are: {known}", code="unknown-datasource")
        )
    if name:
        return definitions.sources[name]
    if len(definitions.sources) != 1:
        fix = f"write SOURCE={path}, with SOURCE one of: {known}"
        raise InputError(
            Problem(str(path), "it does not say which DataSource it belongs to", fix, code="which-datasource")
        )
    return next(iter(definitions.sources.values()))


def after_last(rows: dict[str, Rows], problems: Mapping[str, tuple[Problem, ...]]) -> datetime:
    """Return the end of the minute of the last row, which is as far as files know.

    Args:
        rows: by source.
        problems: what could not be read, by source.

    Raises:
        InputError: no row could be read; with why.
    """
    last = [r.last for r in rows.values() if r.last is not None]
    if not last:
        what = "there is no row that can be read to take an instant from"
        noted = (p for found in problems.values() for p in found)
        raise InputError(*noted, Problem("--events", what, "mend the files, or state --at", code="no-rows"))
    return max(last).replace(second=0, microsecond=0) + timedelta(minutes=1)


def _unread(definitions: Definitions, rows: dict[str, Rows]) -> list[Problem]:
    used = {m.source for i in definitions.indicators.values() for m in members(i)}
    return [
        Problem(
            f"source {name}",
            "no file was given for it, so its indicators read as unknown",
            f"add --events {name}=FILE",
            "warning",
            "no-events",
        )
        for name in sorted(used - set(rows))
    ]
