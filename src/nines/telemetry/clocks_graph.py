"""The clocks of a fleet: tightest bounds between any two hosts, and the hosts whose bounds cannot all hold.

One rule: theta_k - theta_i <= (theta_k - theta_j) + (theta_j - theta_i), so bounds add up along any path, and the
shortest path is the tightest bound. A cycle whose bounds add up to less than nothing is a contradiction, and names its
hosts. Source: Cormen et al., Introduction to Algorithms, chapters on difference constraints and Floyd-Warshall.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from nines.errors import InputError, Problem
from nines.telemetry.clocks import UNBOUNDED, Interval
from nines.telemetry.series import Ints

#: In `Fleet.hosts`: true time, which anchors compare clocks with.
TRUE_TIME = "UTC"
#: While paths are sought: no path. Sums of bounds stay below a quarter of it, so that it never looks like one.
_FAR = UNBOUNDED // 2


@dataclass(frozen=True, slots=True)
class Anchor:
    """What a host's NTP daemon says of its own clock; leave out a host that is not synchronised.

    Attributes:
        host: name of the host.
        offset: estimated offset from its source, nanoseconds, either sign.
        root_delay: round trip to the reference clock, nanoseconds, >= 0.
        root_dispersion: greatest error gathered on the way, nanoseconds, >= 0.
    """

    host: str
    offset: int
    root_delay: int
    root_dispersion: int

    @property
    def interval(self) -> Interval:
        """The host's clock minus true time: at most |offset| + root_delay / 2 + root_dispersion either way.

        Source: RFC 5905, section 11.2 (root synchronisation distance), plus what has not been corrected yet.
        """
        most = abs(self.offset) + -(-self.root_delay // 2) + self.root_dispersion
        return Interval(-most, most)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Bounds that cannot hold together.

    Attributes:
        hosts: the hosts around the cycle, each bounded by the one before, `TRUE_TIME` perhaps among them.
        excess: by how much the bounds contradict, nanoseconds, > 0.
    """

    hosts: tuple[str, ...]
    excess: int


@dataclass(frozen=True, slots=True, eq=False)
class Fleet:
    """Tightest bounds between any two hosts.

    Attributes:
        hosts: names, sorted.
        most: int64, [i, j] the greatest theta_j - theta_i in nanoseconds, or UNBOUNDED.
        contradictions: cycles set aside, the ones found first in front; none of their bounds is used.
        too_far: pairs whose clocks are apart by so much that their bounds could not be added in 64 bits; not used.
            With n hosts that is 18 years / n.
    """

    hosts: tuple[str, ...]
    most: Ints
    contradictions: tuple[Contradiction, ...]
    too_far: tuple[tuple[str, str], ...] = ()

    def between(self, first: str, second: str) -> Interval:
        """Return the clock of one host minus that of another.

        Args:
            first: a host, or `TRUE_TIME`.
            second: another.

        Raises:
            InputError: when a host is not in the fleet.
        """
        if missing := sorted({first, second} - set(self.hosts)):
            raise InputError(Problem(missing[0], "no exchange and no anchor names this host", code="unknown-host"))
        i, j = self.hosts.index(first), self.hosts.index(second)
        high, low = int(self.most[i, j]), -int(self.most[j, i])
        return Interval(None if low == -UNBOUNDED else low, None if high == UNBOUNDED else high)

    def suspects(self) -> tuple[str, ...]:
        """Return the hosts that stand in most contradictions, sorted; the clock to look at first is one of them."""
        named = Counter(h for c in self.contradictions for h in set(c.hosts) if h != TRUE_TIME)
        return tuple(sorted(h for h, n in named.items() if n == max(named.values())))


