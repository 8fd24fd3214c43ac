"""Sources, sites and agents as rows of tables and as JSON: figures as people read them, and exact ones for programs."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from nines.evaluation.standing_json import instant, number, settling_json
from nines.operations.sites import AgentReport, SiteReport
from nines.operations.sources import SourceReport
from nines.showing import count, length, percent
from nines.telemetry.lateness import Delays
from nines.telemetry.settling import Settling, told_by

#: What each step of an agent means, as its footprint is exceeded.
STEPS = ("everything", "one event in 4", "four times the intervals", "its own figures only")


def source_row(report: SourceReport, at: datetime) -> dict[str, object]:
    """Return a source as one row of a table."""
    fresh, left = report.freshness, report.unkept
    return {
        "source": report.name,
        "type": report.source.type if report.source is not None else "not in force",
        "state": source_state(report),
        "last event": ago(fresh.last, at),
        **lateness_row(report.settling),
        "rows": count(fresh.rows),
        "waiting": count(fresh.pending),
        "lossy": "yes" if report.source is not None and report.source.lossy else "no",
        **{name: count(value) for name, value in asdict(left).items()},
    }


def source_state(report: SourceReport) -> str:
    """Return in a word how a source is."""
    if report.freshness.rows == 0 and not report.freshness.pending:
        return "never heard"
    if report.silent:
        return "silent"
    return "not in force" if report.source is None else "fresh"


def lateness_row(found: Settling | None) -> dict[str, object]:
    """Return how long a source is waited for, and the median and 99 % of its delays, as people read them."""
    learnt = found.learnt if found is not None else None
    return {
        "wait": "" if found is None else f"{length(found.settle)} {found.basis}",
        "good late": "" if learnt is None else _delays(learnt.lateness.good),
        "bad late": "" if learnt is None else _delays(learnt.lateness.bad),
    }


def _delays(delays: Delays) -> str:
    if not delays.total:
        return "none seen"
    half, most = (told_by(delays, Fraction(share)) for share in ("0.5", "0.99"))
    return f"{_within(half)}, 99 % {_within(most)}"


def _within(delay: timedelta | None) -> str:
    return "unknown" if delay is None else length(delay)


def source_json(report: SourceReport) -> dict[str, Any]:
    """Return a source under its JSON names."""
    held = report.freshness
    return {
        "name": report.name,
        "type": report.source.type if report.source else None,
        "rows": held.rows,
        "pending": held.pending,
        "first": instant(held.first),
        "last": instant(held.last),
        "arrival": instant(held.arrival),
        "silent": report.silent,
        "lossy": report.source.lossy if report.source else None,
        "settling": settling_json(report.settling),
        "unkept": asdict(report.unkept),
        "problems": [{"what": p.what, "fix": p.fix, "severity": p.severity, "code": p.code} for p in report.problems],
    }


def site_row(report: SiteReport, at: datetime) -> dict[str, object]:
    """Return a site of a source as one row of a table."""
    seen = report.seen
    return {
        "source": report.source,
        "site": seen.site,
        "state": site_state(report),
        "last heard": ago(report.last, at),
        "share": percent(seen.share, decimals=1) if seen.share is not None else "",
        "rows": count(seen.rows),
        "silent": length(timedelta(minutes=seen.silent_minutes)),
        "left unknown": count(seen.unknown),
    }


def site_state(report: SiteReport) -> str:
    """Return in a word how a site is."""
    if report.last is None:
        return "never heard"
    return "silent" if report.seen.silent else "fresh"


def site_json(report: SiteReport) -> dict[str, Any]:
    """Return a site of a source under its JSON names; figures are of the last day."""
    seen = report.seen
    return {
        "source": report.source,
        "site": seen.site,
        "declared": report.declared,
        "silent": seen.silent,
        "last": instant(report.last),
        "rows": seen.rows,
        "share": number(seen.share),
        "silent_minutes": seen.silent_minutes,
        "unknown": seen.unknown,
    }


def agent_row(report: AgentReport, at: datetime) -> dict[str, object]:
    """Return an agent as one row of a table."""
    figures = report.figures
    return {
        "site": report.site,
        "machine": report.instance,
        "state": agent_state(report),
        "told": ago(report.last, at),
        "does": _step(figures),
        "cpu": _held(report, "cpu_percent", 1, " %"),
        "memory": _held(report, "rss_mb", 1, " MiB"),
        "sends": _held(report, "egress_bytes_per_s", 1024, " KiB/s"),
        "disk": _disk(figures),
        "waiting": _whole(figures, "queue_batches"),
        "receipts": _whole(figures, "sent_batches_total"),
        "refused": _whole(figures, "refused_batches_total"),
        "lost rows": _whole(figures, "lost_rows_total"),
        "bad lines": _whole(figures, "bad_lines_total"),
    }


def agent_state(report: AgentReport) -> str:
    """Return in a word how an agent is."""
    if report.silent:
        return "silent"
    return "degraded" if report.figures.get("step", 0) else "fresh"


def agent_json(report: AgentReport) -> dict[str, Any]:
    """Return an agent under its JSON names."""
    return {
        "site": report.site,
        "machine": report.instance,
        "source": report.source,
        "last": instant(report.last),
        "silent": report.silent,
        "figures": report.figures,
        "declared": report.declared,
        "steps": [{"at": instant(when), "step": step} for when, step in report.steps],
        "problems": [{"what": p.what, "fix": p.fix, "severity": p.severity, "code": p.code} for p in report.problems],
    }


def step_rows(report: AgentReport) -> list[dict[str, object]]:
    """Return when an agent did less or more, the newest first."""
    return [
        {"site": report.site, "machine": report.instance, "at": when, "does": STEPS[min(step, len(STEPS) - 1)]}
        for when, step in reversed(report.steps)
    ]


def ago(moment: datetime | None, at: datetime) -> str:
    """Return how long ago something was."""
    if moment is None:
        return "never"
    return f"{length(at - moment)} ago" if moment <= at else f"in {length(moment - at)}"


def _step(figures: dict[str, float]) -> str:
    return STEPS[min(int(figures["step"]), len(STEPS) - 1)] if "step" in figures else ""


def _held(report: AgentReport, name: str, unit: int, word: str) -> str:
    """Return a figure, with what was declared where that is watched."""
    if name not in report.figures:
        return ""
    bound = report.declared.get(name)
    shown = f"{report.figures[name] / unit:,.1f}"
    return f"{shown} of {bound / unit:,.1f}{word}" if bound is not None else f"{shown}{word}"


def _disk(figures: dict[str, float]) -> str:
    if "queue_bytes" not in figures:
        return ""
    used, bound = figures["queue_bytes"] / 2**20, figures.get("queue_bound_bytes")
    return f"{used:,.1f} of {bound / 2**20:,.0f} MiB" if bound is not None else f"{used:,.1f} MiB"


def _whole(figures: dict[str, float], name: str) -> str:
    return count(int(figures[name])) if name in figures else ""
