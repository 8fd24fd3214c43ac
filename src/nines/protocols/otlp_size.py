"""How much memory a request of OTLP would take, counted before it is parsed.

Two bytes make an empty message, and a parsed message takes a hundred times that: a small compressed body would else
become gigabytes of spans that say nothing. Fields are counted by stepping over their lengths; small bodies cannot hold
too many and are not looked at.

Source: Protocol Buffers, "Encoding": a field is a key and, for kind 2, a length and so many bytes.
"""

from __future__ import annotations

from typing import Any

from nines.protocols.refusal import BAD_REQUEST, Refused

#: Spans, log records or metrics of one request at most, with the groups they stand in.
MOST_ITEMS = 200_000
#: Fields of one request at most, at whatever depth.
MOST_FIELDS = 2_000_000
#: Messages within messages at most, as protobuf's own reader has it.
MOST_DEEP = 100
#: Bytes of the shortest field.
_SHORTEST = 2
#: Kind of a field -> how many bytes follow its key; 0 is a number of any length, 2 states its length.
_FIXED = {1: 8, 5: 4}
_NUMBER, _SIZED = 0, 2
_MORE = 0x80
Shape = dict[int, Any]
#: Group -> scopes -> items, by the numbers of their fields: what all three signals have in common.
_ITEMS: Shape = {1: {2: {}}}
_VALUE: Shape = {}
_PAIR: Shape = {2: _VALUE}
_VALUE |= {5: {1: _VALUE}, 6: {1: _PAIR}}
_EXEMPLAR: Shape = {7: _PAIR}
_POINT: Shape = {1: _PAIR, 5: _EXEMPLAR, 7: _PAIR, 8: _EXEMPLAR, 9: _PAIR, 11: _EXEMPLAR}
_RESOURCE: Shape = {1: _PAIR, 3: {}}
#: Item of each signal -> what in it is repeated or nested.
_INNER: dict[str, Shape] = {
    "traces": {9: _PAIR, 11: {3: _PAIR}, 13: {4: _PAIR}},
    "logs": {5: _VALUE, 6: _PAIR},
    "metrics": {
        5: {1: _POINT}, 7: {1: _POINT}, 9: {1: _POINT}, 10: {1: _POINT}, 11: {1: _POINT | {6: {}}}, 12: _PAIR,
    },
}  # fmt: skip


def check_size(signal: str, body: bytes) -> None:
    """Go on only if a request holds no more than it may.

    Args:
        signal: `traces`, `metrics` or `logs`.
        body: the request, protobuf.

    Raises:
        Refused: it holds too many items or fields, or is cut off.

    Example:
        >>> check_size("traces", bytes([10, 0]) * 300_000)
        Traceback (most recent call last):
        nines.protocols.refusal.Refused: a request has at most 200,000 items; send smaller batches
    """
    if len(body) > _SHORTEST * MOST_ITEMS:
        _count(body, _ITEMS, MOST_ITEMS, "items")
    if len(body) > _SHORTEST * MOST_FIELDS:
        whole = {1: {1: _RESOURCE, 2: {1: {3: _PAIR}, 2: _INNER[signal]}}}
        _count(body, whole, MOST_FIELDS, "fields")


def _count(body: bytes, shape: Shape, most: int, what: str) -> None:
    """Step over all fields that a shape reaches, the inner ones first."""
    outer: list[tuple[int, int, Shape]] = []
    at, end, inner, left = 0, len(body), shape, most
    while True:
        if at >= end:
            if not outer:
                return
            at, end, inner = outer.pop()
            continue
        left -= 1
        if left < 0:
            raise Refused(BAD_REQUEST, f"a request has at most {most:,} {what}; send smaller batches")
        key, at = (body[at], at + 1) if body[at] < _MORE else _varint(body, at, end)
        kind = key & 7
        if kind == _SIZED:
            # Most lengths have two bytes, and a call costs more than reading them.
            two = at + 1 < end and body[at + 1] < _MORE <= body[at]
            length, at = (body[at] & 0x7F | body[at + 1] << 7, at + 2) if two else _varint(body, at, end)
            deeper = inner.get(key >> 3)
            if deeper is not None and length:
                _descend(outer, (at + length, end, inner))
                end, inner = min(at + length, end), deeper
            else:
                at += length
        elif kind == _NUMBER:
            _, at = _varint(body, at, end)
        else:
            at += _FIXED.get(kind, end)  # what protobuf does not know either ends the look


def _descend(outer: list[tuple[int, int, Shape]], here: tuple[int, int, Shape]) -> None:
    outer.append(here)
    if len(outer) > MOST_DEEP:
        raise Refused(BAD_REQUEST, f"a request is nested at most {MOST_DEEP} deep")


def _varint(body: bytes, at: int, end: int) -> tuple[int, int]:
    """Return a number of up to ten bytes and the place after it; one that is cut off is the parser's to refuse."""
    value = shift = 0
    while at < end and shift < 70:  # noqa: PLR2004 - ten bytes of seven bits
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < _MORE:
            return value, at
        shift += 7
    return value, at


__all__ = ["MOST_DEEP", "MOST_FIELDS", "MOST_ITEMS", "check_size"]
