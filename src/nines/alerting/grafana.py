"""A Grafana dashboard over the series that the exact form records: budget, burn rates, counts and what is known."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from nines.alerting.rules import Exported

#: Version of Grafana's dashboard schema that is written.
SCHEMA_VERSION = 39
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_CHOSEN = 'service=~"$service", objective=~"$objective"'
_NAME = "{{objective}}"


def _of(series: str, window: str) -> str:
    """Return the selector of a recorded series over one lookback."""
    return f'nines:{series}{{{_CHOSEN}, window="{window}"}}'


def dashboard(found: Sequence[Exported]) -> dict[str, Any]:
    """Return a dashboard as Grafana imports it; the Prometheus is chosen there.

    Args:
        found: the objectives; they give the title's identity and the thresholds' colours their meaning.
    """
    keys = ",".join(sorted(e.objective.key for e in found))
    return {
        "uid": "nines-" + hashlib.sha256(keys.encode()).hexdigest()[:16],
        "title": "Service levels",
        "tags": ["nines"],
        "timezone": "utc",
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "refresh": "1m",
        "time": {"from": "now-24h", "to": "now"},
        "templating": {"list": [_source(), *(_variable(n) for n in ("service", "objective"))]},
        "annotations": {"list": [_annotation()]},
        "panels": [_panel(n, *p) for n, p in enumerate(_PANELS, start=1)],
    }


def _source() -> dict[str, Any]:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "refresh": 1}


def _variable(name: str) -> dict[str, Any]:
    limit = '{service=~"$service"}' if name == "objective" else ""
    return {
        "name": name,
        "label": name.title(),
        "type": "query",
        "datasource": _SOURCE,
        "refresh": 2,
        "sort": 1,
        "query": f"label_values(nines:slo:sli{limit}, {name})",
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _annotation() -> dict[str, Any]:
    return {
        "name": "Alerts",
        "datasource": _SOURCE,
        "enable": True,
        "iconColor": "red",
        "expr": f'ALERTS{{alertname=~"Nines.*", alertstate="firing", {_CHOSEN}}}',
        "titleFormat": "{{alertname}} {{rule}}",
    }


#: Panels: title, kind, (expression, legend) each, unit, then column, row and width on the board.
_FIRING = f'ALERTS{{alertname=~"Nines.*", alertstate="firing", {_CHOSEN}}}'
_BURN = f'nines:slo:burn_rate{{{_CHOSEN}, window=~"5m|1h|6h|3d"}}'
_PANELS: tuple[tuple[str, str, tuple[tuple[str, str], ...], str, tuple[int, int, int]], ...] = (
    ("Budget left", "stat", ((f"nines:slo:budget_remaining{{{_CHOSEN}}}", _NAME),), "percentunit", (0, 0, 8)),
    ("Known share of the last hour", "stat", ((_of("slo:coverage", "1h"), _NAME),), "percentunit", (8, 0, 8)),
    ("Firing alerts", "table", ((_FIRING, ""),), "none", (16, 0, 8)),
    ("Burn rate", "timeseries", ((_BURN, f"{_NAME} {{{{window}}}}"),), "none", (0, 8, 12)),
    ("Service level over a day", "timeseries", ((_of("slo:sli", "1d"), _NAME),), "percentunit", (12, 8, 12)),
    (
        "Good and bad units in five minutes",
        "timeseries",
        tuple((_of(f"sli_window:{k}", "5m"), f"{_NAME} {k}") for k in ("good", "bad")),
        "short",
        (0, 16, 24),
    ),
)


def _panel(
    number: int, title: str, kind: str, asked: Sequence[tuple[str, str]], unit: str, place: tuple[int, int, int]
) -> dict[str, Any]:
    column, row, width = place
    return {
        "id": number,
        "title": title,
        "type": kind,
        "datasource": _SOURCE,
        "targets": [_target(n, kind, *one) for n, one in enumerate(asked)],
        "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
        "options": {},
        "gridPos": {"x": column, "y": row, "w": width, "h": 8},
    }


def _target(number: int, kind: str, expr: str, legend: str) -> dict[str, Any]:
    line = kind == "timeseries"
    found = {"refId": chr(65 + number), "datasource": _SOURCE, "expr": expr, "legendFormat": legend}
    return {**found, "instant": not line, "range": line, **({"format": "table"} if kind == "table" else {})}
