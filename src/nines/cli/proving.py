"""Commands that prove alert policies on history: backtest, tune."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from nines.cli.options import DataOption, TenantOption, instant_option, now, open_local
from nines.cli.output import Format, WideFormat, document, rows, say, write

if TYPE_CHECKING:
    from nines.operations.backtesting import Report
    from nines.operations.pasts import Case
    from nines.operations.tuning import Checked, Tuned

ObjectiveArgument = Annotated[str, typer.Argument(help="An objective, as checkout or checkout@30d.")]
PolicyOption = Annotated[
    str, typer.Option("--policy", help="Burn policy by name, or a file of one; that of the objective unless given.")
]
IncidentsOption = Annotated[
    str, typer.Option("--incidents", help="File of incidents (CSV, NDJSON, YAML), or `journal` for notes on record.")
]
ImpactOption = Annotated[
    str,
    typer.Option("--impact", help="An objective whose bad stretches are the incidents; the asked one's unless given."),
]
FromOption = Annotated[str | None, typer.Option("--from", help="First instant judged; 90 days before the end.")]
ToOption = Annotated[str | None, typer.Option("--to", help="Last instant judged; now, or the end of the files.")]
KnownOption = Annotated[
    str, typer.Option("--known", help="Late data count from when they came (then), or at once (now).")
]
DefinitionsOption = Annotated[
    list[Path] | None, typer.Option("--definitions", help="Definitions, to ask files alone instead of what is stored.")
]
EventsOption = Annotated[
    list[str] | None, typer.Option("--events", help="[SOURCE=]FILE of measurements, with --definitions.")
]
ZoneOption = Annotated[str, typer.Option("--zone", help="Time zone that tells hours of sleep.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of the weekly bootstrap.")]
WideOption = Annotated[WideFormat, typer.Option("--format", help="How to print the answer.")]


def backtest(
    objective: ObjectiveArgument,
    policy: PolicyOption = "",
    against: Annotated[str, typer.Option("--against", help="Another policy, to compare.")] = "",
    incidents: IncidentsOption = "",
    impact: ImpactOption = "",
    start: FromOption = None,
    end: ToOption = None,
    known: KnownOption = "then",
    definitions: DefinitionsOption = None,
    events: EventsOption = None,
    zone: ZoneOption = "UTC",
    seed: SeedOption = 1,
    data: DataOption = None,
    tenant: TenantOption = None,
    form: WideOption = WideFormat.table,
) -> None:
    """Show what a burn policy would have paged over history, held against incidents."""
    from nines.operations import proving

    span = instant_option("from", start), instant_option("to", end)
    asked = proving.Asked(objective, *span, known, incidents, impact, zone, seed)
    place = _place(definitions, events, data, tenant)
    found = proving.prove(place, asked, [policy, *([against] if against else [])], now=now())
    _show(found, form)


def _show(found: Report, form: WideFormat) -> None:
    from nines.operations import backtest_showing as showing

    if form is WideFormat.json:
        document(showing.report_json(found))
    elif form is WideFormat.markdown:
        write(showing.report_markdown(found))
    else:
        rows(showing.COLUMNS, showing.report_rows(found), Format(form.value))
        if form is WideFormat.table:
            rows(showing.INCIDENT_COLUMNS, showing.incident_rows(found.scores[0]), Format.table)
        _tell(found.case)


def tune(
    objective: ObjectiveArgument,
    most: Annotated[str, typer.Option("--max-pages-per-week", help="Limit of pages a week.")] = "2",
    write_to: Annotated[Path | None, typer.Option("--write", help="File the proposal is written to.")] = None,
    check: Annotated[
        str,
        typer.Option("--check", help="Hold a tuned policy's promise against what came of it, instead of searching."),
    ] = "",
    policy: PolicyOption = "",
    incidents: IncidentsOption = "",
    impact: ImpactOption = "",
    start: FromOption = None,
    end: ToOption = None,
    known: KnownOption = "then",
    definitions: DefinitionsOption = None,
    events: EventsOption = None,
    zone: ZoneOption = "UTC",
    seed: SeedOption = 1,
    data: DataOption = None,
    tenant: TenantOption = None,
    form: WideOption = WideFormat.table,
) -> None:
    """Search for a burn policy that loses less budget within a limit of pages, confirmed on weeks held out."""
    from nines.cli.progress import bar
    from nines.operations import proving, tuning

    span = instant_option("from", start), instant_option("to", end)
    asked = proving.Asked(objective, *span, known, incidents, impact, zone, seed)
    place = _place(definitions, events, data, tenant)
    if check:
        _show_check(tuning.check(place, asked, check, now=now()), form)
    with bar("searching") as progress:
        found = tuning.search(place, asked, policy, tuning.limit(most), now=now(), progress=progress)
    if write_to is not None and found.proposal:
        write_to.write_text(found.proposal, encoding="utf-8")
        say(f"wrote {write_to}; `nines apply {write_to} --effective INSTANT` puts it in force")
    _show_tuning(found, form)
    raise typer.Exit(0 if found.proposal else 1)


def _show_check(found: Checked, form: WideFormat) -> NoReturn:
    from nines.operations import backtest_showing, tuning

    plain = Format.table if form is WideFormat.markdown else Format(form.value)
    rows(backtest_showing.COLUMNS, tuning.check_rows(found), plain)
    raise typer.Exit(0 if found.kept else 1)


def _show_tuning(found: Tuned, form: WideFormat) -> None:
    from nines.operations import backtest_showing, tuning

    if form is WideFormat.json:
        document(tuning.tuning_json(found))
    elif form is WideFormat.markdown:
        write(tuning.tuning_markdown(found))
    else:
        rows(("weeks", *backtest_showing.COLUMNS), tuning.tuning_rows(found), Format(form.value))
        if form is WideFormat.table:
            rows(tuning.FRONT, tuning.front_rows(found), Format.table)
        _tell(found.case)


def _place(definitions: list[Path] | None, events: list[str] | None, data: Path | None, tenant: str | None) -> Any:  # noqa: ANN401 - a place of the operations, imported late
    from nines.operations import proving
    from nines.operations.evaluating import event_files

    if definitions:
        return proving.Files(tuple(definitions), tuple(event_files(events or [])))
    return proving.Stored(*open_local(data, tenant))


def _tell(case: Case) -> None:
    for note in case.notes:
        say(f"note: {note}")


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (backtest, tune):
        app.command()(command)
