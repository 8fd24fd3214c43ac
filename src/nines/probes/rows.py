"""Results as event rows: one for each step of the first try and one for the whole.

A row's id is made of probe, location, scheduled instant and step, so a result that is sent twice counts once. The rows
of steps that were not run are missing: of them nothing is known.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pyarrow as pa

from nines.probes.result import JourneyResult, StepResult, Try

_TIME = pa.timestamp("us", tz="UTC")
_SCHEMA = pa.schema(
    [
        ("time", _TIME), ("start", _TIME), ("operation", pa.string()), ("http_status", pa.int64()),
        ("duration_ms", pa.float64()), ("state", pa.string()), ("id", pa.string()), ("site", pa.string()),
        ("attributes", pa.map_(pa.string(), pa.string())),
    ]
)  # fmt: skip


def run_key(result: JourneyResult) -> str:
    """Return what tells one run from all others: probe, location and scheduled instant."""
    return f"{result.probe}/{result.location}/{result.scheduled:%Y-%m-%dT%H:%M:%S.%fZ}"


def event_rows(result: JourneyResult) -> pa.Table:
    """Return a result as event columns; no row at all when the state is unknown.

    Args:
        result: of one run.
    """
    if result.state == "unknown" or result.first is None:
        return _SCHEMA.empty_table()
    rows = [_step_row(result, step) for step in result.first.steps]
    failed = next((s for s in result.first.steps if s.state == "down"), None)
    whole = {"steps": str(len(rows)), "not_run": str(len(result.not_run)), "tries": str(len(result.tries)),
             "confirmed": _flag(result.confirmed)}  # fmt: skip
    if len(result.tries) > 1:
        whole["retries"] = json.dumps([_retry(one) for one in result.tries[1:]])
    if failed is not None:
        whole |= {"failed_step": failed.name, "error": failed.error, "code": failed.code}
    end, ms = result.first.ended, result.first.duration_ms
    rows.append(_row(result, "", end, ms, result.state, None, whole))
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def _retry(one: Try) -> dict[str, object]:
    """Return a later try in short: it tells whether the first was confirmed, and is no row of its own."""
    steps = [
        {"step": s.name, "state": s.state, "ms": round(s.duration_ms, 3), "error": s.error}
        | {name: round(value, 3) for name, value in s.phases.items()}
        for s in one.steps
    ]
    return {"attempt": one.number, "state": one.state, "ms": round(one.duration_ms, 3), "steps": steps}


def _step_row(result: JourneyResult, step: StepResult) -> dict[str, object]:
    about = {"step": step.name, **{name: f"{value:.3f}" for name, value in step.phases.items()}}
    if step.share_ms is not None:
        about |= {"share_ms": f"{step.share_ms:.3f}", "over_share": _flag(step.over_share_ms > 0)}
    if step.error:
        about |= {"error": step.error, "code": step.code}
    return _row(result, step.name, step.ended, step.duration_ms, step.state, step.status, about)


def _row(
    result: JourneyResult, step: str, end: datetime, ms: float, state: str, status: int | None, about: dict[str, str]
) -> dict[str, object]:
    return {
        "time": end, "start": end - timedelta(milliseconds=ms), "state": state, "duration_ms": ms,
        "operation": f"{result.probe}/{step}" if step else result.probe, "http_status": status,
        "id": f"{run_key(result)}/{step}", "site": result.location,
        "attributes": list({"probe": result.probe, "attempt": "1", "synthetic": "true", **about}.items()),
    }  # fmt: skip


def _flag(value: bool) -> str:  # noqa: FBT001 - its only argument
    return "true" if value else "false"
