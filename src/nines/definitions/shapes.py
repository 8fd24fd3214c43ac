"""The shape of every nines/v1 kind, as models: they check fields and types, and JSON Schema comes from them.

What needs other definitions (references, cycles) or exact reading (ratios, predicates) is checked after the shape.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from nines.definitions.alert_shapes import (
    AlertConditionSpec,
    AlertingShape,
    AlertNotificationTargetSpec,
    AlertPolicySpec,
    BurnPolicySpec,
    ErrorBudgetPolicySpec,
)
from nines.definitions.journey_shapes import ProbeSpec
from nines.definitions.notify_shapes import RouteSpec
from nines.definitions.words import Length, Name, Number, Ratio, Shape
from nines.telemetry.datasource import SourceType


class Metadata(Shape):
    """Who a definition is."""

    name: Name
    display_name: str = Field("", alias="displayName", description="Name for people.")
    labels: dict[str, str | list[str]] = Field(default_factory=dict, description="Labels to filter and route by.")
    annotations: dict[str, str] = Field(default_factory=dict, description="Anything else worth keeping beside it.")


class HeartbeatShape(Shape):
    """How silence is told from quiet."""

    gap: Length = "5m"
    where: str = ""


class RateShape(Shape):
    """One rate at which every row was kept."""

    rate: Ratio


class DataSourceSpec(Shape):
    """Where measurements come from."""

    type: SourceType
    columns: dict[str, str] = Field(
        default_factory=dict, description="Event column: the source's column or an SQL expression over them."
    )
    options: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="What the type needs beside."
    )
    heartbeat: HeartbeatShape = Field(default_factory=HeartbeatShape)
    settle: str = Field(
        "0s",
        description="How long after an edge its data is waited for: a length, or `auto` to learn it from lateness.",
    )
    settle_cap: Length | None = Field(
        None, alias="settleCap", description="Longest wait that `settle: auto` may learn; 15m unless given."
    )
    description: str = ""
    sampling: Literal["all", "declared"] | RateShape | None = Field(
        None,
        description="What a row without a weight stands for: itself (all), nobody can say (declared), or the same for "
        "every row (a rate). Unless given: declared for otlp traces, all for the rest.",
    )
    sites: list[Name] = Field(default_factory=list, description="Places it is measured at, each with its own silence.")


class StatesShape(Shape):
    """A state holds until the next row or maxHold."""

    good: str = Field(description="Predicate that is true while up.")
    max_hold: Length = Field("1h", alias="maxHold")
    key: str = ""


class ThresholdShape(Shape):
    """Each sample is held against a bound and counted."""

    value: str = Field(description="Column, expression or query that gives the value.")
    op: Literal["lt", "lte", "gt", "gte"] = "lte"
    bound: Number


class ValuesShape(Shape):
    """Values kept as a sketch, for threshold objectives."""

    value: str
    relative_error: Ratio = Field(0.01, alias="relativeError")


class SessionShape(Shape):
    """What a user session is, and when it is good."""

    key: str = Field("session", description="Column or attribute that names the session.")
    gap: Length = Field("30m", description="Longest pause within a session; it is closed after it.")
    good: Literal["all", "any", "last"] | Ratio = Field(
        "all", description="When it is good: all its events, any, the last, or at least a share of them."
    )


class ClocksShape(Shape):
    """Two clocks that a duration is made from."""

    hosts: list[str] = Field(
        min_length=2, max_length=2, description="Hosts whose clocks gave the first and the second instant."
    )
    against: str = Field(description="What the durations are held against, as 300ms; the clocks must allow 5 % of it.")


class CombineShape(Shape):
    """Two other SLIs as one, by a stated rule."""

    rule: Literal["users", "probes", "worst", "users-with-probe-fallback", "weighted"]
    users: Name = Field(description="SLI of users' events.")
    probes: Name = Field(description="SLI of tries.")
    users_weight: Number = Field(1, alias="usersWeight", description="For weighted: what an event counts.")
    probes_weight: Number = Field(1, alias="probesWeight", description="For weighted: what a try counts.")
    minute_target: Ratio = Field("99%", alias="minuteTarget", description="For worst: what makes a minute good.")
    fill_silent: bool = Field(
        default=True,
        alias="fillSilent",
        description="For users-with-probe-fallback: whether probes speak too where the users' source was silent.",
    )


class QuorumShape(Shape):
    """One SLI at several locations; one that fails alone is no outage."""

    of: Name = Field(description="SLI of events that have a site.")
    probe: Name | None = Field(None, description="Probe that says locations, quorum and distance of tries.")
    locations: list[Name] | None = Field(None, description="Sites; those of the source or the probe unless given.")
    needed: int | None = Field(None, ge=1, description="Locations that make an outage; the majority of those heard.")
    hold: Length | None = Field(None, description="How long a try speaks: the distance of tries.")
    minute_target: Ratio = Field("100%", alias="minuteTarget", description="What makes a location's minute good.")


class SLISpec(Shape):
    """Which measurements tell good from bad; exactly one way of saying it."""

    source: Name | None = Field(None, description="DataSource; needed by all ways but combine and quorum.")
    where: str = ""
    good: str | None = None
    bad: str | None = None
    total: str | None = None
    on_null: Literal["unknown", "bad", "good", "ignore"] = Field("unknown", alias="onNull")
    scope: Literal["event", "session", "window"] = "event"
    assign: Literal["end", "start"] = "end"
    session: SessionShape | None = Field(None, description="The session rule; needed for session scope.")
    states: StatesShape | None = None
    threshold: ThresholdShape | None = None
    values: ValuesShape | None = None
    query: str | None = None
    clocks: ClocksShape | None = Field(
        None, description="For durations made from instants of two hosts: untrusted where their clocks are unsure."
    )
    combine: CombineShape | None = None
    quorum: QuorumShape | None = None
    raw_type: Literal["success", "failure"] = Field("success", alias="rawType")
    description: str = ""


class CalendarWindowShape(Shape):
    """A calendar period in a time zone."""

    calendar: Literal["day", "week", "month", "quarter", "year"]
    count: int = Field(1, ge=1, le=120)
    timezone: str = "UTC"
    anchor: str | None = Field(None, description="Local wall-clock start of one period, as 2026-04-01T00:00:00.")
    day_rule: Literal["overflow", "clamp"] = Field("overflow", alias="dayRule")


WindowShape = Annotated[
    Length | CalendarWindowShape, Field(description="30d, or {calendar: month, timezone: Europe/Berlin}.")
]


class EstimatorShape(Shape):
    """How many events silence is taken to have hidden."""

    name: Literal["window-mean", "stated", "none"] = "window-mean"
    per_minute: Number = Field(0, alias="perMinute")


class BoundShape(Shape):
    """An aggregate held against a bound."""

    aggregate: Literal["p50", "p75", "p90", "p95", "p99", "p999", "mean", "min", "max", "sum", "count", "uptime"]
    op: Literal["lt", "lte", "gt", "gte"] = "lte"
    value: Number


class Asked(Shape):
    """What an SLO and a Composite both say."""

    service: Name
    target: Ratio | None = None
    target_percent: Number | None = Field(None, alias="targetPercent")
    window: WindowShape | None = None
    windows: list[WindowShape] | None = None
    missing: Literal["unknown", "ignore", "good", "bad", "last"] = "unknown"
    no_traffic: Literal["skip", "good", "bad"] = Field("skip", alias="noTraffic")
    estimator: EstimatorShape = Field(default_factory=lambda: EstimatorShape.model_validate({}))
    settle: str = "0s"
    hours: Name | None = Field(None, description="Calendar whose hours count.")
    alerting: AlertingShape | None = None
    effective_from: str | None = Field(None, alias="effectiveFrom")
    slice_length: Length = Field("1m", alias="sliceLength")
    description: str = ""


class SLOSpec(Asked):
    """A target on an indicator over one or more windows."""

    indicator: Name
    budgeting_method: Literal["Occurrences", "Timeslices", "RatioTimeslices"] = Field(
        "Occurrences", alias="budgetingMethod"
    )
    time_slice_target: Ratio | None = Field(None, alias="timeSliceTarget")
    threshold: BoundShape | None = None


class CompositeSpec(Asked):
    """Other objectives as one."""

    op: Literal["and", "or", "k-of-n", "traffic"] = "and"
    members: list[Name] = Field(min_length=2, max_length=1000)
    k: int | None = Field(None, ge=1)


class ServiceSpec(Shape):
    """What promises are about."""

    description: str = ""
    owner: str = ""


class AllowanceShape(Shape):
    """At most so much excluded time per period."""

    length: Length
    per: Literal["day", "week", "month", "quarter", "year"] = "month"
    timezone: str = "UTC"


class ExclusionSpec(Shape):
    """Time, or events in it, that does not count."""

    start: str = Field(description="Instant, or local wall clock with `timezone`.")
    end: str | None = None
    duration: Length | None = None
    timezone: str = "UTC"
    recurrence: str | None = Field(None, description="RRULE, as FREQ=WEEKLY;BYDAY=SU.")
    except_dates: list[str] = Field(default_factory=list, alias="exceptDates")
    mode: Literal["drop-events", "shrink-denominator", "count-as-good"] = "drop-events"
    kind: Literal["scheduled", "excluded"] = Field("scheduled", alias="class")
    where: str | None = None
    services: list[Name] = Field(default_factory=list)
    objectives: list[Name] = Field(default_factory=list)
    clause: str = ""
    approver: str = ""
    evidence: str = ""
    allowance: AllowanceShape | None = None
    mutes_paging: bool = Field(default=False, alias="mutesPaging")
    description: str = ""


class HoursShape(Shape):
    """Opening hours of some weekdays."""

    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = Field(min_length=1)
    open: str = Field(description="Local time, as 08:00.")
    close: str = Field(description="Local time, as 18:00 or 24:00.")


class CalendarSpec(Shape):
    """Business hours and holidays."""

    timezone: str = "UTC"
    hours: list[HoursShape] = Field(min_length=1)
    holidays: list[str] = Field(default_factory=list, description="Dates that are closed, as 2026-12-25.")
    description: str = ""


#: Kind -> shape of its spec. Adding a kind is a shape, a row here and a reader.
SPECS: dict[str, type[Shape]] = {
    "DataSource": DataSourceSpec,
    "SLI": SLISpec,
    "SLO": SLOSpec,
    "Composite": CompositeSpec,
    "Service": ServiceSpec,
    "Exclusion": ExclusionSpec,
    "Calendar": CalendarSpec,
    "BurnPolicy": BurnPolicySpec,
    "AlertPolicy": AlertPolicySpec,
    "AlertCondition": AlertConditionSpec,
    "AlertNotificationTarget": AlertNotificationTargetSpec,
    "ErrorBudgetPolicy": ErrorBudgetPolicySpec,
    "Probe": ProbeSpec,
    "Route": RouteSpec,
}


def schema(kind: str) -> dict[str, Any]:
    """Return the JSON Schema of one nines/v1 kind.

    Args:
        kind: a key of `SPECS`.

    Raises:
        KeyError: there is no such kind.
    """
    spec, metadata = SPECS[kind].model_json_schema(by_alias=True), Metadata.model_json_schema(by_alias=True)
    shared = {**metadata.pop("$defs", {}), **spec.pop("$defs", {})}
    return {
        "type": "object",
        "title": kind,
        "description": SPECS[kind].__doc__,
        "properties": {
            "apiVersion": {"const": "nines/v1"},
            "kind": {"const": kind},
            "metadata": metadata,
            "spec": spec,
        },
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": False,
        "$defs": shared,
    }


def schema_all() -> dict[str, Any]:
    """Return one JSON Schema that takes a document of any kind, chosen by its `kind`."""
    found = {kind: schema(kind) for kind in SPECS}
    shared: dict[str, Any] = {}
    for one in found.values():
        shared.update(one.pop("$defs"))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "nines definitions",
        "oneOf": list(found.values()),
        "$defs": shared,
    }
