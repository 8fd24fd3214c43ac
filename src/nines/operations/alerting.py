"""Alerting: every settled minute judged once, and what it brought put on record and into the outbox.

One rule: facts, alerts as they stand, messages and the mark of the minute are one deed. A minute whose deed did not
come about is judged again; one whose deed did is never judged twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from nines.alerting import telling
from nines.alerting.life import Alert, replayed
from nines.alerting.loss import WEEK_MINUTES, BlindRule, Counted, LossRule
from nines.alerting.message import Message
from nines.alerting.minute import Judged, Plan, Senses, judge, lookbacks
from nines.alerting.payloads import alert_json, alert_of, change_json, change_kind, change_of
from nines.alerting.policy import BurnPolicy
from nines.definitions.load import Definitions
from nines.errors import ConflictError, Problem
from nines.evaluation.sweep_all import AllAnswers
from nines.objectives.objective import BURN_WINDOWS
from nines.operations.budgets import Budgets
from nines.operations.house import House
from nines.operations.looking_back import resized, withdrawn
from nines.operations.notifying import numbered, put
from nines.operations.promises import in_force
from nines.operations.watching import Watch
from nines.people.rights import Principal
from nines.spans import minute_of
from nines.store.deed import Deed
from nines.store.ticking import Tick
from nines.telemetry.series import MinuteState

#: Minutes that a worker which was away judges one by one; older ones are left out, and counted as missed.
CATCH_UP = 1440
#: Minutes a season is learned from: four weeks, and the longest span that is looked at.
SEASON = 4 * WEEK_MINUTES + 360
#: Kinds of facts that alerts are folded from.
_ALERTS = ("alert.fired", "alert.refired", "alert.resolved", "alert.resized", "alert.blind")


@dataclass(frozen=True, slots=True)
class Ticked:
    """What one tick did.

    Attributes:
        minutes: minutes judged.
        missed: minutes left out because too many had passed.
        changes: alerts that told something.
        messages: messages put into the outbox.
        failed: what could not be judged, and why.
    """

    minutes: int = 0
    missed: int = 0
    changes: int = 0
    messages: int = 0
    failed: tuple[Problem, ...] = ()


@dataclass
class Alarms:
    """The alerts of one tenant, kept from minute to minute.

    Attributes:
        house: where everything is.
        tenant: whose.
        alerts: by key, as the last minute left them.
        budgets: what was told of budgets.
        watch: the warm sums.
    """

    house: House
    tenant: str
    alerts: dict[str, Alert] = field(default_factory=dict)
    budgets: Budgets = field(default_factory=Budgets)
    watch: Watch | None = None
    _loaded: bool = False
    _read: Definitions | None = None
    _policies: dict[str, BurnPolicy | None] = field(default_factory=dict)
    _windows: tuple[str, ...] = ()

    def tick(self, now: datetime) -> Ticked:
        """Judge every minute that has passed since the last tick.

        Args:
            now: present instant.
        """
        if not self._loaded:
            self._load()
        last, edge = self.house.store.ticking.last(self.tenant), minute_of(now)
        first = edge if last is None else last.minute + 1
        definitions = in_force(self.house, self.tenant, at=now)
        if first > edge or not definitions.objectives:
            return Ticked()
        begin = max(first, edge - CATCH_UP + 1)
        try:
            return self._judge(definitions, range(begin, edge + 1), now, begin - first)
        except ConflictError:  # another worker was faster: take up what it left
            self._loaded = False
            return Ticked()

    def _judge(self, definitions: Definitions, minutes: range, now: datetime, missed: int) -> Ticked:
        """Judge some minutes, and do the deed of the last of them."""
        watch, every, alerts = self._watching(definitions), Judged(), dict(self.alerts)
        budgets, failed, plans = self.budgets.fresh(), list[Problem](), list[Plan]()
        for answers in watch.answers(minutes):
            plans = _plans(self._policies, answers, watch)
            found = judge(answers, plans, alerts, _senses(watch), answers.at)
            _merge(alerts, found.changed)
            every.changed |= found.changed
            every.changes += found.changes
            failed = found.failed
            if minute_of(answers.at) == minutes[-1]:
                budgets.judge(answers, definitions, {p.place for p, _ in found.changes})
                self._look_back(watch, plans, alerts, every, answers.at)
        gone = withdrawn(plans, alerts)
        with self.house.store.deed(self.tenant, "worker", now) as deed:
            told = [*_tell(self.house, deed, every), *budgets.tell(deed, self.tenant)]
            told += [_withdraw(self.house, deed, alerts.pop(key), told) for key in gone]
            rows = {k: None if a is None else _row(a) for k, a in every.changed.items()} | dict.fromkeys(gone)
            put(self.house, deed, told, definitions)
            before = self.house.store.ticking.last(self.tenant)
            tick = Tick(minutes[-1], watch.seq, now, (before.missed if before else 0) + missed)
            self.house.store.ticking.mark(deed, tick, {**rows, **budgets.rows()})
        self.alerts, self.budgets = alerts, budgets
        return Ticked(len(minutes), missed, len(every.changes), len(told), tuple(failed))

    def _look_back(
        self, watch: Watch, plans: list[Plan], alerts: dict[str, Alert], every: Judged, at: datetime
    ) -> None:
        """Note firing alerts that later rows make larger or smaller than was told."""
        for plan, change, after in resized(watch, plans, alerts, at):
            alerts[after.key] = every.changed[after.key] = after
            every.changes.append((plan, change))

    def _watching(self, definitions: Definitions) -> Watch:
        if self._read is not definitions:
            self._policies = {o.key: definitions.policy_of(o) for o in definitions.objectives}
            every = [Plan(0, o, self._policies[o.key]) for o in definitions.objectives]
            self._read, self._windows = definitions, tuple(dict.fromkeys((*BURN_WINDOWS, *lookbacks(every))))
        windows = self._windows
        if self.watch is None or self.watch.windows != windows:
            self.watch = Watch(self.house, Principal.local(self.tenant), windows, SEASON)
        return self.watch

    def _load(self) -> None:
        """Take up what the last tick left; from the journal where no tick left anything."""
        rows = self.house.store.ticking.alerts(self.tenant)
        self.budgets = Budgets.of(rows)
        held = {k: v for k, v in rows.items() if not k.endswith(Budgets.MARK)}
        self.alerts = {k: alert_of(v["alert"]) for k, v in held.items()}
        if self.house.store.ticking.last(self.tenant) is None:
            told = self.house.store.told(self.tenant, kinds=_ALERTS)
            self.alerts = replayed(change_of(payload) for _, payload in told)
        self._loaded = True


def _plans(policies: Mapping[str, BurnPolicy | None], answers: AllAnswers, watch: Watch) -> list[Plan]:
    """Return what is watched on every objective that asks for it."""
    found = []
    for place, objective in enumerate(answers.objectives):
        asked = objective.watching
        if asked is None:
            continue
        unknown = asked.blind and objective.missing in {"unknown", "last"}
        traffic = asked.suspected_loss and objective.unit == "events" and watch.holds(place)
        policy, loss = policies[objective.key], LossRule() if traffic else None
        found.append(Plan(place, objective, policy, BlindRule() if unknown else None, loss))
    return found


def _senses(watch: Watch) -> Senses:
    def heard(place: int) -> bool:
        return not watch.holds(place) or watch.state(place) not in {MinuteState.SILENT, MinuteState.BROKEN}

    def counted(place: int) -> Counted:
        return lambda start, end: watch.counted(place, start, end)

    return Senses(heard, counted, watch.end, watch.perhaps_lost(LossRule()))


def _merge(alerts: dict[str, Alert], changed: Mapping[str, Alert | None]) -> None:
    for key, alert in changed.items():
        if alert is None:
            alerts.pop(key, None)
        else:
            alerts[key] = alert


def _tell(house: House, deed: Deed, judged: Judged) -> list[Message]:
    """Put changes on record, and return what is to be told of them."""
    messages: list[Message] = []
    for plan, change in judged.changes:
        deed.tell(change_kind(change), f"objective {plan.objective.key}", change_json(change))
        messages.append(numbered(house, deed, telling.of_change(plan, change, deed.tenant), messages))
    return messages


def _withdraw(house: House, deed: Deed, alert: Alert, told: list[Message]) -> Message:
    """Put on record that an alert is watched no longer, and return what is to be told of it."""
    deed.tell("alert.withdrawn", f"alert {alert.key}", {"alert": alert_json(alert)})
    return numbered(house, deed, telling.of_withdrawal(alert, deed.tenant, deed.now), told)


def _row(alert: Alert) -> dict[str, Any]:
    return {"alert": alert_json(alert)}
