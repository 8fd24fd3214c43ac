"""Time windows and budgeting methods of OpenSLO documents, however their version writes them."""

from __future__ import annotations

from datetime import datetime, timedelta

from nines.definitions.openslo_rules import Path, Reading, calendar_rules, duration_rules, number_rules
from nines.objectives.method import Method, Occurrences, RatioTimeslices, Timeslices
from nines.objectives.window import CalendarUnit, CalendarWindow, RollingWindow, Window
from nines.reading import ratio

_LENGTHS = {"m": 1, "h": 60, "d": 1440, "w": 10080, "M": 43200, "Q": 129600, "Y": 525600}
_CALENDAR: dict[str, CalendarUnit] = {"d": "day", "w": "week", "M": "month", "Q": "quarter", "Y": "year"}
_ALPHA_UNITS = {"Minute": "m", "Hour": "h", "Day": "d", "Week": "w", "Month": "M", "Quarter": "Q", "Year": "Y"}


def method_of(reading: Reading, objective: Path) -> Method | None:
    """Return an objective's budgeting method, or None after noting what is wrong with it."""
    kind = reading.get("spec", "budgetingMethod")
    if kind not in ("Occurrences", "Timeslices", "RatioTimeslices"):
        reading.unclear(
            ("spec", "budgetingMethod"),
            f"budgetingMethod is {kind!r}",
            "write Occurrences, Timeslices or RatioTimeslices",
            "bad-choice",
        )
        return None
    if kind == "Occurrences":
        return Occurrences()
    length = reading.get(*objective, "timeSliceWindow")
    read = duration_rules(reading, (*objective, "timeSliceWindow"), "mhdwMQY") if isinstance(length, str) else None
    if length is None:
        reading.broken(
            objective, "timeSliceWindow is missing", "one minute is taken; add timeSliceWindow: 1m", "missing-field"
        )
    elif not isinstance(length, str) and (not isinstance(length, int) or isinstance(length, bool) or length < 1):
        at = (*objective, "timeSliceWindow")
        reading.unclear(at, f"{length!r} is no duration", "write it like 1m", "bad-duration")
        return None
    minutes = read[0] * _LENGTHS[read[1]] if read else length if isinstance(length, int) else 1
    if kind == "RatioTimeslices":
        return RatioTimeslices(minutes)
    aim = reading.get(*objective, "timeSliceTarget")
    number_rules(reading, (*objective, "timeSliceTarget"), above=0, most=1)
    if aim is None:
        reading.broken(
            objective, "timeSliceTarget is missing", "the target is taken; add timeSliceTarget: 0.95", "missing-field"
        )
        aim = reading.get(*objective, "target")
    try:
        return Timeslices(ratio(aim), minutes)
    except ValueError:
        return None  # its range was noted above


def window_of(reading: Reading) -> Window | None:
    """Return the one time window, noting what is wrong with it."""
    field = "timeWindows" if reading.get("spec", "timeWindows") is not None else "timeWindow"
    held = reading.items("spec", field)
    if len(held) != 1:
        reading.broken(
            ("spec", field),
            f"there is exactly one time window, not {len(held)}",
            "keep one; write one SLO for each",
            "one-window",
        )
    if not held:
        reading.unclear(
            ("spec",), "there is no time window", "add timeWindow: [{duration: 4w, isRolling: true}]", "missing-field"
        )
        return None
    at: Path = ("spec", field, 0)
    reading.fields(at, ("duration", "isRolling", "calendar", "unit", "count"))
    read = _length(reading, at)
    rolling = reading.get(*at, "isRolling") is True
    calendar = reading.get(*at, "calendar")
    if rolling and calendar is not None:
        reading.broken(at, "a rolling window has no calendar", "remove one of them", "rolling-calendar")
    if read is None:
        return None
    if rolling or calendar is None:
        if not rolling:
            reading.unclear(
                at,
                "a window that does not roll needs a calendar",
                "add calendar: {startTime, timeZone}",
                "missing-field",
            )
        return RollingWindow(timedelta(minutes=read[0] * _LENGTHS[read[1]]))
    return _calendar(reading, at, read)


def _length(reading: Reading, at: Path) -> tuple[int, str] | None:
    if reading.get(*at, "unit") is None:
        units = "mhdw" if "v2alpha" in str(reading.get("apiVersion")) else "mhdwMQY"
        return duration_rules(reading, (*at, "duration"), units, needed=True)
    unit, count = reading.get(*at, "unit"), reading.get(*at, "count")
    if str(unit) not in _ALPHA_UNITS or not isinstance(count, int) or not 1 <= count < 10**6:
        reading.unclear(
            at, f"{count!r} {unit!r} is no window", f"count and one of {', '.join(_ALPHA_UNITS)}", "bad-duration"
        )
        return None
    return count, _ALPHA_UNITS[unit]


def _calendar(reading: Reading, at: Path, read: tuple[int, str]) -> CalendarWindow | None:
    started: tuple[datetime, str] | None = calendar_rules(reading, (*at, "calendar"))
    if read[1] not in _CALENDAR:
        hint = (
            "1m is one minute; a month is 1M"
            if read[1] == "m"
            else "calendar windows are days, weeks, months, quarters or years"
        )
        reading.unclear(
            (*at, "duration"),
            f"a calendar window of {read[0]}{read[1]} is too short to be meant",
            hint,
            "short-calendar",
        )
        return None
    return None if started is None else CalendarWindow(_CALENDAR[read[1]], read[0], started[1], started[0])
