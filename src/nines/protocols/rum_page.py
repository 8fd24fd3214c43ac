"""What pages send with web-vitals, version 3 to 6, and with our own module: metrics, one or several, or in an envelope.

Beside the metrics, entries of our module say with `kind` what else they are: a `load`, an `error`, a `fetch`.

Source: `Metric` in src/types/base.ts of GoogleChrome/web-vitals
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

from nines.protocols.rum_rows import (
    LONGEST_URL,
    NAVIGATION,
    RATING,
    Page,
    Row,
    elapsed,
    identity,
    mapping,
    number,
    path_text,
    rate_of,
    refuse,
    text,
)
from nines.protocols.rum_sender import Sender
from nines.protocols.rum_vitals import VITALS

_NAVIGATIONS = frozenset(
    {"navigate", "reload", "back-forward", "back-forward-cache", "prerender", "restore", "soft-navigation"}
)
_RATINGS = frozenset(v.rating(x) for v in VITALS.values() for x in (0, v.poor, v.poor + 1))
_NAME = re.compile(r"[A-Za-z][\w.:/-]{0,63}", re.ASCII)
_MADE = re.compile(r"[a-z]\d{1,3}-(\d{13})-\d{1,16}", re.ASCII)
_STATES = frozenset({"ok", "error", "abandoned", "aborted"})


def page_of(body: object, sender: Sender) -> Page:
    """Return what an envelope says of all its entries.

    Raises:
        ValueError: its sampling rate is none.
    """
    envelope = mapping(body)
    shown = mapping(envelope.get("page"))
    return Page(
        sender,
        url=text(shown.get("url"), LONGEST_URL),
        route=path_text(shown.get("route")),
        session=text(envelope.get("session"), 128),
        service=text(envelope.get("app"), 128),
        version=text(envelope.get("version"), 128),
        client_time=text(envelope.get("sent"), 64),
        machine=envelope.get("webdriver") is True,
        rate=rate_of(envelope.get("rate")),
    )


def entries_of(body: object) -> list[object]:
    """Return the entries of a body: of an envelope, of an array, or the one metric it is.

    Raises:
        ValueError: there is none of these.
    """
    if isinstance(body, dict) and isinstance(body.get("metrics"), list):
        found: list[object] = body["metrics"]
        return found
    if isinstance(body, list):
        return body
    if isinstance(body, dict) and "name" in body:
        return [body]
    return refuse("it is neither a metric nor an array of metrics, and has no `metrics`")


def row_of(entry: object) -> Row | str:
    """Return the row of one entry, or why it is left out, although it is well-formed.

    Raises:
        ValueError: it is malformed.
    """
    held = mapping(entry)
    if not held:
        refuse("it is no object")
    kind = held.get("kind", "vital")
    read = _KINDS.get(kind) if isinstance(kind, str) else None
    if read is None:
        refuse("it is of no kind known here")
    return read(held)


def vital(
    name: object,
    value: object,
    *,
    given: object,
    navigation: object,
    id: object,  # noqa: A002 - the column's name
    url: str = "",
    route: str = "",
    rate: Fraction | None = None,
    trace: str | None = None,
    client_time: str = "",
) -> Row | str:
    """Return the row of a metric, or why it is left out.

    Args:
        name: one of the web vitals in capitals, or a name of the page's own.
        value: its value, milliseconds, or a score for CLS.
        given: rating as the sender says, for metrics whose bounds only it knows.
        navigation: how the page was reached.
        id: identity of the metric; its last report counts.
        url: address it belongs to, or "" for that of its beacon.
        route: route it belongs to, or "".
        rate: share of sessions that is measured, or None for that of its beacon.
        trace: trace it belongs to, or None.
        client_time: the browser's stamp, or "" for the one that ids of web-vitals hold.

    Raises:
        ValueError: it is malformed.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        refuse("it has no name")
    known = VITALS.get(name)
    measured = elapsed(value) if known else number(value, "value")
    own_id = identity(id)
    if name == "TTFB" and measured == 0 and navigation == "soft-navigation":
        return "the TTFB of a soft navigation is 0 by definition: left out"
    attributes = {}
    if known is not None:
        attributes[RATING] = known.rating(measured)
    elif isinstance(given, str) and given in _RATINGS:
        attributes[RATING] = given
    if isinstance(navigation, str) and navigation in _NAVIGATIONS:
        attributes[NAVIGATION] = navigation
    made = None if client_time else _MADE.fullmatch(own_id)
    took = measured if known and known.unit == "ms" else None
    return Row(
        "vital", metric=name, value=measured, duration=took, id=own_id, url=url, route=route, rate=rate, trace=trace,
        client_time=made[1] if made else client_time, attributes=attributes,
    )  # fmt: skip


def _vital(held: dict[str, object]) -> Row | str:
    get = held.get
    return vital(
        get("name"), get("value"), given=get("rating"), navigation=get("navigationType"), id=get("id"),
        url=text(get("navigationURL"), LONGEST_URL), route=path_text(get("route")), rate=rate_of(get("rate")),
    )  # fmt: skip


def _load(held: dict[str, object]) -> Row:
    return _outcome("load", held, {NAVIGATION: text(held.get("navigationType"), 32)})


def _error(held: dict[str, object]) -> Row:
    attributes = {"message": text(held.get("message")), "source": text(held.get("source"))}
    return _outcome("error", {**held, "state": "error", "value": None}, attributes)


def _fetch(held: dict[str, object]) -> Row:
    return _outcome("fetch", held, {"method": text(held.get("method"), 16), "target": path_text(held.get("target"))})


def _outcome(kind: str, held: dict[str, object], attributes: dict[str, str]) -> Row:
    """Return a row that says how something went."""
    state, status = held.get("state"), held.get("status")
    if not isinstance(state, str) or state not in _STATES:
        refuse("its state is none of ok, error, abandoned and aborted")
    if isinstance(status, bool) or not isinstance(status, int) or not 100 <= status <= 599:  # noqa: PLR2004
        status = None
    took = None if held.get("value") is None else elapsed(held.get("value"))
    return Row(
        kind, value=took, duration=took, state=state, status=status, id=identity(held.get("id")),
        url=text(held.get("navigationURL"), LONGEST_URL), route=path_text(held.get("route")),
        rate=rate_of(held.get("rate")), attributes={n: v for n, v in attributes.items() if v},
    )  # fmt: skip


_KINDS: dict[str, Callable[[dict[str, object]], Row | str]] = {
    "vital": _vital, "load": _load, "error": _error, "fetch": _fetch,
}  # fmt: skip
