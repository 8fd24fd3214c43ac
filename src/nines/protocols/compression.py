"""Decompression that knows its bound before it takes memory.

Whatever a few bytes claim to unfold to, no more than the limit is ever allocated.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import cramjam
import numpy as np

from nines.protocols.refusal import BAD_REQUEST, UNSUPPORTED, Refused

#: Most bytes a body may unfold to.
LIMIT = 64 * 1024 * 1024
#: A snappy copy of 3 bytes gives at most 64, so no honest block unfolds further than this.
_SNAPPY_RATIO = 22
_ZSTD_MAGIC = 0xFD2FB528
#: A window that every decoder should grant, whatever the content (RFC 8878, section 3.1.1.1.2).
_ZSTD_WINDOW = 8 * 1024 * 1024
_SNAPPY_NAME, _ZSTD_NAME, _GZIP_NAME, _DEFLATE_NAME = "snappy", "zstd", "gzip", "deflate"
#: Frames in one body: more than any sender makes, and each costs a copy of what follows it.
_MOST_MEMBERS = 16


def decompressed(body: bytes, encoding: str, *, limit: int = LIMIT) -> bytes:
    """Return a body as it was before its Content-Encoding.

    Args:
        body: what came.
        encoding: `snappy` (block format), `zstd`, `gzip`, `deflate`, or `identity` or "" for none; any case.
        limit: most bytes to unfold to, > 0.

    Raises:
        Refused: 415 for another encoding, 400 for a body that is corrupt, cut off or larger than the limit.

    Example:
        >>> import gzip
        >>> decompressed(gzip.compress(b"up 1"), "gzip")
        b'up 1'
    """
    ways: dict[str, Callable[[bytes, int], bytes]] = {
        "snappy": _snappy, "zstd": _zstd, "gzip": _gzip, "x-gzip": _gzip, "deflate": _deflate,
        "identity": _plain, "": _plain,
    }  # fmt: skip
    way = ways.get(encoding.strip().lower())
    if way is None:
        raise Refused(UNSUPPORTED, f"Content-Encoding {encoding[:40]!r} is not supported")
    return way(body, limit)


def _plain(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise _too_large(limit)
    return body


def _snappy(body: bytes, limit: int) -> bytes:
    """Return a snappy block; its first bytes declare what it unfolds to."""
    try:
        declared = int(cramjam.snappy.decompress_raw_len(body))
        if declared > limit:
            raise _too_large(limit)
        if declared > _SNAPPY_RATIO * len(body):
            raise _corrupt(_SNAPPY_NAME, "it declares more than its bytes can hold")
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError as error:
        raise _corrupt(_SNAPPY_NAME, str(error)) from error


def _zstd(body: bytes, limit: int) -> bytes:
    """Return zstd frames, unfolded into a buffer that is as large as they declare or as the limit."""
    window, declared = _zstd_header(body)
    if window > max(limit, _ZSTD_WINDOW) or (declared or 0) > limit:
        raise _too_large(limit)
    # Memory of np.empty is taken page by page as it is written, so an undeclared small body stays small.
    buffer = np.empty(limit if declared is None else declared, dtype=np.uint8)
    try:
        size = int(cramjam.zstd.decompress_into(body, buffer.data))
    except cramjam.DecompressionError as error:
        if "whole buffer" in str(error):
            raise _too_large(len(buffer)) from error
        raise _corrupt(_ZSTD_NAME, str(error)) from error
    return buffer[:size].tobytes()


def _zstd_header(body: bytes) -> tuple[int, int | None]:
    """Return window size and declared content size, or None, of the first frame (RFC 8878, section 3.1.1.1)."""
    if len(body) < 6 or struct.unpack_from("<I", body)[0] != _ZSTD_MAGIC:  # noqa: PLR2004 - magic, descriptor, a byte
        raise _corrupt(_ZSTD_NAME, "no frame begins here")
    descriptor = body[4]
    single, size_flag = bool(descriptor & 0x20), descriptor >> 6
    at = 5
    window = 0
    if not single:
        exponent, mantissa = body[at] >> 3, body[at] & 7
        window = (1 << (10 + exponent)) // 8 * (8 + mantissa)
        at += 1
    at += (0, 1, 2, 4)[descriptor & 3]
    width = (1 if single else 0, 2, 4, 8)[size_flag]
    if not width:
        return window, None
    if len(body) < at + width:
        raise _corrupt(_ZSTD_NAME, "its header is cut off")
    return window, int.from_bytes(body[at : at + width], "little") + (256 if size_flag == 1 else 0)


def _gzip(body: bytes, limit: int) -> bytes:
    """Return the members of a gzip body, one after the other."""
    out: list[bytes] = []
    left, rest = limit, body
    for _ in range(_MOST_MEMBERS):
        member, rest = _inflated(rest, 16 + zlib.MAX_WBITS, left, limit)
        out.append(member)
        left -= len(member)
        if not rest:
            return out[0] if len(out) == 1 else b"".join(out)
    raise _corrupt(_GZIP_NAME, f"more than {_MOST_MEMBERS} members")


def _deflate(body: bytes, limit: int) -> bytes:
    """Return a deflate body: in a zlib wrapper as HTTP says, or bare as some senders do."""
    wrapped = len(body) > 1 and body[0] & 0x0F == zlib.DEFLATED and (body[0] * 256 + body[1]) % 31 == 0
    out, rest = _inflated(body, zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS, limit, limit)
    if rest:
        raise _corrupt(_DEFLATE_NAME, "bytes follow its end")
    return out


def _inflated(body: bytes, bits: int, left: int, limit: int) -> tuple[bytes, bytes]:
    """Return what one stream unfolds to, and the bytes after it."""
    stream = zlib.decompressobj(bits)
    try:
        out = stream.decompress(body, left + 1)
    except zlib.error as error:
        raise _corrupt(_DEFLATE_NAME if bits <= zlib.MAX_WBITS else "gzip", str(error)) from error
    if len(out) > left:
        raise _too_large(limit)
    if not stream.eof:
        raise _corrupt(_DEFLATE_NAME if bits <= zlib.MAX_WBITS else "gzip", "it is cut off")
    return out, stream.unused_data


def _too_large(limit: int) -> Refused:
    return Refused(BAD_REQUEST, f"the body unfolds to more than {limit:,} bytes; send smaller batches")


def _corrupt(kind: str, why: str) -> Refused:
    return Refused(BAD_REQUEST, f"the body is no {kind}: {why[:120]}")
