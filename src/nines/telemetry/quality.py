"""The quality of measurements: what was found odd about a series, told so that a person can act on it.

One rule: whatever made a figure unknown, or was mended on the way, is reported; findings of one kind on one
series are told once with their number, so that a bad hour gives one line and not sixty.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np

from nines.errors import Problem, Severity
from nines.spans import instant_of
from nines.telemetry.series import Ints, MinuteSeries, MinuteState

Oddity = Literal[
    "duplicate",
    "conflict",
    "reset",
    "gap",
    "not-a-number",
    "negative",
    "not-whole",
    "too-large",
    "born-at-n",
    "different-instants",
    "more-than-total",
    "broken",
    "silent",
]


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One kind of oddity on one series.

    Attributes:
        series: name of the series, or of the source.
        kind: which oddity.
        minute: grid minute in which it was first seen.
        number: how often, >= 1; minutes for "gap", "broken" and "silent", events for "born-at-n".
    """

    series: str
    kind: Oddity
    minute: int
    number: int


#: What each oddity is, with {n} for its number; what to do; how grave it is.
_WORDS: dict[Oddity, tuple[str, str, Severity]] = {
    "duplicate": ("{n} readings repeat one at the same instant and count once", "", "note"),
    "conflict": (
        "{n} readings contradict another of the same series and instant, so their minutes are unknown",
        "look for two writers of one series",
        "warning",
    ),
    "reset": ("{n} resets: the counter began again and its new value counts whole", "", "note"),
    "gap": (
        "{n} minutes without readings, accounted for by the next one; known for Occurrences, unknown for slices",
        "look for failed scrapes",
        "warning",
    ),
    "not-a-number": ("{n} readings are not numbers, so their minutes are unknown", "repair the exporter", "warning"),
    "negative": ("{n} readings are below zero, so their minutes are unknown", "use a counter, not a gauge", "warning"),
    "not-whole": (
        "{n} readings are not whole numbers, so their minutes are unknown",
        "count events; a rate or a duration is not a count",
        "warning",
    ),
    "too-large": (
        "{n} readings exceed 2^53 and cannot be exact, so their minutes are unknown",
        "restart the counter or split it by label",
        "warning",
    ),
    "born-at-n": (
        "first seen at {n}, and nothing says whether those events are new; they stay unknown",
        "expose the counter from zero, or its created timestamp",
        "warning",
    ),
    "different-instants": (
        "{n} minutes whose counts were not read at one instant with their total are unknown",
        "read both counters at one evaluation instant",
        "warning",
    ),
    "more-than-total": (
        "{n} minutes count more events of a kind than events at all and are unknown",
        "check that the selectors of both counters match",
        "warning",
    ),
    "broken": ("{n} minutes hold figures that cannot be true and are unknown", "", "warning"),
    "silent": ("{n} minutes without any sign of life in the longest silence", "", "note"),
}


def problems(findings: Iterable[Finding], most: int = 20) -> tuple[Problem, ...]:
    """Return findings as problems, the gravest first.

    Args:
        findings: in any order; those of one series and kind are added up.
        most: greatest number of problems, >= 1; the rest is summed up in one more.

    Example:
        >>> print(problems([Finding("errors_total", "reset", 0, 1), Finding("errors_total", "reset", 9, 1)])[0])
        errors_total: 2 resets: the counter began again and its new value counts whole, first at 1970-01-01T00:00Z
    """
    told = [_problem(f) for f in _added_up(findings)]
    told.sort(key=lambda p: (p.severity == "note", p.code, p.where))
    rest = told[most:]
    if rest:
        worst: Severity = "note" if all(p.severity == "note" for p in rest) else "warning"
        kinds = ", ".join(sorted({p.code for p in rest}))
        told[most:] = [Problem("", f"{len(rest)} more findings of these kinds: {kinds}", "", worst, "more-findings")]
    return tuple(told)


def series_findings(series: MinuteSeries, name: str) -> tuple[Finding, ...]:
    """Return what the minutes of a series themselves show: broken ones, and the longest silence once it was heard.

    Args:
        series: minutes as they came from a rollup.
        name: what to call the series.
    """
    found: list[Finding] = []
    broken = np.flatnonzero(series.state == MinuteState.BROKEN)
    if len(broken):
        found.append(Finding(name, "broken", series.start + int(broken[0]), len(broken)))
    born = 0 if series.first is None else max(series.first - series.start, 0)
    silent = series.state[born:] == MinuteState.SILENT
    edges: Ints = np.flatnonzero(np.diff(np.concatenate([[False], silent, [False]]).astype(np.int8)))
    lengths = edges[1::2] - edges[::2]
    if len(lengths):
        longest = int(lengths.argmax())
        found.append(Finding(name, "silent", series.start + born + int(edges[::2][longest]), int(lengths[longest])))
    return tuple(found)


def _added_up(findings: Iterable[Finding]) -> Iterable[Finding]:
    ordered = sorted(findings, key=lambda f: (f.series, f.kind, f.minute))
    for (series, kind), same in groupby(ordered, key=lambda f: (f.series, f.kind)):
        group = list(same)
        yield Finding(series, kind, group[0].minute, sum(f.number for f in group))


def _problem(finding: Finding) -> Problem:
    what, fix, severity = _WORDS[finding.kind]
    when = instant_of(finding.minute).strftime("%Y-%m-%dT%H:%MZ")
    return Problem(
        finding.series, f"{what.format(n=finding.number)}, first at {when}", fix, severity, f"series-{finding.kind}"
    )
