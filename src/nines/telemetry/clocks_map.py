"""The offset map: all that spans of some time, and time servers, prove about the clocks of some hosts.

One rule: what is claimed holds for certain. Instants that were cut to microseconds widen every bound by what was cut,
and bounds of another time are widened by what two clocks may have gone apart since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from fractions import Fraction

import numpy as np

from nines.errors import Problem
from nines.telemetry.clocks import (
    RHO_PPM,
    Bounds,
    Exchanges,
    Interval,
    MinuteBounds,
    bounds_by_pair,
    by_minute,
    trusted,
)
from nines.telemetry.clocks_course import Course, course_of, course_problems, impossible_problems
from nines.telemetry.clocks_graph import TRUE_TIME, Fleet, fleet_of, fleet_problems
from nines.telemetry.clocks_spans import Pairing, Spans, exchanges_of

#: What two instants cut or rounded to whole microseconds may be wrong together, nanoseconds.
BLUR_NS = 2_000
#: Most hosts whose clocks are joined to one another; the work grows with the third power.
MOST_HOSTS = 800

__all__ = [
    "BLUR_NS", "TRUE_TIME", "Compared", "OffsetMap", "Pair", "Seen", "Violation", "joined", "offset_map", "untrusted",
]  # fmt: skip

References = Mapping[tuple[str, str], Interval]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Spans as they were read from one place.

    Attributes:
        spans: their columns.
        blur: what two of their instants may be wrong together, nanoseconds, >= 0.
        left_out: rows that are no spans with an identity, two instants and a host.
        cut: whether there were more than are looked at.
    """

    spans: Spans
    blur: int = 0
    left_out: int = 0
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Compared:
    """What an indicator says of the clocks its durations are made from.

    Attributes:
        hosts: whose clock gave the first instant, and whose the second.
        against: what the durations are held against, > 0.
    """

    hosts: tuple[str, str]
    against: timedelta


@dataclass(frozen=True, slots=True)
class Violation:
    """A span that starts before the one on another host that caused it.

    Attributes:
        trace: its trace, or "".
        span: its id.
        host: where it ran.
        cause: id of the span that caused it.
        cause_host: where that one ran.
        at: when it started, nanoseconds UTC on its host's clock.
        early: by how much it came first, nanoseconds, > 0.
    """

    trace: str
    span: str
    host: str
    cause: str
    cause_host: str
    at: int
    early: int


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """What is known about two clocks; `first` is the host that calls.

    Attributes:
        course: how their offset went.
        minutes: bounds minute by minute.
        last: bounds at the instant asked about, from the calls since the last step, widened by their age.
        violations: children that start before their cause between the two.
    """

    course: Course
    minutes: MinuteBounds
    last: Interval
    violations: int

    @property
    def first(self) -> str:
        """Host that calls."""
        return self.course.bounds.first

    @property
    def second(self) -> str:
        """Host that answers."""
        return self.course.bounds.second


@dataclass(frozen=True, slots=True, eq=False)
class OffsetMap:
    """The clocks of some hosts over a span of time.

    Attributes:
        at: instant of `Pair.last` and of the fleet, nanoseconds UTC; None without any span.
        spans: how many were looked at.
        calls: exchanges between hosts.
        pairs: hosts that called one another, those with most calls first.
        violations: by time.
        fleet: tightest bounds between any two hosts at that instant, by way of all others and of time servers.
        problems: what to look at, in words.
    """

    at: int | None
    spans: int
    calls: int
    pairs: tuple[Pair, ...]
    violations: tuple[Violation, ...]
    fleet: Fleet
    problems: tuple[Problem, ...]

    def between(self, first: str, second: str) -> Interval:
        """Return the clock of one host minus that of another at the map's instant; unbounded for an unknown host."""
        known = first in self.fleet.hosts and second in self.fleet.hosts
        return self.fleet.between(first, second) if known else Interval(None, None)


