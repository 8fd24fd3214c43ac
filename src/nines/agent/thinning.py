"""Keeping fewer events, each with the exact weight it then has."""

from __future__ import annotations

import hashlib
import random

import pyarrow as pa
import pyarrow.compute as pc


def thinned(table: pa.Table, one_in: int, chance: random.Random) -> pa.Table:
    """Return some of the rows, each standing for so many: rows of one trace together, others each for itself.

    Args:
        table: event columns.
        one_in: of so many one is kept, >= 1; the weight that a row has grows by it.
        chance: decides about rows without a trace.

    Example:
        >>> rows = pa.table({"trace": ["a"] * 3 + [None] * 1000})
        >>> found = thinned(rows, 4, random.Random(1))
        >>> found.column("weight_num").unique().to_pylist(), 200 < found.num_rows < 300
        ([4], True)
    """
    if one_in == 1 or not table.num_rows:
        return table
    traces = _column(table, "trace", pa.string()).to_pylist()
    kept = [_kept(trace, one_in, chance) for trace in traces]
    some = table.filter(pa.array(kept, pa.bool_()))
    num, weight = _column(some, "weight_num", pa.int64()), _column(some, "weight", pa.float64())
    den = _column(some, "weight_den", pa.int64())
    stated = pc.or_(pc.is_valid(num), pc.is_valid(weight))
    columns = {
        "weight": pc.multiply(weight, float(one_in)),
        # A row that states only a rounded weight keeps stating only that.
        "weight_num": pc.if_else(stated, pc.multiply(num, one_in), pa.scalar(one_in, pa.int64())),
        "weight_den": pc.if_else(stated, den, pa.scalar(1, pa.int64())),
    }
    for name, values in columns.items():
        place = some.schema.get_field_index(name)
        some = some.append_column(name, values) if place < 0 else some.set_column(place, name, values)
    return some


def _column(table: pa.Table, name: str, kind: pa.DataType) -> pa.ChunkedArray | pa.Array:
    return table.column(name) if name in table.column_names else pa.nulls(table.num_rows, kind)


def _kept(trace: str | None, one_in: int, chance: random.Random) -> bool:
    if trace is None:
        return chance.randrange(one_in) == 0
    number = int.from_bytes(hashlib.sha256(trace.encode()).digest()[:8], "big")
    return number < 2**64 // one_in
