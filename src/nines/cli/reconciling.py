"""Command that holds two SLIs against each other: reconcile."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from nines.cli.options import (
    AtOption,
    DataOption,
    FormatOption,
    KnownAtOption,
    TenantOption,
    instant_option,
    now,
    open_local,
)
from nines.cli.output import Format, document, rows, say, tell_problems

EXITS = {"agree": 0, "differ": 1, "cannot-tell": 3}


class Show(StrEnum):
    """What of a reconciliation is printed."""

    all = "all"
    findings = "findings"
    cells = "cells"
    unmatched = "unmatched"


Users = Annotated[str, typer.Argument(help="SLI that counts what users had; or an SLI with combine, alone.")]
Probes = Annotated[str, typer.Argument(help="SLI that counts tries.")]
By = Annotated[
    str, typer.Option("--by", help="Dimensions of a cell, three at most: NAME or NAME=KEY, parted by commas.")
]
ByProbes = Annotated[
    str, typer.Option("--by-probes", help="NAME=KEY of dimensions that the tries' rows say in another way.")
]
Expected = Annotated[str, typer.Option("--expected", help="SLI whose events are what users should have been heard of.")]
Target = Annotated[
    str | None, typer.Option("--target", help="Good ratio, as 99.9%; that of an objective unless given.")
]
Since = Annotated[str | None, typer.Option("--from", help="First instant; 7 days before --to unless given.")]
To = Annotated[str | None, typer.Option("--to", help="Instant after the last; --at unless given.")]
Defined = Annotated[
    list[Path] | None, typer.Option("--definitions", help="Files or folders of definitions, for --events.")
]
Events = Annotated[
    list[str] | None,
    typer.Option("--events", help="[SOURCE=]FILE of measurements instead of those stored; may be repeated."),
]
Shown = Annotated[Show, typer.Option("--show", help="What to print of it.")]


def reconcile(
    users: Users, probes: Probes = "", by: By = "route,region,device", by_probes: ByProbes = "",
    expected: Expected = "", target: Target = None, since: Since = None, to: To = None, at: AtOption = None,
    known_at: KnownAtOption = None, definitions: Defined = None, events: Events = None, show: Shown = Show.all,
    data: DataOption = None, tenant: TenantOption = None, form: FormatOption = Format.table,
) -> None:  # fmt: skip
    """Hold what users had against what probes show, cell by cell, and say what a difference is.

    Ends with 1 when they differ, and with 3 when the data cannot tell.
    """
    from nines.operations.reconciling import Question

    asked = Question(
        users=users, probes=probes, expected=expected, by=by, by_probes=by_probes,
        start=instant_option("from", since), end=instant_option("to", to), target=_target(target),
    )  # fmt: skip
    instants = instant_option("at", at), instant_option("known-at", known_at)
    report = _asked(asked, instants, definitions or [], events or [], (data, tenant))
    _print(report, show, form)
    raise typer.Exit(EXITS[report.verdict])


def _asked(asked: Any, instants: Any, definitions: list[Path], events: list[str], where: Any) -> Any:  # noqa: ANN401 - imported only when needed
    """Return the report, from files where any are given."""
    from nines.errors import InputError, Problem
    from nines.operations import evaluating, reconciling

    at, known_at = instants
    if bool(definitions) != bool(events):
        what = "definitions and files of measurements go together"
        raise InputError(Problem("--events", what, "give both, or neither for what is stored", code="one-side"))
    if events:
        files = evaluating.event_files(events)
        return reconciling.reconciled_files(definitions, files, asked, at=at, known_at=known_at)
    house, who = open_local(*where)
    return reconciling.reconciled(house, who, asked, at=at or now(), known_at=known_at)


def _target(text: str | None) -> Any:  # noqa: ANN401 - an exact ratio, imported only when needed
    from nines.errors import InputError, Problem
    from nines.reading import ratio

    if text is None:
        return None
    try:
        return ratio(text)
    except ValueError as error:
        raise InputError(Problem("--target", str(error), "write it as 99.9%", code="bad-value")) from error


def _print(report: Any, show: Show, form: Format) -> None:  # noqa: ANN401 - imported only when needed
    """Print what was asked for; JSON has all of it, and CSV the cells unless another table is named."""
    from nines.operations import reconciling_showing as showing

    if form is Format.json:
        document(showing.report_json(report))
        return
    made = {
        Show.findings: (showing.FINDINGS, showing.finding_rows),
        Show.cells: (showing.CELLS, showing.cell_rows),
        Show.unmatched: (showing.UNMATCHED, showing.unmatched_rows),
    }
    wanted = [show] if show in made else list(made) if form is Format.table else [Show.cells]
    for one in wanted:
        columns, body = made[one]
        found = body(report)
        if one is Show.findings and form is Format.table:
            _tell(report)
            continue
        if found or len(wanted) == 1:
            rows(columns, found, form, title=one.value if len(wanted) > 1 else "")
    for line in showing.head_lines(report):
        say(line)
    tell_problems(report.problems)


def _tell(report: Any) -> None:  # noqa: ANN401 - imported only when needed
    """Print each finding as a sentence with its evidence below it: too long for the columns of a table."""
    for found in report.found.findings:
        typer.echo(f"{found.kind}: {found.reason}")
        for line in found.evidence:
            typer.echo(f"  - {line}")


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(reconcile)
