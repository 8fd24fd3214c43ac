"""The JSON of OTLP made ready for protobuf's own reader: identities are hexadecimal there, and base64 here."""

from __future__ import annotations

import base64
import json
from typing import Any

#: Fields that hold an identity.
_IDENTITIES = frozenset({"traceId", "spanId", "parentSpanId"})
#: Deepest nesting of values that is read.
MOST_DEEP = 64
#: Brackets and commas of a text at most: each may become a value, whatever few bytes it has.
MOST_PARTS = 2_000_000


def with_bytes(body: bytes) -> dict[str, Any]:
    """Return a request as a mapping that protobuf's JSON reader takes.

    Args:
        body: JSON text.

    Raises:
        ValueError: it is no JSON object, holds or nests too much, a name is no text, or an identity not hexadecimal.

    Example:
        >>> with_bytes(b'{"traceId": "5B8E"}')
        {'traceId': 'W44='}
    """
    if sum(body.count(mark) for mark in (b"{", b"[", b",")) > MOST_PARTS:
        msg = f"it has more than {MOST_PARTS:,} values; send smaller batches"
        raise ValueError(msg)
    try:
        found = json.loads(body)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        msg = f"it is no JSON: {error}"
        raise ValueError(msg) from None
    if not isinstance(found, dict):
        msg = "it is no JSON object"
        raise ValueError(msg)  # noqa: TRY004 - one kind of failure for all that is no request
    _mend(found, MOST_DEEP)
    return found


def _mend(value: Any, left: int) -> None:  # noqa: ANN401 - any JSON value
    if left == 0:
        msg = f"it is nested more than {MOST_DEEP} deep"
        raise ValueError(msg)
    if isinstance(value, list):
        for one in value:
            if isinstance(one, dict | list):
                _mend(one, left - 1)
    elif isinstance(value, dict):
        for name, one in value.items():
            name.encode()  # half a surrogate pair in a name makes protobuf's reader fail, and not refuse
            if name in _IDENTITIES and isinstance(one, str):
                value[name] = base64.b64encode(bytes.fromhex(one)).decode()
            elif isinstance(one, dict | list):
                _mend(one, left - 1)
