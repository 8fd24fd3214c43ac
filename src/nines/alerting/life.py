"""The life of an alert, as a table.

An alert is about one rule on one objective. Each settled minute brings one decision: *over* (even the best case of what
is unknown burns), *under* (even the worst does not), or *open* (it depends). How long the same answer has held makes a
sign of it:

- `over` becomes `held` once the burn has lasted as long as the rule asks for. Open minutes in between neither end nor
  shorten the burn: a failed scrape is no recovery.
- `under` becomes `cleared` once it has been sure, without a break, as long as the policy asks for, and `rested` an hour
  later.
- `open` is itself.

What the table says in words: from `ok` a burn makes an alert `pending`, and `firing` once held. A firing alert holds
through everything but a sure and lasting end; silence never resolves it (a page that shows it says "unknown" for as
long as the last decision was open). From `firing` the only way out is `resolved`. A resolved alert that burns again
within the hour is the same episode, told as `refired`, so that one fault makes one thread; after an hour of rest it is
`ok`, and the next burn is a new episode. `unknown` is for alerts that tell nothing: nobody knows whether they would.

Only moves with a word in the last column of the table are told, and each told change is a fact. The state is what the
facts come to: a worker that lost everything takes the alert of the last fact and judges again the last minutes, as many
as `memory` says; timers that begin later than they did can only fire or resolve later, never twice.

Late data may show that a burn was larger, smaller or none. What was told was right as known then and stays; `resize`
tells the new figures beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Literal

from nines.alerting.decide import Decision, Side

State = Literal["ok", "pending", "firing", "unknown", "resolved"]
Sign = Literal["over", "held", "under", "cleared", "rested", "open"]
Told = Literal["fired", "refired", "resolved", "resized"]
Figures = dict[str, Fraction | None]

STATES: tuple[State, ...] = ("ok", "pending", "firing", "unknown", "resolved")
SIGNS: tuple[Sign, ...] = ("over", "held", "under", "cleared", "rested", "open")
#: How long an alert rests as resolved before the next burn is an episode of its own.
REST = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Move:
    """Where a sign leads.

    Attributes:
        to: the next state.
        tells: what is told, or "" for a move nobody hears of.
    """

    to: State
    tells: Told | Literal[""] = ""


_FIRE, _REFIRE, _RESOLVE = Move("firing", "fired"), Move("firing", "refired"), Move("resolved", "resolved")
_OK, _PENDING, _FIRING, _UNKNOWN, _RESOLVED = (Move(s) for s in STATES)

#: State -> sign -> move. Every state answers every sign.
TABLE: dict[State, dict[Sign, Move]] = {
    "ok": {
        "over": _PENDING, "held": _FIRE, "under": _OK, "cleared": _OK, "rested": _OK, "open": _UNKNOWN,
    },
    "pending": {
        "over": _PENDING, "held": _FIRE, "under": _OK, "cleared": _OK, "rested": _OK, "open": _PENDING,
    },
    "firing": {
        "over": _FIRING, "held": _FIRING, "under": _FIRING, "cleared": _RESOLVE, "rested": _RESOLVE, "open": _FIRING,
    },
    "unknown": {
        "over": _PENDING, "held": _FIRE, "under": _OK, "cleared": _OK, "rested": _OK, "open": _UNKNOWN,
    },
    "resolved": {
        "over": _RESOLVED, "held": _REFIRE, "under": _RESOLVED, "cleared": _RESOLVED, "rested": _OK, "open": _RESOLVED,
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule's alert on one objective.

    Attributes:
        key: objective's key and rule's name, as "checkout@30d/page-1h".
        state: where it stands.
        since: minute it came into the state, or None before the first decision.
        began: minute the current or last episode's burn began, or None.
        burns: minute since which it has been over, open minutes in between included, or None.
        last_side: side of the last decision, or None.
        side_since: minute from which that side has held without a break.
        told: last thing told, or "".
        episode: number of the current or last episode, 0 before the first.
        at: last minute judged.
        figures: what was told when the episode fired.
    """

    key: str
    state: State = "ok"
    since: datetime | None = None
    began: datetime | None = None
    burns: datetime | None = None
    last_side: Side | None = None
    side_since: datetime | None = None
    told: Told | Literal[""] = ""
    episode: int = 0
    at: datetime | None = None
    figures: Figures = field(default_factory=dict)

    @property
    def shown(self) -> State:
        """The state a page shows: what fires or waits is unknown while its last decision is open."""
        return "unknown" if self.state in {"firing", "pending"} and self.last_side == "open" else self.state


@dataclass(frozen=True, slots=True)
class Change:
    """Something to tell, and to put on record.

    Attributes:
        kind: fired, refired, resolved or resized.
        alert: the alert after the change.
        at: minute of the decision.
        why: deciding fact, a key of `decide.WHYS`.
        figures: exact figures of the decision.
    """

    kind: Told
    alert: Alert
    at: datetime
    why: str
    figures: Figures


