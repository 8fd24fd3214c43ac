"""Few events: how likely a burn, or a lull, is by chance alone.

One rule: no comparison rests on rounding. Tails of few events are worked out as rational numbers; the others are
enclosed between decimals with ever more digits until the comparison is certain.
"""

from __future__ import annotations

import decimal
import math
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

#: Up to so many events a tail is worked out as one rational number.
_EXACTLY = 3000
#: Digits the enclosures begin and end with; beyond, a binomial tail is worked out as a rational number after all.
_DIGITS, _MOST_DIGITS = 50, 800
_HALF = Fraction(1, 2)
_Bounds = tuple[Fraction, Fraction]


def binomial_tail(bad: int, events: int, rate: Fraction) -> Fraction:
    """Return the chance of at least so many bad events, exactly.

    Args:
        bad: bad events, >= 0.
        events: all events, >= 0.
        rate: chance that one is bad, 0..1.

    Raises:
        ValueError: a figure is out of its range.

    Example:
        >>> binomial_tail(1, 2, Fraction(1, 10))
        Fraction(19, 100)
    """
    _check(bad, events, rate)
    if 2 * bad > events:
        return Fraction(*_below_count(events - bad + 1, events, 1 - rate))
    below, whole = _below_count(bad, events, rate)
    return 1 - Fraction(below, whole)


def _below_count(count: int, events: int, rate: Fraction) -> tuple[int, int]:
    """Return the chance of fewer than so many as integers (part, whole), each term from the one before."""
    part, other = rate.numerator, rate.denominator - rate.numerator
    whole = rate.denominator**events
    if not other:
        return (whole if count > events else 0), whole
    term, total = other**events, 0
    for i in range(min(count, events + 1)):
        total += term
        term = term * (events - i) * part // ((i + 1) * other)  # divides without a rest
    return total, whole


def _check(bad: int, events: int, rate: Fraction) -> None:
    if bad < 0 or events < 0 or not 0 <= rate <= 1:
        msg = f"there is no tail of {bad} bad in {events} events at a rate of {rate}"
        raise ValueError(msg)


def tail_below(bad: int, events: int, rate: Fraction, limit: Fraction) -> bool:
    """Return whether at least so many bad events have a chance below a limit, for certain.

    Args:
        bad: bad events, >= 0.
        events: all events, >= 0.
        rate: chance that one is bad, 0..1.
        limit: > 0.

    Raises:
        ValueError: a figure is out of its range.

    Source:
        The median of a binomial is no less than the whole part of its mean (Kaas and Buhrman 1980); Chernoff's bound
        (np/k)^k (nq/(n-k))^(n-k) (Hoeffding 1963, theorem 1). Both only shorten the way.

    Example:
        >>> tail_below(1, 50, Fraction(5, 10_000), Fraction(1, 720))  # one of fifty is no reason to wake somebody
        False
        >>> tail_below(2, 50, Fraction(5, 10_000), Fraction(1, 720))
        True
    """
    _check(bad, events, rate)
    if bad > events or not rate or limit > 1:
        return limit > (1 if bad == 0 else 0)
    if bad <= math.floor(events * rate) and limit <= _HALF:
        return False
    if events <= _EXACTLY or rate == 1:
        return binomial_tail(bad, events, rate) < limit
    if bad > events * rate and _chernoff_below(bad, events, rate, limit):
        return True
    return _below(
        lambda digits: _tail_bounds(bad, events, rate, digits), limit, lambda: binomial_tail(bad, events, rate)
    )


def least_bad(events: int, rate: Fraction, limit: Fraction) -> int:
    """Return the fewest bad events that have a chance below a limit; events + 1 when no number has.

    Args:
        events: all events, >= 0.
        rate: chance that one is bad, 0..1.
        limit: > 0.

    Example:
        >>> least_bad(50, Fraction(5, 10_000), Fraction(1, 720))
        2
    """
    low, high = 0, events + 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if tail_below(middle, events, rate, limit) else (middle + 1, high)
    return low


