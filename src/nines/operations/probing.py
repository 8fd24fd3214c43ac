"""Run probes, and store what they show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from nines import __version__
from nines.definitions.load import Definitions, load
from nines.errors import InputError, NotFoundError, Problem
from nines.operations.house import House
from nines.operations.promises import in_force
from nines.people.rights import Principal, require
from nines.probes.journey import Surroundings, run_journey
from nines.probes.quorum import agreed
from nines.probes.result import JourneyResult
from nines.probes.rows import event_rows, run_key
from nines.probes.schedule import Slot, following
from nines.telemetry.journey import Journey, State

#: Columns in which a result is shown.
COLUMNS = ("probe", "step", "state", "ms", "dns", "connect", "tls", "first byte", "transfer", "share", "error")
_PHASES = {"dns": "dns_ms", "connect": "connect_ms", "tls": "tls_ms", "first byte": "first_byte_ms",
           "transfer": "transfer_ms"}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How probes are run here.

    Attributes:
        secrets: name -> secret; the face reads them.
        allow: addresses and networks that are asked although they would be refused.
        artifacts: folder that keeps the record of failed tries, or None.
        seed: of this installation's jitter.
        refuse: networks that are refused beside the usual ones.
        values: name -> text in place of a probe's own.
    """

    secrets: Mapping[str, str]
    allow: tuple[str, ...] = ()
    artifacts: Path | None = None
    seed: int = 0
    refuse: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)


def read_probes(paths: Sequence[Path]) -> tuple[tuple[Journey, ...], tuple[Problem, ...]]:
    """Return the probes in some files, and what is to be warned of.

    Args:
        paths: files or folders. Sources that stand elsewhere are not missed.

    Raises:
        InputError: there is a mistake in them, or no probe.
    """
    found: Definitions = load(paths)
    mistakes = [p for p in found.errors if p.code != "unknown-datasource"]
    if mistakes:
        raise InputError(*mistakes)
    if not found.probes:
        where = ", ".join(map(str, paths))
        raise InputError(Problem(where, "there is no probe", "add a document of kind: Probe", code="no-probe"))
    return tuple(found.probes.values()), tuple(p for p in found.problems if p.severity != "error")


def probe_in_force(house: House, who: Principal, name: str, *, now: datetime) -> Journey:
    """Return a probe by its name.

    Args:
        house: where its definition is.
        who: who asks.
        name: of the probe.
        now: present instant.

    Raises:
        NotFoundError: none of that name is in force.
    """
    require(who, "see")
    found = in_force(house, who.tenant, at=now).probes.get(name)
    if found is None:
        fix = "apply its definition first, or name its file"
        raise NotFoundError(Problem(name, "there is no such file, nor a probe in force", fix, code="unknown-probe"))
    return found


def check_place(journey: Journey, location: str | None) -> str:
    """Return the location a probe is run from: the one given, or its only one.

    Args:
        journey: the probe.
        location: name, or None.

    Raises:
        InputError: it is none of the probe's, or there are several to choose from.
    """
    if location is None and len(journey.locations) == 1:
        return journey.locations[0]
    if location not in journey.locations:
        what = "it has several locations" if location is None else f"it has no location {location!r}"
        fix = f"give --location, one of {', '.join(journey.locations)}"
        raise InputError(Problem(journey.name, what, fix, code="unknown-location"))
    return location


def try_probe(
    journey: Journey, location: str | None, manner: Manner, *, now: datetime, scheduled: datetime | None = None
) -> JourneyResult:
    """Run a probe once and store nothing.

    Args:
        journey: the probe.
        location: where this is, or None when it has only one.
        manner: how.
        now: present instant.
        scheduled: instant of the schedule it is run for, or None when it is run for itself.

    Raises:
        InputError: the location is none of its, a secret is missing, or an address must not be asked.
    """
    return run_journey(
        journey,
        Surroundings(
            location=check_place(journey, location), scheduled=scheduled or now, at=now, version=__version__,
            secrets=manner.secrets, allow=manner.allow, artifacts=manner.artifacts, refuse=manner.refuse,
            values=manner.values,
        ),
    )  # fmt: skip


