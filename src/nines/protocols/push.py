"""Results that jobs and scripts push as they do to Gatus and to Uptime Kuma, as rows of a state source.

Who may push, and which monitor a token names, the caller knows: the refusals of both are here, in the words their
clients know.

Sources: api/external_endpoint.go of TwiN/gatus, version 5; server/routers/api-router.js of louislam/uptime-kuma,
version 2; https://pkg.go.dev/time#ParseDuration
"""

from __future__ import annotations

import json
import re
from fractions import Fraction
from urllib.parse import parse_qsl

import pyarrow as pa

from nines.protocols.refusal import BAD_REQUEST, Refused

#: Characters kept of a message, and fields of a query at most.
LONGEST, MOST_FIELDS = 1000, 100
#: No check took longer than a day, milliseconds; the bound is Uptime Kuma's.
LONGEST_MS = 86_400_000
_UTC = pa.timestamp("us", tz="UTC")
_SCHEMA = pa.schema(
    [
        ("time", _UTC), ("operation", pa.string()), ("duration_ms", pa.float64()), ("state", pa.string()),
        ("attributes", pa.map_(pa.string(), pa.string())),
    ]
)  # fmt: skip
#: Nanoseconds of each unit of a Go duration; micro may be written with either of two signs that look alike.
_UNITS = {
    "ns": 1, "us": 10**3, "\u00b5s": 10**3, "\u03bcs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9,
    "h": 3600 * 10**9,
}  # fmt: skip
_PART = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)([^.0-9]*)")
#: Characters of a duration at most.
_LONGEST_DURATION = 100
_NUMBER = re.compile(r"\s*[+-]?(\d{1,18}\.?\d{0,18}|\.\d{1,18})(e[+-]?\d{1,2})?\s*", re.ASCII | re.IGNORECASE)


def bearer(authorization: str | None) -> str:
    """Return the token of a push to Gatus.

    Args:
        authorization: the header of that name, or None.

    Raises:
        Refused: there is none (401).
    """
    if authorization is None or not authorization.startswith("Bearer "):
        raise Refused(401, "invalid Authorization header")
    token = authorization.removeprefix("Bearer ").strip()
    if not token:
        raise Refused(401, "bearer token must not be empty")
    return token


def unknown_endpoint() -> Refused:
    """Return what Gatus says to a key that it does not know."""
    return Refused(404, "not found")


def wrong_token() -> Refused:
    """Return what Gatus says to a token that is not the endpoint's."""
    return Refused(401, "invalid token")


def gatus(key: str, query: str, body: bytes = b"", *, now_us: int) -> pa.Table:
    """Return the row of `POST /api/v1/endpoints/{key}/external?success=&error=&duration=`.

    What was done is answered with 200 and no body; a refusal with its status and its message as plain text.

    Args:
        key: group and name of the endpoint, joined by "_".
        query: the query string as it came.
        body: a JSON object whose `error` is told beside the query's, or anything else.
        now_us: when it came, UTC microseconds.

    Raises:
        Refused: `success` is neither true nor false, or `duration` is no Go duration (400).

    Example:
        >>> row = gatus("core_backup", "success=false&error=disk+full&duration=1.5s", now_us=0).to_pylist()[0]
        >>> row["operation"], row["state"], row["duration_ms"], row["attributes"]
        ('core_backup', 'down', 1500.0, [('error', 'disk full')])
    """
    given = _fields(query)
    success = given.get("success")
    if success not in {"true", "false"}:
        raise Refused(BAD_REQUEST, "missing or invalid success query parameter")
    took = None
    if duration := given.get("duration"):
        try:
            took = float(go_duration(duration) / 1_000_000)
        except ValueError as error:
            raise Refused(BAD_REQUEST, f"invalid duration: {error}") from None
    told = [t for t in (given.get("error", ""), _error_of(body)) if t] if success == "false" else []
    return _row(key, "up" if success == "true" else "down", took, {"error": "; ".join(told)}, now_us)


