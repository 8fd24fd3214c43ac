"""Request bodies: unpacked within bounds, and read as rows.

One rule: nothing is held that was not counted first.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator

from fastapi import Request
from starlette.exceptions import HTTPException

from nines.errors import InputError, Problem

#: Most bytes of a body, unpacked; what arrives is bounded at the door.
MOST_UNPACKED = 64 * 1024 * 1024
#: Most rows of one batch.
MOST_ROWS = 100_000
#: How a body may be packed.
GZIP = 31


async def bounded(request: Request) -> bytes:
    """Return a body, unpacked.

    Raises:
        HTTPException: 413 when it is too large unpacked, 415 when it is packed in an unknown way.
        InputError: its packing is broken.
    """
    packing = request.headers.get("content-encoding", "identity").strip().lower()
    if packing not in {"identity", "gzip"}:
        raise HTTPException(415, f"content-encoding {packing} is not known; send gzip or none")
    if packing == "identity":
        return await request.body()
    unpacker = _Unpacker()
    parts: list[bytes] = []
    async for chunk in request.stream():
        parts += unpacker.take(chunk)
    unpacker.finish()
    return b"".join(parts)


class _Unpacker:
    """Unpacks gzip as it arrives, member after member, and holds no more than it may."""

    def __init__(self) -> None:
        self.member, self.held, self.begun = zlib.decompressobj(GZIP), 0, False

    def take(self, chunk: bytes) -> Iterator[bytes]:
        while chunk:
            if self.member.eof:
                self.member = zlib.decompressobj(GZIP)
            part = self._unpacked(chunk)
            self.begun, self.held = True, self.held + len(part)
            if self.held > MOST_UNPACKED:
                raise HTTPException(413, f"a body has at most {MOST_UNPACKED:,} bytes unpacked; send smaller batches")
            yield part
            chunk = self.member.unused_data if self.member.eof else self.member.unconsumed_tail

    def finish(self) -> None:
        if self.begun and not self.member.eof:
            raise InputError(Problem("body", "the gzip body is cut short", "send it again", code="gzip"))

    def _unpacked(self, chunk: bytes) -> bytes:
        try:
            return self.member.decompress(chunk, MOST_UNPACKED - self.held + 1)
        except zlib.error as error:
            problem = Problem("body", f"the gzip body is damaged: {error}", "send it again", code="gzip")
            raise InputError(problem) from error


def rows_of(body: bytes, content_type: str) -> list[dict[str, object]]:
    """Return the rows of a body: a JSON array, a JSON object, or newline-delimited objects.

    Args:
        body: unpacked bytes.
        content_type: as the request states it.

    Raises:
        InputError: a line is no JSON object, or there are too many; with every line that is wrong, up to a hundred.
    """
    whole = "ndjson" not in content_type and body.lstrip()[:1] == b"["
    try:
        parsed = _strict(body) if whole else None
    except (ValueError, RecursionError) as error:
        raise InputError(
            Problem("body", f"this is not JSON: {error}", "send an array of objects", code="bad-json")
        ) from error
    items = list(enumerate(parsed, 1)) if whole and isinstance(parsed, list) else _lines(body)
    wrong = [
        Problem(f"row {n}", "this is no JSON object", "send one object per row", code="bad-line")
        for n, v in items
        if not isinstance(v, dict)
    ]
    if wrong:
        raise InputError(*wrong[:100])
    if len(items) > MOST_ROWS:
        raise InputError(Problem("body", f"more than {MOST_ROWS} rows", "send smaller batches", code="too-many-rows"))
    return [dict(v) for _, v in items if isinstance(v, dict)]


def _lines(body: bytes) -> list[tuple[int, object]]:
    found: list[tuple[int, object]] = []
    for number, line in enumerate(body.splitlines(), 1):
        if line.strip():
            try:
                found.append((number, _strict(line)))
            except (ValueError, RecursionError):
                found.append((number, None))
    return found


def _strict(text: bytes) -> object:
    """Return a JSON value; NaN and Infinity, which JSON has not, are refused."""
    return json.loads(text, parse_constant=_refuse)


def _refuse(name: str) -> object:
    msg = f"{name} is no JSON"
    raise ValueError(msg)
