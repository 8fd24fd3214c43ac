"""The design tokens, read from the one style sheet that pages use, for charts and for the test of contrast.

One rule: a colour is written down once, in `static/nines.css`; everything else asks for it by name.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Literal

Scheme = Literal["light", "dark"]

STATIC = Path(__file__).parent / "static"

_TOKEN = re.compile(r"--([a-z0-9-]+):\s*light-dark\((#[0-9a-f]{6}),\s*(#[0-9a-f]{6})\)")


@cache
def colours(scheme: Scheme) -> dict[str, str]:
    """Return every colour token of one scheme, name to `#rrggbb`.

    Args:
        scheme: "light" or "dark".

    Example:
        >>> colours("light")["bg"], colours("dark")["bg"]
        ('#fbfbfa', '#111315')
    """
    place = 2 if scheme == "light" else 3
    text = (STATIC / "nines.css").read_text(encoding="utf-8")
    return {match[1]: match[place] for match in _TOKEN.finditer(text)}


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, 1..21.

    Args:
        one: a colour as `#rrggbb`.
        other: the colour it stands on or beside.

    Source:
        WCAG 2.2, definitions of contrast ratio and relative luminance.

    Example:
        >>> contrast("#000000", "#ffffff")
        21.0
    """
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return round((high + 0.05) / (low + 0.05), 4)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - sRGB
