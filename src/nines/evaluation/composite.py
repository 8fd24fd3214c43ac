"""Composites: several objectives as one, slice by slice, never by products of averages.

The result is an ordinary series: a good, a bad or an unknown unit where a slice was judged, and nothing where no
member had anything to judge. A member that was never heard is unknown, so that its silence cannot pass for success.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from nines.errors import InputError, Problem
from nines.evaluation.evidence import Evidence
from nines.evaluation.exclusions import take_out, within_allowance
from nines.evaluation.judge import judge
from nines.evaluation.scaling import one_scale, rescaled
from nines.objectives.indicator import CompositeIndicator
from nines.objectives.method import Timeslices
from nines.objectives.objective import Objective
from nines.telemetry.series import Flags, Ints, MinuteSeries, MinuteState, States


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """One member of a composite with its evidence."""

    objective: Objective
    evidence: Evidence


@dataclass(frozen=True, slots=True, eq=False)
class _Slices:
    """A member's slices: at most one of the three holds for each."""

    good: Flags
    bad: Flags
    unknown: Flags


def members_in_order(name: str, members: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return every objective a composite rests on, those it needs first, itself last.

    Args:
        name: the composite.
        members: composite -> names of its members.

    Raises:
        InputError: the composite contains itself, by whatever path.
    """
    order: list[str] = []

    def visit(one: str, path: tuple[str, ...]) -> None:
        if one in path:
            circle = " -> ".join((*path[path.index(one) :], one))
            raise InputError(
                Problem(name, f"the composite contains itself: {circle}", "remove one of them", code="cycle")
            )
        for member in members.get(one, ()):
            visit(member, (*path, one))
        if one not in order:
            order.append(one)

    visit(name, ())
    return tuple(order)


def composite_series(
    indicator: CompositeIndicator,
    members: tuple[Member, ...],
    start: int,
    end: int,
    *,
    slice_minutes: int = 1,
    anchor: int = 0,
) -> MinuteSeries:
    """Return the series of a composite over [start, end).

    Args:
        indicator: how the members are combined.
        members: objectives with evidence covering the span; a member's slices are held against its
            timeSliceTarget, or its target.
        start: first grid minute.
        end: grid minute after the last.
        slice_minutes: length of the composite's slices.
        anchor: grid minute at which one of its slices begins.

    Returns:
        For "traffic" the summed counts; otherwise one unit per judged slice, in its first minute.

    Source:
        Kleene's strong three-valued logic; a member without traffic has no say, nor has one that is silent where
        its objective says `missing: ignore`.
    """
    if indicator.op == "traffic":
        return _summed(members, start, end)
    whole = [_slices(m, start, end, slice_minutes, anchor) for m in members]
    starts, good, bad, unknown = whole[0][0], *_combine(indicator, [s for _, s in whole])
    units = np.zeros((3, end - start), dtype=np.int64)
    units[:, starts - start] = good, bad, unknown
    firsts = [m.evidence.series.first for m in members]
    born = min((f for f in firsts if f is not None), default=None)
    unborn = np.arange(start, end) < (end if born is None else born)
    units[:, unborn] = 0
    state: States = np.where(unborn, MinuteState.SILENT, MinuteState.ALIVE).astype(np.uint8)
    return MinuteSeries(start, units[0], units[1], units[2], state, born)


def _slices(member: Member, start: int, end: int, slice_minutes: int, anchor: int) -> tuple[Ints, _Slices]:
    """Judge a member's minutes in the composite's slices, each by the member's own target."""
    objective = member.objective
    terms = tuple(
        replace(
            t, method=Timeslices(t.method.slice_target if isinstance(t.method, Timeslices) else t.target, slice_minutes)
        )
        for t in objective.terms
    )
    found = one_scale(member.evidence)
    cut = replace(found, exclusions=within_allowance(found.exclusions))
    minutes, _ = take_out(found.series.window(start, end), cut, objective.hours)
    judged = judge(replace(objective, terms=terms), minutes, anchor=anchor)
    unheard = minutes.plain & minutes.unborn & (minutes.state == MinuteState.SILENT)
    early = np.add.reduceat(unheard.astype(np.int64), judged.starts - start) > 0 if len(judged) else unheard[:0]
    open_ = early & (judged.good + judged.bad == 0) & (objective.missing != "ignore")
    return judged.starts, _Slices(judged.good > 0, judged.bad > 0, (judged.unknown > 0) | open_)


def _combine(indicator: CompositeIndicator, members: list[_Slices]) -> tuple[Ints, Ints, Ints]:
    good = np.sum([m.good for m in members], axis=0)
    bad = np.sum([m.bad for m in members], axis=0)
    unknown = np.sum([m.unknown for m in members], axis=0)
    voting = good + bad + unknown
    needed = {"and": voting, "or": np.minimum(1, voting), "k-of-n": np.minimum(indicator.k, voting)}[indicator.op]
    yes = (voting > 0) & (good >= needed)
    no = (voting > 0) & (good + unknown < needed)
    open_ = (voting > 0) & ~yes & ~no
    return yes.astype(np.int64), no.astype(np.int64), open_.astype(np.int64)


def _summed(members: tuple[Member, ...], start: int, end: int) -> MinuteSeries:
    """Add the members' counts; a minute in which one is silent is silent, so that its share counts as hidden."""
    evidence = [one_scale(m.evidence) for m in members]
    scale = math.lcm(*(e.series.scale for e in evidence))
    parts = []
    for member, found in zip(members, evidence, strict=True):
        cut = replace(
            found,
            exclusions=within_allowance(found.exclusions),
            covered=tuple(rescaled(c, scale) for c in found.covered),
        )
        series = rescaled(found.series, scale).window(start, end)
        parts.append(take_out(series, cut, member.objective.hours)[0])
    firsts = [m.evidence.series.first for m in members]
    heard = np.all(
        [(p.state == MinuteState.ALIVE) | (p.state == MinuteState.BRIDGED) | ~p.counted for p in parts], axis=0
    )
    bridged = np.any([p.state == MinuteState.BRIDGED for p in parts], axis=0)
    state = np.where(heard, np.where(bridged, MinuteState.BRIDGED, MinuteState.ALIVE), MinuteState.SILENT).astype(
        np.uint8
    )
    return MinuteSeries(
        start,
        np.sum([p.good for p in parts], axis=0),
        np.sum([p.bad for p in parts], axis=0),
        np.sum([p.unknown for p in parts], axis=0),
        state,
        None if None in firsts else max(f for f in firsts if f is not None),
        scale,
        tuple(stratum for e in evidence for stratum in e.series.window(start, end).strata),
    )
