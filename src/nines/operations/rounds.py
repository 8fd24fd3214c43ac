"""Probes in force on their schedule: what is due where this process stands, and how it is looked at.

Everything follows from the grid and the instants asked about, so a restart repeats nothing and owes nothing.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from nines.addresses import LOOPBACK
from nines.errors import InputError, NinesError, Problem
from nines.operations import keeping
from nines.operations.house import House
from nines.operations.probing import Manner, store_result, try_probe
from nines.operations.promises import in_force
from nines.people.rights import Principal
from nines.probes.result import JourneyResult
from nines.probes.schedule import following
from nines.telemetry.journey import BrowserCall, Journey

#: What the names of environment variables that hold secrets begin with; others are out of a definition's reach.
SECRET = "NINES_SECRET_"  # noqa: S105 - a name, no secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Where a process stands, and what it may use there.

    Attributes:
        locations: names of the place; probes that name one are run. More than one only where places are played.
        secrets: tenant -> name -> secret; a tenant's definitions reach no other's.
        values: name -> text in place of what probes give themselves.
        allow: addresses and networks that are asked although they would be refused.
        refuse: networks that are refused beside the usual ones: this machine itself, because whoever may define a
            probe need not be one who may reach what listens here for itself alone.
        keep: how much of failures is kept.
    """

    locations: tuple[str, ...]
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    allow: tuple[str, ...] = ()
    refuse: tuple[str, ...] = LOOPBACK
    keep: keeping.Bound = field(default_factory=keeping.Bound)


@dataclass(frozen=True, slots=True)
class Due:
    """One run that is to begin.

    Attributes:
        tenant: owner of the probe.
        journey: the probe.
        location: where.
        scheduled: instant of the grid.
        begins: when it begins.
    """

    tenant: str
    journey: Journey
    location: str
    scheduled: datetime
    begins: datetime

    @property
    def name(self) -> tuple[str, str, str]:
        """Tenant, probe and location: of these one run is under way at a time."""
        return self.tenant, self.journey.name, self.location

    @property
    def in_browser(self) -> bool:
        """Whether it needs a browser, which is heavy."""
        return any(isinstance(step.call, BrowserCall) for step in self.journey.steps)


def post_of(settings: Mapping[str, str]) -> Post:
    """Return where a process stands, from its settings.

    Args:
        settings: the environment: NINES_LOCATION, NINES_SECRETS and so on, and NINES_SECRET_NAME.

    Raises:
        InputError: a number is none, or the secrets cannot be read; all mistakes at once.
    """
    problems: list[Problem] = []
    mib = _number(settings, "NINES_ARTIFACTS_MIB", 256, problems)
    days = _number(settings, "NINES_ARTIFACTS_DAYS", 14, problems)
    secrets = secrets_of(settings, problems)
    values = dict(_pair(one, "NINES_PROBE_VALUES", problems) for one in _listed(settings, "NINES_PROBE_VALUES"))
    if problems:
        raise InputError(*problems)
    return Post(
        locations=(settings.get("NINES_LOCATION") or "here",), secrets=secrets, values=values,
        allow=_listed(settings, "NINES_PROBE_ALLOW"), refuse=_listed(settings, "NINES_PROBE_REFUSE") or LOOPBACK,
        keep=keeping.Bound(mib * 2**20, timedelta(days=days)),
    )  # fmt: skip


def _listed(settings: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in settings.get(name, "").split(",") if one.strip())


def _number(settings: Mapping[str, str], name: str, otherwise: int, problems: list[Problem]) -> int:
    text = settings.get(name) or str(otherwise)
    if text.isdecimal() and len(text) < 7:  # noqa: PLR2004 - as many digits as any sensible bound has
        return int(text)
    problems.append(Problem(name, f"{text!r} is no whole number", f"write it like {otherwise}", code="bad-setting"))
    return otherwise


def _pair(line: str, where: str, problems: list[Problem]) -> tuple[str, str]:
    name, equals, value = line.partition("=")
    if not equals or not name.strip():  # the line itself may be half a secret, so it is not shown
        problems.append(Problem(where, "there is a value without a name", "write NAME=VALUE", code="bad-setting"))
    return name.strip(), value.strip()


