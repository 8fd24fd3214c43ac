"""The door of the pages: what it lets in, and how it says no."""

from __future__ import annotations

from nines.operations.door import Door
from nines.pages.failing import failure

#: Longest form that is read, in bytes.
MOST_FORM = 64 * 1024


def door(hosts: frozenset[str] = frozenset()) -> Door:
    """Return the door of the pages; they know no tokens.

    Args:
        hosts: further names under which this installation is reached.
    """
    return Door(hosts, MOST_FORM, failure, lambda: {"type": "http.disconnect"}, tokens=False)
