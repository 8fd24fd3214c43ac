"""What is kept of failed probes, under a stated bound and age; and why a probe of which nothing is known was not seen.

Artifacts hold what was said and shown, secrets hidden, but more than a number: who looks at them is asked for a right
of its own.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from nines.errors import NotFoundError, Problem
from nines.operations.house import House
from nines.people.rights import Principal, require

#: File ending -> media type of what is kept.
MEDIA = {".json": "application/json", ".har": "application/json", ".png": "image/png", ".zip": "application/zip"}


@dataclass(frozen=True, slots=True)
class Bound:
    """How much is kept, and for how long.

    Attributes:
        most_bytes: of all artifacts of an installation together, >= 0; 0 keeps none.
        age: after which they are deleted.
    """

    most_bytes: int = 256 * 2**20
    age: timedelta = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Kept:
    """The record of one failed try.

    Attributes:
        run: its name among those of the probe.
        location: where it failed.
        scheduled: instant by which the run is known.
        attempt: number of the try.
        files: name and size in bytes of each, sorted.
    """

    run: str
    location: str
    scheduled: datetime
    attempt: int
    files: tuple[tuple[str, int], ...]


def folder_of(house: House, tenant: str, probe: str) -> Path:
    """Return where the artifacts of a probe are kept.

    Args:
        house: whose.
        tenant: owner.
        probe: its name.
    """
    return house.folder / "artifacts" / quote(tenant, safe="") / quote(probe, safe="")


def kept(house: House, who: Principal, probe: str) -> list[Kept]:
    """Return what is kept of a probe's failures, newest first.

    Args:
        house: where.
        who: who asks.
        probe: its name.
    """
    require(who, "see-artifacts")
    folder = folder_of(house, who.tenant, probe)
    found = [_kept(one) for one in folder.iterdir()] if folder.is_dir() else []
    return sorted((k for k in found if k is not None), key=lambda k: (k.scheduled, k.location, k.attempt), reverse=True)


def _kept(folder: Path) -> Kept | None:
    """Return what a folder holds; nothing when it is being written or deleted just now."""
    try:
        about = json.loads((folder / "journey.json").read_text(encoding="utf-8"))
        files = tuple(sorted((f.name, f.stat().st_size) for f in folder.iterdir()))
    except (OSError, ValueError):
        return None
    scheduled = datetime.fromisoformat(about["scheduled"])
    return Kept(folder.name, about["location"], scheduled, about["attempt"], files)


def artifact(house: House, who: Principal, probe: str, run: str, name: str) -> tuple[Path, str]:
    """Return a file that is kept of a failed try, and its media type.

    Args:
        house: where.
        who: who asks.
        probe: its name.
        run: as `Kept` names it.
        name: of the file.

    Raises:
        NotFoundError: there is none, or no longer.
    """
    for one in kept(house, who, probe):
        if one.run == run and name in {n for n, _ in one.files}:
            return folder_of(house, who.tenant, probe) / run / name, MEDIA.get(Path(name).suffix, "text/plain")
    what = Problem(f"{probe}/{run}/{name}", "there is no such artifact", "old ones are deleted", code="no-artifact")
    raise NotFoundError(what)


def prune(house: House, bound: Bound, *, now: datetime) -> int:
    """Delete artifacts that are too old, then the oldest until the rest is within its bound; returns how many tries.

    Args:
        house: whose, all tenants together.
        bound: how much stays, and how long.
        now: present instant.
    """
    tries = sorted(_tries(house.folder / "artifacts"), key=lambda t: t[0])
    total, gone = sum(size for _, size, _ in tries), 0
    for at, size, folder in tries:
        if at >= (now - bound.age).timestamp() and total <= bound.most_bytes:
            break
        shutil.rmtree(folder, ignore_errors=True)
        total, gone = total - size, gone + 1
    return gone


def _tries(root: Path) -> Iterator[tuple[float, int, Path]]:
    """Yield when each try was kept, how many bytes it takes, and where it lies."""
    for folder in root.glob("*/*/*"):
        try:
            yield folder.stat().st_mtime, sum(f.stat().st_size for f in folder.iterdir()), folder
        except OSError:
            continue


@dataclass(frozen=True, slots=True)
class Blind:
    """Why nothing is known of a run.

    Attributes:
        scheduled: instant by which the run is known.
        why: one sentence.
        fix: what to do, or "".
    """

    scheduled: datetime
    why: str
    fix: str


def note_blind(house: House, tenant: str, probe: str, location: str, found: Blind) -> None:
    """Remember why the last run at a location showed nothing; the one before is forgotten.

    Args:
        house: where.
        tenant: owner of the probe.
        probe: its name.
        location: where it was run.
        found: why.
    """
    folder = _notes(house, tenant, probe)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    text = json.dumps({"scheduled": found.scheduled.isoformat(), "why": found.why, "fix": found.fix})
    whole, part = folder / f"{quote(location, safe='')}.json", folder / f"{quote(location, safe='')}.part"
    part.write_text(text, encoding="utf-8")
    part.replace(whole)


def blind(house: House, tenant: str, probe: str, location: str) -> Blind | None:
    """Return why the last run that showed nothing did so, or None when there was none.

    Args:
        house: where.
        tenant: owner of the probe.
        probe: its name.
        location: where it was run.
    """
    path = _notes(house, tenant, probe) / f"{quote(location, safe='')}.json"
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        at = datetime.fromisoformat(held["scheduled"]).astimezone(UTC)
    except (OSError, ValueError, KeyError):
        return None
    return Blind(at, held["why"], held["fix"])


def _notes(house: House, tenant: str, probe: str) -> Path:
    return house.folder / "probes" / quote(tenant, safe="") / quote(probe, safe="")
