"""The shapes of answers, for the OpenAPI document: what `standing_json` and its like give, field by field.

One rule: an answer is never put through these shapes at run time; a test holds each to what is really answered.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Shape(BaseModel):
    """What all shapes share: no unknown fields."""

    model_config = ConfigDict(extra="forbid")


class ProblemShape(Shape):
    """One thing that is wrong, told so that a person can act on it."""

    where: str
    what: str
    fix: str
    severity: Literal["error", "warning", "note"]
    code: str


class Failure(Shape):
    """A problem document (RFC 9457) with every mistake."""

    type: str
    title: str
    status: int
    detail: str
    problems: list[ProblemShape]


#: How every failure is answered.
PROBLEM: dict[str, Any] = {
    "description": "What is wrong, and how to go on",
    "content": {"application/problem+json": {"schema": Failure.model_json_schema()}},
}


class RangeShape(Shape):
    """The least and the most a figure can be."""

    low: float
    high: float


class CountsShape(Shape):
    """Events of the elapsed window."""

    good: int | float
    bad: int | float
    total: int | float
    unknown: int | float
    excluded: int | float


class IntervalShape(Shape):
    """Limits of a figure that rests on sampled events; the confidence is the share of samples whose limits hold it."""

    low: float
    high: float
    confidence: float


class PeriodShape(Shape):
    """Budget of the whole window or period, in the method's units."""

    allowed: float
    spent: float
    remaining: float
    spent_ratio: float | None
    remaining_ratio: float | None
    expected_units: float
    units_range: RangeShape | None
    basis: str


class BudgetShape(Shape):
    """Two figures, never confused: over the elapsed part, and over the whole period."""

    to_date_ratio: float | None
    interval: IntervalShape | None = Field(description="Limits of to_date_ratio where events are sampled.")
    period: PeriodShape | None


class OutcomeShape(Shape):
    """The figures that exclusions may change."""

    counts: CountsShape
    sli: float | None = Field(description="Good share 0..1, or null when nothing is known.")
    exact: str | None = Field(description="The same as an exact fraction.")
    bounds: RangeShape | None = Field(description="Least and most it can be, given what is unknown.")
    coverage: float = Field(description="Known share of the minutes that count, 0..1.")
    budget: BudgetShape


class WindowShape(Shape):
    """The elapsed window, half open, and the end of its period."""

    start: AwareDatetime
    end: AwareDatetime
    kind: Literal["rolling", "calendar"]
    label: str
    period_end: AwareDatetime


class BurnShape(Shape):
    """How many times faster than allowed the budget goes."""

    rate: float | None
    low: float | None
    high: float | None
    coverage: float
    interval: IntervalShape | None = Field(description="Limits of the rate where events are sampled.")


class ExhaustionShape(Shape):
    """When the budget would be gone if the recent past went on."""

    at: AwareDatetime | None
    low: AwareDatetime | None
    high: AwareDatetime | None
    formula: str


class ThresholdShape(Shape):
    """A threshold objective's figure and its bound."""

    aggregate: str
    value: float | None
    low: float | None
    high: float | None
    op: str
    bound: float
    samples: int


class DelaysShape(Shape):
    """How late events of one outcome came."""

    seen: int
    p50_s: float | None
    p99_s: float | None


class NewestShape(Shape):
    """How complete the last minutes of a window are."""

    minutes: int
    good_complete: float | None
    bad_complete: float | None
    bad_ratio: float | None
    bad_ratio_corrected: float | None
    biased: bool


class SettlingShape(Shape):
    """How long a source is waited for, and why."""

    settle_s: float
    basis: Literal["stated", "learned", "capped", "not learned yet"]
    cap_s: float | None
    learned_from: AwareDatetime | None
    learned_until: AwareDatetime | None
    good: DelaysShape | None
    bad: DelaysShape | None
    apart: bool | None = Field(description="Whether good and bad events were told apart.")
    newest: NewestShape | None


class StandingShape(OutcomeShape):
    """How one objective stands, with all that is needed to ask again."""

    objective: str
    service: str
    tenant: str
    labels: dict[str, str]
    at: AwareDatetime
    known_at: AwareDatetime | None
    window: WindowShape
    interval: IntervalShape | None
    target: float
    verdict: Literal["met", "missed", "at-risk", "unknown"]
    method: str
    unit: str
    rule: str
    burn_rates: dict[str, BurnShape]
    exclusions: list[str]
    without_exclusions: OutcomeShape
    exhaustion: ExhaustionShape | None
    threshold: ThresholdShape | None
    settling: SettlingShape | None
    problems: list[ProblemShape]
    revision: int
    data_version: int | None
    fingerprint: str


class StandingsShape(Shape):
    """One page of standings."""

    total: int
    offset: int
    next: str | None = Field(description="Address of the next page, or null on the last.")
    standings: list[StandingShape]


class ObjectiveShape(Shape):
    """An objective in force, without its standing."""

    key: str
    name: str
    display_name: str
    description: str
    service: str
    indicator: str
    window: str
    target: float
    method: str
    revision: int
    labels: dict[str, str]


class ObjectivesShape(Shape):
    """Objectives in force."""

    total: int
    offset: int
    next: str | None
    objectives: list[ObjectiveShape]


class ReceiptShape(Shape):
    """What an acknowledged batch got."""

    receipt: int
    rows: int
    duplicate: bool


class CheckShape(Shape):
    """What a check found."""

    ok: bool
    summary: str
    problems: list[ProblemShape]
