"""Which series an indicator means: label matchers as Prometheus has them, and the sides of a pair of counters.

One rule: a label that is not there is the empty text, and an expression matches the whole value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from nines.telemetry.readings import NAME


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label.

    Attributes:
        name: of the label.
        op: "=" equal, "!=" not equal, "=~" the expression matches the whole value, "!~" it does not.
        value: text or expression.
    """

    name: str
    op: Literal["=", "!=", "=~", "!~"]
    value: str

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Return whether a label set keeps the condition."""
        found = labels.get(self.name, "")
        same = found == self.value if self.op in {"=", "!="} else _whole(self.value).fullmatch(found) is not None
        return same == (self.op in {"=", "=~"})


@lru_cache(maxsize=4096)
def _whole(expression: str) -> re.Pattern[str]:
    return re.compile(expression, re.DOTALL)


Matchers = tuple[Matcher, ...]


@dataclass(frozen=True, slots=True)
class Term:
    """One selector of an expression, added or subtracted.

    Attributes:
        sign: 1 or -1.
        matchers: conditions that all hold for its series.
    """

    sign: int
    matchers: Matchers

    @property
    def metric(self) -> str | None:
        """Name of the metric it asks for, or None when several could match."""
        return next((m.value for m in self.matchers if m.name == NAME and m.op == "="), None)

    def means(self, labels: Mapping[str, str]) -> bool:
        """Return whether a series is meant."""
        return all(m.holds(labels) for m in self.matchers)


@dataclass(frozen=True, slots=True)
class Sides:
    """The counters of an indicator: two of good, bad and total have terms.

    Attributes:
        good: terms of the good events, or ().
        bad: terms of the bad events, or ().
        total: terms of all events, or ().
    """

    good: tuple[Term, ...] = ()
    bad: tuple[Term, ...] = ()
    total: tuple[Term, ...] = ()

    @property
    def terms(self) -> tuple[Term, ...]:
        """Every term, side by side."""
        return (*self.good, *self.bad, *self.total)


#: Series that tell when a target was looked at and when its process began; kept wherever counters are.
ABOUT_TARGETS: frozenset[str] = frozenset({"up", "process_start_time_seconds"})


class Interest:
    """What some indicators want of a stream of series, answered quickly."""

    def __init__(self, terms: tuple[Term, ...], *, everything: bool = False) -> None:
        """Lay terms out by the metric they name.

        Args:
            terms: of all indicators.
            everything: whether every series is wanted, as by an indicator of values that filters rows itself.
        """
        self._everything = everything or any(t.metric is None for t in terms)
        self._by_metric: dict[str, list[Term]] = {}
        for term in terms:
            self._by_metric.setdefault(term.metric or "", []).append(term)

    def keeps(self, labels: Mapping[str, str]) -> bool:
        """Return whether any indicator needs a series."""
        if self._everything:
            return True
        name = labels.get(NAME, "")
        if name in ABOUT_TARGETS:
            return bool(self._by_metric)
        return any(term.means(labels) for term in self._by_metric.get(name, ()))
