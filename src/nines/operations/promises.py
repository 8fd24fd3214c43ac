"""Definitions in force: what the store's revisions promise, at an instant, as known then."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime
from weakref import WeakKeyDictionary

from nines.definitions.load import Definitions
from nines.definitions.promql import sides
from nines.definitions.revisions import Version, read_history
from nines.journal.folds import exclusions_on_record
from nines.lake.counting import Wanted
from nines.objectives.exclusion import Exclusion
from nines.objectives.indicator import CounterIndicator, Indicator
from nines.operations.house import House
from nines.store.store import Store
from nines.telemetry.selecting import Sides

_KEPT = 64
#: Definitions read lately of each store: parsing every text again would cost more than the question. The keys hold all
#: that they depend on: the tenant, its last revision, and which revisions hold at the instant. A store is held weakly
#: and as itself, never by its number, which another store gets once this one is gone.
_read: WeakKeyDictionary[Store, OrderedDict[tuple[object, ...], Definitions]] = WeakKeyDictionary()
#: What a flush rolls up, by store and tenant, beside the definitions it was made from.
_wanted: WeakKeyDictionary[Store, dict[str, tuple[Definitions, Wanted]]] = WeakKeyDictionary()


#: What was read lately of each store, by tenant, beside the mark under which it was read.
_Recorded = tuple[list[Version], list[datetime]]
_recorded: WeakKeyDictionary[Store, dict[str, tuple[tuple[int, int], _Recorded]]] = WeakKeyDictionary()
_excluded: WeakKeyDictionary[Store, dict[str, tuple[tuple[int, int], tuple[Exclusion, ...]]]] = WeakKeyDictionary()


def versions(house: House, tenant: str, known_at: datetime | None = None) -> list[Version]:
    """Return a tenant's recorded versions, in the order they were recorded."""
    return _versions(house, tenant, known_at)[0]


def _versions(house: House, tenant: str, known_at: datetime | None) -> _Recorded:
    """Return a tenant's versions, and the instants from which they hold, sorted."""
    mark, held = house.store.mark(tenant), _recorded.setdefault(house.store, {})
    if known_at is None and tenant in held and held[tenant][0] == mark:
        return held[tenant][1]
    rows = house.store.revisions.history(tenant, known_at=known_at)
    found = [Version(r.kind, r.name, r.number, r.effective_from, r.document) for r in rows]
    made = found, sorted(v.effective_from for v in found)
    if known_at is None:
        held[tenant] = mark, made
    return made


def edition(house: House, tenant: str, *, at: datetime) -> tuple[int, int, int]:
    """Return numbers that change whenever what a tenant has on record, or has in force at an instant, changes."""
    return *house.store.mark(tenant), bisect_right(_versions(house, tenant, None)[1], at)


def in_force(house: House, tenant: str, *, at: datetime, known_at: datetime | None = None) -> Definitions:
    """Return the definitions in force at an instant, every objective with its past terms.

    Args:
        house: where to look.
        tenant: owner.
        at: instant asked about.
        known_at: leave out what was recorded later, or None.
    """
    found, begins = _versions(house, tenant, known_at)
    begun = bisect_right(begins, at)
    key, held = (tenant, len(found), begun, found[-1] if found else None), _read.setdefault(house.store, OrderedDict())
    if key not in held:
        held[key] = read_history(found, at, tenant)
        while len(held) > _KEPT:
            held.popitem(last=False)
    held.move_to_end(key)
    return held[key]


def exclusions(
    house: House, tenant: str, definitions: Definitions, known_at: datetime | None = None
) -> tuple[Exclusion, ...]:
    """Return the exclusions on record at an instant: those of the definitions and those recorded one by one.

    Args:
        house: where to look.
        tenant: owner.
        definitions: in force.
        known_at: as known then, or None for now.
    """
    return (*definitions.exclusions, *_recorded_exclusions(house, tenant, known_at))


def _recorded_exclusions(house: House, tenant: str, known_at: datetime | None) -> tuple[Exclusion, ...]:
    mark, held = house.store.mark(tenant), _excluded.setdefault(house.store, {})
    if known_at is None and tenant in held and held[tenant][0] == mark:
        return held[tenant][1]
    told = house.store.told(tenant, kinds=("exclusion.recorded", "exclusion.withdrawn"), until=known_at)
    found = tuple(e for e in exclusions_on_record(told) if e.known_at(known_at))
    if known_at is None:
        held[tenant] = mark, found
    return found


def wanted(house: House, tenants: Sequence[str], *, at: datetime) -> dict[str, Wanted]:
    """Return what a flush rolls up for each tenant: every indicator ever defined, so that none has a gap.

    Args:
        house: where to look.
        tenants: owners.
        at: present instant.
    """
    found, kept = {}, _wanted.setdefault(house.store, {})
    for tenant in tenants:
        definitions = in_force(house, tenant, at=at)
        held = kept.get(tenant)
        if held is not None and held[0] is definitions:
            found[tenant] = held[1]
            continue
        known = versions(house, tenant)
        indicators: dict[str, Indicator] = {i.identity: i for i in definitions.indicators.values()}
        for instant in sorted({v.effective_from for v in known if v.kind == "SLI"}):
            indicators |= {i.identity: i for i in in_force(house, tenant, at=instant).indicators.values()}
        found[tenant] = Wanted(indicators, definitions.sources, counter_sides(indicators))
        kept[tenant] = definitions, found[tenant]
    return found


def counter_sides(indicators: Mapping[str, Indicator]) -> dict[str, Sides]:
    """Return the terms of counter indicators by identity; one that cannot be read is refused where it is defined.

    Args:
        indicators: of any kind; the others are left out.
    """
    return {
        identity: sides(i.good, i.bad, i.total) for identity, i in indicators.items() if isinstance(i, CounterIndicator)
    }
