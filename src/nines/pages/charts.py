"""What an objective's page draws, as Altair charts: the budget burning down, and the SLI by day or by minute.

One rule: lines are labelled where they are, doubt is drawn as an area, and where nothing is known nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from math import ceil, log10
from typing import TYPE_CHECKING, Any

from nines.evaluation.history import History, Point
from nines.evaluation.standing import Standing
from nines.pages.theme import ink, theme
from nines.pages.tokens import Scheme
from nines.showing import percent
from nines.spans import Span

if TYPE_CHECKING:
    import altair as alt

#: (width, height) of a drawing, in pixels: beside a text column, and on a phone.
BROAD, NARROW = (720, 210), (330, 190)

#: A projection is drawn no further than this share of the window.
AHEAD = 0.25

#: Charts show no budget below this share; the table behind them does.
LEAST_LEFT = -1.0

#: Up to so many points each is a mark of its own; more make a line.
MOST_MARKS = 62


def budget_chart(
    standing: Standing, past: History, size: tuple[int, int] = BROAD, scheme: Scheme | None = None
) -> alt.LayerChart:
    """Return the budget burning down through the window, with what may come.

    Args:
        standing: the standing the history leads to.
        past: history over the whole window.
        size: width and height of the drawing, in pixels.
        scheme: None for a page; else the scheme whose colours a document needs.
    """
    cone, until = _cone(standing), drawn_until(standing)
    x = time_axis(Span(standing.window.start, until), size)
    low = min([0.0, *(_share(p.remaining) for p in past.points if p.remaining is not None)])
    y = _share_axis([max(low, LEAST_LEFT), 1], "%")
    layers = [
        *_bands(past, x, scheme, labels=size == BROAD),
        _area(_doubt(past), x, y, ink("unknown-soft", scheme)),
        _area([{"x": stamp(at), "y": a, "y2": b} for at, a, b in cone], x, y, ink("missed-soft", scheme)),
        _rule("y", [{"y": 0}], y, ink("edge", scheme)),
        *_ticks(past, x, scheme),
        _line(_left(past), x, y, ink("ink", scheme)),
        _last(past, x, y, scheme),
    ]
    return finish(layers, size, scheme)


def drawn_until(standing: Standing) -> datetime:
    """Return the instant at which the chart of the budget ends: the window's end, or that of its projection."""
    return max([standing.window.end, *(at for at, _, _ in _cone(standing))])


def sli_chart(
    points: Sequence[Point],
    target: Fraction,
    size: tuple[int, int] = BROAD,
    scheme: Scheme | None = None,
) -> alt.LayerChart:
    """Return the SLI over consecutive points, against its target.

    Args:
        points: at least one, consecutive; those of which nothing is known leave a gap.
        target: promised good share.
        size: width and height of the drawing, in pixels.
        scheme: None for a page; else the scheme whose colours a document needs.

    Returns:
        Marks of their own for up to 62 points (a disc met the target, a square missed it), a line for more.
    """
    known = [_share(p.sli) for p in points if p.sli is not None]
    low = min([*known, _share(target)])
    low -= (1 - low) * 0.08 or 0.001
    x = time_axis(Span(points[0].start, points[-1].end), size)
    y = _share_axis([max(low, 0), 1], f".{_decimals(1 - low)}%")
    goal = [{"y": _share(target), "text": f"target {percent(target)}", "x": stamp(points[0].start)}]
    layers = [
        _area(_unknown_bands(points, low), x, y, ink("unknown-soft", scheme)),
        _rule("y", goal, y, ink("edge", scheme), dash=True),
        *(_marks(points, target, x, y, scheme) if len(points) <= MOST_MARKS else _traces(points, x, y, scheme)),
        _words(goal, x, y, scheme, dy=-6),
    ]
    return finish(layers, size, scheme)


