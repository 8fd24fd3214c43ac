"""What needs a person: one sentence with its number for each standing that is not simply met, the gravest first.

One rule: a sentence says what is so and how it is known; it never guesses a cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nines.evaluation.standing import Exhaustion, Standing
from nines.pages.row import URGENCY, State, key, left_text, objective_url, over_text, sli_text, state, target_text
from nines.showing import budget_percent, length, percent

#: A budget that does not run out is less pressing than one that does so in any number of seconds.
NEVER = 1e12


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that needs a person.

    Attributes:
        state: word, shape and colour.
        what: what is so, with its number.
        why: how it is known, or "".
        when: how soon or since when, in few words, or "".
        url: where to go on.
    """

    state: State
    what: str
    why: str
    when: str
    url: str


def needs(standings: Sequence[Standing]) -> list[Need]:
    """Return what needs a person, the gravest first; nothing for objectives that are simply met.

    Args:
        standings: in any order.
    """
    pressing = sorted((s for s in standings if s.verdict != "met"), key=_gravity)
    return [_need(s) for s in pressing]


def _gravity(standing: Standing) -> tuple[int, float, str]:
    period, ahead = standing.outcome.period, standing.exhaustion
    if standing.verdict == "at-risk" and ahead is not None and ahead.at is not None:
        return URGENCY.index(standing.verdict), (ahead.at - standing.at).total_seconds(), key(standing)
    left = period.remaining_ratio if period is not None else None
    return URGENCY.index(standing.verdict), float(left or 0) * NEVER, key(standing)


def _need(standing: Standing) -> Need:
    what, why, when = _SENTENCES[standing.verdict](standing)
    return Need(state(standing.verdict), what, why, when, objective_url(key(standing)))


def _missed(standing: Standing) -> tuple[str, str, str]:
    period = standing.outcome.period
    why = f"{sli_text(standing, standing.outcome)} against {target_text(standing)} {over_text(standing)}"
    if period is not None and period.remaining_ratio is not None and period.remaining_ratio < 0:
        over = budget_percent(period.remaining_ratio).removeprefix("-")
        why += f"; the budget is overspent by {over} of itself"
    return f"{standing.objective} misses its target.", f"{why}.", standing.window_label


def _at_risk(standing: Standing) -> tuple[str, str, str]:
    ahead, left = standing.exhaustion, left_text(standing.outcome)
    if ahead is not None and ahead.at is not None:
        what = f"{standing.objective} runs out of budget on {ahead.at:%-d %b, %H:%M} UTC."
        soon = f"in {length(ahead.at - standing.at)}" if ahead.at > standing.at else "now"
        return what, f"{left} is left; {_between(ahead)}.", soon
    return f"{standing.objective} has {left} of its budget left.", "", standing.window_label


def _between(ahead: Exhaustion) -> str:
    if ahead.low is not None and ahead.high is not None and ahead.low != ahead.high:
        return f"between {ahead.low:%-d %b, %H:%M} and {ahead.high:%-d %b, %H:%M}, if the recent past goes on"
    if ahead.low is not None and ahead.high is None:
        return f"from {ahead.low:%-d %b, %H:%M} on, or not at all, if the recent past goes on"
    return "if the recent past goes on"


def _unknown(standing: Standing) -> tuple[str, str, str]:
    outcome = standing.outcome
    if outcome.sli is None and standing.aggregated is None:
        return f"{standing.objective} is blind.", "Nothing is known about its window; silence is not success.", ""
    known = percent(outcome.coverage, decimals=1)
    why = f"{known} of its time is known; what is not counts as unknown, and could turn it either way."
    return f"{standing.objective} cannot be judged.", why, standing.window_label


_SENTENCES = {"missed": _missed, "at-risk": _at_risk, "unknown": _unknown}
