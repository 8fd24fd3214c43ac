"""Escalations as DBOS workflows: each sleeps until its next step is due, through kills and restarts.

One rule: a workflow holds nothing that the journal does not: it is begun from the facts under the name of its plan, and
each step asks the operation, which tells it once. `VERSION` stays as it is, or running workflows would be stranded by
an upgrade; a change of what a running one does goes behind `DBOS.patch`.

This module alone imports DBOS; `nines.worker.escalating` imports it when a route escalates.
"""

from __future__ import annotations

from datetime import UTC, datetime

from dbos import DBOS, DBOSConfig, SetWorkflowID

from nines.operations import escalating
from nines.operations.house import House

#: Never changed: workflows are taken up only by their own version.
VERSION = "nines-escalations"
#: Longest sleep at a stretch, seconds: a clock that is set right is noticed.
_STRETCH_S = 3600.0
_houses: dict[str, House] = {}


def launch(house: House, place: str) -> None:
    """Begin: workflows that were under way go on.

    Args:
        house: whose.
        place: SQLAlchemy address of DBOS's own database.
    """
    _houses["house"] = house
    config: DBOSConfig = {
        "name": "nines", "system_database_url": place, "application_version": VERSION, "executor_id": "worker",
        "log_level": "WARNING", "console_log_level": "WARNING",
    }  # fmt: skip
    DBOS(config=config)
    DBOS.launch()


def begin(tenant: str, number: int, due: list[str]) -> None:
    """Begin an escalation's workflow; one that was begun before is left alone.

    Args:
        tenant: owner.
        number: of the escalation.
        due: instants of its steps, ISO 8601.
    """
    with SetWorkflowID(f"escalation {tenant} {number}"):
        DBOS.start_workflow(escalate, tenant, number, due)


def end() -> None:
    """End; what sleeps goes on at the next launch."""
    DBOS.destroy()


@DBOS.workflow()
def escalate(tenant: str, number: int, due: list[str]) -> int:
    """Tell the steps of an escalation at their instants; returns how many were asked for."""
    for step, instant in enumerate(due):
        while (left := until(instant)) > 0:
            DBOS.sleep(min(left, _STRETCH_S))
        if not tell(tenant, number, step):
            return step + 1
    return len(due)


@DBOS.step()
def until(instant: str) -> float:
    """Return the seconds until an instant; a step, so that a workflow that is taken up sees what it saw."""
    return (datetime.fromisoformat(instant) - datetime.now(UTC)).total_seconds()


@DBOS.step(retries_allowed=True, max_attempts=10, interval_seconds=1.0, backoff_rate=2.0)
def tell(tenant: str, number: int, step: int) -> bool:
    """Tell one step; returns whether there may be later ones."""
    return escalating.tell_step(_houses["house"], tenant, number, step, now=datetime.now(UTC))