def fleet_of(pairs: Mapping[tuple[str, str], Interval], anchors: Iterable[Anchor] = ()) -> Fleet:
    """Return the tightest bounds between all hosts, with contradictory bounds set aside and named.

    Takes O(n^3) for n hosts, about 0.2 s for 500 and 2 s for 1000.

    Args:
        pairs: (first, second) -> clock of second minus clock of first, of one span of time; widen old ones before.
        anchors: what NTP says of some hosts.

    Example:
        >>> fleet = fleet_of({("a", "b"): Interval(10, 12), ("b", "c"): Interval(-5, -4)})
        >>> fleet.between("c", "a")
        Interval(low=-8, high=-5, exchanges=0)
    """
    stated = [(*pair, i) for pair, i in pairs.items()] + [(TRUE_TIME, a.host, a.interval) for a in anchors]
    hosts = tuple(sorted({h for first, second, _ in stated for h in (first, second)}))
    code = {h: n for n, h in enumerate(hosts)}
    most = np.full((len(hosts), len(hosts)), _FAR)
    np.fill_diagonal(most, 0)
    limit = _FAR // 4 // max(len(hosts), 1)
    too_far = tuple((a, b) for a, b, i in stated if max(abs(i.low or 0), abs(i.high or 0)) > limit)
    for first, second, offset in stated:
        if (first, second) not in too_far:
            i, j = code[first], code[second]
            most[i, j] = min(int(most[i, j]), _FAR if offset.high is None else offset.high)
            most[j, i] = min(int(most[j, i]), _FAR if offset.low is None else -offset.low)
    found: list[Contradiction] = []
    while (tightest := _shortest(most)) is None:
        cycle = _cycle(most)
        edges = list(zip(cycle, [*cycle[1:], cycle[0]], strict=True))
        found.append(Contradiction(tuple(hosts[n] for n in cycle), -sum(int(most[e]) for e in edges)))
        for i, j in edges:
            most[i, j] = most[j, i] = _FAR if i != j else 0
    return Fleet(hosts, tightest, tuple(found), too_far)


def fleet_problems(fleet: Fleet) -> tuple[Problem, ...]:
    """Return every contradiction in words.

    Args:
        fleet: bounds of a fleet.
    """
    suspects = ", ".join(fleet.suspects())
    contradictions = [
        Problem(
            " -> ".join([*c.hosts, c.hosts[0]]),
            f"bounds of these clocks contradict by {c.excess / 1_000_000:.3f} ms, so none of them is used",
            f"look at the clock of {suspects}",
            "warning",
            "clocks-contradict",
        )
        for c in fleet.contradictions
    ]
    what = "the clocks are too far apart to be compared"
    far = [Problem(f"{a} and {b}", what, "set the clock", "warning", "clocks-too-far") for a, b in fleet.too_far]
    return (*contradictions, *far)


def _shortest(most: Ints) -> Ints | None:
    """Return all shortest paths by Floyd and Warshall, or None when a cycle is shorter than nothing."""
    paths, via = most.copy(), np.empty_like(most)
    for k in range(len(paths)):
        np.add(paths[:, k, None], paths[None, k, :], out=via)
        np.minimum(paths, via, out=paths)
        # Found as soon as it closes: until then every path is a simple one, and its sum small.
        if (paths.diagonal() < 0).any():
            return None
    paths[paths >= _FAR // 2] = UNBOUNDED
    return paths


def _cycle(most: Ints) -> list[int]:
    """Return the hosts of one cycle shorter than nothing, by Bellman and Ford; there is one."""
    source, target = np.nonzero(most < _FAR // 2)
    order = np.lexsort((source, target))
    source, target = source[order], target[order]
    begins = np.flatnonzero(np.append(True, np.diff(target) != 0)[: len(target)])
    reached, before = np.zeros(len(most), np.int64), np.full(len(most), -1)
    last = 0
    for _ in range(len(most) + 1):
        sums = reached[source] + most[source, target]
        best = np.minimum.reduceat(sums, begins)
        better = best < reached[target[begins]]
        if not better.any():
            break
        group = np.repeat(np.arange(len(begins)), np.diff(np.append(begins, len(target))))
        winners = np.flatnonzero((sums == best[group]) & better[group])
        before[target[winners]] = source[winners]
        reached[target[begins[better]]] = best[better]
        last = int(target[begins[better]][0])
    for _ in range(len(most)):
        last = int(before[last])
    cycle = [last]
    while (host := int(before[cycle[-1]])) != last:
        cycle.append(host)
    return cycle[::-1]
