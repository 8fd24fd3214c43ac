"""Public status pages: components and incidents of Statuspage, as plain values.

What a status page says is its owner's word; nothing here judges it. Texts are cut and lists are bounded. Feeds of
such pages are read by `statuspage_feed`.

Source: https://developer.statuspage.io (public API v2).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

from nines.errors import InputError, Problem
from nines.sources.scrape import fetch_page

#: Most bytes of a page, components or incidents of it, updates of an incident, and letters of a text.
MOST_BYTES = 16 * 1024 * 1024
MOST_ITEMS = 10_000
MOST_UPDATES = 1_000
MOST_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class Component:
    """A part of a service, as its status page shows it.

    Attributes:
        id: given by the page.
        name: for people.
        status: operational, degraded_performance, partial_outage, major_outage, under_maintenance, or as it says.
        updated: when that was said, or None.
    """

    id: str
    name: str
    status: str
    updated: datetime | None


@dataclass(frozen=True, slots=True)
class Update:
    """What was said about an incident at an instant.

    Attributes:
        at: when.
        status: investigating, identified, monitoring, resolved, postmortem, or as it says.
        text: plain or HTML, as it was written, cut at `MOST_TEXT` letters.
        components: name of each component it speaks of, and its status from then on.
    """

    at: datetime
    status: str
    text: str
    components: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident or a maintenance.

    Attributes:
        id: given by the page.
        name: for people.
        status: as in `Update`; for maintenance scheduled, in_progress, verifying, completed.
        impact: none, minor, major, critical, maintenance, or as it says.
        started: when it began, as far as the page says, else when it was told.
        resolved: when it ended, or None while it lasts or nobody says.
        url: where it is told, or "".
        components: names of the components it touches.
        updates: earliest first.
    """

    id: str
    name: str
    status: str
    impact: str
    started: datetime
    resolved: datetime | None
    url: str
    components: tuple[str, ...]
    updates: tuple[Update, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """A status page as it is now.

    Attributes:
        name: of the page.
        indicator: none, minor, major, critical, or as it says.
        components: of the service; groups are left out.
        incidents: unresolved ones.
        maintenances: scheduled or running ones.
    """

    name: str
    indicator: str
    components: tuple[Component, ...]
    incidents: tuple[Incident, ...]
    maintenances: tuple[Incident, ...]


def fetch_summary(url: str, *, timeout_s: float = 10.0) -> Summary:
    """Return a Statuspage as it is now; raises as `fetch_page` and `read_summary`.

    Args:
        url: of the page, as https://www.githubstatus.com.
        timeout_s: patience, seconds.
    """
    address = f"{url.rstrip('/')}/api/v2/summary.json"
    return read_summary(fetch_page(address, timeout_s=timeout_s, most_bytes=MOST_BYTES).body, address)


def fetch_incidents(url: str, *, timeout_s: float = 10.0) -> tuple[Incident, ...]:
    """Return the latest incidents of a Statuspage; raises as `fetch_page` and `read_incidents`.

    Args:
        url: of the page.
        timeout_s: patience, seconds.
    """
    address = f"{url.rstrip('/')}/api/v2/incidents.json"
    return read_incidents(fetch_page(address, timeout_s=timeout_s, most_bytes=MOST_BYTES).body, address)


def read_summary(body: bytes, place: str = "summary.json") -> Summary:
    """Return what a summary says.

    Args:
        body: JSON.
        place: where it came from, for messages.

    Raises:
        InputError: it is no summary of a Statuspage, or it is too long.
    """
    found = _object(body, place)
    components = _list(found, "components", place)
    return Summary(
        name=_text(_inner(found, "page"), "name"),
        indicator=_text(_inner(found, "status"), "indicator"),
        components=tuple(_component(c) for c in components if not c.get("group")),
        incidents=_incidents(found, "incidents", place),
        maintenances=_incidents(found, "scheduled_maintenances", place, needed=False),
    )


def read_incidents(body: bytes, place: str = "incidents.json") -> tuple[Incident, ...]:
    """Return the incidents of a Statuspage, in the page's order.

    Args:
        body: JSON.
        place: where it came from, for messages.

    Raises:
        InputError: it is no list of incidents, or it is too long.
    """
    return _incidents(_object(body, place), "incidents", place)


def _incidents(found: Mapping[str, Any], name: str, place: str, *, needed: bool = True) -> tuple[Incident, ...]:
    if name not in found and not needed:
        return ()
    return tuple(_incident(i, f"{place} {name}[{n}]") for n, i in enumerate(_list(found, name, place)))


def _incident(found: Mapping[str, Any], place: str) -> Incident:
    updates = [_update(u, place) for u in _list(found, "incident_updates", place)[:MOST_UPDATES]]
    # An incident that was told afterwards is created in the past and "started" when somebody typed it in.
    instants = (instant_of_text(found.get(key)) for key in ("started_at", "created_at"))
    planned = instant_of_text(found.get("scheduled_for"))
    told = [planned] if planned is not None else sorted(at for at in instants if at is not None)
    if not told and not updates:
        refuse(place, "it says no instant", "check that this is a Statuspage")
    updates.sort(key=lambda u: u.at)
    return Incident(
        id=_text(found, "id"), name=_text(found, "name"), status=_text(found, "status"), impact=_text(found, "impact"),
        started=told[0] if told else updates[0].at, resolved=instant_of_text(found.get("resolved_at")),
        url=_text(found, "shortlink"),
        components=tuple(_text(c, "name") for c in _list(found, "components", place, needed=False)),
        updates=tuple(updates),
    )  # fmt: skip


def _update(found: Mapping[str, Any], place: str) -> Update:
    at = instant_of_text(found.get("display_at")) or instant_of_text(found.get("created_at"))
    if at is None:
        refuse(place, "an update says no instant", "check that this is a Statuspage")
    touched = _list(found, "affected_components", place, needed=False)
    components = tuple((_text(c, "name"), _text(c, "new_status")) for c in touched)
    return Update(at, _text(found, "status"), _text(found, "body"), components)


def _component(found: Mapping[str, Any]) -> Component:
    return Component(
        _text(found, "id"), _text(found, "name"), _text(found, "status"), instant_of_text(found.get("updated_at"))
    )


def _object(body: bytes, place: str) -> Mapping[str, Any]:
    refuse_long(body, place)
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        refuse(place, "this is no JSON object", "check that this is a Statuspage")
    return found


def _list(found: Mapping[str, Any], name: str, place: str, *, needed: bool = True) -> list[Mapping[str, Any]]:
    listed = found.get(name)
    if listed is None and not needed:
        return []
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        refuse(place, f"it has no list of {name}", "check that this is a Statuspage")
    if len(listed) > MOST_ITEMS:
        refuse(place, f"it has more than {MOST_ITEMS} {name}", "ask the page for less")
    return listed


def _inner(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    inner = found.get(name)
    return inner if isinstance(inner, dict) else {}


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    return value[:MOST_TEXT] if isinstance(value, str) else ""


def instant_of_text(value: object) -> datetime | None:
    """Return an instant of ISO 8601 or RFC 2822 with a zone, or None."""
    if not isinstance(value, str) or not value.strip():
        return None
    for reader in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = reader(value.strip())
            return found.astimezone(UTC) if found.tzinfo is not None else None
        except (ValueError, OverflowError, TypeError, IndexError):
            continue
    return None


def refuse_long(body: bytes, place: str) -> None:
    """Refuse a page that is longer than `MOST_BYTES`."""
    if len(body) > MOST_BYTES:
        refuse(place, f"it is longer than {MOST_BYTES} bytes", "ask the page for less")


def refuse(place: str, what: str, how: str) -> NoReturn:
    """Refuse a page; raises InputError."""
    raise InputError(Problem(place, what, how, code="bad-page"))


__all__ = [
    "Component",
    "Incident",
    "Summary",
    "Update",
    "fetch_incidents",
    "fetch_summary",
    "read_incidents",
    "read_summary",
]
