"""From shapes to promises: one reader per kind, and what each refuses.

A reader returns a value of the floors below, or problems; it never raises for a person's mistake.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from nines.definitions import shapes
from nines.definitions.alert_shapes import AlertingShape
from nines.definitions.positions import Document
from nines.definitions.recurrence import local, occurrences, opening_hours, zone
from nines.errors import InputError, Problem
from nines.objectives.exclusion import Allowance, Exclusion
from nines.objectives.method import Method, Occurrences, RatioTimeslices, Timeslices
from nines.objectives.objective import Bound, Estimator, Objective, Term, Watching
from nines.objectives.window import CalendarWindow, RollingWindow, Window
from nines.predicates import parse, parse_key, parse_value
from nines.reading import duration, instant, ratio
from nines.spans import Span

#: Service hours are written out from here to there; a definition has no clock.
HOURS_SPAN = Span(datetime(2015, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC))

#: An exponent that would take a number's digits beyond what memory holds.
_HUGE = re.compile(r"[eE][-+]?[0-9]{4,}")


@dataclass
class Reading:
    """One document being read: its places, and the problems found so far."""

    document: Document
    problems: list[Problem]

    def refuse(self, path: str, what: str, fix: str = "", code: str = "definition") -> None:
        """Note a mistake at a dotted path under spec."""
        keys = tuple(int(k) if k.isdigit() else k for k in path.split(".")) if path else ()
        self.problems.append(Problem(self.document.where(("spec", *keys)), what, fix, code=code))

    def exactly(self, path: str, value: object, read: Callable[[Any], Any], fix: str, fallback: Any) -> Any:  # noqa: ANN401
        """Return what a reading function makes of a value, or the fallback after noting the mistake."""
        try:
            return read(_holdable(value))
        except OverflowError:
            self.refuse(path, f"{value} is too large or too small", fix, code="bad-value")
            return fallback
        except (ValueError, ZeroDivisionError) as error:
            self.refuse(path, str(error), fix, code="bad-value")
            return fallback

    def ratio(self, path: str, value: object) -> Fraction:
        """Return an exact ratio."""
        fix = f'write "{value}%" if per cent are meant' if _looks_percent(value) else 'write it like "99.9%" or 0.999'
        return Fraction(self.exactly(path, value, ratio, fix, Fraction(0)))

    def length(self, path: str, value: str) -> timedelta:
        """Return a length of time, > 0."""
        found: timedelta = self.exactly(
            path, value, duration, "write it like 30s, 5m, 6h, 30d or 4w", timedelta(minutes=1)
        )
        return found

    def pause(self, path: str, value: str) -> timedelta:
        """Return a length of time that may be none."""
        return timedelta() if value in {"0", "0s", "0m"} else self.length(path, value)

    def minutes(self, path: str, value: str) -> timedelta:
        """Return a length of whole minutes."""
        found = self.length(path, value)
        if found % timedelta(minutes=1):
            self.refuse(path, f"{value} is not a whole number of minutes", "the grid is one minute", code="off-grid")
            return timedelta(minutes=1)
        return found

    def number(self, path: str, value: object) -> Fraction:
        """Return an exact number."""
        return Fraction(self.exactly(path, value, lambda v: Fraction(str(v)), "write a number", Fraction(0)))

    def predicate(self, path: str, text: str, *, numeric: bool = False) -> str:
        """Check a predicate or numeric expression and return it as written."""
        if text:
            try:
                (parse_value if numeric else parse)(text, where=self.document.where(("spec", *path.split("."))))
            except InputError as error:
                self.problems.extend(error.problems)
        return text

    def key(self, path: str, text: str) -> str:
        """Check an expression that tells things apart and return it as written."""
        try:
            parse_key(text, where=self.document.where(("spec", *path.split("."))))
        except InputError as error:
            self.problems.extend(error.problems)
        return text


def _holdable(value: object) -> object:
    """Return a value, unless working its number out would take more memory than there is."""
    if _HUGE.search(str(value)):
        raise OverflowError
    return value


def _looks_percent(value: object) -> bool:
    try:
        return 1 < float(str(value)) <= 100  # noqa: PLR2004 - per cent
    except ValueError:
        return False


def target(reading: Reading, spec: shapes.Asked, *, needed: bool) -> Fraction:
    """Return the target, however it is written."""
    if spec.target is not None and spec.target_percent is not None:
        reading.refuse("targetPercent", "the target stands twice", "keep target or targetPercent", code="target-twice")
    if spec.target is not None:
        return reading.ratio("target", spec.target)
    if spec.target_percent is not None:
        return reading.ratio("targetPercent", f"{spec.target_percent}%")
    if needed:
        reading.refuse("", "it has no target", 'add target: "99.9%"', code="no-target")
    return Fraction(0)


def windows(reading: Reading, spec: shapes.Asked) -> list[Window]:
    """Return the windows, at least one."""
    given = spec.windows if spec.windows is not None else [spec.window] if spec.window is not None else []
    if spec.windows is not None and spec.window is not None:
        reading.refuse("windows", "window and windows are both given", "keep one of them", code="window-twice")
    if not given:
        reading.refuse("", "it has no window", "add window: 30d", code="no-window")
    found: list[Window] = []
    for number, one in enumerate(given):
        path = f"windows.{number}" if spec.windows is not None else "window"
        made = RollingWindow(reading.minutes(path, one)) if isinstance(one, str) else _calendar(reading, path, one)
        if made.label in {w.label for w in found}:
            reading.refuse(path, f"the window {made.label} stands twice", "keep one of them", code="window-twice")
        found.append(made)
    return found


def _calendar(reading: Reading, path: str, one: shapes.CalendarWindowShape) -> CalendarWindow:
    reading.exactly(f"{path}.timezone", one.timezone, zone, "use a name like Europe/Berlin", None)
    anchor = None
    if one.anchor is not None:
        anchor = reading.exactly(
            f"{path}.anchor", one.anchor, datetime.fromisoformat, "write it like 2026-04-01T00:00:00", None
        )
        if anchor is not None and anchor.tzinfo is not None:
            reading.refuse(
                f"{path}.anchor", "an anchor is wall clock and takes no zone", "drop the offset", code="anchor-zone"
            )
            anchor = None
    return CalendarWindow(one.calendar, one.count, one.timezone, anchor, one.day_rule)


def method(reading: Reading, spec: shapes.SLOSpec) -> Method:
    """Return the budgeting method."""
    minutes = reading.minutes("sliceLength", spec.slice_length) // timedelta(minutes=1)
    if spec.budgeting_method == "Occurrences":
        return Occurrences()
    if spec.budgeting_method == "RatioTimeslices":
        return RatioTimeslices(minutes)
    if spec.time_slice_target is None:
        reading.refuse(
            "budgetingMethod",
            "Timeslices needs a timeSliceTarget",
            'add timeSliceTarget: "95%"',
            code="no-slice-target",
        )
        return Timeslices(Fraction(1), minutes)
    aim = reading.ratio("timeSliceTarget", spec.time_slice_target)
    if not aim:
        reading.refuse(
            "timeSliceTarget", "a slice target of 0 calls every slice good", "give one above 0", code="slice-target"
        )
    return Timeslices(aim or Fraction(1), minutes)


def objectives(reading: Reading, metadata: shapes.Metadata, spec: shapes.SLOSpec) -> list[Objective]:
    """Read an SLO: one objective per window."""
    bound = None
    if spec.threshold is not None:
        read = reading.ratio if spec.threshold.aggregate == "uptime" else reading.number
        value = read("threshold.value", spec.threshold.value)
        bound = Bound(spec.threshold.aggregate, spec.threshold.op, value)
    term = Term(target(reading, spec, needed=bound is None), method(reading, spec))
    return _objectives(reading, metadata, spec, spec.indicator, term, bound)


def composites(reading: Reading, metadata: shapes.Metadata, spec: shapes.CompositeSpec) -> list[Objective]:
    """Read a Composite: an objective whose indicator is made of other objectives."""
    if len(set(spec.members)) != len(spec.members):
        reading.refuse("members", "a member stands twice", "name each once", code="member-twice")
    if (spec.op == "k-of-n") != (spec.k is not None):
        reading.refuse("k", "k goes with op: k-of-n, and that needs it", "state both or neither", code="composite-k")
    if spec.k is not None and spec.k > len(spec.members):
        reading.refuse(
            "k", f"k is {spec.k}, but there are only {len(spec.members)} members", "lower k", code="composite-k"
        )
    minutes = reading.minutes("sliceLength", spec.slice_length) // timedelta(minutes=1)
    made: Method = Occurrences() if spec.op == "traffic" else Timeslices(Fraction(1), minutes)
    return _objectives(reading, metadata, spec, metadata.name, Term(target(reading, spec, needed=True), made), None)


def _objectives(
    reading: Reading,
    metadata: shapes.Metadata,
    spec: shapes.Asked,
    indicator_name: str,
    term: Term,
    bound: Bound | None,
) -> list[Objective]:
    labels = tuple((k, v if isinstance(v, str) else ",".join(v)) for k, v in sorted(metadata.labels.items()))
    if spec.effective_from is not None:
        reading.exactly("effectiveFrom", spec.effective_from, instant, "write it like 2026-03-01T00:00:00Z", None)
    hidden = reading.number("estimator.perMinute", spec.estimator.per_minute)
    if hidden < 0:
        reading.refuse("estimator.perMinute", "fewer than no events cannot be hidden", "give 0 or more", "bad-value")
    estimator, watched = Estimator(spec.estimator.name, hidden), watching(reading, spec.alerting)
    return [
        Objective(
            name=metadata.name, service=spec.service, indicator=indicator_name, terms=(term,), window=window,
            missing=spec.missing, no_traffic=spec.no_traffic, estimator=estimator,
            settle=reading.pause("settle", spec.settle),
            bound=bound, labels=labels, display_name=metadata.display_name,
            policy=spec.alerting.policy if spec.alerting else "", watching=watched, description=spec.description,
        )
        for window in windows(reading, spec)
    ]  # fmt: skip


def exclusion(reading: Reading, metadata: shapes.Metadata, spec: shapes.ExclusionSpec) -> Exclusion:
    """Read an Exclusion, its occurrences written out."""
    spans: tuple[Span, ...] = ()
    if (spec.end is None) == (spec.duration is None):
        reading.refuse("", "it needs exactly one of end and duration", "say how long it lasts", code="exclusion-length")
    else:
        try:
            length = (
                duration(spec.duration)
                if spec.duration
                else local(spec.end or "", zone(spec.timezone)) - local(spec.start, zone(spec.timezone))
            )
            spans = occurrences(spec.start, length, spec.timezone, spec.recurrence or "", spec.except_dates)
        except (ValueError, OverflowError) as error:
            reading.refuse(
                "start",
                str(error),
                "instants like 2026-01-04T03:00:00, rules like FREQ=WEEKLY;BYDAY=SU",
                code="exclusion-time",
            )
    allowance = None
    if spec.allowance is not None:
        reading.exactly("allowance.timezone", spec.allowance.timezone, zone, "use a name like Europe/Berlin", None)
        allowance = Allowance(
            reading.minutes("allowance.length", spec.allowance.length), spec.allowance.per, spec.allowance.timezone
        )
    return Exclusion(
        name=metadata.name, spans=spans, mode=spec.mode, kind=spec.kind,
        where=reading.predicate("where", spec.where) if spec.where else None, services=tuple(spec.services),
        objectives=tuple(spec.objectives), clause=spec.clause, approver=spec.approver, evidence=spec.evidence,
        allowance=allowance, mutes_paging=spec.mutes_paging,
    )  # fmt: skip


def calendar(reading: Reading, metadata: shapes.Metadata, spec: shapes.CalendarSpec) -> tuple[str, tuple[Span, ...]]:
    """Read a Calendar, its opening hours written out."""
    try:
        hours = [(h.days, h.open, h.close) for h in spec.hours]
        return metadata.name, opening_hours(hours, spec.timezone, spec.holidays, HOURS_SPAN)
    except ValueError as error:
        reading.refuse("hours", str(error), "times like 08:00, dates like 2026-12-25", code="calendar-time")
        return metadata.name, ()


def spent(reading: Reading, path: str, value: object) -> Fraction:
    """Return a share of a budget, which may exceed all of it: "120%".

    Args:
        reading: takes the mistakes.
        path: dotted path under spec.
        value: as it is written.
    """
    text = str(value)
    if text.endswith("%"):
        return Fraction(
            reading.exactly(path, text, lambda v: Fraction(v.rstrip("% ")) / 100, 'write it like "75%"', Fraction(1))
        )
    return reading.ratio(path, value)


def watching(reading: Reading, held: AlertingShape | None) -> Watching | None:
    """Read what of a promise is watched.

    Args:
        reading: takes the mistakes.
        held: as it is written, or None where nothing is.
    """
    if held is None:
        return None
    shares = {spent(reading, f"alerting.depletion.{n}", share) for n, share in enumerate(held.depletion)}
    if any(share <= 0 for share in shares):
        reading.refuse("alerting.depletion", "every budget has spent nothing", "give shares above 0", code="bad-value")
    return Watching(tuple(sorted(shares)), held.forecast, held.suspected_loss, held.blind)
