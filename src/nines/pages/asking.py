"""What a person asks of a page: instant, filters, order and page of the table, read from its address.

One rule: the address says it all, so that a link sent to somebody else shows the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from nines.errors import InputError, Problem
from nines.reading import instant


@dataclass(frozen=True, slots=True)
class Asked:
    """A question.

    Attributes:
        at: instant asked about.
        known_at: as known then, or None for all that is known now.
        now: present instant.
        given: the address's own words, kept for links.
        q, service, label, state: filters, "" for none.
        sort: column, "" for the order of need.
        down: whether the greatest comes first.
        page: page of the table, >= 1.
    """

    at: datetime
    known_at: datetime | None
    now: datetime
    given: Mapping[str, str]
    q: str = ""
    service: str = ""
    label: str = ""
    state: str = ""
    sort: str = ""
    down: bool = False
    page: int = 1

    @property
    def filtered(self) -> bool:
        """Whether any filter is set."""
        return bool(self.q or self.service or self.label or self.state)

    @property
    def present(self) -> bool:
        """Whether it asks about now, so that the answer moves on."""
        return not self.given.get("at") and not self.given.get("known_at")

    def link(self, path: str, **changed: str) -> str:
        """Return the address that asks the same but for some words; an empty word is left out."""
        words = {name: value for name, value in {**self.given, **changed}.items() if value}
        return f"{path}?{urlencode(words)}" if words else path


def asked(words: Mapping[str, str], now: datetime) -> Asked:
    """Return the question an address asks.

    Args:
        words: query of the address, the last of each name.
        now: present instant, asked about unless it says otherwise.

    Raises:
        InputError: an instant or a page number is not one; all mistakes at once.
    """
    problems: list[Problem] = []
    at, known_at = (_instant(words, name, problems) for name in ("at", "known_at"))
    page = words.get("page", "1")
    if not page.isdecimal() or not 1 <= int(page[:9]) <= 10**6:
        problems.append(Problem("page", f"{page[:40]!r} is no page", "write a number from 1", code="bad-page"))
    if problems:
        raise InputError(*problems)
    text = {name: words.get(name, "").strip()[:200] for name in ("q", "service", "label", "state", "sort")}
    return Asked(at or now, known_at, now, dict(words), **text, down=words.get("dir") == "down", page=int(page))


def _instant(words: Mapping[str, str], name: str, problems: list[Problem]) -> datetime | None:
    text = words.get(name, "").strip()
    if not text:
        return None
    try:
        return instant(text)
    except (ValueError, OverflowError) as error:
        fix = "write an instant like 2026-03-01T12:00:00Z"
        problems.append(Problem(name, str(error), fix, code="bad-instant"))
        return None
