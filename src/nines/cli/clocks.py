"""Command about the clocks of hosts: clocks."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from nines.cli.options import DataOption, FormatOption, TenantOption, instant_option, now, open_local
from nines.cli.output import Format, document, rows, say, tell_problems
from nines.cli.settings import setting


class Show(StrEnum):
    """What of the offset map is printed."""

    pairs = "pairs"
    minutes = "minutes"
    violations = "violations"
    hosts = "hosts"


def clocks(
    since: Annotated[
        str | None, typer.Option("--from", help="First instant; an hour before --to unless given.")
    ] = None,
    to: Annotated[str | None, typer.Option("--to", help="Instant after the latest end; now unless given.")] = None,
    spans: Annotated[
        list[str] | None,
        typer.Option("--spans", help="[SOURCE=]FILE of spans instead of those stored; may be repeated."),
    ] = None,
    definitions: Annotated[
        list[Path] | None, typer.Option("--definitions", help="Where the sources of files of spans are defined.")
    ] = None,
    show: Annotated[Show, typer.Option("--show", help="What to print of them.")] = Show.pairs,
    ntp: Annotated[
        list[str] | None, typer.Option("--ntp", help="HOST=ADDRESS[:PORT] of a time server; beside NINES_NTP.")
    ] = None,
    allow: Annotated[
        list[str] | None, typer.Option("--allow", help="Address or network to ask although it would be refused.")
    ] = None,
    data: DataOption = None,
    tenant: TenantOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Tell what is certain about the clocks of hosts: offsets, drift, steps, spans before their cause.

    Ends with 3 when nothing bounds any two clocks from both sides.
    """
    from nines.operations import clocks as asking
    from nines.operations.evaluating import event_files

    if spans:
        view = asking.clocks_of_files(event_files(spans), _definitions(definitions or []))
    else:
        house, who = open_local(data, tenant)
        servers = asking.time_servers(",".join([setting("NINES_NTP"), *(ntp or ())]))
        start, end = instant_option("from", since), instant_option("to", to)
        view = asking.clocks(house, who, start=start, end=end, now=now(), servers=servers, allow=tuple(allow or ()))
    _print(view, show, form)
    tell_problems(view.problems)
    if not view.found.pairs:
        say("no two hosts called one another; spans need an id, a parent and a host each")
    raise typer.Exit(0 if view.bounded else 3)


def _print(view: Any, show: Show, form: Format) -> None:  # noqa: ANN401 - imported only when needed
    """Print what was asked for; JSON has all of it."""
    from nines.operations import clocks_showing as showing

    if form is Format.json:
        document(showing.clocks_json(view))
        return
    made: dict[Show, tuple[tuple[str, ...], Callable[[], list[dict[str, object]]]]] = {
        Show.pairs: (showing.PAIRS, lambda: showing.pair_rows(view.found.pairs)),
        Show.minutes: (showing.MINUTES, lambda: showing.minute_rows(view.found.pairs)),
        Show.violations: (showing.VIOLATIONS, lambda: showing.violation_rows(view.found.violations)),
        Show.hosts: (showing.HOSTS, lambda: showing.host_rows(view)),
    }
    columns, body = made[show]
    rows(columns, body(), form)


def _definitions(paths: list[Path]) -> Any:  # noqa: ANN401 - imported only when needed
    """Return the definitions that name sources of files, or None."""
    from nines.definitions.load import load
    from nines.errors import InputError

    if not paths:
        return None
    found = load(paths)
    if found.errors:
        raise InputError(*found.errors)
    return found


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(clocks)
