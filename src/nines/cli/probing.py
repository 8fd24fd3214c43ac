"""Commands that ask from outside: probe run, list and show."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from nines.cli.options import DataOption, FormatOption, TenantOption, now, open_local
from nines.cli.output import Format, document, rows, say, tell_problems
from nines.errors import InputError, Problem

#: What the names of environment variables that hold secrets begin with; others are out of a definition's reach.
PREFIX = "NINES_SECRET_"

probe = typer.Typer(help="Journeys that ask a service as a user would.", no_args_is_help=True)


def read_secrets(file: Path | None) -> dict[str, str]:
    """Return the secrets of the environment, and over them those of a file.

    Args:
        file: lines of `NAME=VALUE`; empty ones and those that begin with `#` are passed over.

    Raises:
        InputError: the file cannot be read, or a line has no name.
    """
    found = {name.removeprefix(PREFIX): value for name, value in os.environ.items() if name.startswith(PREFIX)}
    if file is None:
        return found
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            Problem(str(file), "the secrets cannot be read", "check the file and its rights", code="no-secret")
        ) from error
    for number, line in enumerate(lines, 1):
        name, equals, value = line.partition("=")
        if not line.strip() or line.startswith("#"):
            continue
        if not equals or not name.strip():
            where = f"{file}:{number}"  # the line itself may be half a secret, so it is not shown
            raise InputError(Problem(where, "this line has no name", "write NAME=VALUE", code="no-secret"))
        found[name.strip()] = value.strip()
    return found


def read_values(given: Sequence[str]) -> dict[str, str]:
    """Return values by name.

    Args:
        given: each as NAME=TEXT.

    Raises:
        InputError: one has no name.
    """
    pairs = [one.partition("=") for one in given]
    wrong = [one for one, (name, equals, _) in zip(given, pairs, strict=True) if not equals or not name.strip()]
    if wrong:
        raise InputError(*(Problem("--set", f"{w!r} has no name", "write NAME=TEXT", code="no-value") for w in wrong))
    return {name.strip(): text for name, _, text in pairs}


@probe.command("run")
def run(
    what: Annotated[str, typer.Argument(metavar="FILE_OR_NAME", help="File of probes, or a probe in force.")],
    location: Annotated[str | None, typer.Option("--location", help="Which of its locations this is.")] = None,
    only: Annotated[str | None, typer.Option("--only", help="Of a file's probes run just this one.")] = None,
    store: Annotated[bool, typer.Option("--store", help="Store what it shows, in its source.")] = False,
    artifacts: Annotated[
        Path | None, typer.Option("--artifacts", help="Folder that keeps HAR, picture and trace of failed tries.")
    ] = None,
    secrets: Annotated[
        Path | None, typer.Option("--secrets", help="File of NAME=VALUE; else NINES_SECRET_NAME of the environment.")
    ] = None,
    allow: Annotated[
        list[str] | None, typer.Option("--allow", help="Address or network to ask although it would be refused.")
    ] = None,
    values: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=TEXT in place of a value that the probe gives itself.")
    ] = None,
    data: DataOption = None,
    tenant: TenantOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Run probes once: 0 all is up, 1 something is down, 3 nobody can tell, because the prober itself is cut off."""
    from nines.operations import ingesting, probing

    house: Any = None
    who: Any = None
    if store or not Path(what).exists():
        house, who = open_local(data, tenant)
    journeys = _chosen(what, only, house, who)
    manner = probing.Manner(
        secrets=read_secrets(secrets), allow=tuple(allow or ()), artifacts=artifacts, values=read_values(values or ())
    )
    if store:
        results = [probing.run_probe(house, who, one, location, manner, now=now()) for one in journeys]
        ingesting.flush(house, now=now())
    else:
        results = [probing.try_probe(one, location, manner, now=now()) for one in journeys]
    _tell(results, form)


def _tell(results: Sequence[Any], form: Format) -> None:
    """Say what runs showed, and end with the exit code that says it too."""
    from nines.operations import probing

    for result in results:
        tell_problems(result.findings)
        for path in result.artifacts:
            say(f"kept {path}")
    rows(probing.COLUMNS, [row for result in results for row in probing.result_rows(result)], form)
    states = {result.state for result in results}
    raise typer.Exit(1 if "down" in states else 3 if "unknown" in states else 0)


@probe.command("list")
def list_probes(data: DataOption = None, tenant: TenantOption = None, form: FormatOption = Format.table) -> None:
    """List the probes in force with what each location sees now."""
    from nines.operations import probe_runs
    from nines.operations.probe_telling import PROBE_COLUMNS, probe_json, probe_row

    house, who = open_local(data, tenant)
    found = probe_runs.probes(house, who, at=now())
    if form is Format.json:
        document([probe_json(one) for one in found])
    else:
        rows(PROBE_COLUMNS, [probe_row(one) for one in found], form)


@probe.command("show")
def show(
    name: Annotated[str, typer.Argument(help="A probe in force.")],
    location: Annotated[str, typer.Option("--location", help="Only runs at this location.")] = "",
    last: Annotated[int, typer.Option("--last", help="How many runs.", min=1, max=200)] = 20,
    data: DataOption = None,
    tenant: TenantOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Show a probe and its last runs, newest first."""
    from nines.operations import probe_runs
    from nines.operations.probe_telling import RUN_COLUMNS, probe_json, quorum_json, run_json, run_row

    house, who = open_local(data, tenant)
    at = now()
    report = probe_runs.probe(house, who, name, at=at)
    found = probe_runs.runs(house, who, name, at=at, most=last, location=location)
    held = probe_runs.witnessed(house, who, name, at=at)
    if form is Format.json:
        told = {"runs": [run_json(run) for run in found], "quorum_over_a_day": quorum_json(held)}
        document({**probe_json(report), **told})
        return
    for place in report.places:
        say(f"{place.location}: {place.state}" + (f", {place.why}" if place.why else ""))
    if held is not None and len(report.places) > 1:
        say(held.statement)
    rows(RUN_COLUMNS, [run_row(run) for run in found], form)


def _chosen(what: str, only: str | None, house: Any, who: Any) -> list[Any]:  # noqa: ANN401 - opened by the caller
    """Return the probes a word means: those of a file, or one in force."""
    from nines.operations import probing

    if not Path(what).exists():
        return [probing.probe_in_force(house, who, what, now=now())]
    found, warnings = probing.read_probes([Path(what)])
    tell_problems(warnings)
    chosen = [one for one in found if only in {None, one.name}]
    if not chosen:
        known = ", ".join(one.name for one in found)
        raise InputError(Problem(what, f"there is no probe {only!r}", f"there are {known}", code="unknown-probe"))
    return chosen


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.add_typer(probe, name="probe")
