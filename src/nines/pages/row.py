"""A standing as one row of the overview: words and shapes ready to be shown, computed nowhere else.

One rule: nothing here is rounded by hand; every figure goes through `nines.showing`, and doubt is shown as a range.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from urllib.parse import quote

from nines.evaluation.standing import Aggregated, Burn, Outcome, Range, Standing, Verdict
from nines.showing import budget_percent, burn, percent

#: Verdict -> (class of the design system, word). The class carries shape and colour.
STATES: dict[Verdict, tuple[str, str]] = {
    "met": ("met", "met"),
    "at-risk": ("risk", "at risk"),
    "missed": ("missed", "missed"),
    "unknown": ("unknown", "unknown"),
}

#: Verdicts from what needs a person most to what needs nobody.
URGENCY: tuple[Verdict, ...] = ("missed", "at-risk", "unknown", "met")

COMPARISONS = {"lt": "<", "lte": "≤", "gt": ">", "gte": "≥"}

#: Width of a budget bar's drawing, in its own units.
BAR = 132


@dataclass(frozen=True, slots=True)
class State:
    """A verdict as a word, with the class that gives its shape and colour."""

    css: str
    word: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A budget bar: what is left, and the part of it that is in doubt.

    Attributes:
        left: width of what may be left, 0..BAR.
        doubt: width of the hatched part at its right end, 0..left.
        over: width of what was overspent, 0..BAR; then nothing is left.
        css: class of the colour.
        text: the same in words, for those who cannot see it.
    """

    left: float
    doubt: float
    over: float
    css: str
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """One objective on the overview.

    Attributes:
        key: name@window, unique within the tenant.
        url: its page.
        order: sort values by column name; None sorts last.
    """

    key: str
    url: str
    name: str
    service: str
    tenant: str
    window: str
    labels: tuple[str, ...]
    state: State
    sli: str
    target: str
    bar: Bar | None
    left: str
    burn_1h: str
    burn_6h: str
    coverage: str
    problems: int
    order: dict[str, float | str | None]


def state(verdict: Verdict) -> State:
    """Return the state a verdict is shown as."""
    return State(*STATES[verdict])


def key(standing: Standing) -> str:
    """Return name@window, by which a standing is asked for."""
    return f"{standing.objective}@{standing.window_label}"


def objective_url(wanted: str) -> str:
    """Return the address of an objective's page.

    Example:
        >>> objective_url("checkout@30d")
        '/objectives/checkout%4030d'
    """
    return f"/objectives/{quote(wanted, safe='')}"


def row(standing: Standing) -> Row:
    """Return a standing as a row of the overview."""
    outcome, rates = standing.outcome, standing.burn_rates
    return Row(
        key=key(standing), url=objective_url(key(standing)), name=standing.objective, service=standing.service,
        tenant=standing.tenant, window=standing.window_label,
        labels=tuple(f"{name}={value}" for name, value in sorted(standing.labels.items())),
        state=state(standing.verdict), sli=sli_text(standing, outcome), target=target_text(standing),
        bar=bar(standing), left=left_text(outcome), burn_1h=burn_text(rates.get("1h")),
        burn_6h=burn_text(rates.get("6h")), coverage=percent(outcome.coverage, decimals=1),
        problems=sum(p.severity != "note" for p in standing.problems), order=_order(standing),
    )  # fmt: skip


def sli_text(standing: Standing, outcome: Outcome) -> str:
    """Return the SLI as shown: a range where silence or unjudged events leave it open, else one figure."""
    if standing.aggregated is not None:
        return figure_text(standing.aggregated)
    bounds = outcome.bounds
    if standing.verdict == "unknown" and bounds is not None and bounds.low != bounds.high:
        return span_text(percent(bounds.low, against=standing.target), percent(bounds.high, against=standing.target))
    return percent(outcome.sli, against=standing.target)


def target_text(standing: Standing) -> str:
    """Return the target as shown; a threshold objective shows its bound."""
    figure = standing.aggregated
    if figure is None:
        return percent(standing.target)
    return f"{COMPARISONS[figure.op]} {_value(figure.bound, figure.aggregate)}"


