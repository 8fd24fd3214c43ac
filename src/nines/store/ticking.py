"""How far minutes were judged, and how alerts stood then: written in the deed that tells of it.

One rule: these rows say nothing that the journal and the lake could not say again; they are kept so that a worker that
begins need not ask both from the start.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from nines.errors import ConflictError, Problem
from nines.store.deed import Deed
from nines.store.schema import alerts, ticks


@dataclass(frozen=True, slots=True)
class Tick:
    """The last minute that was judged.

    Attributes:
        minute: grid minute whose end was judged.
        seq: last flush that was seen.
        at: when it was judged.
        missed: minutes that were never judged, because too many had passed, since the first tick.
    """

    minute: int
    seq: int
    at: datetime
    missed: int = 0


class Ticking:
    """Marks and alerts of all tenants."""

    def __init__(self, engine: sa.Engine) -> None:
        """Take the store's engine."""
        self._engine = engine

    def last(self, tenant: str) -> Tick | None:
        """Return a tenant's last tick, or None before the first."""
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(ticks).where(ticks.c.tenant == tenant)).first()
        return None if row is None else Tick(row.minute, row.seq, row.at, row.missed)

    def all(self) -> list[tuple[str, Tick]]:
        """Return every tenant's last tick: for `/metrics`."""
        with self._engine.connect() as connection:
            return [(r.tenant, Tick(r.minute, r.seq, r.at, r.missed)) for r in connection.execute(sa.select(ticks))]

    def alerts(self, tenant: str) -> dict[str, dict[str, Any]]:
        """Return how a tenant's alerts stand: key -> state as JSON values."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(alerts.c.key, alerts.c.state).where(alerts.c.tenant == tenant))
            return {row.key: json.loads(row.state) for row in rows}

    def mark(self, deed: Deed, tick: Tick, changed: Mapping[str, dict[str, Any] | None]) -> None:
        """Note that a minute was judged, and how the alerts that changed stand now.

        Args:
            deed: the deed that tells of it.
            tick: the minute; later than the last one.
            changed: key -> state as JSON values, or None for an alert that is gone.

        Raises:
            ConflictError: another worker has judged this minute already; nothing of the deed remains.
        """
        found = deed.connection.execute(sa.select(ticks.c.minute).where(ticks.c.tenant == deed.tenant)).first()
        if found is not None and found.minute >= tick.minute:
            what = f"the minute {tick.minute} was judged already"
            raise ConflictError(Problem("tick", what, "go on with the next one", code="ticked"))
        values = {"minute": tick.minute, "seq": tick.seq, "at": tick.at, "missed": tick.missed}
        if found is None:
            deed.connection.execute(ticks.insert().values(tenant=deed.tenant, **values))
        else:
            same = (ticks.c.tenant == deed.tenant) & (ticks.c.minute == found.minute)
            deed.connection.execute(ticks.update().where(same).values(**values))
        for key, state in changed.items():
            here = (alerts.c.tenant == deed.tenant) & (alerts.c.key == key)
            deed.connection.execute(alerts.delete().where(here))
            if state is not None:
                text = json.dumps(state, sort_keys=True, ensure_ascii=False)
                deed.connection.execute(alerts.insert().values(tenant=deed.tenant, key=key, state=text))
