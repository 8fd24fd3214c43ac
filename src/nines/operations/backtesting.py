"""Back-tests: what a policy would have told of an objective's past, held against incidents, beside another policy."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from nines.alerting.backtest import backtest
from nines.alerting.catalogue import PUBLISHED, published, unpublished
from nines.alerting.past import Looks, Past
from nines.alerting.payloads import change_of
from nines.alerting.policy import BurnPolicy
from nines.alerting.scoring import Incident, Rules, Score, Spent
from nines.alerting.tune import scores
from nines.definitions.load import load
from nines.errors import InputError, NotFoundError, Problem
from nines.evaluation.columns import Unit
from nines.journal.folds import notes
from nines.operations.house import House
from nines.operations.pasts import Case
from nines.people.rights import Principal, require
from nines.reading import instant
from nines.spans import MINUTE, instant_of

#: Bad minutes no further apart than this are one incident of an impact indicator.
_APART = 30
#: Share of the window's budget from which bad minutes are an incident.
_HARM = 100


@dataclass(frozen=True, slots=True)
class Report:
    """What a back-test found.

    Attributes:
        case: what it was held against.
        policies: tried, the asked one first.
        scores: of each.
        incidents: where they are from.
        fired: alerts that really fired and were told by the test as well, and all that fired; None without a journal.
    """

    case: Case
    policies: tuple[BurnPolicy, ...]
    scores: tuple[Score, ...]
    incidents: str
    fired: tuple[int, int] | None = None


def report(
    case: Case,
    policies: Sequence[BurnPolicy],
    incidents: Sequence[Incident] | None,
    rules: Rules,
    source: str = "",
) -> Report:
    """Try policies on a past.

    Args:
        case: the past.
        policies: at least one.
        incidents: what did harm; None takes what the objective's own minutes tell.
        rules: how pages are held against incidents.
        source: where the incidents are from, for people.
    """
    told = harm(case.past) if incidents is None else incidents
    found = scores(case.past, policies, told, rules)
    shown = source or "stretches in which the objective itself lost a hundredth of its budget"
    return Report(case, tuple(policies), tuple(found), shown)


def harm(past: Past) -> list[Incident]:
    """Return the stretches in which an objective's minutes were bad enough to cost a hundredth of its budget.

    Minutes count that are more than twice as bad as promised; what lies up to half an hour apart is one stretch.

    Args:
        past: of the objective; as known now.
    """
    known = past.at_last()
    looks = Looks(known)
    sums = looks.of(MINUTE * known.objective.terms[0].method.slice_minutes).sums.sum(axis=1)
    budget = known.objective.term_at(known.at(known.end)).budget
    bad, units = sums[Unit.BAD], sums[Unit.GOOD] + sums[Unit.BAD]
    places = np.flatnonzero(bad * budget.denominator > 2 * budget.numerator * units)
    if not len(places):
        return []
    breaks = np.flatnonzero(np.diff(places) > _APART) + 1
    spent = Spent(looks)
    found = [
        Incident(instant_of(known.first - 1 + int(part[0])), instant_of(known.first + int(part[-1])))
        for part in np.split(places, breaks)
    ]
    return [i for i in found if spent.between(i.start, i.end) * _HARM >= 1]


def policy_named(case: Case, name: str, *, files: bool = True) -> BurnPolicy:
    """Return the policy that a name or a file gives: one in force, a published one, or the only one of a file.

    Args:
        case: its definitions are looked at.
        name: name, path, or "" for the one that watches the objective.
        files: whether it may be a path.

    Raises:
        NotFoundError: there is none.
        InputError: the file is wrong.
    """
    if not name:
        if case.policy is None:
            fix = "name one with --policy"
            raise NotFoundError(Problem(case.objective.key, "no burn policy watches it", fix, code="no-policy"))
        return case.policy
    window = case.objective.window.nominal
    if name in case.definitions.policies:
        return case.definitions.policies[name]
    if files and Path(name).is_file():
        found = load([Path(name)])
        if found.errors:
            raise InputError(*found.problems)
        if len(found.policies) == 1:
            return next(iter(found.policies.values()))
    if name in PUBLISHED:
        refused = unpublished(name, window, case.objective.key)
        if refused is not None:
            raise InputError(refused)
        return published(name, window, case.objective.term_at(case.past.at(case.past.end)).budget)
    raise NotFoundError(Problem(name, "there is no such burn policy", "name one in force, or a file", code="no-policy"))


def read_incidents(path: Path) -> list[Incident]:
    """Return the incidents of a CSV, NDJSON, JSON or YAML file: start, end and, if it likes, name of each.

    Raises:
        InputError: it cannot be read, or an incident has no start or end.
    """
    try:
        rows = _rows(path)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(Problem(str(path), f"cannot be read: {error}", code="bad-incidents")) from error
    return incidents_of(rows, str(path))


def incidents_of(rows: Sequence[Mapping[str, Any]], where: str) -> list[Incident]:
    """Return incidents from rows with start, end and name.

    Raises:
        InputError: names every row that is wrong.
    """
    found, wrong = [], []
    for number, row in enumerate(rows, 1):
        try:
            one = Incident(instant(str(row["start"])), instant(str(row["end"])), str(row.get("name") or ""))
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            what = f"has no start and end: {error}"
            wrong.append(Problem(f"{where}: incident {number}", what, "as 2026-03-01T12:00:00Z", code="bad-incident"))
            continue
        found.append(one)
        if one.end <= one.start:
            wrong.append(Problem(f"{where}: incident {number}", "ends before it starts", code="bad-incident"))
    if wrong:
        raise InputError(*wrong)
    return found


def _rows(path: Path) -> list[Any]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".csv":
        return list(csv.DictReader(text.splitlines()))
    if path.suffix in {".ndjson", ".jsonl"}:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    held = yaml.load(text, yaml.BaseLoader)  # noqa: S506 - a loader that makes nothing but text
    return list(held.get("incidents", []) if isinstance(held, dict) else held or [])


def noted_incidents(house: House, who: Principal, case: Case, length: timedelta = timedelta(hours=1)) -> list[Incident]:
    """Return the notes on an objective or its service as incidents that begin where they speak about.

    Args:
        house: where the journal is.
        who: who is asking.
        case: of the objective.
        length: how long each is taken to have lasted.
    """
    require(who, "see")
    names = {case.objective.name, case.objective.key, case.objective.service}
    told = notes(house.store.told(who.tenant, kinds=("annotation.added",)))
    return [Incident(n.about, n.about + length, n.text) for n in told if n.subject in names]


def replayed(house: House, who: Principal, case: Case, policy: BurnPolicy) -> tuple[int, int]:
    """Return how many alerts that really fired the back-test tells in the same minute, and how many fired.

    Args:
        house: where the journal is.
        who: who is asking.
        case: past of the objective.
        policy: that was in force.
    """
    require(who, "see")
    (tested,) = backtest(case.past, [policy])
    tells = {(e.rule, e.fired) for e in tested.episodes}
    subject, names = (
        f"objective {case.objective.key}",
        {*(r.name for r in policy.rules), *(r.name for r in policy.counts)},
    )
    told = house.store.told(who.tenant, kinds=("alert.fired",), subject=subject)
    changes = [change_of(payload) for _, payload in told]
    really = [(c.alert.key.rpartition("/")[2], c.at) for c in changes if tested.start <= c.at <= tested.end]
    really = [one for one in really if one[0] in names]
    return sum(one in tells for one in really), len(really)
