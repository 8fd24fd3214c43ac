"""Notifying: messages into the outbox by the routes in force, and from there to their targets.

One rule: a message leaves the outbox when its target has taken it or it was given up, and either is a fact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from nines.alerting.escalation import escalation_json, planned
from nines.alerting.message import KINDS, Message, message_json, message_of
from nines.alerting.routing import Delivery, Match, Route, Silence, route
from nines.definitions.load import Definitions
from nines.errors import InputError, NinesError, NotFoundError, Problem
from nines.objectives.exclusion import Exclusion
from nines.operations.house import House
from nines.operations.promises import exclusions, in_force
from nines.operations.silencing import silences
from nines.people.rights import Principal, require
from nines.senders.opening import sender_of
from nines.senders.sending import NotTakenError, Outgoing, Target
from nines.store.deed import Deed
from nines.store.outbox import Put, Row, State
from nines.telemetry.templates import HIDDEN, filled

#: Pause before the first repetition; it doubles each time, up to the longest.
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(minutes=10)
#: Times a message is tried before it is given up: about five hours.
MOST_TRIES = 36
#: Name that rows of messages which nobody takes stand under.
NOBODY = ""


@dataclass(frozen=True, slots=True)
class Means:
    """What sending needs from the face that runs it.

    Attributes:
        secrets: tenant -> name -> secret, for ${secret:NAME} in its targets and in nobody else's.
        root: address of this installation for links, without a trailing slash, or "".
        seconds: present instant, seconds since 1970.
    """

    secrets: Mapping[str, Mapping[str, str]]
    root: str
    seconds: Callable[[], int]


def put(house: House, deed: Deed, messages: Sequence[Message], definitions: Definitions) -> int:
    """Put messages into the outbox, for everybody the routes choose.

    Args:
        house: whose.
        deed: the deed that decided them.
        messages: of the deed's tenant.
        definitions: in force; give routes and targets.

    Returns:
        How many rows were put in.
    """
    if not messages:
        return 0
    routes = [*definitions.routes.values(), *of_policies(definitions)]
    known = silences(house, deed.tenant, at=deed.now)
    muting = [e for e in exclusions(house, deed.tenant, definitions) if e.mutes_paging]
    rows = [row for m in messages for row in _rows(deed, m, routes, [*known, *mutes(m, muting)])]
    return house.store.outbox.put(deed, rows)


def numbered(house: House, deed: Deed, message: Message, others: Sequence[Message] = ()) -> Message:
    """Return a message with the first number that is free in its thread: several deeds may add to one thread.

    Args:
        house: whose outbox.
        deed: the deed that tells it.
        message: what to tell.
        others: what the same deed tells before it.
    """
    told = {m.id for m in others}
    while message.id in told or house.store.outbox.holds(deed, message.id):
        message = replace(message, number=message.number + 1)
    return message


def of_policies(definitions: Definitions) -> list[Route]:
    """Return the targets that alert policies name as routes of the objectives they watch; other routes go on.

    Args:
        definitions: in force.
    """
    found = []
    for objective in definitions.objectives:
        policy = definitions.alert_policies.get(objective.policy)
        if policy is None or not policy.targets:
            continue
        unsaid = {"resolved": policy.when_resolved, "fired": policy.when_breaching, "blind": policy.when_no_data}
        kinds = tuple(k for k in KINDS if unsaid.get(k, True))
        matches = (Match("objective", (objective.key,)), Match("kind", kinds))
        found.append(Route(f"policy {policy.name}", policy.targets, matches, order=0, goes_on=True))
    return found


def _rows(deed: Deed, message: Message, routes: Sequence[Route], known: Sequence[Silence]) -> list[Put]:
    body, deliveries = message_json(message), route(message, routes, known, deed.now)
    _plan(deed, message, routes, deliveries)
    why = "no route takes it"
    return [_row(body, d) for d in deliveries] or [Put(NOBODY, body, "", message.id, why, deed.now, "unrouted")]


def _plan(deed: Deed, message: Message, routes: Sequence[Route], deliveries: Sequence[Delivery]) -> None:
    """Put on record when a page that nobody takes on is told again, for every route that asks for it."""
    told = {d.route: d.due for d in deliveries if d.held != "silenced"}
    for one in routes:
        plan = planned(message, one, told[one.name]) if one.name in told else None
        if plan is not None:
            deed.tell("escalation.planned", f"objective {message.objective}", escalation_json(plan))


def _row(body: dict[str, object], delivery: Delivery) -> Put:
    state: State = "silenced" if delivery.held == "silenced" else "waiting"
    return Put(delivery.target, body, delivery.route, delivery.group, delivery.why, delivery.due, state)


def mutes(message: Message, muting: Sequence[Exclusion]) -> list[Silence]:
    """Return exclusions that mute paging as silences of a message about what they hold for.

    Args:
        message: whose instant must lie in an exclusion.
        muting: exclusions that mute paging.
    """
    name = message.objective.partition("@")[0]
    return [
        Silence(e.name, (Match("tenant"),), span, e.approver, "an exclusion mutes paging")
        for e in muting
        if e.holds_for(message.service, name)
        for span in e.spans
        if message.at in span
    ]


def send_due(house: House, means: Means, *, now: datetime, most: int = 100) -> int:
    """Send what is due, until nothing is or so many were tried.

    Args:
        house: whose outbox.
        means: what sending needs.
        now: present instant.
        most: groups of messages tried at most.

    Returns:
        Messages that were taken.
    """
    taken = 0
    for _ in range(most):
        rows = house.store.outbox.claim(now)
        if not rows:
            break
        taken += _send(house, means, rows, now)
    return taken


def _send(house: House, means: Means, rows: list[Row], now: datetime) -> int:
    """Send one group, and note what came of it; returns how many messages were taken."""
    first = rows[0]
    try:
        target = _target(house, means, first.tenant, first.target, now)
        outgoing = Outgoing(tuple(message_of(r.body) for r in rows), any(r.repeated for r in rows))
        said = sender_of(target.kind, means.seconds).send(target, outgoing)
    except NotTakenError as error:
        _failed(house, rows, error, now)
        return 0
    except NinesError as error:
        _note(house, rows, "message.dead", str(error.problems[0]), now)
        return 0
    _note(house, rows, "message.sent", said, now)
    return len(rows)


def _target(house: House, means: Means, tenant: str, name: str, now: datetime) -> Target:
    """Return a target in force with its secrets filled in.

    Raises:
        InputError: a secret is missing.
        NotFoundError: it is in force no longer.
    """
    defined = in_force(house, tenant, at=now).targets.get(name)
    if defined is None:
        raise NotFoundError(Problem(f"target {name}", "it is in force no longer", "apply it again", code="no-target"))
    url, secret = (_filled(text, means.secrets.get(tenant, {}), name) for text in (defined.url, defined.secret))
    return Target(name, defined.kind, url, secret, means.root)


def _filled(text: str, secrets: Mapping[str, str], target: str) -> str:
    """Return a text with its ${secret:NAME} filled in."""
    try:
        return filled(text, {f"{HIDDEN}{name}": value for name, value in secrets.items()})
    except KeyError as error:
        name = str(error.args[0]).removeprefix(HIDDEN)
        fix = f"set NINES_SECRET_{name}, or put it into the file of secrets"
        raise InputError(Problem(f"target {target}", f"the secret {name} is missing", fix, code="no-secret")) from error


def _failed(house: House, rows: list[Row], error: NotTakenError, now: datetime) -> None:
    """Let messages be tried again later, or give them up."""
    tries = max(r.attempts for r in rows)
    if error.permanent or tries >= MOST_TRIES:
        _note(house, rows, "message.dead", str(error.problems[0]), now)
        return
    pause = min(FIRST_PAUSE * 2 ** min(tries - 1, 10), LONGEST_PAUSE)
    wait = max(pause, timedelta(seconds=min(error.retry_after_s, 3600)))
    house.store.outbox.later(rows, error.problems[0].what, now + wait, repeated=error.uncertain)


def _note(house: House, rows: list[Row], kind: str, said: str, now: datetime) -> None:
    """Put on record what came of messages."""
    with house.store.deed(rows[0].tenant, "worker", now) as deed:
        for row in rows:
            said_of = {"id": row.id, "thread": row.thread, "number": row.number, "said": said[:400],
                       "repeated": row.repeated, "attempts": row.attempts}  # fmt: skip
            deed.tell(kind, f"target {row.target}", said_of)
        end = house.store.outbox.sent if kind == "message.sent" else house.store.outbox.dead
        end(deed, rows, said)


def log(
    house: House, who: Principal, *, newest: int = 200, objective: str = "", state: str = "", thread: str = ""
) -> list[Row]:
    """Return messages, newest first; see `Outbox.log`."""
    require(who, "see")
    return house.store.outbox.log(who.tenant, newest=newest, objective=objective, state=state, thread=thread)


def retry(house: House, who: Principal, message: str, target: str, *, now: datetime) -> None:
    """Let a message that was given up be tried again.

    Args:
        house: whose outbox.
        who: who asks for it.
        message: its id.
        target: whom it is for.
        now: present instant.

    Raises:
        NotFoundError: no such message was given up.
    """
    require(who, "alert")
    with house.store.deed(who.tenant, who.name, now) as deed:
        if not house.store.outbox.again(deed, message, target):
            what = "no such message was given up"
            raise NotFoundError(Problem(message, what, "`nines notifications` lists them", code="no-message"))
        deed.tell("message.retried", f"target {target}", {"id": message})


def tell_test(house: House, who: Principal, target: str, *, now: datetime) -> Message:
    """Put a message into the outbox that tries a target.

    Args:
        house: whose outbox.
        who: who tries it.
        target: its name.
        now: present instant.

    Raises:
        NotFoundError: there is no such target in force.
    """
    require(who, "alert")
    if target not in in_force(house, who.tenant, at=now).targets:
        raise NotFoundError(
            Problem(target, "there is no such target", "apply an AlertNotificationTarget", code="no-target")
        )
    message = Message(
        tenant=who.tenant, thread=f"test {target} {now.isoformat()}", number=1, kind="test", severity="note",
        title=f"{who.name} tries the target {target}", at=now, path="/notifications",
    )  # fmt: skip
    with house.store.deed(who.tenant, who.name, now) as deed:
        house.store.outbox.put(deed, [Put(target, message_json(message), "test", message.id, "", now)])
    return message
