"""Commands about what burns and who hears of it: alerts, alert, silence, notifications, budget."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from nines.cli.options import DataOption, FormatOption, TenantOption, instant_option, now, open_local
from nines.cli.output import Format, document, done, rows, say
from nines.errors import InputError, Problem
from nines.spans import Span

alert_app = typer.Typer(help="Take an alert on.", no_args_is_help=True)
silence_app = typer.Typer(help="Silence messages for a while; alerts go on being judged.", no_args_is_help=True)
notifications_app = typer.Typer(help="List what was told to whom, try again, or try a target.")
budget_app = typer.Typer(help="What spent budgets ask for: gates, exceptions, approvals.", no_args_is_help=True)

ObjectiveOption = Annotated[str, typer.Option("--objective", help="Only of this objective, by name or name@window.")]
PolicyOption = Annotated[str, typer.Option("--policy", help="Only this ErrorBudgetPolicy.")]
PolicyName = Annotated[str, typer.Argument(help="Name of the ErrorBudgetPolicy.")]
FromOption = Annotated[str | None, typer.Option("--from", help="First instant; now unless given.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, for those who wonder.")]


def alerts(
    every: Annotated[bool, typer.Option("--all", help="Also those that wait, have ended, or rest.")] = False,
    objective: ObjectiveOption = "",
    data: DataOption = None,
    tenant: TenantOption = None,
    form: FormatOption = Format.table,
) -> None:
    """List what fires, since when, and who has taken it on; ends with 1 when something fires."""
    from nines.operations import alerts as asking

    house, who = open_local(data, tenant)
    found = asking.listed(house, who, every=every, objective=objective)
    if form is Format.json:
        document([asking.alert_json(shown) for shown in found])
    else:
        rows(asking.COLUMNS, [asking.alert_row(shown) for shown in found], form)
    raise typer.Exit(1 if any(shown.loud for shown in found) else 0)


@alert_app.command("ack")
def alert_ack(
    key: Annotated[str, typer.Argument(help="Alert, as checkout@30d/page-1h; or objective, for all that fire on it.")],
    note: Annotated[str, typer.Option("--note", help="What to tell those who were told of it.")] = "",
    data: DataOption = None,
    tenant: TenantOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Take an alert on: nobody is reminded of this episode any more."""
    from nines.operations import alerts as asking

    house, who = open_local(data, tenant)
    found = asking.acknowledge(house, who, key, note, now=now())
    for shown in found:
        say(f"{shown.alert.key} is taken on by {shown.taken.by if shown.taken else 'nobody'}")
    if form is Format.json:
        document([asking.alert_json(shown) for shown in found])
    elif form is Format.csv:
        rows(asking.COLUMNS, [asking.alert_row(shown) for shown in found], form)


