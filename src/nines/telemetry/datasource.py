"""Data sources: where measurements of one kind come from, as a definition says it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Literal

SourceType = Literal[
    "csv", "ndjson", "parquet", "combined", "common", "logfmt", "states", "prometheus", "events",
    "otlp", "remote-write", "scrape", "statsd", "rum", "push", "sql", "delta",
]  # fmt: skip
#: Types that senders push to, so that there is no file to read and nothing to fetch.
PUSHED: frozenset[SourceType] = frozenset({"events", "otlp", "remote-write", "statsd", "rum", "push"})
#: Types whose rows are fetched as they are, beside every source of files with the option `follow`.
FETCHED: frozenset[SourceType] = frozenset({"scrape", "sql", "delta"})


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


@dataclass(frozen=True, slots=True)
class Sampling:
    """What a row without a weight of its own stands for.

    Attributes:
        kept: "all" when every event is there; "declared" when rows say their weight, so that one without it is of
            unknown weight; "rate" when all rows were kept at one stated rate.
        rate: that rate, 0 < rate <= 1, else 1.
    """

    kept: Literal["all", "declared", "rate"] = "all"
    rate: Fraction = Fraction(1)

    @property
    def weight(self) -> Fraction | None:
        """Weight of a row that states none, or None when nobody can say."""
        return None if self.kept == "declared" else 1 / self.rate


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
        settle: how long after an edge its data is waited for; where that is learned, nothing until it is filled in.
        settle_cap: longest wait that may be learned, whole minutes up to an hour, or None when `settle` is stated.
        description: for people, or "".
        sampling: what a row without a weight stands for.
        sites: places it is measured at, each with a heartbeat of its own, or () for one place.
    """

    name: str
    type: SourceType
    columns: tuple[tuple[str, str], ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    heartbeat: Heartbeat = Heartbeat()
    settle: timedelta = timedelta()
    settle_cap: timedelta | None = None
    description: str = ""
    sampling: Sampling = Sampling()
    sites: tuple[str, ...] = ()

    @property
    def signal(self) -> str:
        """What an otlp source takes: "traces", "metrics" or "logs"; "" for other types."""
        return self.option("signal", "traces") if self.type == "otlp" else ""

    @property
    def metric(self) -> bool:
        """Whether it holds readings of series instead of events."""
        return self.type in {"remote-write", "scrape"} or self.signal == "metrics"

    @property
    def fetched(self) -> bool:
        """Whether its rows are fetched by the worker, at an interval of its own."""
        return self.type in FETCHED or bool(self.option("follow"))

    @property
    def replaces(self) -> bool:
        """Whether a row takes the place of an earlier one with the same id, as web-vitals do."""
        return self.type == "rum"

    @property
    def lossy(self) -> bool:
        """Whether its protocol has no identity, so that a repeat counts twice and a loss goes unseen."""
        return self.type == "statsd" or self.signal == "logs"

    def option(self, name: str, default: str = "") -> str:
        """Return one option's text, or the default when it is not stated."""
        return dict(self.options).get(name, default)
