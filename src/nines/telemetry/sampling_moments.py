"""What is kept of sampled events: whole-number sums over sampling units, one set per weight.

A sampling unit is what a sampler keeps or drops as one: a trace, or an event where it has none. From these sums
follow the estimated ratio and its variance, whatever is added to what, and in any order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Moments:
    """Kept events of one weight, as sums over their sampling units.

    Attributes:
        weight: how many events each kept one stands for, exact, >= 1, or None when nobody said.
        n: events kept, good and bad, >= 0.
        b: bad ones of them.
        nn: sum over units of (events in the unit)^2; not looked at where the weight is 1 or unknown.
        nb: sum over units of events times bad events; as `nn`.
        bb: sum over units of (bad events in the unit)^2; as `nn`.
        units: sampling units; as `nn`.
    """

    weight: Fraction | None
    n: int = 0
    b: int = 0
    nn: int = 0
    nb: int = 0
    bb: int = 0
    units: int = 0

    def __post_init__(self) -> None:
        """Refuse sums that no units can have.

        Raises:
            ValueError: the weight is below 1, or the sums contradict one another.
        """
        if self.weight is not None and self.weight < 1:
            msg = f"a weight is at least 1, not {self.weight}"
            raise ValueError(msg)
        whole = 0 <= self.b <= self.n
        if self.sampled:
            whole &= self.units <= self.n <= self.nn and self.n**2 <= self.units * self.nn
            whole &= self.b <= self.bb <= self.nb <= self.nn - self.n + self.b
            whole &= self.b**2 <= self.units * self.bb and self.bb <= self.b**2 and self.nn <= self.n**2
        if not whole:
            msg = f"no sampling units have these sums: {self}"
            raise ValueError(msg)

    @classmethod
    def of(cls, weight: Fraction | None, units: Iterable[tuple[int, int]]) -> Moments:
        """Return the sums over some sampling units.

        Args:
            weight: weight of each, >= 1, or None when nobody said.
            units: events and bad events of each unit, 0 <= bad <= events; a unit without events is left out.

        Example:
            >>> Moments.of(Fraction(10), [(3, 3), (1, 0)])
            Moments(weight=Fraction(10, 1), n=4, b=3, nn=10, nb=9, bb=9, units=2)
        """
        pairs = [(n, b) for n, b in units if n]
        return cls(
            weight,
            sum(n for n, _ in pairs),
            sum(b for _, b in pairs),
            sum(n * n for n, _ in pairs),
            sum(n * b for n, b in pairs),
            sum(b * b for _, b in pairs),
            len(pairs),
        )

    def __add__(self, other: Moments) -> Moments:
        """Return the sums over the units of both, which share none.

        Raises:
            ValueError: their weights differ.
        """
        if self.weight != other.weight:
            msg = f"sums of weight {self.weight} and of weight {other.weight} cannot be added"
            raise ValueError(msg)
        return Moments(
            self.weight,
            self.n + other.n,
            self.b + other.b,
            self.nn + other.nn,
            self.nb + other.nb,
            self.bb + other.bb,
            self.units + other.units,
        )

    @property
    def factor(self) -> Fraction:
        """How many events each kept one counts for, >= 1; once where nobody said."""
        return Fraction(1) if self.weight is None else self.weight

    @property
    def sampled(self) -> bool:
        """Whether some events of this kind were dropped, and how many is known."""
        return self.weight is not None and self.weight > 1

    def flipped(self) -> Moments:
        """Return the same units with good and bad exchanged."""
        bb, nb = self.nn - 2 * self.nb + self.bb, self.nn - self.nb
        return Moments(self.weight, self.n, self.n - self.b, self.nn, nb, bb, self.units)
