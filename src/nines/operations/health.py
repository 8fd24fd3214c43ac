"""Whether an installation can work, and its own figures: what a machine asks to watch it."""

from __future__ import annotations

from nines.operations.house import House


def check_ready(house: House) -> None:
    """Read from records and lake; raises whatever hinders it.

    Args:
        house: whose records and lake.
    """
    house.store.revisions.tenants()
    house.lake.last_sequence()


def figures(house: House) -> dict[str, tuple[str, str, int]]:
    """Return own figures: name to (type, help, value), in the words of Prometheus' text format.

    Args:
        house: whose figures.
    """
    pending = sum(house.lake.inbox.pending().values())
    return {
        "nines_flush_sequence": ("counter", "Sequence number of the last finished flush.", house.lake.last_sequence()),
        "nines_inbox_pending_rows": ("gauge", "Acknowledged rows that wait for their flush.", pending),
    }
