"""SLIs made of other SLIs: read once all others are known, quorums first, since a combination may count one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from difflib import get_close_matches

from nines.definitions import shapes
from nines.definitions.gathered import Gathered
from nines.definitions.readers import Reading
from nines.errors import Problem
from nines.objectives.indicator import (
    CombinedIndicator,
    CompositeIndicator,
    EventIndicator,
    Member,
    QuorumIndicator,
    ValueIndicator,
)

#: Fields that say how rows are counted: an SLI made of others has none of them.
_COUNTING = (
    "source", "where", "good", "bad", "total", "on_null", "scope", "assign", "session", "states", "threshold", "values",
    "query", "raw_type",
)  # fmt: skip
#: Units that can be added up with tries.
_EVENTS = {"events", "sessions", "samples", "minutes"}
_MINUTE = timedelta(minutes=1)


def made_of_others(reading: Reading, spec: shapes.SLISpec) -> bool:
    """Return whether an SLI with combine or quorum says that and nothing else, after noting what it says beside.

    Args:
        reading: takes the mistakes.
        spec: its shape.
    """
    ways = [name for name in ("combine", "quorum") if getattr(spec, name) is not None]
    beside = [shapes.SLISpec.model_fields[n].alias or n for n in _COUNTING if n in spec.model_fields_set]
    if len(ways) > 1:
        reading.refuse("quorum", "it says combine and quorum", "make the quorum an SLI of its own", code="sli-ways")
    for name in beside:
        what = f"{ways[0]} takes its counts from other SLIs, and {name} says how rows are counted"
        reading.refuse(name, what, "say it in the SLI that is named", code="sli-ways")
    return len(ways) == 1 and not beside


def resolve(found: Gathered, problems: list[Problem]) -> None:
    """Make the indicators that are made of others, noting every mistake.

    Args:
        found: all definitions; takes the indicators.
        problems: takes the mistakes.
    """
    for name, spec in sorted(found.derived.items(), key=lambda item: item[1].quorum is None):
        reading, before = Reading(found.documents["SLI", name], problems), len(problems)
        made = _quorum(found, reading, name, spec.quorum) if spec.quorum else _combined(found, reading, name, spec)
        if made is not None:
            found.indicators[name] = made
        if made is None or len(problems) > before:
            found.flawed.add(("SLI", name))


def _known(found: Gathered, reading: Reading, path: str, name: str, kinds: Iterable[str]) -> bool:
    """Return whether a definition can be looked up, after noting that nobody defined it."""
    names = found.names(*kinds) | (set(found.indicators) if "SLI" in kinds else set())
    if name not in names:
        near = get_close_matches(name, sorted(names), 1, 0.6)
        fix = f"did you mean {near[0]}?" if near else f"defined are: {', '.join(sorted(names)[:10]) or 'none'}"
        kind = next(iter(kinds))
        reading.refuse(path, f"there is no {kind} {name!r}", fix, code=f"unknown-{kind.lower()}")
    return name in names


def _combined(found: Gathered, reading: Reading, name: str, spec: shapes.SLISpec) -> CombinedIndicator | None:
    shape = spec.combine
    assert shape is not None
    sides = {side: _member(found, reading, f"combine.{side}", getattr(shape, side)) for side in ("users", "probes")}
    weights = [reading.number(f"combine.{n}Weight", getattr(shape, f"{n}_weight")) for n in sides]
    for side, weight in zip(sides, weights, strict=True):
        if weight <= 0:
            reading.refuse(
                f"combine.{side}Weight", "a weight is above zero", "leave the SLI out instead", code="bad-value"
            )
    target = reading.ratio("combine.minuteTarget", shape.minute_target)
    if not 0 < target <= 1:
        reading.refuse("combine.minuteTarget", "it lies above 0 and at most at 1", 'write "99%"', code="bad-value")
    if shape.users == shape.probes:
        reading.refuse("combine.probes", "both sides are the same SLI", "name two", code="member-twice")
    users, probes = sides["users"], sides["probes"]
    if users is None or probes is None:
        return None
    counts = shape.rule in {"users-with-probe-fallback", "weighted"}
    if counts and not {users.unit, probes.unit} <= _EVENTS:
        what = f"{shape.rule} adds up counts, and one side counts {users.unit}, the other {probes.unit}"
        reading.refuse("combine.rule", what, "use worst, which asks minute by minute", code="unit-mix")
    return CombinedIndicator(
        name=name, rule=shape.rule, users=users, probes=probes, users_weight=weights[0], probes_weight=weights[1],
        minute_target=target, fill_silent=shape.fill_silent,
    )  # fmt: skip


def _member(found: Gathered, reading: Reading, path: str, name: str) -> Member | None:
    if not _known(found, reading, path, name, ("SLI",)):
        return None
    member = found.indicators.get(name)
    if isinstance(member, CombinedIndicator | CompositeIndicator | ValueIndicator) or (
        name in found.derived and found.derived[name].combine is not None
    ):
        what = f"{name!r} gives no counts of its own to combine"
        reading.refuse(path, what, "name an SLI that counts good and bad, or a quorum", code="combine-member")
        return None
    return member


def _quorum(found: Gathered, reading: Reading, name: str, shape: shapes.QuorumShape) -> QuorumIndicator | None:
    of = found.indicators.get(shape.of)
    if not _known(found, reading, "quorum.of", shape.of, ("SLI",)):
        return None
    if of is not None and (not isinstance(of, EventIndicator) or of.session is not None):
        reading.refuse("quorum.of", f"{shape.of!r} counts no single events", "name an SLI with good:", "quorum-member")
        return None
    locations, needed, hold = _places(found, reading, shape, of.source if isinstance(of, EventIndicator) else "")
    for number, place in enumerate(locations):
        if place in locations[:number]:
            reading.refuse("quorum.locations", f"the location {place!r} stands twice", "name each once", "member-twice")
    if len(set(locations)) < 2:  # noqa: PLR2004 - one location is no quorum
        what = f"a quorum has at least two locations, and there are {len(set(locations))}"
        reading.refuse("quorum", what, "add locations: [eu, us, asia], or sites to the source", code="quorum-locations")
    if needed is not None and needed > len(locations):
        what = f"{needed} locations are needed, but there are only {len(locations)}"
        reading.refuse("quorum.needed", what, "lower it or name more", code="quorum-needed")
    target = reading.ratio("quorum.minuteTarget", shape.minute_target)
    if not 0 < target <= 1:
        reading.refuse("quorum.minuteTarget", "it lies above 0 and at most at 1", 'write "100%"', code="bad-value")
    if not isinstance(of, EventIndicator):
        return None
    return QuorumIndicator(
        name=name, of=of, locations=tuple(sorted(locations)), needed=needed, hold=hold, minute_target=target,
        source=of.source,
    )  # fmt: skip


def _places(
    found: Gathered, reading: Reading, shape: shapes.QuorumShape, source: str
) -> tuple[list[str], int | None, int]:
    """Return locations, how many are needed and for how many minutes a try speaks: stated, or as the probe says."""
    probe = found.probes.get(shape.probe) if shape.probe else None
    if shape.probe:
        _known(found, reading, "quorum.probe", shape.probe, ("Probe",))
    if probe is not None and source and probe.source != source:
        what = f"the probe {shape.probe!r} gives its results to {probe.source!r}, and {shape.of!r} counts {source!r}"
        reading.refuse("quorum.probe", what, "name an SLI over the probe's source", code="quorum-member")
    hold = reading.length("quorum.hold", shape.hold) if shape.hold else _MINUTE
    if probe is not None and not shape.hold:
        hold = probe.every + probe.jitter
    sites = found.sources[source].sites if source in found.sources else ()
    places = shape.locations or (probe.locations if probe is not None else sites)
    needed = probe.quorum if shape.needed is None and probe is not None else shape.needed
    return list(places), needed, max(-(-hold // _MINUTE), 1)
