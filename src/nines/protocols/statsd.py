"""StatsD and DogStatsD (1.0 to 1.3) lines as events.

A counter line is as many equal events as it counts, a timer line is one event that took so long, a gauge line one
sample. A rate makes each stand for 1/rate events, exactly. Nothing in the protocol tells a line sent twice from two
lines, and a lost datagram is lost unseen: a source of such lines says that it may lose some.

Sources: docs/metric_types.md of statsd/statsd; https://docs.datadoghq.com/developers/dogstatsd/datagram_shell/
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import NoReturn

import numpy as np
import pyarrow as pa

from nines.protocols.refusal import BAD_REQUEST, Refused

#: Bytes read at once: sixteen of the largest datagrams.
MOST_BYTES = 1 << 20
#: Characters of tags that those bytes may become, when each of many packed values repeats them.
MOST_TEXT = 1 << 22
#: How far ahead of our clock a stated instant may be, seconds.
AHEAD_S = 600
#: Malformed lines told in full.
TOLD = 5
#: Attributes that say what a line was.
TYPE, DELTA, MEMBER, CONTAINER = "statsd.type", "statsd.delta", "statsd.member", "container.id"

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)
_RATE = re.compile(r"\d{0,9}\.?\d{0,15}(e-?\d{1,2})?", re.ASCII | re.IGNORECASE)
_STAMP = re.compile(r"\d{1,11}", re.ASCII)
_EXACT = 2**53
_LARGEST = 2**63 - 1
#: A weight as a number, and its exact numerator and denominator.
_Weight = tuple[float, int, int]
_ONE: _Weight = (1.0, 1, 1)
_UTC = pa.timestamp("us", tz="UTC")
_SCHEMA = pa.schema(
    [
        ("time", _UTC), ("operation", pa.string()), ("value", pa.float64()), ("duration_ms", pa.float64()),
        ("bundled", pa.int64()), ("weight", pa.float64()), ("weight_num", pa.int64()), ("weight_den", pa.int64()),
        ("attributes", pa.map_(pa.string(), pa.string())),
    ]
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """A datagram, decoded.

    Attributes:
        events: event columns, a row for each value that is an event.
        lines: lines in it, empty ones apart.
        malformed: lines that were refused; the others are kept.
        ignored: events and service checks of DogStatsD, which share the port.
        problems: why lines were refused, the first few and how many more.
    """

    events: pa.Table
    lines: int
    malformed: int
    ignored: int
    problems: list[str]


@dataclass(slots=True)
class _Rows:
    times: list[int] = field(default_factory=list)
    operations: list[str] = field(default_factory=list)
    values: list[float | None] = field(default_factory=list)
    durations: list[float | None] = field(default_factory=list)
    bundled: list[int] = field(default_factory=list)
    weights: list[_Weight] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    offsets: list[int] = field(default_factory=lambda: [0])
    repeated: int = 0

    def table(self) -> pa.Table:
        offsets = pa.array(self.offsets, pa.int32())
        attributes = pa.MapArray.from_arrays(
            offsets, pa.array(self.names, pa.string()), pa.array(self.texts, pa.string())
        )
        columns = [
            pa.array(np.array(self.times, dtype=np.int64)).cast(_UTC), self.operations, self.values, self.durations,
            self.bundled, *([w[i] for w in self.weights] for i in range(3)), attributes,
        ]  # fmt: skip
        return pa.table(
            [c if isinstance(c, pa.Array) else pa.array(c, f.type) for c, f in zip(columns, _SCHEMA, strict=True)],
            schema=_SCHEMA,
        )


@dataclass(frozen=True, slots=True)
class _Line:
    """One metric line, its values not looked at yet."""

    name: str
    values: list[str]
    type: str
    rate: str
    tags: str
    container: str
    stamp: str


def decode(datagram: bytes, *, now_us: int) -> Lines:
    r"""Return the lines of a datagram as events.

    Args:
        datagram: lines of text, each ended by a line feed or the end. Datagrams that came together may be joined by
            line feeds: one table for many is several times faster.
        now_us: when it arrived, UTC microseconds; the time of lines that do not state theirs.

    Raises:
        Refused: there are more than `MOST_BYTES` bytes.

    Example:
        >>> found = decode(b"checkout.requests:3|c|@0.1|#country:de\nbroken", now_us=0)
        >>> found.events.select(["operation", "bundled", "weight_num", "weight_den"]).to_pylist()
        [{'operation': 'checkout.requests', 'bundled': 3, 'weight_num': 10, 'weight_den': 1}]
        >>> found.problems
        ["line 2, 'broken': it has no value"]
    """
    if len(datagram) > MOST_BYTES:
        raise Refused(BAD_REQUEST, f"more than {MOST_BYTES:,} bytes of lines at once")
    rows, problems = _Rows(), []
    lines = malformed = ignored = 0
    for number, raw in enumerate(datagram.split(b"\n"), 1):
        text = raw.rstrip(b"\r")
        if not text:
            continue
        lines += 1
        if text.startswith((b"_e{", b"_sc|")):
            ignored += 1
            continue
        try:
            _take(_line(text.decode()), rows, now_us)
        except ValueError as error:
            malformed += 1
            if malformed <= TOLD:
                why = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
                problems.append(f"line {number:,}, {_shown(text)}: {why}")
    if malformed > TOLD:
        problems.append(f"and {malformed - TOLD:,} more")
    return Lines(rows.table(), lines, malformed, ignored, problems)


def _line(text: str) -> _Line:
    """Return a line in its parts; parts that later versions add are passed over."""
    head, *sections = text.split("|")
    name, *values = head.split(":")
    if not values or not sections:
        _refuse("it has no type" if values else "it has no value")
    if not name:
        _refuse("it has no name")
    kind, *more = sections
    parts = {"@": "", "#": "", "c:": "", "T": ""}
    for section in more:
        for mark in parts:
            if section.startswith(mark):
                parts[mark] = section[len(mark) :]
                break
    values = [head[len(name) + 1 :]] if kind == "s" else values
    return _Line(name, values, kind, parts["@"], parts["#"], parts["c:"], parts["T"])


def _take(line: _Line, rows: _Rows, now_us: int) -> None:
    """Add the events of a line, all of them or none."""
    read = _TYPES.get(line.type)
    if read is None:
        _refuse(f"there is no type {line.type[:20]!r}")
    weight = _weight(line.rate) if line.type not in {"g", "s"} else _ONE
    time = _time(line.stamp, now_us) if line.type in {"c", "g"} else now_us
    repeated = rows.repeated + len(line.values) * (len(line.tags) + len(line.container))
    if repeated > MOST_TEXT:
        _refuse("its tags, repeated for each value, are too long")
    rows.repeated = repeated
    base = {TYPE: line.type} | _tags(line.tags) | ({CONTAINER: line.container} if line.container else {})
    base[TYPE] = line.type
    found = [read(value) for value in line.values]
    for bundled, value, duration, extra in found:
        if not bundled:
            continue
        rows.times.append(time)
        rows.operations.append(line.name)
        rows.values.append(value)
        rows.durations.append(duration)
        rows.bundled.append(bundled)
        rows.weights.append(weight)
        attributes = base | extra
        rows.names += attributes
        rows.texts += attributes.values()
        rows.offsets.append(len(rows.names))


_Event = tuple[int, float | None, float | None, dict[str, str]]


def _counter(text: str) -> _Event:
    count = _number(text)
    if not count.is_integer():
        _refuse(f"it counts {text[:20]} events, no whole number")
    if not 0 <= count < _EXACT:
        _refuse(f"it counts {text[:20]} events, which cannot be")
    return int(count), None, None, {}


def _gauge(text: str) -> _Event:
    return 1, _number(text), None, {DELTA: "true"} if text[:1] in {"+", "-"} else {}


def _timer(text: str) -> _Event:
    duration = _number(text)
    if duration < 0:
        _refuse(f"it took {text[:20]} ms, which cannot be")
    return 1, None, duration, {}


def _distribution(text: str) -> _Event:
    value = _number(text)
    return 1, value, value if value >= 0 else None, {}


def _member(text: str) -> _Event:
    if not text:
        _refuse("it has no value")
    return 1, None, None, {MEMBER: text}


_TYPES = {"c": _counter, "g": _gauge, "ms": _timer, "h": _distribution, "d": _distribution, "s": _member}


def _number(text: str) -> float:
    """Return a decimal number; anything else, infinite ones among it, is refused."""
    value = float(text) if _NUMBER.fullmatch(text) else float("inf")
    if value in (float("inf"), float("-inf")):
        _refuse(f"{text[:20]!r} is no number")
    return value


@lru_cache(maxsize=4096)
def _weight(rate: str) -> _Weight:
    """Return how many events one stands for, from the decimal as it is written: 0.1 is 10, exactly."""
    if not rate:
        return _ONE
    try:
        kept = Fraction(rate) if _RATE.fullmatch(rate) else Fraction(0)
    except ValueError:
        kept = Fraction(0)
    if not 0 < kept <= 1 or kept.denominator > _LARGEST:
        _refuse(f"{rate[:20]!r} is no rate above 0 and up to 1")
    weight = 1 / kept
    return float(weight), weight.numerator, weight.denominator


def _time(stamp: str, now_us: int) -> int:
    """Return the instant a line states in Unix seconds, else when it came, microseconds."""
    if not stamp:
        return now_us
    if not _STAMP.fullmatch(stamp) or int(stamp) == 0:
        _refuse(f"{stamp[:20]!r} is no instant in Unix seconds")
    if int(stamp) * 1_000_000 > now_us + AHEAD_S * 1_000_000:
        _refuse(f"its instant {stamp} is more than 10 minutes ahead of this clock")
    return int(stamp) * 1_000_000


def _tags(text: str) -> dict[str, str]:
    """Return tags by name; one without a value is "", and of one given twice the last stands."""
    pairs = (tag.partition(":") for tag in text.split(",") if tag)
    return {name: value for name, _, value in pairs if name}


def _shown(text: bytes) -> str:
    return repr(text[:60].decode(errors="replace"))


def _refuse(why: str) -> NoReturn:
    raise ValueError(why)
