"""The standing as JSON: the names that scripts rely on, listed in docs/reference/standing.

Ratios are numbers here, rounded by nothing but the float; the exact fraction stands beside the SLI as text.
"""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction

from nines.evaluation.standing import Aggregated, Burn, Exhaustion, Outcome, Range, SampleInterval, Standing
from nines.telemetry.lateness import Delays
from nines.telemetry.settling import Newest, Settling, told_by

#: Longest exact fraction that is written out; longer ones can be derived from the counts.
LONGEST_EXACT = 64


def instant(at: datetime | None) -> str | None:
    """Return an instant as ISO 8601 with Z, to the microsecond where it has any.

    Args:
        at: aware instant, or None.
    """
    return None if at is None else at.isoformat().replace("+00:00", "Z")


def number(value: Fraction | None) -> float | int | None:
    """Return a fraction as a JSON number: an integer where it is one, None where there is none."""
    if value is None:
        return None
    return value.numerator if value.denominator == 1 else float(value)


def exact(value: Fraction | None) -> str | None:
    """Return "p/q" in lowest terms, or None when unknown or longer than 64 characters."""
    text = None if value is None else f"{value.numerator}/{value.denominator}"
    return text if text is not None and len(text) <= LONGEST_EXACT else None


def _range(value: Range | None) -> dict[str, object] | None:
    return None if value is None else {"low": number(value.low), "high": number(value.high)}


def _interval(found: SampleInterval | None) -> dict[str, object] | None:
    return None if found is None else {"low": found.low, "high": found.high, "confidence": number(found.confidence)}


def _outcome(outcome: Outcome, spent: dict[str, object] | None = None) -> dict[str, object]:
    counts, period = outcome.counts, outcome.period
    return {
        "counts": {
            name: number(Fraction(value))
            for name, value in (
                ("good", counts.good),
                ("bad", counts.bad),
                ("total", counts.total),
                ("unknown", counts.unknown),
                ("excluded", counts.excluded),
            )
        },
        "sli": number(outcome.sli),
        "exact": exact(outcome.sli),
        "bounds": _range(outcome.bounds),
        "coverage": number(outcome.coverage),
        "budget": {
            "to_date_ratio": number(outcome.to_date_ratio),
            "interval": spent,
            "period": None
            if period is None
            else {
                "allowed": number(period.allowed),
                "spent": number(period.spent),
                "remaining": number(period.remaining),
                "spent_ratio": number(period.spent_ratio),
                "remaining_ratio": number(period.remaining_ratio),
                "expected_units": number(period.expected_units),
                "units_range": _range(period.units_range),
                "basis": period.basis,
            },
        },
    }


def standing_json(standing: Standing) -> dict[str, object]:
    """Return a standing under its JSON names; everything in it is a plain JSON value.

    Args:
        standing: the answer of an evaluation.
    """
    return {
        "objective": standing.objective,
        "service": standing.service,
        "tenant": standing.tenant,
        "labels": dict(standing.labels),
        "at": instant(standing.at),
        "known_at": instant(standing.known_at),
        "window": _window(standing),
        **_outcome(standing.outcome, _interval(standing.spent_interval)),
        "interval": _interval(standing.interval),
        "target": number(standing.target),
        "verdict": standing.verdict,
        "method": standing.method,
        "unit": standing.unit,
        "rule": standing.rule,
        "burn_rates": {name: _burn(rate) for name, rate in standing.burn_rates.items()},
        "exclusions": list(standing.exclusions),
        "without_exclusions": _outcome(standing.without_exclusions),
        "exhaustion": _exhaustion(standing.exhaustion),
        "threshold": _threshold(standing.aggregated),
        "settling": settling_json(standing.settling, standing.newest),
        "problems": [
            {"where": p.where, "what": p.what, "fix": p.fix, "severity": p.severity, "code": p.code}
            for p in standing.problems
        ],
        "revision": standing.revision,
        "data_version": standing.data_version,
        "fingerprint": standing.fingerprint,
    }


def _window(standing: Standing) -> dict[str, object]:
    return {
        "start": instant(standing.window.start),
        "end": instant(standing.window.end),
        "kind": standing.window_kind,
        "label": standing.window_label,
        "period_end": instant(standing.period_end),
    }


def _burn(burn: Burn) -> dict[str, object]:
    return {
        "rate": number(burn.rate),
        "low": number(burn.low),
        "high": number(burn.high),
        "coverage": number(burn.coverage),
        "interval": _interval(burn.interval),
    }


def _exhaustion(ahead: Exhaustion | None) -> dict[str, object] | None:
    if ahead is None:
        return None
    return {
        "at": instant(ahead.at),
        "low": instant(ahead.low),
        "high": instant(ahead.high),
        "formula": ahead.formula,
    }


def settling_json(found: Settling | None, newest: Newest | None = None) -> dict[str, object] | None:
    """Return how long a source is waited for under its JSON names.

    Args:
        found: the wait and what was learnt.
        newest: how complete the window's last minutes are, or None.
    """
    if found is None:
        return None
    learnt, fresh = found.learnt, None if newest is None else newest.figure
    return {
        "settle_s": found.settle.total_seconds(),
        "basis": found.basis,
        "cap_s": None if found.cap is None else found.cap.total_seconds(),
        "learned_from": None if learnt is None else instant(learnt.span.start),
        "learned_until": None if learnt is None else instant(learnt.span.end),
        "good": None if learnt is None else _delays(learnt.lateness.good),
        "bad": None if learnt is None else _delays(learnt.lateness.bad),
        "apart": None if learnt is None else learnt.apart,
        "newest": None
        if newest is None or fresh is None
        else {
            "minutes": newest.minutes,
            "good_complete": number(fresh.good_complete),
            "bad_complete": number(fresh.bad_complete),
            "bad_ratio": number(fresh.seen),
            "bad_ratio_corrected": number(fresh.ratio),
            "biased": newest.biased,
        },
    }


def _delays(delays: Delays) -> dict[str, object]:
    def seconds(share: str) -> float | None:
        found = told_by(delays, Fraction(share))
        return None if found is None else found.total_seconds()

    return {"seen": delays.total, "p50_s": seconds("0.5"), "p99_s": seconds("0.99")}


def _threshold(figure: Aggregated | None) -> dict[str, object] | None:
    if figure is None:
        return None
    return {
        "aggregate": figure.aggregate,
        "value": number(figure.value),
        "low": number(figure.low),
        "high": number(figure.high),
        "op": figure.op,
        "bound": number(figure.bound),
        "samples": figure.samples,
    }
