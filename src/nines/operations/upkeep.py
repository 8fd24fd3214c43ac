"""What the worker does on a schedule: flush, pull, learn lateness, close finished periods, compact."""

from __future__ import annotations

from datetime import datetime, timedelta

from nines.errors import NinesError
from nines.lake.flush import Flushed
from nines.operations import ingesting, statements
from nines.operations.backfilling import pull_new
from nines.operations.house import House
from nines.operations.promises import in_force
from nines.operations.settling import keep_lateness
from nines.people.rights import Principal

#: Old versions of tables are kept this long for readers that began before a compaction.
RETENTION = timedelta(hours=24)
#: A period is closed by itself this long after its end, so that late rows still count.
CLOSE_AFTER = timedelta(hours=1)


def flush(house: House, *, now: datetime) -> Flushed:
    """Move what waits into the lake."""
    return ingesting.flush(house, now=now)


def pull(house: House, *, now: datetime) -> int:
    """Ask every pulled source for what is new; returns how many rows came."""
    return sum(pull_new(house, Principal.local(tenant), now=now) for tenant in house.store.revisions.tenants())


def learn(house: House, *, now: datetime) -> int:
    """Keep how late the rows of closed hours were; returns how many hours of sources were kept."""
    return keep_lateness(house, now=now)


def close_periods(house: House, *, now: datetime) -> int:
    """Close the last period of every calendar objective that is over, once; returns how many were closed.

    Only periods that ended after the objective came into force are closed by themselves.
    """
    closed = 0
    for tenant in house.store.revisions.tenants():
        who = Principal.local(tenant)
        for objective in in_force(house, tenant, at=now).objectives:
            if objective.window.kind != "calendar":
                continue
            try:
                statements.close(house, who, objective.key, within=None, now=now - CLOSE_AFTER)
                closed += 1
            except NinesError:
                continue  # not over yet, or closed already
    return closed


def compact(house: House, *, now: datetime) -> int:  # noqa: ARG001 - duties are all called alike
    """Join small files, and delete those that nobody can be reading any more; returns how many tables were joined."""
    joined = house.lake.compact()
    if joined:
        house.lake.vacuum(RETENTION)
    return joined
