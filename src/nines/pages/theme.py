"""The theme of charts: the tokens of the pages, as a Vega-Lite configuration.

One rule: on a page a chart names tokens (`var(--ink)`), so that one drawing follows light and dark; in a document it
gets the colours themselves.
"""

from __future__ import annotations

from typing import Any

from nines.pages.tokens import Scheme, colours

FONT = "Inter, system-ui, sans-serif"


def ink(name: str, scheme: Scheme | None = None) -> str:
    """Return a colour token for a chart.

    Args:
        name: token, as "ink-2".
        scheme: None for a page, where the style sheet decides; else the colours of that scheme.

    Example:
        >>> ink("met"), ink("met", "dark")
        ('var(--met)', '#57c98f')
    """
    return f"var(--{name})" if scheme is None else colours(scheme)[name]


def theme(scheme: Scheme | None = None) -> dict[str, Any]:
    """Return the configuration every chart is drawn with.

    Args:
        scheme: as for `ink`.
    """
    text = {"labelColor": ink("ink-3", scheme), "labelFont": FONT, "labelFontSize": 11}
    return {
        "background": "transparent",
        "font": FONT,
        "padding": {"left": 2, "right": 8, "top": 6, "bottom": 2},
        "view": {"stroke": None},
        "axis": {
            **text, "title": None, "domain": False, "ticks": False, "labelPadding": 6,
            "gridColor": ink("rule", scheme), "gridWidth": 1,
        },
        "axisX": {"grid": False, "labelFlush": True, "labelOverlap": True},
        "text": {"color": ink("ink-2", scheme), "font": FONT, "fontSize": 11},
        "line": {"color": ink("ink", scheme), "strokeWidth": 1.8, "strokeJoin": "round"},
        "rule": {"color": ink("edge", scheme)},
    }  # fmt: skip
