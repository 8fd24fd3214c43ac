"""The shape of a Route."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from nines.definitions.words import Length, Name, Shape

Grave = Literal["page", "ticket", "note"]


class QuietShape(Shape):
    """Hours in which what is not grave waits."""

    begins: str = Field(alias="from", description="Local wall clock, as 22:00.")
    ends: str = Field(alias="to", description="Local wall clock, as 07:00.")
    timezone: str = "UTC"
    passing: list[Grave] = Field(default_factory=lambda: list[Grave](["page"]), alias="except")


class DigestShape(Shape):
    """A time of day at which what has gathered is told at once."""

    at: str = Field(description="Local wall clock, as 08:00.")
    timezone: str = "UTC"
    severities: list[Grave] = Field(default_factory=lambda: list[Grave](["ticket", "note"]))


class RouteSpec(Shape):
    """Where some messages go."""

    match: dict[str, str | list[str] | None] = Field(
        default_factory=dict,
        description="service, objective, kind, severity or a label: one value or several, * at the end takes the rest.",
    )
    targets: list[Name] = Field(min_length=1, max_length=20)
    order: int = Field(100, ge=0, le=10_000, description="Routes are tried from the lowest.")
    goes_on: bool = Field(default=False, alias="continue", description="Whether later routes are tried as well.")
    hours: Name | None = Field(None, description="Calendar in whose hours it holds.")
    group_by: list[str] = Field(default_factory=list, alias="groupBy", description="Labels told together.")
    group_wait: Length = Field("30s", alias="groupWait")
    quiet: QuietShape | None = None
    digest: DigestShape | None = None
    remind_after: Length | None = Field(None, alias="remindAfter", description="Told again when nobody took it on.")
    escalate_to: list[Name] = Field(default_factory=list, alias="escalateTo", max_length=10)
    description: str = ""