def advance(
    alert: Alert, decision: Decision, at: datetime, clear: timedelta = timedelta()
) -> tuple[Alert, tuple[Change, ...]]:
    """Return the alert after one minute's decision, and what is to be told.

    Args:
        alert: as the minute before left it.
        decision: of its rule.
        at: the minute judged, aware UTC; minutes come in order.
        clear: how long it must be surely under before it resolves, the policy's.

    Raises:
        ValueError: the minute was judged already, or came before one that was.

    Example:
        >>> from nines.alerting.policy import CountRule
        >>> rule = CountRule("ticket", 1, timedelta(days=7))
        >>> noon = datetime.fromisoformat("2026-01-01T12:00:00+00:00")
        >>> alert, changes = advance(Alert("a"), Decision(rule, "over", None, None, "count"), noon)
        >>> alert.state, [c.kind for c in changes]
        ('firing', ['fired'])
    """
    if alert.at is not None and at <= alert.at:
        msg = f"{alert.key} was judged at {alert.at}, so {at} comes too late"
        raise ValueError(msg)
    seen = _seen(alert, decision.side, at)
    move = TABLE[alert.state][sign(seen, decision, at, clear)]
    moved = seen if move.to == alert.state else replace(seen, state=move.to, since=at)
    if not move.tells:
        return moved, ()
    moved = replace(
        moved,
        told=move.tells,
        episode=moved.episode + (move.tells == "fired"),
        began=moved.burns if move.tells == "fired" else moved.began,
        figures=dict(decision.figures) if move.to == "firing" else moved.figures,
    )
    return moved, (Change(move.tells, moved, at, decision.why, dict(decision.figures)),)


def _seen(alert: Alert, side: Side, at: datetime) -> Alert:
    """Return the alert with the decision's side noted: since when it holds, and since when it burns."""
    burns = None if side == "under" else alert.burns
    unbroken = side == alert.last_side and alert.side_since is not None
    return replace(
        alert,
        at=at,
        since=alert.since or at,
        last_side=side,
        side_since=alert.side_since if unbroken else at,
        burns=at if side == "over" and burns is None else burns,
    )


def sign(alert: Alert, decision: Decision, at: datetime, clear: timedelta) -> Sign:
    """Return what a decision means, given how long it has held.

    Args:
        alert: with the decision's side noted.
        decision: this minute's.
        at: the minute.
        clear: how long surely under is cleared.
    """
    if decision.side == "open":
        return "open"
    if decision.side == "over":
        return "held" if at - (alert.burns or at) >= decision.rule.lasts else "over"
    run = at - (alert.side_since or at)
    if run < clear:
        return "under"
    return "rested" if run >= clear + REST else "cleared"


def resize(alert: Alert, decision: Decision, at: datetime) -> tuple[Alert, tuple[Change, ...]]:
    """Return what late data make of the minute that fired, as known now; what was told then stays.

    Args:
        alert: firing or resolved.
        decision: of the minute it fired, as known now.
        at: when that is known.

    Returns:
        A change of kind "resized" when any figure differs from the last told one, its `why` that of the decision now;
        nothing for an alert that has not fired.
    """
    if not alert.episode or decision.figures == alert.figures:
        return alert, ()
    resized = replace(alert, figures=dict(decision.figures))
    return resized, (Change("resized", resized, at, decision.why, dict(decision.figures)),)


def memory(lasts: timedelta, clear: timedelta) -> timedelta:
    """Return how far back minutes are judged again after a restart, so that every timer is what it was.

    Args:
        lasts: of the rule.
        clear: of the policy.
    """
    return max(lasts, clear + REST)


def replayed(changes: Iterable[Change]) -> dict[str, Alert]:
    """Return every alert as its facts leave it: the fold that a restart begins with.

    Args:
        changes: in the order they were told.

    Raises:
        ValueError: a change cannot follow the one before it.
    """
    found: dict[str, Alert] = {}
    for change in changes:
        before = found.get(change.alert.key, Alert(change.alert.key))
        if change.kind not in FOLLOWS[before.told]:
            msg = f"{change.alert.key}: {change.kind} cannot follow {before.told or 'nothing'}"
            raise ValueError(msg)
        found[change.alert.key] = change.alert
    return found


#: What can be told after what, follows from the table.
FOLLOWS: dict[str, frozenset[str]] = {
    "": frozenset({"fired"}),
    "fired": frozenset({"resolved", "resized"}),
    "refired": frozenset({"resolved", "resized"}),
    "resolved": frozenset({"fired", "refired", "resized"}),
}


def diagram() -> str:
    """Return the table as a Mermaid state diagram, for the reference."""
    lines = ["stateDiagram-v2", "    [*] --> ok"]
    for state in STATES:
        moves: dict[Move, list[str]] = {}
        for one in SIGNS:
            move = TABLE[state][one]
            if move.to != state or move.tells:
                moves.setdefault(move, []).append(one)
        lines += [
            f"    {state} --> {move.to}: {', '.join(signs)}{f' / {move.tells}' if move.tells else ''}"
            for move, signs in moves.items()
        ]
    return "\n".join(lines) + "\n"
