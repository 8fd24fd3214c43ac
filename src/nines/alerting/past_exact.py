"""Sums of one lookback at one tick of a past, added up afresh: for units that running sums hold rounded."""

from __future__ import annotations

import numpy as np

from nines.alerting.past import Past
from nines.evaluation.columns import Mark
from nines.evaluation.exclusions import Minutes
from nines.evaluation.frame import frame
from nines.evaluation.judge import Judged, judge
from nines.evaluation.tally import Sums, add_up
from nines.objectives.window import CalendarWindow
from nines.telemetry.series import Ints


def known_at(past: Past, edge: int) -> Ints:
    """Return the minutes before an edge as its tick knew them, int64 [4, minutes]."""
    facts = past.facts[:, : edge - past.start].copy()
    seen = past.late.known <= edge
    facts[:, past.late.minute[seen] - past.start] = past.late.facts[:, seen]
    return facts


def added_up(past: Past, edge: int, minutes: int) -> Sums:
    """Return the sums of a lookback at the tick of an edge.

    Args:
        past: the minutes.
        edge: grid minute after the last one seen.
        minutes: length of the lookback.
    """
    objective, asked = past.objective, frame(past.objective, past.at(edge))
    start = asked.end - max(minutes, objective.terms[0].method.slice_minutes)
    return add_up(objective, _judged(past, edge, min(start, asked.reach)), start, asked.end)


def _judged(past: Past, edge: int, start: int) -> Judged:
    objective, asked = past.objective, frame(past.objective, past.at(edge))
    begin = max(start, past.start)
    good, bad, unknown, marks = known_at(past, edge)[:, begin - past.start :]
    flags = {
        name: (marks & mark) > 0
        for name, mark in (
            ("counted", Mark.COUNTED), ("dropped", Mark.DROPPED), ("shrunk", Mark.SHRUNK), ("forced", Mark.FORCED),
            ("unborn", Mark.UNBORN),
        )
    }  # fmt: skip
    taken = ((marks & Mark.TAKEN) > 0).astype(np.int64)
    minutes = Minutes(begin, good, bad, unknown, taken, (marks & 3).astype(np.uint8), **flags)
    calendar = isinstance(objective.window, CalendarWindow)
    term = objective.terms.index(objective.term_at(asked.window.start)) if calendar else None
    return judge(objective, minutes, anchor=asked.anchor, term=term)
