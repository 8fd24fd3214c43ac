"""Definitions while they are being gathered, by name; documents add to them one after the other."""

from __future__ import annotations

from dataclasses import dataclass, field

from nines.alerting.conditions import AlertCondition, AlertPolicy, AlertTarget
from nines.alerting.policy import BurnPolicy, ErrorBudgetPolicy
from nines.alerting.routing import Route
from nines.definitions import shapes
from nines.definitions.positions import Document
from nines.objectives.exclusion import Exclusion
from nines.objectives.indicator import Indicator
from nines.objectives.objective import Objective
from nines.spans import Span
from nines.telemetry.clocks_map import Compared
from nines.telemetry.datasource import DataSource
from nines.telemetry.journey import Journey


@dataclass
class Gathered:
    """Definitions while they are being gathered; see `Definitions` for most fields.

    Attributes:
        hours: objective -> Calendar whose hours count.
        route_hours: route -> Calendar in whose hours it holds.
        flawed: kind and name of definitions with a mistake of their own: what follows from it is not told again.
        trusted: indicators whose queries cannot be read into increments and were let pass with a note.
        foreign: burn policies that OpenSLO documents came to.
        derived: SLIs made of others, by name, until all are known.
        thresholds: OpenSLO threshold metrics by name: source and query; each objective has its own bound.
    """

    sources: dict[str, DataSource] = field(default_factory=dict)
    indicators: dict[str, Indicator] = field(default_factory=dict)
    objectives: list[Objective] = field(default_factory=list)
    services: dict[str, str] = field(default_factory=dict)
    exclusions: list[Exclusion] = field(default_factory=list)
    calendars: dict[str, tuple[Span, ...]] = field(default_factory=dict)
    policies: dict[str, BurnPolicy] = field(default_factory=dict)
    conditions: dict[str, AlertCondition] = field(default_factory=dict)
    alert_policies: dict[str, AlertPolicy] = field(default_factory=dict)
    targets: dict[str, AlertTarget] = field(default_factory=dict)
    budget_policies: dict[str, ErrorBudgetPolicy] = field(default_factory=dict)
    probes: dict[str, Journey] = field(default_factory=dict)
    clocks: dict[str, Compared] = field(default_factory=dict)
    routes: dict[str, Route] = field(default_factory=dict)
    route_hours: dict[str, str] = field(default_factory=dict)
    documents: dict[tuple[str, str], Document] = field(default_factory=dict)
    hours: dict[str, str] = field(default_factory=dict)
    flawed: set[tuple[str, str]] = field(default_factory=set)
    trusted: set[str] = field(default_factory=set)
    foreign: set[str] = field(default_factory=set)
    derived: dict[str, shapes.SLISpec] = field(default_factory=dict)
    thresholds: dict[str, tuple[str, str]] = field(default_factory=dict)

    def names(self, *kinds: str) -> set[str]:
        """Return the names that definitions of some kinds claim, the flawed ones too."""
        return {name for kind, name in {*self.documents, *self.flawed} if kind in kinds}
