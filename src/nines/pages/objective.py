"""An objective's page: its figures, how they came about, and where each comes from.

One rule: every figure is shown with what it rests on; what is in doubt is a range or a word, never a single number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from nines.evaluation.explain import Step
from nines.evaluation.history import History, Point
from nines.evaluation.standing import Outcome, Standing
from nines.journal.folds import Annotation
from nines.objectives.exclusion import Exclusion
from nines.objectives.objective import Objective
from nines.pages.asking import Asked
from nines.pages.charts import BROAD, NARROW, budget_chart, drawn_until, sli_chart
from nines.pages.drawing import Drawing, draw
from nines.pages.row import burn_text, figure_text, left_text, over_text, row, sli_text, target_text
from nines.showing import budget_percent, count, length, percent

#: Occurrences of an exclusion that are written out.
MOST_SPANS = 3


@dataclass(frozen=True, slots=True)
class Fact:
    """One figure of the row of facts."""

    name: str
    value: str
    note: str

    @property
    def word(self) -> bool:
        """Whether the value is a word, not a figure."""
        return not any(c.isdigit() for c in self.value)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table behind a chart, and where on the chart it lies (0..1)."""

    x: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with its words and the table behind it; without drawings, `empty` says why."""

    title: str
    caption: str
    heads: tuple[str, ...]
    rows: tuple[Line, ...] = ()
    broad: Drawing | None = None
    narrow: Drawing | None = None
    empty: str = ""


@dataclass(frozen=True, slots=True)
class Material:
    """What an objective's page is made of; `operations.standings.view` gives it all."""

    objective: Objective
    standing: Standing
    days: History
    minutes: History
    exclusions: Sequence[Exclusion] = ()
    annotations: Sequence[Annotation] = ()
    steps: Sequence[Step] = field(default=())


def objective_page(material: Material, asked: Asked) -> dict[str, Any]:
    """Return the values of the objective's template.

    Args:
        material: the objective, its standing, history and records.
        asked: the question.
    """
    objective, standing = material.objective, material.standing
    shown, term = row(standing), objective.term_at(standing.window.end)
    version = "the files read" if standing.data_version is None else f"flush {standing.data_version:,}"
    return {
        "asked": asked, "row": shown, "workbench": f"/workbench/{shown.url.rpartition('/')[2]}",
        "name": objective.name, "title": objective.display_name or objective.name,
        "sentence": sentence(objective, standing), "revision": standing.revision, "since": term.effective_from,
        "version": version, "window": standing.window, "facts": facts(standing), "found": standing.problems,
        "rule": standing.rule,
        "form": {"action": shown.url, "at": asked.given.get("at", ""), "known_at": asked.given.get("known_at", "")},
        "burn_down": burn_down(standing, material.days), "by_day": by_step(standing, material.days),
        "by_minute": by_minute(standing, material.minutes), "burns": burns(standing), "steps": material.steps,
        "exclusions": [exclusion_row(e) for e in material.exclusions], "compared": compared(standing),
        "revisions": revisions(objective), "notes": list(material.annotations),
    }  # fmt: skip


def sentence(objective: Objective, standing: Standing) -> str:
    """Say in one sentence what is promised."""
    rolling = standing.window_kind == "rolling"
    over = over_text(standing) if rolling else f"each {standing.window_label}"
    if objective.description:
        return objective.description.rstrip(".") + "."
    if standing.aggregated is not None:
        figure = standing.aggregated
        return f"{figure.aggregate} of {objective.indicator} {target_text(standing)} {over}, for {standing.service}."
    return (
        f"{target_text(standing)} of {standing.unit} of {objective.indicator} are good {over}, for {standing.service}."
    )


