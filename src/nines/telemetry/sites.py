"""Sites of a source as they were heard: who speaks, who is silent, and what the silent ones leave unknown.

One rule: a silent site's usual rows are its mean over the minutes in which it was heard, rounded up; they are unknown
in every minute in which another site was heard. Silence of all sites at once is silence of the source.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from nines.telemetry.heartbeat import alive_minutes
from nines.telemetry.series import Ints


@dataclass(frozen=True, slots=True)
class Heard:
    """Pulses of one site.

    Attributes:
        site: its name, or "" where rows name none.
        minute: int64 grid minutes in which it was heard, ascending.
        rows: int64 rows of each.
    """

    site: str
    minute: Ints
    rows: Ints


@dataclass(frozen=True, slots=True)
class SiteSeen:
    """One site over some minutes.

    Attributes:
        site: its name, or "" where rows name none.
        last: last grid minute in which it was heard, or None for never.
        rows: rows it sent in the minutes looked at.
        share: of the rows of all sites, or None where there are none.
        silent: whether it is silent at the end.
        silent_minutes: minutes in which it was silent while another site was heard.
        unknown: rows that it usually has in so many minutes.
    """

    site: str
    last: int | None
    rows: int
    share: Fraction | None
    silent: bool
    silent_minutes: int
    unknown: int


def sites_seen(heard: Sequence[Heard], gap: int, start: int, end: int) -> tuple[SiteSeen, ...]:
    """Return how each site of a source was heard in the minutes [start, end).

    Args:
        heard: one for each site, those never heard with no minute.
        gap: two pulses no further apart prove a site alive in between, minutes, > 0.
        start: first grid minute.
        end: grid minute after the last.

    Example:
        >>> both = [Heard("a", np.arange(10), np.full(10, 6)), Heard("b", np.arange(4), np.full(4, 2))]
        >>> [(s.site, s.silent, s.silent_minutes, s.unknown) for s in sites_seen(both, 2, 0, 10)]
        [('a', False, 0, 0), ('b', True, 6, 12)]
    """
    alive = [alive_minutes(one.minute, gap, start, end) for one in heard]
    anyone = np.logical_or.reduce(alive) if alive else np.zeros(end - start, dtype=np.bool_)
    rows = [int(one.rows[one.minute >= start].sum()) for one in heard]
    usual = [Fraction(number, int(a.sum())) for number, a in zip(rows, alive, strict=True) if a.any()]
    mean = sum(usual, Fraction(0)) / len(usual) if usual else Fraction(0)
    found = []
    for one, number, lives in zip(heard, rows, alive, strict=True):
        missed = int((anyone & ~lives).sum())
        own = Fraction(number, int(lives.sum())) if lives.any() else mean
        last = int(one.minute.max()) if len(one.minute) else None
        silent = last is None or end - 1 - last > gap
        share = Fraction(number, sum(rows)) if any(rows) else None
        found.append(SiteSeen(one.site, last, number, share, silent, missed, missed * math.ceil(own)))
    return tuple(found)
