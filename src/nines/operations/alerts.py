"""Alerts as people see them: what burns or cannot be told, since when, and who has taken it on.

One rule: taking an alert on is a fact about one episode; the next episode of the same alert asks for somebody again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nines.alerting.life import Alert
from nines.alerting.message import Message, Severity
from nines.alerting.payloads import alert_of
from nines.alerting.telling import severity_of, shown_figures, thread_of
from nines.errors import InputError, NotFoundError, Problem
from nines.evaluation.standing_json import instant
from nines.objectives.objective import Objective
from nines.operations.budgets import Budgets
from nines.operations.house import House
from nines.operations.notifying import numbered, put
from nines.operations.promises import in_force
from nines.people.rights import Principal, require

#: Longest note of somebody who takes an alert on.
LONGEST = 1000
COLUMNS = ("alert", "state", "severity", "since", "began", "burn", "acknowledged by")


@dataclass(frozen=True, slots=True)
class Taken:
    """Who has taken an alert on.

    Attributes:
        by: name.
        at: when.
        note: what they said, or "".
    """

    by: str
    at: datetime
    note: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One alert.

    Attributes:
        alert: as the last minute left it; its `shown` is what a person is told.
        objective: key of the objective.
        rule: what it is about: a rule of the policy, "blind" or "suspected-loss".
        severity: how urgent it is.
        taken: who has taken this episode on, or None.
    """

    alert: Alert
    objective: str
    rule: str
    severity: Severity
    taken: Taken | None

    @property
    def loud(self) -> bool:
        """Whether it fires, known or unknown."""
        return self.alert.state == "firing"

    @property
    def thread(self) -> str:
        """The thread of its messages, or "" before it ever fired."""
        return thread_of(self.alert) if self.alert.episode else ""


def listed(house: House, who: Principal, *, every: bool = False, objective: str = "") -> list[Shown]:
    """Return alerts, what fires first, then the newest.

    Args:
        house: whose.
        who: who asks.
        every: also those that wait, have ended, or rest.
        objective: only of this objective, by name or key; or "".
    """
    require(who, "see")
    taken = _taken(house, who.tenant)
    found = [
        _shown(alert_of(row["alert"]), taken)
        for key, row in house.store.ticking.alerts(who.tenant).items()
        if not key.endswith(Budgets.MARK)
    ]
    kept = [s for s in found if (every or s.loud) and objective in {"", s.objective, s.objective.partition("@")[0]}]
    return sorted(kept, key=lambda s: (not s.loud, -_stamp(s.alert.since), s.alert.key))


def _shown(alert: Alert, taken: Mapping[str, Taken]) -> Shown:
    objective, _, rule = alert.key.rpartition("/")
    return Shown(alert, objective, rule, severity_of(rule), taken.get(thread_of(alert)))


def _stamp(at: datetime | None) -> float:
    return 0.0 if at is None else at.timestamp()


def _taken(house: House, tenant: str) -> dict[str, Taken]:
    """Return who has taken on which episode, by its thread; the first counts."""
    found: dict[str, Taken] = {}
    for fact, said in house.store.told(tenant, kinds=("alert.acknowledged",)):
        found.setdefault(said["thread"], Taken(fact.author, fact.at, said["note"]))
    return found


def acknowledge(house: House, who: Principal, key: str, note: str = "", *, now: datetime) -> list[Shown]:
    """Take on an alert that fires; nobody is reminded of it any more, and those who were told hear of it.

    Args:
        house: whose.
        who: who takes it on.
        key: of the alert, as "checkout@30d/page-1h"; or of an objective, for all that fire on it.
        note: what to tell the others, at most 1,000 characters.
        now: present instant.

    Returns:
        The alerts with who has taken them on; one that somebody took on before stays theirs.

    Raises:
        NotFoundError: nothing of that key fires.
        InputError: the note is too long.
    """
    require(who, "alert")
    if len(note) > LONGEST:
        raise InputError(Problem("note", f"a note has at most {LONGEST} characters", "say it shorter", code="bad-note"))
    wanted = [s for s in listed(house, who) if key in {s.alert.key, s.objective}]
    if not wanted:
        what = "no alert of that key fires"
        raise NotFoundError(Problem(key, what, "`nines alerts` lists those that do", code="no-alert"))
    _take(house, who, [s for s in wanted if s.taken is None], note.strip(), now)
    return [s for s in listed(house, who) if key in {s.alert.key, s.objective}]


def _take(house: House, who: Principal, wanted: list[Shown], note: str, now: datetime) -> None:
    if not wanted:
        return
    definitions = in_force(house, who.tenant, at=now)
    objectives = {o.key: o for o in definitions.objectives}
    with house.store.deed(who.tenant, who.name, now) as deed:
        messages: list[Message] = []
        for shown in wanted:
            said = {"key": shown.alert.key, "thread": shown.thread, "note": note}
            deed.tell("alert.acknowledged", f"objective {shown.objective}", said)
            told = _message(shown, objectives.get(shown.objective), who, note, now)
            messages.append(numbered(house, deed, told, messages))
        put(house, deed, messages, definitions)


def _message(shown: Shown, objective: Objective | None, who: Principal, note: str, now: datetime) -> Message:
    name = (objective.display_name if objective else "") or shown.objective
    return Message(
        tenant=who.tenant, thread=shown.thread, number=1, kind="acknowledged", severity=shown.severity,
        title=f"{who.name} has taken on {name} ({shown.rule})", objective=shown.objective,
        service=objective.service if objective else "", at=now, figures=(("note", note),) if note else (),
        labels=objective.labels if objective else (), path=f"/objectives/{shown.objective}",
    )  # fmt: skip


def alert_row(shown: Shown) -> dict[str, object]:
    """Return an alert as a line of a table."""
    figures = dict(shown_figures(shown.alert.figures))
    return {
        "alert": shown.alert.key,
        "state": shown.alert.shown,
        "severity": shown.severity,
        "since": _clock(shown.alert.since),
        "began": _clock(shown.alert.began),
        "burn": figures.get("burn over the long lookback", ""),
        "acknowledged by": shown.taken.by if shown.taken else "",
    }


def alert_json(shown: Shown) -> dict[str, Any]:
    """Return an alert as JSON values; figures are exact, as "72/5"."""
    alert, taken = shown.alert, shown.taken
    return {
        "key": alert.key, "objective": shown.objective, "rule": shown.rule, "severity": shown.severity,
        "state": alert.shown, "firing": shown.loud, "since": instant(alert.since), "began": instant(alert.began),
        "judged_at": instant(alert.at), "episode": alert.episode, "thread": shown.thread,
        "figures": {name: None if value is None else str(value) for name, value in alert.figures.items()},
        "acknowledged": None if taken is None else {"by": taken.by, "at": instant(taken.at), "note": taken.note},
    }  # fmt: skip


def _clock(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M}"
