"""The agent's file: what it collects, where it keeps it, whom it sends it to, and how much it may take."""

from __future__ import annotations

import ipaddress
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from nines.errors import InputError, Problem
from nines.reading import duration

_SIZE = re.compile(r"(\d+)\s*(B|KiB|MiB|GiB)?")
_UNITS = {None: 1, "B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
#: The least a queue may be bounded to: its marks and losses have to have room too.
LEAST_BYTES = 2**20


def _length(value: object) -> object:
    return duration(value) if isinstance(value, str) else value


def _size(value: object) -> object:
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    return int(found[1]) * _UNITS[found[2]] if found else value


Interval = Annotated[timedelta, BeforeValidator(_length), Field(ge=timedelta(milliseconds=100), le=timedelta(days=1))]
Size = Annotated[int, BeforeValidator(_size), Field(ge=LEAST_BYTES)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Centre(_Part):
    """Whom to send to.

    Attributes:
        url: address of the installation, https unless it is this machine or `plain` says otherwise.
        token_file: file that holds a token with the scope `ingest`; read anew for every connection.
        ca_file: certificates to trust instead of the usual ones, or None.
        proxy: address of a proxy on the way, or None.
        plain: whether the token may be sent without encryption.
    """

    url: str
    token_file: Path | None = None
    ca_file: Path | None = None
    proxy: str | None = None
    plain: bool = False

    @model_validator(mode="after")
    def _safe(self) -> Centre:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.username:
            msg = "url is no plain http address; write it like https://nines.example"
            raise ValueError(msg)
        if parts.scheme == "http" and not self.plain and not _here(parts.hostname):
            msg = "url has no encryption, so the token could be read on the way; write https, or plain: true"
            raise ValueError(msg)
        return self


def _here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class QueueSettings(_Part):
    """Where batches wait, and how much disk they may take."""

    folder: Path
    most_bytes: Size = 512 * 2**20


class Scrape(_Part):
    """A page of metrics.

    Attributes:
        url: where it is.
        source: DataSource of readings.
        interval: time between two looks.
        timeout: patience with one.
        token_file: bearer token of the page, or None.
        labels: put on every series.
        names: metrics wanted, with * and ?; all unless given.
    """

    url: str
    source: Name
    interval: Interval = timedelta(seconds=15)
    timeout: Interval = timedelta(seconds=10)
    token_file: Path | None = None
    labels: dict[Name, str] = Field(default_factory=dict)
    names: tuple[str, ...] = ()


class Tail(_Part):
    """A log that grows.

    Attributes:
        path: the file that is written to.
        source: DataSource of events.
        type: format of its lines.
        columns: event column -> field of a line, as in a DataSource.
        options: as in a DataSource: time_unit, time_format, timezone, duration_unit.
        interval: time between two looks.
        begin: where to begin in a file that is there at the very first look.
        rotated: pattern of names that the file gets when it is rotated.
        sampling: whether fewer lines may be kept when the agent takes more than declared.
    """

    path: Path
    source: Name
    type: Literal["ndjson", "events", "combined", "common", "logfmt"]
    columns: dict[Name, str] = Field(default_factory=dict)
    options: dict[Name, str] = Field(default_factory=dict)
    interval: Interval = timedelta(seconds=5)
    begin: Literal["beginning", "end"] = "beginning"
    rotated: str | None = None
    sampling: Literal["allowed", "never"] = "allowed"


class Host(_Part):
    """The machine itself: processor, memory, disks, load."""

    source: Name
    interval: Interval = timedelta(seconds=15)
    disks: tuple[Path, ...] = (Path("/"),)


class Probe(_Part):
    """A journey, run from here.

    Attributes:
        file: definitions that hold it.
        name: which, where the file has several.
        location: which of its locations this is.
        source: DataSource of events; the probe's own unless given.
        secrets: file of NAME=VALUE, or None.
    """

    file: Path
    name: str | None = None
    location: str | None = None
    source: Name | None = None
    secrets: Path | None = None


class Collect(_Part):
    """One thing to collect: exactly one of its fields is given."""

    scrape: Scrape | None = None
    tail: Tail | None = None
    host: Host | None = None
    probe: Probe | None = None

    @model_validator(mode="after")
    def _one(self) -> Collect:
        if sum(getattr(self, name) is not None for name in type(self).model_fields) != 1:
            msg = f"name exactly one of {', '.join(type(self).model_fields)}"
            raise ValueError(msg)
        return self


class Footprint(_Part):
    """What the agent may take; None is not watched.

    Attributes:
        cpu_percent: of one core.
        rss_mb: resident memory, MiB.
        egress_bytes_per_s: sent to the centre.
        interval: over which each is measured.
    """

    cpu_percent: float | None = Field(default=None, gt=0)
    rss_mb: float | None = Field(default=None, gt=0)
    egress_bytes_per_s: float | None = Field(default=None, gt=0)
    interval: Interval = timedelta(seconds=15)


class Settings(_Part):
    """The whole file.

    Attributes:
        centre: whom to send to.
        site: name of the place the agent stands at.
        source: DataSource of readings for the agent's own figures, or None.
        queue: where batches wait.
        collect: what to collect.
        footprint: what it may take.
    """

    centre: Centre
    site: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")]
    source: Name | None = None
    queue: QueueSettings
    collect: tuple[Collect, ...] = ()
    footprint: Footprint = Footprint()


def read_settings(path: Path) -> Settings:
    """Return the settings in an agent's file; relative paths in it start where the file lies.

    Args:
        path: YAML.

    Raises:
        InputError: it cannot be read, or something in it is wrong; every mistake is named.
    """
    try:
        found: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        what = f"the agent's file cannot be read: {error}"
        raise InputError(Problem(str(path), what, "check path and YAML", code="bad-settings")) from error
    try:
        settings = Settings.model_validate(found)
    except ValidationError as error:
        raise InputError(*(_told(path, one) for one in error.errors())) from error
    return _placed(settings, path.parent)


def _told(path: Path, mistake: Any) -> Problem:  # noqa: ANN401 - one entry of pydantic's list
    place = ".".join(str(part) for part in mistake["loc"])
    what = mistake["msg"].removeprefix("Value error, ")
    return Problem(f"{path}: {place}" if place else str(path), what, "see docs/reference/agent", code="bad-settings")


def _placed(settings: Settings, folder: Path) -> Settings:
    """Return the settings with every path absolute."""

    def place(value: Any) -> Any:  # noqa: ANN401 - any part of the settings
        if isinstance(value, BaseModel):
            return value.model_copy(update={name: place(getattr(value, name)) for name in type(value).model_fields})
        if isinstance(value, tuple):
            return tuple(place(one) for one in value)
        return folder.absolute() / value if isinstance(value, Path) else value

    placed: Settings = place(settings)
    return placed


__all__ = ["Centre", "Collect", "Footprint", "Host", "Probe", "Scrape", "Settings", "Tail", "read_settings"]
