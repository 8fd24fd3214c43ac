"""Pages of probes: what each location sees, the last runs, and one run as a waterfall.

One rule: a bar is as long as the time was; its scale stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from starlette.responses import FileResponse, Response

from nines.operations import keeping, probe_runs
from nines.operations.probe_runs import PHASES, Place, ProbeReport, Run, StepRun, TryRun
from nines.pages.row import State
from nines.pages.visit import Visit
from nines.showing import length
from nines.telemetry.quorum import Quorum

#: Runs on one page.
NEWEST = 30
#: Width of a waterfall's drawing, in its own units.
WIDTH = 1000.0
STATES = {"up": State("met", "up"), "down": State("missed", "down"), "unknown": State("unknown", "unknown")}
#: Phase -> its word.
WORDS = dict(zip(PHASES, ("DNS", "Connect", "TLS", "First byte", "Body"), strict=True))
_CSS = dict(zip(PHASES, ("dns", "connect", "tls", "first", "body"), strict=True))


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a bar: where it begins, how long it is, and the class of its colour."""

    x: float
    width: float
    css: str


def probes_page(visit: Visit) -> Response:
    """Return the page of probes."""
    reports = probe_runs.probes(visit.house, visit.who, at=visit.now)
    return visit.page("probes.html", {"at": visit.now, "rows": [_row(r, visit.now) for r in reports]}, here="/probes")


def probe_page(visit: Visit) -> Response:
    """Return the page of one probe; `?run=LOCATION@INSTANT` chooses the run that is drawn."""
    name, at = visit.parts["name"], visit.now
    report = probe_runs.probe(visit.house, visit.who, name, at=at)
    found = probe_runs.runs(visit.house, visit.who, name, at=at, most=NEWEST)
    shown = next((r for r in found if r.key == visit.words.get("run")), found[0] if found else None)
    kept = keeping.kept(visit.house, visit.who, name) if visit.may("see-artifacts") else []
    quorum = probe_runs.witnessed(visit.house, visit.who, name, at=at) if len(report.places) > 1 else None
    values = {
        "at": at, "probe": _row(report, at), "facts": _facts(report), "shown": _shown(shown, report, kept),
        "runs": [_run(r, r is shown, name) for r in found], "quorum": _quorum(quorum), "words": WORDS,
        "may_see": visit.may("see-artifacts"), "kept": [_kept(k, name) for k in kept[:50]],
    }  # fmt: skip
    return visit.page("probe.html", values, here="/probes")


def artifact_file(visit: Visit) -> Response:
    """Return a file that is kept of a failed try, to be saved: nothing in it runs here."""
    name, run, file = (visit.parts[part] for part in ("name", "run", "file"))
    path, media = keeping.artifact(visit.house, visit.who, name, run, file)
    return FileResponse(path, media_type=media, filename=f"{run}-{file}", headers={"Cache-Control": "no-store"})


def _row(report: ProbeReport, at: datetime) -> dict[str, Any]:
    journey, last = report.journey, report.last
    return {
        "name": journey.name, "title": report.title or journey.name, "url": f"/probes/{quote(journey.name)}",
        "state": STATES[report.state], "places": [_place(p, at) for p in report.places],
        "last": _ago(last, at), "ms": _ms(last.ms) if last else "", "next": report.next,
        "later": length(journey.jitter) if journey.jitter else "", "every": length(journey.every),
    }  # fmt: skip


def _place(place: Place, at: datetime) -> dict[str, Any]:
    last = place.last
    return {
        "name": place.location, "state": STATES[place.state], "last": _ago(last, at), "why": place.why,
        "fix": place.fix, "ms": _ms(last.ms) if last else "", "failed": last.failed_step if last else "",
    }  # fmt: skip


def _ago(run: Run | None, at: datetime) -> str:
    return "never" if run is None else f"{length(max(at - run.ended, at - at))} ago"


def _ms(value: float) -> str:
    return f"{value:,.0f} ms" if value >= 10 else f"{value:.1f} ms"  # noqa: PLR2004 - two digits are enough


def _facts(report: ProbeReport) -> list[tuple[str, str, str]]:
    """Return name, figure and note of what the definition says."""
    j = report.journey
    later = f"each up to {length(j.jitter)} later" if j.jitter else "on the dot"
    need = f"{j.quorum} of {len(j.locations)}"
    again = f"{j.retries} after {length(j.retry_after)}" if j.retries else "none"
    return [
        ("Runs every", length(j.every), later),
        ("Down when", need, "locations see it down"),
        ("Whole journey", length(j.timeout), f"at most, for {len(j.steps)} steps"),
        ("Retries", again, "they gate alerts; the first try counts"),
    ]


