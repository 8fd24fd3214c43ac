"""The last settled minute of every indicator, as gauges that Prometheus reads: the counts exported rules stand on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from nines.alerting.rules import selector
from nines.alerting.rules_exact import GAUGES
from nines.evaluation.exclusions import edge_at
from nines.objectives.indicator import CompositeIndicator, Indicator, ValueIndicator
from nines.operations.evidence import Bench
from nines.operations.house import House
from nines.operations.standings import bench
from nines.people.rights import Principal, allowed
from nines.spans import MINUTE, Span, instant_of
from nines.telemetry.series import MinuteState


@dataclass(frozen=True, slots=True)
class Minute:
    """What one indicator counted in one minute.

    Attributes:
        sli: name of the indicator.
        end: instant at which the minute ended.
        counts: kind of count, as in `GAUGES`, to its value.
    """

    sli: str
    end: datetime
    counts: dict[str, Fraction]


def last_minutes(house: House, who: Principal, *, at: datetime) -> list[Minute]:
    """Return the last settled minute of every indicator that an objective in force stands on.

    Args:
        house: where to look.
        who: who is asking; somebody who may not see counts is told none.
        at: instant asked about.
    """
    if not allowed(who, "see", who.tenant):
        return []
    work = bench(house, who, at=at, known_at=None)
    edges: dict[str, int] = {}
    for objective in work.definitions.objectives:
        edge = edge_at(at, work.settled(objective).settle)
        edges[objective.indicator] = min(edge, edges.get(objective.indicator, edge))
    found = ((work.definitions.indicators[name], edge) for name, edge in sorted(edges.items()))
    return [_minute(work, i, edge) for i, edge in found if not isinstance(i, CompositeIndicator | ValueIndicator)]


def _minute(work: Bench, indicator: Indicator, edge: int) -> Minute:
    end = instant_of(edge)
    series = work.series(indicator, Span(end - MINUTE, end))
    known = int(series.state[0]) in (MinuteState.ALIVE, MinuteState.BRIDGED)
    counts = {k: Fraction(int(getattr(series, k)[0]), series.scale) for k in ("good", "bad", "unknown")}
    return Minute(indicator.name, end, {**counts, "known": Fraction(known)})


def gauge_lines(found: Iterable[Minute], tenant: str) -> list[str]:
    """Return minutes in Prometheus' text format, each sample at the end of its minute.

    The instant makes reading twice harmless: it is the same sample again, and a sum over time holds each minute once.

    Args:
        found: minutes.
        tenant: whose they are.
    """
    minutes = list(found)
    lines: list[str] = []
    for kind, gauge in GAUGES.items() if minutes else ():
        lines += [f"# HELP {gauge.name} {gauge.words}", f"# TYPE {gauge.name} gauge"]
        for one in minutes:
            value, at = float(one.counts[kind]), round(one.end.timestamp() * 1000)
            lines.append(f"{selector(gauge.name, {'sli': one.sli, 'tenant': tenant})} {value:.17g} {at}")
    return lines
