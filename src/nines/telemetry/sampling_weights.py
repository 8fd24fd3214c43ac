"""How many events a kept one stands for, read exactly from what a sampler says of itself.

Source: OpenTelemetry specification, "TraceState: Probability Sampling" (status Development): the sub-keys `th`
(rejection threshold T) and `rv` (randomness R) of the `ot` member; a span is kept if and only if R >= T.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

#: Thresholds and randomness have 56 bits, written as up to 14 hexadecimal digits.
RANGE = 2**56
#: A longer tracestate is not read.
LONGEST = 256

_THRESHOLD = re.compile(r"[0-9a-f]{1,14}")
_RANDOMNESS = re.compile(r"[0-9a-f]{14}")
_TRACE_ID = re.compile(r"[0-9a-fA-F]{32}")
_RATE = re.compile(r"(?:[0-9]{1,20}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})(?:[eE][+-]?[0-9]{1,2})?")

#: Why a weight is unknown: nothing says it, what says it cannot be read, or the trace contradicts it.
NoWeight = Literal["no-threshold", "malformed", "too-long", "randomness-below-threshold", "no-randomness"]


@dataclass(frozen=True, slots=True)
class Sampled:
    """What a tracestate says of sampling.

    Attributes:
        threshold: rejection threshold T, 0 <= T < 2^56, or None where none can be relied on.
        rv: randomness R that the trace carries, 0 <= R < 2^56, or None where it is in the trace id.
        reason: why there is no threshold, or None.
    """

    threshold: int | None
    rv: int | None = None
    reason: NoWeight | None = None

    @property
    def weight(self) -> Fraction | None:
        """Events that the kept one stands for, >= 1, or None when unknown."""
        return None if self.threshold is None else Fraction(RANGE, RANGE - self.threshold)

    def verified(self, trace_id: str) -> Sampled:
        """Return the same where the trace could be kept under its threshold, else without a threshold.

        Args:
            trace_id: 32 hexadecimal digits.
        """
        if self.threshold is None:
            return self
        try:
            number = randomness(trace_id, self.rv)
        except ValueError:
            return replace(self, threshold=None, reason="no-randomness")
        if number < self.threshold:
            return replace(self, threshold=None, reason="randomness-below-threshold")
        return self


def _threshold(th: str) -> int:
    if not _THRESHOLD.fullmatch(th):
        msg = f"a threshold is 1 to 14 digits of 0-9 and a-f, not {th!r}"
        raise ValueError(msg)
    return int(th.ljust(14, "0"), 16)


def weight_of_threshold(th: str) -> Fraction:
    """Return how many events one kept under a threshold stands for, 2^56 / (2^56 - T), >= 1.

    Args:
        th: value of `th`: 1 to 14 lower-case hexadecimal digits, the missing ones zeros at the end.

    Raises:
        ValueError: it is no such text.

    Example:
        >>> weight_of_threshold("8"), weight_of_threshold("0")
        (Fraction(2, 1), Fraction(1, 1))
    """
    return Fraction(RANGE, RANGE - _threshold(th))


def parse_tracestate(text: str) -> Sampled:
    """Return what the `ot` member of a tracestate says of sampling; where nothing, its reason tells why.

    Args:
        text: value of the header or field `tracestate`: members `key=value` with commas between.

    Example:
        >>> parse_tracestate("vendor=1,ot=th:8").weight
        Fraction(2, 1)
        >>> parse_tracestate("ot=th:XY").reason
        'malformed'
    """
    if len(text) > LONGEST:
        return Sampled(None, reason="too-long")
    members = [member.strip(" \t") for member in text.split(",")]
    ours = [member.removeprefix("ot=") for member in members if member.startswith("ot=")]
    if not ours:
        return Sampled(None, reason="no-threshold")
    try:
        th, rv = _said(ours)
    except ValueError:
        return Sampled(None, reason="malformed")
    return Sampled(None, rv, "no-threshold") if th is None else Sampled(th, rv)


def _said(members: list[str]) -> tuple[int | None, int | None]:
    """Return threshold and randomness that the one `ot` member states, None for what it does not.

    Raises:
        ValueError: there are several, or one breaks the grammar.
    """
    parts = [part.partition(":") for part in members[0].split(";")]
    said = {key: value for key, _, value in parts}
    th, rv = said.get("th"), said.get("rv")
    whole = len(members) == 1 and len(said) == len(parts) and all(key and mark for key, mark, _ in parts)
    if not whole or (rv is not None and not _RANDOMNESS.fullmatch(rv)):
        msg = f"not a member ot with sub-keys each said once: {members!r}"
        raise ValueError(msg)
    return None if th is None else _threshold(th), None if rv is None else int(rv, 16)


def randomness(trace_id_hex: str, rv: int | None = None) -> int:
    """Return the number that decides whether samplers keep a trace: `rv`, else the last 7 bytes of its id.

    Args:
        trace_id_hex: 32 hexadecimal digits.
        rv: number the trace carries, 0 <= rv < 2^56, or None.

    Raises:
        ValueError: there is no `rv` and the id is not 32 hexadecimal digits.

    Example:
        >>> randomness("0" * 30 + "ff")
        255
    """
    if rv is not None:
        return rv
    if not _TRACE_ID.fullmatch(trace_id_hex):
        msg = f"a trace id is 32 hexadecimal digits, not {trace_id_hex!r}"
        raise ValueError(msg)
    return int(trace_id_hex[-14:], 16)


def weight_of_rate(text: str) -> Fraction:
    """Return how many events one kept at a stated rate stands for, 1 / rate, >= 1, the decimal read exactly.

    Args:
        text: rate as StatsD and logs write it, 0 < rate <= 1.

    Raises:
        ValueError: it is no decimal number, or out of range.

    Example:
        >>> weight_of_rate("0.1")
        Fraction(10, 1)
    """
    rate = Fraction(text) if _RATE.fullmatch(text) else Fraction(0)
    if not 0 < rate <= 1:
        msg = f"a sampling rate is a decimal number above 0 and up to 1, not {text!r}"
        raise ValueError(msg)
    return 1 / rate


def post_stratified(kept: int, seen: int | None) -> Fraction | None:
    """Return the weight of events that a sampler of varying rate kept in one stratum and interval, seen / kept.

    Args:
        kept: events kept in it, >= 0.
        seen: events the sampler saw in it, kept or not, or None when it does not report them.

    Returns:
        The weight, >= 1, or None when nobody can say: seen is not reported, or nothing was kept.

    Raises:
        ValueError: more was kept than seen, or a number is negative.

    Example:
        >>> post_stratified(100, 2_500), post_stratified(100, None)
        (Fraction(25, 1), None)
    """
    if kept < 0 or (seen is not None and seen < kept):
        msg = f"a sampler that saw {seen} events cannot have kept {kept}"
        raise ValueError(msg)
    return Fraction(seen, kept) if kept and seen is not None else None
