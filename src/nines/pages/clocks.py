"""The page of clocks: the offset map as bars, how offsets went, and what cannot be.

One rule: a bar is where an offset lies for certain; it is drawn on one scale for all pairs, with zero in the middle.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.responses import Response

from nines.errors import InputError, Problem
from nines.operations import clocks as asking
from nines.operations.clocks import ClockView
from nines.operations.clocks_showing import HOSTS, host_rows, milliseconds, offset_text, violation_rows
from nines.pages.row import State
from nines.pages.visit import Visit
from nines.reading import instant
from nines.showing import count
from nines.spans import instant_of
from nines.telemetry.clocks import Interval
from nines.telemetry.clocks_map import Pair

#: Width of a bar's drawing, in its own units; zero is in its middle.
BAR = 200
#: Most lines of a table; the command line and the API have all.
MOST_LINES = 100
#: Pairs of hosts that are told of by way of others.
MOST_HOSTS = 200
_KINDS = {"steady": "steady", "drift": "drifts", "step": "was set", "link": "wrong links", "unbounded": "unbounded"}


@dataclass(frozen=True, slots=True)
class Reach:
    """Where an offset lies, drawn.

    Attributes:
        x: left end, 0..BAR.
        width: to the right end.
        css: class of the colour.
        open_left: whether nothing bounds it from below.
        open_right: whether nothing bounds it from above.
        text: the same in words.
    """

    x: float
    width: float
    css: str
    open_left: bool
    open_right: bool
    text: str


def clocks_page(visit: Visit) -> Response:
    """Return the page of clocks."""
    start, end = _asked(visit)
    servers = asking.time_servers(os.environ.get("NINES_NTP", ""))
    view = asking.clocks(visit.house, visit.who, start=start, end=end, now=visit.now, servers=servers)
    words = {"since": visit.words.get("from", ""), "to": visit.words.get("to", "")}
    return visit.page("clocks.html", {**words, **clock_values(view)}, here="/clocks")


def clock_values(view: ClockView) -> dict[str, Any]:
    """Return clocks as the lines of a page.

    Args:
        view: what was found.
    """
    pairs, scale = view.found.pairs, scale_of(view.found.pairs)
    violations = violation_rows(view.found.violations[:MOST_LINES])
    hosts = host_rows(view)
    return {
        "view": view,
        "pairs": [_line(p, scale) for p in pairs[:MOST_LINES]],
        "more_pairs": max(len(pairs) - MOST_LINES, 0),
        "scale": milliseconds(scale),
        "spans": count(view.found.spans),
        "calls": count(view.found.calls),
        "violations": violations,
        "more_violations": max(len(view.found.violations) - MOST_LINES, 0),
        "hosts": hosts[:MOST_HOSTS],
        "more_hosts": max(len(hosts) - MOST_HOSTS, 0),
        "heads": HOSTS,
        "servers": [_server(t) for t in view.told],
        "found": view.problems,
    }


def scale_of(pairs: tuple[Pair, ...]) -> int:
    """Return the offset at either end of every bar, nanoseconds: the furthest bound of any pair, 1 us at least."""
    ends = [abs(end) for p in pairs for i in (p.course.whole, p.last) for end in (i.low, i.high) if end is not None]
    return max([1000, *ends])


def reach(offset: Interval, scale: int) -> Reach:
    """Return an offset drawn on a scale.

    Args:
        offset: its bounds; bounds that contradict are drawn from the one to the other.
        scale: offset at either end of the drawing, nanoseconds, > 0.

    Example:
        >>> found = reach(Interval(-500, 1000), 1000)
        >>> found.x, found.width, found.css
        (50.0, 150.0, 'met')
    """
    low = -scale if offset.low is None else offset.low
    high = scale if offset.high is None else offset.high
    css = "missed" if offset.empty else "risk" if offset.skewed else "met"
    low, high = min(low, high), max(low, high)
    x = round((low + scale) / (2 * scale) * BAR, 1)
    width = max(round((high - low) / (2 * scale) * BAR, 1), 1.5)
    return Reach(x, width, css, offset.low is None, offset.high is None, f"{offset_text(offset)} ms")


def _line(pair: Pair, scale: int) -> dict[str, Any]:
    course, whole = pair.course, pair.course.whole
    own = _own_scale(pair)
    return {
        "first": pair.first,
        "second": pair.second,
        "state": _state(pair),
        "calls": count(len(course.bounds.begun)),
        "bar": reach(pair.last if whole.empty else whole, scale),
        "offset": offset_text(whole),
        "last": offset_text(pair.last),
        "violations": count(pair.violations) if pair.violations else "",
        "minutes": [
            _minute(minute, pair.minutes.interval(n), own)
            for n, minute in list(enumerate(pair.minutes.minutes.tolist()))[-MOST_LINES:]
        ],
        "scale": milliseconds(own),
    }


def _minute(minute: int, offset: Interval, scale: int) -> dict[str, Any]:
    return {
        "at": instant_of(minute),
        "calls": count(offset.exchanges),
        "text": offset_text(offset),
        "bar": reach(offset, scale),
    }


def _own_scale(pair: Pair) -> int:
    found = [pair.minutes.interval(n) for n in range(len(pair.minutes.minutes))]
    return max([1000, *(abs(e) for i in found for e in (i.low, i.high) if e is not None)])


def _state(pair: Pair) -> State:
    kind = pair.course.kind
    if kind == "unbounded":
        return State("unknown", _KINDS[kind])
    if kind == "steady":
        whole = pair.course.whole
        if not whole.skewed:
            return State("met", "no skew shown")
        return State("risk", "ahead" if whole.low is not None and whole.low > 0 else "behind")
    return State("missed" if kind == "step" else "risk", _KINDS[kind])


def _server(told: Any) -> dict[str, str]:  # noqa: ANN401 - an answer of a time server
    root = "not synchronised" if told.root is None else f"± {milliseconds(told.root.high, up=True)}"
    return {"host": told.server.host, "stratum": str(told.stratum), "offset": offset_text(told.offset), "root": root}


def _asked(visit: Visit) -> tuple[datetime | None, datetime | None]:
    found: list[datetime | None] = []
    wrong = []
    for name in ("from", "to"):
        text = visit.words.get(name, "").strip()
        try:
            found.append(instant(text) if text else None)
        except (ValueError, OverflowError) as error:
            wrong.append(Problem(name, str(error), "write an instant like 2026-03-01T12:00:00Z", code="bad-instant"))
    if wrong:
        raise InputError(*wrong)
    return found[0], found[1]
