"""Heartbeats: the signal whose absence tells that nines itself is down.

One rule: it is sent only while minutes are judged, so a process that lives and does nothing falls silent too.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from nines.alerting.message import Message, message_json
from nines.operations.house import House
from nines.operations.promises import in_force
from nines.spans import EPOCH
from nines.store.outbox import Put

#: Minutes count as judged while the last tick is no older than this.
FRESH = timedelta(minutes=3)


def beat(house: House, tenant: str, *, now: datetime) -> int:
    """Put a heartbeat into the outbox for every target whose interval has begun anew.

    Args:
        house: whose.
        tenant: owner of the targets.
        now: present instant.

    Returns:
        How many were put in; a heartbeat of one interval is put in once, whoever asks.
    """
    last = house.store.ticking.last(tenant)
    targets = [t for t in in_force(house, tenant, at=now).targets.values() if t.heartbeat is not None]
    if not targets or last is None or now - last.at > FRESH:
        return 0
    rows = []
    for target in targets:
        assert target.heartbeat is not None
        message = Message(
            tenant=tenant, thread=f"heartbeat {target.name}", number=(now - EPOCH) // target.heartbeat,
            kind="heartbeat", severity="note", title="minutes are judged", at=last.at,
            figures=(("minutes never judged", str(last.missed)),),
        )  # fmt: skip
        rows.append(Put(target.name, message_json(message), "heartbeat", message.id, "", now))
    with house.store.deed(tenant, "worker", now) as deed:
        return house.store.outbox.put(deed, rows)
