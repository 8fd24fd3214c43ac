"""Parquet files: typed already; a file that is cut short gives nothing at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from nines.errors import InputError, Problem
from nines.sources.columns import Raw
from nines.sources.findings import Findings
from nines.telemetry.datasource import DataSource


def parquet_rows(path: Path, source: DataSource, findings: Findings) -> Iterator[Raw]:  # noqa: ARG001 - one shape for readers
    """Yield a Parquet file's rows.

    Args:
        path: file.
        source: not needed.
        findings: not needed: rows of a Parquet file cannot be malformed apart.

    Raises:
        InputError: the file is cut short or no Parquet.
    """
    try:
        table = parquet.ParquetFile(path).read()
    except (pa.ArrowInvalid, OSError) as error:
        what = f"this is no whole Parquet file: {str(error).splitlines()[0]}"
        raise InputError(Problem(str(path), what, "fetch or write it again", code="bad-parquet")) from error
    yield Raw(table, np.arange(1, table.num_rows + 1))
