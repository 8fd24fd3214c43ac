"""Tuning: a search over history, its proposal with evidence, and afterwards whether it kept what it promised."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction

from nines.alerting.scoring import Score
from nines.alerting.tune import Tuning, scores, tune
from nines.errors import CannotTellError, InputError, Problem
from nines.operations.backtest_showing import COLUMNS, policy_yaml, score_json, score_row, sentence, table
from nines.operations.backtesting import policy_named
from nines.operations.pasts import Case
from nines.operations.proving import Asked, Place, case_of, incidents_for
from nines.reading import duration_text
from nines.showing import percent

FRONT = ("per week", "lost", "rules", "low traffic")
#: How a proposal tells what it promises; `check` reads it back from the policy's source.
_PROMISE = re.compile(r"promises ([0-9.]+) pages a week \(([0-9.]+) to ([0-9.]+)\)")


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a search came to.

    Attributes:
        case: the past it was made on.
        tuning: the search.
        incidents: where they are from.
        proposal: the definition to apply, with its evidence, or "" when no policy keeps the limit.
    """

    case: Case
    tuning: Tuning
    incidents: str
    proposal: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A tuned policy held against what came of it.

    Attributes:
        promised: pages a week, and the limits that were given with them.
        score: since it holds.
        name: of the policy.
    """

    promised: tuple[float, float, float]
    score: Score
    name: str

    @property
    def kept(self) -> bool:
        """Whether the realised pages a week are no more than was promised at the most."""
        return self.score.pages_per_week <= self.promised[2]


def limit(text: str) -> Fraction:
    """Return a limit of pages a week.

    Raises:
        InputError: it is no number above nothing.
    """
    try:
        found = Fraction(text)
    except (ValueError, ZeroDivisionError):
        found = Fraction(0)
    if found <= 0:
        raise InputError(Problem("--max-pages-per-week", f"{text!r} is no number above 0", "write 2", code="bad-limit"))
    return found


def search(
    place: Place,
    asked: Asked,
    policy: str,
    most: Fraction,
    *,
    now: datetime,
    progress: Callable[[float], None] = lambda _share: None,
) -> Tuned:
    """Search for a policy that loses less budget before it pages, within a limit of pages a week.

    Args:
        place: where to look.
        asked: the question.
        policy: the present one by name or file; "" is the objective's own.
        most: limit of pages a week.
        now: present instant.
        progress: told the share that is done.

    Raises:
        CannotTellError: there are less than two weeks.
    """
    case = case_of(place, asked, now=now)
    before = policy_named(case, policy, files=asked.files)
    incidents, source = incidents_for(place, asked, case, now=now)
    name = f"{case.objective.name}-tuned"[:63]
    try:
        found = tune(case.past, before, incidents, asked.rules, most, name=name, progress=progress)
    except ValueError as error:
        raise CannotTellError(Problem(case.objective.key, str(error), "ask again later", code="few-weeks")) from error
    return Tuned(case, found, source, _proposal(case, found, source))


def _proposal(case: Case, found: Tuning, source: str) -> str:
    if found.chosen is None or found.tuned is None or found.held is None:
        return ""
    low, high = _promise(found)
    rate = found.tuned.pages_per_week
    promise = f"nines tune: promises {rate:.2f} pages a week ({low:.2f} to {high:.2f})"
    why = [
        f"Proposed for {case.objective.key} by a search over {found.searched} policies.",
        f"Incidents: {source}. Early weeks end at {found.parted:%Y-%m-%dT%H:%MZ}.",
        f"tuned weeks: {sentence(found.tuned)}",
        f"held-out weeks: {sentence(found.held)}",
        f"the present policy there: {sentence(found.before[1])}",
    ]
    return policy_yaml(replace(found.chosen, source=promise), why)


def _promise(found: Tuning) -> tuple[float, float]:
    """Return the limits of the pages a week that a proposal promises; its own limit where weeks are too few."""
    assert found.tuned is not None
    low, high = found.tuned.pages_interval or (0.0, float(found.most))
    return low, max(high, float(found.most))


def check(place: Place, asked: Asked, policy: str, *, now: datetime) -> Checked:
    """Hold a tuned policy's promise against what it would have paged since.

    Args:
        place: where to look.
        asked: the question; its start should be when the policy came into force.
        policy: by name or file.
        now: present instant.

    Raises:
        InputError: the policy carries no promise.
    """
    case = case_of(place, asked, now=now)
    named = policy_named(case, policy, files=asked.files)
    told = _PROMISE.search(named.source)
    if told is None:
        fix = "check a policy that nines tune proposed"
        raise InputError(Problem(named.name, "its source tells no promise", fix, code="no-promise"))
    rate, low, high = (float(part) for part in told.groups())
    incidents, _ = incidents_for(place, asked, case, now=now)
    (score,) = scores(case.past, [named], incidents, asked.rules)
    return Checked((rate, low, high), score, named.name)


def check_rows(found: Checked) -> list[dict[str, object]]:
    """Return promise and realisation as rows."""
    rate, low, high = found.promised
    promise: dict[str, object] = {
        "policy": f"{found.name}, promised",
        "per week": f"{rate:.2f}",
        "interval": f"{low:.2f} to {high:.2f}",
    }
    return [promise, score_row(f"{found.name}, {'kept' if found.kept else 'broken'}", found.score)]


def tuning_rows(found: Tuned) -> list[dict[str, object]]:
    """Return the present and the proposed policy on tuned and on held-out weeks."""
    tuning = found.tuning
    rows = [("tuned", "present", tuning.before[0]), ("held out", "present", tuning.before[1])]
    if tuning.tuned is not None and tuning.held is not None and tuning.chosen is not None:
        rows += [("tuned", tuning.chosen.name, tuning.tuned), ("held out", tuning.chosen.name, tuning.held)]
    return [{"weeks": weeks, **score_row(name, score)} for weeks, name, score in rows]


def front_rows(found: Tuned) -> list[dict[str, object]]:
    """Return the Pareto front, fewest pages first."""
    rows: list[dict[str, object]] = []
    window = found.case.objective.window.nominal
    for one in found.tuning.front:
        low = one.policy.low_traffic
        shown = [
            f"{percent(r.share_on(window))} in {duration_text(r.long)}/{duration_text(r.short)}"
            for r in one.policy.rules
            if r.severity == "page"
        ]
        rows.append(
            {
                "per week": f"{one.score.pages_per_week:.2f}",
                "lost": percent(one.score.lost, decimals=2),
                "rules": ", ".join(shown),
                "low traffic": f"{low.least_bad} bad" + (f", {low.false_pages} false pages" if low.false_pages else ""),
            }
        )
    return rows


def tuning_json(found: Tuned) -> dict[str, object]:
    """Return a search as JSON."""
    tuning = found.tuning
    pair = (("tuned weeks", tuning.tuned), ("held-out weeks", tuning.held))
    return {
        "objective": found.case.objective.key,
        "known": found.case.known,
        "notes": list(found.case.notes),
        "incidents": found.incidents,
        "searched": tuning.searched,
        "parted": tuning.parted.isoformat(),
        "front": front_rows(found),
        "present": [score_json("tuned weeks", tuning.before[0]), score_json("held-out weeks", tuning.before[1])],
        "proposed": [score_json(name, score) for name, score in pair if score is not None],
        "proposal": found.proposal,
    }


def tuning_markdown(found: Tuned) -> str:
    """Return a search as Markdown."""
    lines = [f"### Tuning of {found.case.objective.key}", "", f"Incidents: {found.incidents}.", ""]
    lines += [*table(("weeks", *COLUMNS), tuning_rows(found)), "", *table(FRONT, front_rows(found))]
    if found.proposal:
        lines += ["", "```yaml", found.proposal.rstrip(), "```"]
    return "\n".join(lines) + "\n"
