"""What the workbench draws: the burn rate with the factors of rules, a lane of episodes for each, and the Pareto front.

One rule: burn rate and lanes share their axis of time, so that an episode stands under the burn that made it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from nines.operations.workbench import Workbench
from nines.pages.charts import BROAD, NARROW, finish, rows_chart, stamp, time_axis
from nines.pages.theme import ink
from nines.pages.tokens import Scheme
from nines.showing import burn
from nines.spans import Span

if TYPE_CHECKING:
    import altair as alt

#: Room left of both drawings, broad and narrow, so that their axes of time lie under one another.
MARGINS = {BROAD[0]: 132, NARROW[0]: 84}
#: Burn rates that the axis names.
NAMED = (0, 1, 3, 10, 30, 100, 300, 1000, 10000)
#: Height of a lane.
LANE = 26
#: No episode is drawn shorter than this share of the span: it would not be seen.
SHORTEST = 0.004


@dataclass(frozen=True, slots=True)
class Stretch:
    """One stretch in which a rule fires: its lane, from when until when, and the class of its colour."""

    lane: str
    start: datetime
    end: datetime
    css: str


def burn_chart(bench: Workbench, size: tuple[int, int] = BROAD, scheme: Scheme | None = None) -> alt.LayerChart:
    """Return the burn rate over the span, the factors of the policy's rules across it.

    Args:
        bench: what was found.
        size: width and height of the drawing, in pixels.
        scheme: None for a page; else the scheme whose colours a document needs.
    """
    import altair as alt

    rows = [{"x": stamp(at), "y": rate} for at, rate in bench.curve.points]
    policy, window = bench.tried[0].policy, bench.objective.window.nominal
    lines = [
        {"y": float(r.factor(window)), "text": f"{r.name} {burn(r.factor(window))}", "x": stamp(bench.span.start)}
        for r in policy.rules
    ]
    peaks = [rate for _, rate in bench.curve.points if rate is not None]
    top = max([*peaks, *(1.4 * float(r.factor(window)) for r in policy.rules), 1.0])
    x = time_axis(bench.span, size)
    axis = _axis(size, values=[v for v in NAMED if v <= top], format=",d")
    y = alt.Y("y:Q", scale=alt.Scale(domain=[0, top], type="symlog", nice=False, clamp=True), axis=axis)
    words = rows_chart(lines if size == BROAD else lines[:1])
    layers = [
        _incidents(bench, x, scheme),
        rows_chart(rows).mark_area(color=ink("raised", scheme), opacity=1).encode(x=x, y=y),
        rows_chart(lines).mark_rule(color=ink("edge", scheme), strokeDash=[4, 3]).encode(y=y),
        rows_chart(rows).mark_line(color=ink("ink", scheme), strokeWidth=1.2).encode(x=x, y=y),
        words.mark_text(align="left", dx=2, dy=-6, color=ink("ink-2", scheme)).encode(x=x, y=y, text="text:N"),
    ]
    return finish(layers, size, scheme)


def _axis(size: tuple[int, int], **more: Any) -> alt.Axis:  # noqa: ANN401 - whatever an axis takes
    import altair as alt

    room = MARGINS[size[0]]
    return alt.Axis(title=None, minExtent=room, maxExtent=room, labelLimit=room - 8, **more)


def lanes(bench: Workbench) -> list[Stretch]:
    """Return what each rule would have told, lane by lane.

    Args:
        bench: what was found.
    """
    found = []
    for tried in bench.tried:
        for episode in tried.told.episodes:
            name = episode.rule if tried is bench.tried[0] else f"{tried.policy.name} {episode.rule}"
            css = "missed" if episode.severity == "page" else "risk"
            found += [Stretch(name, t.start, t.end or bench.span.end, css) for t in episode.told]
    return found


def lane_names(bench: Workbench) -> list[str]:
    """Return the lanes in their order: the chosen policy's rules, then those of the one beside it.

    Args:
        bench: what was found.
    """
    first, *others = bench.tried
    own = [rule.name for rule, _ in first.told.lived]
    beside = [f"{o.policy.name} {rule.name}" for o in others for rule, _ in o.told.lived]
    return [*own, *beside]


def lane_chart(bench: Workbench, size: tuple[int, int] = BROAD, scheme: Scheme | None = None) -> alt.LayerChart:
    """Return a lane for each rule, with the stretches in which it would have fired.

    Args:
        bench: what was found.
        size: width and height of the drawing, in pixels; its height follows from the lanes.
        scheme: as for `burn_chart`.
    """
    import altair as alt

    names, span = lane_names(bench), bench.span
    least = span.length * SHORTEST
    x = time_axis(span, size)
    axis = _axis(size)
    y = alt.Y("lane:N", scale=alt.Scale(domain=names), sort=names, axis=axis)
    layers = [_incidents(bench, x, scheme), _floor(names, span, x, y, scheme)]
    for css in ("missed", "risk"):
        rows = [_bar(s, least, span) for s in lanes(bench) if s.css == css]
        layers.append(rows_chart(rows).mark_bar(color=ink(css, scheme), height=12).encode(x=x, x2="x2", y=y))
    return finish(layers, (size[0], LANE * len(names)), scheme)


def _floor(names: Sequence[str], span: Span, x: alt.X, y: alt.Y, scheme: Scheme | None) -> alt.Chart:
    """Return a thin line along each lane, so that an empty one is seen to be there."""
    rows = [{"lane": n, "x": stamp(span.start), "x2": stamp(span.end)} for n in names]
    drawn: alt.Chart = rows_chart(rows).mark_rule(color=ink("rule", scheme)).encode(x=x, x2="x2", y=y)
    return drawn


def _bar(one: Stretch, least: timedelta, span: Span) -> dict[str, Any]:
    start, end = max(one.start, span.start), min(max(one.end, one.start + least), span.end)
    return {"lane": one.lane, "x": stamp(min(start, span.end - least)), "x2": stamp(end)}


def _incidents(bench: Workbench, x: alt.X, scheme: Scheme | None) -> alt.Chart:
    span = bench.span
    rows = [{"x": stamp(max(i.start, span.start)), "x2": stamp(min(i.end, span.end))} for i in bench.incidents]
    drawn: alt.Chart = rows_chart(rows).mark_rect(color=ink("rule", scheme), opacity=0.9).encode(x=x, x2="x2")
    return drawn


def pareto_chart(bench: Workbench, size: tuple[int, int] = BROAD, scheme: Scheme | None = None) -> alt.LayerChart:
    """Return the front of a search: pages a week against budget lost, the present policy as a square.

    Args:
        bench: with a search.
        size: width and height of the drawing, in pixels.
        scheme: as for `burn_chart`.
    """
    import altair as alt

    assert bench.tuning is not None
    front = [{"x": c.score.pages_per_week, "y": float(c.score.lost)} for c in bench.tuning.front]
    now = bench.tuning.before[0]
    own = [{"x": now.pages_per_week, "y": float(now.lost), "text": bench.tried[0].policy.name}]
    x = alt.X("x:Q", scale=alt.Scale(zero=True), axis=alt.Axis(title="pages a week", grid=True))
    y = alt.Y("y:Q", scale=alt.Scale(zero=True), axis=alt.Axis(format=".0%", title="budget lost", tickCount=4))
    line = rows_chart(front).mark_line(color=ink("ink-3", scheme), interpolate="step-after").encode(x=x, y=y)
    dots = rows_chart(front).mark_point(filled=True, opacity=1, size=46, color=ink("met", scheme)).encode(x=x, y=y)
    square = rows_chart(own).mark_point(shape="square", filled=True, opacity=1, size=60, color=ink("accent", scheme))
    words = rows_chart(own).mark_text(align="left", dx=8, dy=-8, color=ink("ink-2", scheme))
    return finish([line, dots, square.encode(x=x, y=y), words.encode(x=x, y=y, text="text:N")], size, scheme)