@silence_app.command("add")
def silence_add(
    name: Annotated[str, typer.Argument(help="Name; one of that name that is not over is replaced.")],
    matches: Annotated[
        list[str], typer.Option("--match", help="NAME=VALUE: service, objective, kind, severity or a label.")
    ],
    to: Annotated[str, typer.Option("--to", help="Instant it ends, as 2026-03-01T12:00:00Z.")],
    reason: ReasonOption,
    start: FromOption = None,
    data: DataOption = None,
    tenant: TenantOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Silence messages for a while."""
    from nines.operations import silencing

    house, who = open_local(data, tenant)
    at = now()
    span = _span(instant_option("from", start) or at, instant_option("to", to) or at)
    made = silencing.silence(house, who, name, silencing.matches_of(matches), span, reason, now=at)
    done(f"silence {name} holds until {made.span.end:%Y-%m-%d %H:%M} UTC", silencing.silence_json(made), form)


def _span(start: datetime, end: datetime) -> Span:
    """Return a span of time, or say why it is none."""
    if end <= start:
        raise InputError(Problem("--to", "it ends before it begins", "give a later instant", code="bad-span"))
    return Span(start, end)


@silence_app.command("list")
def silence_list(data: DataOption = None, tenant: TenantOption = None, form: FormatOption = Format.table) -> None:
    """List silences that are not over."""
    from nines.operations import silencing

    house, who = open_local(data, tenant)
    found = silencing.listed(house, who, now=now())
    if form is Format.json:
        document([silencing.silence_json(made) for made in found])
    else:
        rows(silencing.COLUMNS, [silencing.silence_row(made) for made in found], form)


@silence_app.command("end")
def silence_end(
    name: Annotated[str, typer.Argument(help="Name of the silence.")],
    data: DataOption = None,
    tenant: TenantOption = None,
    form: FormatOption = Format.table,
) -> None:
    """End a silence early."""
    from nines.operations import silencing

    house, who = open_local(data, tenant)
    silencing.end_silence(house, who, name, now=now())
    done(f"silence {name} has ended", {"name": name, "tenant": who.tenant, "state": "ended"}, form)


@notifications_app.callback(invoke_without_command=True)
def notifications(
    context: typer.Context,
    state: Annotated[
        str, typer.Option("--state", help="waiting, claimed, sent, dead, silenced or unrouted; all unless given.")
    ] = "",
    objective: Annotated[str, typer.Option("--objective", help="Only of this objective, as checkout@30d.")] = "",
    newest: Annotated[int, typer.Option("--newest", help="How many at most.", min=1, max=10_000)] = 200,
    data: DataOption = None,
    tenant: TenantOption = None,
    form: FormatOption = Format.table,
) -> None:
    """List messages, newest first: what was told to whom, what waits, what was given up and why."""
    from nines.operations import notifications_showing as showing
    from nines.operations import notifying

    if context.invoked_subcommand is not None:
        return
    house, who = open_local(data, tenant)
    found = notifying.log(house, who, newest=newest, objective=objective, state=state)
    if form is Format.json:
        document([showing.row_json(told) for told in found])
    else:
        rows(showing.COLUMNS, [showing.row(told) for told in found], form)


@notifications_app.command("retry")
def notifications_retry(
    message: Annotated[str, typer.Argument(help="Id of a message that was given up.")],
    target: Annotated[str, typer.Argument(help="Target it is for.")],
    data: DataOption = None,
    tenant: TenantOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Let a message that was given up be tried again."""
    from nines.operations import notifying

    house, who = open_local(data, tenant)
    notifying.retry(house, who, message, target, now=now())
    done(f"{message} is tried again", {"id": message, "tenant": who.tenant, "target": target}, form)


@notifications_app.command("test")
def notifications_test(
    target: Annotated[str, typer.Argument(help="Name of the AlertNotificationTarget.")],
    data: DataOption = None,
    tenant: TenantOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Put a message into the outbox that tries a target; `nines serve` sends it."""
    from nines.operations import notifying

    house, who = open_local(data, tenant)
    message = notifying.tell_test(house, who, target, now=now())
    summary = f"{message.id} is on its way to {target}; `nines notifications` shows what comes of it"
    done(summary, {"id": message.id, "tenant": who.tenant, "target": target}, form)


@budget_app.command("status")
def budget_status(
    policy: PolicyOption = "",
    objective: ObjectiveOption = "",
    change: Annotated[str, typer.Option("--change", help="What names the change a gate asks about.")] = "",
    data: DataOption = None,
    tenant: TenantOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Tell what ErrorBudgetPolicies ask; ends with 1 when a change has to wait, with 3 when that cannot be told."""
    from nines.operations import budget_policies as asking

    house, who = open_local(data, tenant)
    found = asking.rulings(house, who, at=now(), policy=policy, objective=objective, change=change)
    if form is Format.json:
        document([asking.ruled_json(ruled) for ruled in found])
    else:
        rows(asking.COLUMNS, [asking.ruled_row(ruled) for ruled in found], form)
    for ruled in found:
        if ruled.stops or ruled.unknown:
            say(ruled.reason)
    for made in asking.recorded(house, who):
        say(f"exception {made.number}: {made.exception.consequence} of {made.policy} lifted, {made.exception.reason}")
    raise typer.Exit(asking.exit_code(found))


@budget_app.command("except")
def budget_except(
    policy: PolicyName,
    to: Annotated[str | None, typer.Option("--to", help="First instant at which it is lifted no more.")] = None,
    reason: ReasonOption = "",
    approver: Annotated[str, typer.Option("--approver", help="Who answers for it.")] = "",
    consequence: Annotated[str, typer.Option("--consequence", help="freeze, review or notify.")] = "freeze",
    objectives: Annotated[
        list[str] | None, typer.Option("--objective", help="Lifted for this; all of the policy's unless given.")
    ] = None,
    start: FromOption = None,
    withdraw: Annotated[int, typer.Option("--withdraw", help="Withdraw the exception of this number instead.")] = 0,
    data: DataOption = None,
    tenant: TenantOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Lift a consequence for a while, by somebody who answers for it."""
    from nines.operations import budget_policies as asking

    house, who = open_local(data, tenant)
    at = now()
    if withdraw:
        asking.withdraw(house, who, withdraw, now=at)
        done(f"exception {withdraw} is withdrawn", {"exception": withdraw, "state": "withdrawn"}, form)
        return
    begins, ends = instant_option("from", start) or at, instant_option("to", to) or at
    lifted = asking.lifting(consequence, begins, ends, approver, reason, tuple(objectives or ()))
    number = asking.except_from(house, who, policy, lifted, now=at)
    span = {"from": begins.isoformat(), "to": ends.isoformat()}
    told = {"exception": number, "state": "recorded", "policy": policy, "consequence": consequence, **span}
    done(f"exception {number}: {consequence} of {policy} is lifted until {ends:%Y-%m-%d %H:%M} UTC", told, form)


@budget_app.command("approve")
def budget_approve(
    policy: PolicyName,
    change: Annotated[str, typer.Option("--change", help="What names the change, as a pull request's address.")],
    reason: ReasonOption,
    data: DataOption = None,
    tenant: TenantOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Approve a change under a spent budget that asks for a review; a freeze is lifted by an exception alone."""
    from nines.operations import budget_policies as asking

    house, who = open_local(data, tenant)
    asking.approve(house, who, policy, change, reason, now=now())
    done(f"{change} is approved under {policy}", {"policy": policy, "change": change, "reason": reason}, form)


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(alerts)
    app.add_typer(alert_app, name="alert")
    app.add_typer(silence_app, name="silence")
    app.add_typer(notifications_app, name="notifications")
    app.add_typer(budget_app, name="budget")
