"""Notes on objectives and services."""

from __future__ import annotations

from datetime import datetime

from nines.errors import InputError, NotFoundError, Problem
from nines.journal.folds import Annotation, notes
from nines.operations.house import House
from nines.operations.promises import in_force
from nines.people.rights import Principal, require

#: Longest note.
LONGEST = 4000


def annotate(house: House, who: Principal, subject: str, text: str, *, about: datetime, now: datetime) -> None:
    """Put a dated note on record.

    Args:
        house: where to.
        who: who does it.
        subject: objective (name or name@window) or service it is about.
        text: what it says, 1 to 4,000 characters.
        about: instant it speaks about.
        now: present instant.

    Raises:
        NotFoundError: there is no such objective or service.
        InputError: the text is empty or too long.
    """
    require(who, "annotate")
    definitions = in_force(house, who.tenant, at=now)
    known = {n for o in definitions.objectives for n in (o.name, o.key)} | set(definitions.services)
    if subject not in known:
        raise NotFoundError(
            Problem(subject, "there is no such objective or service", "`nines status` lists them", code="no-objective")
        )
    if not text.strip() or len(text) > LONGEST:
        raise InputError(Problem("text", f"a note has 1 to {LONGEST} characters", code="bad-note"))
    with house.store.deed(who.tenant, who.name, now) as deed:
        deed.tell("annotation.added", subject, {"text": text.strip(), "about": about.isoformat()})


def notes_on(house: House, who: Principal, subject: str = "") -> list[Annotation]:
    """Return notes, all or those about one subject, in the order they were recorded."""
    require(who, "see")
    told = house.store.told(who.tenant, kinds=("annotation.added",))
    return [n for n in notes(told) if not subject or n.subject == subject]
