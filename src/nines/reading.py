"""Reading the small words of definitions exactly: ratios, durations, instants.

Nothing here guesses: a bare 99.9 is refused as a ratio, because it may be a slip for 99.9 %,
and a duration keeps the unit it was written in until its length is certain.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction

_RATIO = re.compile(r"^\s*([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*(%?)\s*$")
_DURATION_PART = re.compile(r"(\d+)(ms|us|s|m|h|d|w)")
_UNITS = {
    "us": timedelta(microseconds=1),
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


def ratio(value: object) -> Fraction:
    """Return a ratio between 0 and 1, exactly as it was written.

    Args:
        value: text such as "99.9%" or "0.999", or a number 0..1. A YAML float is read by its
            shortest decimal form, so 0.999 is 999/1000 and not its binary neighbour.

    Returns:
        The exact fraction, 0 <= value <= 1.

    Raises:
        ValueError: not a number, out of range, or above 1 without a percent sign.

    Example:
        >>> ratio("99.95%")
        Fraction(1999, 2000)
        >>> ratio(0.999)
        Fraction(999, 1000)
    """
    text = repr(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    if not isinstance(text, str):
        msg = f"{value!r} is not a ratio"
        raise ValueError(msg)  # noqa: TRY004 - one class for every way a ratio can be wrong
    match = _RATIO.match(text)
    number = Fraction(match[1]) if match else Fraction(text) if _is_exponent(text) else None
    if number is None:
        msg = f"{text!r} is not a ratio"
        raise ValueError(msg)
    if match and match[2]:
        number /= 100
    elif number > 1:
        msg = f"{text} is above 1 and has no percent sign"
        raise ValueError(msg)
    if not 0 <= number <= 1:
        msg = f"{text} is not between 0 and 100 %"
        raise ValueError(msg)
    return number


def _is_exponent(text: str) -> bool:
    return re.fullmatch(r"\d+(\.\d+)?e-?\d+", text) is not None


def duration(value: str) -> timedelta:
    """Return a fixed length of time.

    Args:
        value: one or more of number and unit (us, ms, s, m, h, d, w), as "5m" or "1h30m".

    Returns:
        The length, > 0. A day is 24 h and a week 7 of them; months are calendar windows.

    Raises:
        ValueError: empty, zero, an unknown unit, or a month (M), quarter (Q) or year (Y).

    Example:
        >>> duration("1h30m")
        datetime.timedelta(seconds=5400)
    """
    parts = _DURATION_PART.findall(value)
    if not parts or "".join(n + u for n, u in parts) != value:
        msg = f"{value!r} is not a duration like 30s, 5m, 6h, 30d or 4w"
        raise ValueError(msg)
    length = sum((int(n) * _UNITS[u] for n, u in parts), timedelta())
    if length <= timedelta():
        msg = f"{value!r} has no length"
        raise ValueError(msg)
    return length


def duration_text(length: timedelta) -> str:
    """Return the shortest text that `duration` reads back to the same length.

    Example:
        >>> duration_text(timedelta(hours=36)), duration_text(timedelta(days=30))
        ('36h', '30d')
    """
    for unit in ("d", "h", "m", "s", "ms", "us"):
        count, rest = divmod(length, _UNITS[unit])
        if not rest and count:
            return f"{count}{unit}"
    return "0s"


def instant(value: str | datetime) -> datetime:
    """Return an aware UTC instant.

    Args:
        value: ISO 8601 with a zone ("2026-03-01T12:00:00Z", "...+01:00"), or a bare date,
            which means its midnight in UTC. A naive date-time is refused, because nobody
            can tell afterwards whose clock it was.

    Raises:
        ValueError: not ISO 8601, or a time without a zone.

    Example:
        >>> instant("2026-03-01T13:00:00+01:00").isoformat()
        '2026-03-01T12:00:00+00:00'
    """
    if isinstance(value, datetime):
        parsed = value
    elif re.fullmatch(r"\d{4}-\d{2}-\d{2}", value.strip()):
        parsed = datetime.fromisoformat(value.strip()).replace(tzinfo=UTC)
    else:
        parsed = datetime.fromisoformat(value.strip())
    if parsed.tzinfo is None:
        msg = f"{value} has no time zone; write Z or an offset"
        raise ValueError(msg)
    return parsed.astimezone(UTC)
