"""Rows in memory, answering as the lake does: the same roll-up where nothing is stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from nines.evaluation.evidence import CoveredEvents
from nines.lake.assemble import Pulses, minute_series, state_indicator_series
from nines.lake.cells import CellCounts, cell_counts
from nines.lake.counting import past_counts
from nines.lake.rollup import MINUTE_US, Counted, covered_rows, pulse_minutes, sketch_rows
from nines.lake.sites import apart
from nines.lake.spans import spans_sql
from nines.lake.stamping import counts_table
from nines.objectives.exclusion import Exclusion
from nines.objectives.indicator import EventIndicator, Indicator, SampleIndicator, StateIndicator, ValueIndicator
from nines.predicates import Key
from nines.spans import EPOCH, MINUTE
from nines.telemetry.datasource import DataSource
from nines.telemetry.series import MinuteSeries, empty_series
from nines.telemetry.sketch import Sketch


class Rows:
    """The rows of one source, read for one question.

    Rows with an id that was seen before count once, as they do in the lake.
    """

    def __init__(self, table: pa.Table, *, until: datetime | None = None, replacing: bool = False) -> None:
        """Take event rows.

        Args:
            table: event columns.
            until: leave out rows that happened at or after it, or None.
            replacing: whether of rows with one id only the last stands.
        """
        self._con = duckdb.connect()  # an engine of its own: its rows go with it
        self._con.execute("SET TimeZone = 'UTC'")
        self._con.register("given", table)
        limit = "" if until is None else f"AND epoch_us(time) < {(until - EPOCH) // EPOCH.resolution}"
        self._con.execute(
            f"CREATE TABLE rows_read AS SELECT * FROM given WHERE id IS NULL {limit} UNION ALL BY NAME "
            f"SELECT * FROM given WHERE id IS NOT NULL {limit} QUALIFY row_number() OVER (PARTITION BY id, time) = 1"
        )
        if replacing:
            latest = "row_number() OVER (PARTITION BY id ORDER BY time DESC) = 1"
            self._con.execute(
                f"CREATE OR REPLACE TABLE rows_read AS SELECT * FROM rows_read QUALIFY id IS NULL OR {latest}"
            )
        last = pc.max(table.column("time")).as_py()
        self.last: datetime | None = last

    def _within(self, start: int, end: int) -> str:
        low, high = start * MINUTE_US, end * MINUTE_US
        return f"(SELECT * FROM rows_read WHERE epoch_us(time) >= {low} AND epoch_us(time) < {high})"

    def series(self, indicator: Indicator, source: DataSource, start: int, end: int) -> MinuteSeries:
        """Return the counts of an indicator for the minutes [start, end)."""
        if isinstance(indicator, StateIndicator):
            hold = -(-indicator.max_hold // MINUTE)
            return state_indicator_series(self._con, self._within(start - hold, end), indicator, start, end)
        if not isinstance(indicator, EventIndicator | SampleIndicator | ValueIndicator):
            return empty_series(start, end - start)
        return minute_series(*self._counted(indicator, source), source, start, end)

    def by_site(
        self, indicator: EventIndicator, source: DataSource, sites: Sequence[str], start: int, end: int
    ) -> dict[str, MinuteSeries]:
        """Return the counts of an indicator at each site for the minutes [start, end)."""
        return apart(*self._counted(indicator, source), source, sites, start, end)

    def _counted(self, indicator: Counted, source: DataSource) -> tuple[pa.Table, Pulses]:
        found = past_counts(self._con, "rows_read", source, indicator, 0, numbered=False)
        counts = pa.concat_tables([counts_table("", indicator.identity, source.name, one) for one in found])
        minutes, _, sites = pulse_minutes(self._con, "rows_read", source.heartbeat.where)
        return counts, Pulses.of(minutes, sites)

    def covered(
        self, indicator: Indicator, source: DataSource, exclusions: tuple[Exclusion, ...], start: int, end: int
    ) -> tuple[CoveredEvents, ...] | None:
        """Return the events that exclusions cover, or None for indicators that have none."""
        if not isinstance(indicator, EventIndicator | SampleIndicator | ValueIndicator):
            return None
        if isinstance(indicator, EventIndicator) and indicator.session is not None:
            return None
        return covered_rows(self._con, "rows_read", indicator, exclusions, start, end, source.sampling)

    def by_cell(
        self, indicator: EventIndicator | SampleIndicator, source: DataSource, keys: Sequence[Key], start: int, end: int
    ) -> CellCounts:
        """Return the counts of an indicator by cell and minute, for the minutes [start, end)."""
        return cell_counts(self._con, self._within(start, end), indicator, source, keys)

    def spans(self, start: datetime, end: datetime) -> pa.Table:
        """Return the spans that ended within [start, end); see `span_rows`."""
        return self._con.sql(spans_sql("rows_read", start, end)).to_arrow_table()

    def sketch(self, indicator: ValueIndicator, start: int, end: int) -> Sketch:
        """Return the values of an indicator for the minutes [start, end)."""
        return sketch_rows(self._con, self._within(start, end), indicator)
