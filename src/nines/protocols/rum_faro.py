"""What the Faro web SDK sends: measurements, exceptions, events, logs and browser spans under one `meta`.

Faro decides per session whether to send at all and does not say at which rate: rows are weighted only where the
receiver was told the rate.

Source: packages/core/src/transports/types.ts and packages/web-sdk of grafana/faro-web-sdk, version 2
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from nines.protocols.rum_page import vital
from nines.protocols.rum_rows import (
    LONGEST_URL,
    Page,
    Row,
    elapsed,
    identity,
    mapping,
    number,
    number_text,
    refuse,
    text,
    texts,
)
from nines.protocols.rum_sender import Sender
from nines.protocols.rum_vitals import VITALS

#: Parts of a body that hold entries.
PARTS = ("measurements", "events", "exceptions", "logs", "traces")
_ERRORS = frozenset({"error"})
_SPAN_KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
_FAILED = 2
#: Attributes of spans under which conventions, old and new, keep the status of an answer.
_HTTP = re.compile(r"[1-5]\d\d", re.ASCII)
_STATUS = ("http.response.status_code", "http.status_code")


def page_of(meta: dict[str, object], sender: Sender) -> Page:
    """Return what `meta` says of all entries of a body."""
    app, shown = mapping(meta.get("app")), mapping(meta.get("page"))
    browser, k6 = mapping(meta.get("browser")), mapping(meta.get("k6"))
    heard = Sender(
        sender.user_agent or text(browser.get("userAgent")), sender.marked, sender.region, sender.rate, sender.routes
    )
    return Page(
        heard,
        url=text(shown.get("url"), LONGEST_URL),
        session=text(mapping(meta.get("session")).get("id"), 128),
        service=text(app.get("name"), 128),
        version=text(app.get("version"), 128),
        machine=number_text(k6.get("isK6Browser")) == "true",
    )


def entries_of(body: dict[str, object]) -> Iterator[tuple[str, object]]:
    """Yield each entry of a body with the part it stands in."""
    for part in PARTS:
        held = body.get(part)
        if part == "traces":
            yield from (("traces", span) for span in _spans(mapping(held)))
        elif isinstance(held, list):
            yield from ((part, entry) for entry in held)
        elif held is not None:
            yield part, held


def rows_of(part: str, entry: object) -> list[Row | str]:
    """Return the rows of one entry, and why others are left out.

    Raises:
        ValueError: the entry is malformed.
    """
    held = mapping(entry)
    if not held:
        refuse("it is no object")
    return _READERS[part](held)


def _measurement(held: dict[str, object]) -> list[Row | str]:
    kind, values, context = text(held.get("type"), 64), mapping(held.get("values")), mapping(held.get("context"))
    if not kind or not values:
        refuse("it has no type or no values")
    if kind != "web-vitals":
        return [_named(held, kind, name, value, None) for name, value in values.items()]
    main = next((name for name in values if name.upper() in VITALS), None)
    if main is None:
        refuse("none of its values is a web vital")
    own_id = identity(context.get("id"))
    found = vital(
        main.upper(), values[main], given=None, navigation=context.get("navigation_type"), id=own_id,
        trace=_trace(held), client_time=text(held.get("timestamp"), 64),
    )  # fmt: skip
    if isinstance(found, str):
        return [found]
    # `delta` is the same value again, less what was reported before: it must never be added up.
    rest = (name for name in values if name not in {main, "delta"})
    return [found, *(_named(held, kind, name, values[name], f"{own_id}/{name}") for name in rest)]


def _named(held: dict[str, object], kind: str, name: str, value: object, id: str | None) -> Row:  # noqa: A002
    shown = text(name, 64)
    if not shown:
        refuse("one of its values has no name")
    return Row(
        "measure", metric=shown, value=number(value, f"value of {shown}"), id=None if id is None else identity(id),
        trace=_trace(held), client_time=text(held.get("timestamp"), 64), attributes={**_context(held), "type": kind},
    )  # fmt: skip


def _exception(held: dict[str, object]) -> list[Row | str]:
    kind, value = text(held.get("type"), 128), text(held.get("value"))
    if not kind and not value:
        refuse("it has neither a type nor a value")
    frames = mapping(held.get("stacktrace")).get("frames")
    first = mapping(frames[0]) if isinstance(frames, list) and frames else {}
    source = ":".join(p for p in (text(first.get("filename")), text(first.get("lineno"))) if p)
    own = {"type": kind, "message": value, "source": source}
    return [_entry("error", held, state="error", own=own)]


def _event(held: dict[str, object]) -> list[Row | str]:
    name = text(held.get("name"), 128)
    if not name:
        refuse("it has no name")
    own = {"event": name, "domain": text(held.get("domain"), 128)}
    return [_entry("event", held, state=None, own=own)]


def _log(held: dict[str, object]) -> list[Row | str]:
    message, level = text(held.get("message")), text(held.get("level"), 16).lower()
    if not message:
        refuse("it has no message")
    own = {"message": message, "level": level}
    return [_entry("log", held, state="error" if level in _ERRORS else None, own=own)]


def _entry(kind: str, held: dict[str, object], *, state: str | None, own: dict[str, str]) -> Row:
    attributes = {**_context(held), **{name: value for name, value in own.items() if value}}
    stamp = text(held.get("timestamp"), 64)
    return Row(kind, state=state, trace=_trace(held), client_time=stamp, attributes=attributes)


def _context(held: dict[str, object]) -> dict[str, str]:
    return texts(held.get("context") or held.get("attributes"))


def _trace(held: dict[str, object]) -> str | None:
    return text(mapping(held.get("trace")).get("trace_id"), 64) or None


def _spans(traces: dict[str, object]) -> Iterator[object]:
    """Yield the spans of an OTLP body, whatever they are."""
    for resource in _list(traces.get("resourceSpans")):
        for scope in _list(mapping(resource).get("scopeSpans")):
            yield from _list(mapping(scope).get("spans"))


def _span(held: dict[str, object]) -> list[Row | str]:
    trace, span = text(held.get("traceId"), 64), text(held.get("spanId"), 32)
    if not trace or not span:
        refuse("it has no trace or no id")
    begin, end = (_nanoseconds(held.get(f"{side}TimeUnixNano")) for side in ("start", "end"))
    # One clock gave both, so the time between them may be trusted where neither instant may.
    took = elapsed((end - begin) / 1_000_000, "duration")
    pairs = [mapping(pair) for pair in _list(held.get("attributes"))]
    found = {text(p.get("key"), 64): _any(mapping(p.get("value"))) for p in pairs[:64]}
    status = next((found[name] for name in _STATUS if _HTTP.fullmatch(found.get(name, ""))), None)
    kind = held.get("kind")
    failed = mapping(held.get("status")).get("code") in (_FAILED, "STATUS_CODE_ERROR")
    return [
        Row(
            "span",
            value=took,
            duration=took,
            state="error" if failed else "ok",
            status=None if status is None else int(status),
            id=f"{trace}/{span}",
            trace=trace,
            parent=text(held.get("parentSpanId"), 32) or None,
            span_kind=_SPAN_KINDS.get(kind) if isinstance(kind, int) else None,
            client_time=str(begin),
            attributes={**texts(found), "span": text(held.get("name"), 128)},
        )
    ]


def _nanoseconds(value: object) -> int:
    whole = text(value, 20)
    if not whole.isascii() or not whole.isdecimal():
        refuse("it has no start or no end")
    return int(whole)


def _any(value: dict[str, object]) -> str:
    return next((number_text(held) for held in value.values()), "")


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


_READERS: dict[str, Callable[[dict[str, object]], list[Row | str]]] = {
    "measurements": _measurement, "events": _event, "exceptions": _exception, "logs": _log, "traces": _span,
}  # fmt: skip
