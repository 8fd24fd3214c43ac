"""CSV and its kin: a header line, a delimiter, every value text until a mapping says what it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv

from nines.errors import InputError, Problem
from nines.sources.columns import Raw
from nines.sources.findings import Findings
from nines.sources.lines import LONGEST_LINE, opened
from nines.telemetry.datasource import DataSource


def delimited_rows(path: Path, source: DataSource, findings: Findings) -> Iterator[Raw]:
    """Yield the rows of a delimited file as text columns.

    Args:
        path: file.
        source: options `delimiter` (default a comma; `tab` for a tab) and `header` ("false": columns are c1, c2 ...).
        findings: takes rows with a wrong number of values.
    """
    delimiter = source.option("delimiter", ",")
    delimiter = {"tab": "\t", "\\t": "\t"}.get(delimiter, delimiter)
    header = source.option("header", "true") == "true"
    skipped: list[int] = []

    def skip(row: csv.InvalidRow) -> str:
        number = row.number or 0  # counted from 1, the header included
        skipped.append(number)
        what = f"{row.actual_columns} values where {row.expected_columns} are expected"
        findings.add(Problem(f"{path}:{number}", what, "check quoting and delimiter", code="bad-line"))
        return "skip"

    with opened(path) as file:
        names = _header(path, file.readline(LONGEST_LINE), delimiter) if header else None
        file.seek(0)
        if names == []:
            return
        try:
            table = csv.read_csv(
                file,
                read_options=csv.ReadOptions(
                    use_threads=False, autogenerate_column_names=not header, block_size=16 << 20
                ),
                parse_options=csv.ParseOptions(delimiter=delimiter, invalid_row_handler=skip, newlines_in_values=True),
                convert_options=csv.ConvertOptions(
                    column_types={n: pa.string() for n in names or []}, strings_can_be_null=True, null_values=[""],
                    quoted_strings_can_be_null=True,
                ),
            )  # fmt: skip
        except pa.ArrowInvalid as error:
            raise InputError(
                Problem(
                    str(path), f"this cannot be read as CSV: {error}", "check delimiter and encoding", code="bad-csv"
                )
            ) from error
    if not header:
        table = table.rename_columns([f"c{i + 1}" for i in range(table.num_columns)])
        table = table.cast(pa.schema([(n, pa.string()) for n in table.column_names]))
    yield Raw(table, _lines(table.num_rows, skipped, first=2 if header else 1))


def _header(path: Path, line: bytes, delimiter: str) -> list[str]:
    import csv as plain

    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            Problem(f"{path}:1", "the header is not UTF-8 text", "convert the file", code="bad-csv")
        ) from error
    return next(iter(plain.reader([text], delimiter=delimiter)), [])


def _lines(rows: int, skipped: list[int], first: int) -> np.ndarray:
    """Return the line of each row that was kept."""
    lines = np.arange(first, first + rows + len(skipped))
    return lines[~np.isin(lines, skipped)][:rows]
