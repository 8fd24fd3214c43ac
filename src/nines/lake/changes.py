"""What flushes changed: which minutes of which indicators and sources have to be looked at again.

One rule: a minute counts as changed when any row of it came, whether it changed a figure or not; whoever asks reads the
minute again and compares.
"""

from __future__ import annotations

from dataclasses import dataclass

from nines.lake.engine import connection
from nines.lake.flush import Tables
from nines.lake.rollup import text
from nines.lake.tables import LakeTable


@dataclass(frozen=True, slots=True)
class Changes:
    """Earliest minutes that some flushes changed.

    Attributes:
        indicators: identity -> earliest minute with a new row of counts.
        sources: name -> earliest minute in which it was newly heard, or lost rows.
        weighted: identities of indicators with rows whose events were sampled.
    """

    indicators: dict[str, int]
    sources: dict[str, int]
    weighted: frozenset[str]


def changes(tables: Tables, tenant: str, after: int, until: int) -> Changes:
    """Return what the flushes (after, until] changed.

    Args:
        tables: of the lake.
        tenant: owner.
        after: the last flush that was seen already, 0 for none.
        until: the last flush to look at.
    """
    if until <= after:
        return Changes({}, {}, frozenset())
    here = f"tenant = {text(tenant)} AND seq > {after} AND seq <= {until}"
    weighted = "bool_or(weight_num <> 1 OR weight_den <> 1)"
    with connection() as con:

        def ask(table: LakeTable, asked: str) -> list[tuple[object, ...]]:
            query = f"SELECT {asked} FROM {table.relation()} WHERE {here} GROUP BY 1"
            return con.execute(query).fetchall() if table.exists() else []

        counted = ask(tables.counts, f"indicator, min(minute), {weighted}")
        heard = ask(tables.pulses, "source, min(minute)") + ask(tables.losses, "source, min(minute)")
    sources: dict[str, int] = {}
    for name, minute in heard:
        sources[str(name)] = min(int(str(minute)), sources.get(str(name), int(str(minute))))
    indicators = {str(i): int(str(minute)) for i, minute, _ in counted}
    return Changes(indicators, sources, frozenset(str(i) for i, _, w in counted if w))