def _marks(points: Sequence[Point], target: Fraction, x: alt.X, y: alt.Y, scheme: Scheme | None) -> list[alt.Chart]:
    """Return a mark per point, its shape and colour saying on which side of the target it lies."""
    spans = [
        {"x": stamp(_middle(p)), "y": _share(p.bounds.low), "y2": _share(p.bounds.high)}
        for p in points
        if p.bounds is not None and p.bounds.low != p.bounds.high
    ]
    layers = [rows_chart(spans).mark_rule(color=ink("unknown", scheme), strokeWidth=2).encode(x=x, y=y, y2="y2")]
    for kept, shape, colour in ((True, "circle", "met"), (False, "square", "missed")):
        rows = [
            {"x": stamp(_middle(p)), "y": _share(p.sli)}
            for p in points
            if p.sli is not None and (p.sli >= target) is kept
        ]
        mark = rows_chart(rows).mark_point(shape=shape, size=34, filled=True, opacity=1, color=ink(colour, scheme))
        layers.append(mark.encode(x=x, y=y))
    return layers


def _traces(points: Sequence[Point], x: alt.X, y: alt.Y, scheme: Scheme | None) -> list[alt.Chart]:
    """Return a line with gaps where nothing is known, and dots for points that have no known neighbour."""
    rows = [{"x": stamp(p.start), "y": None if p.sli is None else _share(p.sli)} for p in points]
    padded = [None, *(r["y"] for r in rows), None]
    alone = [
        row for row, before, after in zip(rows, padded, padded[2:], strict=False)
        if row["y"] is not None and before is None and after is None
    ]  # fmt: skip
    dots = rows_chart(alone).mark_point(size=10, filled=True, opacity=1, color=ink("ink", scheme)).encode(x=x, y=y)
    return [_line(rows, x, y, ink("ink", scheme), width=1.2), dots]


def _unknown_bands(points: Sequence[Point], low: float) -> list[dict[str, Any]]:
    """Return areas over the time in which nothing was known."""
    rows: list[dict[str, Any]] = []
    for point in points:
        top = 1 if point.sli is None and not point.coverage else None
        rows += [{"x": stamp(at), "y": None if top is None else low, "y2": top} for at in (point.start, point.end)]
    return rows


def _cone(standing: Standing) -> list[tuple[datetime, float, float]]:
    """Return (instant, worst left, best left) from now on, as far as a projection is drawn; empty without one."""
    ahead, period = standing.exhaustion, standing.outcome.period
    if ahead is None or ahead.low is None or period is None or not period.remaining_ratio:
        return []
    start, left = standing.window.end, _share(period.remaining_ratio)
    if left <= 0 or ahead.low <= start:
        return []
    furthest = start + (standing.period_end - standing.window.start) * AHEAD
    late = ahead.high
    edges = sorted({start, min(ahead.low, furthest), min(late or furthest, furthest)})

    def at(instant: datetime, gone: datetime | None) -> float:
        return left if gone is None else max(0.0, left * (1 - (instant - start) / (gone - start)))

    return [(e, at(e, ahead.low), at(e, late)) for e in edges]


def _left(past: History) -> list[dict[str, Any]]:
    rows = [{"x": stamp(p.end), "y": None if p.remaining is None else _share(p.remaining)} for p in past.points]
    first = past.points[0].start if past.points else None
    whole = [{"x": stamp(first), "y": 1.0}] if first is not None and rows[0]["y"] is not None else []
    return [*whole, *rows]


def _doubt(past: History) -> list[dict[str, Any]]:
    return [
        {"x": stamp(p.end), "y": _share(r.low) if r else None, "y2": _share(r.high) if r else None}
        for p in past.points
        for r in (p.remaining_range,)
    ]


def _last(past: History, x: alt.X, y: alt.Y, scheme: Scheme | None) -> alt.Chart:
    rows = _left(past)[-1:]
    drawn: alt.Chart = (
        rows_chart(rows).mark_point(size=46, filled=True, opacity=1, color=ink("ink", scheme)).encode(x=x, y=y)
    )
    return drawn


