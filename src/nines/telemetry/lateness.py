"""Lateness: how long after an event its row arrives, learnt for good and for bad events apart.

One rule: failures are later than successes (a timeout is known only when it ends), so one delay for all makes every
fresh ratio too good. What share of the bad events has arrived by now, and what share of the good, is learnt
separately; a fresh ratio is corrected by both, and evaluated when 99 % of the bad events are there.

Delays are whole microseconds, shares are exact fractions.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate, pairwise
from math import log, log1p

import numpy as np

from nines.telemetry.series import Ints

MINUTE_US = 60_000_000
#: Share of the bad events that must have arrived before a ratio is evaluated.
ENOUGH = Fraction(99, 100)
#: How sure an offset must be to be called sure.
SURE = 0.95


def usual_edges(most_us: int = 3_600_000_000) -> tuple[int, ...]:
    """Return edges of delay buckets that suit most sources: quarter seconds up to two minutes, then 5 % further each.

    Args:
        most_us: last edge at least, microseconds, > 0; learning has to wait as long for late rows.

    Example:
        >>> edges = usual_edges()
        >>> edges[:3], len(edges), edges[-1]
        ((0, 250000, 500000), 551, 3651171423)
    """
    edges = list(range(0, min(most_us, 2 * MINUTE_US) + 1, 250_000))
    while edges[-1] < most_us:
        edges.append(edges[-1] * 21 // 20 + 1)
    return tuple(edges)


@dataclass(frozen=True, slots=True)
class Delays:
    """Delays of events of one outcome, counted by bucket.

    Attributes:
        edges: upper edges of the buckets, ascending microseconds, the first >= 0; bucket k holds delays over
            edges[k - 1] and up to edges[k], bucket 0 all up to edges[0] (earlier than the event where clocks differ).
        counts: events per bucket, and one number more for those later than the last edge; each >= 0.
    """

    edges: tuple[int, ...]
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        """How many events were seen."""
        return sum(self.counts)

    def __add__(self, other: Delays) -> Delays:
        """Return both together; they must have the same edges."""
        if self.edges != other.edges:
            msg = "delays with different edges cannot be added"
            raise ValueError(msg)
        return Delays(self.edges, tuple(a + b for a, b in zip(self.counts, other.counts, strict=True)))

    def arrived(self, delay: int) -> Fraction | None:
        """Return F(d), the share of the events that had arrived by a delay, even within a bucket; None without any.

        Args:
            delay: microseconds after the event.
        """
        return self.complete(delay, 0)

    def complete(self, age: int, length: int = MINUTE_US) -> Fraction | None:
        """Return the share of the events of a span that have arrived by now, or None without any delays.

        The mean of F(d) for d from `age` to `age + length`, exactly: events are spread evenly over the span, and F is
        straight within a bucket.

        Args:
            age: time since the end of the span, microseconds, >= 0.
            length: of the span, microseconds, >= 0.

        Example:
            >>> Delays((0, 10), (0, 4, 0)).complete(5, 10)
            Fraction(7, 8)
        """
        return _complete(self, age, length)

    def heights(self, delays: Sequence[int]) -> list[Fraction]:
        """Return how many events had arrived by each delay."""
        below = [0, *accumulate(self.counts)]
        heights = []
        for delay in delays:
            k = bisect_left(self.edges, delay)
            part = Fraction(0)
            if k < len(self.edges):
                left = self.edges[k - 1] if k else self.edges[0] - 1
                part = Fraction(self.counts[k] * max(delay - left, 0), self.edges[k] - left)
            heights.append(below[k] + part)
        return heights


@lru_cache(maxsize=1024)
def _complete(delays: Delays, age: int, length: int) -> Fraction | None:
    """Return `Delays.complete`, worked out once for all objectives of a source."""
    if not delays.total:
        return None
    corners = sorted({age, age + length, *(e for e in delays.edges if age < e < age + length)})
    heights = delays.heights(corners)
    if length == 0:
        return heights[0] / delays.total
    pieces = zip(pairwise(corners), pairwise(heights), strict=True)
    area = sum(((right - left) * (low + high) for (left, right), (low, high) in pieces), Fraction(0))
    return area / (2 * length * delays.total)


def delays_of(event: Ints, arrival: Ints, edges: Sequence[int], *, known_at: int) -> Delays:
    """Return the delays of events that are old enough for even their late rows to have arrived.

    Younger events are left out: of them only the fast rows are here, and would make every delay look short.

    Args:
        event: int64 instants of the events, microseconds UTC.
        arrival: when each was acknowledged, microseconds UTC.
        edges: see `Delays.edges`.
        known_at: instant up to which arrivals are known, microseconds UTC.
    """
    old = event <= known_at - edges[-1]
    bucket = np.searchsorted(np.asarray(edges, dtype=np.int64), (arrival - event)[old], side="left")
    return Delays(tuple(edges), tuple(np.bincount(bucket, minlength=len(edges) + 1).tolist()))


@dataclass(frozen=True, slots=True)
class Offset:
    """How long to wait before a ratio is evaluated.

    Attributes:
        delay: microseconds after the end of the span.
        arrived: share of the bad events that had arrived by then among those seen.
        seen: bad events seen in all.
        confidence: how sure it is that 99 % of all bad events, seen or not, arrive by then.
    """

    delay: int
    arrived: Fraction
    seen: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Provisional:
    """A ratio of bad events before all of them are there.

    Attributes:
        ratio: bad over all, corrected for what is still to come; None when that is not known.
        seen: bad over all among what has arrived, or None without events.
        good_complete: share of the good events that has arrived, or None when not learnt.
        bad_complete: the same for the bad ones.
    """

    ratio: Fraction | None
    seen: Fraction | None
    good_complete: Fraction | None
    bad_complete: Fraction | None


@dataclass(frozen=True, slots=True)
class Lateness:
    """What was learnt of one source.

    Attributes:
        good: delays of good events.
        bad: delays of bad events.
    """

    good: Delays
    bad: Delays

    def offset(self, enough: Fraction = ENOUGH, sure: float = 0.0) -> Offset | None:
        """Return the smallest edge by which enough of the bad events have arrived.

        The confidence needs no distribution: with k of n arrived it is P(Binomial(n, enough) < k), the usual order
        statistic bound on a quantile (Wilks, Ann. Math. Statist. 12, 1941). Sure of 99 % takes 299 bad events.

        Args:
            enough: share that must have arrived, in (0, 1).
            sure: least confidence, in [0, 1); 0 takes what was seen at its word, `SURE` is cautious.

        Returns:
            The offset, or None when no edge serves: no bad events seen, too few to be sure, or too many too late.

        Example:
            >>> late = Delays((0, 10, 20), (0, 298, 1, 0))
            >>> few = Delays((0, 10, 20), (0, 2, 1, 0))
            >>> Lateness(late, late).offset().delay, Lateness(late, late).offset(sure=SURE).delay
            (10, 20)
            >>> Lateness(late, few).offset(sure=SURE) is None
            True
        """
        seen = self.bad.total
        for delay, arrived in zip(self.bad.edges, accumulate(self.bad.counts), strict=False):
            if seen and arrived >= enough * seen:
                confidence = _confidence(seen, arrived, float(enough))
                if confidence >= sure:
                    return Offset(delay, Fraction(arrived, seen), seen, confidence)
        return None

    def provisional(self, good: int, bad: int, age: int, length: int = MINUTE_US) -> Provisional:
        """Return the ratio of bad events of a span, corrected for those still to come.

        With B bad and G good here: (B / F_bad) / (B / F_bad + G / F_good), F the complete shares of the span.

        Args:
            good: good events of the span that have arrived, >= 0.
            bad: bad ones.
            age: time since the end of the span, microseconds, >= 0.
            length: of the span, microseconds, >= 0.
        """
        seen = Fraction(bad, good + bad) if good + bad else None
        good_complete, bad_complete = self.good.complete(age, length), self.bad.complete(age, length)
        ratio = None
        if good_complete and bad_complete and seen is not None:
            all_bad, all_good = bad / bad_complete, good / good_complete
            ratio = all_bad / (all_bad + all_good)
        return Provisional(ratio, seen, good_complete, bad_complete)


@dataclass(frozen=True, slots=True)
class Heard:
    """What a source has told so far.

    Attributes:
        source: its name.
        newest: latest instant it has spoken of, by an event or a pulse, microseconds UTC.
        last: when it was last heard, microseconds UTC.
        lateness: how late its rows may be, learnt, microseconds, >= 0.
    """

    source: str
    newest: int
    last: int
    lateness: int

    @property
    def watermark(self) -> int:
        """Instant up to which its rows are here, microseconds UTC."""
        return self.newest - self.lateness


@dataclass(frozen=True, slots=True)
class Watermark:
    """Up to where a group of sources is complete.

    Attributes:
        at: microseconds UTC, or None when no source is live and none was before.
        live: sources that hold it, sorted.
        silent: sources timed out, sorted; what they would have told is unknown, and nothing is assumed.
    """

    at: int | None
    live: tuple[str, ...]
    silent: tuple[str, ...]


def group_watermark(sources: Iterable[Heard], *, at: int, timeout: int, previous: int | None = None) -> Watermark:
    """Return the least watermark of the live sources; a silent one neither holds it back nor moves on.

    Args:
        sources: of one group.
        at: the instant of asking, microseconds UTC.
        timeout: silence after which a source is not live, microseconds, > 0.
        previous: watermark told before, which is never taken back, or None.

    Example:
        >>> a, b = Heard("a", 100, 100, 10), Heard("b", 50, 50, 5)
        >>> group_watermark([a, b], at=110, timeout=100).at, group_watermark([a, b], at=160, timeout=100)
        (45, Watermark(at=90, live=('a',), silent=('b',)))
    """
    heard = sorted(sources, key=lambda s: s.source)
    live = [s for s in heard if s.last > at - timeout]
    marks = [min(s.watermark for s in live)] if live else []
    marks += [] if previous is None else [previous]
    silent = tuple(s.source for s in heard if s.last <= at - timeout)
    return Watermark(max(marks, default=None), tuple(s.source for s in live), silent)


def _confidence(seen: int, arrived: int, share: float) -> float:
    """Return P(Binomial(seen, share) < arrived): how sure it is that at least the share has arrived by then."""
    late = np.arange(seen - arrived, dtype=np.float64)
    steps = np.log((seen - late) / (late + 1)) + log1p(-share) - log(share)
    terms = seen * log(share) + np.concatenate([[0.0], np.cumsum(steps)])
    return max(0.0, 1.0 - float(np.exp(terms).sum()))
