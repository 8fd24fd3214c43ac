"""Request bodies: bounded before they are held, unpacked within bounds, and read as rows."""

from __future__ import annotations

import json
import zlib

from fastapi import Request
from starlette.exceptions import HTTPException

from nines.errors import InputError, Problem

#: Most bytes of a body as sent, and unpacked.
MOST_SENT = 16 * 1024 * 1024
MOST_UNPACKED = 64 * 1024 * 1024
#: Most rows of one batch.
MOST_ROWS = 100_000


async def bounded(request: Request) -> bytes:
    """Return a body, unpacked.

    Raises:
        HTTPException: 413 when it is too large as sent or unpacked, 415 when it is packed in an unknown way.
        InputError: its packing is broken.
    """
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > MOST_SENT:
        raise HTTPException(413, f"a body has at most {MOST_SENT} bytes; send smaller batches")
    packing = request.headers.get("content-encoding", "identity").lower()
    if packing not in {"identity", "gzip"}:
        raise HTTPException(415, f"content-encoding {packing} is not known; send gzip or none")
    unpack = zlib.decompressobj(wbits=31) if packing == "gzip" else None
    sent, parts, held = 0, [], 0
    async for chunk in request.stream():
        sent += len(chunk)
        part = _unpacked(unpack, chunk, MOST_UNPACKED - held) if unpack else chunk
        held += len(part)
        parts.append(part)
        if sent > MOST_SENT or held >= MOST_UNPACKED:
            raise HTTPException(413, "the body is too large; send smaller batches")
    if unpack is not None and sent and not unpack.eof:
        raise InputError(Problem("body", "the gzip body is cut short", "send it again", code="gzip"))
    return b"".join(parts)


def _unpacked(unpack: zlib._Decompress, chunk: bytes, most: int) -> bytes:
    try:
        return unpack.decompress(chunk, max(most, 1))
    except zlib.error as error:
        raise InputError(Problem("body", f"the gzip body is damaged: {error}", "send it again", code="gzip")) from error


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
        parsed = json.loads(body) if whole else None
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
                found.append((number, json.loads(line)))
            except (ValueError, RecursionError):
                found.append((number, None))
    return found
