"""Templates to HTML: one environment, escaping everything, with addresses of static files that never change meaning.

One rule: a template is given values that are ready to be shown; it decides where they stand, not what they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from nines.pages.tokens import STATIC

TEMPLATES = Path(__file__).parent / "templates"

#: File ending -> media type; nothing else is served.
MEDIA: dict[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@cache
def files() -> dict[str, tuple[bytes, str]]:
    """Return every static file: name to bytes and media type."""
    found = (p for p in sorted(STATIC.iterdir()) if p.suffix in MEDIA)
    return {p.name: (p.read_bytes(), MEDIA[p.suffix]) for p in found}


@cache
def edition() -> str:
    """Return a hash over all static files: it stands in their addresses, so that browsers may keep them for ever."""
    whole = hashlib.sha256()
    for name, (content, _) in files().items():
        whole.update(name.encode() + b"\0" + content)
    return whole.hexdigest()[:12]


def static(name: str) -> str:
    """Return the address of a static file.

    Raises:
        KeyError: there is none of that name.
    """
    return f"/static/{edition()}/{name}" if name in files() else _missing(name)


def _missing(name: str) -> str:
    raise KeyError(name)


def _words(text: str) -> Markup:
    """Return words with what stands between backticks set as code."""
    parts = [escape(part) for part in text.split("`")]
    return Markup("").join(Markup("<code>{}</code>").format(p) if i % 2 else p for i, p in enumerate(parts))


def _figure(text: str) -> str:
    """Return a figure that is never parted from its unit at the end of a line."""
    return text.replace(" %", "\N{NO-BREAK SPACE}%")


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=False
    )
    environment.filters["iso"] = _iso
    environment.filters["words"] = _words
    environment.filters["figure"] = _figure
    environment.globals["static"] = static
    return environment


def render(template: str, values: Mapping[str, Any]) -> str:
    """Return a page.

    Args:
        template: file in `templates/`.
        values: everything it names; a name without a value is a defect and raises.
    """
    return _environment().get_template(template).render(values)
