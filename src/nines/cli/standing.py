"""Commands about standings: evaluate, status, explain."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

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
from nines.cli.settings import setting

ScopesOption = Annotated[
    bool, typer.Option("--scopes", help="Show the same data by event, by window and by session, and why they differ.")
]
SCOPES = ("objective", "scope", "sli", "good", "bad", "unit", "reason")
COLUMNS = ("objective", "service", "window", "verdict", "sli", "target", "budget left", "burn 1h", "coverage")


def evaluate(
    definitions: Annotated[list[Path], typer.Option("--definitions", help="Files or folders of definitions.")],
    events: Annotated[list[str], typer.Option("--events", help="[SOURCE=]FILE of measurements; may be repeated.")],
    at: AtOption = None,
    known_at: KnownAtOption = None,
    tenant: TenantOption = None,
    form: FormatOption = Format.table,
    scopes: ScopesOption = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse files that have a line which cannot be read.")
    ] = False,
) -> None:
    """Give standings from files alone: no server, nothing stored."""
    from nines.operations import evaluating
    from nines.operations.showing import scope_rows

    answer = evaluating.evaluate_files(
        definitions,
        evaluating.event_files(events),
        at=instant_option("at", at),
        known_at=instant_option("known-at", known_at),
        strict=strict,
        tenant=tenant or setting("NINES_TENANT"),
    )
    tell_problems(answer.problems)
    if scopes:
        rows(SCOPES, [r for key, figures in answer.scopes.items() for r in scope_rows(figures, key)], form)
        return
    _print(answer.standings, form, "no objective was found; `nines check` shows what the definitions hold")


def status(
    names: Annotated[
        list[str] | None, typer.Argument(help="Objectives, as checkout or checkout@30d; all unless given.")
    ] = None,
    data: DataOption = None,
    tenant: TenantOption = None,
    at: AtOption = None,
    known_at: KnownAtOption = None,
    service: Annotated[str, typer.Option("--service", help="Only objectives of this service.")] = "",
    label: Annotated[str, typer.Option("--label", help="Only objectives with this label, as team=shop.")] = "",
    form: FormatOption = Format.table,
) -> None:
    """Give standings of the objectives in force."""
    from nines.operations import standings

    house, who = open_local(data, tenant)
    instant, known = instant_option("at", at) or now(), instant_option("known-at", known_at)
    found = standings.standings(
        house, who, at=instant, known_at=known, names=tuple(names or ()), service=service, label=label
    )
    _print(found, form, _none(who.tenant, instant, filtered=bool(service or label)))


def _none(tenant: str, at: datetime, *, filtered: bool) -> str:
    """Return what to say where no objective stands: why there may be none, and what to do."""
    if filtered:
        return "no objective in force is of this service and label; `nines status` lists all"
    return (
        f"tenant {tenant} has no objective in force at {at:%Y-%m-%d %H:%M} UTC; `nines apply` puts some in force, "
        "and with --effective from an earlier instant on"
    )


def explain(
    objective: Annotated[str, typer.Argument(help="An objective, as checkout or checkout@30d.")],
    data: DataOption = None,
    tenant: TenantOption = None,
    at: AtOption = None,
    known_at: KnownAtOption = None,
    scopes: ScopesOption = False,
    compat: Annotated[
        str, typer.Option("--compat", help="Show another tool's number beside ours, and why it differs; or all.")
    ] = "",
    form: FormatOption = Format.table,
) -> None:
    """Tell where a number comes from, step by step, from counts to verdict."""
    from nines.operations import comparing, standings
    from nines.operations.showing import explanation_rows, scope_rows

    house, who = open_local(data, tenant)
    instant, known = instant_option("at", at) or now(), instant_option("known-at", known_at)
    if compat:
        _beside(comparing.beside(house, who, objective, compat, at=instant, known_at=known), form)
        return
    if scopes:
        figures = standings.scopes(house, who, objective, at=instant, known_at=known)
        rows(SCOPES, scope_rows(figures, objective), form)
        return
    steps = standings.explain(house, who, objective, at=instant, known_at=known)
    rows(("step", "figure", "how"), explanation_rows(steps), form)


def _beside(found: list, form: Format) -> None:  # type: ignore[type-arg]
    """Print other tools' numbers beside ours."""
    from nines.operations.comparing import comparison_json, comparison_rows

    if form is Format.json:
        document([comparison_json(c) for c in found])
    else:
        rows(("tool", "ours", "theirs", "gap", "cause", "how"), comparison_rows(found), form)


def _print(found: list, form: Format, none: str) -> None:  # type: ignore[type-arg]
    """Print standings and exit as the worst of them asks: 1 missed, 3 unknown, else 0."""
    from nines.evaluation.standing_json import standing_json
    from nines.operations.showing import standing_row

    if form is Format.json:
        document([standing_json(s) for s in found])
    else:
        rows(COLUMNS, [standing_row(s) for s in found], form)
    for standing in found if form is Format.table else ():
        if standing.rule:
            say(f"{standing.objective}@{standing.window_label}: {standing.rule}")
        tell_problems([p for p in standing.problems if p.severity != "note"])
    if not found:
        say(none)
    verdicts = {s.verdict for s in found}
    raise typer.Exit(1 if "missed" in verdicts else 3 if "unknown" in verdicts or not found else 0)


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (evaluate, status, explain):
        app.command()(command)
