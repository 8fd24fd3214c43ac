"""Escalating: pages that nobody took on are told again, each step once, whoever wakes us for it.

One rule: a step is told in a deed that first looks whether it is still to be told. So a step may be asked for twice, by
a workflow that was killed or by two workers, and is told once; and none is told before the one before it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from nines.alerting.escalation import KINDS, Waiting, waiting
from nines.alerting.message import message_json
from nines.operations.house import House
from nines.operations.notifying import numbered
from nines.operations.silencing import silences
from nines.store.outbox import Put


def open_escalations(house: House, tenant: str) -> dict[int, Waiting]:
    """Return the escalations of a tenant that have not ended, by number.

    Args:
        house: whose.
        tenant: owner.
    """
    return waiting(house.store.told(tenant, kinds=KINDS))


def tell_step(house: House, tenant: str, number: int, step: int, *, now: datetime) -> bool:
    """Tell a step of an escalation, unless it was told, taken on, or is over.

    Args:
        house: whose.
        tenant: owner.
        number: of the escalation.
        step: which, from 0; all before it have been told.
        now: present instant, at or after its due instant.

    Returns:
        Whether the escalation goes on: there may be later steps.
    """
    with house.store.deed(tenant, "worker", now) as deed:
        held = open_escalations(house, tenant).get(number)  # the deed holds the journal: nobody else adds to it now
        if held is None or step < held.told:
            return held is not None
        if step > held.told:
            msg = f"step {step} of escalation {number} cannot come before step {held.told}"
            raise ValueError(msg)
        due, page = held.next, held.plan.page
        told = replace(page, kind=due.kind, at=now, title=f"nobody has taken it on: {page.title}")
        told = numbered(house, deed, told)
        silence = next((s for s in silences(house, tenant, at=now) if s.takes(told, now)), None)
        why = "" if silence is None else f"silenced by {silence.name}: {silence.reason}"
        rows = [
            Put(target, message_json(told), held.plan.route, told.id, why, now, "silenced" if why else "waiting")
            for target in due.targets
        ]
        house.store.outbox.put(deed, rows)
        said = {"plan": number, "step": step, "targets": list(due.targets), "message": told.id}
        deed.tell("escalation.told", f"objective {page.objective}", said)
        return step + 1 < len(held.plan.steps)


def tell_overdue(house: House, tenant: str, *, now: datetime) -> int:
    """Tell every step whose instant is past, each escalation in order: the net under whatever should have told it.

    Args:
        house: whose.
        tenant: owner.
        now: instant up to which steps are overdue.

    Returns:
        Steps told.
    """
    told = 0
    for held in open_escalations(house, tenant).values():
        for step in range(held.told, len(held.plan.steps)):
            if held.plan.steps[step].due > now:
                break
            tell_step(house, tenant, held.number, step, now=now)
            told += 1
    return told
