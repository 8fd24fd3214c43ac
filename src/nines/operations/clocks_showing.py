"""Clocks as rows for tables, and as JSON.

One rule: bounds are rounded outward, so that what is shown holds as what was found does.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from fractions import Fraction
from math import ceil, floor
from typing import Any

from nines.evaluation.standing_json import instant
from nines.operations.clocks import ClockView
from nines.spans import EPOCH, instant_of
from nines.telemetry.clocks import Interval
from nines.telemetry.clocks_graph import TRUE_TIME
from nines.telemetry.clocks_map import Pair, Violation

PAIRS = ("first", "second", "calls", "offset ms", "from", "to", "course", "drift ppm", "steps", "impossible", "last")
MINUTES = ("first", "second", "minute", "calls", "offset ms", "from", "to", "claim")
VIOLATIONS = ("at", "host", "span", "early ms", "cause host", "cause", "trace")
HOSTS = ("first", "second", "offset ms", "from", "to", "claim")


def milliseconds(nanoseconds: int | Fraction | None, *, up: bool | None = None) -> str:
    """Return nanoseconds as milliseconds with three decimals, or "" for None.

    Args:
        nanoseconds: any.
        up: whether to round up, down, or (None) to the nearest.

    Example:
        >>> milliseconds(-65_922_400), milliseconds(1, up=True), milliseconds(-1, up=False)
        ('-65.922', '0.001', '-0.001')
    """
    if nanoseconds is None:
        return ""
    exact = Fraction(nanoseconds) / 1000
    whole = round(exact) if up is None else ceil(exact) if up else floor(exact)
    return f"{'-' if whole < 0 else ''}{abs(whole) // 1000}.{abs(whole) % 1000:03}"


def offset_text(offset: Interval) -> str:
    """Return an offset as its middle and half width, in milliseconds; "none fits" and "unbounded" are said so."""
    if offset.empty:
        return "none fits"
    if offset.half_width is None:
        return "unbounded"
    return f"{milliseconds(offset.centre)} ± {milliseconds(offset.half_width, up=True)}"


def claim(offset: Interval, second: str) -> str:
    """Return what bounds say of the second host's clock; nothing where they contain zero."""
    if offset.empty:
        return "contradict"
    if not offset.skewed:
        return ""
    return f"{second} is ahead" if offset.low is not None and offset.low > 0 else f"{second} is behind"


def drift_text(pair: Pair) -> str:
    """Return the least and the greatest rate of a straight drift, or "" where there is none."""
    line = pair.course.line
    if line is None:
        return "changed" if pair.course.kind == "drift" else ""
    low, high = (float(rate * 1_000_000) for rate in (line.slowest, line.fastest))
    return f"{low:.3f} to {high:.3f}"


def _ends(offset: Interval) -> dict[str, object]:
    return {
        "offset ms": offset_text(offset),
        "from": milliseconds(offset.low, up=False),
        "to": milliseconds(offset.high, up=True),
    }


def pair_rows(pairs: Iterable[Pair]) -> list[dict[str, object]]:
    """Return one row per pair of hosts; `from` and `to` are the bounds of the whole time, in milliseconds."""
    return [
        {
            "first": p.first, "second": p.second, "calls": len(p.course.bounds.begun), **_ends(p.course.whole),
            "course": p.course.kind, "drift ppm": drift_text(p), "steps": len(p.course.steps) or "",
            "impossible": p.violations or "", "last": offset_text(p.last),
        }
        for p in pairs
    ]  # fmt: skip


def minute_rows(pairs: Iterable[Pair]) -> list[dict[str, object]]:
    """Return one row per pair of hosts and minute in which they called one another."""
    found: list[dict[str, object]] = []
    for p in pairs:
        for number, minute in enumerate(p.minutes.minutes.tolist()):
            offset = p.minutes.interval(number)
            row: dict[str, object] = {"first": p.first, "second": p.second, "minute": instant(instant_of(minute))}
            found.append(row | {"calls": offset.exchanges, **_ends(offset), "claim": claim(offset, p.second)})
    return found


def violation_rows(violations: Iterable[Violation]) -> list[dict[str, object]]:
    """Return one row per span that starts before its cause."""
    return [
        {
            "at": _at(v.at), "host": v.host, "span": v.span, "early ms": milliseconds(v.early),
            "cause host": v.cause_host, "cause": v.cause, "trace": v.trace,
        }
        for v in violations
    ]  # fmt: skip


def host_rows(view: ClockView) -> list[dict[str, object]]:
    """Return the tightest bounds between any two hosts at the map's instant, true time first among them."""
    fleet = view.found.fleet
    names = sorted(fleet.hosts, key=lambda h: (h != TRUE_TIME, h))
    rows = []
    for n, first in enumerate(names):
        for second in names[n + 1 :]:
            offset = fleet.between(first, second)
            rows.append({"first": first, "second": second, **_ends(offset), "claim": claim(offset, second)})
    return rows


def clocks_json(view: ClockView) -> dict[str, Any]:
    """Return clocks as JSON: bounds are whole nanoseconds, null where nothing bounds them."""
    found = view.found
    return {
        "from": None if view.start is None else instant(view.start),
        "to": None if view.end is None else instant(view.end),
        "at": None if found.at is None else _at(found.at),
        "spans": found.spans,
        "calls": found.calls,
        "pairs": [_pair_json(p) for p in found.pairs],
        "violations": [
            {
                "trace": v.trace, "span": v.span, "host": v.host, "cause": v.cause, "cause_host": v.cause_host,
                "at": _at(v.at), "early_ns": v.early,
            }
            for v in found.violations
        ],
        "hosts": [
            {"first": a, "second": b, **_interval(found.fleet.between(a, b))}
            for n, a in enumerate(found.fleet.hosts)
            for b in found.fleet.hosts[n + 1 :]
        ],
        "time_servers": [
            {"host": t.server.host, "stratum": t.stratum, "offset": _interval(t.offset),
             "root": None if t.root is None else _interval(t.root)}
            for t in view.told
        ],
        "problems": [
            {"where": p.where, "what": p.what, "fix": p.fix, "severity": p.severity, "code": p.code}
            for p in view.problems
        ],
    }  # fmt: skip


def _pair_json(pair: Pair) -> dict[str, Any]:
    line = pair.course.line
    return {
        "first": pair.first, "second": pair.second, "calls": len(pair.course.bounds.begun),
        "course": pair.course.kind, "whole": _interval(pair.course.whole), "last": _interval(pair.last),
        "drift_ppm": None if line is None else {
            "low": float(line.slowest * 1_000_000), "high": float(line.fastest * 1_000_000)
        },
        "steps": [
            {"after": _at(s.after), "before": _at(s.before), "change": _interval(s.change)} for s in pair.course.steps
        ],
        "wrong_links": len(pair.course.odd),
        "violations": pair.violations,
        "minutes": [
            {"minute": instant(instant_of(m)), "calls": int(pair.minutes.exchanges[n]),
             **_interval(pair.minutes.interval(n))}
            for n, m in enumerate(pair.minutes.minutes.tolist())
        ],
    }  # fmt: skip


def _interval(offset: Interval) -> dict[str, Any]:
    return {"low_ns": offset.low, "high_ns": offset.high, "skewed": offset.skewed, "empty": offset.empty}


def _at(nanoseconds: int) -> str:
    """Return an instant as text; what lies below a microsecond is cut."""
    found = instant(EPOCH + timedelta(microseconds=nanoseconds // 1000))
    assert found is not None
    return found
