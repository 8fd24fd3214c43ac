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
    ticks, rows = [tick for _, tick in house.store.ticking.all()], house.store.outbox.counts()
    oldest = min((int(tick.at.timestamp()) for tick in ticks), default=0)
    return {
        "nines_tick_timestamp_seconds": ("gauge", "When the tenant that waits longest was judged last.", oldest),
        "nines_ticks_missed_total": ("counter", "Minutes that were never judged.", sum(t.missed for t in ticks)),
        "nines_outbox_waiting": ("gauge", "Messages on their way.", rows.get("waiting", 0) + rows.get("claimed", 0)),
        "nines_outbox_dead": ("gauge", "Messages that were given up.", rows.get("dead", 0)),
        "nines_outbox_unrouted": ("gauge", "Messages that no route takes.", rows.get("unrouted", 0)),
        "nines_flush_sequence": ("counter", "Sequence number of the last finished flush.", house.lake.last_sequence()),
        "nines_inbox_pending_rows": ("gauge", "Acknowledged rows that wait for their flush.", pending),
    }
