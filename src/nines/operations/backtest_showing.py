"""Back-tests and tunings for people and programs: rows, JSON, and Markdown fit for a pull-request comment."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from nines.alerting.policy import BurnPolicy
from nines.alerting.policy_json import policy_json
from nines.alerting.scoring import Caught, Score
from nines.operations.backtesting import Report
from nines.showing import length, percent

COLUMNS = (
    "policy", "pages", "per week", "interval", "right", "precision", "caught", "recall", "delay", "reset", "lost",
    "near misses", "asleep",
)  # fmt: skip
INCIDENT_COLUMNS = ("start", "end", "name", "paged", "rule", "delay", "reset", "lost")


def report_rows(found: Report) -> list[dict[str, object]]:
    """Return one row per policy."""
    return [score_row(p.name, s) for p, s in zip(found.policies, found.scores, strict=True)]


def score_row(name: str, score: Score) -> dict[str, object]:
    """Return a score as a row of figures for people."""
    return {
        "policy": name,
        "pages": len(score.pages),
        "per week": f"{score.pages_per_week:.2f}",
        "interval": _between(score.pages_interval),
        "right": f"{score.right} of {len(score.pages)}",
        "precision": _shares(score.precision) if score.pages else "unknown",
        "caught": f"{score.found} of {len(score.caught)}",
        "recall": _shares(score.recall) if score.caught else "unknown",
        "delay": _time(score.delay),
        "reset": _time(score.reset),
        "lost": percent(score.lost, decimals=2),
        "near misses": score.near,
        "asleep": score.asleep,
    }


def incident_rows(score: Score) -> list[dict[str, object]]:
    """Return one row per incident."""
    return [_incident(c) for c in score.caught]


def _incident(caught: Caught) -> dict[str, object]:
    page = caught.page
    return {
        "start": _at(caught.incident.start),
        "end": _at(caught.incident.end),
        "name": caught.incident.name,
        "paged": _at(page.fired) if page else "missed",
        "rule": page.rule if page else "",
        "delay": _time(caught.delay),
        "reset": _time(caught.reset),
        "lost": percent(caught.lost, decimals=2),
    }


def score_json(name: str, score: Score) -> dict[str, object]:
    """Return a score as JSON, its figures unrounded."""
    return {
        "policy": name,
        "from": score.start.isoformat(),
        "to": score.end.isoformat(),
        "pages": [
            {"fired": p.fired.isoformat(), "resolved": p.resolved.isoformat() if p.resolved else None, "rule": p.rule}
            for p in score.pages
        ],
        "pagesPerWeek": score.pages_per_week,
        "pagesPerWeekInterval": score.pages_interval,
        "right": score.right,
        "precisionInterval": [float(x) for x in score.precision],
        "incidents": incident_rows(score),
        "caught": score.found,
        "recallInterval": [float(x) for x in score.recall],
        "delaySeconds": score.delay.total_seconds() if score.delay is not None else None,
        "resetSeconds": score.reset.total_seconds() if score.reset is not None else None,
        "budgetLost": str(score.lost),
        "nearMisses": score.near,
        "asleep": score.asleep,
        "weekly": list(score.weekly),
        "seed": score.rules.seed,
    }


def report_json(found: Report) -> dict[str, object]:
    """Return a back-test as JSON."""
    return {
        "objective": found.case.objective.key,
        "known": found.case.known,
        "notes": list(found.case.notes),
        "incidents": found.incidents,
        "policies": [policy_json(p) for p in found.policies],
        "scores": [score_json(p.name, s) for p, s in zip(found.policies, found.scores, strict=True)],
        "replay": None if found.fired is None else {"told": found.fired[0], "fired": found.fired[1]},
    }


def report_markdown(found: Report) -> str:
    """Return a back-test as Markdown."""
    score = found.scores[0]
    lines = [
        f"### Back-test of {found.case.objective.key}",
        "",
        f"{_at(score.start)} to {_at(score.end)}, as known {found.case.known}. Incidents: {found.incidents}.",
        "",
        *table(COLUMNS, report_rows(found)),
        "",
        *(f"- {p.name}: {sentence(s)}" for p, s in zip(found.policies, found.scores, strict=True)),
        *(f"- {note}" for note in found.case.notes),
    ]
    if found.fired is not None:
        lines.append(
            f"- of {found.fired[1]} alerts that really fired, the test tells {found.fired[0]} in the same minute"
        )
    if score.caught:
        lines += ["", *table(INCIDENT_COLUMNS, incident_rows(score))]
    return "\n".join(lines) + "\n"


def sentence(score: Score) -> str:
    """Say what a policy would have been worth in one sentence.

    The interval of the pages is that of the weekly rate, over the days that were judged.
    """
    days = round(score.weeks * 7)
    limits = score.pages_interval
    shown = "no interval below two weeks"
    if limits is not None:
        shown = f"{limits[0] * score.weeks:.0f} to {limits[1] * score.weeks:.0f}"
    times = "once" if len(score.pages) == 1 else f"{len(score.pages)} times"
    lost = percent(score.lost, decimals=1)
    return f"would have paged {times} in {days} days ({shown}), budget lost before detection {lost}"


def table(columns: Sequence[str], rows: Sequence[dict[str, object]]) -> list[str]:
    """Return rows as lines of a Markdown table."""
    cells = ["| " + " | ".join(str(row.get(c, "")).replace("|", "\\|") for c in columns) + " |" for row in rows]
    return ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns), *cells]


def policy_yaml(policy: BurnPolicy, why: Sequence[str] = ()) -> str:
    """Return a policy as a definition to apply, with its evidence as comments.

    Args:
        policy: any.
        why: lines of evidence.
    """
    import yaml

    held = _plain(policy_json(policy))
    rules = [
        {k: v for k, v in (("severity", r["severity"]), ("share", r["share"]), ("factor", r["factor"]),
                           ("window", r["window"]), ("short", r["short"]), ("lasts", r["lasts"]))
         if v is not None and not (k == "lasts" and v == "0s")}
        for r in held["rules"]
    ]  # fmt: skip
    counts = [{k: v for k, v in r.items() if v != "0s"} for r in held["counts"]]
    low = {k: v for k, v in held["lowTraffic"].items() if v is not None}
    spec = {
        "rules": rules, "comparison": policy.comparison, "source": policy.source, "acknowledgeSlow": True,
        "lowTraffic": low,
    }  # fmt: skip
    spec |= {"counts": counts} if counts else {}
    spec |= {"leastCoverage": held["leastCoverage"]} if policy.least_coverage else {}
    spec |= {"clear": held["clear"]} if policy.clear else {}
    document = {"apiVersion": "nines/v1", "kind": "BurnPolicy", "metadata": {"name": policy.name}, "spec": spec}
    return "".join(f"# {line}\n" for line in why) + yaml.safe_dump(document, sort_keys=False)


def _plain(held: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return JSON values with fractions as the decimals that definitions hold."""
    if isinstance(held, dict):
        return {k: _plain(v) for k, v in held.items()}
    if isinstance(held, list):
        return [_plain(v) for v in held]
    if isinstance(held, str) and re.fullmatch(r"\d+(/\d+)?", held):
        return f"{Decimal(Fraction(held).numerator) / Decimal(Fraction(held).denominator):f}"
    return held


def _at(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%MZ}"


def _time(value: timedelta | None) -> str:
    if value is None:
        return ""
    return f"-{length(-value)}" if value < timedelta() else length(value)


def _between(limits: tuple[float, float] | None) -> str:
    return "" if limits is None else f"{limits[0]:.2f} to {limits[1]:.2f}"


def _shares(limits: tuple[Fraction, Fraction]) -> str:
    return f"{float(limits[0]):.0%} to {float(limits[1]):.0%}"