def false_pages(events: int, rate: Fraction, bad: int, long: timedelta, period: timedelta) -> Fraction:
    """Return how many false pages a healthy service makes in a period, over lookbacks that do not overlap.

    Args:
        events: events in one lookback, >= 0.
        rate: chance that one is bad while all is well, 0..1.
        bad: bad events that page, >= 1.
        long: the lookback.
        period: the time asked about.

    Example:
        >>> month, hour = timedelta(days=30), timedelta(hours=1)
        >>> [round(float(false_pages(50, Fraction(1, 2000), bad, hour, month)), 2) for bad in (1, 2)]
        [17.78, 0.22]
    """
    return Fraction(period // timedelta(seconds=1), long // timedelta(seconds=1)) * binomial_tail(bad, events, rate)


def sequential_over(bad: int, events: int, budget: Fraction, factor: Fraction, alpha: Fraction) -> bool:
    """Return whether the evidence for burning at a factor, against burning at one, is 1/alpha or more.

    Args:
        bad: bad events, >= 0.
        events: all events, >= bad.
        budget: 1 - target, 0 < budget <= 1.
        factor: the rule's burn rate; one of 1 or less can never show.
        alpha: chance of a false alarm, 0 < alpha < 1.

    Source:
        Wald, "Sequential Tests of Statistical Hypotheses" (1945), for Poisson counts:
        k ln f - (f - 1) b n >= ln(1/alpha).

    Example:
        >>> [sequential_over(k, 50, Fraction(1, 1000), Fraction(72, 5), Fraction(1, 10_000)) for k in (3, 4)]
        [False, True]
    """
    if factor <= 1 or not bad:
        return False
    cost = (factor - 1) * budget * events

    def gain(digits: int) -> _Bounds:
        (low, high), (alow, ahigh) = _log(factor, digits), _log(alpha, digits)
        return bad * low + alow, bad * high + ahigh

    return not _below(gain, cost)  # the two are never equal: one is rational, the other the logarithm of a rational


def poisson_tail_below(seen: int, expected: Fraction, limit: Fraction) -> bool:
    """Return whether at most so many events, of a Poisson number, have a chance below a limit, for certain.

    Args:
        seen: events seen, >= 0.
        expected: events expected, >= 0.
        limit: 0 < limit < 1.

    Example:
        >>> [poisson_tail_below(k, Fraction(20), Fraction(1, 10**6)) for k in (2, 3)]
        [True, False]
    """
    if seen >= expected:
        return False  # no less than about one half
    term = total = Fraction(1)
    for i in range(1, seen + 1):
        term = term * expected / i
        total += term
    return not _below(lambda digits: _exp(expected, digits), total / limit)


def _below(bounds: Callable[[int], _Bounds], limit: Fraction, exactly: Callable[[], Fraction] | None = None) -> bool:
    """Return whether a figure is below a limit, from enclosures with ever more digits."""
    digits = _DIGITS
    while True:
        low, high = bounds(digits)
        if high < limit:
            return True
        if low >= limit:
            return False
        digits *= 2
        if exactly is not None and digits > _MOST_DIGITS:
            return exactly() < limit


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


def _log(value: Fraction, digits: int) -> _Bounds:
    """Enclose a natural logarithm: a quotient and a logarithm, each rounded correctly to the digits."""
    with decimal.localcontext() as context:
        context.prec = digits + 5
        found = Fraction(_decimal(value).ln())
    slack = (abs(found) + 1) / Fraction(10) ** digits
    return found - slack, found + slack


def _exp(value: Fraction, digits: int) -> _Bounds:
    """Enclose an exponential likewise; the error of its argument is absolute, so it grows with the argument."""
    with decimal.localcontext() as context:
        context.prec = digits + len(str(math.ceil(abs(value)))) + 5
        found = Fraction(_decimal(value).exp())
    slack = found / Fraction(10) ** digits
    return found - slack, found + slack


def _chernoff_below(bad: int, events: int, rate: Fraction, limit: Fraction) -> bool:
    """Return whether Chernoff's bound of a tail above the mean is below a limit already."""
    good = events - bad
    most = bad * _log(events * rate / bad, _DIGITS)[1]
    most += good * _log(events * (1 - rate) / good, _DIGITS)[1] if good else 0
    return most < _log(limit, _DIGITS)[0]


def _tail_bounds(bad: int, events: int, rate: Fraction, digits: int) -> _Bounds:
    """Enclose a binomial tail: one less the chances of fewer bad events, each from the one before.

    A product or quotient errs by half a unit in the last place, so the n-th chance errs by less than 3 n of them.
    """
    with decimal.localcontext() as context:
        context.prec = digits + len(str(events)) + 10
        odds = _decimal(rate / (1 - rate))
        low, _ = _log(1 - rate, context.prec)
        term = (_decimal(low) * events).exp()
        total = term
        for i in range(bad - 1):
            term = term * odds * (events - i) / (i + 1)
            total += term
        found = 1 - Fraction(total)
    slack = Fraction(1, 10**digits)
    return found - slack, found + slack
