"""Indicators made of others: the rule followed minute by minute, and told with the number.

One rule: counts are taken, added or weighed exactly; what was not heard stays unknown.
"""

from __future__ import annotations

from collections.abc import Mapping

from nines.objectives.indicator import CombinedIndicator, QuorumIndicator
from nines.telemetry.quorum import Quorum, quorum
from nines.telemetry.reconcile_combine import Combination, Rule, combination
from nines.telemetry.series import MinuteSeries


def combined(indicator: CombinedIndicator, users: MinuteSeries, probes: MinuteSeries) -> Combination:
    """Return two indicators' counts as one, with what the rule did.

    Args:
        indicator: the rule.
        users: counts of its users.
        probes: counts of its probes.

    Raises:
        InputError: the rule weighs events that are already sampled.
    """
    rule = Rule(
        indicator.rule,
        indicator.users_weight,
        indicator.probes_weight,
        indicator.minute_target,
        indicator.fill_silent,
    )
    return combination(rule, users, probes)


def agreed(indicator: QuorumIndicator, locations: Mapping[str, MinuteSeries]) -> Quorum:
    """Return the counts of several locations as one, with what each location did.

    Args:
        indicator: the rule.
        locations: counts of each of its locations over the same minutes.
    """
    return quorum(locations, k=indicator.needed, minute_target=indicator.minute_target, hold=indicator.hold)


def told(indicator: CombinedIndicator | QuorumIndicator, statement: str) -> str:
    """Return what a rule did, with whose counts it took.

    Args:
        indicator: the rule.
        statement: what it did.
    """
    if isinstance(indicator, QuorumIndicator):
        return f"quorum of {', '.join(indicator.locations)} over {indicator.of.name}: {statement}"
    return f"{indicator.rule} of users {indicator.users.name} and probes {indicator.probes.name}: {statement}"