def kuma(monitor: str, query: str, *, now_us: int) -> pa.Table:
    """Return the row of `GET /api/push/<token>?status=&msg=&ping=`, or of a POST there.

    As there, no status is up, and any but "up" is down.

    Args:
        monitor: name of the monitor that the token stands for.
        query: the query string as it came.
        now_us: when it came, UTC microseconds.

    Raises:
        Refused: `ping` is no number of milliseconds from 0 to a day (400). Answer with `kuma_answer`.

    Example:
        >>> row = kuma("nightly", "status=up&msg=OK&ping=12.5", now_us=0).to_pylist()[0]
        >>> row["operation"], row["state"], row["duration_ms"]
        ('nightly', 'up', 12.5)
    """
    given = _fields(query)
    ping, took = given.get("ping", ""), None
    if ping:
        if not _NUMBER.fullmatch(ping):
            raise Refused(BAD_REQUEST, f"Invalid ping value: '{ping[:60]}' is not a valid number")
        took = float(ping)
        if took < 0:
            raise Refused(BAD_REQUEST, f"Invalid ping value: {took:g}ms cannot be negative")
        if took > LONGEST_MS:
            raise Refused(
                BAD_REQUEST, f"Ping value {took:g}ms exceeds maximum allowed ({LONGEST_MS}ms = 24 hours)."
            )  # fmt: skip
    state = "up" if (given.get("status") or "up") == "up" else "down"
    return _row(monitor, state, took, {"msg": given.get("msg") or "OK"}, now_us)


def unknown_monitor() -> Refused:
    """Return what Uptime Kuma says to a token that names no running monitor."""
    return Refused(404, "Monitor not found or not active.")


def kuma_answer(refused: Refused | None = None) -> tuple[int, bytes]:
    """Return status and JSON body for a client of Uptime Kuma.

    Args:
        refused: why its push was not taken, or None when it was.

    Example:
        >>> kuma_answer(), kuma_answer(unknown_monitor())
        ((200, b'{"ok":true}'), (404, b'{"ok":false,"msg":"Monitor not found or not active."}'))
    """
    if refused is None:
        return 200, b'{"ok":true}'
    answer = {"ok": False, "msg": refused.message}
    return refused.status, json.dumps(answer, separators=(",", ":")).encode()


def go_duration(text: str) -> Fraction:
    """Return the nanoseconds of a duration as Go writes it, exactly.

    Raises:
        ValueError: it is none, is negative, or is longer than a day; the words are Go's where Go would refuse it too.

    Example:
        >>> go_duration("1.5s"), go_duration("1m0.25ms"), go_duration("0")
        (Fraction(1500000000, 1), Fraction(60000250000, 1), Fraction(0, 1))
    """
    shown = json.dumps(text[:60], ensure_ascii=False)
    body = text[1:] if text[:1] in {"+", "-"} else text
    total, at = Fraction(0), 0
    while at < len(body) and body != "0":
        part = _PART.match(body, at)
        if part is None or len(text) > _LONGEST_DURATION:
            raise ValueError(f"time: invalid duration {shown}")  # noqa: TRY003, EM102 - Go's own words
        if part[2] not in _UNITS:
            unit = json.dumps(part[2][:20], ensure_ascii=False)
            why = f"unknown unit {unit}" if part[2] else "missing unit"
            raise ValueError(f"time: {why} in duration {shown}")  # noqa: TRY003, EM102 - Go's own words
        total += Fraction(part[1].rstrip(".")) * _UNITS[part[2]]
        at = part.end()
    if not body:
        raise ValueError(f"time: invalid duration {shown}")  # noqa: TRY003, EM102 - Go's own words
    if total > LONGEST_MS * 1_000_000 or (text.startswith("-") and total):
        raise ValueError(f"duration {shown} is below zero or longer than a day")  # noqa: TRY003, EM102 - told a sender
    return total


def _fields(query: str) -> dict[str, str]:
    """Return the fields of a query string; of one given twice the last stands."""
    whole = query.encode("utf-8", "replace").decode()
    try:
        found = parse_qsl(whole, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Refused(BAD_REQUEST, f"more than {MOST_FIELDS} fields in the query") from None
    return dict(found)


def _error_of(body: bytes) -> str:
    """Return the error a JSON body tells; anything else in a body is passed over, as Gatus does."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    error = found.get("error") if isinstance(found, dict) else None
    return error if isinstance(error, str) else ""


def _row(operation: str, state: str, took: float | None, told: dict[str, str], now_us: int) -> pa.Table:
    attributes = [(name, _storable(value)) for name, value in told.items() if value]
    time = pa.array([now_us], pa.int64()).cast(_UTC)
    rest = [[_storable(operation)], [took], [state], [attributes]]
    arrays = [pa.array(c, f.type) for c, f in zip(rest, list(_SCHEMA)[1:], strict=True)]
    return pa.Table.from_arrays([time, *arrays], schema=_SCHEMA)


def _storable(value: str) -> str:
    """Return a text cut to its longest, half a surrogate pair replaced."""
    return value[:LONGEST].replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