def joined(parts: Sequence[Seen]) -> Seen:
    """Return spans of several places as one; the coarsest instants say how far all are believed.

    Args:
        parts: any number.
    """
    if len(parts) == 1:
        return parts[0]
    spans = [p.spans for p in parts]
    starts, ends = ([getattr(s, n) for s in spans] for n in ("starts", "ends"))
    none = [np.zeros(0, np.int64)]
    return Seen(
        Spans(
            [i for s in spans for i in s.ids],
            [i for s in spans for i in s.parents],
            [h for s in spans for h in s.hosts],
            [k for s in spans for k in (s.kinds if s.kinds is not None else [None] * len(s.ids))],
            np.concatenate(none + starts),
            np.concatenate(none + ends),
            [t for s in spans for t in (s.traces if s.traces is not None else [None] * len(s.ids))],
        ),
        max((p.blur for p in parts), default=0),
        sum(p.left_out for p in parts),
        any(p.cut for p in parts),
    )


def offset_map(
    seen: Seen, *, at: int | None = None, references: References | None = None, rho_ppm: int = RHO_PPM
) -> OffsetMap:
    """Return what spans and time servers prove about clocks.

    Args:
        seen: spans of the time looked at.
        at: instant for which bounds are carried on, nanoseconds UTC; None for that of the newest span.
        references: (first, second) -> clock of second minus clock of first, as time servers bound it at that instant;
            `TRUE_TIME` may be one of them.
        rho_ppm: greatest error of one clock's rate, parts per million, >= 0.

    Example:
        >>> starts, ends = np.array([0, 340]) * 1_000_000, np.array([100, 390]) * 1_000_000
        >>> call = Spans(["c", "s"], [None, "c"], ["shop", "cart"], ["CLIENT", "SERVER"], starts, ends)
        >>> offset_map(Seen(call), at=0).between("shop", "cart")
        Interval(low=289990000, high=340000000, exchanges=0)
    """
    pairing = exchanges_of(seen.spans)
    exchanges = _blurred(pairing.exchanges, seen.blur)
    if at is None and len(seen.spans.ids):
        at = int(seen.spans.ends.max())
    violations = _violations(pairing, seen.spans)
    early: dict[frozenset[str], int] = {}
    for one in violations:
        both = frozenset({one.host, one.cause_host})
        early[both] = early.get(both, 0) + 1
    pairs = [
        _pair(bounds, at or 0, rho_ppm, early.get(frozenset({bounds.first, bounds.second}), 0))
        for bounds in bounds_by_pair(exchanges, by_caller=True)
    ]
    pairs.sort(key=lambda p: (-len(p.course.bounds.begun), p.first, p.second))
    fleet, too_many = _fleet(pairs, references or {})
    problems = (
        *impossible_problems(pairing, [str(i) for i in seen.spans.ids]),
        *course_problems([p.course for p in pairs], exchanges),
        *fleet_problems(fleet), *too_many, *_reading_problems(seen, pairing),
    )  # fmt: skip
    return OffsetMap(at, len(seen.spans.ids), len(exchanges), tuple(pairs), violations, fleet, problems)


def untrusted(found: OffsetMap, compared: Compared, name: str) -> Problem | None:
    """Return why durations measured from one host's clock to another's are not to be believed, or None if they are.

    Args:
        found: the clocks at the instant asked about.
        compared: the two hosts whose instants are compared, and what for.
        name: of the indicator, for the place.
    """
    hosts, threshold = compared.hosts, compared.against // timedelta.resolution * 1000
    offset = found.between(*hosts)
    if trusted(offset.half_width, threshold):
        return None
    pair, limit = f"the clocks of {hosts[0]} and {hosts[1]}", f"5 % of {_ms(Fraction(threshold))} ms"
    if offset.half_width is None:
        what = f"untrusted: nothing bounds {pair} from both sides, and {limit} is needed"
    else:
        what = f"untrusted: {pair} are bounded to +/- {_ms(offset.half_width)} ms, wider than {limit}"
    fix = "send client and server spans of calls between them, or measure both instants on one host"
    return Problem(name, what, fix, "warning", "untrusted")


