"""Feeds of status pages in RSS and Atom, as plain values.

XML is read without entities or document types, so that a feed can neither fill the memory nor make us read anything
else. Sources: https://www.rssboard.org/rss-specification, RFC 4287 (Atom).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from xml.parsers import expat

from nines.errors import InputError, Problem
from nines.sources.scrape import fetch_page
from nines.sources.statuspage import MOST_BYTES, MOST_ITEMS, MOST_TEXT, instant_of_text, refuse, refuse_long

_MOST_DEPTH = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a feed.

    Attributes:
        id: guid or id, else the link.
        title: for people.
        link: where it is told, or "".
        published: when it was first told, or None.
        updated: when it was last changed, or None.
        text: plain or HTML, cut at `MOST_TEXT` letters.
    """

    id: str
    title: str
    link: str
    published: datetime | None
    updated: datetime | None
    text: str


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed of RSS 2.0 or Atom 1.0.

    Attributes:
        title: of the feed.
        entries: in the feed's order.
    """

    title: str
    entries: tuple[Entry, ...]


def fetch_feed(url: str, *, timeout_s: float = 10.0) -> Feed:
    """Return a feed; raises as `fetch_page` and `read_feed`.

    Args:
        url: of the feed itself.
        timeout_s: patience, seconds.
    """
    return read_feed(fetch_page(url, timeout_s=timeout_s, most_bytes=MOST_BYTES).body, url)


def read_feed(body: bytes, place: str = "feed") -> Feed:
    """Return what a feed of RSS 2.0 or Atom 1.0 says.

    Args:
        body: XML.
        place: where it came from, for messages.

    Raises:
        InputError: it is no feed, has a document type, or is too long.
    """
    refuse_long(body, place)
    reading = _FeedReading(place)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = reading.doctype  # without one there are no entities to expand or fetch
    parser.StartElementHandler, parser.EndElementHandler = reading.begin, reading.end
    parser.CharacterDataHandler = reading.data
    try:
        parser.Parse(body, True)  # noqa: FBT003 - expat's own signature
    except (expat.ExpatError, UnicodeError, LookupError, ValueError) as error:
        raise InputError(Problem(place, f"this is no XML: {error}", "check the address", code="bad-page")) from error
    return Feed(reading.title or "", tuple(reading.entries))


_ROOTS = frozenset({"rss", "feed", "RDF"})
#: Local names of elements -> what they are called in an entry.
_FIELDS = {
    "title": "title", "guid": "id", "id": "id", "link": "link", "pubDate": "published", "published": "published",
    "updated": "updated", "date": "published", "description": "text", "summary": "text", "content": "text",
    "encoded": "text",
}  # fmt: skip


class _FeedReading:
    """A feed while it is read; each name is the element's own, without its space."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.title: str | None = None
        self.entries: list[Entry] = []
        self._path: list[str] = []
        self._entry: dict[str, str] | None = None
        self._letters: list[str] = []
        self._length = self._at = 0

    def doctype(self, *_about: object) -> None:
        """Refuse a document type."""
        refuse(self.place, "it has a document type", "feeds need none")

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        """Note an element; one within an entry's own field is part of its text."""
        local = name.rpartition(" ")[2]
        if not self._path and local not in _ROOTS:
            refuse(self.place, "this is neither RSS nor Atom", "name the feed itself, as /history.rss or /history.atom")
        self._path.append(local)
        if len(self._path) > _MOST_DEPTH:
            refuse(self.place, f"it is nested deeper than {_MOST_DEPTH}", "check the address")
        if local in {"item", "entry"} and self._entry is None:
            if len(self.entries) >= MOST_ITEMS:
                refuse(self.place, f"it has more than {MOST_ITEMS} entries", "ask the page for less")
            self._entry, self._at = {}, len(self._path)
        elif self._entry is not None and len(self._path) == self._at + 1:
            self._letters, self._length = [], 0
            if local == "link" and attributes.get("href") and attributes.get("rel", "alternate") == "alternate":
                self._entry["link"] = attributes["href"][:MOST_TEXT]
        elif self._entry is None:
            self._letters, self._length = [], 0

    def data(self, letters: str) -> None:
        """Keep letters, so many as a text may have."""
        if self._length < MOST_TEXT:
            self._letters.append(letters[: MOST_TEXT - self._length])
            self._length += len(letters)

    def end(self, name: str) -> None:
        """Take what an element held."""
        local, text = name.rpartition(" ")[2], "".join(self._letters).strip()
        depth = len(self._path)
        self._path.pop()
        if self._entry is None:
            if local == "title" and self.title is None and self._path[-1:] in (["channel"], ["feed"]):
                self.title = text
            return
        if depth == self._at:
            self.entries.append(_entry(self._entry))
            self._entry = None
        elif depth == self._at + 1 and local in _FIELDS and text:
            field = _FIELDS[local]
            if field != "text" or len(text) > len(self._entry.get("text", "")):
                self._entry[field] = text


def _entry(found: Mapping[str, str]) -> Entry:
    return Entry(
        id=found.get("id") or found.get("link", ""), title=found.get("title", ""), link=found.get("link", ""),
        published=instant_of_text(found.get("published")), updated=instant_of_text(found.get("updated")),
        text=found.get("text", ""),
    )  # fmt: skip


__all__ = ["Entry", "Feed", "fetch_feed", "read_feed"]
