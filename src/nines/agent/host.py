"""The machine itself: processor, memory, disks and load as readings."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import datetime

import psutil

from nines.agent.gathering import NOT_SAID, Effort, Gathered, SeriesWriter, labels_of
from nines.agent.settings import Host


class HostCollector:
    """Looks at the machine the agent runs on."""

    def __init__(self, settings: Host, site: str, writer: SeriesWriter) -> None:
        """Begin.

        Args:
            settings: how often, and which disks.
            site: where the agent stands.
            writer: for its source.
        """
        self.name, self.interval_s = "host", settings.interval.total_seconds()
        self.first_s = 0.0
        self._settings, self._writer = settings, writer
        self._labels = {"job": settings.source, "instance": socket.gethostname(), "site": site}
        psutil.cpu_percent()  # the first look has nothing to compare with

    def collect(self, at: datetime, effort: Effort) -> Iterator[Gathered]:  # noqa: ARG002 - readings are not sampled
        """Yield one reading of each figure."""
        ms = int(at.timestamp() * 1000)
        yield from self._writer.write(
            [(labels_of(name, **self._labels, **more), value, ms, NOT_SAID) for name, value, more in self._figures()]
        )

    def _figures(self) -> Iterator[tuple[str, float, dict[str, str]]]:
        yield "up", 1.0, {}
        yield "nines_host_cpu_ratio", psutil.cpu_percent() / 100, {}  # since the last look
        memory = psutil.virtual_memory()
        yield "nines_host_memory_bytes", float(memory.total), {}
        yield "nines_host_memory_available_bytes", float(memory.available), {}
        for minutes, load in zip((1, 5, 15), psutil.getloadavg(), strict=True):
            yield "nines_host_load", load, {"minutes": str(minutes)}
        for disk in self._settings.disks:
            try:
                usage = psutil.disk_usage(str(disk))
            except OSError:
                continue  # not mounted now: no reading, which is what is known
            yield "nines_host_disk_bytes", float(usage.total), {"disk": str(disk)}
            yield "nines_host_disk_free_bytes", float(usage.free), {"disk": str(disk)}
