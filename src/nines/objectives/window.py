"""The windows a promise is counted over: rolling lengths and calendar periods.

Where a calendar period begins and ends is worked out in `nines.objectives.period`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Literal

from nines.reading import duration_text

CalendarUnit = Literal["day", "week", "month", "quarter", "year"]
DayRule = Literal["overflow", "clamp"]

#: Nominal days of a calendar unit, for factors of burn policies only (Google SRE Workbook's f = share * W / L).
NOMINAL_DAYS: dict[CalendarUnit, int] = {"day": 1, "week": 7, "month": 30, "quarter": 90, "year": 365}


@dataclass(frozen=True, slots=True)
class RollingWindow:
    """The last `length` of time, ending at the last settled grid edge.

    Attributes:
        length: whole minutes, > 0.
    """

    length: timedelta
    kind: ClassVar[Literal["rolling"]] = "rolling"

    @property
    def label(self) -> str:
        """Short name, as "30d"."""
        return duration_text(self.length)

    @property
    def nominal(self) -> timedelta:
        """Length that burn-rate factors are derived from."""
        return self.length


@dataclass(frozen=True, slots=True)
class CalendarWindow:
    """A calendar period in a time zone; wall clock is kept across DST.

    Attributes:
        unit: day, week, month, quarter or year.
        count: how many units one period has, >= 1.
        zone: IANA time-zone name.
        anchor: local wall-clock start of one period; all others are anchor + n periods, never
            iterated. None: 1970-01-01T00:00 (for weeks the Monday 1970-01-05). A fiscal year is
            unit "year" with its first day as the anchor.
        rule: what becomes of a day that the month lacks: "overflow" (31 Jan + 1 month = 2 or 3 Mar) or "clamp".
    """

    unit: CalendarUnit
    count: int = 1
    zone: str = "UTC"
    anchor: datetime | None = None
    rule: DayRule = "overflow"
    kind: ClassVar[Literal["calendar"]] = "calendar"

    @property
    def label(self) -> str:
        """Short name, as "month" or "2-weeks"."""
        return self.unit if self.count == 1 else f"{self.count}-{self.unit}s"

    @property
    def nominal(self) -> timedelta:
        """Nominal length that burn-rate factors are derived from (a month has 30 days)."""
        return timedelta(days=NOMINAL_DAYS[self.unit] * self.count)


Window = RollingWindow | CalendarWindow
