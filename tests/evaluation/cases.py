"""Small cases to be worked out by hand: some minutes before an instant, a promise, a question."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import numpy as np

from nines.evaluation.evaluate import evaluate
from nines.evaluation.evidence import Evidence
from nines.objectives.exclusion import Exclusion
from nines.objectives.method import Occurrences, Timeslices
from nines.objectives.objective import Objective, Term
from nines.objectives.window import RollingWindow
from nines.spans import Span, minute_of
from nines.telemetry.series import MinuteSeries, MinuteState

SILENT, ALIVE, BRIDGED, BROKEN = MinuteState
MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


def instant(text):
    """An instant of UTC, as 2026-03-01 or 2026-03-01T12:00."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def promise(target="0.9", method=None, *, window=10, since=None, **changes):
    """A promise of shop's checkout; `window` in minutes or a window; `since` adds terms as (instant, target)."""
    method = method or Occurrences()
    later = (Term(Fraction(t), method, at, n + 2) for n, (at, t) in enumerate(since or ()))
    return Objective(**{
        "name": "checkout", "service": "shop", "indicator": "checkout",
        "terms": (Term(Fraction(target), method), *later),
        "window": RollingWindow(window * MINUTE) if isinstance(window, int) else window,
        **changes,
    })  # fmt: skip


def slices(target="1", minutes=1):
    """The method Timeslices."""
    return Timeslices(Fraction(target), minutes)


def minutes(good, bad=0, unknown=0, state=ALIVE, *, end=NOON, first=0):
    """Consecutive minutes before `end`; a single number stands for every minute; `first` is the first one heard."""
    size = max(np.size(x) for x in (good, bad, unknown, state))
    columns = [np.broadcast_to(np.asarray(x, dtype=np.int64), size).copy() for x in (good, bad, unknown)]
    states = np.broadcast_to(np.asarray(state, dtype=np.uint8), size).copy()
    start = minute_of(end) - size
    return MinuteSeries(start, *columns, states, None if first is None else start + first)


def ask(objective, series, *, at=NOON, **evidence):
    """Evaluate."""
    return evaluate(objective, Evidence(series, **evidence), at)


def excluded(first, last, mode="drop-events", *, end=NOON, size=10, **changes):
    """An exclusion of minutes [first, last) of the `size` minutes before `end`."""
    begin = end - size * MINUTE
    name = changes.pop("name", mode)
    return Exclusion(name=name, spans=(Span(begin + first * MINUTE, begin + last * MINUTE),), mode=mode, **changes)
