"""The page that holds two SLIs against each other: findings first, then every cell with its interval.

One rule: bars stand on one scale with zero in the middle; left of it users have the worse of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from starlette.responses import Response

from nines.errors import InputError, NotFoundError, Problem
from nines.operations.reconciling import Question, Report, choices, reconciled
from nines.operations.reconciling_showing import cell_rows, in_order, points, unmatched_rows
from nines.pages.row import State
from nines.pages.visit import Visit
from nines.reading import instant, ratio
from nines.showing import count, percent
from nines.telemetry.reconcile import CellComparison

#: Width of a bar's drawing, in its own units; zero is in its middle.
BAR = 200
#: Most lines of a table; the command line and the API have all.
MOST_LINES = 100
#: What the form asks for, in its order.
WORDS = ("users", "probes", "expected", "by", "by_probes", "target", "from", "to", "at", "known_at")
USUAL_BY = "route,region,device"
KINDS = {
    "capture-loss": State("missed", "capture loss"),
    "blind-spot": State("missed", "blind spot"),
    "probe-fault": State("risk", "probe fault"),
    "mix": State("risk", "mix"),
    "agree": State("met", "agree"),
    "cannot-tell": State("unknown", "cannot tell"),
}
OUTCOMES = {
    "users-worse": State("missed", "users worse"),
    "probes-worse": State("risk", "probes worse"),
    "agree": State("met", "agree"),
    "cannot-tell": State("unknown", "cannot tell"),
}


@dataclass(frozen=True, slots=True)
class Bar:
    """Where a difference lies, drawn.

    Attributes:
        x: left end of its interval, 0..BAR.
        width: to the right end.
        at: the difference itself.
        css: class of the colour.
        text: the same in words.
    """

    x: float
    width: float
    at: float
    css: str
    text: str


def reconcile_page(visit: Visit) -> Response:
    """Return the page; without two SLIs named, the form alone."""
    words = {name: visit.words.get(name, "").strip()[:4000] for name in WORDS}
    words["by"] = words["by"] if "by" in visit.words else USUAL_BY
    known = choices(visit.house, visit.who, at=visit.now)
    values: dict[str, Any] = {"words": words, "names": known.names, "pairs": known.pairs, "report": None, "found": ()}
    status = 200
    if words["users"]:
        try:
            question, at, known_at = _asked(words)
            report = reconciled(visit.house, visit.who, question, at=at or visit.now, known_at=known_at)
            values |= report_values(report)
            if not words["probes"]:
                words |= {"users": report.sides.users.name, "probes": report.sides.probes.name}
        except (InputError, NotFoundError) as error:
            values["found"], status = error.problems, error.status
    return visit.page("reconcile.html", values, here="/reconcile", status=status)


def report_values(report: Report) -> dict[str, Any]:
    """Return a reconciliation as the parts of a page.

    Args:
        report: what was found.
    """
    scale, unmatched = scale_of(report), unmatched_rows(report)
    cells = [
        {**row, "state": OUTCOMES[c.outcome], "bar": bar(c, scale)}
        for row, c in zip(cell_rows(report), in_order(report), strict=True)
    ]
    return {
        "report": report, "found": report.problems, "facts": _facts(report),
        "findings": [{"state": KINDS[f.kind], "finding": f} for f in report.found.findings],
        "cells": cells[:MOST_LINES], "more_cells": max(len(cells) - MOST_LINES, 0), "scale": points(scale)[1:],
        "edges": edges(report.found.margin, scale), "unmatched": unmatched[:MOST_LINES],
        "more_unmatched": max(len(unmatched) - MOST_LINES, 0), "margin": points(report.found.margin)[1:],
        "confidence": f"{100 * report.found.cells[0].confidence:.4g} %" if report.found.cells else "",
    }  # fmt: skip


def scale_of(report: Report) -> float:
    """Return the difference at either end of every bar: the furthest end of an interval, twice the margin at least."""
    ends = [abs(end) for c in report.found.cells for end in (c.low, c.high, float(c.difference))]
    return max([2 * float(report.found.margin), *ends])


def place(value: float | Fraction, scale: float) -> float:
    """Return where a difference stands in a bar, 0..BAR.

    Example:
        >>> place(0, 0.02), place(-0.01, 0.02)
        (100.0, 50.0)
    """
    return round((float(value) + scale) / (2 * scale) * BAR, 1)


def bar(found: CellComparison, scale: float) -> Bar:
    """Return a cell's difference drawn on a scale.

    Args:
        found: the cell.
        scale: difference at either end of the drawing, > 0.
    """
    x = place(found.low, scale)
    text = f"{points(found.difference)} points, {points(found.low)} to {points(found.high)}"
    width = max(round(place(found.high, scale) - x, 1), 1.5)
    return Bar(x, width, place(found.difference, scale), OUTCOMES[found.outcome].css, text)


def edges(margin: Fraction, scale: float) -> tuple[float, float]:
    """Return where the difference that matters stands in a bar, on either side of zero."""
    return place(-margin, scale), place(margin, scale)


def _facts(report: Report) -> list[tuple[str, str, str]]:
    """Return name, figure and note of what both sources say over the cells that both counted in."""
    found, sides = report.found, report.sides
    facts = []
    for name, side in (("Users", "users"), ("Probes", "probes")):
        tallies = [getattr(c, side) for c in found.cells]
        total = sum(t.total for t in tallies)
        value = Fraction(sum(t.good for t in tallies), total) if total else None
        facts.append((name, percent(value, against=report.target), getattr(sides, side).name))
    if found.whole is not None:
        told = found.whole.reweighted
        reach = f"points in the users' mix, {points(told.low)} to {points(told.high)}"
        facts.append(("Like for like", points(told.difference), reach))
    if report.captured:
        heard = report.captured[0]
        of = f"{count(heard.heard)} of {count(heard.expected)}"
        facts.append(("Heard of users", percent(heard.rate, decimals=1), of))
    facts.append(("Target", percent(report.target), report.objective or "as asked"))
    return facts


def _asked(words: Mapping[str, str]) -> tuple[Question, datetime | None, datetime | None]:
    """Return the question a form asks.

    Raises:
        InputError: an instant or the target cannot be read; with every mistake.
    """
    wrong: list[Problem] = []
    instants: dict[str, datetime | None] = {}
    for name in ("from", "to", "at", "known_at"):
        try:
            instants[name] = instant(words[name]) if words[name] else None
        except (ValueError, OverflowError) as error:
            wrong.append(Problem(name, str(error), "write an instant like 2026-03-01T12:00:00Z", code="bad-instant"))
    target = None
    try:
        target = ratio(words["target"]) if words["target"] else None
    except ValueError as error:
        wrong.append(Problem("target", str(error), "write it as 99.9%", code="bad-value"))
    if wrong:
        raise InputError(*wrong)
    named = {name: words[name] for name in ("users", "probes", "expected", "by", "by_probes")}
    question = Question(**named, start=instants["from"], end=instants["to"], target=target)
    return question, instants["at"], instants["known_at"]
