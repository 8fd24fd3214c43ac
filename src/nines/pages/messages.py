"""The page of messages: what was told, what waits and why, and the rules by which it is told.

One rule: what was not told stands as plainly as what was.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from nines.alerting.message import KINDS
from nines.alerting.routing import Match, Quiet, Route, Silence
from nines.errors import InputError, Problem
from nines.objectives.exclusion import Exclusion
from nines.operations import notifications_board, notifying, silencing
from nines.operations.notifications_board import Posted, Reached, Told
from nines.pages.row import State, objective_url
from nines.pages.visit import SEE_OTHER, Visit
from nines.reading import duration, duration_text, instant
from nines.spans import Span

#: State of a message -> class of the design system and word.
MESSAGE_STATES = {
    "waiting": State("calm", "waiting"), "claimed": State("calm", "on its way"), "sent": State("met", "sent"),
    "dead": State("missed", "given up"), "silenced": State("calm", "silenced"), "unrouted": State("risk", "unrouted"),
}  # fmt: skip
#: Lengths that a silence may have, offered by forms.
LENGTHS = ("1h", "2h", "4h", "8h", "1d", "3d", "7d")


def messages_page(visit: Visit) -> Response:
    """Return the page of messages."""
    ask = {name: visit.words.get(name, "").strip()[:400] for name in ("objective", "state", "thread")}
    if ask["state"] not in {"", *MESSAGE_STATES}:
        fix = f"write one of {', '.join(MESSAGE_STATES)}"
        raise InputError(Problem("state", f"{ask['state'][:40]!r} is no state of a message", fix, code="bad-state"))
    found = notifications_board.told(visit.house, visit.who, at=visit.now, **ask)
    values = {**message_values(found, visit.now), "ask": ask, "filtered": any(ask.values())}
    return visit.page("messages.html", {**values, "can_alert": visit.may("alert")}, here="/notifications")


def retry(visit: Visit) -> Response:
    """Let a message that was given up be tried again, and go back."""
    notifying.retry(visit.house, visit.who, visit.field("id"), visit.field("target"), now=visit.now)
    return RedirectResponse(visit.back("/notifications"), SEE_OTHER)


def try_target(visit: Visit) -> Response:
    """Put a message into the outbox that tries a target, and show it there."""
    message = notifying.tell_test(visit.house, visit.who, visit.field("target"), now=visit.now)
    return RedirectResponse(f"/notifications?{urlencode({'thread': message.thread})}", SEE_OTHER)


def silence(visit: Visit) -> Response:
    """Silence messages for a while, and go back."""
    texts = [t.strip() for field in visit.form.get("match", ()) for t in field.split(",") if t.strip()]
    problems: list[Problem] = []
    start = _instant(visit.field("start"), visit.now, problems)
    long = _length(visit.field("for"), problems)
    if problems:
        raise InputError(*problems)
    name = visit.field("name")[:80] or f"{', '.join(texts)} {visit.now:%Y-%m-%d %H:%M}"
    matches, reason = silencing.matches_of(texts), visit.field("reason")[:1000]
    silencing.silence(visit.house, visit.who, name, matches, Span(start, start + long), reason, now=visit.now)
    return RedirectResponse(visit.back("/notifications"), SEE_OTHER)


def end_silence(visit: Visit) -> Response:
    """End a silence early, and go back."""
    silencing.end_silence(visit.house, visit.who, visit.field("name"), now=visit.now)
    return RedirectResponse(visit.back("/notifications"), SEE_OTHER)


def _instant(text: str, otherwise: datetime, problems: list[Problem]) -> datetime:
    try:
        return instant(text) if text else otherwise
    except (ValueError, OverflowError) as error:
        fix = "write an instant like 2026-03-01T12:00:00Z, or nothing for now"
        problems.append(Problem("from", str(error), fix, code="bad-instant"))
        return otherwise


def _length(text: str, problems: list[Problem]) -> timedelta:
    try:
        return min(duration(text), silencing.LONGEST + timedelta(minutes=1))
    except (ValueError, OverflowError) as error:
        problems.append(Problem("for", str(error), "write a length like 4h", code="bad-value"))
        return timedelta(hours=1)


def message_values(found: Told, at: datetime) -> dict[str, Any]:
    """Return what was told as the values of the template.

    Args:
        found: messages and rules.
        at: present instant.
    """
    return {
        "at": at, "sentence": sentence(found.counts), "rows": [_row(r, at) for r in found.rows],
        "states": [(s, shown.word, found.counts.get(s, 0)) for s, shown in MESSAGE_STATES.items()],
        "newest": notifications_board.NEWEST, "targets": [_target(t) for t in found.targets],
        "routes": [_route(r) for r in found.routes], "silences": [_silence(s, at) for s in found.silences],
        "muting": [_muting(e, at) for e in found.muting], "lengths": LENGTHS,
    }  # fmt: skip


def sentence(counts: dict[str, int]) -> str:
    """Say in one sentence what became of all messages.

    Args:
        counts: state -> how many.

    Example:
        >>> sentence({"sent": 3, "dead": 1})
        '1 message was given up, 0 wait, 3 were sent.'
    """
    dead, lost = counts.get("dead", 0), counts.get("unrouted", 0)
    waiting = counts.get("waiting", 0) + counts.get("claimed", 0)
    head = f"{dead:,} {'message was' if dead == 1 else 'messages were'} given up"
    unrouted = f", nobody takes {lost:,}" if lost else ""
    quiet = counts.get("silenced", 0)
    hushed = f", {quiet:,} {'was' if quiet == 1 else 'were'} silenced" if quiet else ""
    wait, sent = "waits" if waiting == 1 else "wait", counts.get("sent", 0)
    return f"{head}{unrouted}, {waiting:,} {wait}, {sent:,} {'was' if sent == 1 else 'were'} sent{hushed}."


def _row(row: Posted, at: datetime) -> dict[str, Any]:
    body = row.body
    return {
        "id": row.id, "target": row.target, "route": row.route, "thread": row.thread, "number": row.number,
        "at": row.put_at, "state": MESSAGE_STATES[row.state], "title": body["title"], "severity": body["severity"],
        "kind": KINDS[body["kind"]][1], "figures": body["figures"], "clause": body["clause"],
        "objective": row.objective, "url": objective_url(row.objective) if row.objective else "",
        "why": outcome(row, at), "dead": row.state == "dead", "repeated": row.repeated,
        "thread_url": f"/notifications?{urlencode({'thread': row.thread})}",
    }  # fmt: skip


def outcome(row: Posted, at: datetime) -> str:
    """Return what became of a message, in words: when it is due and why it waits, or what the target said.

    Args:
        row: the message for one target.
        at: present instant.
    """
    tries = "" if row.attempts <= 1 else f"tried {row.attempts} times"
    if row.state in {"waiting", "claimed"}:
        when = "due now" if row.due_at <= at else f"due {_clock(row.due_at)}"
        return ", ".join(t for t in (when, row.why, row.said and f"last answer: {row.said}", tries) if t)
    when = "" if row.ended_at is None or row.state == "silenced" else _clock(row.ended_at)
    again = "perhaps told twice" if row.repeated and row.state == "sent" else ""
    return ", ".join(t for t in (when, row.said or row.why, tries, again) if t)


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _target(one: Reached) -> dict[str, Any]:
    taken, failed = one.taken, one.failed
    bad = failed is not None and (taken is None or _last(failed) > _last(taken))
    state = State("missed", "failing") if bad else State("met", "takes messages") if taken else State("calm", "untried")
    return {
        "name": one.target.name, "kind": one.target.kind, "address": one.target.url, "state": state,
        "signed": bool(one.target.secret), "routes": ", ".join(one.routes),
        "taken": taken.ended_at if taken else None, "said": failed.said if bad and failed else "",
    }  # fmt: skip


def _last(row: Posted) -> datetime:
    return row.ended_at or row.put_at


def _route(one: Route) -> dict[str, Any]:
    reminds = duration_text(one.remind_after) if one.remind_after else ""
    gathers = f"by {', '.join(one.group_by)} for {duration_text(one.group_wait)}" if one.group_by else ""
    digest = one.digest
    return {
        "name": one.name, "order": one.order, "match": " and ".join(match_text(m) for m in one.matches) or "everything",
        "targets": ", ".join(one.targets), "on": one.goes_on, "quiet": quiet_text(one.quiet) if one.quiet else "",
        "digest": f"{', '.join(digest.severities)} at {digest.at:%H:%M} {digest.zone}" if digest else "",
        "groups": gathers, "reminds": f"after {reminds}" if reminds else "", "escalates": ", ".join(one.escalate_to),
        "hours": one.hours is not None,
    }  # fmt: skip


def match_text(match: Match) -> str:
    """Return a condition in words.

    Args:
        match: the condition.

    Example:
        >>> match_text(Match("team", ("shop", "web-*"))), match_text(Match("tier"))
        ('team is shop or web-*', 'tier is there')
    """
    return f"{match.name} is {' or '.join(match.values)}" if match.values else f"{match.name} is there"


def quiet_text(quiet: Quiet) -> str:
    """Return quiet hours in words.

    Args:
        quiet: the hours.
    """
    passing = f", but for {' and '.join(quiet.passing)}" if quiet.passing else ""
    return f"{quiet.begins:%H:%M} to {quiet.ends:%H:%M} {quiet.zone}{passing}"


def _silence(one: Silence, at: datetime) -> dict[str, Any]:
    return {
        "name": one.name, "match": " and ".join(match_text(m) for m in one.matches), "start": one.span.start,
        "end": one.span.end, "author": one.author, "reason": one.reason, "begun": one.span.start <= at,
    }  # fmt: skip


def _muting(one: Exclusion, at: datetime) -> dict[str, Any]:
    span = next(s for s in one.spans if s.end > at)
    return {"name": one.name, "start": span.start, "end": span.end, "approver": one.approver}