def facts(standing: Standing) -> list[Fact]:
    """Return the figures that stand on top."""
    outcome, counts = standing.outcome, standing.outcome.counts
    figure = standing.aggregated
    if figure is not None:
        first = [Fact(figure.aggregate, figure_text(figure), f"of {count(figure.samples)} values"),
                 Fact("Bound", target_text(standing), "kept when the figure is there")]  # fmt: skip
    else:
        units = outcome.units_good + outcome.units_bad
        known = f"{count(outcome.units_good)} of {count(units)} {standing.unit} good"
        left = f", {count(counts.unknown)} could not be judged" if counts.unknown else ""
        if standing.verdict in {"met", "at-risk"} and outcome.sli is not None and outcome.sli < standing.target:
            left += "; under the target so far, but within the budget of the whole window"
        first = [Fact("SLI", sli_text(standing, outcome), known + left), *_budget_facts(standing)]
    spoken = length(timedelta(seconds=standing.window.length.total_seconds() * float(1 - outcome.coverage)))
    missing = "nothing is missing" if outcome.coverage == 1 else f"{spoken} of the window is not known"
    return [*first, Fact("Data", percent(outcome.coverage, decimals=1), missing), *_without(standing)]


def _budget_facts(standing: Standing) -> list[Fact]:
    period, rates, ahead = standing.outcome.period, standing.burn_rates, standing.exhaustion
    if period is None:
        return []
    unit = "bad slices" if standing.unit == "slices" else f"bad {standing.unit}"
    note = f"{count(period.remaining)} of {count(period.allowed)} {unit} left"
    if standing.outcome.sli is None:
        note = "nothing is known yet"
    elif period.remaining < 0:
        note = f"{count(-period.remaining)} {unit} more than the {count(period.allowed)} allowed"
    found = [Fact("Budget left", left_text(standing.outcome), note)]
    if "1h" in rates and "5m" in rates:
        found.append(Fact("Burn 1 h", burn_text(rates["1h"]), f"{burn_text(rates['5m'])} over 5 minutes"))
    if ahead is not None:
        found.append(Fact("Runs out", *_runs_out(standing)))
    return found


def _runs_out(standing: Standing) -> tuple[str, str]:
    ahead, period = standing.exhaustion, standing.outcome.period
    assert ahead is not None
    if period is not None and period.remaining < 0:
        return "gone", "the budget is overspent"
    if ahead.at is None:
        soonest = f"{ahead.low:%-d %b, %H:%M} at the earliest" if ahead.low else "the recent past spends too little"
        return "not in sight", soonest
    early = f"{ahead.low:%-d %b, %H:%M}" if ahead.low else "now"
    late = f"{ahead.high:%-d %b, %H:%M} UTC" if ahead.high else "never"
    return f"{ahead.at:%-d %b %H:%M}", f"between {early} and {late}, if the recent past goes on"


def _without(standing: Standing) -> list[Fact]:
    if not standing.exclusions:
        return []
    names = ", ".join(standing.exclusions[:2]) + (" and more" if len(standing.exclusions) > 2 else "")  # noqa: PLR2004
    plain = percent(standing.without_exclusions.sli, against=standing.target)
    return [Fact("Without exclusions", plain, names)]


def compared(standing: Standing) -> list[dict[str, str]]:
    """Return the figures with and without exclusions, side by side."""

    def left(outcome: Outcome) -> str:
        return budget_percent(outcome.period.remaining_ratio) if outcome.period else "none"

    pairs = (standing.outcome, standing.without_exclusions)
    lines = [
        ("SLI", [percent(o.sli, against=standing.target) for o in pairs]),
        ("budget left", [left(o) for o in pairs]),
        ("good", [count(o.counts.good) for o in pairs]),
        ("bad", [count(o.counts.bad) for o in pairs]),
        ("excluded", [count(o.counts.excluded) for o in pairs]),
        ("data", [percent(o.coverage, decimals=1) for o in pairs]),
    ]
    return [{"name": name, "applied": a, "plain": b} for name, (a, b) in lines]


def burns(standing: Standing) -> list[dict[str, str]]:
    """Return the burn rates as lines of a table."""
    return [
        {"over": over, "rate": burn_text(rate), "coverage": percent(rate.coverage, decimals=1)}
        for over, rate in standing.burn_rates.items()
    ]


def exclusion_row(exclusion: Exclusion) -> dict[str, Any]:
    """Return an exclusion as a line of a table."""
    spans = [f"{s.start:%Y-%m-%d %H:%M} to {s.end:%Y-%m-%d %H:%M}" for s in exclusion.spans[:MOST_SPANS]]
    more = len(exclusion.spans) - MOST_SPANS
    why = [exclusion.clause, exclusion.approver and f"approved by {exclusion.approver}", exclusion.evidence]
    if exclusion.where:
        why.insert(0, f"where {exclusion.where}")
    when = "; ".join(spans) + (f"; {more} more" if more > 0 else "")
    return {"name": exclusion.name, "when": when, "mode": exclusion.mode, "late": exclusion.is_late(),
            "why": ", ".join(w for w in why if w) or exclusion.kind}  # fmt: skip


