"""The agent as a whole: a thread for each thing it collects, and one that forwards."""

from __future__ import annotations

import logging
import socket
import threading
from contextlib import suppress

from nines.agent.beat import Beat, Stamps, following
from nines.agent.footprint import Steps
from nines.agent.forwarding import Forwarder, Link, check_token
from nines.agent.gathering import Collector, Effort, SeriesWriter
from nines.agent.own import OwnCollector
from nines.agent.settings import Collect, Settings
from nines.errors import InputError, NinesError, Problem
from nines.operations.queueing import Queue

log = logging.getLogger("nines.agent")

#: Longest wait for a thread to end, seconds; what a collector has not stored by then it reads again.
_END_S = 15.0


class Agent:
    """Collects at the edge, keeps on disk, forwards.

    Attributes:
        queue: what waits.
        steps: how much it does.
    """

    def __init__(self, settings: Settings, beat: Beat) -> None:
        """Open the queue and make the collectors.

        Args:
            settings: of this agent.
            beat: its clocks.

        Raises:
            InputError: something named in the settings cannot be used.
        """
        check_token(settings.centre)
        self._settings, self._beat, self._stamps = settings, beat, Stamps(beat)
        self._scratch = settings.queue.folder
        self.queue = Queue(settings.queue.folder, most_bytes=settings.queue.most_bytes, site=settings.site)
        self.steps = Steps(settings.footprint)
        self._stop, self._wake = threading.Event(), threading.Event()
        self.collectors: list[Collector] = [self._collector(one) for one in settings.collect]
        names = [one.name for one in self.collectors]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InputError(Problem("collect", f"{twice} stands twice", "keep one of them", code="twice"))
        self.link = Link(settings.centre, settings.site, beat.clock)
        own_s = settings.footprint.interval.total_seconds()
        bound = settings.footprint.egress_bytes_per_s
        self.forwarder = Forwarder(
            self.queue, self.link, beat, self._stamps,
            interval_s=min((one.interval_s for one in self.collectors), default=own_s),
            most_bytes_per_s=None if bound is None else 0.8 * bound,
        )  # fmt: skip
        self.own = self._own(own_s)

    def _collector(self, one: Collect) -> Collector:
        site = self._settings.site
        if one.scrape is not None:
            from nines.agent.scrape import ScrapeCollector, name_of

            return ScrapeCollector(one.scrape, site, self._writer(name_of(one.scrape), one.scrape.source))
        if one.tail is not None:
            from nines.agent.tail import TailCollector
            from nines.agent.tail import name_of as tail_name

            name, source = tail_name(one.tail), one.tail.source
            return TailCollector(one.tail, self._scratch, lambda: self.queue.mark(name, source))
        if one.host is not None:
            from nines.agent.host import HostCollector

            return HostCollector(one.host, site, self._writer("host", one.host.source))
        from nines.agent.probe import ProbeCollector

        assert one.probe is not None
        return ProbeCollector(one.probe, self._stamps.now())

    def _writer(self, name: str, source: str) -> SeriesWriter:
        return SeriesWriter(source, self.queue.labels_waiting(name, source))

    def _own(self, interval_s: float) -> OwnCollector:
        source = self._settings.source
        return OwnCollector(
            steps=self.steps, queue=self.queue, link=self.link, forwarder=self.forwarder, stamps=self._stamps,
            bad_lines=lambda: sum(getattr(one, "bad_lines", 0) for one in self.collectors),
            writer=self._writer("agent", source) if source else None,
            labels=(source or "", self._settings.site), interval_s=interval_s,
        )  # fmt: skip

    def run(self, stop: threading.Event | None = None) -> None:
        """Work until told to stop; returns when every thread has ended.

        Args:
            stop: set to end; `stop()` does it as well.
        """
        self._stop = stop or self._stop
        threads = [
            threading.Thread(target=self._keep, args=(one,), name=one.name) for one in (*self.collectors, self.own)
        ]
        threads.append(threading.Thread(target=self.forwarder.run, args=(self._wake, self._stop), name="forward"))
        log.info("collects %d things as %s of %s", len(self.collectors), socket.gethostname(), self._settings.site)
        for thread in threads:
            thread.daemon = True
            thread.start()
        self._stop.wait()
        self._wake.set()
        for thread in threads:
            thread.join(timeout=_END_S)
        self.close()

    def stop(self) -> None:
        """End the run."""
        self._stop.set()
        self._wake.set()

    def once(self) -> bool:
        """Collect everything once and send all that waits; returns whether nothing waits any more."""
        for one in self.collectors:
            self._look(one)
        try:
            return self.forwarder.drain()
        finally:
            self.close()

    def _keep(self, one: Collector) -> None:
        """Look at something again and again, by the monotonic clock."""
        due = self._beat.monotonic() + one.first_s
        while not self._beat.wait(self._stop, due - self._beat.monotonic()):
            self._look(one)
            stretch = 1 if one is self.own else self.steps.effort.stretch
            due = following(due, one.interval_s * stretch, self._beat.monotonic())

    def _look(self, one: Collector) -> None:
        effort = Effort() if one is self.own else self.steps.effort
        if not effort.collects:
            return
        at = self._stamps.now()
        try:
            for found in one.collect(at, effort):
                self.queue.put(one.name, found.source, found.table, kind=found.kind, arrival=at, mark=found.mark)
                self._wake.set()
        except NinesError as error:
            log.warning("%s: %s", one.name, error)
        except Exception:
            log.exception("%s failed", one.name)

    def close(self) -> None:
        """Close files and connection; what waits stays on disk."""
        with suppress(OSError):
            self.link.close()
        for one in self.collectors:
            getattr(one, "close", lambda: None)()
        self.queue.close()
