"""Standings as rows for tables: one line each, figures as people read them."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from nines.evaluation.explain import Step
from nines.evaluation.scopes import ScopeFigure
from nines.evaluation.standing import Standing
from nines.showing import budget_percent, burn, count, percent


def standing_row(standing: Standing) -> dict[str, object]:
    """Return a standing as one row of a table."""
    outcome, figure = standing.outcome, standing.aggregated
    sli, target = percent(outcome.sli, against=standing.target), percent(standing.target)
    if figure is not None:
        value = figure.value
        sli = "unknown" if value is None else f"{figure.aggregate} {float(value):.4g}"
        target = f"{_SIGNS[figure.op]} {float(figure.bound):g}"
        if figure.aggregate == "uptime":
            sli, target = percent(value, against=figure.bound), f"{_SIGNS[figure.op]} {percent(figure.bound)}"
    if standing.interval is not None and figure is None:
        low, high = Fraction(standing.interval.low), Fraction(standing.interval.high)
        sli += f" ({percent(low).removesuffix(' %')} to {percent(high)})"
    rate = standing.burn_rates.get("1h")
    return {
        "objective": standing.objective,
        "service": standing.service,
        "window": standing.window_label,
        "verdict": standing.verdict,
        "sli": sli,
        "target": target,
        "budget left": _left(standing),
        "burn 1h": burn(rate.rate) if rate else "",
        "coverage": percent(outcome.coverage, decimals=1),
    }


def _left(standing: Standing) -> str:
    """Return what is left of the budget: a range where doubt leaves it open, unknown where nothing is known."""
    outcome = standing.outcome
    if outcome.period is None:
        return ""
    if outcome.sli is None:
        return "unknown"
    reach = outcome.remaining_range
    if reach is None or budget_percent(reach.low) == budget_percent(reach.high):
        return budget_percent(outcome.period.remaining_ratio)
    return f"{budget_percent(reach.low).removesuffix(' %')} to {budget_percent(reach.high)}"


_SIGNS = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}


def scope_rows(figures: Iterable[ScopeFigure], objective: str = "") -> list[dict[str, object]]:
    """Return figures by scope as rows of a table."""
    return [
        {
            "objective": objective,
            "scope": f.scope,
            "sli": percent(f.sli),
            "good": count(f.good),
            "bad": count(f.bad),
            "unit": f.unit,
            "reason": f.reason,
        }
        for f in figures
    ]


def explanation_rows(steps: tuple[Step, ...]) -> list[dict[str, object]]:
    """Return the steps of an explanation as rows of a table."""
    return [{"step": s.title, "figure": s.figure, "how": s.how} for s in steps]
