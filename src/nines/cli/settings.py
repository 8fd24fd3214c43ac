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
    Setting("NINES_DURABLE", "", "SQLAlchemy address of escalations' workflows; a SQLite file when empty"),
    Setting("NINES_URL", "", "address of this installation, for links in messages, as https://nines.example"),
    Setting("NINES_HOSTS", "", "names by which `nines serve` is reached beside this machine's own, parted by commas"),
    Setting(
        "NINES_LOCATION",
        "here",
        "name of the place this process stands at; `nines serve` runs the probes in force that name it",
    ),
    Setting(
        "NINES_SECRETS",
        "",
        "file of NAME=VALUE, or TENANT/NAME=VALUE: secrets of probes and targets, beside NINES_SECRET_NAME",
    ),
    Setting("NINES_PROBE_VALUES", "", "NAME=TEXT, parted by commas: in place of values that probes give themselves"),
    Setting(
        "NINES_PROBE_ALLOW",
        "",
        "addresses and networks, parted by commas, that probes may ask although they would be refused",
    ),
    Setting(
        "NINES_PROBE_REFUSE",
        "127.0.0.0/8,::1/128",
        "networks, parted by commas, that probes of `nines serve` must not ask beside the usual ones",
    ),
    Setting("NINES_ARTIFACTS_MIB", "256", "most that is kept of failed probes, all together; 0 keeps nothing"),
    Setting("NINES_ARTIFACTS_DAYS", "14", "days after which it is deleted"),
    Setting("NINES_NTP", "", "time servers asked about clocks, as HOST=ADDRESS or HOST=ADDRESS:PORT, parted by commas"),
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
