"""From the shape of an SLI to its indicator: exactly one way of telling good from bad, one reader for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, cast

from nines.definitions import shapes
from nines.definitions.readers import Reading
from nines.objectives.indicator import (
    CounterIndicator,
    EventIndicator,
    Indicator,
    QueryIndicator,
    SampleIndicator,
    SessionRule,
    StateIndicator,
    ValueIndicator,
)
from nines.telemetry.clocks_map import Compared


def indicator(reading: Reading, metadata: shapes.Metadata, spec: shapes.SLISpec) -> Indicator | None:
    """Read an SLI, or return None after noting that it does not say in exactly one way what is good."""
    ways = {
        "states": spec.states, "threshold": spec.threshold, "values": spec.values, "query": spec.query,
        "total": spec.total, "good": None if spec.total else spec.good,
    }  # fmt: skip
    stated = [name for name, value in ways.items() if value is not None]
    if len(stated) != 1:
        what = (
            "it says in several ways what is good: " + ", ".join(stated) if stated else "it does not say what is good"
        )
        fix = "give one of good, total with good or bad, states, threshold, values, query, combine, quorum"
        reading.refuse("", what, fix, code="sli-ways")
        return None
    if spec.source is None:
        reading.refuse("", "spec.source is missing", "add source:", code="missing-field")
        return None
    if (spec.scope == "session") != (spec.session is not None):
        what = "session scope and a session rule go together"
        fix = "add session: {key: session, gap: 30m, good: all} beside scope: session"
        reading.refuse("scope", what, fix, "session-scope")
    if spec.session is not None and stated != ["good"]:
        what = f"sessions are made of events, and {stated[0]} gives none"
        reading.refuse("session", what, "say with good: which events are good", "session-scope")
    if spec.scope == "window" and stated != ["good"]:
        what = f"window is a choice between units made of events, and {stated[0]} gives none"
        reading.refuse("scope", what, "leave scope out; the SLO's budgetingMethod says the unit", "window-scope")
    return _READERS[stated[0]](reading, metadata.name, spec, reading.predicate("where", spec.where))


def compared(reading: Reading, spec: shapes.ClocksShape) -> Compared:
    """Read which two clocks an indicator's durations are made from."""
    if spec.hosts[0] == spec.hosts[1]:
        what, fix = "durations of one host need no comparing", "leave clocks out, or name two hosts"
        reading.refuse("clocks.hosts", what, fix, "bad-value")
    return Compared((spec.hosts[0], spec.hosts[1]), reading.length("clocks.against", spec.against))


def _states(reading: Reading, name: str, spec: shapes.SLISpec, where: str) -> Indicator:
    assert spec.states is not None
    held, good = (
        reading.length("states.maxHold", spec.states.max_hold),
        reading.predicate("states.good", spec.states.good),
    )
    return StateIndicator(
        name=name, source=spec.source or "", good=good, where=where, key=spec.states.key, max_hold=held
    )


def _threshold(reading: Reading, name: str, spec: shapes.SLISpec, where: str) -> Indicator:
    assert spec.threshold is not None
    bound, op = reading.number("threshold.bound", spec.threshold.bound), spec.threshold.op
    return SampleIndicator(
        name=name, source=spec.source or "", value=spec.threshold.value, op=op, bound=bound, where=where
    )


def _values(reading: Reading, name: str, spec: shapes.SLISpec, where: str) -> Indicator:
    assert spec.values is not None
    value = reading.predicate("values.value", spec.values.value, numeric=True)
    error = reading.ratio("values.relativeError", spec.values.relative_error)
    if not 0 < error < 1:
        reading.refuse("values.relativeError", "it lies between 0 and 1, without both", "write 0.01", "bad-value")
    return ValueIndicator(name=name, source=spec.source or "", value=value, where=where, relative_error=error)


def _query(_reading: Reading, name: str, spec: shapes.SLISpec, _where: str) -> Indicator:
    return QueryIndicator(name=name, source=spec.source or "", query=spec.query or "", meaning=spec.raw_type)


def _counters(reading: Reading, name: str, spec: shapes.SLISpec, _where: str) -> Indicator:
    if (spec.good is None) == (spec.bad is None):
        what = "total needs exactly one of good and bad beside it"
        reading.refuse("total", what, "name the other counter", code="sli-ways")
    sides = {"total": spec.total or "", "good": spec.good or "", "bad": spec.bad or ""}
    return CounterIndicator(name=name, source=spec.source or "", **sides)


def _events(reading: Reading, name: str, spec: shapes.SLISpec, where: str) -> Indicator:
    return EventIndicator(
        name=name, source=spec.source or "", good=reading.predicate("good", spec.good or ""), where=where,
        on_null=spec.on_null, scope=spec.scope, assign=spec.assign, session=_session(reading, spec.session),
    )  # fmt: skip


def _session(reading: Reading, spec: shapes.SessionShape | None) -> SessionRule | None:
    if spec is None:
        return None
    key = reading.key("session.key", spec.key)
    gap = reading.length("session.gap", spec.gap)
    if spec.good in {"all", "any", "last"}:
        return SessionRule(key=key, gap=gap, good=cast("Literal['all', 'any', 'last']", spec.good))
    share = reading.ratio("session.good", spec.good)
    if not 0 < share <= 1:
        reading.refuse("session.good", "a share lies above 0 and at most at 1", 'write "95%"', "bad-value")
    return SessionRule(key=key, gap=gap, good="share", share=share)


#: Way of saying what is good -> what reads it.
_READERS: dict[str, Callable[[Reading, str, shapes.SLISpec, str], Indicator]] = {
    "states": _states,
    "threshold": _threshold,
    "values": _values,
    "query": _query,
    "total": _counters,
    "good": _events,
}
