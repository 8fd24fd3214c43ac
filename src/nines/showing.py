"""Showing figures to people: the one place where numbers are rounded.

A rounded figure never tells a different story than the exact one: a miss is never rounded up to met, and
less than everything is never shown as 100 %.
"""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from math import floor

#: Most decimals of a percentage; past these the sign of the difference is said in words instead.
MOST_DECIMALS = 9


def percent(value: Fraction | None, *, against: Fraction | None = None, decimals: int = 3) -> str:
    """Return a ratio as a percentage, rounded towards the worse, with as many decimals as honesty needs.

    Args:
        value: ratio, any size, or None for unknown.
        against: target the reader will compare it with; the figure shown stands on the same side of it.
        decimals: decimals to begin with, 0..9.

    Example:
        >>> percent(Fraction(999996, 1000000), decimals=2)
        '99.99 %'
        >>> percent(Fraction(99949999, 100000000), against=Fraction("0.9995"), decimals=2)
        '99.94 %'
        >>> percent(Fraction(1)), percent(None)
        ('100 %', 'unknown')
    """
    if value is None:
        return "unknown"
    for places in range(decimals, MOST_DECIMALS + 1):
        shown = Fraction(floor(value * 100 * 10**places), 10**places)
        if against is None or (shown / 100 >= against) == (value >= against):
            return f"{_decimal(shown, places)} %"
    return f"{'just under' if against is not None and value < against else ''} {percent(against)}".strip()


def _decimal(value: Fraction, places: int) -> str:
    text = f"{float(value):.{places}f}" if abs(value) < 10**6 else f"{floor(value)}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def budget_percent(value: Fraction | None) -> str:
    """Return a share of a budget in whole per cents, rounded towards what spends more; may be negative.

    Example:
        >>> budget_percent(Fraction(215, 1000)), budget_percent(Fraction(-1, 1000))
        ('21 %', '-1 %')
    """
    return "unknown" if value is None else f"{floor(value * 100)} %"


def burn(value: Fraction | None) -> str:
    """Return a burn rate with two decimals below 10 and one above, or "unknown".

    Example:
        >>> burn(Fraction(72, 5)), burn(Fraction(1, 3)), burn(None)
        ('14.4', '0.33', 'unknown')
    """
    if value is None:
        return "unknown"
    return f"{float(value):.2f}" if value < 10 else f"{float(value):.1f}"  # noqa: PLR2004


def count(value: int | Fraction) -> str:
    """Return a count with thousands apart; fractions keep one decimal.

    Example:
        >>> count(4816135), count(Fraction(21, 2))
        ('4,816,135', '10.5')
    """
    exact = Fraction(value)
    return f"{exact.numerator:,}" if exact.denominator == 1 else f"{float(exact):,.1f}"


def length(value: timedelta) -> str:
    """Return a length of time in its two largest units.

    Example:
        >>> length(timedelta(hours=49, minutes=5)), length(timedelta(seconds=20))
        ('2 d 1 h', '20 s')
    """
    seconds = int(value.total_seconds())
    parts = []
    for name, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        amount, seconds = divmod(seconds, size)
        if amount:
            parts.append(f"{amount} {name}")
    return " ".join(parts[:2]) or "0 s"
