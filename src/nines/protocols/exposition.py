"""Pages of metrics as Prometheus reads them: text 0.0.4 and OpenMetrics 1.0, with quoted UTF-8 names.

A line that cannot be read is named and its neighbours are kept. Histograms and summaries are the series they consist
of; `_created` lines say since when their series count and are no series of their own; exemplars are passed over.

Sources: https://prometheus.io/docs/instrumenting/exposition_formats and
https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import NoReturn

from nines.errors import InputError, Problem
from nines.telemetry.readings import NAME, NOT_SAID, Labels

#: Most readings of one page, bytes of one line, and labels of one series.
MOST_SAMPLES = 1_000_000
MOST_LINE = 64 * 1024
MOST_LABELS = 128
#: Problems kept of one page; the rest is counted.
MOST_PROBLEMS = 100
#: Content type that a page of OpenMetrics is sent with.
OPENMETRICS = "application/openmetrics-text"
#: Instants beyond these are no milliseconds of our days: the year 1 and the year 9999.
_EARLIEST_MS, _LATEST_MS = -62_135_596_800_000, 253_402_300_799_999

#: Labels with the metric's name among them and sorted, value, instant and creation, both UTC milliseconds.
Sample = tuple[Labels, float, int, int]

_QUOTED = r'"((?:[^"\\]|\\.)*+)"'
_SAMPLE = re.compile(
    r"([a-zA-Z_:][a-zA-Z0-9_:]*+)?"
    r'(?:[ \t]*+\{((?:[^"{}]|"(?:[^"\\]|\\.)*+")*+)\}[ \t]*+|[ \t]++)'
    r"([^ \t#{}\"]++)(?:[ \t]++([^ \t#{}\"]++))?[ \t]*+(?:#[ \t]*+\{.*)?\Z"
)
_LABEL = re.compile(
    r"[ \t]*+(?:(?:([a-zA-Z_][a-zA-Z0-9_]*+)|" + _QUOTED + r")[ \t]*+=[ \t]*+)?" + _QUOTED + r"[ \t]*+(,|\Z)"
)
_ESCAPE = re.compile(r'\\([\\"n])')
_ESCAPED = {"\\": "\\", '"': '"', "n": "\n"}
_PARTS = ("_total", "_bucket", "_count", "_sum", "")
_CREATED = "_created"


@dataclass(frozen=True, slots=True)
class Page:
    """What a page of metrics says.

    Attributes:
        samples: labels, value, instant, creation of each reading, in the order of the page.
        problems: the first hundred things that could not be read, with their line.
        bad_lines: lines that could not be read.
        whole: whether nothing shows that the page was cut short: an OpenMetrics page ends with `# EOF`.
    """

    samples: list[Sample]
    problems: tuple[Problem, ...]
    bad_lines: int
    whole: bool


def parse(text: bytes, *, now_ms: int, openmetrics: bool | None = None) -> Page:
    r"""Return the readings of a page of metrics.

    Args:
        text: the page.
        now_ms: instant of readings that state none, UTC milliseconds.
        openmetrics: whether it was sent as OpenMetrics, whose instants are seconds and whose last line is `# EOF`;
            None takes a page that ends so for one.

    Raises:
        InputError: the page holds more than `MOST_SAMPLES` readings.

    Example:
        >>> page = parse(b'hits_total{code="200"} 7\nbroken{\nup 1 5000\n', now_ms=60_000)
        >>> page.samples[0][0], page.samples[0][1:3]
        ((('__name__', 'hits_total'), ('code', '200')), (7.0, 60000))
        >>> page.samples[1][2], page.problems[0].where
        (5000, 'line 2')
    """
    ended = text.rstrip().endswith(b"# EOF")
    seconds = ended if openmetrics is None else openmetrics
    reading = _Page(now_ms, 1000.0 if seconds else 1.0)
    for number, line in _lines(text):
        reading.take(number, line)
    samples = reading.with_creations()
    whole = ended or not seconds
    if not whole:
        fix = "ask again; OpenMetrics ends every page with it"
        reading.problems.append(Problem("last line", "the page is cut short: # EOF is missing", fix, code="cut-short"))
    return Page(samples, tuple(reading.problems), reading.bad, whole)


def _lines(text: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield line number and content of what may be a reading, without ever splitting the whole page."""
    for number, line in enumerate(BytesIO(text), 1):
        content = line.strip()
        if content and not content.startswith(b"#"):
            yield number, content


class _UnreadableError(Exception):
    """A line that cannot be read."""

    def __init__(self, what: str, how: str) -> None:
        super().__init__(what)
        self.what, self.how = what, how


def _refuse(what: str, how: str) -> NoReturn:
    raise _UnreadableError(what, how)


