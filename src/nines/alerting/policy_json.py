"""Burn policies as plain JSON values, and back: what a proposal, a snapshot or an API keeps of one.

One rule: what is read back is what was written; ratios are kept as "72/5" and lengths as "1h".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction
from typing import Any

from nines.alerting.policy import BurnPolicy, BurnRule, CountRule, LowTraffic
from nines.reading import duration, duration_text

Json = dict[str, Any]


def policy_json(policy: BurnPolicy) -> Json:
    """Return a policy as JSON values.

    Example:
        >>> from nines.alerting.policy import default_policy
        >>> policy_json(default_policy(timedelta(days=30)))["rules"][0]
        {'severity': 'page', 'share': '1/50', 'window': '1h', 'short': '5m', 'lasts': '0s', 'factor': None}
    """
    low = policy.low_traffic
    return {
        "name": policy.name,
        "rules": [
            {
                "severity": rule.severity, "share": _text(rule.share), "window": duration_text(rule.long),
                "short": duration_text(rule.short), "lasts": duration_text(rule.lasts), "factor": _text(rule.stated),
            }
            for rule in policy.rules
        ],
        "counts": [
            {
                "severity": rule.severity, "bad": rule.bad, "window": duration_text(rule.long),
                "lasts": duration_text(rule.lasts),
            }
            for rule in policy.counts
        ],
        "comparison": policy.comparison,
        "source": policy.source,
        "acknowledgeSlow": policy.acknowledge_slow,
        "lowTraffic": {
            "leastBad": low.least_bad, "falsePages": _text(low.false_pages), "healthy": _text(low.healthy),
            "sequential": _text(low.sequential),
        },
        "leastCoverage": _text(policy.least_coverage),
        "clear": duration_text(policy.clear),
    }  # fmt: skip


def policy_of(held: Mapping[str, Any]) -> BurnPolicy:
    """Return the policy that JSON values hold."""
    low = held["lowTraffic"]
    return BurnPolicy(
        name=held["name"],
        rules=tuple(
            BurnRule(
                r["severity"], _ratio(r["share"]), _time(r["window"]), _time(r["short"]), _time(r["lasts"]),
                _ratio(r["factor"]),
            )
            for r in held["rules"]
        ),
        comparison=held["comparison"],
        source=held["source"],
        acknowledge_slow=held["acknowledgeSlow"],
        low_traffic=LowTraffic(
            low["leastBad"], _ratio(low["falsePages"]), Fraction(low["healthy"]), _ratio(low["sequential"])
        ),
        counts=tuple(
            CountRule(r["severity"], r["bad"], _time(r["window"]), _time(r["lasts"])) for r in held["counts"]
        ),
        least_coverage=Fraction(held["leastCoverage"]),
        clear=_time(held["clear"]),
    )  # fmt: skip


def _text(value: Fraction | None) -> str | None:
    return None if value is None else str(value)


def _ratio(text: str | None) -> Fraction | None:
    return None if text is None else Fraction(text)


def _time(text: str) -> timedelta:
    return timedelta() if text == "0s" else duration(text)
