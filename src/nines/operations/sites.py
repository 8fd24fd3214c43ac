"""Sites of each source, and the edge agents that stand there: who is heard, and what each agent takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from nines.errors import Problem
from nines.lake.hearing import AGENT, own_figures, pulses_by_site
from nines.operations.house import House
from nines.operations.promises import in_force
from nines.people.rights import Principal, require
from nines.showing import count
from nines.spans import EPOCH, MINUTE, instant_of, minute_after
from nines.telemetry.datasource import DataSource, Heartbeat
from nines.telemetry.sites import Heard, SiteSeen, sites_seen

#: Time looked back over.
REACH = timedelta(days=1)
#: An agent that told nothing for so long is silent.
AGENT_SILENT = timedelta(minutes=5)
#: Figures an agent declares a bound for: name -> the figure held against it.
BOUNDS = {"cpu_percent": "cpu_percent", "rss_mb": "rss_mb", "egress_bytes_per_s": "egress_bytes_per_s"}


@dataclass(frozen=True, slots=True)
class SiteReport:
    """One site of one source.

    Attributes:
        source: the source's name.
        declared: whether the source's definition names the site.
        seen: how it was heard over the last day.
        last: end of the last minute in which it was heard, or None.
    """

    source: str
    declared: bool
    seen: SiteSeen
    last: datetime | None


@dataclass(frozen=True, slots=True)
class AgentReport:
    """One edge agent, as it tells of itself.

    Attributes:
        site: where it stands.
        instance: its machine.
        source: DataSource that holds its figures.
        last: when it last told them.
        silent: whether that is too long ago.
        figures: last value of each, by name without `nines_agent_`.
        declared: what it may take, by name; what is not watched is not there.
        steps: when it did less or more over the last day: instant and step, 0 for everything; the first is the oldest.
        problems: what a person should look at.
    """

    site: str
    instance: str
    source: str
    last: datetime
    silent: bool
    figures: dict[str, float]
    declared: dict[str, float]
    steps: tuple[tuple[datetime, int], ...] = ()
    problems: tuple[Problem, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Sites:
    """All sites and agents of a tenant.

    Attributes:
        sites: by source and name.
        agents: by site and machine.
        problems: of both.
    """

    sites: tuple[SiteReport, ...]
    agents: tuple[AgentReport, ...]
    problems: tuple[Problem, ...]


def sites(house: House, who: Principal, *, at: datetime) -> Sites:
    """Return every site that a source names or rows come from, and every agent that tells of itself.

    Args:
        house: where to look.
        who: who is asking.
        at: instant asked about.
    """
    require(who, "see")
    defined = in_force(house, who.tenant, at=at).sources
    end = minute_after(at)
    start = end - REACH // MINUTE
    pulses = pulses_by_site(house.lake.tables, who.tenant, start, end)
    names = sorted({*defined, *pulses.column("source").to_pylist()})
    found = [r for name in names for r in _of_source(name, defined.get(name), pulses, start, end)]
    agents = _agents(own_figures(house.lake.tables, who.tenant, at - REACH, at), at)
    told = (*_silences(found), *(p for agent in agents for p in agent.problems))
    return Sites(tuple(found), agents, told)


def _of_source(name: str, source: DataSource | None, pulses: pa.Table, start: int, end: int) -> Iterable[SiteReport]:
    """Return the sites of a source; none for one that is measured at one place only."""
    mine = pulses.filter(pa.array(np.array(pulses.column("source").to_pylist(), dtype=object) == name, pa.bool_()))
    site = np.array(mine.column("site").to_pylist(), dtype=object)
    minute, rows = (mine.column(c).to_numpy().astype(np.int64) for c in ("minute", "rows"))
    declared = source.sites if source is not None else ()
    names = [*declared, *sorted({s for s in site.tolist() if s and s not in declared})]
    heard = [Heard(one, minute[site == one], rows[site == one]) for one in names]
    gap = (source.heartbeat if source is not None else Heartbeat()).gap // MINUTE
    return [
        SiteReport(name, s.site in declared, s, None if s.last is None else instant_of(s.last + 1))
        for s in sites_seen(heard, gap, start, end)
    ]


def _silences(found: list[SiteReport]) -> tuple[Problem, ...]:
    return tuple(
        Problem(
            f"{r.source} at {r.seen.site}",
            "this site is silent" if r.last is not None else "this site was never heard",
            f"look after it; its silence over the last day leaves {count(r.seen.unknown)} rows unknown",
            "warning",
            "site-silent",
        )
        for r in found
        if r.seen.silent and r.declared
    )


def _agents(rows: list[dict[str, Any]], at: datetime) -> tuple[AgentReport, ...]:
    """Return agents from their figures."""
    grouped: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in rows:
        grouped.setdefault((row["site"] or "", row["instance"] or "", row["source"]), []).append(row)
    return tuple(_agent(*key, told, at) for key, told in sorted(grouped.items()))


def _agent(site: str, instance: str, source: str, rows: list[dict[str, Any]], at: datetime) -> AgentReport:
    figures = {row["name"].removeprefix(AGENT): float(row["value"]) for row in rows}
    declared = {name: figures.pop(f"declared_{name}") for name in BOUNDS if f"declared_{name}" in figures}
    last = _instant(max(row["time"] for row in rows))
    steps = [pair for row in rows for pair in row["changes"] or ()]
    silent = at - last > AGENT_SILENT
    return AgentReport(
        site, instance, source, last, silent, figures, declared,
        tuple((_instant(int(time)), int(step)) for time, step in steps),
        _complaints(f"agent at {site or instance}", figures, silent=silent),
    )  # fmt: skip


def _complaints(where: str, figures: dict[str, float], *, silent: bool) -> tuple[Problem, ...]:
    """Return what is wrong with an agent."""
    found = []
    if silent:
        found.append(
            Problem(where, "it tells nothing", "see whether it runs and reaches here", "warning", "agent-silent")
        )
    if figures.get("step", 0):
        what = f"it does less, step {figures['step']:.0f} of 3, to keep to its footprint"
        found.append(Problem(where, what, "give it more, or less to collect", "warning", "agent-degraded"))
    if figures.get("lost_rows_total", 0):
        what = f"it dropped {count(int(figures['lost_rows_total']))} rows; they count as unknown"
        found.append(Problem(where, what, "give its queue more disk", "warning", "agent-lost"))
    return tuple(found)


def _instant(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)
