"""Offsets between the clocks of two hosts, bounded by what calls between them prove.

One rule: an effect follows its cause. A client sends at c1 and has the answer at c4, both on its own clock; the server
works from s2 to s3 on its own. With theta = server clock minus client clock, s3 - c4 <= theta <= s2 - c1, whatever the
delays were. Nothing is averaged, and no delay is assumed to be equal both ways: the true offset lies within the bounds.

All instants and offsets are whole nanoseconds. Source: RFC 5905 section 8 (the four instants), and D. Mills, "Internet
Time Synchronization", IEEE Trans. Comm. 39(10), 1991 (theta within delta/2 of the midpoint).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from nines.telemetry.series import Flags, Ints

Names = npt.NDArray[np.object_]

MINUTE_NS = 60_000_000_000
#: In arrays: no bound on this side. Instants and offsets are smaller (until the year 2116).
UNBOUNDED = 2**62
#: How fast an ordinary clock may run wrong, parts per million.
RHO_PPM = 50
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Exchanges:
    """Calls from one host to another, one per row, with their four instants.

    Attributes:
        hosts: names of the hosts.
        client: int64 index into `hosts` of the calling host.
        server: the same of the host that answered, another one.
        c1: when the call left, nanoseconds UTC on the client's clock.
        c4: when its answer was there, on the client's clock.
        s2: when the work began, nanoseconds UTC on the server's clock.
        s3: when the work ended, on the server's clock.
        client_span: id of the span that gave c1 and c4.
        server_span: id of the span that gave s2 and s3.
        backward: whether the client is known to have waited for the work, so that s3 - c4 <= theta holds.
    """

    hosts: tuple[str, ...]
    client: Ints
    server: Ints
    c1: Ints
    c4: Ints
    s2: Ints
    s3: Ints
    client_span: Names
    server_span: Names
    backward: Flags

    def __len__(self) -> int:
        """Return the number of exchanges."""
        return len(self.c1)

    def name(self, row: int) -> str:
        """Return an exchange in words: which span on which host caused which.

        Args:
            row: index of the exchange.
        """
        client, server = self.hosts[int(self.client[row])], self.hosts[int(self.server[row])]
        return f"{self.client_span[row]} on {client} -> {self.server_span[row]} on {server}"


@dataclass(frozen=True, slots=True)
class Interval:
    """Where an offset lies for certain.

    Attributes:
        low: least offset, nanoseconds, or None when nothing bounds it.
        high: greatest offset, or None.
        exchanges: how many exchanges speak for it.
    """

    low: int | None
    high: int | None
    exchanges: int = 0

    @property
    def empty(self) -> bool:
        """Whether no single offset fits: proof of a step, of drift, or of a wrong parent link."""
        return self.low is not None and self.high is not None and self.low > self.high

    @property
    def half_width(self) -> Fraction | None:
        """Half the distance of the bounds, nanoseconds; None when one is missing or the interval is empty."""
        return None if self.low is None or self.high is None or self.empty else Fraction(self.high - self.low, 2)

    @property
    def centre(self) -> Fraction | None:
        """The middle of the bounds, nanoseconds; None when one is missing or the interval is empty."""
        return None if self.low is None or self.high is None or self.empty else Fraction(self.high + self.low, 2)

    @property
    def skewed(self) -> bool:
        """Whether the two clocks differ for certain; bounds that contain zero, or that contradict, claim nothing."""
        return not self.empty and ((self.low is not None and self.low > 0) or (self.high is not None and self.high < 0))

    def contains(self, offset: int | Fraction) -> bool:
        """Return whether an offset in nanoseconds lies within the bounds.

        Args:
            offset: nanoseconds.
        """
        return (self.low is None or self.low <= offset) and (self.high is None or offset <= self.high)

    def widened(self, age: int, rho_ppm: int = RHO_PPM) -> Interval:
        """Return what is still certain after some time: both clocks may have run wrong, so 2 rho age on each side.

        Args:
            age: time since the exchanges, nanoseconds, >= 0.
            rho_ppm: greatest error of one clock's rate, parts per million, >= 0.

        Example:
            >>> Interval(0, 10).widened(MINUTE_NS)
            Interval(low=-6000000, high=6000010, exchanges=0)
        """
        more = -(-2 * rho_ppm * age // _MILLION)
        low, high = self.low, self.high
        return Interval(None if low is None else low - more, None if high is None else high + more, self.exchanges)


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """All bounds on theta = clock of `second` minus clock of `first`, each at its instant on the clock of `first`.

    Attributes:
        first: host whose clock gives the instants.
        second: host compared with it.
        low_at: sorted instants of the lower bounds, nanoseconds UTC.
        low: lower bounds, nanoseconds.
        low_row: row of the exchange behind each.
        high_at, high, high_row: the same for upper bounds.
        begun: sorted instants at which the exchanges began.
    """

    first: str
    second: str
    low_at: Ints
    low: Ints
    low_row: Ints
    high_at: Ints
    high: Ints
    high_row: Ints
    begun: Ints

    def within(self, start: int | None = None, end: int | None = None) -> Interval:
        """Return what the exchanges of a span of time say together, as if the offset had not changed.

        Args:
            start: first instant, nanoseconds UTC on the clock of `first`; None from the beginning.
            end: instant after the last; None to the end.
        """

        def cut(at: Ints) -> slice:
            low = 0 if start is None else int(np.searchsorted(at, start))
            return slice(low, len(at) if end is None else int(np.searchsorted(at, end)))

        low, high, begun = self.low[cut(self.low_at)], self.high[cut(self.high_at)], self.begun[cut(self.begun)]
        return Interval(int(low.max()) if len(low) else None, int(high.min()) if len(high) else None, len(begun))

    def at(self, instant: int, rho_ppm: int = RHO_PPM) -> Interval:
        """Return where the offset lies at an instant, every bound widened by 2 rho for its distance in time.

        Args:
            instant: nanoseconds UTC on the clock of `first`.
            rho_ppm: greatest error of one clock's rate, parts per million, >= 0. An empty answer proves a step, a
                wrong link, or a clock worse than this.
        """
        low = self.low - _widening(self.low_at - instant, rho_ppm)
        high = self.high + _widening(self.high_at - instant, rho_ppm)
        bounds = int(low.max()) if len(low) else None, int(high.min()) if len(high) else None
        return Interval(*bounds, len(self.begun))

    def without(self, rows: Ints) -> Bounds:
        """Return the bounds of all other exchanges.

        Args:
            rows: rows of the exchanges to leave out; `begun` keeps counting them.
        """
        low, high = ~np.isin(self.low_row, rows), ~np.isin(self.high_row, rows)
        lows = self.low_at[low], self.low[low], self.low_row[low]
        return Bounds(
            self.first, self.second, *lows, self.high_at[high], self.high[high], self.high_row[high], self.begun
        )


@dataclass(frozen=True, slots=True, eq=False)
class MinuteBounds:
    """Bounds minute by minute, for the minutes in which there was an exchange.

    Attributes:
        minutes: int64 grid minutes, ascending, on the clock of the first host.
        low: least offset in each, nanoseconds, or -UNBOUNDED.
        high: greatest offset in each, or UNBOUNDED.
        exchanges: exchanges that began in each.
    """

    minutes: Ints
    low: Ints
    high: Ints
    exchanges: Ints

    @property
    def empty(self) -> Flags:
        """In which minutes no single offset fits."""
        flags: Flags = self.low > self.high
        return flags

    def interval(self, index: int) -> Interval:
        """Return the bounds of one minute.

        Args:
            index: which of `minutes`.
        """
        low, high = int(self.low[index]), int(self.high[index])
        return Interval(
            None if low == -UNBOUNDED else low, None if high == UNBOUNDED else high, int(self.exchanges[index])
        )


def bounds_of(exchanges: Exchanges, first: str, second: str) -> Bounds:
    """Return all bounds on the clock of one host minus that of another; calls in both directions speak.

    Args:
        exchanges: calls.
        first: host that counts as the client.
        second: host whose clock is compared.
    """
    codes = {name: code for code, name in enumerate(exchanges.hosts)}
    a, b = codes.get(first, -1), codes.get(second, -1)
    there = (exchanges.client == a) & (exchanges.server == b)
    back = (exchanges.client == b) & (exchanges.server == a)
    return _bounds(exchanges, np.flatnonzero(there | back), first, second)


def bounds_by_pair(exchanges: Exchanges, *, by_caller: bool = False) -> tuple[Bounds, ...]:
    """Return the bounds of every pair of hosts that called one another, the host that sorts first as `first`.

    Args:
        exchanges: calls.
        by_caller: whether the host that called the other one more often is `first` instead.
    """
    ranks = np.argsort(np.argsort(np.array(exchanges.hosts, dtype=object))) if exchanges.hosts else exchanges.client
    client, server = ranks[exchanges.client], ranks[exchanges.server]
    key = np.minimum(client, server) * len(exchanges.hosts) + np.maximum(client, server)
    order = np.argsort(key, kind="stable")
    names = sorted(exchanges.hosts)
    starts = np.flatnonzero(np.append(True, np.diff(key[order]) != 0)[: len(key)])
    found = []
    for rows in np.split(order, starts[1:]) if len(starts) else []:
        first, second = divmod(int(key[rows[0]]), len(names))
        if by_caller and 2 * int((client[rows] == first).sum()) < len(rows):
            first, second = second, first
        found.append(_bounds(exchanges, rows, names[first], names[second]))
    return tuple(found)


def by_minute(bounds: Bounds) -> MinuteBounds:
    """Return the intersection of the bounds within each minute; every bound counts in the minute of its own instant.

    Args:
        bounds: of one pair of hosts.
    """
    low_at, high_at, begun = (a // MINUTE_NS for a in (bounds.low_at, bounds.high_at, bounds.begun))
    minutes = np.unique(np.concatenate([low_at, high_at, begun]))
    low, high = np.full(len(minutes), -UNBOUNDED), np.full(len(minutes), UNBOUNDED)
    np.maximum.at(low, np.searchsorted(minutes, low_at), bounds.low)
    np.minimum.at(high, np.searchsorted(minutes, high_at), bounds.high)
    count = np.bincount(np.searchsorted(minutes, begun), minlength=len(minutes)).astype(np.int64)
    return MinuteBounds(minutes, low, high, count)


def midpoint(c1: int, c4: int, s2: int, s3: int) -> tuple[Fraction, Fraction]:
    """Return the offset that one exchange suggests, and how far the true one may be off: half its delay.

    Args:
        c1: call left, nanoseconds on the client's clock.
        c4: answer came, on the client's clock.
        s2: work began, nanoseconds on the server's clock.
        s3: work ended, on the server's clock.

    Returns:
        theta = ((s2 - c1) + (s3 - c4)) / 2 and delta / 2 with delta = (c4 - c1) - (s3 - s2), RFC 5905 section 8; a
        negative delta means the client did not wait, and nothing is known.

    Example:
        >>> midpoint(0, 100, 30, 90)
        (Fraction(10, 1), Fraction(20, 1))
    """
    return Fraction((s2 - c1) + (s3 - c4), 2), Fraction((c4 - c1) - (s3 - s2), 2)


def trusted(half_width: Fraction | int | None, threshold: int) -> bool:
    """Return whether a latency measured across two hosts may be held against a threshold.

    Args:
        half_width: of the bounds on their offset, nanoseconds; None when they are not bounded.
        threshold: of the indicator, nanoseconds, > 0.

    Returns:
        True when half_width <= 5 % of the threshold; otherwise the band of `latency_band` is all that is known.

    Example:
        >>> trusted(5_000_000, 100_000_000), trusted(5_000_001, 100_000_000), trusted(None, 100_000_000)
        (True, False, False)
    """
    return half_width is not None and 20 * half_width <= threshold


def latency_band(measured: int, offset: Interval) -> tuple[int | None, int | None]:
    """Return least and greatest true latency behind one measured across hosts, None where nothing bounds it.

    Args:
        measured: instant on the second clock minus instant on the first, nanoseconds.
        offset: second clock minus first clock, not empty.

    Example:
        >>> latency_band(100, Interval(10, 30))
        (70, 90)
    """
    return (
        None if offset.high is None else measured - offset.high,
        None if offset.low is None else measured - offset.low,
    )


def fit_for_alerts(offset: Interval, shortest_window: int) -> bool:
    """Return whether a clock is right enough for alert windows: off by at most 1 % of the shortest one.

    Args:
        offset: of the clock, against the clock that closes the windows.
        shortest_window: nanoseconds, > 0.

    Example:
        >>> five_minutes = 5 * MINUTE_NS
        >>> fit_for_alerts(Interval(0, 3_000_000_000), five_minutes), fit_for_alerts(Interval(None, 0), five_minutes)
        (True, False)
    """
    if offset.low is None or offset.high is None or offset.empty:
        return False
    return 100 * max(abs(offset.low), abs(offset.high)) <= shortest_window


def _widening(distance: Ints, rho_ppm: int) -> Ints:
    """Return 2 rho |distance|, rounded up to whole nanoseconds, without leaving 64 bits."""
    whole, rest = np.divmod(np.abs(distance), _MILLION)
    more: Ints = whole * (2 * rho_ppm) - (-rest * (2 * rho_ppm) // _MILLION)
    return more


def _bounds(exchanges: Exchanges, rows: Ints, first: str, second: str) -> Bounds:
    """Return the bounds of some exchanges between two hosts; a call the other way bounds minus theta."""
    there = exchanges.client[rows] == (exchanges.hosts.index(first) if len(rows) else 0)
    c1, c4, s2, s3 = (a[rows] for a in (exchanges.c1, exchanges.c4, exchanges.s2, exchanges.s3))
    waited = exchanges.backward[rows]

    def side(keep: Flags, at: Ints, value: Ints) -> tuple[Ints, Ints, Ints]:
        order = np.argsort(at[keep], kind="stable")
        return at[keep][order], value[keep][order], rows[keep][order]

    low = side(~there | waited, np.where(there, c4, s2), np.where(there, s3 - c4, c1 - s2))
    high = side(there | waited, np.where(there, c1, s3), np.where(there, s2 - c1, c4 - s3))
    return Bounds(first, second, *low, *high, np.sort(np.where(there, c1, s2)))
