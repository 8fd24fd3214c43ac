"""The agent's own figures: what it takes, what waits, what was lost, and how much it does."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from datetime import datetime

from nines.agent.beat import Stamps
from nines.agent.footprint import Meter, Steps
from nines.agent.forwarding import Forwarder, Link
from nines.agent.gathering import NOT_SAID, Effort, Gathered, SeriesWriter, labels_of
from nines.operations.queueing import Queue


class OwnCollector:
    """Measures the agent and heeds its footprint; where a source is named its figures are collected too."""

    def __init__(
        self,
        *,
        steps: Steps,
        queue: Queue,
        link: Link,
        forwarder: Forwarder,
        stamps: Stamps,
        bad_lines: Callable[[], int],
        writer: SeriesWriter | None,
        labels: tuple[str, str],
        interval_s: float,
    ) -> None:
        """Begin the first interval.

        Args:
            steps: told what was taken.
            queue: what waits.
            link: what was sent.
            forwarder: how many batches.
            stamps: whether the clock was set.
            bad_lines: returns the lines that could not be read so far.
            writer: for the agent's source, or None.
            labels: source and site.
            interval_s: over which everything is measured, seconds.
        """
        self.name, self.interval_s, self.first_s = "agent", interval_s, interval_s
        self._steps, self._queue, self._link, self._forwarder = steps, queue, link, forwarder
        self._stamps, self._bad_lines, self._writer = stamps, bad_lines, writer
        self._meter = Meter(lambda: link.sent_bytes)
        job, site = labels
        self._labels = {"job": job, "instance": socket.gethostname(), "site": site}

    def collect(self, at: datetime, effort: Effort) -> Iterator[Gathered]:  # noqa: ARG002 - its own are never fewer
        """Measure, heed, and yield the figures."""
        figures = self._figures()
        if self._writer is not None:
            ms = int(at.timestamp() * 1000)
            rows = [(labels_of(name, **self._labels), value, ms, NOT_SAID) for name, value in figures.items()]
            yield from self._writer.write(rows)

    def _figures(self) -> dict[str, float]:
        taken, depth = self._meter.take(), self._queue.depth()
        self._steps.heed(taken)
        return {
            "up": 1.0,
            "nines_agent_step": float(self._steps.step),
            "nines_agent_cpu_percent": taken.cpu_percent,
            "nines_agent_rss_mb": taken.rss_mb,
            "nines_agent_egress_bytes_per_s": taken.egress_bytes_per_s,
            "nines_agent_egress_bytes_total": float(self._link.sent_bytes),
            "nines_agent_queue_batches": float(depth.batches),
            "nines_agent_queue_bytes": float(depth.used),
            "nines_agent_sent_batches_total": float(self._forwarder.sent),
            "nines_agent_refused_batches_total": float(self._forwarder.refused),
            "nines_agent_lost_rows_total": float(self._queue.dropped),
            "nines_agent_bad_lines_total": float(self._bad_lines()),
            "nines_agent_clock_step_seconds": self._stamps.stepped.total_seconds(),
            "nines_agent_queue_bound_bytes": float(self._queue.most_bytes),
            **{f"nines_agent_declared_{name}": bound for name, bound in self._steps.declared.items()},
        }
