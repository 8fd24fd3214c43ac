"""How late each source's rows come, and how long it is therefore waited for, at any instant, as known then.

One rule: what is learned hangs on the instant asked about alone, so `--at` and `--known-at` give the same wait again.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from datetime import datetime
from weakref import WeakKeyDictionary

from nines.definitions.load import Definitions
from nines.lake.lake import Lake
from nines.lake.lateness import Rule, keep_hours, learnt
from nines.operations.house import House
from nines.operations.promises import in_force
from nines.telemetry.datasource import DataSource
from nines.telemetry.settling import Learnt, last_closed_hour, waiting

_KEPT = 4096
#: Lateness worked out lately of each lake. The keys hold all that it depends on: an hour that is closed never changes.
#: Each value keeps what its key names by identity alive.
_known: WeakKeyDictionary[Lake, OrderedDict[tuple[object, ...], tuple[object, Learnt | None]]] = WeakKeyDictionary()


def lateness(house: House, tenant: str, definitions: Definitions, source: DataSource, bound: datetime) -> Learnt | None:
    """Return how late a source's good and bad rows come, learned from the hours closed before an instant.

    Args:
        house: where to look.
        tenant: owner.
        definitions: in force; their indicators say which rows are bad.
        source: whose rows.
        bound: the instant asked about, or what it is known at, whichever is earlier.

    Returns:
        What was learned, or None when no closed hour has a row.
    """
    last, held = last_closed_hour(bound), _known.setdefault(house.lake, OrderedDict())
    key = (tenant, source.name, id(definitions.indicators), last)
    if key not in held:
        rule = Rule.of(source, definitions.indicators.values())
        held[key] = definitions.indicators, learnt(house.lake.tables, tenant, rule, last)
        while len(held) > _KEPT:
            held.popitem(last=False)
    held.move_to_end(key)
    return held[key][1]


def with_waits(house: House, tenant: str, definitions: Definitions, bound: datetime) -> Definitions:
    """Return definitions whose sources are waited for as long as their lateness taught before an instant.

    Args:
        house: where to look.
        tenant: owner.
        definitions: in force.
        bound: the instant asked about, or what it is known at, whichever is earlier.
    """
    asked = [s for s in definitions.sources.values() if s.settle_cap is not None]
    if not asked:
        return definitions
    waits = {s.name: waiting(s, lateness(house, tenant, definitions, s, bound)) for s in asked}
    return replace(definitions, sources={**definitions.sources, **waits})


def keep_lateness(house: House, *, now: datetime) -> int:
    """Keep the delays of every source's hours that have closed, so that no question counts them again.

    Args:
        house: whose.
        now: present instant.

    Returns:
        Hours of sources kept now.
    """
    kept = 0
    for tenant in house.store.revisions.tenants():
        definitions = in_force(house, tenant, at=now)
        for source in definitions.sources.values():
            rule = Rule.of(source, definitions.indicators.values())
            with house.lake.alone():
                kept += keep_hours(house.lake.tables, tenant, rule, last_closed_hour(now))
    return kept