def secrets_of(settings: Mapping[str, str], problems: list[Problem]) -> dict[str, dict[str, str]]:
    """Return the secrets of each tenant: those without one belong to the tenant that commands speak for.

    Args:
        settings: the environment: NINES_SECRETS, NINES_TENANT and NINES_SECRET_NAME.
        problems: takes what cannot be read.
    """
    own = settings.get("NINES_TENANT") or "default"
    found = {own: {n.removeprefix(SECRET): v for n, v in settings.items() if n.startswith(SECRET)}}
    file = settings.get("NINES_SECRETS", "")
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines() if file else []
    except (OSError, UnicodeDecodeError):
        fix = "check the file and its rights"
        problems.append(Problem(file, "the secrets cannot be read", fix, code="no-secret"))
        lines = []
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            name, value = _pair(line, f"{file}:{number}", problems)
            tenant, slash, short = name.partition("/")
            found.setdefault(tenant if slash else own, {})[short if slash else name] = value
    return found


def seed_of(house: House) -> int:
    """Return the seed of an installation's jitter: not all of them ask at the same second."""
    return zlib.crc32(house.lake.inbox.app_id.encode())


def due_between(house: House, post: Post, *, after: datetime, now: datetime) -> list[Due]:
    """Return the runs that begin within (after, now], of each probe and location only the last.

    Args:
        house: whose probes.
        post: where this is.
        after: when it was last asked.
        now: present instant.
    """
    found, seed = [], seed_of(house)
    for tenant in house.store.revisions.tenants():
        for journey in in_force(house, tenant, at=now).probes.values():
            for location in (one for one in post.locations if one in journey.locations):
                last = _last(journey, location, seed, after, now)
                if last is not None:
                    found.append(Due(tenant, journey, location, *last))
    return sorted(found, key=lambda d: d.begins)


def _last(
    journey: Journey, location: str, seed: int, after: datetime, now: datetime
) -> tuple[datetime, datetime] | None:
    """Return instant and beginning of the last run within (after, now]; runs that were missed stay unknown."""
    after = max(after, now - 2 * journey.every)
    slots = following(
        journey.name, location, every=journey.every, jitter=journey.jitter, seed=seed, after=after, most=3
    )
    begun = [one for one in slots if one.begins <= now]
    return (begun[-1].scheduled, begun[-1].begins) if begun else None


def look(house: House, post: Post, due: Due, *, now: datetime) -> JourneyResult | NinesError:
    """Run a probe that is due; a mistake in what it needs is an answer too.

    Args:
        house: whose probe.
        post: where this is.
        due: what to run.
        now: present instant.
    """
    folder = keeping.folder_of(house, due.tenant, due.journey.name) if post.keep.most_bytes else None
    manner = Manner(
        secrets=post.secrets.get(due.tenant, {}), allow=post.allow, refuse=post.refuse, values=post.values,
        artifacts=folder, seed=seed_of(house),
    )  # fmt: skip
    try:
        return try_probe(due.journey, due.location, manner, now=now, scheduled=due.scheduled)
    except NinesError as error:
        return error


def book(house: House, post: Post, due: Due, found: JourneyResult | NinesError, *, now: datetime) -> int:
    """Store what a run showed; returns how many rows are new, none when nobody can tell.

    Args:
        house: where to.
        post: where this is.
        due: what was run.
        found: as `look` returned it.
        now: present instant, when all is over.

    Raises:
        NotFoundError: the probe's source is not in force any more.
        OverloadedError: the inbox takes no more.
    """
    problems = found.problems if isinstance(found, NinesError) else found.findings
    if problems:
        told = keeping.Blind(due.scheduled, problems[0].what, problems[0].fix)
        keeping.note_blind(house, due.tenant, due.journey.name, due.location, told)
    if isinstance(found, NinesError):
        return 0
    if found.artifacts:
        keeping.prune(house, post.keep, now=now)
    return store_result(house, Principal.sender(due.tenant, "probes"), due.journey, found, now=now)


def played(post: Post, *locations: str) -> Post:
    """Return a post that stands for several places, as the demo does.

    Args:
        post: any.
        locations: their names.
    """
    return replace(post, locations=locations)


__all__ = ["Due", "Post", "book", "due_between", "look", "played", "post_of", "seed_of"]