@dataclass(slots=True)
class _Page:
    """A page while it is read."""

    now: int
    scale: float
    samples: list[Sample] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    bad: int = 0
    seen: set[tuple[Labels, int]] = field(default_factory=set)
    created: list[int] = field(default_factory=list)

    def take(self, number: int, line: bytes) -> None:
        """Read one line, or note why it cannot be read."""
        try:
            labels, value, time = self._read(line)
            if (labels, time) in self.seen:
                _refuse("a series stands twice", "keep one of them; the first was taken")
        except _UnreadableError as error:
            self.bad += 1
            if len(self.problems) < MOST_PROBLEMS:
                self.problems.append(Problem(f"line {number}", error.what, error.how, code="bad-line"))
            return
        if len(self.samples) >= MOST_SAMPLES:
            what = f"the page holds more than {MOST_SAMPLES} readings"
            raise InputError(Problem(f"line {number}", what, "expose fewer series, or part the page", code="too-much"))
        self.seen.add((labels, time))
        if _name_of(labels).endswith(_CREATED):
            self.created.append(len(self.samples))
        self.samples.append((labels, value, time, NOT_SAID))

    def _read(self, line: bytes) -> tuple[Labels, float, int]:
        """Return labels, value and instant of a line."""
        if len(line) > MOST_LINE:
            _refuse(f"it is longer than {MOST_LINE} bytes", "shorten its labels")
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            _refuse(f"it is no UTF-8 from byte {error.start + 1} on", "write UTF-8")
        found = _SAMPLE.match(text)
        if found is None or (found[1] is None and found[2] is None):
            _refuse(f"this is no reading: {text[:80]}", 'write name{label="value"} number')
        time = self.now if found[4] is None else self._instant(found[4])
        return _labels(found[1], found[2]), _number(found[3], "value"), time

    def _instant(self, text: str) -> int:
        at = _number(text, "instant") * self.scale
        if not _EARLIEST_MS <= at <= _LATEST_MS:  # a NaN is not either
            _refuse(f"its instant is {text}", "leave it out, or write it in the format's own unit")
        return round(at)

    def with_creations(self) -> list[Sample]:
        """Return the readings, those whose creation is stated with it, and the lines that stated it left out."""
        if not self.created:
            return self.samples
        stated: dict[tuple[str, Labels], tuple[int, int]] = {}
        for place in self.created:
            labels, value, _, _ = self.samples[place]
            if math.isfinite(value) and 0 < value * 1000 <= _LATEST_MS:
                stated[_name_of(labels).removesuffix(_CREATED), _without_bounds(labels)] = place, round(value * 1000)
        used: set[int] = set()
        for place, (labels, value, time, _) in enumerate(self.samples):
            name, rest = _name_of(labels), _without_bounds(labels)
            ends = (part for part in _PARTS if name.endswith(part))
            keys = ((name[: len(name) - len(part)], rest) for part in ends)
            found = next((stated[key] for key in keys if key in stated), None)
            if found is not None and found[0] != place:
                used.add(found[0])
                # A creation after its own reading comes from a clock that is ahead; it would look like a reset.
                self.samples[place] = (labels, value, time, found[1] if found[1] <= time else NOT_SAID)
        return [sample for place, sample in enumerate(self.samples) if place not in used]


def _name_of(labels: Labels) -> str:
    return next(value for name, value in labels if name == NAME)


def _without_bounds(labels: Labels) -> Labels:
    """Return what the lines of one histogram or summary have in common."""
    return tuple(pair for pair in labels if pair[0] not in {NAME, "le", "quantile"})


def _number(text: str, what: str) -> float:
    try:
        return float("" if "_" in text else text)  # Python reads 1_000, the format does not
    except ValueError:
        _refuse(f"its {what} is {text[:40]!r}, which is no number", "write a number")


def _labels(name: str | None, inner: str | None) -> Labels:
    """Return a series' labels, sorted; a quoted name stands alone within the braces."""
    found: dict[str, str] = {} if name is None else {NAME: name}
    place, comma = 0, True
    while inner is not None and (place < len(inner.rstrip()) if comma else False):
        one = _LABEL.match(inner, place)
        if one is None:
            _refuse(f"its labels break off at {inner[place : place + 40]!r}", 'write {name="value"}')
        quoted = None if one[2] is None else _plain(one[2])
        label, place, comma = one[1] or quoted or NAME, one.end(), bool(one[4])
        if label in found:
            _refuse(f"label {label!r} stands twice", "keep one of them")
        found[label] = _plain(one[3])
        if len(found) > MOST_LABELS:
            _refuse(f"it has more than {MOST_LABELS} labels", "expose fewer")
    if not found.get(NAME):
        _refuse("the metric has no name", 'write name{label="value"} number')
    return tuple(sorted((label, value) for label, value in found.items() if value))  # an empty label is none


def _plain(text: str) -> str:
    return _ESCAPE.sub(lambda found: _ESCAPED[found[1]], text) if "\\" in text else text


__all__ = ["OPENMETRICS", "Page", "Sample", "parse"]
