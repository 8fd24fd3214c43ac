"""Commands that put something on record: exclude, annotate, statement, token, user, audit."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nines.cli.options import DataOption, FormatOption, TenantOption, instant_option, now, open_local
from nines.cli.output import Format, done, rows, say, tell_problems

token_app = typer.Typer(help="Make, list and revoke tokens for machines.", no_args_is_help=True)
user_app = typer.Typer(help="Make and list people who may sign in.", no_args_is_help=True)
audit_app = typer.Typer(help="Check that nothing on record was changed.", no_args_is_help=True)
statement_app = typer.Typer(help="Close finished periods and read the statements.", no_args_is_help=True)


Name = Annotated[str, typer.Argument(help="Name of the exclusion, or of one to withdraw.")]
From = Annotated[str | None, typer.Option("--from", help="First instant that does not count.")]
To = Annotated[str | None, typer.Option("--to", help="Instant after the last.")]
Services = Annotated[list[str] | None, typer.Option("--service", help="Service it holds for; all unless given.")]
Objectives = Annotated[list[str] | None, typer.Option("--objective", help="Objective it holds for; all unless given.")]
Where = Annotated[str, typer.Option("--where", help="Predicate over events that limits it.")]
Mode = Annotated[str, typer.Option("--mode", help="drop-events, shrink-denominator or count-as-good.")]
Class = Annotated[str, typer.Option("--class", help="scheduled (notice was given) or excluded (a cause).")]
Clause = Annotated[str, typer.Option("--clause", help="Clause it rests on.")]
Approver = Annotated[str, typer.Option("--approver", help="Who approved it.")]
Evidence = Annotated[str, typer.Option("--evidence", help="Link or reference that shows the cause.")]
Withdraw = Annotated[bool, typer.Option("--withdraw", help="Withdraw it instead.")]


def exclude(
    name: Name,
    start: From = None,
    end: To = None,
    services: Services = None,
    objectives: Objectives = None,
    where: Where = "",
    mode: Mode = "drop-events",
    kind: Class = "excluded",
    clause: Clause = "",
    approver: Approver = "",
    evidence: Evidence = "",
    withdraw: Withdraw = False,
    data: DataOption = None,
    tenant: TenantOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Record time, or events in it, that a promise does not count; the past keeps its statements."""
    from nines.operations import excluding

    house, who = open_local(data, tenant)
    if withdraw:
        gone = excluding.withdraw(house, who, name, now=now())
        done(gone.summary, _exclusion(who, name, "withdrawn", gone.corrections), form)
        return
    asked = excluding.Wanted(
        name=name, start=instant_option("from", start), end=instant_option("to", end), services=tuple(services or ()),
        objectives=tuple(objectives or ()), where=where, mode=mode, kind=kind, clause=clause, approver=approver,
        evidence=evidence,
    )  # fmt: skip
    made = excluding.exclude(house, who, asked, now=now())
    tell_problems(made.problems)
    done(made.summary, _exclusion(who, name, "recorded", made.corrections), form)


def _exclusion(who: Any, name: str, state: str, corrections: tuple[str, ...]) -> dict[str, object]:  # noqa: ANN401 - imported only when needed
    return {"exclusion": name, "tenant": who.tenant, "state": state, "corrections": list(corrections)}


