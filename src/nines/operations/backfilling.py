"""History for an indicator: rolled up from stored rows, or fetched from a pulled source."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeGuard

from nines.definitions.load import Definitions
from nines.errors import InputError, Problem
from nines.objectives.indicator import (
    CombinedIndicator,
    CompositeIndicator,
    CounterIndicator,
    Indicator,
    QueryIndicator,
    QuorumIndicator,
    SampleIndicator,
    members,
)
from nines.operations import ingesting
from nines.operations.house import House
from nines.operations.promises import in_force
from nines.operations.pulling import Pulled, fetch, fetch_new
from nines.operations.pulling_rows import pull_rows
from nines.people.rights import Principal, require


@dataclass(frozen=True, slots=True)
class Backfilled:
    """What a backfill came to.

    Attributes:
        summary: one sentence for people.
        problems: what could not be had.
        minutes: that were fetched, or None where stored rows were rolled up.
    """

    summary: str
    problems: tuple[Problem, ...] = ()
    minutes: int | None = None


def backfill(house: House, who: Principal, name: str, *, start: datetime, end: datetime, now: datetime) -> Backfilled:
    """Bring in the history of an objective's indicator.

    Args:
        house: where to.
        who: who does it.
        name: objective.
        start: first instant wanted.
        end: instant after the last.
        now: present instant.

    Raises:
        InputError: there is no such objective, or it is a composite.
    """
    require(who, "ingest")
    definitions = in_force(house, who.tenant, at=now)
    objective = next((o for o in definitions.objectives if name in {o.name, o.key}), None)
    if objective is None:
        raise InputError(Problem(name, "there is no such objective", "`nines status` lists them", code="no-objective"))
    indicator = definitions.indicators[objective.indicator]
    if isinstance(indicator, CompositeIndicator):
        raise InputError(
            Problem(name, "a composite has no history of its own", "backfill its members", code="composite-history")
        )
    if isinstance(indicator, CombinedIndicator | QuorumIndicator):
        names = ", ".join(dict.fromkeys(i.name for i in members(indicator)))
        what, fix = "an SLI made of others has no history of its own", f"backfill objectives on {names}"
        raise InputError(Problem(name, what, fix, code="composite-history"))
    if is_pulled(indicator, definitions):
        rows, problems = fetch(
            house, who, indicator, definitions.sources[indicator.source], start=start, end=end, now=now
        )
        ingesting.flush(house, now=now)
        return Backfilled(f"{rows} minutes of {indicator.name} fetched from {indicator.source}", problems, rows)
    ingesting.flush(house, now=now)
    return Backfilled(f"{indicator.name} is rolled up from the stored rows of {indicator.source}")


def is_pulled(indicator: Indicator, definitions: Definitions) -> TypeGuard[Pulled]:
    """Return whether an indicator's counts are fetched from its source."""
    source = definitions.sources.get(indicator.source)
    pulled = isinstance(indicator, CounterIndicator | QueryIndicator | SampleIndicator)
    return pulled and source is not None and source.type == "prometheus"


def pull_new(house: House, who: Principal, *, now: datetime) -> int:
    """Fetch what is new of every pulled source; returns how many rows and minutes came."""
    rows = pull_rows(house, who, now=now).rows
    definitions = in_force(house, who.tenant, at=now)
    pulled = [i for i in definitions.indicators.values() if is_pulled(i, definitions)]
    return rows + sum(fetch_new(house, who, i, definitions.sources[i.source], now=now) for i in pulled)
