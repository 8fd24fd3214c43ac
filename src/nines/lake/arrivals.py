"""When what is counted became known: increments of counts and heartbeats, each with the instant of its flush."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nines.lake.engine import connection
from nines.lake.lake import Lake
from nines.lake.rollup import text
from nines.telemetry.series import Ints


@dataclass(frozen=True, slots=True, eq=False)
class Arrivals:
    """Rows of one indicator, in the order they became known.

    Attributes:
        counts: int64 [5, rows]: grid minute, grid minute by which it was known (rounded up), good, bad, unknown.
        pulses: int64 [2, rows]: grid minute of a heartbeat, grid minute by which it was known.
        sampled: whether any count stands for more than itself.
    """

    counts: Ints
    pulses: Ints
    sampled: bool


def arrivals(lake: Lake, tenant: str, identity: str, source: str, start: int, end: int) -> Arrivals:
    """Return when the counts and heartbeats of some minutes became known.

    Args:
        lake: where they are.
        tenant: owner.
        identity: of the indicator.
        source: its source.
        start: first grid minute.
        end: grid minute after the last.
    """
    here = f"tenant = {text(tenant)} AND minute >= {start} AND minute < {end}"
    flushes = (
        f"(SELECT seq, (epoch_us(flushed_at) + 59999999) // 60000000 AS known FROM {lake.tables.flushes.relation()})"
    )
    counts = f"{lake.tables.counts.relation()} JOIN {flushes} f USING (seq)"
    with connection() as con:
        counted = con.execute(
            "SELECT minute, known, sum(good)::BIGINT, sum(bad)::BIGINT, sum(unknown)::BIGINT, "
            f"bool_or(weight_num <> 1 OR weight_den <> 1) FROM {counts} "
            f"WHERE {here} AND indicator = {text(identity)} GROUP BY 1, 2 ORDER BY 2, 1"
        ).fetchnumpy()
        heard = con.execute(
            f"SELECT minute, min(known) AS known FROM {lake.tables.pulses.relation()} JOIN {flushes} f USING (seq) "
            f"WHERE {here} AND source = {text(source)} GROUP BY 1 ORDER BY 1"
        ).fetchnumpy()
    *columns, weighed = counted.values()
    return Arrivals(_stacked(columns), _stacked(list(heard.values())), bool(weighed.any()))


def _stacked(columns: list[npt.NDArray[np.int64]]) -> Ints:
    return np.stack([np.asarray(c, dtype=np.int64) for c in columns])
