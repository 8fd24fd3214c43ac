"""Definitions: plan, put in force, compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from nines.definitions.load import Definitions, load
from nines.definitions.plan import Change, Plan
from nines.definitions.plan import plan as plan_changes
from nines.definitions.revisions import digest
from nines.errors import InputError
from nines.operations.evidence import by_key
from nines.operations.house import House
from nines.operations.promises import in_force, versions
from nines.operations.standings import standings
from nines.people.rights import Principal, require
from nines.store.revisions import Revision


@dataclass(frozen=True, slots=True)
class Applied:
    """What was put in force."""

    changes: tuple[tuple[Change, int], ...]
    effective_from: datetime

    @property
    def summary(self) -> str:
        """One sentence for people."""
        if not self.changes:
            return "nothing to do: what is in force says the same"
        return f"{len(self.changes)} definitions in force from {self.effective_from:%Y-%m-%dT%H:%M:%SZ} on"


def _sound(found: Definitions) -> Definitions:
    if found.errors:
        raise InputError(*found.problems)
    return found


def plan(house: House, who: Principal, paths: Sequence[Path], *, now: datetime, both_ways: bool = False) -> Plan:
    """Return what applying files would change, in budget terms.

    Args:
        house: where to look.
        who: who is asking.
        paths: files or folders.
        now: present instant.
        both_ways: whether what is in force and not in the files counts as a difference.

    Raises:
        InputError: the definitions are wrong.
    """
    return plan_definitions(house, who, load(paths), now=now, both_ways=both_ways)


def plan_definitions(
    house: House, who: Principal, found: Definitions, *, now: datetime, both_ways: bool = False
) -> Plan:
    """Return what applying definitions would change; see `plan`."""
    require(who, "see")
    before = in_force(house, who.tenant, at=now)
    present = by_key(standings(house, who, at=now)) if before.objectives else {}
    return plan_changes(before, _sound(found), present, removing=both_ways)


def apply(
    house: House,
    who: Principal,
    paths: Sequence[Path],
    *,
    now: datetime,
    effective_from: datetime | None = None,
    prune: bool = False,
) -> Applied:
    """Put definitions in force from an instant on.

    Args:
        house: where to.
        who: who does it.
        paths: files or folders.
        now: present instant.
        effective_from: first instant they hold; now unless given.
        prune: whether definitions in force that the files lack are retired.

    Raises:
        InputError: the definitions are wrong; nothing is stored.
        ForbiddenError: they lack the right.
    """
    return apply_definitions(house, who, load(paths), now=now, effective_from=effective_from, prune=prune)


def apply_definitions(
    house: House,
    who: Principal,
    found: Definitions,
    *,
    now: datetime,
    effective_from: datetime | None = None,
    prune: bool = False,
) -> Applied:
    """Put definitions in force; see `apply`."""
    require(who, "define")
    _sound(found)
    begins = effective_from or now
    changes = plan_definitions(house, who, found, now=now, both_ways=prune).changes
    numbers = {(v.kind, v.name): v.number for v in versions(house, who.tenant)}
    done = []
    with house.store.deed(who.tenant, who.name, now) as deed:
        for change in changes:
            key = (change.kind, change.name)
            document = found.documents.get(key)
            number = numbers.get(key, 0) + 1
            text = None if document is None else document.text
            mark = "" if document is None else digest(document)
            revision = Revision(*key, number, begins, now, who.name, mark, text)
            house.store.revisions.put(deed.connection, who.tenant, revision)
            kind = "definition.retired" if text is None else "definition.applied"
            payload = {
                "kind": key[0],
                "name": key[1],
                "revision": number,
                "effective_from": begins.isoformat(),
                "digest": mark,
                "what": change.what,
            }
            deed.tell(kind, f"{key[0]} {key[1]}", payload)
            done.append((change, number))
    return Applied(tuple(done), begins)


def plan_rows(change: Plan) -> list[dict[str, object]]:
    """Return a plan as rows of a table."""
    return [{"change": c.action, "kind": c.kind, "name": c.name, "what": c.what} for c in change.changes]


def plan_json(change: Plan) -> dict[str, object]:
    """Return a plan as JSON."""
    return {"changes": plan_rows(change), "empty": change.empty}


def plan_summary(change: Plan) -> str:
    """Say a plan in one sentence."""
    if change.empty:
        return "nothing would change"
    number = {a: sum(c.action == a for c in change.changes) for a in ("add", "change", "remove")}
    return f"{number['add']} to add, {number['change']} to change, {number['remove']} to retire"


def applied_rows(done: Applied) -> list[dict[str, object]]:
    """Return what was applied as rows of a table."""
    return [{"change": c.action, "kind": c.kind, "name": c.name, "revision": n} for c, n in done.changes]
