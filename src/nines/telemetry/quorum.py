"""Several locations that probe one thing: an outage needs several witnesses, and silence is no witness.

Every minute counts as one event that the locations share. What a silent location would have said is unknown; it
never counts as good. One location that fails alone is told as that location's fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from nines.errors import InputError, Problem
from nines.telemetry.quorum_dependence import Dependence, dependences
from nines.telemetry.reconcile_combine import verdicts_of
from nines.telemetry.series import Flags, Ints, MinuteSeries, MinuteState, States

Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Location:
    """What one location did.

    Attributes:
        name: which.
        heard: minutes in which it said something.
        bad: minutes in which it said bad.
        silent: minutes in which it should have spoken and was not heard, or said nothing that could be judged.
        faults: spans [start, end) of grid minutes in which it said bad and there was no outage: its own fault.
        missed: minutes of an outage in which it said good.
    """

    name: str
    heard: int
    bad: int
    silent: int
    faults: Spans
    missed: int

    @property
    def fault_minutes(self) -> int:
        """Minutes of its own faults."""
        return sum(end - start for start, end in self.faults)


@dataclass(frozen=True, slots=True, eq=False)
class Quorum:
    """Several locations as one.

    Attributes:
        series: counts by minute in units of 1/n event, n the number of locations: each location due has one
            unit, good, bad or unknown.
        needed: how many locations had to be bad in each minute, for an outage.
        outages: spans [start, end) of grid minutes.
        undecided: minutes in which some said bad, too few for an outage, and silent locations could have completed it
            or none said good.
        locations: what each did, by name.
        dependence: how far the locations fail together, for each pair and over all.
        statement: the rule and what it did, to be shown with the number.
    """

    series: MinuteSeries
    needed: Ints
    outages: Spans
    undecided: int
    locations: tuple[Location, ...]
    dependence: tuple[Dependence, ...]
    statement: str

    @property
    def bounds(self) -> tuple[Fraction, Fraction] | None:
        """Least and greatest good ratio, were all that is unknown bad, or good; None where nothing was due."""
        good, bad, unknown = (int(v.sum()) for v in (self.series.good, self.series.bad, self.series.unknown))
        total = good + bad + unknown
        return (Fraction(good, total), Fraction(good + unknown, total)) if total else None


@dataclass(frozen=True, slots=True, eq=False)
class _Votes:
    """Who says what: locations x minutes; at most one of the three holds."""

    good: Flags
    bad: Flags
    silent: Flags


def quorum(
    locations: Mapping[str, MinuteSeries],
    *,
    k: int | None = None,
    minute_target: Fraction = Fraction(1),
    hold: int = 1,
) -> Quorum:
    """Return several locations as one series, an outage needing k of them.

    Args:
        locations: tries by minute of each location.
        k: how many must be bad for an outage, 1..n; None takes the majority of those heard, but never one of several.
        minute_target: good ratio that makes a location's minute good, 0 < t <= 1.
        hold: minutes for which a try speaks, >= 1: the distance of a location's tries.

    Returns:
        In an outage every location heard counts as bad, otherwise as good, whatever it said itself; a silent one is
        unknown. Where some are bad, too few for an outage, and the silent ones could complete it or nobody says
        otherwise, all are unknown.

    Raises:
        InputError: no location, or k or hold out of range.

    Example:
        >>> up = MinuteSeries(0, np.array([1]), np.array([0]), np.array([0]), np.ones(1, np.uint8), 0)
        >>> down = MinuteSeries(0, np.array([0]), np.array([1]), np.array([0]), np.ones(1, np.uint8), 0)
        >>> found = quorum({"eu": up, "us": up, "asia": down})
        >>> found.bounds, [(l.name, l.faults) for l in found.locations if l.faults]
        ((Fraction(1, 1), Fraction(1, 1)), [('asia', ((0, 1),))])
    """
    _check(len(locations), k, hold)
    names = sorted(locations)
    start, end = min(s.start for s in locations.values()), max(s.end for s in locations.values())
    series = [locations[name].window(start, end) for name in names]
    votes = _votes(series, minute_target, hold)
    heard, bad, silent = (v.sum(axis=0).astype(np.int64) for v in (votes.good | votes.bad, votes.bad, votes.silent))
    needed, if_all = (_needed(n, len(names), k) for n in (heard, heard + silent))
    outage = (bad >= needed) & (bad > 0)
    could_be = (silent > 0) & (bad + silent >= if_all)
    undecided = ~outage & (bad > 0) & (could_be | (bad == heard))
    decided = ~outage & ~undecided
    # Nobody heard: the minute is silent, and how it counts is the objective's to say.
    state: States = np.where((heard == 0) & (silent > 0), MinuteState.SILENT, MinuteState.ALIVE).astype(np.uint8)
    unknown = np.where(heard > 0, silent + heard * undecided, 0)
    firsts = [s.first for s in series if s.first is not None]
    told = tuple(_location(name, i, votes, outage, decided, start) for i, name in enumerate(names))
    outages = _spans(outage, start)
    one = MinuteSeries(start, heard * decided, heard * outage, unknown, state, min(firsts, default=None), len(names))
    rule = f"{k} of {len(names)} locations" if k else f"the majority of the locations heard, of {len(names)},"
    said = _said(rule, outages, int(undecided.sum()), told)
    dependence = dependences(names, votes.bad, votes.good | votes.bad)
    return Quorum(one, needed, outages, int(undecided.sum()), told, dependence, said)


def _check(n: int, k: int | None, hold: int) -> None:
    if not n:
        raise InputError(Problem("quorum", "there is no location", "name at least one", code="quorum"))
    if k is not None and not 1 <= k <= n:
        raise InputError(Problem("quorum", f"k = {k} is not within 1..{n}", "ask for fewer locations", code="quorum"))
    if hold < 1:
        raise InputError(Problem("quorum", "a try must speak for at least one minute", code="quorum"))


def _needed(speaking: Ints, n: int, k: int | None) -> Ints:
    """Return how many must be bad where so many speak: more than half, but two where there are several locations."""
    return np.full_like(speaking, k) if k is not None else np.maximum(speaking // 2 + 1, min(n, 2))


def _votes(series: list[MinuteSeries], minute_target: Fraction, hold: int) -> _Votes:
    found = [verdicts_of(s, minute_target) for s in series]
    good, bad, unknown = (np.stack([getattr(v, n) for v in found]) for n in ("good", "bad", "unknown"))
    for _ in range(hold - 1):
        said = good | bad | unknown
        for votes in (good, bad):
            votes[:, 1:] |= votes[:, :-1] & ~said[:, 1:]
    # Before a location was first heard there is nothing to miss.
    begun = np.stack([np.arange(s.start, s.end) >= (s.end if s.first is None else s.first) for s in series])
    return _Votes(good, bad, unknown & begun)


def _location(name: str, i: int, votes: _Votes, outage: Flags, decided: Flags, start: int) -> Location:
    heard = votes.good[i] | votes.bad[i]
    counts = int(heard.sum()), int(votes.bad[i].sum()), int(votes.silent[i].sum())
    return Location(name, *counts, _spans(votes.bad[i] & decided, start), int((votes.good[i] & outage).sum()))


def _spans(flags: Flags, start: int) -> Spans:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return tuple((start + int(a), start + int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True))


def _said(rule: str, outages: Spans, undecided: int, locations: tuple[Location, ...]) -> str:
    parts = [f"an outage is a minute that {rule} call bad: {sum(b - a for a, b in outages)} minutes"]
    parts += [f"{p.name} failed alone in {p.fault_minutes} minutes" for p in locations if p.faults]
    parts += [f"{p.name} was silent in {p.silent} minutes, its share unknown" for p in locations if p.silent]
    parts += [f"{undecided} minutes cannot be told from a location's own fault"] if undecided else []
    return "; ".join(parts)
