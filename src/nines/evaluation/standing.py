"""The standing: the answer to "how do we stand", as one plain value.

Its JSON names are a promise to scripts (see docs/reference/standing). Fractions stay exact in the value
and are rounded only where shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Literal

from nines.errors import Problem
from nines.objectives.counts import Counts
from nines.spans import Span
from nines.telemetry.settling import Newest, Settling

Verdict = Literal["met", "missed", "at-risk", "unknown"]
Basis = Literal["slices of the window", "events of the window", "forecast of the period's events"]


@dataclass(frozen=True, slots=True)
class Range:
    """The least and the most a figure can be, both possible."""

    low: Fraction
    high: Fraction


@dataclass(frozen=True, slots=True)
class Period:
    """The budget of the whole window or period, in the method's units.

    Attributes:
        allowed: bad units the period allows, b * N_period summed over revisions.
        spent: bad units so far.
        expected_units: N_period; exact for slices and for full rolling windows, else a forecast.
        units_range: least and most N_period when it is a forecast, else None.
        basis: how N_period was found.
    """

    allowed: Fraction
    spent: Fraction
    expected_units: Fraction
    basis: Basis
    units_range: Range | None = None
    allowed_range: Range | None = None

    @property
    def remaining(self) -> Fraction:
        """Bad units left, negative when overspent."""
        return self.allowed - self.spent

    @property
    def spent_ratio(self) -> Fraction | None:
        """Spent / allowed; 0 when nothing was spent; None when something was and nothing is allowed."""
        if self.allowed:
            return self.spent / self.allowed
        return Fraction(0) if not self.spent else None

    @property
    def remaining_ratio(self) -> Fraction | None:
        """1 - spent_ratio, may be negative, or None where that has no value."""
        spent = self.spent_ratio
        return None if spent is None else 1 - spent


@dataclass(frozen=True, slots=True)
class SampleInterval:
    """Limits of a figure that rests on sampled events.

    Attributes:
        low: lower limit, rounded down.
        high: upper limit, rounded up.
        confidence: share of samples whose limits hold the true figure, 0..1.
    """

    low: float
    high: float
    confidence: Fraction


@dataclass(frozen=True, slots=True)
class Burn:
    """How many times faster than allowed the budget goes, over one lookback window.

    Attributes:
        rate: e / b, >= 0, or None when nothing is known (or T = 1).
        low: rate in the best case silence could hide, or None without an estimate.
        high: rate in the worst case.
        coverage: known share of the window's counted minutes, 0..1.
        interval: limits of the rate where events are sampled, else None.
    """

    rate: Fraction | None
    low: Fraction | None = None
    high: Fraction | None = None
    coverage: Fraction = Fraction(1)
    interval: SampleInterval | None = None


@dataclass(frozen=True, slots=True)
class Exhaustion:
    """When the budget would be gone if the recent past went on.

    Attributes:
        at: instant from the middle lookback, or None when it lasts the projection out.
        low: earliest instant over the lookbacks, or None.
        high: latest instant over the lookbacks, or None.
        formula: the rule that gave it, in words and symbols.
    """

    at: datetime | None
    low: datetime | None
    high: datetime | None
    formula: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The figures that exclusions may change; a standing has them with and without.

    Attributes:
        counts: events of the elapsed window.
        units_good: good units by the method (events, slices or slice shares), imputed ones included.
        units_bad: bad units likewise.
        sli: units_good / (units_good + units_bad), or None when nothing is known.
        bounds: least and most the SLI can be given what is unknown, or None without an estimate.
        coverage: known share of the counted minutes, 0..1.
        to_date_ratio: spent share of the budget the elapsed units allow, or None.
        period: budget of the whole window, or None for threshold objectives.
    """

    counts: Counts
    units_good: Fraction
    units_bad: Fraction
    sli: Fraction | None
    bounds: Range | None
    coverage: Fraction
    to_date_ratio: Fraction | None
    period: Period | None

    @property
    def doubt(self) -> Fraction | None:
        """Units that are not known, worked back from the bounds; None without bounds or without known units.

        Example: 90 good, 0 bad, bounds 0.9 to 1 leave 10 units in doubt.
        """
        units = self.units_good + self.units_bad
        if self.bounds is None or not units:
            return None
        width = self.bounds.high - self.bounds.low
        return units * width / (1 - width)

    @property
    def remaining_range(self) -> Range | None:
        """Least and most share of the period's budget that is left, or None where either has no value."""
        if self.period is None or not self.period.allowed or self.doubt is None:
            return None
        spent, allowed = self.period.spent, self.period.allowed
        return Range(1 - (spent + self.doubt) / allowed, 1 - spent / allowed)


@dataclass(frozen=True, slots=True)
class Aggregated:
    """A threshold objective's figure.

    Attributes:
        aggregate: name of the figure, as "p95".
        value: estimate, or None when no value is known.
        low: least it can be, by the sketch's error.
        high: most it can be.
        bound: what it is held against.
        op: comparison kept when met.
        samples: number of values, >= 0.
    """

    aggregate: str
    value: Fraction | None
    low: Fraction | None
    high: Fraction | None
    bound: Fraction
    op: str
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one objective stands at an instant, with all that is needed to ask again.

    Attributes:
        at: instant asked about.
        known_at: instant up to which knowledge was used, or None for all that is known now.
        window: the elapsed window [start, end); `period_end` is its end on the calendar.
        outcome: figures with exclusions applied.
        without_exclusions: the same figures as if there were none.
        exclusions: names of the exclusions applied.
        data_version: last flush sequence seen, or None.
        fingerprint: SHA-256 over what must be equal after replay.
        interval: limits of the SLI where events are sampled, else None.
        spent_interval: limits of the spent share of the budget to date likewise.
        settling: how long its source was waited for and why, or None for composites and for files.
        newest: how complete the window's last minutes are, or None where lateness is not known.
        rule: what made the counts where they are made of others' counts, and what it did in the window; else "".
    """

    objective: str
    service: str
    tenant: str
    at: datetime
    known_at: datetime | None
    window: Span
    window_kind: str
    window_label: str
    period_end: datetime
    target: Fraction
    method: str
    unit: str
    verdict: Verdict
    outcome: Outcome
    without_exclusions: Outcome
    burn_rates: dict[str, Burn]
    exhaustion: Exhaustion | None
    exclusions: tuple[str, ...]
    problems: tuple[Problem, ...]
    revision: int
    data_version: int | None
    fingerprint: str
    aggregated: Aggregated | None = None
    interval: SampleInterval | None = None
    spent_interval: SampleInterval | None = None
    labels: dict[str, str] = field(default_factory=dict)
    settling: Settling | None = None
    newest: Newest | None = None
    rule: str = ""
