"""From a chart to the drawing on a page: SVG made on the server, so that a chart needs no script to be seen.

One rule: a drawing carries no style attribute, no script and no address, so that the strictest policy lets it show.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

if TYPE_CHECKING:
    import altair as alt

#: Drawings kept: a page of an objective has six.
KEPT = 256

_ROOT = re.compile(r"<svg [^>]*?viewBox=\"([^\"]+)\"[^>]*>")
_PLOT = re.compile(r'transform="translate\((-?[\d.]+),[^)]*\)"><g class="mark-group role-frame root"')
_WIDTH = re.compile(r'<path class="background"[^>]* d="M[-\d.]+,[-\d.]+h([\d.]+)')
_NOISE = re.compile(r' (?:aria-[a-z]+|role|xmlns:xlink|version|pointer-events)="[^"]*"')
#: Two decimals of a pixel are more than anyone sees.
_LONG = re.compile(r"(\d\.\d\d)\d+")
_NOTHING = re.compile(r'<path class="(?:background|foreground)"[^>]*/>')


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart drawn.

    Attributes:
        svg: one `<svg>` element, ready to stand in a page.
        left: where its plot begins, as a share of its width.
        width: how wide its plot is, as a share of its width.
    """

    svg: str
    left: float
    width: float


def draw(make: Callable[[], alt.LayerChart], label: str, css: str) -> Drawing:
    """Return a chart as an SVG element.

    Args:
        make: gives the chart to draw.
        label: what it shows, in one sentence; read aloud instead of the picture.
        css: class of the element.
    """
    _trust_charts()
    drawn = _svg(json.dumps(make().to_dict(validate=False), sort_keys=True))
    box = _ROOT.search(drawn)
    plot, wide = _PLOT.search(drawn), _WIDTH.search(drawn)
    size = box[1] if box else "0 0 1 1"
    total = float(size.split()[2])
    left, width = (float(plot[1]) if plot else 0.0), (float(wide[1]) if wide else total)
    short = _LONG.sub(r"\1", drawn)
    body = _ROOT.sub("", _NOISE.sub("", _NOTHING.sub("", short)), count=1)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class={quoteattr(css)} viewBox="{size}" role="img" '
        f'aria-label={quoteattr(label)} data-left="{left / total:.4f}" data-width="{width / total:.4f}">'
    )
    return Drawing(head + body, left / total, width / total)


@cache
def _trust_charts() -> None:
    """Have Altair take our charts at their word: holding each to the schema costs ten times the drawing.

    Tests hold every chart to it.
    """
    from altair.utils.schemapi import disable_debug_mode

    disable_debug_mode()


@lru_cache(maxsize=KEPT)
def _svg(spec: str) -> str:
    import vl_convert

    return str(vl_convert.vegalite_to_svg(json.loads(spec)))
