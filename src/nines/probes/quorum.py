"""What several locations together say: one place that cannot see a thing does not make it down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nines.telemetry.journey import State


def agreed(seen: Mapping[str, State], locations: Sequence[str], quorum: int) -> State:
    """Return the state that the locations agree on.

    Args:
        seen: location -> what it saw at one instant; a location that is missing knows nothing.
        locations: all that were to look.
        quorum: locations that must see it down, 1 <= quorum <= len(locations).

    Returns:
        Down when so many see it down; up when that could not be reached even if all who know nothing saw it down;
        unknown otherwise.

    Example:
        >>> agreed({"a": "down", "b": "up", "c": "up"}, ["a", "b", "c"], 2)
        'up'
        >>> agreed({"a": "down", "b": "up"}, ["a", "b", "c"], 2)
        'unknown'
    """
    states = [seen.get(location, "unknown") for location in locations]
    down, silent = states.count("down"), states.count("unknown")
    if down >= quorum:
        return "down"
    return "up" if down + silent < quorum else "unknown"
