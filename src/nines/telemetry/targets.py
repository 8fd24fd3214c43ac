"""The targets behind counter series: when each was looked at, and when its process began."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nines.telemetry.counters import Samples, Scrapes
from nines.telemetry.series import Ints

Labels = Mapping[str, str]


def interval_of(samples: Samples, fallback_ms: int = 60_000) -> int:
    """Return the usual distance of two readings of a series, milliseconds.

    Args:
        samples: readings.
        fallback_ms: answer where no series was read twice.
    """
    order = np.lexsort((samples.times, samples.series))
    steps = np.diff(samples.times[order])[np.diff(samples.series[order]) == 0]
    return int(np.median(steps)) if len(steps) and np.median(steps) > 0 else fallback_ms


def _target(labels: Labels) -> tuple[str, str]:
    return labels.get("job", ""), labels.get("instance", "")


class Targets:
    """What `up` and `process_start_time_seconds` say about the targets of a span of time.

    Attributes:
        every: sorted instants of every successful look at any target, UTC milliseconds.
    """

    def __init__(
        self, up: Samples, up_labels: Sequence[Labels], began: Samples, began_labels: Sequence[Labels]
    ) -> None:
        """Read the targets.

        Args:
            up: readings of `up`: 1 where the look succeeded.
            up_labels: labels of its series, in the order of their numbers.
            began: readings of `process_start_time_seconds`.
            began_labels: labels of its series.
        """
        good = up.values == 1
        self._numbers = {_target(labels): n for n, labels in enumerate(up_labels)}
        self._successes = tuple(np.sort(up.times[good & (up.series == n)]) for n in range(len(up_labels)))
        self._restarts = tuple(_restarts(began, began_labels, target) for target in self._numbers)
        self.every: Ints = np.sort(up.times[good])

    def scrapes_of_each(self, labels: Sequence[Labels]) -> Scrapes:
        """Return the looks at the targets of some series, each by itself; -1 is a target nobody knows.

        Args:
            labels: of the series, in the order of their numbers.
        """
        numbers = [self._numbers.get(_target(one), -1) for one in labels]
        return Scrapes(np.array(numbers, dtype=np.int64), self._successes, self._restarts)

    def scrapes(self, labels: Sequence[Labels]) -> Scrapes | None:
        """Return the looks at the targets of some series, or None where a target is not known.

        Args:
            labels: of the series, in the order of their numbers.
        """
        numbers = [self._numbers.get(_target(one)) for one in labels]
        if not numbers or any(n is None for n in numbers):
            return None
        return Scrapes(np.array(numbers, dtype=np.int64), self._successes, self._restarts)


def _restarts(began: Samples, labels: Sequence[Labels], target: tuple[str, str]) -> Ints:
    numbers = [n for n, one in enumerate(labels) if _target(one) == target]
    values = began.values[np.isin(began.series, numbers)]
    return np.unique(np.round(values[np.isfinite(values)] * 1000).astype(np.int64))
