"""A reconciliation as rows for tables, and as JSON.

One rule: differences are in points, users less probes, so that what is below zero is what users have the worse of.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from nines.evaluation.standing_json import exact, instant, number
from nines.operations.reconciling import Captured, Report
from nines.showing import count, percent
from nines.telemetry.reconcile import Cell, CellComparison, Comparison, Finding, Tally

FINDINGS = ("finding", "reason", "evidence")
CELLS = (
    "cell", "outcome", "users", "probes", "difference points", "from", "to", "events", "tries", "captured",
)  # fmt: skip
UNMATCHED = ("cell", "counted by", "good", "bad", "ratio", "why")
_HUNDRED = 100


def points(value: float | Fraction) -> str:
    """Return a difference of ratios in points, with its sign and four digits.

    Example:
        >>> points(Fraction(-163, 3360)), points(0.0)
        ('-4.851', '+0')
    """
    return f"{float(value * _HUNDRED):+.4g}"


def cell_text(cell: Cell, dimensions: int) -> str:
    """Return a cell by as many dimensions as it has.

    Example:
        >>> cell_text(Cell("/buy", "eu"), 2), cell_text(Cell(""), 0)
        ('/buy / eu', 'all')
    """
    return " / ".join(cell[:dimensions]) or "all"


def finding_rows(report: Report) -> list[dict[str, object]]:
    """Return one row per finding and one per line of its evidence below it."""
    rows: list[dict[str, object]] = []
    for found in report.found.findings:
        first, *rest = found.evidence or ("",)
        rows.append({"finding": found.kind, "reason": found.reason, "evidence": first})
        rows += [{"finding": "", "reason": "", "evidence": line} for line in rest]
    return rows


def cell_rows(report: Report) -> list[dict[str, object]]:
    """Return one row per cell that both counted in, those that differ first."""
    rates = {c.cell: c for c in report.captured}
    return [_cell_row(report, c, rates.get(c.cell)) for c in in_order(report)]


def in_order(report: Report) -> list[CellComparison]:
    """Return the cells that both counted in: discrepancies first, then by the size of the difference."""
    clear = {"users-worse", "probes-worse"}
    return sorted(report.found.cells, key=lambda c: (c.outcome not in clear, -abs(c.difference), c.cell))


def _cell_row(report: Report, found: CellComparison, captured: Captured | None) -> dict[str, object]:
    return {
        "cell": cell_text(found.cell, len(report.names)), "outcome": found.outcome,
        "users": percent(found.users.ratio, against=report.target),
        "probes": percent(found.probes.ratio, against=report.target), "difference points": points(found.difference),
        "from": points(found.low), "to": points(found.high),
        "events": count(Fraction(found.users.total, report.units[0])),
        "tries": count(Fraction(found.probes.total, report.units[1])),
        "captured": "" if captured is None or captured.rate is None else percent(captured.rate, decimals=1),
    }  # fmt: skip


def unmatched_rows(report: Report) -> list[dict[str, object]]:
    """Return one row per cell that only one of both counted in."""
    sides = (
        (report.found.unprobed, report.users, report.sides.users.name, report.units[0], "no probe looks there"),
        (report.found.unvisited, report.probes, report.sides.probes.name, report.units[1], "no user was heard there"),
    )
    return [
        {
            "cell": cell_text(cell, len(report.names)), "counted by": name,
            "good": count(Fraction(tallies[cell].good, unit)), "bad": count(Fraction(tallies[cell].bad, unit)),
            "ratio": percent(tallies[cell].ratio, against=report.target), "why": why,
        }
        for cells, tallies, name, unit, why in sides
        for cell in cells
    ]  # fmt: skip


def head_lines(report: Report) -> list[str]:
    """Return what was asked and how, and what else must be known, one sentence each."""
    sides, expected = report.sides, report.sides.expected
    of = f"target {percent(report.target)}" + (f" of {report.objective}" if report.objective else "")
    asked = (
        f"users {sides.users.name}, probes {sides.probes.name}, from {instant(report.span.start)} to "
        f"{instant(report.span.end)} in blocks of {report.block} min, by {', '.join(report.names) or 'nothing'}; {of}"
    )
    lines = [asked, *(f"{name} is added up, for it is not said by {who}" for name, who in report.folded)]
    if expected is not None and report.captured:
        whole = report.captured[0]
        rate = "" if whole.rate is None else f", {percent(whole.rate, decimals=1)}"
        lines.append(f"captured {count(whole.heard)} of {count(whole.expected)} that {expected.name} counts{rate}")
    return [*lines, *report.found.notes]


def report_json(report: Report) -> dict[str, Any]:
    """Return a reconciliation as JSON: ratios 0..1, exact ones as text beside them; null where nothing is known."""
    sides, found, size = report.sides, report.found, len(report.names)
    return {
        "users": sides.users.name, "probes": sides.probes.name,
        "expected": None if sides.expected is None else sides.expected.name,
        "from": instant(report.span.start), "to": instant(report.span.end), "block_minutes": report.block,
        "dimensions": list(report.names), "folded": [{"dimension": n, "not_said_by": w} for n, w in report.folded],
        "target": number(report.target), "objective": report.objective or None, "margin": number(found.margin),
        "verdict": report.verdict, "findings": [_finding_json(f, size) for f in found.findings],
        "cells": [_cell_json(report, c) for c in in_order(report)],
        "overall": None if found.whole is None else {
            "as_they_stand": _comparison_json(found.whole.crude),
            "reweighted": _comparison_json(found.whole.reweighted), "mix": _comparison_json(found.whole.mix),
        },
        "captured": [
            {"cell": None if c.cell is None else list(c.cell[:size]), "heard": number(c.heard),
             "expected": number(c.expected), "rate": number(c.rate)}
            for c in report.captured
        ],
        "unprobed": [_tally_json(c, report.users[c], size, report.units[0]) for c in found.unprobed],
        "unvisited": [_tally_json(c, report.probes[c], size, report.units[1]) for c in found.unvisited],
        "notes": list(found.notes), "data_version": report.data_version,
        "problems": [
            {"where": p.where, "what": p.what, "fix": p.fix, "severity": p.severity, "code": p.code}
            for p in report.problems
        ],
    }  # fmt: skip


def _finding_json(found: Finding, size: int) -> dict[str, Any]:
    return {
        "kind": found.kind, "reason": found.reason, "cells": [list(c[:size]) for c in found.cells],
        "evidence": list(found.evidence), "difference": number(found.difference), "more": found.more,
        "untrusted": found.untrusted or None,
    }  # fmt: skip


def _cell_json(report: Report, found: CellComparison) -> dict[str, Any]:
    size = len(report.names)
    return {
        "cell": list(found.cell[:size]), "outcome": found.outcome,
        "users": _counts_json(found.users, report.units[0]), "probes": _counts_json(found.probes, report.units[1]),
        "difference": number(found.difference), "exact": exact(found.difference), "low": found.low,
        "high": found.high, "confidence": found.confidence, "more": found.more, "bursts": list(found.bursts),
        "doubt": found.doubt,
    }  # fmt: skip


def _comparison_json(found: Comparison) -> dict[str, Any]:
    return {
        "difference": number(found.difference), "low": found.low, "high": found.high, "confidence": found.confidence,
        "proved": found.proved, "agrees": found.agrees, "more": found.more,
    }  # fmt: skip


def _tally_json(cell: Cell, tally: Tally, size: int, unit: int) -> dict[str, Any]:
    return {"cell": list(cell[:size]), **_counts_json(tally, unit)}


def _counts_json(tally: Tally, unit: int) -> dict[str, Any]:
    return {
        "good": number(Fraction(tally.good, unit)), "bad": number(Fraction(tally.bad, unit)),
        "unknown": number(Fraction(tally.unknown, unit)), "ratio": number(tally.ratio) if tally.total else None,
    }  # fmt: skip