def figure_text(figure: Aggregated) -> str:
    """Return the aggregate of a threshold objective as shown, with its error as a range where it has one.

    Example:
        >>> figure_text(Aggregated("p95", Fraction(300), Fraction(297), Fraction(303), Fraction(250), "lte", 9))
        'p95 297-303'
    """
    name = "" if figure.aggregate == "uptime" else f"{figure.aggregate} "
    if figure.value is None:
        return "unknown"
    if figure.low is not None and figure.high is not None and figure.low != figure.high:
        low, high = _value(figure.low, figure.aggregate), _value(figure.high, figure.aggregate)
        return name + span_text(low, high)
    return name + _value(figure.value, figure.aggregate)


def _value(value: Fraction, aggregate: str) -> str:
    return percent(value) if aggregate == "uptime" else f"{float(value):,.4g}"


def left_text(outcome: Outcome) -> str:
    """Return the share of the budget that is left, as a range where it is in doubt; "" without a budget."""
    if outcome.period is None:
        return ""
    if outcome.sli is None:
        return "unknown"
    reach = outcome.remaining_range
    if reach is not None and budget_percent(reach.low) != budget_percent(reach.high):
        return span_text(budget_percent(reach.low), budget_percent(reach.high))
    return budget_percent(outcome.period.remaining_ratio)


def burn_text(rate: Burn | None) -> str:
    """Return a burn rate, as a range where silence leaves it open; "" without one."""
    if rate is None:
        return ""
    if rate.low is not None and rate.high is not None and burn(rate.low) != burn(rate.high):
        return span_text(burn(rate.low), burn(rate.high))
    return burn(rate.rate)


def over_text(standing: Standing) -> str:
    """Return the window in words, as "over 30d" or "this month"; a period of several units is "these 2-weeks"."""
    if standing.window_kind == "rolling":
        return f"over {standing.window_label}"
    return f"{'these' if standing.window_label[0].isdigit() else 'this'} {standing.window_label}"


def span_text(low: str, high: str) -> str:
    """Return a range, with the unit said once; a range that starts below zero is spelt with "to".

    Example:
        >>> span_text("99.95 %", "99.99 %"), span_text("-12 %", "3 %"), span_text("1 %", "1 %")
        ('99.95-99.99 %', '-12 to 3 %', '1 %')
    """
    if low == high:
        return low
    head = low.removesuffix(" %") if low.endswith(" %") and high.endswith(" %") else low
    return f"{head}{' to ' if low.startswith('-') or ' ' in head else '-'}{high}"


def bar(standing: Standing) -> Bar | None:
    """Return the budget bar of a standing, or None when there is no budget to draw."""
    period = standing.outcome.period
    if period is None or period.remaining_ratio is None or standing.outcome.sli is None:
        return None
    reach = standing.outcome.remaining_range or Range(period.remaining_ratio, period.remaining_ratio)
    best, worst = _clamp(reach.high), _clamp(reach.low)
    css = STATES[standing.verdict][0]
    text = f"{left_text(standing.outcome)} of the budget left"
    return Bar(best * BAR, (best - worst) * BAR, _clamp(-reach.high) * BAR, css, text)


def _clamp(share: Fraction) -> float:
    return float(min(max(share, Fraction(0)), Fraction(1)))


def _order(standing: Standing) -> dict[str, float | str | None]:
    """Return what each column sorts by; figures sort by their exact order, unknown ones last."""
    outcome, rates = standing.outcome, standing.burn_rates
    period = outcome.period
    return {
        "name": f"{key(standing)} {standing.service}".casefold(),
        "state": URGENCY.index(standing.verdict),
        "sli": _number(outcome.sli),
        "target": _number(standing.target),
        "left": _number(period.remaining_ratio if period else None),
        "burn1h": _number(rates["1h"].rate) if "1h" in rates else None,
        "burn6h": _number(rates["6h"].rate) if "6h" in rates else None,
        "data": _number(outcome.coverage),
        "window": standing.window_label,
    }


def _number(value: Fraction | None) -> float | None:
    return None if value is None else float(value)
