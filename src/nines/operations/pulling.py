"""Pull counts from Prometheus: raw series become increments of their own, are summed, and are stored as counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce

import numpy as np
import pyarrow as pa

from nines.definitions.promql import selectors
from nines.errors import Problem
from nines.objectives.indicator import CounterIndicator, QueryIndicator, SampleIndicator
from nines.operations.house import House
from nines.people.rights import Principal, require
from nines.sources.fetching import Client
from nines.sources.prometheus import Found, client_of, read_samples, read_scrapes, read_values
from nines.spans import MINUTE, instant_of, minute_of
from nines.telemetry.counters import Increments, Scrapes, increments, minute_ending
from nines.telemetry.datasource import DataSource
from nines.telemetry.heartbeat import alive_minutes
from nines.telemetry.pairing import combined, paired, with_pulses
from nines.telemetry.quality import Finding, problems
from nines.telemetry.series import Ints, MinuteSeries, MinuteState, States
from nines.telemetry.targets import interval_of

Pulled = CounterIndicator | QueryIndicator | SampleIndicator
#: Minutes read before those wanted, so that the first increments have a reading to start from.
LEAD_MINUTES = 15
#: A ratio read from a query is kept as so many parts.
PARTS = 1_000_000
#: A new indicator's first pull reaches back so far; longer histories are asked for with `nines backfill`.
FIRST_PULL = timedelta(hours=1)
#: What arrives at Prometheus later than this is not seen by a regular pull.
PULL_SETTLE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Span:
    """Grid minutes that are wanted."""

    start: int
    end: int


def fetch(
    house: House,
    who: Principal,
    indicator: Pulled,
    source: DataSource,
    *,
    start: datetime,
    end: datetime,
    now: datetime,
) -> tuple[int, tuple[Problem, ...]]:
    """Fetch an indicator's minutes from its source and make them durable; minutes held already are not counted again.

    Args:
        house: where to.
        who: who does it.
        indicator: what to read.
        source: where to read it.
        start: first instant wanted.
        end: instant after the last.
        now: present instant.

    Returns:
        How many minutes came, and what was odd about them.

    Raises:
        DependencyError: the source cannot be read; nothing is stored.
    """
    require(who, "ingest")
    held = house.lake.held_minutes(who.tenant, indicator.identity)
    wanted = _missing(held, minute_of(start), min(minute_of(end), minute_of(now - PULL_SETTLE)))
    total, told = 0, tuple[Problem, ...]()
    for span in wanted:
        series, findings = read(client_of(source), indicator, source, span)
        rows = counts_of(indicator.identity, series)
        key = f"pull/{indicator.identity}/{span.start}/{span.end}"
        receipt = house.lake.append(who.tenant, source.name, rows, arrival=now, kind="counts", key=key)
        total += 0 if receipt.duplicate else receipt.rows
        told = (*told, *problems(findings))
    return total, told


def fetch_new(house: House, who: Principal, indicator: Pulled, source: DataSource, *, now: datetime) -> int:
    """Fetch the minutes since the last one held; returns how many came."""
    held = house.lake.held_minutes(who.tenant, indicator.identity)
    start = instant_of(int(held[-1]) + 1) if len(held) else now - FIRST_PULL
    return fetch(house, who, indicator, source, start=start, end=now, now=now)[0]


def _missing(held: Ints, start: int, end: int) -> list[Span]:
    """Return the stretches of [start, end) that are not held, at most a day each."""
    lacking = np.setdiff1d(np.arange(start, max(start, end)), held)
    if not len(lacking):
        return []
    groups = np.split(lacking, np.flatnonzero(np.diff(lacking) > 1) + 1)
    return [Span(int(p[0]), int(p[-1]) + 1) for g in groups for p in np.array_split(g, -(-len(g) // 1440))]


def read(client: Client, indicator: Pulled, source: DataSource, span: Span) -> tuple[MinuteSeries, tuple[Finding, ...]]:
    """Return an indicator's minutes as its source has them.

    Args:
        client: of the source.
        indicator: counters, a query, or samples held against a bound.
        source: its heartbeat tells silence from quiet.
        span: grid minutes wanted.
    """
    if isinstance(indicator, CounterIndicator):
        return _counters(client, indicator, source, span)
    text = indicator.query if isinstance(indicator, QueryIndicator) else indicator.value
    values = read_values(client, text, (span.start + 1) * 60, span.end * 60, 60)
    return (
        _ratios(values, indicator, span) if isinstance(indicator, QueryIndicator) else _samples(values, indicator, span)
    ), ()


def _counters(
    client: Client, indicator: CounterIndicator, source: DataSource, span: Span
) -> tuple[MinuteSeries, tuple[Finding, ...]]:
    start_ms, end_ms = (span.start - LEAD_MINUTES) * 60_000, span.end * 60_000
    sides = {name: selectors(text) for name in ("good", "bad", "total") if (text := getattr(indicator, name))}
    found = {
        name: [(sign, read_samples(client, s, start_ms, end_ms)) for sign, s in parts] for name, parts in sides.items()
    }
    every = [f for parts in found.values() for _, f in parts]
    scrapes, seen = read_scrapes(client, every, start_ms, end_ms)
    of = {id(f): s for f, s in zip(every, scrapes, strict=True)}
    alive = alive_minutes(minute_ending(seen), max(source.heartbeat.gap // MINUTE, 1), span.start, span.end)
    interval = interval_of(every[0].samples) if every else 60_000
    made = {
        name: with_pulses(
            _sum([(sign, _increments(f, of[id(f)], interval, start_ms, span)) for sign, f in parts]), alive
        )
        for name, parts in found.items()
    }
    return paired(indicator.name, good=made.get("good"), bad=made.get("bad"), total=made.get("total"))


def _increments(found: Found, scrapes: Scrapes | None, interval: int, start_ms: int, span: Span) -> Increments:
    return increments(
        found.samples, interval_ms=interval, start=span.start, end=span.end, since_ms=start_ms, scrapes=scrapes
    )


def _sum(parts: list[tuple[int, Increments]]) -> Increments:
    return reduce(lambda left, right: combined(left, right[1], right[0]), parts[1:], parts[0][1])


def _ratios(values: list[tuple[int, float]], indicator: QueryIndicator, span: Span) -> MinuteSeries:
    """Return ratios of a query as parts of a million per minute; what is no ratio leaves its minute broken."""
    units, state = _empty(span)
    for at, value in values:
        place = at // 60 - 1 - span.start
        if not 0 <= value <= 1:
            state[place] = MinuteState.BROKEN
            continue
        good = round(value * PARTS) if indicator.meaning == "success" else PARTS - round(value * PARTS)
        units[0, place], units[1, place], state[place] = good, PARTS - good, MinuteState.ALIVE
    return MinuteSeries(span.start, units[0], units[1], units[2], state, span.start)


def _samples(values: list[tuple[int, float]], indicator: SampleIndicator, span: Span) -> MinuteSeries:
    """Return each minute's sample as one unit, good when it keeps the bound; NaN is unknown."""
    bound = float(indicator.bound)
    units, state = _empty(span)
    for at, value in values:
        place = at // 60 - 1 - span.start
        keeps = {"lt": value < bound, "lte": value <= bound, "gt": value > bound, "gte": value >= bound}[indicator.op]
        units[2 if np.isnan(value) else 0 if keeps else 1, place] = 1
        state[place] = MinuteState.ALIVE
    return MinuteSeries(span.start, units[0], units[1], units[2], state, span.start)


def _empty(span: Span) -> tuple[Ints, States]:
    return np.zeros((3, span.end - span.start), dtype=np.int64), np.zeros(span.end - span.start, dtype=np.uint8)


def counts_of(identity: str, series: MinuteSeries) -> pa.Table:
    """Return the minutes of a series as rows of counts; silent ones too, so that they are not asked for again."""
    length = len(series)
    return pa.table(
        {
            "indicator": pa.array([identity] * length, pa.string()),
            "minute": pa.array(np.arange(series.start, series.end)),
            "weight_num": pa.array(np.ones(length, dtype=np.int64)),
            "weight_den": pa.array(np.ones(length, dtype=np.int64)),
            "good": pa.array(series.good),
            "bad": pa.array(series.bad),
            "unknown": pa.array(series.unknown),
            "state": pa.array(series.state.astype(np.int8)),
        }
    )