def _blurred(exchanges: Exchanges, blur: int) -> Exchanges:
    """Return exchanges whose bounds hold although their instants were cut: upper ones later, lower ones earlier."""
    return replace(exchanges, s2=exchanges.s2 + blur, s3=exchanges.s3 - blur) if blur else exchanges


def _violations(pairing: Pairing, spans: Spans) -> tuple[Violation, ...]:
    exchanges = pairing.exchanges
    # Exchanges stand in the order of their children, each of which has one cause.
    rows = np.flatnonzero(exchanges.s2 < exchanges.c1)
    found = [
        Violation(
            "" if spans.traces is None else str(spans.traces[child] or ""),
            str(exchanges.server_span[row]),
            exchanges.hosts[exchanges.server[row]],
            str(exchanges.client_span[row]),
            exchanges.hosts[exchanges.client[row]],
            int(exchanges.s2[row]),
            int(exchanges.c1[row] - exchanges.s2[row]),
        )
        for row, child in zip(rows.tolist(), pairing.impossible.tolist(), strict=True)
    ]
    return tuple(sorted(found, key=lambda v: (v.at, v.trace, v.span)))


def _pair(bounds: Bounds, at: int, rho_ppm: int, violations: int) -> Pair:
    course = course_of(bounds, rho_ppm)
    rest = bounds.without(course.odd) if len(course.odd) else bounds
    if course.steps:
        since = course.steps[-1].before
        low, high = rest.low_at >= since, rest.high_at >= since
        rest = replace(
            rest, low_at=rest.low_at[low], low=rest.low[low], low_row=rest.low_row[low],
            high_at=rest.high_at[high], high=rest.high[high], high_row=rest.high_row[high],
        )  # fmt: skip
    return Pair(course, by_minute(bounds), rest.at(at, rho_ppm), violations)


def _fleet(pairs: Sequence[Pair], references: References) -> tuple[Fleet, list[Problem]]:
    """Return the bounds of all hosts; pairs that no clock of the stated rate can explain are told already."""
    stated = {(p.first, p.second): p.last for p in pairs if not p.last.empty}
    hosts = {h for pair in (*stated, *references) for h in pair}
    if len(hosts) > MOST_HOSTS:
        what = f"{len(hosts)} hosts are too many to compare each with each; {MOST_HOSTS} are compared at most"
        return fleet_of(references), [Problem("clocks", what, "ask about a shorter time", "note", "clocks-many")]
    both = dict(references)
    for pair, offset in stated.items():
        both[pair] = _met(both[pair], offset) if pair in both else offset
    return fleet_of(both), []


def _met(one: Interval, other: Interval) -> Interval:
    lows = [i.low for i in (one, other) if i.low is not None]
    highs = [i.high for i in (one, other) if i.high is not None]
    return Interval(max(lows, default=None), min(highs, default=None), one.exchanges + other.exchanges)


def _reading_problems(seen: Seen, pairing: Pairing) -> list[Problem]:
    told = []
    if seen.cut:
        what = f"there are more spans than the newest {len(seen.spans.ids)} that were looked at"
        told.append(Problem("spans", what, "ask about a shorter time", "warning", "clocks-cut"))
    counts = (
        (seen.left_out, "rows have no identity, instants or host, and were left out", "name the host of every span"),
        (len(pairing.conflicting), "spans share an id and a kind with another that differs; none of them counts", ""),
        (len(pairing.reversed), "spans end before they start, and do not count", "look at the clock of their host"),
    )
    told += [Problem("spans", f"{n} {what}", fix, "warning", "spans-left-out") for n, what, fix in counts if n]
    return told


def _ms(nanoseconds: Fraction) -> str:
    return f"{float(nanoseconds / 1_000_000):.3f}".rstrip("0").rstrip(".")
