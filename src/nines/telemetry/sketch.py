"""Sketches: the shape of many values in few integers, with an error that is known.

One rule: a value's bucket is found by comparisons and exact binary arithmetic alone, never by trusting a logarithm,
so NumPy, DuckDB and any other engine put it into the same one, and sketches merged in any order are equal.

A bucket is one of `parts` equal slices of the numbers between two neighbouring powers of two: the value 2^k (1 + m)
with 0 <= m < 1 lies in slice floor(m parts). `parts` is a power of two, so every edge is a double and the value on a
lower edge belongs to the bucket above it. Buckets are numbered upwards with the values: 0 is zero, and the bucket
of -x is minus the bucket of x.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from nines.telemetry.series import Ints

#: Values at or beyond this magnitude are not measurements; they count as unknown, like NaN.
LARGEST = 1e24
#: Added to the exponent, so that every positive double has a positive bucket number.
_SHIFT = 1075
_MICRO = 1_000_000
_QUANTILES = {f"p{q}": Fraction(f"0.{q}") for q in (50, 75, 90, 95, 99, 999)}


def parts_for(relative_error: Fraction) -> int:
    """Return how many slices each doubling needs so that quantiles err by no more than this share.

    Args:
        relative_error: 0 < e < 1.

    Returns:
        The smallest power of two with 1 / (2 parts + 1) <= e. A bucket [a, b) is estimated by 2ab / (a + b), which is
        off by at most (b - a) / (a + b) of the truth, greatest where a is a power of two.

    Source:
        The error bound is that of DDSketch (Masson, Rim, Lee: PVLDB 12, 2019) with edges that are linear between
        powers of two instead of powers of gamma.

    Example:
        >>> parts_for(Fraction(1, 100)), Fraction(1, 2 * 64 + 1) < Fraction(1, 100)
        (64, True)
    """
    parts = 1
    while Fraction(1, 2 * parts + 1) > relative_error:
        parts *= 2
    return parts


def bucket_numbers(values: npt.NDArray[np.float64], parts: int) -> Ints:
    """Return the bucket of each value.

    Args:
        values: usable values (finite, magnitude below `LARGEST`).
        parts: slices per doubling, a power of two.

    Example:
        >>> bucket_numbers(np.array([0.0, 1.0, 1.999, -1.0]), 4).tolist()
        [0, 4301, 4304, -4301]
    """
    mantissa, exponent = np.frexp(np.abs(values))
    slices = np.floor((mantissa * 2 - 1) * parts).astype(np.int64)
    numbers = (exponent.astype(np.int64) - 1 + _SHIFT) * parts + slices + 1
    return np.where(values == 0, 0, np.sign(values).astype(np.int64) * numbers)


def bucket_sql(value: str, parts: int) -> str:
    """Return SQL that gives the same bucket as `bucket_numbers`.

    The logarithm only guesses the exponent; comparisons with powers of two, which are exact, correct it.

    Args:
        value: SQL expression of type DOUBLE, usable (see `usable_sql`).
        parts: slices per doubling, a power of two.
    """
    size = f"abs({value})"
    guess = f"floor(log2({size}))"
    wrong = (
        f"CASE WHEN {size} < pow(2.0, {guess}) THEN -1.0 WHEN {size} >= pow(2.0, {guess} + 1.0) THEN 1.0 ELSE 0.0 END"
    )
    exponent = f"({guess} + {wrong})"
    number = f"({exponent} + {_SHIFT}) * {parts} + floor(({size} / pow(2.0, {exponent}) - 1.0) * {parts}) + 1"
    return f"CASE WHEN {value} = 0 THEN 0 ELSE CAST(sign({value}) * ({number}) AS BIGINT) END"


def micros_sql(value: str) -> str:
    """Return SQL that gives a usable value in whole millionths, rounded as `Sketch.of` rounds."""
    return f"CAST(floor({value} * 1000000.0 + 0.5) AS DECIMAL(38, 0))"


def usable_sql(value: str) -> str:
    """Return SQL that is true for values a sketch takes; the others (NULL, NaN, absurd ones) are unknown."""
    return f"coalesce(abs({value}) < {LARGEST:.0e}, false)"


@dataclass(frozen=True, slots=True)
class Figure:
    """An aggregate with what is certain about it: low <= truth <= high, and value within them."""

    value: Fraction
    low: Fraction
    high: Fraction


@dataclass(frozen=True, slots=True)
class Sketch:
    """A summary of values that merges by adding integers.

    Attributes:
        parts: slices per doubling, a power of two; it sets the relative error.
        count: usable values, >= 0.
        unknown: values that were due but are NULL, NaN or absurd, >= 0.
        sum_micros: sum of the values, each rounded to a whole millionth.
        least: smallest value, or None without values.
        greatest: largest value, or None without values.
        buckets: (bucket number, values in it > 0), sorted.
    """

    parts: int
    count: int = 0
    unknown: int = 0
    sum_micros: int = 0
    least: float | None = None
    greatest: float | None = None
    buckets: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, values: npt.ArrayLike, relative_error: Fraction = Fraction(1, 100)) -> Sketch:
        """Return the sketch of some values.

        Args:
            values: numbers of one unit; NaN and magnitudes from `LARGEST` on count as unknown.
            relative_error: greatest share a quantile may be off, 0 < e < 1.

        Example:
            >>> Sketch.of([0.1, 0.2, 0.3]).sum_micros
            600000
        """
        given = np.asarray(values, dtype=np.float64).ravel()
        usable = given[np.abs(given) < LARGEST] + 0.0  # adding zero turns -0.0 into 0.0
        empty = cls(parts_for(relative_error), unknown=len(given) - len(usable))
        if not len(usable):
            return empty
        numbers, counts = np.unique(bucket_numbers(usable, empty.parts), return_counts=True)
        micros = sum(map(int, np.floor(usable * _MICRO + 0.5)))
        pairs = tuple(zip(numbers.tolist(), counts.tolist(), strict=True))
        least, greatest = float(usable.min()), float(usable.max())
        return cls(empty.parts, len(usable), empty.unknown, micros, least, greatest, pairs)

    def __add__(self, other: Sketch) -> Sketch:
        """Return the sketch of both sets of values, as coarse as the coarser of the two."""
        return merged((self, other))

    def plain(self) -> dict[str, int | list[int]]:
        """Return the sketch as integers and lists of integers; doubles stand as their 64 bits."""
        return {
            "parts": self.parts,
            "count": self.count,
            "unknown": self.unknown,
            "sum_micros": self.sum_micros,
            "ends": [_bits(v) for v in (self.least, self.greatest) if v is not None],
            "numbers": [n for n, _ in self.buckets],
            "counts": [c for _, c in self.buckets],
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, int | list[int]]) -> Sketch:
        """Return the sketch that `plain` wrote down."""
        parts, count, unknown, micros = (plain[k] for k in ("parts", "count", "unknown", "sum_micros"))
        ends, numbers, counts = (plain[k] for k in ("ends", "numbers", "counts"))
        assert isinstance(parts, int) and isinstance(count, int)  # noqa: PT018 - one shape, told to mypy
        assert isinstance(unknown, int) and isinstance(micros, int)  # noqa: PT018
        assert isinstance(ends, list) and isinstance(numbers, list) and isinstance(counts, list)  # noqa: PT018
        least, greatest = (_double(ends[0]), _double(ends[1])) if ends else (None, None)
        return cls(parts, count, unknown, micros, least, greatest, tuple(zip(numbers, counts, strict=True)))

    def quantile(self, q: Fraction) -> Figure | None:
        """Return the q-quantile: the smallest value that at least a share q of the values do not exceed.

        Args:
            q: 0 <= q <= 1; 0 gives the least value.

        Returns:
            An estimate within the relative error, and the edges between which the true one lies; None without values.

        Example:
            >>> figure = Sketch.of(range(1, 1001)).quantile(Fraction(95, 100))
            >>> float(figure.low), float(figure.high)
            (944.0, 952.0)
        """
        if self.least is None or self.greatest is None:
            return None
        rank, seen = max(1, -(-self.count * q.numerator // q.denominator)), 0
        number = next(n for n, c in self.buckets if (seen := seen + c) >= rank)
        least, greatest = Fraction(self.least), Fraction(self.greatest)
        low, high = _edges(number, self.parts)
        value = 2 * low * high / (low + high) if number else low
        return Figure(*(min(max(v, least), greatest) for v in (value, low, high)))

    def figure(self, aggregate: str) -> Figure | None:
        """Return an aggregate by its name, or None without values.

        Args:
            aggregate: p50, p75, p90, p95, p99, p999, mean, min, max, sum or count.

        Returns:
            min, max and count are exact. The sum is exact but for the rounding of each value to a millionth
            and of doubles at all, which `low` and `high` allow for; so is the mean.

        Raises:
            KeyError: no such aggregate of values ("uptime" is one of counts).
        """
        if aggregate in _QUANTILES:
            return self.quantile(_QUANTILES[aggregate])
        if self.least is None or self.greatest is None:
            return None
        least, greatest, count = Fraction(self.least), Fraction(self.greatest), Fraction(self.count)
        total = Fraction(self.sum_micros, _MICRO)
        slack = count * (Fraction(1, 2 * _MICRO) + max(abs(least), abs(greatest)) / 2**52 + Fraction(1, 2**52))
        exact = {"min": least, "max": greatest, "count": count}
        if aggregate in exact:
            return Figure(exact[aggregate], exact[aggregate], exact[aggregate])
        share = {"sum": Fraction(1), "mean": 1 / count}[aggregate]
        return Figure(total * share, (total - slack) * share, (total + slack) * share)


def merged(sketches: Iterable[Sketch]) -> Sketch:
    """Return the sketch of all values together; the order makes no difference.

    Args:
        sketches: at least one; those with finer buckets are brought to the coarsest, which is exact.
    """
    every = list(sketches)
    parts = min(s.parts for s in every)
    buckets: Counter[int] = Counter()
    for sketch in every:
        finer = sketch.parts // parts
        for number, values in sketch.buckets:
            size = (abs(number) - 1) // finer + 1
            buckets[size if number > 0 else -size if number else 0] += values
    return Sketch(
        parts,
        sum(s.count for s in every),
        sum(s.unknown for s in every),
        sum(s.sum_micros for s in every),
        min((s.least for s in every if s.least is not None), default=None),
        max((s.greatest for s in every if s.greatest is not None), default=None),
        tuple(sorted(buckets.items())),
    )


def _edges(number: int, parts: int) -> tuple[Fraction, Fraction]:
    """Return the least and the most a value in a bucket can be."""
    if not number:
        return Fraction(0), Fraction(0)
    exponent, piece = divmod(abs(number) - 1, parts)
    scale = Fraction(2) ** (exponent - _SHIFT)
    near, far = scale * (1 + Fraction(piece, parts)), scale * (1 + Fraction(piece + 1, parts))
    return (near, far) if number > 0 else (-far, -near)


def _bits(value: float) -> int:
    return int.from_bytes(struct.pack(">d", value), "big", signed=True)


def _double(bits: int) -> float:
    return float(struct.unpack(">d", bits.to_bytes(8, "big", signed=True))[0])
