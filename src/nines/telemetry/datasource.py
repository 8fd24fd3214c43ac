"""Data sources: where measurements of one kind come from, as a definition says it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

SourceType = Literal["csv", "ndjson", "parquet", "combined", "common", "logfmt", "states", "prometheus", "events"]


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """How silence is told from quiet.

    Attributes:
        gap: two rows of the source no further apart than this prove it alive in between; a longer
            gap is silence for its whole length. Whole minutes, > 0.
        where: predicate that picks the rows that are heartbeats, or "" when every row is one.
    """

    gap: timedelta = timedelta(minutes=5)
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSource:
    """One source of measurements.

    Attributes:
        name: name within a tenant.
        type: format or system; "events" is pushed to the API.
        columns: event column -> name of the source's column, or SQL expression over them.
        options: what the type needs beside, as text (see docs/reference/datasource): `path`, `delimiter`,
            `time_format`, `time_unit`, `timezone`, `state_key`, `url`, `step`, ...
        heartbeat: how silence is told from quiet.
        settle: how long after an edge its data is waited for.
        description: for people, or "".
    """

    name: str
    type: SourceType
    columns: tuple[tuple[str, str], ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    heartbeat: Heartbeat = Heartbeat()
    settle: timedelta = timedelta()
    description: str = ""

    def option(self, name: str, default: str = "") -> str:
        """Return one option's text, or the default when it is not stated."""
        return dict(self.options).get(name, default)
