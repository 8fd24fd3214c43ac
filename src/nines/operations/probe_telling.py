"""Probes and their runs as JSON values and as rows of a table, the same for every face."""

from __future__ import annotations

from typing import Any

from nines.operations.keeping import Kept
from nines.operations.probe_runs import PHASES, Place, ProbeReport, Run, StepRun, TryRun
from nines.spans import instant_of
from nines.telemetry.quorum import Quorum

#: Columns in which probes are listed, and the runs of one.
PROBE_COLUMNS = ("probe", "state", "locations", "last run", "ms", "next run", "problem")
RUN_COLUMNS = ("scheduled", "location", "state", "ms", "failed step", "tries", "error")


def probe_row(report: ProbeReport) -> dict[str, object]:
    """Return a probe as a row of `PROBE_COLUMNS`."""
    last = report.last
    return {
        "probe": report.journey.name, "state": report.state,
        "locations": ", ".join(f"{p.location} {p.state}" for p in report.places),
        "last run": last.ended if last else None, "ms": round(last.ms, 1) if last else None, "next run": report.next,
        "problem": "; ".join(f"{p.location}: {p.why}" for p in report.places if p.why),
    }  # fmt: skip


def run_row(run: Run) -> dict[str, object]:
    """Return a run as a row of `RUN_COLUMNS`."""
    return {
        "scheduled": run.scheduled, "location": run.location, "state": run.state, "ms": round(run.ms, 1),
        "failed step": run.failed_step, "tries": len(run.tries), "error": run.error,
    }  # fmt: skip


def probe_json(report: ProbeReport) -> dict[str, Any]:
    """Return a probe with its state by location as a JSON value."""
    journey = report.journey
    return {
        "name": journey.name, "title": report.title, "source": journey.source, "state": report.state,
        "every_seconds": journey.every.total_seconds(), "jitter_seconds": journey.jitter.total_seconds(),
        "timeout_seconds": journey.timeout.total_seconds(), "quorum": journey.quorum,
        "steps": [step.name for step in journey.steps], "next": report.next.isoformat(),
        "locations": [_place(place) for place in report.places],
    }  # fmt: skip


def _place(place: Place) -> dict[str, Any]:
    last = place.last
    return {
        "location": place.location, "state": place.state, "why": place.why,
        "last": None if last is None else {"scheduled": last.scheduled.isoformat(), "state": last.state, "ms": last.ms},
    }  # fmt: skip


def run_json(run: Run) -> dict[str, Any]:
    """Return a run with every step of every try as a JSON value."""
    return {
        "location": run.location, "scheduled": run.scheduled.isoformat(), "ended": run.ended.isoformat(),
        "state": run.state, "confirmed": run.confirmed, "failed_step": run.failed_step, "error": run.error,
        "not_run": run.not_run, "tries": [_try(one) for one in run.tries],
    }  # fmt: skip


def _try(one: TryRun) -> dict[str, Any]:
    return {"attempt": one.attempt, "state": one.state, "ms": one.ms, "steps": [_step(step) for step in one.steps]}


def _step(step: StepRun) -> dict[str, Any]:
    return {
        "name": step.name, "state": step.state, "after_ms": step.after_ms, "ms": step.ms,
        **{name: step.phases.get(name) for name in PHASES}, "status": step.status, "share_ms": step.share_ms,
        "error": step.error, "code": step.code,
    }  # fmt: skip


def quorum_json(found: Quorum | None) -> dict[str, Any] | None:
    """Return locations held against each other as a JSON value."""
    if found is None:
        return None
    spans = [{"start": instant_of(a).isoformat(), "end": instant_of(b).isoformat()} for a, b in found.outages]
    places = [
        {"location": p.name, "heard": p.heard, "bad": p.bad, "silent": p.silent, "alone_bad": p.fault_minutes}
        for p in found.locations
    ]
    return {"statement": found.statement, "outages": spans, "undecided": found.undecided, "locations": places}


def kept_json(one: Kept) -> dict[str, Any]:
    """Return what is kept of a failed try as a JSON value."""
    return {
        "run": one.run, "location": one.location, "scheduled": one.scheduled.isoformat(), "attempt": one.attempt,
        "files": [{"name": name, "bytes": size} for name, size in one.files],
    }  # fmt: skip
