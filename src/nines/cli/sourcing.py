"""Commands about where measurements come from: sources, sites."""

from __future__ import annotations

from typing import Annotated

import typer

from nines.cli.options import DataOption, FormatOption, TenantOption, now, open_local
from nines.cli.output import Format, document, rows, tell_problems

SOURCES = (
    "source", "type", "state", "last event", "wait", "good late", "bad late", "rows", "waiting", "lossy", "repeated",
    "identical", "refused", "unnamed", "lost", "gaps",
)  # fmt: skip
SITES = ("source", "site", "state", "last heard", "share", "rows", "silent", "left unknown")
AGENTS = (
    "site", "machine", "state", "told", "does", "cpu", "memory", "sends", "disk", "waiting", "receipts", "refused",
    "lost rows", "bad lines",
)  # fmt: skip


def sources(data: DataOption = None, tenant: TenantOption = None, form: FormatOption = Format.table) -> None:
    """Tell of every source how fresh it is, how late its rows come, and what of it was not kept."""
    from nines.operations import showing_sources, sources

    house, who = open_local(data, tenant)
    at = now()
    found = sources.sources(house, who, at=at)
    tell_problems([p for report in found for p in report.problems])
    if form is Format.json:
        document([showing_sources.source_json(report) for report in found])
        return
    rows(SOURCES, [showing_sources.source_row(report, at) for report in found], form)


def sites(
    agents: Annotated[bool, typer.Option("--agents", help="Tell of the edge agents instead.")] = False,
    data: DataOption = None,
    tenant: TenantOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Tell of every site of every source whether it is heard, and what its silence leaves unknown."""
    from nines.operations import showing_sources, sites

    house, who = open_local(data, tenant)
    at = now()
    found = sites.sites(house, who, at=at)
    tell_problems(found.problems)
    if form is Format.json:
        told = map(showing_sources.agent_json, found.agents) if agents else map(showing_sources.site_json, found.sites)
        document(list(told))
    elif agents:
        rows(AGENTS, [showing_sources.agent_row(agent, at) for agent in found.agents], form)
    else:
        rows(SITES, [showing_sources.site_row(site, at) for site in found.sites], form)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(sources)
    app.command()(sites)