def revisions(objective: Objective) -> list[dict[str, str]]:
    """Return the terms, newest first, as lines of a table."""
    return [
        {"number": str(t.revision), "target": percent(t.target),
         "since": f"{t.effective_from:%Y-%m-%d %H:%M} UTC" if t.effective_from else "the beginning"}
        for t in reversed(objective.terms)
    ]  # fmt: skip


def burn_down(standing: Standing, past: History) -> Figure:
    """Return the chart of the budget burning down, with the table behind it."""
    heads = ("up to", "left", "bad", "unknown", "data")
    title, caption = "Budget left", "The line is what is left of the window's budget; grey bands are exclusions."
    if standing.outcome.period is None or not any(p.remaining is not None for p in past.points):
        return Figure(
            title, "", heads, empty="There is no budget to draw: nothing was allowed, or nothing is promised."
        )
    if any(p.remaining_range for p in past.points):
        caption += " The violet part is in doubt: it is gone if all that is unknown was bad."
    if drawn_until(standing) > standing.window.end:
        caption += " The cone carries the recent past on."
    label = f"Budget left, {left_text(standing.outcome)} at the end. The figures stand in the table below."
    broad, narrow = (draw(partial(budget_chart, standing, past, size), label, css) for size, css in _SIZES)
    start, until = standing.window.start, drawn_until(standing)
    rows = tuple(
        Line(_place(p.end, start, until), (_when(p.end, past.step), budget_percent(p.remaining), *_counts(p)))
        for p in past.points
    )
    return Figure(title, caption, heads, rows, broad, narrow)


def by_step(standing: Standing, past: History) -> Figure:
    """Return the chart of the SLI by day, or by hour for short windows."""
    step = "day" if past.step >= timedelta(days=1) else "hour"
    caption = f"A disc met the target in that {step}, a square missed it; a violet line or band is what is not known."
    return _sli_figure(standing, past, f"SLI by {step}", caption)


def by_minute(standing: Standing, past: History) -> Figure:
    """Return the chart of the SLI by minute."""
    caption = "The last three hours, minute by minute; violet bands are silence."
    return _sli_figure(standing, past, "SLI by minute", caption)


def _sli_figure(standing: Standing, past: History, title: str, caption: str) -> Figure:
    heads = ("from", "SLI", "bad", "unknown", "data")
    if standing.aggregated is not None:
        return Figure(title, "", heads, empty="A threshold objective holds one figure of the whole window to a bound.")
    if not past.points or all(p.sli is None for p in past.points):
        return Figure(title, "", heads, empty="Nothing is known about this time; silence is not success.")
    known = sum(p.sli is not None for p in past.points)
    label = f"{title}: {known} of {len(past.points)} points known. The figures stand in the table below."
    broad, narrow = (draw(partial(sli_chart, past.points, standing.target, size), label, css) for size, css in _SIZES)
    start, end = past.points[0].start, past.points[-1].end
    rows = tuple(
        Line(
            _place(p.start + (p.end - p.start) / 2, start, end),
            (_when(p.start, past.step), percent(p.sli, against=standing.target), *_counts(p)),
        )
        for p in past.points
    )
    return Figure(title, caption, heads, rows, broad, narrow)


_SIZES = ((BROAD, "broad"), (NARROW, "narrow"))


def _counts(point: Point) -> tuple[str, str, str]:
    unknown = "no estimate" if point.unknown is None else count(point.unknown)
    return count(point.bad), unknown, percent(point.coverage, decimals=1)


def _when(at: datetime, step: timedelta) -> str:
    return f"{at:%H:%M}" if step < timedelta(hours=1) else f"{at:%-d %b %H:%M}"


def _place(at: datetime, start: datetime, end: datetime) -> str:
    return f"{(at - start) / (end - start):.4f}" if end > start else "0"
