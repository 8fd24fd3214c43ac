"""A large message read in parts, so that what the parser holds at once stays small.

The bytes of a protobuf message may be cut between any two of its fields; each part is a message of its own. A message
of 64 MiB made of empty series would else become gigabytes of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from nines.protocols.refusal import BAD_REQUEST, Refused

#: Bytes of a part, and of the largest field of the whole message.
PART, LARGEST = 1 << 20, 1 << 22
#: Fields of a message that is cut, at most: a few bytes may unfold to millions, and each takes time.
MOST_FIELDS = 1_250_000
_LENGTH_DELIMITED = 2
_MORE = 0x80


def parts(data: bytes) -> Iterator[bytes]:
    """Return a message in parts of about a mebibyte, cut between its fields.

    Args:
        data: a message whose fields are all length-delimited, as those of both versions of remote write are.

    Raises:
        Refused: the bytes are no such message, one field is larger than `LARGEST`, or there are too many.

    Example:
        >>> [len(p) for p in parts(bytes([10, 2, 0, 0]) * 300_000)]
        [1048576, 151424]
    """
    if len(data) <= PART:
        yield data
        return
    begin = at = fields = 0
    while at < len(data):
        fields += 1
        if fields > MOST_FIELDS:
            raise Refused(BAD_REQUEST, f"the request has more than {MOST_FIELDS:,} fields; send smaller batches")
        if data[at] & 7 != _LENGTH_DELIMITED or data[at] & _MORE:
            raise Refused(BAD_REQUEST, "the body is no write request: a field of an unknown kind")
        length, at = _varint(data, at + 1)
        at += length
        if length > LARGEST or at > len(data):
            raise Refused(BAD_REQUEST, f"the body is no write request: a field of {length:,} bytes")
        if at - begin >= PART:
            yield data[begin:at]
            begin = at
    if begin < at:
        yield data[begin:at]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a length and the place after it."""
    value = shift = 0
    while shift < 35 and at < len(data):  # noqa: PLR2004 - five bytes of seven bits
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        shift += 7
        if byte < _MORE:
            return value, at
    raise Refused(BAD_REQUEST, "the body is no write request: a length is cut off")
