"""Scraping a page of metrics: its series with the target's labels, and `up` for every look."""

from __future__ import annotations

import fnmatch
import logging
import re
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlsplit

from nines.agent.gathering import NOT_SAID, Effort, Gathered, Reading, SeriesWriter, labels_of
from nines.agent.settings import Scrape
from nines.errors import NinesError
from nines.operations.collecting import metrics_page
from nines.telemetry.readings import NAME, Labels

log = logging.getLogger("nines.agent")

#: The series that tells when a target began; it is kept whatever names are wanted.
_BEGAN = "process_start_time_seconds"


class ScrapeCollector:
    """Looks at one page of metrics."""

    def __init__(self, settings: Scrape, site: str, writer: SeriesWriter) -> None:
        """Begin.

        Args:
            settings: where and how often.
            site: where the agent stands.
            writer: for its source.
        """
        self.name, self.interval_s = name_of(settings), settings.interval.total_seconds()
        self.first_s = 0.0
        self._settings, self._writer = settings, writer
        self._added = {
            "job": settings.source,
            "instance": urlsplit(settings.url).netloc,
            "site": site,
        } | settings.labels
        wanted = "|".join(fnmatch.translate(name) for name in (*settings.names, _BEGAN))
        self._wanted = re.compile(wanted if settings.names else "(?s:.*)")
        self._known: dict[Labels, Labels | None] = {}
        self._told = ""

    def collect(self, at: datetime, effort: Effort) -> Iterator[Gathered]:  # noqa: ARG002 - readings are not sampled
        """Yield the page's readings and `up`; a page that cannot be had is `up` 0 and nothing else."""
        ms = int(at.timestamp() * 1000)
        readings: list[Reading] = []
        try:
            token = self._settings.token_file
            page = metrics_page(
                self._settings.url, now=at, token_file=str(token) if token else "",
                timeout_s=self._settings.timeout.total_seconds(),
            )  # fmt: skip
        except NinesError as error:
            self._tell(str(error))
            up = 0.0
        else:
            self._tell(f"{page.bad_lines} lines cannot be read; {page.problems[0]}" if page.problems else "")
            readings = list(self._labelled(page.samples))
            up = 1.0 if page.whole else 0.0
        yield from self._writer.write([(labels_of("up", **self._added), up, ms, NOT_SAID), *readings])

    def _labelled(self, samples: list[Reading]) -> Iterator[Reading]:
        """Yield the wanted readings with the target's labels; what it has under the same name becomes `exported_`."""
        if len(self._known) > 2 * len(samples) + 1000:
            self._known.clear()  # series come and go
        for labels, value, time, created in samples:
            if labels not in self._known:
                self._known[labels] = self._label(dict(labels))
            found = self._known[labels]
            if found is not None:
                yield found, value, time, created

    def _label(self, labels: dict[str, str]) -> Labels | None:
        name = labels.pop(NAME)
        if not self._wanted.fullmatch(name):
            return None
        own = {f"exported_{k}" if k in self._added else k: v for k, v in labels.items()}
        return labels_of(name, **(own | self._added))

    def _tell(self, what: str) -> None:
        """Log what is wrong once, until it changes."""
        if what and what != self._told:
            log.warning("%s: %s", self.name, what)
        elif self._told and not what:
            log.info("%s: well again", self.name)
        self._told = what


def name_of(settings: Scrape) -> str:
    """Return the name under which a page is known in the queue."""
    return f"scrape {settings.url}"
