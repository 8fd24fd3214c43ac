"""Finding objectives among many: by name, by service, label or text, and when their standings move.

One rule: definitions stay in force for long, so what is worked out of them is worked out once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime, timedelta

from nines.definitions.load import Definitions
from nines.errors import NotFoundError, Problem
from nines.objectives.indicator import EventIndicator, Indicator, members
from nines.objectives.objective import Objective
from nines.objectives.window import CalendarWindow
from nines.spans import EPOCH, MINUTE

_KEPT = 16


#: What was worked out of objectives, and of definitions, beside that which it was worked out of.
_places: OrderedDict[int, tuple[tuple[Objective, ...], dict[str, tuple[int, ...]]]] = OrderedDict()
_rests: OrderedDict[int, tuple[Definitions, frozenset[timedelta]]] = OrderedDict()


def places_of(objectives: tuple[Objective, ...]) -> dict[str, tuple[int, ...]]:
    """Return where the objectives of each name and each key stand."""
    held = _places.get(id(objectives))
    if held is None or held[0] is not objectives:
        found: dict[str, list[int]] = {}
        for number, objective in enumerate(objectives):
            for name in (objective.name, objective.key):
                found.setdefault(name, []).append(number)
        held = _places[id(objectives)] = objectives, {n: tuple(p) for n, p in found.items()}
        while len(_places) > _KEPT:
            _places.popitem(last=False)
    return held[1]


def rests(definitions: Definitions) -> frozenset[timedelta]:
    """Return the parts of a minute after which some standing moves; see `rests_of`."""
    held = _rests.get(id(definitions))
    if held is None or held[0] is not definitions:
        found = frozenset(r for o in definitions.objectives for r in rests_of(definitions, o))
        held = _rests[id(definitions)] = definitions, found
        while len(_rests) > _KEPT:
            _rests.popitem(last=False)
    return held[1]


def session_gap(indicator: Indicator | None) -> timedelta:
    """Return how long after its last event a session is over; nothing for other kinds."""
    session = indicator.session if isinstance(indicator, EventIndicator) else None
    return session.gap if session is not None else timedelta()


def settle_of(definitions: Definitions, objective: Objective) -> timedelta:
    """Return how long an objective waits for data: its own time, or its source's and sessions' when that is longer."""
    indicator = definitions.indicators.get(objective.indicator)
    least = [objective.settle]
    for counted in members(indicator) if indicator is not None else ():
        source = definitions.sources.get(counted.source)
        least.append((source.settle if source else timedelta()) + session_gap(counted))
    return max(least)


def rests_of(definitions: Definitions, objective: Objective) -> tuple[timedelta, ...]:
    """Return the parts of a minute after which an objective's standing moves: when an edge settles, a period turns."""
    rests = [settle_of(definitions, objective) % MINUTE]
    if isinstance(objective.window, CalendarWindow) and objective.window.anchor is not None:
        anchor = objective.window.anchor
        rests.append(timedelta(seconds=anchor.second, microseconds=anchor.microsecond))
    return tuple(rests)


def edge_of(at: datetime, rests: Iterable[timedelta]) -> tuple[datetime, ...]:
    """Return the last instants at which standings moved.

    Args:
        at: instant asked about.
        rests: as of `rests_of`.

    Example:
        >>> at = datetime.fromisoformat("2026-03-01T12:00:20Z")
        >>> [f"{e:%H:%M:%S}" for e in edge_of(at, [timedelta(), timedelta(seconds=30)])]
        ['11:59:30', '12:00:00']
    """
    return tuple(sorted(EPOCH + (at - rest - EPOCH) // MINUTE * MINUTE + rest for rest in rests))


def chosen(
    definitions: Definitions, names: tuple[str, ...], service: str, label: str, text: str = ""
) -> list[Objective]:
    """Return the objectives that names and filters pick, in the order of their definitions.

    Raises:
        NotFoundError: a name picks none.
    """
    key, _, value = label.partition("=")
    return [
        o
        for o in _named(definitions, names)
        if (not service or o.service == service)
        and (not label or (dict(o.labels).get(key) == value if value else key in dict(o.labels)))
        and (not text or text.lower() in f"{o.name} {o.display_name} {o.service} {o.labels}".lower())
    ]


def _named(definitions: Definitions, names: tuple[str, ...]) -> Iterable[Objective]:
    """Return the objectives of some names or keys, or all without one, in the order of their definitions."""
    if not names:
        return definitions.objectives
    places = places_of(definitions.objectives)
    for name in names:
        if name not in places:
            raise NotFoundError(
                Problem(name, "there is no such objective", "`nines status` lists them", code="no-objective")
            )
    return [definitions.objectives[n] for n in sorted({n for name in names for n in places[name]})]
