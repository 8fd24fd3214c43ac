"""Pages of where measurements come from: sources, and the sites and agents they are measured at.

One rule: they show what is heard and what is not; nothing that is not heard is shown as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from starlette.responses import Response

from nines.operations import showing_sources as shown
from nines.operations.sites import Sites, sites
from nines.operations.sources import SourceReport, sources
from nines.pages.asking import asked
from nines.pages.row import State
from nines.pages.visit import Visit

#: Word -> class of the design system, which gives it shape and colour.
STATES = {"fresh": "met", "not in force": "risk", "degraded": "risk", "silent": "unknown", "never heard": "unknown"}
#: Changes of what agents do that are shown.
MOST_STEPS = 50


def sources_page(visit: Visit) -> Response:
    """Return the page of sources."""
    question = asked(visit.words, visit.now)
    reports = sources(visit.house, visit.who, at=question.at)
    return visit.page("sources.html", {"asked": question, **source_values(reports, question.at)}, here="/sources")


def source_values(reports: Sequence[SourceReport], at: datetime) -> dict[str, Any]:
    """Return sources as lines of tables, with what is wrong with them."""
    return {"rows": [_source_row(r, at) for r in reports], "found": [p for r in reports for p in r.problems]}


def _source_row(report: SourceReport, at: datetime) -> dict[str, Any]:
    fresh = report.freshness
    return {
        **{name.replace(" ", "_"): value for name, value in shown.source_row(report, at).items()},
        "name": report.name,
        "state": _state(shown.source_state(report)),
        "arrival": shown.ago(fresh.arrival, at),
        "first": f"{fresh.first:%Y-%m-%d %H:%M}" if fresh.first is not None else "",
    }


def sites_page(visit: Visit) -> Response:
    """Return the page of sites and agents."""
    question = asked(visit.words, visit.now)
    found = sites(visit.house, visit.who, at=question.at)
    return visit.page("sites.html", {"asked": question, **site_values(found, question.at)}, here="/sites")


def site_values(found: Sites, at: datetime) -> dict[str, Any]:
    """Return sites and agents as lines of tables, with what is wrong with them."""
    silent = sum(report.seen.silent for report in found.sites)
    steps = [row for agent in found.agents if len(agent.steps) > 1 for row in shown.step_rows(agent)]
    return {
        "sites": [{**_plain(shown.site_row(one, at)), "state": _state(shown.site_state(one))} for one in found.sites],
        "agents": [
            {**_plain(shown.agent_row(one, at)), "state": _state(shown.agent_state(one))} for one in found.agents
        ],
        "steps": steps[:MOST_STEPS],
        "silent": silent,
        "found": found.problems,
    }


def _plain(row: dict[str, object]) -> dict[str, object]:
    return {name.replace(" ", "_"): value for name, value in row.items()}


def _state(word: str) -> State:
    return State(STATES[word], word)
