"""The page of alerts: what fires first, who knows of it, and what can be done about it here.

One rule: an alert whose data is missing reads "unknown" and stands among what fires: silence ends no burn.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from nines.alerting.life import Change
from nines.alerting.policy import BurnRule, CountRule
from nines.alerting.routing import Silence
from nines.alerting.telling import shown_figures, thread_of
from nines.errors import Problem
from nines.operations import alerts, alerts_board
from nines.operations.alerts_board import Board, Spending, Watched
from nines.operations.notifications_board import Posted
from nines.pages.asking import asked
from nines.pages.messages import MESSAGE_STATES
from nines.pages.row import State, objective_url
from nines.pages.standing import live
from nines.pages.visit import SEE_OTHER, Visit
from nines.reading import duration_text
from nines.showing import burn, count, length, percent

#: State of an alert -> class of the design system and word.
STATES = {
    "firing": State("missed", "firing"), "pending": State("risk", "pending"), "unknown": State("unknown", "unknown"),
    "resolved": State("met", "resolved"), "ok": State("met", "ok"),
}  # fmt: skip
#: Objectives that stand with the threads of their alerts and with forms; of more there is a line for each alert.
MOST_FULL = 50
#: Why an alert tells something that no burn rule does.
SPECIAL = {
    "blind": "A page rule cannot be decided, because something is unknown.",
    "suspected-loss": "Traffic is far below its season.",
}
_CONSEQUENCES = {
    "freeze": State("missed", "frozen"), "review": State("risk", "review"), "notify": State("calm", "told"),
}  # fmt: skip


def alerts_page(visit: Visit) -> Response:
    """Return the page of alerts."""
    found = alerts_board.board(visit.house, visit.who, at=visit.now)
    values = {**alert_values(found, visit.now), "can_alert": visit.may("alert")}
    return visit.page("alerts.html", {**values, "live": live(visit, asked({}, visit.now))}, here="/alerts")


def acknowledge(visit: Visit) -> Response:
    """Take an alert on, and go back."""
    alerts.acknowledge(visit.house, visit.who, visit.field("key"), visit.field("note"), now=visit.now)
    return RedirectResponse(visit.back("/alerts"), SEE_OTHER)


def alert_values(found: Board, at: datetime) -> dict[str, Any]:
    """Return the board as the values of its template.

    Args:
        found: the board.
        at: present instant.
    """
    groups = grouped(found.firing)
    return {
        "at": at, "sentence": sentence(found), "found": problems(found, at), "tick": found.tick,
        "firing": [_group(g, at) for g in groups[:MOST_FULL]],
        "more": [_line(w, at) for g in groups[MOST_FULL:] for w in g],
        "waiting": [_line(w, at) for w in (*found.waiting, *found.unsure)],
        "budgets": [_budget(s, at) for s in found.budgets],
        "ended": [_ended(c) for c in found.ended],
        "quiet": not (found.firing or found.waiting or found.unsure),
    }  # fmt: skip


def sentence(found: Board) -> str:
    """Say in one sentence what needs somebody.

    Args:
        found: the board.
    """
    free = sum(w.shown.taken is None for w in found.firing)
    dark = sum(w.shown.alert.shown == "unknown" for w in found.firing)
    about, on = len({w.shown.objective for w in found.firing}), ""
    if found.firing:
        on = f" on {about} objectives" if about > 1 else f" on {found.firing[0].shown.objective}"
    parts = [_number(len(found.firing), "alert fires", "alerts fire") + on]
    if found.firing:
        parts += [f"nobody has taken on {_of(free, len(found.firing))}" if free else "somebody has taken on each"]
        parts += [f"whether {_of(dark, len(found.firing))} still {_burns(dark)} is not known"] if dark else []
    if found.waiting:
        parts.append(_number(len(found.waiting), "burns, but not yet for long", "burn, but not yet for long"))
    if found.unsure:
        parts.append(_number(len(found.unsure), "cannot be told", "cannot be told"))
    frozen = sum(s.frozen for s in found.budgets)
    parts += [_number(frozen, "budget stops changes", "budgets stop changes")] if frozen else []
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _number(number: int, one: str, many: str) -> str:
    return f"{'no' if number == 0 else number} {one if number == 1 else many}"


def _of(part: int, whole: int) -> str:
    return "it" if whole == 1 else "any of them" if part == whole else f"{part} of them"


def _burns(number: int) -> str:
    return "burns" if number == 1 else "burn"


def grouped(firing: Sequence[Watched]) -> list[list[Watched]]:
    """Return what fires by objective: first what nobody has taken on, then what pages, then the newest.

    Args:
        firing: in any order.
    """
    held: dict[str, list[Watched]] = {}
    for one in sorted(firing, key=_gravity):
        held.setdefault(one.shown.objective, []).append(one)
    return list(held.values())


def _gravity(one: Watched) -> tuple[bool, bool, float, str]:
    since = one.shown.alert.since
    return (
        one.shown.taken is not None,
        one.shown.severity != "page",
        -(since.timestamp() if since else 0.0),
        one.shown.alert.key,
    )


def problems(found: Board, at: datetime) -> list[Problem]:
    """Return what is wrong with the board itself.

    Args:
        found: the board.
        at: present instant.
    """
    if not found.behind:
        return []
    fix = "start `nines serve`, or look at its log"
    if found.tick is None:
        return [Problem("", "no minute was judged yet, so nothing here can fire", fix, "warning", "no-tick")]
    what = f"no minute was judged for {length(at - found.tick.at)}; what stands here is as it was then"
    return [Problem("", what, fix, "warning", "no-tick")]


def _line(one: Watched, at: datetime) -> dict[str, Any]:
    alert = one.shown.alert
    return {
        "key": alert.key, "objective": one.shown.objective, "url": objective_url(one.shown.objective),
        "rule": one.shown.rule, "severity": one.shown.severity, "state": STATES[alert.shown],
        "asks": rule_text(one.rule, one), "since": alert.since, "lasts": _lasts(alert.since, at),
        "gone": one.objective is None,
    }  # fmt: skip


def _group(group: Sequence[Watched], at: datetime) -> dict[str, Any]:
    """Return an objective with all that fires on it."""
    first, since = group[0], min(w.shown.alert.since or at for w in group)
    dark = all(w.shown.alert.shown == "unknown" for w in group)
    return {
        "objective": first.shown.objective, "url": objective_url(first.shown.objective), "since": since,
        "state": STATES["unknown" if dark else "firing"], "lasts": _lasts(since, at), "gone": first.objective is None,
        "alerts": [_full(w, at) for w in group], "free": any(w.shown.taken is None for w in group),
        "quiet": [_silence(s) for s in {s.name: s for w in group for s in w.quiet}.values()],
        "choices": choices(first),
    }  # fmt: skip


def _full(one: Watched, at: datetime) -> dict[str, Any]:
    alert, thread = one.shown.alert, [_message(r) for r in one.messages]
    return {
        **_line(one, at), "told": told_text(one), "dark": alert.shown == "unknown", "began": alert.began,
        "dark_since": alert.side_since, "episode": alert.episode, "taken": one.shown.taken,
        "figures": shown_figures(alert.figures), "thread": thread, "messages": len({r.number for r in one.messages}),
        "thread_url": f"/notifications?{urlencode({'thread': one.shown.thread})}", "hushed": bool(one.quiet),
    }  # fmt: skip


def told_text(one: Watched) -> str:
    """Return what was told when the alert fired, in one sentence.

    Args:
        one: an alert that fires.
    """
    held, rule = one.shown.alert.figures, one.rule
    if one.shown.rule in SPECIAL:
        return SPECIAL[one.shown.rule]
    bad, events, long, short = (held.get(n) for n in ("bad", "events", "burn_long", "burn_short"))
    if long is None:
        return f"{count(bad)} bad of {count(events)}." if bad is not None and events is not None else ""
    over = (duration_text(rule.long), duration_text(rule.short)) if isinstance(rule, BurnRule) else ("long", "short")
    return f"Burned {burn(long)} times too fast over {over[0]}, {burn(short)} over {over[1]}, when it fired."


def rule_text(rule: BurnRule | CountRule | None, one: Watched) -> str:
    """Return from what on a rule fires.

    Args:
        rule: the rule, or None.
        one: the alert it is about.
    """
    if isinstance(rule, CountRule):
        return f"fires from {count(rule.bad)} bad in {duration_text(rule.long)}"
    if rule is None or one.objective is None:
        return ""
    window = one.objective.window.nominal
    share = f"{percent(rule.share_on(window))} of the budget in {duration_text(rule.long)}"
    return f"fires from {burn(rule.factor(window))} ({share})"


def choices(one: Watched) -> list[tuple[str, str]]:
    """Return what a silence may be about, from here: value and words, the narrowest first.

    Args:
        one: an alert.
    """
    about = one.objective
    found = [(f"objective={one.shown.objective}", f"the objective {one.shown.objective}")]
    if about is not None:
        found += [(f"service={about.service}", f"the service {about.service}")]
        found += [(f"{name}={value}", f"{name}={value}") for name, value in about.labels]
    return found


def _lasts(since: datetime | None, at: datetime) -> str:
    return "" if since is None else length(max(at - since, at - at))


def _message(row: Posted) -> dict[str, Any]:
    state = MESSAGE_STATES[row.state]
    return {
        "number": row.number, "title": row.body["title"], "at": row.put_at, "target": row.target or "nobody",
        "state": state, "said": row.why or row.said,
    }  # fmt: skip


def _silence(one: Silence) -> dict[str, Any]:
    return {"name": one.name, "until": one.span.end, "author": one.author, "reason": one.reason}


def _budget(one: Spending, at: datetime) -> dict[str, Any]:
    asks = [
        {"policy": a.policy, "state": _CONSEQUENCES.get(a.ruling.consequence, State("calm", "lifted")),
         "from": percent(a.ruling.step.spent) if a.ruling.step else "", "since": a.since,
         "lifted": [{"until": e.end, "approver": e.approver, "reason": e.reason} for e in a.ruling.lifted]}
        for a in one.asks
    ]  # fmt: skip
    return {
        "objective": one.objective.key, "url": objective_url(one.objective.key), "asks": asks,
        "crossed": percent(one.crossed[-1]) if one.crossed else "", "near": one.near,
        "before": _and([percent(s) for s in one.crossed[:-1]]), "lasts": _lasts(one.near, at),
    }  # fmt: skip


def _and(words: Sequence[str]) -> str:
    return ", ".join(words)


def _ended(change: Change) -> dict[str, Any]:
    alert = change.alert
    objective, _, rule = alert.key.rpartition("/")
    return {
        "objective": objective, "url": objective_url(objective), "rule": rule, "began": alert.began,
        "ended": change.at, "lasted": length(change.at - alert.began) if alert.began else "",
        "thread_url": f"/notifications?{urlencode({'thread': thread_of(alert)})}",
    }  # fmt: skip