def _bands(past: History, x: alt.X, scheme: Scheme | None, *, labels: bool) -> list[alt.Chart]:
    """Return exclusions as bands, each with its name at the foot where there is room."""
    import altair as alt

    rows = [{"x": stamp(b.span.start), "x2": stamp(b.span.end), "text": b.name} for b in past.bands]
    bands = rows_chart(rows).mark_rect(color=ink("rule", scheme), opacity=0.8).encode(x=x, x2="x2")
    named = {r["text"]: r for r in rows}.values() if labels else []
    middle = past.points[len(past.points) // 2].start if past.points else None
    layers = [bands]
    for left in (True, False):
        here = [r for r in named if (r["x"] < stamp(middle)) is left]
        words = rows_chart(here).mark_text(
            align="left" if left else "right",
            baseline="bottom",
            dx=3 if left else -3,
            dy=-4,
            color=ink("ink-3", scheme),
        )
        layers.append(words.encode(x=x, y=alt.value(BROAD[1]), text="text:N"))
    return layers


def _ticks(past: History, x: alt.X, scheme: Scheme | None) -> list[alt.Chart]:
    """Return revisions as ticks at the top, each with its number and target."""
    import altair as alt

    rows = [{"x": stamp(t.at), "text": f"revision {t.revision}: {percent(t.target)}"} for t in past.ticks]
    rule = rows_chart(rows).mark_rule(color=ink("accent", scheme), strokeDash=[2, 3]).encode(x=x)
    words = rows_chart(rows).mark_text(align="left", baseline="top", dx=4, color=ink("accent", scheme))
    return [rule, words.encode(x=x, y=alt.value(0), text="text:N")]


def _area(rows: list[dict[str, Any]], x: alt.X, y: alt.Y, colour: str) -> alt.Chart:
    drawn: alt.Chart = rows_chart(rows).mark_area(color=colour, opacity=1).encode(x=x, y=y, y2="y2")
    return drawn


def _line(rows: list[dict[str, Any]], x: alt.X, y: alt.Y, colour: str, *, width: float = 1.8) -> alt.Chart:
    drawn: alt.Chart = rows_chart(rows).mark_line(color=colour, strokeWidth=width).encode(x=x, y=y)
    return drawn


def _rule(channel: str, rows: list[dict[str, Any]], axis: alt.Y, colour: str, *, dash: bool = False) -> alt.Chart:
    drawn: alt.Chart = (
        rows_chart(rows).mark_rule(color=colour, strokeDash=[4, 3] if dash else [1, 0]).encode(**{channel: axis})
    )
    return drawn


def _words(rows: list[dict[str, Any]], x: alt.X, y: alt.Y, scheme: Scheme | None, *, dy: int) -> alt.Chart:
    drawn: alt.Chart = (
        rows_chart(rows)
        .mark_text(align="left", dx=2, dy=dy, color=ink("ink-2", scheme))
        .encode(x=x, y=y, text="text:N")
    )
    return drawn


def rows_chart(rows: list[dict[str, Any]]) -> alt.Chart:
    """Return a chart over rows, to be given marks."""
    import altair as alt

    return alt.Chart(alt.InlineData(values=rows))


def _share_axis(domain: list[float], form: str) -> alt.Y:
    import altair as alt

    scale = alt.Scale(domain=domain, nice=False, zero=False, clamp=True)
    return alt.Y("y:Q", scale=scale, axis=alt.Axis(format=form, tickCount=4, title=None))


def time_axis(span: Span, size: tuple[int, int]) -> alt.X:
    """Return the axis of a span of time, for a drawing of a size."""
    import altair as alt

    days, broad = span.length > timedelta(days=2), size == BROAD
    # The domain is given as texts that end in Z, so that Vega reads them as UTC wherever it runs.
    scale = alt.Scale(domain=[stamp(span.start), stamp(span.end)], nice=False, zero=False, clamp=True, type="utc")
    axis = alt.Axis(format="%-d %b" if days else "%H:%M", tickCount=6 if broad else 3 if days else 4, title=None)
    return alt.X("x:T", scale=scale, axis=axis)


def finish(layers: list[alt.Chart], size: tuple[int, int], scheme: Scheme | None) -> alt.LayerChart:
    """Return layers as one chart with the theme of the page; those without rows are left out."""
    import altair as alt

    drawn = [layer for layer in layers if layer.data.values]
    chart: alt.LayerChart = alt.layer(*drawn).properties(width=size[0], height=size[1]).configure(**theme(scheme))
    return chart


def _decimals(width: float) -> int:
    """Return the decimals of a percentage that tell ticks of a domain of this width apart."""
    return max(0, ceil(-log10(width * 100 / 4))) if width > 0 else 0


def _middle(point: Point) -> datetime:
    return point.start + (point.end - point.start) / 2


def _share(value: Fraction | None) -> float:
    return float(value or 0)


def stamp(at: datetime | None) -> str:
    """Return an instant as charts read it; "" for none."""
    return "" if at is None else at.strftime("%Y-%m-%dT%H:%M:%SZ")
