"""Another tool's number beside ours, from the same minutes, with the named cause of the gap and its size.

Only what a tool does differently is done here: the counts are ours. Sources stand beside each rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from nines.evaluation.standing import Standing
from nines.objectives.method import Occurrences
from nines.objectives.objective import Objective
from nines.spans import minute_of
from nines.telemetry.series import Ints, MinuteSeries, MinuteState


@dataclass(frozen=True, slots=True)
class Minutes:
    """The minutes of a window as another tool would see them.

    Attributes:
        good, bad: events of each minute.
        heard: whether anything was heard in it.
        earlier: bad events before the window, as far back as is known.
        sliced: whether the objective counts slices.
        share: good share a slice needs, 0..1.
        days: length of the window in days.
    """

    good: Ints
    bad: Ints
    heard: Ints
    earlier: int
    sliced: bool
    share: Fraction
    days: int

    @property
    def ratio(self) -> float | None:
        """Good events per event, or None without any."""
        good, bad = int(self.good.sum()), int(self.bad.sum())
        return good / (good + bad) if good + bad else None

    @property
    def bad_minutes(self) -> int:
        """Minutes with events whose good share is too small."""
        total = self.good + self.bad
        short = self.good * self.share.denominator < self.share.numerator * total
        return int((short & (total > 0)).sum())


Value = tuple[float | None, str]


@dataclass(frozen=True, slots=True)
class Tool:
    """One other tool.

    Attributes:
        name: as people know it.
        number: its good share from the minutes, and why it differs from ours where it does.
        rule: what it does, one sentence.
        source: where that stands.
    """

    name: str
    number: Callable[[Minutes], Value]
    rule: str
    source: str


def _sloth(seen: Minutes) -> Value:
    """Return the mean of overlapping five-minute ratios, one at each minute."""
    good, total, heard = (_five(x) for x in (seen.good, seen.good + seen.bad, seen.heard))
    if bool(((total == 0) & (heard > 0)).any()):
        return None, "five minutes without an event give 0/0, and one of those leaves the whole window without a number"
    told = total > 0
    if not told.any():
        return None, "there is nothing to take a mean of"
    mean = math.fsum((good[told] / total[told]).tolist()) / int(told.sum())
    return mean, "a mean of five-minute ratios: each counts alike, however many events it stands for"


def _five(values: Ints) -> Ints:
    grown: Ints = np.concatenate([[0], np.cumsum(values)])
    last = np.arange(1, len(values) + 1)
    found: Ints = grown[last] - grown[np.maximum(last - 5, 0)]
    return found


def _pyrra(seen: Minutes) -> Value:
    """Return one less errors or nothing by all, as increases see them: a series' first value is no increase."""
    bad, total = int(seen.bad.sum()), int((seen.good + seen.bad).sum())
    first = np.flatnonzero(seen.bad)
    lost = int(seen.bad[first[0]]) if len(first) and not seen.earlier else 0
    if total - lost <= 0:
        return None, "there are no increases to divide by"
    why = f"{lost} errors made their series and so are no increase of it" if lost else _SAME
    return 1 - (bad - lost) / (total - lost), why


def _generator(seen: Minutes) -> Value:
    ratio = seen.ratio
    return (
        (None, _NOTHING) if ratio is None else (round(ratio, 6), "rounded to six decimals before anything is compared")
    )


def _datadog(seen: Minutes) -> Value:
    if seen.sliced:
        return _all_minutes(seen)
    ratio, places = seen.ratio, 3 if seen.days >= _LONG_DAYS else 2
    if ratio is None:
        return None, _NOTHING
    return round(100 * ratio, places) / 100, f"told with {places} decimals of a per cent"


def _elastic(seen: Minutes) -> Value:
    return _all_minutes(seen) if seen.sliced else _plain(seen)


def _all_minutes(seen: Minutes) -> Value:
    """Return one less bad minutes by all minutes of the window: those that are missing are good."""
    missing = int((seen.good + seen.bad == 0).sum())
    why = f"{missing} minutes without events count as good" if missing else _SAME
    return 1 - seen.bad_minutes / len(seen.good), why


