"""Counts by cell: one indicator's rows kept apart by dimensions of theirs, for two sources to be held together.

One rule: what a row does not say about itself is NULL, and stays told apart from every value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nines.lake.assemble import Pulses, minute_series
from nines.lake.engine import connection
from nines.lake.lake import Lake
from nines.lake.rollup import Split, Tallied, count_rows
from nines.lake.stamping import counts_table
from nines.lake.units import UNIT, UNIT_OF_REPLACED, unit_sums
from nines.objectives.indicator import EventIndicator, SampleIndicator
from nines.predicates import Key
from nines.telemetry.datasource import DataSource
from nines.telemetry.series import COUNTED, Ints, MinuteSeries

_PLAIN = DataSource(name="", type="events")


@dataclass(frozen=True, slots=True, eq=False)
class CellCounts:
    """Counts of one indicator by cell and minute.

    Attributes:
        table: columns of the counts table, and one of text for each dimension, NULL where rows do not say.
        dimensions: names of these columns.
    """

    table: pa.Table
    dimensions: tuple[str, ...]

    @property
    def first(self) -> int | None:
        """First grid minute with a row, or None where there is none."""
        least: int | None = pc.min(self.table.column("minute")).as_py()
        return least

    def says(self, number: int) -> bool:
        """Return whether any row says its value of a dimension."""
        unsaid: int = self.table.column(self.dimensions[number]).null_count
        rows: int = self.table.num_rows
        return unsaid < rows

    def by_block(
        self, kept: Sequence[int], start: int, end: int, block: int
    ) -> tuple[dict[tuple[str, ...], MinuteSeries], int]:
        """Return the counts of each cell by blocks of time.

        Args:
            kept: numbers of the dimensions that make a cell; the others are added up.
            start: first grid minute.
            end: grid minute after the last.
            block: minutes of a block, >= 1; the last one may be shorter.

        Returns:
            Cell -> series in which a block stands where a minute does, from 0 on; and how many kept rows' events belong
            to no cell, because they do not say a dimension.
        """
        minute = self.table.column("minute").to_numpy().astype(np.int64)
        inside = self.table.filter(pa.array((minute >= start) & (minute < end)))
        names = [self.dimensions[number] for number in kept]
        placed = np.ones(inside.num_rows, dtype=np.bool_)
        for name in names:
            placed &= inside.column(name).is_valid().to_numpy()
        beside = inside.filter(pa.array(~placed))
        lost = sum(int(beside.column(name).to_numpy().sum()) for name in COUNTED[:3])
        here = inside.filter(pa.array(placed))
        blocks = (here.column("minute").to_numpy().astype(np.int64) - start) // block
        here = here.set_column(here.schema.get_field_index("minute"), "minute", pa.array(blocks))
        none, length = Pulses.of(np.zeros(0, dtype=np.int64), ()), -(-(end - start) // block)
        return {cell: minute_series(part, none, _PLAIN, 0, length) for cell, part in _apart(here, names)}, lost


def _apart(table: pa.Table, names: Sequence[str]) -> Iterator[tuple[tuple[str, ...], pa.Table]]:
    """Yield each cell with its rows."""
    if not table.num_rows:
        return
    code: Ints = np.zeros(table.num_rows, dtype=np.int64)
    values: list[list[str]] = []
    for name in names:
        column = table.column(name).combine_chunks().dictionary_encode()
        values.append(column.dictionary.to_pylist())
        code = code * len(values[-1]) + column.indices.to_numpy()
    order = np.argsort(code, kind="stable")
    table, code = table.take(pa.array(order)), code[order]
    edges = [0, *(np.flatnonzero(np.diff(code)) + 1).tolist(), len(code)]
    for begin, end in pairwise(edges):
        rest, cell = int(code[begin]), []
        for words in reversed(values):
            rest, at = divmod(rest, len(words))
            cell.append(words[at])
        yield tuple(reversed(cell)), table.slice(begin, end - begin)


def cell_counts(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    indicator: EventIndicator | SampleIndicator,
    source: DataSource,
    keys: Sequence[Key],
) -> CellCounts:
    """Return the counts of an indicator by cell and minute.

    Args:
        con: connection that knows the relation.
        relation: SQL that can stand after FROM and has the event columns.
        indicator: which rows are counted, and which of them are good; it counts events, not sessions.
        source: what its rows stand for.
        keys: the dimensions.
    """
    texts = tuple(f"CAST({key.sql('duckdb')} AS VARCHAR)" for key in keys)
    split = replace(Split.of(con, relation, source.sampling), sites=False, cells=texts)
    parts = count_rows(con, relation, [indicator], split=split)
    if split.weights:
        unit = UNIT_OF_REPLACED if source.replaces else UNIT
        parts.append(unit_sums(con, relation, indicator, split, unit))
    tables = [_with_cells(part, split.cell_columns) for part in parts]
    return CellCounts(pa.concat_tables(tables), split.cell_columns)


def _with_cells(found: Tallied, names: Sequence[str]) -> pa.Table:
    table = counts_table("", "", "", found)
    for name in names:
        table = table.append_column(pa.field(name, pa.string()), found.more[name])
    return table


def stored_cells(
    lake: Lake,
    tenant: str,
    indicator: EventIndicator | SampleIndicator,
    source: DataSource,
    keys: Sequence[Key],
    start: int,
    end: int,
    seq: int | None = None,
) -> CellCounts:
    """Return the counts of an indicator by cell and minute, from the stored rows of [start, end).

    Args:
        lake: where they lie.
        tenant: owner.
        indicator: what is counted.
        source: where.
        keys: the dimensions.
        start: first grid minute.
        end: grid minute after the last.
        seq: last sequence to see, or None for all.
    """
    with connection() as con:
        return cell_counts(con, lake.rows(tenant, source, seq, start, end), indicator, source, keys)
