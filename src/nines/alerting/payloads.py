"""What alerting puts on record, and reads back: the payloads of its facts, and the rows of its snapshots.

One rule: what is read back is what was written, to the last digit; ratios are kept as "72/5".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any

from nines.alerting.depletion import Notice, StepChange
from nines.alerting.life import Alert, Change, Figures
from nines.alerting.policy import BudgetException, BudgetStep

Json = dict[str, Any]


def change_kind(change: Change) -> str:
    """Return the kind of fact a change makes, a key of `journal.facts.KINDS`."""
    if change.alert.key.endswith("/blind") and change.kind in {"fired", "refired"}:
        return "alert.blind"
    return f"alert.{change.kind}"


def notice_kind(notice: Notice) -> str:
    """Return the kind of fact a notice makes."""
    return f"budget.{notice.kind}"


def step_kind(change: StepChange) -> str:
    """Return the kind of fact a step of an ErrorBudgetPolicy makes: a freeze has kinds of its own."""
    if change.step.consequence == "freeze":
        return "budget.frozen" if change.kind == "entered" else "budget.thawed"
    return f"budget.step-{change.kind}"


def _text(value: Fraction | datetime | None) -> str | None:
    return None if value is None else value.isoformat() if isinstance(value, datetime) else str(value)


def _ratio(text: str | None) -> Fraction | None:
    return None if text is None else Fraction(text)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _figures(figures: Figures) -> dict[str, str | None]:
    return {name: _text(value) for name, value in figures.items()}


def _figures_of(held: Mapping[str, str | None]) -> Figures:
    return {name: _ratio(text) for name, text in held.items()}


def alert_json(alert: Alert) -> Json:
    """Return an alert as JSON values."""
    return {
        "key": alert.key, "state": alert.state, "since": _text(alert.since), "began": _text(alert.began),
        "burns": _text(alert.burns), "last_side": alert.last_side, "side_since": _text(alert.side_since),
        "told": alert.told, "episode": alert.episode, "at": _text(alert.at), "figures": _figures(alert.figures),
    }  # fmt: skip


def alert_of(held: Mapping[str, Any]) -> Alert:
    """Return the alert that JSON values hold."""
    return Alert(
        key=held["key"], state=held["state"], since=_instant(held["since"]), began=_instant(held["began"]),
        burns=_instant(held["burns"]), last_side=held["last_side"], side_since=_instant(held["side_since"]),
        told=held["told"], episode=held["episode"], at=_instant(held["at"]), figures=_figures_of(held["figures"]),
    )  # fmt: skip


def change_json(change: Change) -> Json:
    """Return the payload of an alert's fact."""
    return {
        "change": change.kind,
        "alert": alert_json(change.alert),
        "at": _text(change.at),
        "why": change.why,
        "figures": _figures(change.figures),
    }


def change_of(held: Mapping[str, Any]) -> Change:
    """Return the change that a payload holds."""
    at = datetime.fromisoformat(held["at"])
    return Change(held["change"], alert_of(held["alert"]), at, held["why"], _figures_of(held["figures"]))


def notice_json(notice: Notice) -> Json:
    """Return the payload of a notice's fact."""
    return {
        "notice": notice.kind, "at": _text(notice.at), "period": notice.period, "share": _text(notice.share),
        "spent": _text(notice.spent), "until": _text(notice.until),
    }  # fmt: skip


def notice_of(held: Mapping[str, Any]) -> Notice:
    """Return the notice that a payload holds."""
    at, until = datetime.fromisoformat(held["at"]), _instant(held["until"])
    return Notice(held["notice"], at, held["period"], _ratio(held["share"]), _ratio(held["spent"]), until)


def step_json(change: StepChange) -> Json:
    """Return the payload of a step's fact."""
    return {
        "move": change.kind, "at": _text(change.at), "policy": change.policy, "objective": change.objective,
        "step": {"spent": str(change.step.spent), "consequence": change.step.consequence},
        "period": change.period, "spent": _text(change.spent),
    }  # fmt: skip


def step_of(held: Mapping[str, Any]) -> StepChange:
    """Return the step's change that a payload holds."""
    step = BudgetStep(Fraction(held["step"]["spent"]), held["step"]["consequence"])
    at, spent = datetime.fromisoformat(held["at"]), _ratio(held["spent"])
    return StepChange(held["move"], at, held["policy"], held["objective"], step, held["period"], spent)


def exception_json(exception: BudgetException) -> Json:
    """Return the payload of an exception's fact."""
    return {
        "consequence": exception.consequence, "start": _text(exception.start), "end": _text(exception.end),
        "approver": exception.approver, "reason": exception.reason, "objectives": list(exception.objectives),
    }  # fmt: skip


def exception_of(held: Mapping[str, Any]) -> BudgetException:
    """Return the exception that a payload holds."""
    start, end = datetime.fromisoformat(held["start"]), datetime.fromisoformat(held["end"])
    names = tuple(held["objectives"])
    return BudgetException(held["consequence"], start, end, held["approver"], held["reason"], names)
