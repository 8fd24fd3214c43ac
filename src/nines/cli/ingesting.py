"""Commands that bring measurements in: ingest, backfill."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from nines.cli.options import DataOption, FormatOption, TenantOption, instant_option, now, open_local
from nines.cli.output import Format, done, rows, tell_problems


def ingest(
    files: Annotated[list[Path], typer.Argument(help="Files of measurements; .gz is read as it is.")],
    source: Annotated[str | None, typer.Option("--source", help="DataSource they belong to.")] = None,
    data: DataOption = None,
    tenant: TenantOption = None,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Store the good lines of a file that has bad ones.")
    ] = False,
    form: FormatOption = Format.table,
) -> None:
    """Read files into the lake, each at most once; a file with a bad line is refused whole unless told otherwise."""
    from rich.progress import Progress

    from nines.cli.progress import columns
    from nines.operations import ingesting

    house, who = open_local(data, tenant)
    reports = []
    with Progress(*columns(), transient=True) as bar:
        task = bar.add_task("reading", total=len(files))
        for path in files:
            bar.update(task, description=f"reading {path.name}")
            reports.append(ingesting.ingest_file(house, who, path, source=source, now=now(), keep_going=keep_going))
            bar.advance(task)
        bar.update(task, description="rolling up")
        ingesting.flush(house, now=now())
    for report in reports:
        tell_problems(report.problems)
    rows(("file", "source", "rows", "bad rows", "stored"), [r.row() for r in reports], form)
    raise typer.Exit(2 if any(r.refused for r in reports) else 0)


def backfill(
    objective: Annotated[str, typer.Argument(help="Objective whose history is wanted.")],
    since: Annotated[str, typer.Option("--from", help="First instant of the history.")],
    until: Annotated[str | None, typer.Option("--to", help="Instant after the last; now unless given.")] = None,
    data: DataOption = None,
    tenant: TenantOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Fetch or roll up the history of an objective's indicator from its source."""
    from nines.operations import backfilling

    house, who = open_local(data, tenant)
    start, end = instant_option("from", since) or now() - timedelta(days=30), instant_option("to", until) or now()
    found = backfilling.backfill(house, who, objective, start=start, end=end, now=now())
    tell_problems(found.problems)
    span = {"from": start.isoformat(), "to": end.isoformat()}
    done(found.summary, {"objective": objective, "tenant": who.tenant, **span, "minutes": found.minutes}, form)


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (ingest, backfill):
        app.command()(command)
