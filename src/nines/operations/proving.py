"""Proving policies: from a question about history to what a back-test or a search is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

from nines.alerting.scoring import Incident, Rules
from nines.errors import InputError, Problem
from nines.operations.backtesting import Report, harm, noted_incidents, policy_named, read_incidents, replayed, report
from nines.operations.house import House
from nines.operations.pasts import Case, Known, file_case, stored_case
from nines.people.rights import Principal


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored, and who asks."""

    house: House
    who: Principal


@dataclass(frozen=True, slots=True)
class Files:
    """Definitions, and (source, file) of measurements."""

    definitions: tuple[Path, ...]
    events: tuple[tuple[str, Path], ...]


Place = Stored | Files


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about history.

    Attributes:
        objective: name.
        start: first instant judged, or None.
        end: last one, or None.
        known: "then" or "now".
        incidents: a file, "journal", or "".
        impact: an objective whose bad stretches are the incidents, or "".
        zone: time zone of sleep.
        seed: of the bootstrap.
        given: incidents given with the question, or None.
        files: whether whoever asks may name files of this machine.
    """

    objective: str
    start: datetime | None = None
    end: datetime | None = None
    known: str = "then"
    incidents: str = ""
    impact: str = ""
    zone: str = "UTC"
    seed: int = 1
    given: tuple[Incident, ...] | None = None
    files: bool = True

    @property
    def rules(self) -> Rules:
        """How pages are held against incidents."""
        return Rules(zone=self.zone, seed=self.seed)


def case_of(place: Place, asked: Asked, *, now: datetime, name: str = "") -> Case:
    """Return the past a question is about.

    Args:
        place: where to look.
        asked: the question.
        now: present instant.
        name: of another objective over the same past, or "".

    Raises:
        InputError: the question is wrong.
    """
    _check(asked)
    wanted = name or asked.objective
    if isinstance(place, Files):
        return file_case(place.definitions, place.events, wanted, start=asked.start, end=asked.end)
    known: Known = "now" if asked.known == "now" else "then"
    return stored_case(place.house, place.who, wanted, start=asked.start, end=asked.end or now, known=known)


def _check(asked: Asked) -> None:
    if asked.known not in get_args(Known):
        raise InputError(Problem("--known", f"{asked.known!r} is neither then nor now", "write then", code="bad-known"))
    try:
        ZoneInfo(asked.zone)
    except (KeyError, ValueError, OSError) as error:
        what = f"{asked.zone!r} is no time zone"
        raise InputError(Problem("--zone", what, "as Europe/Berlin", code="bad-zone")) from error


def incidents_for(place: Place, asked: Asked, case: Case, *, now: datetime) -> tuple[list[Incident], str]:
    """Return the incidents a question is held against, and where they are from.

    Args:
        place: where to look.
        asked: the question.
        case: its past.
        now: present instant.

    Raises:
        InputError: a file is wrong, or files are asked for a journal.
    """
    if asked.given is not None:
        return list(asked.given), "given with the question"
    if asked.incidents == "journal":
        if isinstance(place, Files):
            raise InputError(Problem("--incidents", "files have no journal", "name a file", code="no-journal"))
        return noted_incidents(place.house, place.who, case), "notes on record, an hour each"
    if asked.incidents:
        return read_incidents(Path(asked.incidents)), Path(asked.incidents).name
    other = case_of(place, asked, now=now, name=asked.impact) if asked.impact else case
    return harm(other.past), f"stretches in which {other.objective.key} lost a hundredth of its budget"


def prove(place: Place, asked: Asked, policies: Sequence[str], *, now: datetime) -> Report:
    """Try policies on history.

    Args:
        place: where to look.
        asked: the question.
        policies: names or files; "" is the objective's own.
        now: present instant.
    """
    case = case_of(place, asked, now=now)
    tried = [policy_named(case, name, files=asked.files) for name in policies]
    incidents, source = incidents_for(place, asked, case, now=now)
    found = report(case, tried, incidents, asked.rules, source)
    if isinstance(place, Files) or tried[0] != case.policy:
        return found
    return Report(case, found.policies, found.scores, source, replayed(place.house, place.who, case, tried[0]))