def store_result(house: House, who: Principal, journey: Journey, result: JourneyResult, *, now: datetime) -> int:
    """Store what a run showed; returns how many rows are new, none when it is unknown or was stored before.

    Args:
        house: where to.
        who: who ran it.
        journey: the probe.
        result: of one run.
        now: present instant; it becomes the rows' arrival.

    Raises:
        NotFoundError: the probe's source is not in force.
        OverloadedError: the inbox takes no more.
    """
    _may_store(house, who, journey, now)
    rows = event_rows(result)
    if not rows.num_rows:
        return 0
    key = f"probe/{run_key(result)}"
    receipt = house.lake.append(who.tenant, journey.source, rows, arrival=now, key=key)
    return 0 if receipt.duplicate else receipt.rows


def _may_store(house: House, who: Principal, journey: Journey, now: datetime) -> None:
    require(who, "ingest")
    if journey.source not in in_force(house, who.tenant, at=now).sources:
        what, fix = "there is no such DataSource in force", "apply its definition first"
        raise NotFoundError(Problem(journey.source, what, fix, code="unknown-datasource"))


def run_probe(
    house: House,
    who: Principal,
    probe: str | Journey,
    location: str | None,
    manner: Manner,
    *,
    now: datetime,
    scheduled: datetime | None = None,
) -> JourneyResult:
    """Run a probe once and store what it shows.

    Args:
        house: where to.
        who: who runs it.
        probe: its name, or the probe itself.
        location: where this is, or None when it has only one.
        manner: how.
        now: present instant.
        scheduled: instant of the schedule it is run for; the same instant at the same location counts once.

    Raises:
        NotFoundError: there is no such probe, or its source is not in force.
        InputError: the location is none of its, a secret is missing, or an address must not be asked.
        OverloadedError: the inbox takes no more.
    """
    journey = probe if isinstance(probe, Journey) else probe_in_force(house, who, probe, now=now)
    _may_store(house, who, journey, now)  # before anything is asked of anybody
    result = try_probe(journey, location, manner, now=now, scheduled=scheduled)
    store_result(house, who, journey, result, now=now)
    return result


def due(journey: Journey, location: str, manner: Manner, *, after: datetime, most: int = 1) -> list[Slot]:
    """Return a probe's next runs at a location.

    Args:
        journey: the probe.
        location: where.
        manner: its seed spreads the runs.
        after: runs that begin at or before it are over.
        most: how many.
    """
    return following(
        journey.name, location, every=journey.every, jitter=journey.jitter, seed=manner.seed, after=after, most=most
    )


def together(journey: Journey, results: Sequence[JourneyResult]) -> State:
    """Return the state that results of one scheduled instant give by the probe's quorum.

    Args:
        journey: the probe.
        results: at most one for each location.
    """
    return agreed({r.location: r.state for r in results}, journey.locations, journey.quorum)


def result_rows(result: JourneyResult) -> list[dict[str, object]]:
    """Return a result as rows of a table: each step of the first try, those not run, and the whole.

    Args:
        result: of one run.
    """
    first = result.first
    rows: list[dict[str, object]] = []
    for step in first.steps if first else ():
        row: dict[str, object] = {"probe": result.probe, "step": step.name, "state": step.state}
        row |= {"ms": round(step.duration_ms, 1), "error": step.error}
        row |= {shown: round(step.phases[name], 1) for shown, name in _PHASES.items() if name in step.phases}
        if step.share_ms is not None:
            over = f", over by {step.over_share_ms:.0f} ms" if step.over_share_ms else ""
            row["share"] = f"{step.share_ms:.0f} ms{over}"
        rows.append(row)
    rows += [{"probe": result.probe, "step": name, "state": "not run"} for name in result.not_run]
    whole: dict[str, object] = {"probe": result.probe, "step": "", "state": result.state}
    if first is not None:
        whole["ms"] = round(first.duration_ms, 1)
    if result.state == "down":
        again = len(result.tries) - 1
        held = "every retry failed too" if result.confirmed else "a retry did not confirm it"
        whole["error"] = f"{held} ({again})" if again else ""
    return [*rows, whole]
