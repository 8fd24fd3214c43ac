"""Commands about definitions: check, fmt, schema, plan, apply, drift."""

from __future__ import annotations

from typing import Annotated

import typer

from nines.cli.options import DataOption, FormatOption, Paths, TenantOption, instant_option, now, open_local
from nines.cli.output import Format, WideFormat, document, rows, say, tell_problems, write

StrictOption = Annotated[
    bool, typer.Option("--strict", help="Hold OpenSLO documents to the published rules, word for word.")
]


def check(paths: Paths, strict: StrictOption = False, form: FormatOption = Format.table) -> None:
    """Validate definitions; all mistakes at once, each with file and line."""
    from nines.operations import checking

    report = checking.check(paths, strict=strict)
    if form is Format.table:
        tell_problems(report.problems)
        say(report.summary)
    else:
        rows(("where", "severity", "code", "what", "fix"), [checking.problem_row(p) for p in report.problems], form)
    raise typer.Exit(2 if report.errors else 0)


def fmt(
    paths: Paths,
    check_only: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 1 when a file would change.")
    ] = False,
    form: FormatOption = Format.table,
) -> None:
    """Write definitions in their one canonical form."""
    from nines.operations import checking

    changed = checking.format_files(paths, write=not check_only)
    did = "would rewrite" if check_only else "rewrote"
    for path in changed:
        say(f"{did} {path}")
    if form is not Format.table:
        rows(("file", "what"), [{"file": str(path), "what": did} for path in changed], form)
    raise typer.Exit(1 if check_only and changed else 0)


def schema(kind: Annotated[str | None, typer.Argument(help="A kind, as SLO; every kind unless given.")] = None) -> None:
    """Print the JSON Schema of definitions, for editors."""
    from nines.operations import checking

    document(checking.schema(kind))


def plan(
    paths: Paths,
    data: DataOption = None,
    tenant: TenantOption = None,
    form: Annotated[WideFormat, typer.Option("--format", help="How to print the answer.")] = WideFormat.table,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 1 when something would change.")
    ] = False,
) -> None:
    """Show what applying would change, in budget terms; nothing is stored."""
    from nines.operations import defining

    house, who = open_local(data, tenant)
    change = defining.plan(house, who, paths, now=now())
    if form is WideFormat.json:
        document(defining.plan_json(change))
    elif form is WideFormat.markdown:
        from nines.operations.planning import plan_markdown

        write(plan_markdown(house, who, paths, now=now()))
    else:
        rows(("change", "kind", "name", "what"), defining.plan_rows(change), Format(form.value))
        say(defining.plan_summary(change))
    raise typer.Exit(1 if detailed_exitcode and not change.empty else 0)


def apply(
    paths: Paths,
    data: DataOption = None,
    tenant: TenantOption = None,
    effective: Annotated[
        str | None, typer.Option("--effective", help="Instant from which it holds; now unless given.")
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Also retire definitions in force that the files lack.")
    ] = False,
    form: FormatOption = Format.table,
) -> None:
    """Put definitions in force from an instant on; the past keeps its targets."""
    from nines.operations import defining

    house, who = open_local(data, tenant)
    effective_from = instant_option("effective", effective)
    done = defining.apply(house, who, paths, now=now(), effective_from=effective_from, prune=prune)
    rows(("change", "kind", "name", "revision"), defining.applied_rows(done), form)
    say(done.summary)


def drift(
    paths: Paths, data: DataOption = None, tenant: TenantOption = None, form: FormatOption = Format.table
) -> None:
    """Compare definitions in files with those in force; exit 1 when they differ."""
    from nines.operations import defining

    house, who = open_local(data, tenant)
    change = defining.plan(house, who, paths, now=now(), both_ways=True)
    rows(("change", "kind", "name", "what"), defining.plan_rows(change), form)
    if change.empty:
        say("the files say what is in force")
    raise typer.Exit(0 if change.empty else 1)


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (check, fmt, schema, plan, apply, drift):
        app.command()(command)
