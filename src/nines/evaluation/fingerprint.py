"""The fingerprint: a hash over what must be equal when a standing is computed again, by anyone, on any engine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime

from nines.evaluation.frame import Frame
from nines.evaluation.standing import Outcome
from nines.evaluation.tally import Sums
from nines.objectives.method import Occurrences
from nines.objectives.objective import Objective, Term

#: Counts up when the meaning of a figure changes; standings of different methods are never compared silently.
METHOD_ID = "nines-evaluation/1"


def canonical(value: object) -> bytes:
    """Return JSON in the one form of RFC 8785, for values made of text, integers, lists and maps.

    Args:
        value: no floats: their canonical form is what this house avoids.

    Example:
        >>> canonical({"b": 1, "a": ["x"]})
        b'{"a":["x"],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def fingerprint(
    objective: Objective,
    frame: Frame,
    term: Term,
    exclusions: Sequence[str],
    sums: Sums,
    outcome: Outcome,
    scale: int = 1,
) -> str:
    """Return the SHA-256 over method, window, settle, revision, exclusions and counts, as 64 hex digits.

    Args:
        objective: what was asked about.
        frame: the question's minutes.
        term: term in force.
        exclusions: names of those applied, sorted.
        sums: units of the window.
        outcome: its counts, in events.
        scale: how many of the sums' units make one event; slices have none.
    """
    counts = outcome.counts
    by = scale if isinstance(term.method, Occurrences) else 1
    doubt = None if sums.doubt is None else sums.doubt / by
    return hashlib.sha256(
        canonical(
            {
                "method": METHOD_ID,
                "budgeting": term.method.name,
                "indicator": objective.indicator_id,
                "target": str(term.target),
                "window": [_instant(frame.window.start), _instant(frame.window.end), objective.window.label],
                "settle_us": str(int(objective.settle.total_seconds() * 1_000_000)),
                "revision": term.revision,
                "exclusions": list(exclusions),
                "counts": [str(n) for n in (counts.good, counts.bad, counts.unknown, counts.excluded)],
                "units": [str(sums.good / by), str(sums.bad / by), str(doubt)],
            }
        )
    ).hexdigest()