def _run(run: Run, shown: bool, name: str) -> dict[str, Any]:  # noqa: FBT001 - private, and named where it is called
    return {
        "at": run.scheduled, "location": run.location, "state": STATES[run.state], "ms": _ms(run.ms),
        "failed": run.failed_step, "tries": len(run.tries), "confirmed": run.confirmed, "error": run.error,
        "url": f"/probes/{quote(name)}?run={quote(run.key)}", "shown": shown,
    }  # fmt: skip


def _shown(run: Run | None, report: ProbeReport, kept: Sequence[keeping.Kept]) -> dict[str, Any] | None:
    if run is None:
        return None
    longest = max(one.ms for one in run.tries) or 1.0
    name = report.journey.name
    own = [_kept(k, name) for k in kept if k.location == run.location and k.scheduled == run.scheduled]
    missed = [step.name for step in report.journey.steps[len(run.tries[0].steps) :]] if run.not_run else []
    tries = [_try(one, longest, missed if one.attempt == 1 else []) for one in run.tries]
    return {**_run(run, True, name), "tries": tries, "scale": _ms(longest), "kept": own}  # noqa: FBT003


def _try(one: TryRun, longest: float, missed: Sequence[str]) -> dict[str, Any]:
    title = "First try, which counts" if one.attempt == 1 else f"Try {one.attempt}, a retry: it gates alerts only"
    return {
        "title": title, "state": STATES[one.state], "ms": _ms(one.ms), "missed": missed,
        "steps": [_step(step, longest) for step in one.steps],
    }  # fmt: skip


def _step(step: StepRun, longest: float) -> dict[str, Any]:
    over = step.share_ms is not None and step.ms > step.share_ms
    share = "" if step.share_ms is None else f"{100 * step.ms / step.share_ms:,.0f} % of {_ms(step.share_ms)}"
    told = [f"{WORDS[p]} {_ms(v)}" for p, v in step.phases.items()]
    return {
        "name": step.name, "state": STATES[step.state], "ms": _ms(step.ms), "share": share, "over": over,
        "phases": {p: _ms(step.phases[p]) if p in step.phases else "" for p in PHASES}, "error": step.error,
        "pieces": pieces(step, longest), "text": f"{step.name}: {_ms(step.ms)}; {', '.join(told) or 'no parts known'}",
    }  # fmt: skip


def pieces(step: StepRun, longest: float) -> list[Piece]:
    """Return a step's bar: its phases one after the other, and at the end what no phase accounts for.

    Args:
        step: what it showed.
        longest: milliseconds that are as long as the drawing is wide, > 0.

    Example:
        >>> step = StepRun(name="s", state="up", after_ms=10.0, ms=40.0, phases={"first_byte_ms": 30.0})
        >>> [(p.x, p.width, p.css) for p in pieces(step, 100.0)]
        [(100.0, 300.0, 'first'), (400.0, 100.0, 'rest')]
    """
    found, at, end = list[Piece](), step.after_ms, step.after_ms + step.ms
    parts: Mapping[str, float] = step.phases
    for phase in (p for p in PHASES if p in parts):
        long = min(parts[phase], max(0.0, end - at))
        found.append(_piece(at, long, longest, _CSS[phase]))
        at += long
    return [*found, _piece(at, end - at, longest, "rest" if step.state == "up" else "lost")]


def _piece(at: float, long: float, longest: float, css: str) -> Piece:
    return Piece(round(at * WIDTH / longest, 2), round(max(0.0, long) * WIDTH / longest, 2), css)


def _kept(one: keeping.Kept, name: str) -> dict[str, Any]:
    base = f"/probes/{quote(name)}/artifacts/{quote(one.run)}"
    files = [{"name": n, "url": f"{base}/{quote(n)}", "size": f"{-(-size // 1024):,} KiB"} for n, size in one.files]
    return {"at": one.scheduled, "location": one.location, "attempt": one.attempt, "files": files}


def _quorum(found: Quorum | None) -> dict[str, Any] | None:
    if found is None:
        return None
    minutes = sum(b - a for a, b in found.outages)
    rows = [
        {"name": p.name, "heard": p.heard, "bad": p.bad, "alone": p.fault_minutes, "silent": p.silent}
        for p in found.locations
    ]
    return {"statement": f"{found.statement[0].upper()}{found.statement[1:]}.", "minutes": minutes, "rows": rows}
