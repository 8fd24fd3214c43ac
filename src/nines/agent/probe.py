"""Running a probe from where the agent stands, on the grid that all locations share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from nines.agent.gathering import Effort, Gathered
from nines.agent.settings import Probe
from nines.errors import InputError, Problem
from nines.operations.collecting import probe_of, probe_rows, probe_start

#: What the names of environment variables that hold secrets begin with.
_PREFIX = "NINES_SECRET_"


class ProbeCollector:
    """Runs one probe again and again.

    Attributes:
        source: DataSource of its results.
    """

    def __init__(self, settings: Probe, now: datetime) -> None:
        """Read the probe.

        Args:
            settings: which, and from where.
            now: present instant.

        Raises:
            InputError: there is no such probe, or its location is none of its.
        """
        self._journey = probe_of(settings.file, settings.name)
        self._location, self._secrets = settings.location, _secrets(settings.secrets)
        self.source = settings.source or self._journey.source
        self.name, self.interval_s = f"probe {self._journey.name}", self._journey.every.total_seconds()
        begins, scheduled = probe_start(self._journey, self._location, now=now)
        self.first_s, self._delay = (begins - now).total_seconds(), begins - scheduled
        self._next = scheduled

    def collect(self, at: datetime, effort: Effort) -> Iterator[Gathered]:  # noqa: ARG002 - probes are not sampled
        """Yield what one run shows; nothing when nobody can tell."""
        every = self._journey.every
        # The nearest instant of the grid: the clock may have been set, but no instant is used twice.
        missed = round((at - self._delay - self._next) / every)
        scheduled = self._next + max(0, missed) * every
        self._next = scheduled + every
        table = probe_rows(self._journey, self._location, self._secrets, now=at, scheduled=scheduled)
        if table.num_rows:
            yield Gathered(self.source, "events", table)


def _secrets(file: Path | None) -> dict[str, str]:
    """Return the secrets of the environment, and over them those of a file of NAME=VALUE."""
    found = {name.removeprefix(_PREFIX): value for name, value in os.environ.items() if name.startswith(_PREFIX)}
    try:
        lines = file.read_text(encoding="utf-8").splitlines() if file else []
    except (OSError, UnicodeDecodeError) as error:
        fix = "check the file and its rights"
        raise InputError(Problem(str(file), "the secrets cannot be read", fix, code="no-secret")) from error
    pairs = (line.partition("=") for line in lines if not line.startswith("#"))
    return found | {name.strip(): value.strip() for name, equals, value in pairs if equals}
