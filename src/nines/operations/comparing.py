"""Another tool's number beside ours, for an objective in force."""

from __future__ import annotations

from datetime import datetime

from nines.alerting.compat import TOOLS, Comparison, compare
from nines.errors import CannotTellError, InputError, Problem
from nines.objectives.indicator import CompositeIndicator, ValueIndicator
from nines.operations.house import House
from nines.operations.standings import bench
from nines.people.rights import Principal, require


def beside(
    house: House, who: Principal, name: str, tool: str, *, at: datetime, known_at: datetime | None = None
) -> list[Comparison]:
    """Return other tools' numbers beside ours.

    Args:
        house: where to look.
        who: who is asking.
        name: an objective, as checkout or checkout@30d.
        tool: a tool's name, or "all".
        at: instant asked about.
        known_at: as known then, or None for now.

    Raises:
        InputError: the tool is not known.
        CannotTellError: the objective has no counts of its own.
    """
    require(who, "see")
    if tool not in {*TOOLS, "all"}:
        what, fix = f"no tool {tool!r} is known here", f"write one of {', '.join(TOOLS)}, or all"
        raise InputError(Problem("--compat", what, fix, code="bad-choice"))
    work = bench(house, who, at=at, known_at=known_at)
    objective = work.settled(work.objective(name))
    if isinstance(work.indicator(objective), CompositeIndicator | ValueIndicator):
        what = "it has no counts of its own that another tool could divide"
        raise CannotTellError(Problem(objective.key, what, "ask about its members", code="no-counts"))
    standing, series = work.standing(objective, at, known_at), work.evidence(objective, at).series
    return [compare(t, objective, standing, series) for t in (TOOLS if tool == "all" else (tool,))]


def comparison_json(found: Comparison) -> dict[str, object]:
    """Return a comparison as JSON holds it."""
    return {
        "tool": found.tool, "ours": found.ours, "theirs": found.theirs, "gap": found.gap,
        "ours_left": found.ours_left, "theirs_left": found.theirs_left, "rule": found.rule, "source": found.source,
        "parts": [{"cause": p.cause, "size": p.size} for p in found.parts],
    }  # fmt: skip


def comparison_rows(found: list[Comparison]) -> list[dict[str, object]]:
    """Return comparisons as rows of a table: one for each cause."""
    return [
        {"tool": one.tool, "ours": _share(one.ours), "theirs": _share(one.theirs), "gap": _points(part.size),
         "cause": part.cause, "how": one.rule}
        for one in found
        for part in one.parts
    ]  # fmt: skip


def _share(value: float | None) -> str:
    return "no number" if value is None else f"{value:.6%}"


def _points(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:+.6f} points"