def annotate(
    subject: Annotated[str, typer.Argument(help="Objective or service the note is about.")],
    text: Annotated[str, typer.Argument(help="What there is to say.")],
    at: Annotated[str | None, typer.Option("--at", help="Instant it speaks about; now unless given.")] = None,
    data: DataOption = None,
    tenant: TenantOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Put a dated note on an objective or a service."""
    from nines.operations import annotating

    house, who = open_local(data, tenant)
    about = instant_option("at", at) or now()
    annotating.annotate(house, who, subject, text, about=about, now=now())
    told = {"subject": subject, "tenant": who.tenant, "about": about.isoformat(), "text": text.strip()}
    done(f"noted on {subject}", told, form)


@token_app.command("make")
def token_make(
    name: Annotated[str, typer.Argument(help="What the token is for.")],
    scopes: Annotated[list[str], typer.Option("--scope", help="Right it carries; docs/reference/people lists them.")],
    days: Annotated[int, typer.Option("--days", help="Days until it expires.", min=1, max=3650)] = 90,
    data: DataOption = None,
    tenant: TenantOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Make a token; it is printed once and stored only as a hash."""
    from nines.operations import people

    house, who = open_local(data, tenant)
    made = people.make_token(house, who, name, scopes=tuple(scopes), days=days, now=now())
    say(f"token {name} for {', '.join(scopes)}, until {made.expires:%Y-%m-%d}; it is shown this once:")
    if form is Format.table:
        typer.echo(made.secret)
    else:
        row = {"name": name, "tenant": who.tenant, "secret": made.secret, "expires": made.expires.isoformat()}
        rows(tuple(row), [row], form)


@token_app.command("list")
def token_list(data: DataOption = None, tenant: TenantOption = None, form: FormatOption = Format.table) -> None:
    """List tokens; their secrets are not kept."""
    from nines.operations import people

    house, who = open_local(data, tenant)
    rows(("name", "prefix", "scopes", "expires", "state"), people.token_rows(house, who, now=now()), form)


@token_app.command("revoke")
def token_revoke(
    name: Annotated[str, typer.Argument(help="Name or prefix of the token.")],
    data: DataOption = None,
    tenant: TenantOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Revoke a token at once."""
    from nines.operations import people

    house, who = open_local(data, tenant)
    people.revoke_token(house, who, name, now=now())
    done(f"revoked {name}", {"token": name, "tenant": who.tenant, "state": "revoked"}, form)


@user_app.command("add")
def user_add(
    name: Annotated[str, typer.Argument(help="Name to sign in with.")],
    role: Annotated[str, typer.Option("--role", help="viewer, engineer, manager, auditor or admin.")] = "engineer",
    password: Annotated[str, typer.Option("--password", prompt=True, confirmation_prompt=True, hide_input=True)] = "",
    data: DataOption = None,
    tenant: TenantOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Add a person; the password is asked for and stored only as a hash."""
    from nines.operations import people

    house, who = open_local(data, tenant)
    people.add_person(house, who, name, password, role=role, now=now())
    done(f"{name} may sign in as {role}", {"name": name, "of": who.tenant, "tenant": who.tenant, "role": role}, form)


@user_app.command("list")
def user_list(data: DataOption = None, tenant: TenantOption = None, form: FormatOption = Format.table) -> None:
    """List who may do things in a tenant: its own people, and those of others with a role in it."""
    from nines.operations import people

    house, who = open_local(data, tenant)
    rows(("name", "of", "role"), people.members(house, who), form)


@user_app.command("join")
def user_join(
    name: Annotated[str, typer.Argument(help="Name of somebody who may sign in already.")],
    home: Annotated[str, typer.Option("--of", help="Tenant that their account belongs to.")],
    role: Annotated[str, typer.Option("--role", help="viewer, engineer, manager, auditor or admin.")] = "viewer",
    data: DataOption = None,
    tenant: TenantOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Give a person of another tenant a role in this one as well."""
    from nines.operations import people

    house, who = open_local(data, tenant)
    people.join(house, who, name, home=home, role=role, now=now())
    told = {"name": name, "of": home, "tenant": who.tenant, "role": role}
    done(f"{name} of {home} is {role} in {who.tenant}", told, form)


@user_app.command("leave")
def user_leave(
    name: Annotated[str, typer.Argument(help="Name of the person.")],
    home: Annotated[str, typer.Option("--of", help="Tenant that their account belongs to.")],
    data: DataOption = None,
    tenant: TenantOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Take away the role that a person of another tenant has in this one."""
    from nines.operations import people

    house, who = open_local(data, tenant)
    people.leave(house, who, name, home=home, now=now())
    told = {"name": name, "of": home, "tenant": who.tenant, "role": None}
    done(f"{name} of {home} has no role in {who.tenant} any more", told, form)


@audit_app.command("verify")
def audit_verify(data: DataOption = None, tenant: TenantOption = None, form: FormatOption = Format.table) -> None:
    """Check the journal's hash chain; names the first row that was changed, removed or inserted."""
    from nines.operations import auditing

    house, who = open_local(data, tenant)
    report = auditing.verify(house, who)
    rows(("where", "what", "fix"), [{"where": p.where, "what": p.what, "fix": p.fix} for p in report.problems], form)
    say(report.summary)
    raise typer.Exit(1 if report.problems else 0)


@statement_app.command("close")
def statement_close(
    objective: Annotated[str, typer.Argument(help="Objective with a calendar window, as checkout@month.")],
    at: Annotated[
        str | None, typer.Option("--at", help="Any instant inside the period; the last finished one unless given.")
    ] = None,
    data: DataOption = None,
    tenant: TenantOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Close a finished period: its standing is kept and is never computed over."""
    from nines.operations import statements

    house, who = open_local(data, tenant)
    closed = statements.close(house, who, objective, within=instant_option("at", at), now=now())
    done(closed.summary, closed.row(), form)


@statement_app.command("list")
def statement_list(data: DataOption = None, tenant: TenantOption = None, form: FormatOption = Format.table) -> None:
    """List closed statements with their corrections."""
    from nines.operations import statements

    house, who = open_local(data, tenant)
    rows(
        ("objective", "period", "sli", "verdict", "closed", "corrections"), statements.statement_rows(house, who), form
    )


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(exclude)
    app.command()(annotate)
    app.add_typer(statement_app, name="statement")
    app.add_typer(token_app, name="token")
    app.add_typer(user_app, name="user")
    app.add_typer(audit_app, name="audit")