def _exporter(seen: Minutes) -> Value:
    return (1.0, "no events count as none that failed") if seen.ratio is None else _plain(seen)


def _plain(seen: Minutes) -> Value:
    return (None, _NOTHING) if seen.ratio is None else (seen.ratio, _SAME)


_SAME, _NOTHING, _LONG_DAYS = "the same counts, divided once", "there are no events", 90

#: Name on the command line -> tool. Adding one is a function and a row.
TOOLS: dict[str, Tool] = {
    "sloth": Tool(
        "Sloth", _sloth, "the window is the mean of its five-minute error ratios",
        "Sloth, SLI plugin core/sli_rules, the period's optimized rule",
    ),
    "pyrra": Tool("Pyrra", _pyrra, "increase() of errors, or 0, by increase() of all", "Pyrra, slo/promql.go"),
    "slo-generator": Tool(
        "slo-generator", _generator, "the share is rounded to six decimals, the burn rate to one",
        "slo-generator, report.py",
    ),
    "datadog": Tool(
        "Datadog", _datadog, "metric SLOs divide counts; time slices without data are uptime",
        "Datadog, service level objectives, missing data",
    ),
    "elastic": Tool(
        "Elastic", _elastic, "slices that are missing are good; occurrences divide counts",
        "Kibana, SLO domain services",
    ),
    "nobl9": Tool(
        "Nobl9", _elastic, "time slices divide by all minutes of the window; occurrences divide counts",
        "nobl9-go, budgeting methods",
    ),
    "slo-exporter": Tool("slo-exporter", _exporter, "a window without events has no violation", "slo-exporter, rules"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """One cause of a gap: what it is, and how much of the good share it makes; None where it leaves no number."""

    cause: str
    size: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two tools on the same minutes.

    Attributes:
        tool: key of `TOOLS`.
        ours, theirs: good share, 0..1, or None.
        parts: causes of the gap; their sizes add up to it.
        rule: what the other tool does.
        source: where that stands.
        ours_left, theirs_left: share of the budget left, by each number.
    """

    tool: str
    ours: float | None
    theirs: float | None
    parts: tuple[Part, ...]
    rule: str
    source: str
    ours_left: float | None
    theirs_left: float | None

    @property
    def gap(self) -> float | None:
        """Their number less ours, or None where one of them has none."""
        return None if self.ours is None or self.theirs is None else self.theirs - self.ours


def compare(tool: str, objective: Objective, standing: Standing, series: MinuteSeries) -> Comparison:
    """Return another tool's number beside ours.

    Args:
        tool: key of `TOOLS`.
        objective: the promise.
        standing: ours.
        series: the minutes it rests on; they may reach back beyond the window.

    Raises:
        KeyError: the tool is not known.
    """
    other = TOOLS[tool]
    theirs, why = other.number(_seen(objective, standing, series))
    ours, bare = standing.outcome.sli, standing.without_exclusions.sli
    parts = []
    if standing.exclusions:
        size = None if ours is None or bare is None else float(bare - ours)
        parts.append(Part(f"it knows no exclusions; {len(standing.exclusions)} hold here", size))
    size = None if theirs is None or bare is None else theirs - float(bare)
    parts.append(Part(why, size))
    mine = None if ours is None else float(ours)
    budget = float(1 - standing.target)
    left = [None if x is None or not budget else 1 - (1 - x) / budget for x in (mine, theirs)]
    return Comparison(tool, mine, theirs, tuple(parts), other.rule, other.source, left[0], left[1])


def _seen(objective: Objective, standing: Standing, series: MinuteSeries) -> Minutes:
    start, end = minute_of(standing.window.start), minute_of(standing.window.end)
    inside, before = series.window(start, end), series.window(min(series.start, start), start)
    method = objective.terms[-1].method
    return Minutes(
        good=inside.good, bad=inside.bad, heard=(inside.state != MinuteState.SILENT).astype(np.int64),
        earlier=int(before.bad.sum()), sliced=not isinstance(method, Occurrences),
        share=getattr(method, "slice_target", Fraction(1)), days=(end - start) // 1440,
    )  # fmt: skip
