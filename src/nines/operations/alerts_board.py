"""The board of alerts: what burns and who knows of it, which budgets ran down, and what ended lately.

One rule: it shows what the last judged minute left and when that was; a board that nobody keeps up says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from weakref import WeakKeyDictionary

from nines.alerting.depletion import BudgetState, Ruling, ruling
from nines.alerting.life import Change
from nines.alerting.message import KINDS, Message
from nines.alerting.payloads import change_of
from nines.alerting.policy import BudgetException, BurnRule, CountRule
from nines.alerting.routing import Silence
from nines.definitions.load import Definitions
from nines.objectives.objective import Objective
from nines.operations import alerts
from nines.operations.alerts import Shown
from nines.operations.budget_policies import recorded
from nines.operations.budgets import Budgets, Held
from nines.operations.house import House
from nines.operations.notifying import mutes
from nines.operations.promises import exclusions, in_force
from nines.operations.silencing import silences
from nines.people.rights import Principal, require
from nines.store.outbox import Row
from nines.store.store import Store
from nines.store.ticking import Tick

#: How far back ended alerts are shown, and how many at most.
LATELY, MOST_ENDED = timedelta(days=7), 50
#: Messages of one thread that are shown at most.
MOST_MESSAGES = 50
#: Alerts whose threads are read; what fires beyond them is listed without.
MOST_THREADS = 100
#: A board this old is told to be old: minutes are judged seconds after they end.
STALE = timedelta(minutes=5)

_loud: WeakKeyDictionary[Store, dict[str, tuple[Tick | None, int]]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Watched:
    """One alert, and who hears of it.

    Attributes:
        shown: the alert, its episode and who has taken it on.
        objective: what it is about, or None when that is in force no longer.
        rule: the burn or count rule it is about, or None for blindness and lost traffic, or a rule that is gone.
        quiet: silences, and exclusions that mute paging, under which nobody is told of it now.
        messages: of its thread, newest first, one for each target.
    """

    shown: Shown
    objective: Objective | None
    rule: BurnRule | CountRule | None
    quiet: tuple[Silence, ...] = ()
    messages: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What an ErrorBudgetPolicy asks of an objective."""

    policy: str
    ruling: Ruling
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Spending:
    """A budget of which something was told.

    Attributes:
        objective: whose.
        crossed: shares that were crossed and not left since, ascending.
        near: since when it is told to run out soon, or None.
        asks: what policies ask of it, the gravest first.
    """

    objective: Objective
    crossed: tuple[Fraction, ...]
    near: datetime | None
    asks: tuple[Asked, ...]

    @property
    def frozen(self) -> bool:
        """Whether changes are stopped."""
        return any(a.ruling.frozen for a in self.asks)


@dataclass(frozen=True, slots=True)
class Board:
    """Everything at once.

    Attributes:
        firing: what fires, known or not, the newest first.
        waiting: what burns, but not yet for long enough.
        unsure: what tells nothing, because nobody knows whether it would.
        budgets: those of which something was told, frozen ones first.
        ended: changes by which alerts ended lately, newest first.
        tick: the last minute judged, or None before the first.
        behind: whether no minute was judged for longer than `STALE`.
    """

    firing: tuple[Watched, ...] = ()
    waiting: tuple[Watched, ...] = ()
    unsure: tuple[Watched, ...] = ()
    budgets: tuple[Spending, ...] = ()
    ended: tuple[Change, ...] = ()
    tick: Tick | None = None
    behind: bool = False


def board(house: House, who: Principal, *, at: datetime) -> Board:
    """Return the board of a tenant.

    Args:
        house: whose.
        who: who asks.
        at: present instant.
    """
    require(who, "see")
    definitions = in_force(house, who.tenant, at=at)
    known = {o.key: o for o in definitions.objectives}
    seen = [s for s in alerts.listed(house, who, every=True) if s.alert.state in {"firing", "pending", "unknown"}]
    quiet = _quiet(house, who.tenant, definitions, at)
    watched = [_watched(house, who, s, known.get(s.objective), definitions, quiet, at) for s in seen]
    tick = house.store.ticking.last(who.tenant)
    return Board(
        tuple(w for w in watched if w.shown.loud),
        tuple(w for w in watched if w.shown.alert.shown == "pending"),
        tuple(w for w in watched if not w.shown.loud and w.shown.alert.shown == "unknown"),
        _budgets(house, who, definitions, at), _ended(house, who.tenant, at), tick,
        behind=bool(known) and (tick is None or at - tick.at > STALE),
    )  # fmt: skip


