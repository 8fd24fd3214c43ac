"""Raw events to per-minute counts: nines' roll-up beside the query a person would write by hand, on the same files.

Both give, per minute, good, bad and unknown of `http_status < 500 AND duration_ms < 300`, a predicate that is NULL for
some rows; the counts have to be equal.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb

from bench.measuring import Figure, holds, median, turns
from nines.lake.rollup import count_rows
from nines.objectives.indicator import EventIndicator

BARE = """
    SELECT epoch_us(time) // 60000000 AS minute,
           count(*) FILTER (WHERE http_status < 500 AND duration_ms < 300) AS good,
           count(*) FILTER (WHERE NOT (http_status < 500 AND duration_ms < 300)) AS bad,
           count(*) FILTER (WHERE (http_status < 500 AND duration_ms < 300) IS NULL) AS unknown
    FROM events WHERE service = 'checkout' GROUP BY minute ORDER BY minute
"""
INDICATOR = EventIndicator(
    name="checkout", source="events", where="service = 'checkout'", good="http_status < 500 AND duration_ms < 300"
)


def write_events(folder: Path, rows: int) -> Path:
    """Write events of 30 days, the same every time: three services, 1 % errors, durations with gaps."""
    file = folder / "events.parquet"
    duckdb.connect().execute(f"""
        COPY (
            SELECT make_timestamptz(1772323200000000 + n * {2_592_000_000_000 // rows}) AS time,
                   ['checkout', 'search', 'cart', 'checkout'][1 + (hash(n) % 4)::BIGINT] AS service,
                   CASE WHEN hash(n + 1) % 100 = 0 THEN 503 ELSE 200 END::BIGINT AS http_status,
                   CASE WHEN hash(n + 2) % 50 > 0 THEN (hash(n + 3) % 40000) / 100.0 END::DOUBLE AS duration_ms,
                   'session-' || (hash(n + 4) % 100000) AS session,
                   'GET /item/' || (hash(n + 5) % 50) AS operation
            FROM range({rows}) AS numbers(n)
        ) TO '{file}' (FORMAT parquet)""")
    return file


def run(*, quick: bool) -> list[Figure]:
    rows = 1_000_000 if quick else 20_000_000
    with tempfile.TemporaryDirectory() as folder:
        file = write_events(Path(folder), rows)
        con = duckdb.connect()
        con.execute(f"CREATE VIEW events AS FROM read_parquet('{file}')")
        ours = count_rows(con, "events", [INDICATOR])[0]
        theirs = con.execute(BARE).fetchall()
        same = [
            (int(m), int(g), int(b), int(u))
            for m, g, b, u in zip(ours.minute, ours.good, ours.bad, ours.unknown, strict=True)
        ]
        holds(same == theirs, "the roll-up and the bare query count differently")
        calls = {"ours": lambda: count_rows(con, "events", [INDICATOR]), "bare": lambda: con.sql(BARE).to_arrow_table()}
        taken = turns(calls, 3 if quick else 7)
    fast, bare = (median(taken[name]) for name in ("ours", "bare"))
    note = f"{rows:,} rows, counts equal"
    return [
        Figure("rollup", "rate beside the bare DuckDB query", bare / fast, "x", 0.8, ">=", note),
        Figure("rollup", "nines' roll-up", rows / fast / 1e6, "M rows/s", note=f"{fast:.3f} s"),
        Figure("rollup", "bare DuckDB query", rows / bare / 1e6, "M rows/s", note=f"{bare:.3f} s"),
    ]
