"""The door of the API: what it lets in, and how it says no."""

from __future__ import annotations

from typing import NoReturn

from starlette.exceptions import HTTPException

from nines.api.problems import answer_error
from nines.operations.door import Door

#: Most bytes of a body as sent.
MOST_SENT = 16 * 1024 * 1024


def door(hosts: frozenset[str] = frozenset()) -> Door:
    """Return the API's door.

    Args:
        hosts: further names under which this installation is reached.
    """
    return Door(hosts, MOST_SENT, answer_error, _overflow)


def _overflow() -> NoReturn:
    raise HTTPException(413, f"a body has at most {MOST_SENT:,} bytes; send smaller batches")
