"""What an edge agent reads where it stands: a page of metrics, lines of a log, the result of a probe.

Heavy parts are imported where they are used: an agent that only scrapes has to stay small.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from nines.errors import InputError, NinesError, Problem
from nines.protocols.exposition import OPENMETRICS, Page, parse
from nines.sources.scrape import METRICS, fetch_page
from nines.telemetry.datasource import DataSource
from nines.telemetry.journey import Journey

if TYPE_CHECKING:
    from nines.sources.columns import Raw


def metrics_page(url: str, *, now: datetime, token_file: str = "", timeout_s: float = 10.0) -> Page:
    """Return the page of metrics at an address.

    Args:
        url: http or https.
        now: instant of readings that state none.
        token_file: file that holds a bearer token, or "".
        timeout_s: patience with the whole answer, seconds, > 0.

    Raises:
        InputError: the address is refused, or the page is too long.
        DependencyError: it cannot be reached, or answers with something else.
    """
    fetched = fetch_page(url, accept=METRICS, token_file=token_file, timeout_s=timeout_s)
    return parse(fetched.body, now_ms=int(now.timestamp() * 1000), openmetrics=fetched.kind == OPENMETRICS)


@dataclass(frozen=True, slots=True)
class Lines:
    """What some lines gave.

    Attributes:
        table: event rows.
        bad: lines that could not be read.
        problems: the first of them, told.
    """

    table: pa.Table
    bad: int
    problems: tuple[Problem, ...]


def log_lines(path: Path, data: bytes, source: DataSource, scratch: Path) -> Lines:
    """Return lines of a log as event rows, by the same rules as a whole file.

    Args:
        path: where they stand, for problems.
        data: whole lines.
        source: its type says the format, its columns what is what.
        scratch: folder for a passing file.

    Raises:
        InputError: the source's columns are no expressions, or its type is none of lines.
    """
    from nines.sources.columns import EVENT_TYPES, typed
    from nines.sources.findings import Findings
    from nines.sources.read import READERS

    reader = READERS.get(source.type)
    if reader is None:
        raise InputError(Problem(str(path), f"{source.type} is no format of lines", "", code="not-a-file-source"))
    findings = Findings()
    with tempfile.NamedTemporaryFile(dir=scratch, prefix="lines-") as file:
        file.write(data)
        file.flush()
        found = Path(file.name)
        raws = [_with_columns(raw, source) for raw in reader(found, source, findings)]
        parts = [typed(raw, source, found, findings) for raw in raws]
    table = pa.concat_tables(parts) if parts else EVENT_TYPES.empty_table()
    # A line's number counts from where the portion began, so it would only mislead.
    return Lines(table, findings.bad_rows, tuple(replace(p, where=str(path)) for p in findings.problems))


def _with_columns(raw: Raw, source: DataSource) -> Raw:
    """Return rows with every column that the mapping names: a few lines need not have them all."""
    names = set(raw.table.column_names)
    wanted = {"time"} if "time" not in dict(source.columns) else set[str]()
    for expression in dict(source.columns).values():
        wanted |= {expression} & names or _columns_of(expression)
    table = raw.table
    for name in sorted(wanted - names):
        table = table.append_column(name, pa.nulls(table.num_rows, pa.string()))
    return replace(raw, table=table)


def _columns_of(expression: str) -> set[str]:
    from nines.predicates import column_expression

    try:
        return set(column_expression(expression, where="columns").columns)
    except NinesError:
        return {expression}


def probe_of(file: Path, name: str | None) -> Journey:
    """Return a probe of a file.

    Args:
        file: of definitions.
        name: which probe, or None for its only one.

    Raises:
        InputError: there is no such probe, or a mistake in the file.
    """
    from nines.operations.probing import read_probes

    found, _ = read_probes([file])
    chosen = [one for one in found if name in {None, one.name}]
    if len(chosen) != 1:
        what = "it has several probes" if name is None else f"there is no probe {name!r}"
        fix = f"name one of {', '.join(one.name for one in found)}"
        raise InputError(Problem(str(file), what, fix, code="unknown-probe"))
    return chosen[0]


def probe_start(journey: Journey, location: str | None, *, now: datetime) -> tuple[datetime, datetime]:
    """Return when a probe's next run begins here, and the instant of the schedule that it is for.

    Args:
        journey: the probe.
        location: where this is, or None when it has only one.
        now: present instant.

    Raises:
        InputError: the location is none of its.
    """
    from nines.operations.probing import Manner, check_place, due

    slot = due(journey, check_place(journey, location), Manner(secrets={}), after=now)[0]
    return slot.begins, slot.scheduled


def probe_rows(
    journey: Journey, location: str | None, secrets: Mapping[str, str], *, now: datetime, scheduled: datetime
) -> pa.Table:
    """Run a probe once and return what it shows as event rows; none when nobody can tell.

    Args:
        journey: the probe.
        location: where this is, or None when it has only one.
        secrets: name -> secret.
        now: present instant.
        scheduled: instant of the schedule it is run for.

    Raises:
        InputError: the location is none of its, a secret is missing, or an address must not be asked.
    """
    from nines.operations.probing import Manner, try_probe
    from nines.probes.rows import event_rows

    manner = Manner(secrets=secrets)
    return event_rows(try_probe(journey, location, manner, now=now, scheduled=scheduled))


__all__ = ["Lines", "log_lines", "metrics_page", "probe_of", "probe_rows", "probe_start"]