def firing(house: House, who: Principal) -> int:
    """Return how many alerts fire, known or unknown.

    Args:
        house: whose.
        who: who asks.
    """
    require(who, "see")
    tick, held = house.store.ticking.last(who.tenant), _loud.setdefault(house.store, {})
    if who.tenant not in held or held[who.tenant][0] != tick:
        held[who.tenant] = tick, len(alerts.listed(house, who))
    return held[who.tenant][1]


@dataclass(frozen=True, slots=True)
class _Quiet:
    """What keeps messages from being told."""

    silences: Sequence[Silence]
    muting: Mapping[str, tuple[Silence, ...]]


def _quiet(house: House, tenant: str, definitions: Definitions, at: datetime) -> _Quiet:
    """Return silences, and by objective what mutes it."""
    muting = [e for e in exclusions(house, tenant, definitions) if e.mutes_paging]
    held = {o.key: tuple(mutes(_about(tenant, o, at), muting)) for o in definitions.objectives} if muting else {}
    return _Quiet(silences(house, tenant, at=at), held)


def _about(tenant: str, objective: Objective | None, at: datetime, shown: Shown | None = None) -> Message:
    """Return a message as an alert would send it now: what silences are held against."""
    kind = shown.rule if shown is not None and shown.rule in KINDS else "fired"
    return Message(
        tenant=tenant, thread="now", number=1, kind=kind, severity=shown.severity if shown else "page", title="",
        objective=shown.objective if shown else objective.key if objective else "",
        service=objective.service if objective else "", at=at, labels=objective.labels if objective else (),
    )  # fmt: skip


def _watched(
    house: House, who: Principal, shown: Shown, objective: Objective | None, definitions: Definitions, quiet: _Quiet,
    at: datetime,
) -> Watched:  # fmt: skip
    policy = definitions.policy_of(objective) if objective is not None else None
    rules: list[BurnRule | CountRule] = [*policy.rules, *policy.counts] if policy is not None else []
    rule = next((r for r in rules if r.name == shown.rule), None)
    about = _about(who.tenant, objective, at, shown)
    hushed = [s for s in (*quiet.silences, *quiet.muting.get(shown.objective, ())) if s.takes(about, at)]
    log = house.store.outbox.log
    messages = log(who.tenant, newest=MOST_MESSAGES, thread=shown.thread) if shown.loud else []
    return Watched(shown, objective, rule, tuple(hushed), tuple(messages))


def _budgets(house: House, who: Principal, definitions: Definitions, at: datetime) -> tuple[Spending, ...]:
    held = Budgets.of(house.store.ticking.alerts(who.tenant)).held
    lifted = recorded(house, who)
    found = []
    for objective in definitions.objectives:
        one = held.get(objective.key)
        if one is None or one.idle:
            continue
        excused = {
            name: (*policy.exceptions, *(r.exception for r in lifted if r.policy == name))
            for name, policy in definitions.budget_policies.items()
        }
        near = one.opened.get("exhaustion") if one.depletion.exhausting else None
        found.append(Spending(objective, one.depletion.told, near, _asks(objective, one, excused, at)))
    return tuple(sorted(found, key=lambda s: (not s.frozen, -max(s.crossed, default=Fraction(0)), s.objective.key)))


def _asks(
    objective: Objective, held: Held, excused: Mapping[str, tuple[BudgetException, ...]], at: datetime
) -> tuple[Asked, ...]:
    """Return what policies in force ask; steps of policies that are gone ask nothing."""
    found = []
    for name, state in held.states.items():
        if name in excused and state.steps:
            said = ruling(state, objective.name, at, excused[name])
            found.append(Asked(name, said, _since(held, name, said, state)))
    return tuple(sorted(found, key=lambda a: (not a.ruling.frozen, a.policy)))


def _since(held: Held, policy: str, said: Ruling, state: BudgetState) -> datetime | None:
    step = said.step or state.steps[-1]
    return held.opened.get(f"{policy} {step.consequence} {step.spent}")


def _ended(house: House, tenant: str, at: datetime) -> tuple[Change, ...]:
    told = house.store.told(tenant, kinds=("alert.resolved",), since=at - LATELY)
    return tuple(change_of(payload) for _, payload in reversed(told[-MOST_ENDED:]))
