"""The house an operation works on: records and lake of one installation, opened once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from nines.lake.lake import Lake
from nines.people.rights import Principal
from nines.store.store import Store


@dataclass(frozen=True, slots=True)
class House:
    """One installation.

    Attributes:
        folder: where its files lie.
        store: records: definitions in force, journal, people.
        lake: telemetry.
        open_on_loopback: whether a caller from this machine needs no sign-in (the demo's house).
    """

    folder: Path
    store: Store
    lake: Lake
    open_on_loopback: bool = False


def open_house(folder: Path, *, now: datetime, store_url: str = "", open_on_loopback: bool = False) -> House:
    """Open an installation, making its folder and files when they are not there yet.

    Args:
        folder: where its files lie or shall lie.
        now: present instant.
        store_url: SQLAlchemy address of the records, or "" for a SQLite file in the folder.
        open_on_loopback: whether a caller from this machine needs no sign-in.

    Returns:
        The open house.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = Store.open(store_url or folder / "records.sqlite", now=now)
    return House(folder, store, Lake.open(folder / "lake"), open_on_loopback)


def local_principal(tenant: str, house: House | None = None) -> Principal:
    """Return the principal of somebody who can write the folder: every right in the tenant they speak for.

    Args:
        tenant: the one they speak for.
        house: whose other tenants they may know of, or None.
    """
    return Principal.local(tenant, house.store.memberships.tenants() if house is not None else ())


def plain(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a value as JSON can hold it: instants as ISO text, tuples as lists."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    return value
