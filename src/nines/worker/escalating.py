"""The worker's care for escalations: a workflow for each that is open, and a net under them.

One rule: what the journal says is due is told. Workflows are begun from it, so a lost file of theirs loses nothing; and
whatever is overdue although they should have told it, or because `nines[durable]` is not installed, is told here.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from nines.operations import escalating
from nines.operations.house import House

log = logging.getLogger("nines.worker")

#: So long after its instant a step that no workflow told is told here.
OVERDUE = timedelta(seconds=90)
#: How often overdue steps are looked for.
EVERY = timedelta(seconds=30)


@dataclass
class Escalating:
    """Looks after the escalations of one house.

    Attributes:
        house: whose.
        place: SQLAlchemy address of the workflows' database; a SQLite file in the house's folder when empty.
    """

    house: House
    place: str = ""
    _marks: dict[str, int] = field(default_factory=dict)
    _looked: datetime | None = None
    _launched: bool | None = None

    def look(self, now: datetime) -> None:
        """Begin workflows for new escalations, and tell what is overdue.

        Args:
            now: present instant.
        """
        tenants = self.house.store.revisions.tenants()
        for tenant in tenants:
            facts = self.house.store.mark(tenant)[0]
            if self._marks.get(tenant) != facts:
                self._begin(tenant)
                self._marks[tenant] = facts
        if self._looked is None or now - self._looked >= EVERY:
            self._looked = now
            for tenant in tenants:
                told = escalating.tell_overdue(self.house, tenant, now=now - OVERDUE)
                if told:
                    log.warning("%s: %d steps of escalations were overdue, and are told now", tenant, told)

    def stop(self) -> None:
        """End; workflows go on when the worker starts again."""
        if self._launched:
            from nines.worker import durable

            durable.end()

    def _begin(self, tenant: str) -> None:
        open_ones = escalating.open_escalations(self.house, tenant)
        if not open_ones or not self._ready():
            return
        from nines.worker import durable

        for number, held in open_ones.items():
            durable.begin(tenant, number, [s.due.isoformat() for s in held.plan.steps])

    def _ready(self) -> bool:
        """Return whether workflows can run, launching them at the first need."""
        if self._launched is None:
            try:
                from nines.worker import durable

                durable.launch(self.house, self.place or f"sqlite:///{self.house.folder / 'durable.db'}")
                self._launched = True
            except ImportError:
                fix = "pip install 'nines[durable]'"
                log.error("a route escalates, and dbos is not installed: steps are told late; %s", fix)  # noqa: TRY400
                self._launched = False
        return self._launched
