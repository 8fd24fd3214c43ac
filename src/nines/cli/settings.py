"""Settings of the command line: what may be said once in the environment instead of on every call.

Faces alone read the environment; every setting stands in docs/reference/settings.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its environment variable, what it holds unless said otherwise, and what it is for."""

    name: str
    default: str
    help: str


SETTINGS: tuple[Setting, ...] = (
    Setting("NINES_DATA", "nines-data", "folder that holds records and lake of this installation"),
    Setting("NINES_TENANT", "default", "tenant that commands speak for"),
    Setting("NINES_STORE", "", "SQLAlchemy address of the records; a SQLite file in the data folder when empty"),
    Setting("NINES_HOSTS", "", "names by which `nines serve` is reached beside this machine's own, parted by commas"),
)


def setting(name: str) -> str:
    """Return a setting's value from the environment, or its default.

    Raises:
        KeyError: no setting has that name.
    """
    defaults = {s.name: s.default for s in SETTINGS}
    return os.environ.get(name) or defaults[name]


def data_folder() -> Path:
    """Return the folder that holds this installation's records and lake."""
    return Path(setting("NINES_DATA"))
